//! How a phone gets at what waits for it: a signed assertion (RFC 7523) is exchanged for an access token of some minutes,
//! so that asking again and again does not wake the secure hardware each time. The access token reads and nothing else;
//! decisions are signed.

use serde::{Deserialize, Serialize};

use crate::encoding::Bytes;
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, Signed};

/// What the phone signs with its device key (RFC 7523, 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// The token.
    pub iss: SerialNumber,
    /// The token again.
    pub sub: SerialNumber,
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// Random: the assertion counts once.
    pub jti: Bytes<16>,
    /// When it was made, in seconds since 1970 by the server's clock as far as the phone knows it.
    pub iat: i64,
    /// Until when it counts; at most [`Assertion::LIFETIME`] after `iat`.
    pub exp: i64,
}

impl Assertion {
    /// The longest life of an assertion, in seconds.
    pub const LIFETIME: i64 = 300;

    /// Whether it counts at `now`, in seconds since 1970. A phone's clock may be ahead by as much as an assertion lives.
    #[must_use]
    pub fn is_live(&self, now: i64) -> bool {
        let lifetime = self.exp.saturating_sub(self.iat);
        (1..=Self::LIFETIME).contains(&lifetime) && now < self.exp && self.iat.saturating_sub(now) <= Self::LIFETIME
    }
}

impl Signed for Assertion {
    const TYP: &'static str = "symbolon-assertion+jws";
}

/// Asks for an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS of an [`Assertion`].
    pub assertion: String,
}

/// An access token, for `Authorization: Bearer`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessReply {
    /// The token.
    pub access_token: String,
    /// For how many seconds it counts.
    pub expires_in: u32,
}

impl std::fmt::Debug for AccessReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What waits for the phone: the JWS of each [`Request`](crate::approval::Request), newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestsReply {
    /// The requests.
    pub requests: Vec<String>,
}

/// The phone's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS of an [`Answer`](crate::approval::Answer).
    pub answer: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerReply {
    /// The challenge's status, as the application sees it too.
    pub status: String,
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;

    #[test]
    fn an_assertion_counts_for_minutes_only() {
        let serial = SerialNumber::generate(&mut OsRng);
        let assertion =
            |iat, exp| Assertion { iss: serial, sub: serial, aud: [1; 32].into(), jti: [2; 16].into(), iat, exp };
        assert!(assertion(1000, 1060).is_live(1000));
        assert!(!assertion(1000, 1060).is_live(1060), "expired");
        assert!(!assertion(1000, 1301).is_live(1000), "it would live too long");
        assert!(!assertion(1000, 1000).is_live(999), "it never lives");
        assert!(assertion(1200, 1260).is_live(1000), "the phone's clock is ahead");
        assert!(!assertion(1400, 1460).is_live(1000), "kept back for later");
        assert!(!assertion(i64::MIN, i64::MAX).is_live(0));
    }
}
