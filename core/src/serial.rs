//! Serial numbers: ten random digits that name a token, shown 5-5.

use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};

/// The serial number of a token: ten digits, written `12345-67890`, read with or without the hyphen.
///
/// ```
/// use symbolon_core::serial::SerialNumber;
/// let serial: SerialNumber = "1234567890".parse()?;
/// assert_eq!(serial.to_string(), "12345-67890");
/// # Ok::<(), symbolon_core::serial::SerialNumberError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SerialNumber(u64);

const LIMIT: u64 = 10_000_000_000;

impl SerialNumber {
    /// Ten random digits, each number as likely as another (rejection, no modulo bias).
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        loop {
            // 34 bits reach to 1.7 × 10¹⁰, so more than every second draw is kept.
            let candidate = rng.next_u64() >> 30;
            if candidate < LIMIT {
                return Self(candidate);
            }
        }
    }

    /// The number itself, below 10¹⁰: what databases keep.
    #[must_use]
    pub fn to_number(self) -> u64 {
        self.0
    }

    /// The serial number with this value; `None` when it has more than ten digits.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        (number < LIMIT).then_some(Self(number))
    }

    /// The ten digits without the hyphen: the form that is hashed and put in tickets.
    #[must_use]
    pub fn digits(self) -> String {
        format!("{:010}", self.0)
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}-{:05}", self.0 / 100_000, self.0 % 100_000)
    }
}

impl From<SerialNumber> for String {
    fn from(serial: SerialNumber) -> Self {
        serial.to_string()
    }
}

/// A text that is no serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a serial number has ten digits, written 12345-67890 or 1234567890")]
pub struct SerialNumberError;

impl FromStr for SerialNumber {
    type Err = SerialNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        let digits: Vec<u8> = match bytes {
            [head @ .., b'-', _, _, _, _, _] if head.len() == 5 => {
                bytes.iter().copied().filter(|byte| *byte != b'-').collect()
            }
            _ => bytes.to_vec(),
        };
        if digits.len() != 10 {
            return Err(SerialNumberError);
        }
        digits
            .iter()
            .try_fold(0, |number: u64, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
            .map(Self)
            .ok_or(SerialNumberError)
    }
}

impl TryFrom<String> for SerialNumber {
    type Error = SerialNumberError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_written_forms_are_read(number in 0..LIMIT) {
            let serial = SerialNumber::from_number(number).unwrap();
            prop_assert_eq!(serial.to_string().parse::<SerialNumber>().unwrap(), serial);
            prop_assert_eq!(serial.digits().parse::<SerialNumber>().unwrap(), serial);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<SerialNumber>();
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "123456789",
            "12345678901",
            "1234-567890",
            "12345-6789",
            "12345_67890",
            "-1234567890",
            "١٢٣٤٥٦٧٨٩٠",
            "123-4567-90",
        ] {
            assert_eq!(text.parse::<SerialNumber>(), Err(SerialNumberError), "{text}");
        }
    }
}
