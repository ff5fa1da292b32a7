//! A phone's contact with its server between activations: it asks for the time and the policy, and the signed answer
//! echoes its nonce, so that nobody can replay an old clock or an old policy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::encoding::Bytes;
use crate::policy::{PhonePolicy, PolicyVersion};
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, Signed};
use crate::succession::{AnnouncedKeys, KeysVersion};
use crate::text::Name;

/// Chosen by the phone at random for one question.
pub type Nonce = Bytes<16>;

/// What the phone asks, signed by its device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token.
    pub serial: SerialNumber,
    /// To be echoed.
    pub nonce: Nonce,
    /// The version of what the phone has heard last of the server's keys: so the server knows that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysVersion>,
}

impl Signed for Question {
    const TYP: &'static str = "symbolon-contact+jws";
}

/// What the server answers, signed by its identity key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The token that asked.
    pub aud: SerialNumber,
    /// The phone's nonce.
    pub nonce: Nonce,
    /// The server's clock.
    pub time: Timestamp,
    /// What the phone must know of the policy that applies to this token.
    pub policy: PhonePolicy,
    /// Its version, which never goes down.
    pub policy_version: PolicyVersion,
    /// The organisation's name, as it is now.
    pub issuer: Name,
    /// What the user calls the token, as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Name>,
    /// The server's keys, once one of them has changed or is about to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<AnnouncedKeys>,
}

impl Signed for Answer {
    const TYP: &'static str = "symbolon-contact-answer+jws";
}

/// The JWS of a [`Question`], as it is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS.
    pub question: String,
}

/// The JWS of an [`Answer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactReply {
    /// The JWS.
    pub answer: String,
}
