//! The clear part of a vault: what the app shows and needs before anything is unlocked.

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::VaultError;
use crate::activation::ServerAddress;
use crate::activation::online::SessionId;
use crate::policy::{PhonePolicy, PolicyVersion};
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey};
use crate::text::Name;

/// What a vault says of itself without being opened. It is associated data of the sealed body: whoever changes a byte
/// of it makes the vault fail to open. Until it *was* opened, all this is only what the file claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The token.
    pub serial: SerialNumber,
    /// Its server.
    pub server: ServerAddress,
    /// The key that signs what the server says.
    pub identity: PublicKey,
    /// The hash of the key of the server's own authority for TLS; `None` where a public one vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<KeyHash>,
    /// The organisation.
    pub issuer: Name,
    /// The user.
    pub account: Name,
    /// What the user calls this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Name>,
    /// What the phone must know of the policy.
    pub policy: PhonePolicy,
    /// The version of that policy.
    pub policy_version: PolicyVersion,
    /// The handshake whose confirmation the server has not acknowledged yet; `None` once the token is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<SessionId>,
}

impl Header {
    /// Whether the server has acknowledged the activation.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.pending.is_none()
    }

    /// Whether a vault with this header may become one with header `next`: of the same token, with no older policy.
    pub(super) fn admits(&self, next: &Self) -> Result<(), UpdateError> {
        if next.serial != self.serial {
            Err(UpdateError::OtherToken)
        } else if !self.policy_version.admits(next.policy_version) {
            Err(UpdateError::OlderPolicy)
        } else {
            Ok(())
        }
    }

    /// JSON of another shape comes from a later version: damage hardly leaves JSON behind.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, VaultError> {
        serde_json::from_slice(json).map_err(|error| {
            if error.classify() == Category::Data { VaultError::LaterVersion } else { VaultError::Damaged }
        })
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("texts, numbers and booleans always have a JSON form"))
    }
}

/// Why a header can't be replaced by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// The other one names another token.
    #[error("the update is for another token")]
    OtherToken,
    /// The other one has an older policy, which somebody may be playing again.
    #[error("the update has an older policy than the one in force")]
    OlderPolicy,
}
