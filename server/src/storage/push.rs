//! What is kept of where phones are woken.

use jiff::Timestamp;
use symbolon_core::signed::KeyHash;

use super::{StorageError, TokenId};

type Result<T> = std::result::Result<T, StorageError>;

/// Where a token's device is woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPushAddress {
    /// The token.
    pub token: TokenId,
    /// The hash of the device's key: the address ends with the device.
    pub device: KeyHash,
    /// Which service wakes it.
    pub service: PushService,
    /// The address, sealed.
    pub address: Vec<u8>,
    /// When the device told it.
    pub told_at: Timestamp,
}

/// The services that wake phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushService {
    /// Firebase Cloud Messaging.
    Fcm,
    /// Apple Push Notification service.
    Apns,
    /// Web Push.
    Web,
}

impl PushService {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fcm, Self::Apns, Self::Web];

    /// The name in the configuration and the audit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fcm => "fcm",
            Self::Apns => "apns",
            Self::Web => "web",
        }
    }
}

/// Where phones are woken, read.
pub trait PushAddresses {
    /// Where a token's device is woken.
    fn push_address(&self, token: TokenId, device: &KeyHash) -> Result<Option<StoredPushAddress>>;
}

/// Where phones are woken, written.
pub trait WritePushAddresses {
    /// Puts an address in the place of the device's earlier one.
    fn put_push_address(&self, address: &StoredPushAddress) -> Result<()>;
    /// Removes the address of a device.
    fn delete_push_address(&self, token: TokenId, device: &KeyHash) -> Result<()>;
    /// Removes the addresses of a token's other devices, of all where it has none.
    fn keep_push_address_of(&self, token: TokenId, device: Option<&KeyHash>) -> Result<()>;
}
