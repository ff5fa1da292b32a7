//! The way back after a forgotten PIN: a challenge that the phone shows, and the server's code for it.
//!
//! Both halves start from `unlock_0`, which the activation gave them, and move on to the next secret with each unlock.
//! The phone erases its copy as soon as the slot that the code opens is written; from then on only the server can make
//! the code, and only that phone's hardware can use it.

use std::fmt;
use std::str::FromStr;

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRngCore;
use sha2::Sha256;

use crate::frame::FrameWriter;
use crate::keys::{FactorKey, Label, derive};
use crate::secret::Secret;
use crate::serial::SerialNumber;

/// `unlock_n` with its `n`.
#[derive(Debug, PartialEq, Eq)]
pub struct UnlockSecret {
    number: u16,
    secret: Secret<32>,
}

const NUMBERS: u16 = 10_000;
const RANDOMS: u32 = 100_000_000;

impl UnlockSecret {
    /// `unlock_0`, from [`TokenKeys`](crate::keys::TokenKeys).
    #[must_use]
    pub fn first(secret: Secret<32>) -> Self {
        Self { number: 0, secret }
    }

    /// Takes back a secret that was stored; `None` when `number` is above 9999.
    #[must_use]
    pub fn from_parts(number: u16, secret: Secret<32>) -> Option<Self> {
        (number < NUMBERS).then_some(Self { number, secret })
    }

    /// n: how often the token was unlocked.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The bytes to store, sealed.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.secret
    }

    /// `unlock_{n+1}`.
    ///
    /// n is shown with four digits and starts again at 0 after 9999, which nobody will live to see; the secret itself
    /// never repeats.
    #[must_use]
    pub fn next(&self) -> Self {
        Self::after(self.number, self.derive(Label::UnlockNext))
    }

    /// The secret that follows the one with `number`.
    pub(super) fn after(number: u16, secret: Secret<32>) -> Self {
        Self { number: (number + 1) % NUMBERS, secret }
    }

    /// The PIN factor key that the token has once code n has opened its vault: the server must expect it then.
    #[must_use]
    pub fn pin_factor(&self) -> FactorKey {
        FactorKey::from_secret(self.derive(Label::UnlockFactor))
    }

    /// A second holder of the same secret, where one is truly needed.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { number: self.number, secret: self.secret.duplicate() }
    }

    /// The code: the first 80 bits of HMAC-SHA-256 over the framed serial number, n and c.
    ///
    /// # Errors
    /// [`OtherNumber`] when the challenge asks for another n: the phone was unlocked since (the server goes on to
    /// [`UnlockSecret::next`]), or was set up anew.
    pub fn code(&self, serial: SerialNumber, challenge: UnlockChallenge) -> Result<UnlockCode, OtherNumber> {
        if challenge.number != self.number {
            return Err(OtherNumber);
        }
        let message = FrameWriter::default()
            .field(serial.digits().as_bytes())
            .number(u64::from(challenge.number))
            .number(u64::from(challenge.random));
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(self.derive(Label::UnlockCode).expose());
        let mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        let mut mac: [u8; 32] = mac.chain_update(message.as_bytes()).finalize().into_bytes().into();
        let mac = Secret::take(&mut mac);
        let code = mac.expose().first_chunk().and_then(|code: &[u8; 10]| Secret::from_slice(code));
        code.map(UnlockCode).ok_or(OtherNumber)
    }

    fn derive(&self, label: Label) -> Secret<32> {
        derive(&Hkdf::new(None, self.secret.expose()), label)
    }
}

/// A challenge for another unlock than the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the challenge does not belong to this token's next unlock; read it from the phone again")]
pub struct OtherNumber;

/// What a locked token shows: n and a random c, which the vault fixed when the slot was written, and check digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnlockChallenge {
    number: u16,
    random: u32,
}

/// A text that is no challenge of this token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnlockChallengeError {
    /// Not fourteen digits.
    #[error("the challenge has 14 digits, as in 0000-1234-5678-90")]
    Form,
    /// The check digits don't fit.
    #[error("a digit of the challenge or of the serial number is wrong; compare both with the phone")]
    Check,
}

impl UnlockChallenge {
    pub(super) fn generate(number: u16, rng: &mut dyn CryptoRngCore) -> Self {
        // A modulo of 64 bits by 27 favours no value by more than 2⁻³⁷.
        let random = u32::try_from(rng.next_u64() % u64::from(RANDOMS)).unwrap_or_default();
        Self { number, random }
    }

    pub(super) fn from_numbers(number: u64, random: u64) -> Option<Self> {
        let number = u16::try_from(number).ok().filter(|number| *number < NUMBERS)?;
        let random = u32::try_from(random).ok().filter(|random| *random < RANDOMS)?;
        Some(Self { number, random })
    }

