//! The list of certificates that Google no longer stands by, in the form in which it is served
//! (<https://android.googleapis.com/attestation/status>).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// What became of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// For good.
    Revoked,
    /// For now. It is refused like the other: nobody knows yet whether its keys are in the wrong hands.
    Suspended,
    /// A status that this version does not know: nothing good.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// The name, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revoked | Self::Unknown => "revoked",
            Self::Suspended => "suspended",
        }
    }
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revocation {
    /// What became of the certificate.
    pub status: Status,
    /// Why, in the list's own word.
    pub reason: Option<String>,
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.name())?;
        match &self.reason {
            None => Ok(()),
            Some(reason) => write!(f, " ({})", reason.to_ascii_lowercase().replace('_', " ")),
        }
    }
}

/// The whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList(BTreeMap<String, Revocation>);

/// A text that is no revocation list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Not the JSON that is served.
    #[error("not a revocation list: {0}")]
    Json(String),
    /// A key that is no serial number.
    #[error("{0:?} is no serial number in hexadecimal")]
    Serial(String),
}

#[derive(Deserialize)]
struct Served {
    entries: BTreeMap<String, Revocation>,
}

impl RevocationList {
    /// Reads the list. Keys are serial numbers in hexadecimal, whatever they look like.
    ///
    /// # Errors
    /// [`RevocationError`] names what is wrong: a list of which half is understood is none.
    pub fn read(json: &[u8]) -> Result<Self, RevocationError> {
        let served: Served = serde_json::from_slice(json).map_err(|error| RevocationError::Json(error.to_string()))?;
        let entries = served.entries.into_iter().map(|(serial, revocation)| {
            if serial.is_empty() || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(RevocationError::Serial(serial.chars().take(80).collect()));
            }
            let serial = serial.to_ascii_lowercase();
            let digits = serial.trim_start_matches('0');
            Ok((if digits.is_empty() { "0" } else { digits }.to_owned(), revocation))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// What the list says of a serial number in lower-case hexadecimal; nothing of most.
    #[must_use]
    pub fn find(&self, serial: &str) -> Option<&Revocation> {
        self.0.get(serial)
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
