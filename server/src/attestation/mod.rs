//! Hardware attestation: what the secure hardware of a phone says of a key, and whether to believe it.
//!
//! [`android`] reads the certificate chains of Android's Key Attestation, [`apple`] the statements of App Attest. Both
//! are judged by a function of the statement and of what is expected of it: roots, revocation list, challenge and time
//! are parameters, and nothing here reads a file, a clock or the network. What a statement says is in it once it is
//! parsed; only judging it makes it believed.

pub mod android;
pub mod apple;
mod certificate;
mod refusal;
mod revocation;
mod roots;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Key};
pub use refusal::Refusal;
pub use revocation::{Revocation, RevocationError, RevocationList, Status};
pub use roots::{Root, Roots, RootsError};

/// The bytes of a statement are at most so many.
pub const LONGEST: usize = 32_768;

/// Which platform a statement is of, by its first byte: a chain begins with an ASN.1 sequence, App Attest's with a CBOR
/// map. Nothing that a device says of itself decides this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Android's Key Attestation.
    Android,
    /// Apple's App Attest.
    Ios,
}

impl Platform {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
        }
    }

    /// The platform of a statement.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when it can be of neither.
    pub fn of(statement: &[u8]) -> Result<Self, Refusal> {
        match statement.first() {
            Some(0x30) => Ok(Self::Android),
            Some(0xa0..=0xbf) => Ok(Self::Ios),
            _ => Err(Refusal::Malformed("the statement is of no platform that is known")),
        }
    }
}