    pub(super) fn numbers(self) -> (u64, u64) {
        (self.number.into(), self.random.into())
    }

    /// n: which unlock it asks for.
    #[must_use]
    pub fn number(self) -> u16 {
        self.number
    }

    /// The challenge as the phone of token `serial` shows it: n (4 digits), c (8) and check digits (2), as in
    /// `0000-1234-5678-90`.
    #[must_use]
    pub fn grouped(self, serial: SerialNumber) -> String {
        let (high, low) = (self.random / 10_000, self.random % 10_000);
        format!("{:04}-{high:04}-{low:04}-{:02}", self.number, self.check(serial))
    }

    /// Reads what the phone of token `serial` shows; spaces and hyphens are passed over.
    ///
    /// # Errors
    /// [`UnlockChallengeError`]: not fourteen digits, or a wrong one among them or in the serial number.
    pub fn parse(text: &str, serial: SerialNumber) -> Result<Self, UnlockChallengeError> {
        let mut digits = 0;
        let mut value = 0_u64;
        for byte in text.trim().bytes() {
            match byte {
                b' ' | b'-' => {}
                b'0'..=b'9' if digits < 14 => {
                    digits += 1;
                    value = value * 10 + u64::from(byte - b'0');
                }
                _ => return Err(UnlockChallengeError::Form),
            }
        }
        if digits != 14 {
            return Err(UnlockChallengeError::Form);
        }
        let (number, random, check) = (value / 10_000_000_000, value / 100 % u64::from(RANDOMS), value % 100);
        let challenge = Self::from_numbers(number, random).ok_or(UnlockChallengeError::Form)?;
        if challenge.check(serial) == check { Ok(challenge) } else { Err(UnlockChallengeError::Check) }
    }

    /// ISO/IEC 7064, MOD 97-10, over serial number, n and c: finds every single wrong digit and every two that changed
    /// places, in the serial number too.
    fn check(self, serial: SerialNumber) -> u64 {
        let (number, random) = self.numbers();
        let digits = [(serial.to_number(), 1), (number, 10_000), (random, u64::from(RANDOMS)), (0, 100)];
        // Each shift is below 10⁸ and each remainder below 97, so nothing overflows.
        98 - digits.into_iter().fold(0, |remainder: u64, (part, shift)| (remainder * shift + part) % 97)
    }
}

/// The code that opens a locked vault once: 80 bits, written as sixteen characters of Crockford's base32.
#[derive(PartialEq, Eq)]
pub struct UnlockCode(Secret<10>);

/// A text that is no unlock code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unlock code has 16 letters and digits, as in ABCD-EFGH-JKMN-PQRS")]
pub struct UnlockCodeError;

/// Crockford's base32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl UnlockCode {
    /// The code as it is told to a person: `ABCD-EFGH-JKMN-PQRS`. It is a secret until it is used.
    #[must_use]
    pub fn grouped(&self) -> String {
        let bits = self.0.expose().iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut text = String::with_capacity(19);
        for place in (0..16).rev() {
            let value = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET.get(value).copied().unwrap_or_default()));
            if place % 4 == 0 && place != 0 {
                text.push('-');
            }
        }
        text
    }

    pub(super) fn secret(&self) -> &Secret<10> {
        &self.0
    }
}

impl fmt::Debug for UnlockCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl FromStr for UnlockCode {
    type Err = UnlockCodeError;

