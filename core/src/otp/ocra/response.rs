//! A response: 4 to 10 digits, or a whole HMAC in hexadecimal (RFC 6287, 5.2).

use std::fmt;

use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::OcraSuite;
use crate::otp::hotp::truncate;

/// A response of any suite: compared in constant time, and not printed by `Debug`. `Display` writes decimal digits, or
/// the whole HMAC in small hexadecimal digits when the suite does not truncate.
pub struct OcraResponse(Zeroizing<String>);

/// A text that is no response of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OcraResponseError {
    /// Not that many decimal digits.
    #[error("a response has {0} digits")]
    Digits(u8),
    /// Not that many hexadecimal digits.
    #[error("a response has {0} hexadecimal digits")]
    Hexadecimal(usize),
}

impl OcraResponse {
    /// Dynamic truncation and modulo as in HOTP (RFC 4226, 5.3), or neither.
    pub(super) fn of(mac: &[u8], suite: &OcraSuite) -> Self {
        let text = match suite.digits() {
            Some(digits) => {
                let number = u64::from(truncate(mac)) % 10_u64.pow(u32::from(digits));
                format!("{number:0width$}", width = usize::from(digits))
            }
            None => HEXLOWER.encode(mac),
        };
        Self(Zeroizing::new(text))
    }

    /// Reads a response of `suite` that somebody typed; spaces and hyphens in it are passed over.
    ///
    /// # Errors
    /// [`OcraResponseError`] says what a response of this suite looks like.
    pub fn read(suite: &OcraSuite, text: &str) -> Result<Self, OcraResponseError> {
        let hexadecimal = suite.hash().output_length() * 2;
        let (length, admits, error): (_, fn(&u8) -> bool, _) = match suite.digits() {
            Some(digits) => (usize::from(digits), u8::is_ascii_digit, OcraResponseError::Digits(digits)),
            None => (hexadecimal, u8::is_ascii_hexdigit, OcraResponseError::Hexadecimal(hexadecimal)),
        };
        let mut read = Zeroizing::new(String::with_capacity(length));
        for byte in text.bytes() {
            match byte {
                b' ' | b'-' => {}
                _ if admits(&byte) && read.len() < length => read.push(char::from(byte.to_ascii_lowercase())),
                _ => return Err(error),
            }
        }
        if read.len() == length { Ok(Self(read)) } else { Err(error) }
    }
}

impl PartialEq for OcraResponse {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for OcraResponse {}

impl fmt::Debug for OcraResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for OcraResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
