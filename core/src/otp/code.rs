//! A one-time code: 6 to 10 digits.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

/// How many digits a code has: 6 to 10 (RFC 4226 asks for 6 at least; a 31-bit number fills no more than 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub struct Digits(u8);

impl Digits {
    /// Six digits.
    pub const SIX: Self = Self(6);
    /// Eight digits, the default.
    pub const EIGHT: Self = Self(8);

    /// `digits` if it is 6 to 10.
    #[must_use]
    pub const fn new(digits: u8) -> Option<Self> {
        if digits >= 6 && digits <= 10 { Some(Self(digits)) } else { None }
    }

    /// The number of digits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> Self {
        digits.0
    }
}

impl TryFrom<u8> for Digits {
    type Error = CodeError;

    fn try_from(digits: u8) -> Result<Self, CodeError> {
        Self::new(digits).ok_or(CodeError)
    }
}

/// A code: compared in constant time, and not printed by `Debug`, since it opens a door for some minutes.
#[derive(Clone, Copy)]
pub struct Code {
    value: u64,
    digits: Digits,
}

impl Code {
    /// The last `digits` digits of `number`, which has 31 bits (RFC 4226, 5.3).
    #[must_use]
    #[inline(always)]
    pub(crate) const fn truncate(number: u32, digits: Digits) -> Self {
        // Each divisor is a constant, which costs a multiplication; a divisor from a variable costs a division.
        let value = match digits.0 {
            ..=6 => number % 1_000_000,
            7 => number % 10_000_000,
            8 => number % 100_000_000,
            9 => number % 1_000_000_000,
            _ => number,
        };
        Self { value: value as u64, digits }
    }

    /// How many digits the code has.
    #[must_use]
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// The code in groups, as a person reads it: `123 456`, `1234 5678`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let text = self.to_string();
        let (head, tail) = text.split_at(text.len() / 2);
        format!("{head} {tail}")
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        (self.value.ct_eq(&other.value) & self.digits.0.ct_eq(&other.digits.0)).into()
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.value, width = usize::from(self.digits.0))
    }
}

/// A text that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has 6 to 10 digits")]
pub struct CodeError;

impl FromStr for Code {
    type Err = CodeError;

    /// Reads digits; spaces and hyphens between them, which people type as they see the groups, are passed over.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut value = 0_u64;
        let mut count = 0_u8;
        for byte in text.bytes() {
            match byte {
                b' ' | b'-' => {}
                b'0'..=b'9' if count < 10 => {
                    value = value * 10 + u64::from(byte - b'0');
                    count += 1;
                }
                _ => return Err(CodeError),
            }
        }
        Digits::new(count).map(|digits| Self { value, digits }).ok_or(CodeError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_is_read_as_it_is_written(number: u32, digits in 6_u8..=10) {
            let code = Code::truncate(number, Digits::new(digits).unwrap());
            prop_assert_eq!(code.to_string().len(), usize::from(digits));
            prop_assert!(code.to_string().parse::<Code>().unwrap() == code);
            prop_assert!(code.grouped().parse::<Code>().unwrap() == code);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<Code>();
        }
    }

    #[test]
    fn debug_never_shows_a_code() {
        assert_eq!(format!("{:?}", "123456".parse::<Code>().unwrap()), "[redacted]");
    }

    #[test]
    fn codes_of_another_length_differ() {
        assert!("0123456".parse::<Code>().unwrap() != "123456".parse::<Code>().unwrap());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "12345", "12345678901", "12345a", "١٢٣٤٥٦", "123456\n", "+123456"] {
            assert!(text.parse::<Code>().is_err(), "{text:?}");
        }
    }
}
