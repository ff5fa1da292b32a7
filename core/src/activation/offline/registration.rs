//! The registration code: ten digits that the phone draws, for its person to take to the server.

use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRngCore;

use crate::serial::SerialNumber;

/// Ten random digits, shown as `123 456 7890` so that nobody takes them for a serial number. With the QR and a code they
/// allow guesses at the password, so `Debug` does not print them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RegistrationCode(SerialNumber);

/// A text that is no registration code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a registration code has ten digits, written 123 456 7890 or 1234567890")]
pub struct RegistrationCodeError;

impl RegistrationCode {
    /// Ten random digits, each number as likely as another.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        // The same set of numbers, and the same way of drawing one.
        Self(SerialNumber::generate(rng))
    }

    /// The ten digits: the form that is hashed.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.digits()
    }

    /// The digits in groups, as a person reads them: `123 456 7890`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let number = self.0.to_number();
        format!("{:03} {:03} {:04}", number / 10_000_000, number / 10_000 % 1000, number % 10_000)
    }
}

impl fmt::Debug for RegistrationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl FromStr for RegistrationCode {
    type Err = RegistrationCodeError;

    /// Reads digits; spaces and hyphens between them are passed over.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = 0;
        let mut number = 0;
        for byte in text.bytes() {
            match byte {
                b' ' | b'-' => {}
                b'0'..=b'9' if digits < 10 => (digits, number) = (digits + 1, number * 10 + u64::from(byte - b'0')),
                _ => return Err(RegistrationCodeError),
            }
        }
        let whole = SerialNumber::from_number(number).filter(|_| digits == 10);
        whole.map(Self).ok_or(RegistrationCodeError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_written_forms_are_read(number in 0..10_000_000_000_u64) {
            let code: RegistrationCode = format!("{number:010}").parse().unwrap();
            prop_assert_eq!(code.digits(), format!("{number:010}"));
            prop_assert_eq!(code.grouped().parse::<RegistrationCode>().unwrap(), code);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<RegistrationCode>();
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "123456789", "12345678901", "123456789a", "١٢٣٤٥٦٧٨٩٠", "123_456_7890", "+123456789"]
        {
            assert_eq!(text.parse::<RegistrationCode>(), Err(RegistrationCodeError), "{text}");
        }
        assert_eq!("000 000 0012".parse::<RegistrationCode>().unwrap().grouped(), "000 000 0012");
    }

    #[test]
    fn debug_never_shows_it() {
        assert_eq!(format!("{:?}", "1234567890".parse::<RegistrationCode>().unwrap()), "[redacted]");
    }
}
