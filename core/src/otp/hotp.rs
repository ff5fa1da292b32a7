//! HOTP: a code from a key and a counter (RFC 4226).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::keyed::Keyed;
use super::{Code, Digits};

/// The hash under the HMAC of a token's codes (RFC 6238, 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-1: what most tokens of other makers use. HMAC does not need its collision resistance.
    Sha1,
    /// SHA-256, the default.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The length of the hash in bytes, which is also the length of a new token's key.
    #[must_use]
    pub const fn output_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// `sha1`, `sha256` or `sha512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of the three hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash is one of sha1, sha256, sha512")]
pub struct UnknownHash;

impl FromStr for Hash {
    type Err = UnknownHash;

    fn from_str(name: &str) -> Result<Self, UnknownHash> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.name() == name).ok_or(UnknownHash)
    }
}

/// A token's key, ready to make codes.
pub struct OtpKey(Keyed);

impl OtpKey {
    /// Prepares `secret`, of any length, for HMAC with `hash`.
    #[must_use]
    pub fn prepare(hash: Hash, secret: &[u8]) -> Self {
        Self(Keyed::prepare(hash, secret))
    }

    /// The code for `counter` (RFC 4226, 5.3: HMAC, dynamic truncation, modulo).
    #[must_use]
    #[inline(always)]
    pub fn hotp(&self, counter: u64, digits: Digits) -> Code {
        let number = self.0.mac(&counter.to_be_bytes(), truncate);
        Code::truncate(number, digits)
    }
}

/// Dynamic truncation: four bytes at the offset that the last nibble names, without the sign bit.
#[inline(always)]
pub(crate) fn truncate(mac: &[u8]) -> u32 {
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
    let bytes = mac.get(offset..).and_then(<[u8]>::first_chunk::<4>);
    // A MAC of 20 bytes or more always has four bytes at an offset of at most 15.
    u32::from_be_bytes(bytes.copied().unwrap_or_default()) & 0x7fff_ffff
}

impl fmt::Debug for OtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
