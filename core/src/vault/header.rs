//! The clear part of a vault: what the app shows and needs before anything is unlocked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::VaultError;
use crate::activation::ServerAddress;
use crate::activation::online::SessionId;
use crate::moving::ComparisonCode;
use crate::policy::{PhonePolicy, PolicyVersion};
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey};
use crate::succession::HeardKeys;
use crate::text::Name;

/// What a vault says of itself without being opened. It is associated data of the sealed body: whoever changes a byte
/// of it makes the vault fail to open. Until it *was* opened, all this is only what the file claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Header {
    /// The token.
    pub serial: SerialNumber,
    /// The organisation.
    pub issuer: Name,
    /// The user.
    pub account: Name,
    /// What the user calls this token.
    pub label: Option<Name>,
    /// What the phone must know of the policy.
    pub policy: PhonePolicy,
    /// The version of that policy.
    pub policy_version: PolicyVersion,
    /// How it stands with its server.
    pub server: Server,
}

/// How a token stands with its server, by the way in which it was activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// Activated online: the two can speak with each other.
    Online(Online),
    /// Activated without a network: the server knows no key of this device.
    Offline(Offline),
}

/// The server of a token that was activated online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Online {
    /// Where it is.
    pub address: ServerAddress,
    /// The key that signs what the server says.
    pub identity: PublicKey,
    /// The hash of the key of the server's own authority for TLS; `None` where a public one vouches for it.
    pub tls: Option<KeyHash>,
    /// The handshake whose confirmation the server has not acknowledged yet; `None` once the token is active.
    pub pending: Option<SessionId>,
    /// What the person types on the old phone, for as long as a move waits for it.
    pub comparison: Option<ComparisonCode>,
    /// What the server has announced of its keys; `None` where it has announced nothing.
    pub keys: Option<HeardKeys>,
}

/// The server of a token that was activated without a network, as far as the ticket told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offline {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<ServerAddress>,
    /// The hash of the key that signs what the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<KeyHash>,
    /// The hash of the key of the server's own authority for TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<KeyHash>,
    /// Until when the server completes the activation. Whether it did, the device never learns.
    pub until: Timestamp,
}

impl Header {
    /// Whether the server may still have to be told of the activation, at `now`.
    #[must_use]
    pub fn is_activating(&self, now: Timestamp) -> bool {
        match &self.server {
            Server::Online(online) => online.pending.is_some(),
            Server::Offline(offline) => now < offline.until,
        }
    }

    /// The server of a token that was activated online.
    #[must_use]
    pub fn online(&self) -> Option<&Online> {
        match &self.server {
            Server::Online(online) => Some(online),
            Server::Offline(_) => None,
        }
    }

    /// Where the server is, as far as it is known.
    #[must_use]
    pub fn address(&self) -> Option<&ServerAddress> {
        match &self.server {
            Server::Online(online) => Some(&online.address),
            Server::Offline(offline) => offline.address.as_ref(),
        }
    }

    /// The hash of the server's identity key, as far as it is known.
    #[must_use]
    pub fn identity(&self) -> Option<KeyHash> {
        match &self.server {
            Server::Online(online) => Some(online.identity.hash()),
            Server::Offline(offline) => offline.identity.clone(),
        }
    }

    /// Whether a vault with this header may become one with header `next`: of the same token and server, with no older
    /// policy.
    pub(super) fn admits(&self, next: &Self) -> Result<(), UpdateError> {
        if next.serial != self.serial {
            Err(UpdateError::OtherToken)
        } else if !self.policy_version.admits(next.policy_version) {
            Err(UpdateError::OlderPolicy)
        } else if !self.online().zip(next.online()).is_none_or(|(now, next)| now.admits(next)) {
            Err(UpdateError::OtherServer)
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

/// A header in JSON: a token that was activated online has `server`, `identity`, `tls`, `pending` and `keys`, another has
/// `offline` in their place.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    serial: SerialNumber,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<ServerAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<PublicKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<KeyHash>,
    issuer: Name,
    account: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Name>,
    policy: PhonePolicy,
    policy_version: PolicyVersion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comparison: Option<ComparisonCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys: Option<HeardKeys>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offline: Option<Offline>,
}

impl From<Header> for Written {
    fn from(header: Header) -> Self {
        let Header { serial, issuer, account, label, policy, policy_version, server } = header;
        let (online, offline) = match server {
            Server::Online(online) => (Some(online), None),
            Server::Offline(offline) => (None, Some(offline)),
        };
        let written = Self {
            serial,
            server: None,
            identity: None,
            tls: None,
            issuer,
            account,
            label,
            policy,
            policy_version,
            pending: None,
            comparison: None,
            keys: None,
            offline,
        };
        match online {
            Some(Online { address, identity, tls, pending, comparison, keys }) => {
                Self { server: Some(address), identity: Some(identity), tls, pending, comparison, keys, ..written }
            }
            None => written,
        }
    }
}

/// A header that names no way to a server, or two.
#[derive(Debug, thiserror::Error)]
#[error("the header names no way to a server, or two")]
struct ServerError;

impl TryFrom<Written> for Header {
    type Error = ServerError;

    fn try_from(written: Written) -> Result<Self, ServerError> {
        let Written { serial, server, identity, tls, issuer, account, label, policy, policy_version, .. } = written;
        let (pending, comparison, keys) = (written.pending, written.comparison, written.keys);
        let server = match (server, identity, tls, pending, comparison, keys, written.offline) {
            (Some(address), Some(identity), tls, pending, comparison, keys, None) => {
                Server::Online(Online { address, identity, tls, pending, comparison, keys })
            }
            (None, None, None, None, None, None, Some(offline)) => Server::Offline(offline),
            _ => return Err(ServerError),
        };
        Ok(Self { serial, issuer, account, label, policy, policy_version, server })
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
    /// The other one names a server key that this one was not told of, or less than was announced.
    #[error("the update is for another server, or for its keys of before")]
    OtherServer,
}
