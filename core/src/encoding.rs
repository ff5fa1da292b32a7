//! Bytes in JSON: base64url without padding (RFC 4648, 5), with bounds on their number.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `MIN` to `MAX` bytes that are no secret; in JSON a string in base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bytes<const MIN: usize, const MAX: usize = MIN>(Vec<u8>);

/// A text that is not base64url of the expected number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {} bytes in base64url without padding", number(*.min, *.max))]
pub struct BytesError {
    min: usize,
    max: usize,
}

fn number(min: usize, max: usize) -> String {
    if min == max { min.to_string() } else { format!("{min} to {max}") }
}

impl<const MIN: usize, const MAX: usize> Bytes<MIN, MAX> {
    const ERROR: BytesError = BytesError { min: MIN, max: MAX };

    /// Takes `bytes` if their number is within the bounds.
    ///
    /// # Errors
    /// [`BytesError`] when it is not.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BytesError> {
        let bytes = bytes.into();
        if (MIN..=MAX).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(Self::ERROR) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Bytes<N, N> {
    /// The bytes as an array.
    #[must_use]
    pub fn array(&self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.0);
        array
    }
}

impl<const N: usize> From<[u8; N]> for Bytes<N, N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl<const MIN: usize, const MAX: usize> std::fmt::Display for Bytes<MIN, MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl<const MIN: usize, const MAX: usize> std::str::FromStr for Bytes<MIN, MAX> {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        // Four characters for three bytes: a longer text is refused before it is decoded.
        if text.len() > MAX.div_ceil(3) * 4 {
            return Err(Self::ERROR);
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Self::ERROR)?;
        Self::new(bytes)
    }
}

impl<const MIN: usize, const MAX: usize> Serialize for Bytes<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Bytes<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
