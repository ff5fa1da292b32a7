//! The secret in a ticket, which a person may have to type.

use std::str::FromStr;

use rand_core::CryptoRngCore;

use crate::secret::SecretBytes;

/// `MIN` to `MAX` random digits that live at most seven days.
#[derive(Debug, PartialEq, Eq)]
pub struct Password<const MIN: usize, const MAX: usize>(SecretBytes);

/// The activation password of an online or typed ticket.
///
/// Sixteen digits stand up to guessing, since a server takes no more than a thousand guesses at a ticket.
pub type ActivationPassword = Password<16, 32>;

/// The activation password that goes another way than the QR of an offline ticket.
///
/// It needs fewer digits, since whoever guesses needs the QR too, and Argon2's time for each guess.
pub type OfflinePassword = Password<8, 20>;

/// A text that is no activation password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an activation {name} has {min} to {max} digits")]
pub struct PasswordError {
    name: &'static str,
    min: usize,
    max: usize,
}

impl<const MIN: usize, const MAX: usize> Password<MIN, MAX> {
    /// The lengths that a password may have, in digits.
    pub const LENGTHS: std::ops::RangeInclusive<usize> = MIN..=MAX;

    /// Where nothing is typed but address and serial number besides, people know it as a code.
    const ERROR: PasswordError = PasswordError { name: if MIN < 16 { "password" } else { "code" }, min: MIN, max: MAX };

    /// `length` random digits, each as likely as another; lengths outside the bounds are brought to the nearest bound.
    pub fn generate(rng: &mut dyn CryptoRngCore, length: usize) -> Self {
        let length = length.clamp(*Self::LENGTHS.start(), *Self::LENGTHS.end());
        let mut digits = Vec::with_capacity(length);
        while digits.len() < length {
            let mut byte = [0];
            rng.fill_bytes(&mut byte);
            let [byte] = byte;
            // 250 of 256 values are kept, so that no digit is likelier than another.
            if byte < 250 {
                digits.push(b'0' + byte % 10);
            }
        }
        Self(SecretBytes::take(digits))
    }

    /// The digits, for the ticket and the handshake.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }

    /// The digits in groups of four, as a person types them: `1234 5678 9012 3456`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let groups: Vec<&str> =
            self.0.expose().chunks(4).map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
        groups.join(" ")
    }

    /// A second holder of the same password.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Password<MIN, MAX> {
    type Err = PasswordError;

    /// Reads digits; spaces and hyphens between them are passed over.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = Vec::with_capacity(*Self::LENGTHS.end());
        for byte in text.bytes() {
            match byte {
                b' ' | b'-' => {}
                b'0'..=b'9' if digits.len() < *Self::LENGTHS.end() => digits.push(byte),
                _ => return Err(Self::ERROR),
            }
        }
        let password = Self(SecretBytes::take(digits));
        if Self::LENGTHS.contains(&password.0.expose().len()) { Ok(password) } else { Err(Self::ERROR) }
    }
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;

    #[test]
    fn generated_passwords_are_read_in_both_forms() {
        for length in ActivationPassword::LENGTHS {
            let password = ActivationPassword::generate(&mut OsRng, length);
            assert_eq!(password.expose().len(), length);
            assert_eq!(password.expose().parse::<ActivationPassword>().unwrap(), password);
            assert_eq!(password.grouped().parse::<ActivationPassword>().unwrap(), password);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        assert!("12345678".parse::<OfflinePassword>().is_ok() && "1234567".parse::<OfflinePassword>().is_err());
        for text in ["", "123456789012345", "123456789012345678901234567890123", "123456789012345a"] {
            assert_eq!(text.parse::<ActivationPassword>(), Err(ActivationPassword::ERROR), "{text}");
        }
    }

    #[test]
    fn debug_never_shows_it() {
        let password = ActivationPassword::generate(&mut OsRng, 16);
        assert!(!format!("{password:?}").contains(password.expose()));
    }
}
