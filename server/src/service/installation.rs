//! The installation: where its address, its TLS authority and its keys are kept between starts, so that `admin` commands
//! beside a running server give out tickets for that server.

use symbolon_core::activation::ServerAddress;
use symbolon_core::signed::KeyHash;

use super::audit::Entry;
use super::keyring::{MasterKey, Place};
use super::{Actor, Keyring, Service, ServiceError};
use crate::storage::{StorageError, Store};

const ADDRESS: &str = "address";
const TLS: &str = "tls";
const AUTHORITY: &str = "tls_authority";
const AUTHORITY_KEY: &str = "tls_authority_key";

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
pub fn announced(store: &Store) -> Result<Announced, ServiceError> {
    store.read(|snapshot| {
        let text = |key| -> Result<Option<String>, StorageError> {
            let bytes = snapshot.meta(key)?;
            bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| StorageError::Damaged("address"))).transpose()
        };
        Ok(Announced {
            address: text(ADDRESS)?.and_then(|address| address.parse().ok()),
            tls: text(TLS)?.and_then(|tls| tls.parse().ok()),
        })
    })
}

/// Writes down what phones are to be told of this server, unless it says so already.
///
/// # Errors
/// The store's.
pub async fn announce(store: &Store, now: Announced) -> Result<(), ServiceError> {
    if announced(store)? == now {
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

/// The server's own TLS authority: its certificate (PEM) and its private key (PEM).
#[derive(Debug)]
pub struct Authority {
    /// The certificate.
    pub certificate: String,
    /// The key. It never leaves the server.
    pub key: zeroize::Zeroizing<String>,
}

/// The authority that was stored, if there is one.
///
/// # Errors
/// [`ServiceError::Sealed`] when its key can't be opened.
pub fn authority(store: &Store, keyring: &Keyring) -> Result<Option<Authority>, ServiceError> {
    store.read(|snapshot| {
        let (Some(certificate), Some(key)) = (snapshot.meta(AUTHORITY)?, snapshot.meta(AUTHORITY_KEY)?) else {
            return Ok(None);
        };
        let key = keyring.open_sealed(Place::Meta(AUTHORITY_KEY), &key)?;
        let certificate = String::from_utf8(certificate).map_err(|_| StorageError::Damaged("certificate"))?;
        let key = String::from_utf8(key.expose().to_vec()).map_err(|_| ServiceError::Sealed)?;
        Ok(Some(Authority { certificate, key: key.into() }))
    })
}

/// Stores a new authority, unless another node was faster; answers the one that is stored.
///
/// # Errors
/// The store's.
pub async fn keep_authority(store: &Store, keyring: &Keyring, made: Authority) -> Result<Authority, ServiceError> {
    let certificate = made.certificate.clone();
    let key = keyring.seal(Place::Meta(AUTHORITY_KEY), made.key.as_bytes());
    store
        .write(move |transaction| {
            if transaction.meta(AUTHORITY)?.is_none() {
                transaction.set_meta(AUTHORITY, certificate.as_bytes())?;
                transaction.set_meta(AUTHORITY_KEY, &key)?;
            }
            Ok::<_, ServiceError>(())
        })
        .await?;
    Ok(authority(store, keyring)?.unwrap_or(made))
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
