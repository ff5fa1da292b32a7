//! How a phone gets at what waits for it: a signed assertion (RFC 7523) is exchanged for an access token of some minutes,
//! so that asking again and again does not wake the secure hardware each time. The access token reads and nothing else;
//! decisions are signed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::encoding::Bytes;
use crate::frame::FrameWriter;
use crate::keys::sha256;
use crate::policy::PolicyVersion;
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

/// An access token.
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

/// Asks what waits for the phone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestsRequest {
    /// The access token.
    pub access_token: String,
    /// For how many seconds to wait for a request: 0 to 50.
    #[serde(default)]
    pub wait: Wait,
    /// The [`digest`] of what the phone has: then the wait is for anything else, and its end too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Bytes<32>>,
}

/// The SHA-256 of a list of requests: of each one's JWS, framed, in their order.
#[must_use]
pub fn digest<'a>(requests: impl IntoIterator<Item = &'a str>) -> Bytes<32> {
    let start = FrameWriter::default().field(b"symbolon/1/requests");
    let frame = requests.into_iter().fold(start, |frame, request| frame.field(request.as_bytes()));
    sha256(frame.as_bytes()).into()
}

impl std::fmt::Debug for RequestsRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How long somebody waits for an answer: 0 to 50 seconds, which is shorter than what proxies commonly allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub struct Wait(u8);

/// A wait that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 0 to {} seconds", Wait::LONGEST)]
pub struct WaitError;

impl Wait {
    /// The longest wait, in seconds.
    pub const LONGEST: u8 = 50;

    /// The wait that comes nearest to `duration`.
    #[must_use]
    pub fn nearest(duration: Duration) -> Self {
        Self(u8::try_from(duration.as_secs()).unwrap_or(u8::MAX).min(Self::LONGEST))
    }

    /// The wait as a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl From<Wait> for u8 {
    fn from(wait: Wait) -> Self {
        wait.0
    }
}

impl TryFrom<u8> for Wait {
    type Error = WaitError;

    fn try_from(seconds: u8) -> Result<Self, WaitError> {
        if seconds <= Self::LONGEST { Ok(Self(seconds)) } else { Err(WaitError) }
    }
}

/// What waits for the phone: the JWS of each [`Request`](crate::approval::Request), newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestsReply {
    /// The requests.
    pub requests: Vec<String>,
    /// The version of the policy: a hint, not signed. The phone that has an older one asks for it by a contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<PolicyVersion>,
}

/// The phone's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS of an [`Answer`](crate::approval::Answer).
    pub answer: String,
    /// What App Attest asserts of the JWS, whose SHA-256 is the client data hash; on iOS only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Bytes<1, 1024>>,
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
