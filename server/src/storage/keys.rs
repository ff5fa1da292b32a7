//! What is kept of which phones have heard of the server's keys.

use symbolon_core::serial::SerialNumber;
use symbolon_core::succession::KeysVersion;

use super::{StorageError, TokenId};

type Result<T> = std::result::Result<T, StorageError>;

/// Tokens that have not heard of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behind {
    /// How many.
    pub tokens: u64,
    /// The first of them.
    pub serials: Vec<SerialNumber>,
}

/// Which announcements phones have heard, read.
pub trait HeardKeys {
    /// The latest announcement that a token's device has heard; the first, where nothing is known.
    fn heard_keys(&self, token: TokenId) -> Result<KeysVersion>;
    /// The active and the disabled tokens on a device that have not heard of `version`, the first `limit` by name.
    fn behind_keys(&self, version: KeysVersion, limit: u32) -> Result<Behind>;
}

/// Which announcements phones have heard, written.
pub trait WriteHeardKeys {
    /// Writes down the latest announcement that a token's device has heard.
    fn set_heard_keys(&self, token: TokenId, version: KeysVersion) -> Result<()>;
}