    /// Reads a code as people type it: in either case, O for 0, I and L for 1, hyphens and spaces anywhere.
    fn from_str(text: &str) -> Result<Self, UnlockCodeError> {
        let mut characters = 0;
        let mut bits = 0_u128;
        for byte in text.trim().bytes() {
            let character = match byte.to_ascii_uppercase() {
                b' ' | b'-' => continue,
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            let value = ALPHABET.iter().position(|letter| *letter == character).ok_or(UnlockCodeError)?;
            characters += 1;
            if characters > 16 {
                return Err(UnlockCodeError);
            }
            bits = bits << 5 | u128::try_from(value).map_err(|_| UnlockCodeError)?;
        }
        let mut bytes = bits.to_be_bytes();
        let code = bytes.last_chunk_mut::<10>().filter(|_| characters == 16).map(Secret::take);
        code.map(Self).ok_or(UnlockCodeError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_core::OsRng;

    use super::*;

    fn serial() -> SerialNumber {
        "12345-67890".parse().unwrap()
    }

    proptest! {
        #[test]
        fn codes_are_read_as_they_are_written_and_as_people_type(bytes: [u8; 10]) {
            let code = UnlockCode(Secret::from_slice(&bytes).unwrap());
            let text = code.grouped();
            prop_assert_eq!(text.len(), 19);
            prop_assert_eq!(text.parse::<UnlockCode>().unwrap(), UnlockCode(Secret::from_slice(&bytes).unwrap()));
            let typed = text.to_lowercase().replace('-', "  ").replace('0', "o").replace('1', "l");
            prop_assert_eq!(typed.parse::<UnlockCode>().unwrap(), code);
            let typed = text.replace('-', "").replace('0', "O").replace('1', "I");
            prop_assert_eq!(*typed.parse::<UnlockCode>().unwrap().0.expose(), bytes);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<UnlockCode>();
            let _ = UnlockChallenge::parse(&text, serial());
        }

        #[test]
        fn one_wrong_digit_is_found(number in 0..NUMBERS, random in 0..RANDOMS, place in 0_usize..24, by in 1_u8..10) {
            let challenge = UnlockChallenge { number, random };
            let text = challenge.grouped(serial()).replace('-', "");
            prop_assert_eq!(UnlockChallenge::parse(&challenge.grouped(serial()), serial()), Ok(challenge));
            let mut digits: Vec<u8> = [serial().digits(), text].concat().into_bytes();
            digits[place] = b'0' + (digits[place] - b'0' + by) % 10;
            let (serial, text) = std::str::from_utf8(&digits).unwrap().split_at(10);
            let read = UnlockChallenge::parse(text, serial.parse().unwrap());
            prop_assert_eq!(read, Err(UnlockChallengeError::Check));
        }

        #[test]
        fn two_digits_that_changed_places_are_found(number in 0..NUMBERS, random in 0..RANDOMS, place in 0_usize..23) {
            let text = UnlockChallenge { number, random }.grouped(serial()).replace('-', "");
            let mut digits: Vec<u8> = [serial().digits(), text].concat().into_bytes();
            prop_assume!(digits[place] != digits[place + 1]);
            digits.swap(place, place + 1);
            let (serial, text) = std::str::from_utf8(&digits).unwrap().split_at(10);
            let read = UnlockChallenge::parse(text, serial.parse().unwrap());
            prop_assert_eq!(read, Err(UnlockChallengeError::Check));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "ABCD-EFGH-JKMN-PQR", "ABCD-EFGH-JKMN-PQRST", "ABCD-EFGH-JKMN-PQRU", "ÀBCD-EFGH-JKMN-PQR"] {
            assert_eq!(text.parse::<UnlockCode>(), Err(UnlockCodeError), "{text}");
        }
        for text in ["", "0000-1234-5678-9", "0000-1234-5678-901", "0000-1234-5678-9a", "0000_1234_5678_90"] {
            assert_eq!(UnlockChallenge::parse(text, serial()), Err(UnlockChallengeError::Form), "{text}");
        }
    }

    #[test]
    fn the_chain_is_the_same_on_both_sides_and_never_repeats() {
        let mut server = UnlockSecret::first(Secret::from_slice(&[7; 32]).unwrap());
        let mut codes = std::collections::BTreeSet::new();
        for number in 0..5 {
            let phone = UnlockSecret::from_parts(number, server.secret().duplicate()).unwrap();
            let challenge = UnlockChallenge::generate(number, &mut OsRng);
            let shown = challenge.grouped(serial());
            let asked = UnlockChallenge::parse(&shown, serial()).unwrap();
            let code = server.code(serial(), asked).unwrap();
            assert_eq!(code, phone.code(serial(), challenge).unwrap());
            assert_ne!(code, phone.code("12345-67891".parse().unwrap(), challenge).unwrap());
            assert_eq!(server.next().code(serial(), asked), Err(OtherNumber));
            assert_ne!(server.pin_factor().secret(), server.next().pin_factor().secret());
            assert!(codes.insert(code.grouped()));
            server = server.next();
        }
        assert_eq!(UnlockSecret::from_parts(9999, Secret::generate(&mut OsRng)).unwrap().next().number(), 0);
        assert!(UnlockSecret::from_parts(10_000, Secret::generate(&mut OsRng)).is_none());
    }

    #[test]
    fn debug_never_shows_a_secret() {
        let secret = UnlockSecret::first(Secret::from_slice(&[7; 32]).unwrap());
        assert_eq!(format!("{secret:?}"), "UnlockSecret { number: 0, secret: [redacted] }");
        let code = secret.code(serial(), UnlockChallenge { number: 0, random: 1 }).unwrap();
        assert_eq!(format!("{code:?}"), "[redacted]");
    }
}
