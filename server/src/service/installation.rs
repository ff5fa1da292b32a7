//! The installation: where its address, its TLS authority and its keys are kept between starts, so that `admin` commands
//! beside a running server give out tickets for that server.

use jiff::Timestamp;
use symbolon_core::activation::ServerAddress;
use symbolon_core::signed::KeyHash;

use super::audit::Entry;
use super::keyring::{MasterKey, Place};
use super::{Actor, Keyring, Service, ServiceError};
use crate::storage::{Snapshot, StorageError, Store, Transaction};

const ADDRESS: &str = "address";
const TLS: &str = "tls";
const NEXT_MADE_AT: &str = "tls_next_made_at";

/// What the last start of the server wrote down of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// The address that phones use.
    pub address: Option<ServerAddress>,
    /// The hash of the key of its own TLS authority, where it has one.
    pub tls: Option<KeyHash>,
}

/// What the last start of the server wrote down of itself.
///
/// # Errors
/// The store's.
pub fn announced(snapshot: &dyn Snapshot) -> Result<Announced, StorageError> {
    let text = |key| -> Result<Option<String>, StorageError> {
        let bytes = snapshot.meta(key)?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| StorageError::Damaged("address"))).transpose()
    };
    Ok(Announced {
        address: text(ADDRESS)?.and_then(|address| address.parse().ok()),
        tls: text(TLS)?.and_then(|tls| tls.parse().ok()),
    })
}

/// Writes down what phones are to be told of this server, unless it says so already.
///
/// # Errors
/// The store's.
pub async fn announce(store: &Store, now: Announced) -> Result<(), ServiceError> {
    if store.read(|snapshot| announced(snapshot))? == now {
        return Ok(());
    }
    store
        .write(move |transaction| {
            let address = now.address.map(|address| address.to_string()).unwrap_or_default();
            transaction.set_meta(ADDRESS, address.as_bytes())?;
            let tls = now.tls.map(|tls| tls.to_string()).unwrap_or_default();
            Ok(transaction.set_meta(TLS, tls.as_bytes())?)
        })
        .await
}

/// The server's own TLS authority: its certificates (PEM) and its private key (PEM).
#[derive(Debug)]
pub struct Authority {
    /// Its certificate; and where it has followed another one, that one's for it, and of itself.
    pub certificates: String,
    /// The key. It never leaves the server.
    pub key: zeroize::Zeroizing<String>,
}

/// Where an authority is kept.
#[derive(Debug, Clone, Copy)]
pub struct AuthorityRow {
    certificates: &'static str,
    key: &'static str,
}

impl AuthorityRow {
    /// The one in use.
    pub const CURRENT: Self = Self { certificates: "tls_authority", key: "tls_authority_key" };
    /// The one that is to follow.
    pub const NEXT: Self = Self { certificates: "tls_next", key: "tls_next_key" };
}

/// An authority that was stored, if there is one.
///
/// # Errors
/// [`ServiceError::Sealed`] when its key can't be opened.
pub fn stored_authority(
    snapshot: &dyn Snapshot,
    keyring: &Keyring,
    row: AuthorityRow,
) -> Result<Option<Authority>, ServiceError> {
    let Some(certificates) = stored_certificates(snapshot, row)? else { return Ok(None) };
    let key = snapshot.meta(row.key)?.ok_or(ServiceError::Sealed)?;
    let key = keyring.open_sealed(Place::Meta(row.key), &key)?;
    let key = String::from_utf8(key.expose().to_vec()).map_err(|_| ServiceError::Sealed)?;
    Ok(Some(Authority { certificates, key: key.into() }))
}

/// The certificates of an authority that was stored, if there is one.
///
/// # Errors
/// The store's.
pub fn stored_certificates(snapshot: &dyn Snapshot, row: AuthorityRow) -> Result<Option<String>, StorageError> {
    // Nothing is removed from these values: an authority that has become another is left empty.
    let stored = snapshot.meta(row.certificates)?.filter(|stored| !stored.is_empty());
    stored.map(|stored| String::from_utf8(stored).map_err(|_| StorageError::Damaged("certificate"))).transpose()
}

pub(super) fn put_authority(
    transaction: &dyn Transaction,
    keyring: &Keyring,
    row: AuthorityRow,
    authority: &Authority,
) -> Result<(), ServiceError> {
    transaction.set_meta(row.certificates, authority.certificates.as_bytes())?;
    let key = keyring.seal(Place::Meta(row.key), authority.key.as_bytes());
    Ok(transaction.set_meta(row.key, &key)?)
}

/// When the authority was made that is to follow.
pub(super) fn next_made_at(snapshot: &dyn Snapshot) -> Result<Timestamp, StorageError> {
    const DAMAGED: StorageError = StorageError::Damaged("time");
    let millis = snapshot.meta(NEXT_MADE_AT)?.and_then(|bytes| bytes.try_into().ok()).ok_or(DAMAGED)?;
    Timestamp::from_millisecond(i64::from_be_bytes(millis)).map_err(|_| DAMAGED)
}

pub(super) fn set_next_made_at(transaction: &dyn Transaction, now: Timestamp) -> Result<(), StorageError> {
    transaction.set_meta(NEXT_MADE_AT, &now.as_millisecond().to_be_bytes())
}

/// Takes the authority into use that was to follow; phones are told of `pin` from now on.
pub(super) fn take_next(
    transaction: &dyn Transaction,
    keyring: &Keyring,
    next: &Authority,
    pin: &KeyHash,
) -> Result<(), ServiceError> {
    put_authority(transaction, keyring, AuthorityRow::CURRENT, next)?;
    transaction.set_meta(AuthorityRow::NEXT.certificates, b"")?;
    transaction.set_meta(AuthorityRow::NEXT.key, b"")?;
    Ok(transaction.set_meta(TLS, pin.to_string().as_bytes())?)
}

/// The authority that is stored; stores the one that `make` makes where there is none, unless another node was faster.
///
/// # Errors
/// Those of `make`, and the store's.
pub async fn authority<E: From<ServiceError>>(
    store: &Store,
    keyring: &std::sync::Arc<Keyring>,
    make: impl FnOnce() -> Result<Authority, E>,
) -> Result<Authority, E> {
    if let Some(stored) = store.read(|snapshot| stored_authority(snapshot, keyring, AuthorityRow::CURRENT))? {
        return Ok(stored);
    }
    let (made, keyring) = (make()?, std::sync::Arc::clone(keyring));
    let kept = store.write(move |transaction| {
        if let Some(stored) = stored_authority(transaction, &keyring, AuthorityRow::CURRENT)? {
            return Ok(stored);
        }
        put_authority(transaction, &keyring, AuthorityRow::CURRENT, &made)?;
        Ok::<_, ServiceError>(made)
    });
    Ok(kept.await?)
}

impl Service {
    /// Gives the installation another master key. A running server is not concerned: it has the data key.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when `old` is not the installation's.
    pub async fn rotate_master_key(&self, actor: Actor, old: MasterKey, new: MasterKey) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                Keyring::rotate_master(transaction, &old, &new)?;
                Entry::new("key.rotated").detail("key", "master").append(transaction, &actor, now)
            })
            .await
    }
}
