//! The operating system's key store.

use keyring::{Entry, Error};
use symbolon_client::platform::KeysError;
use symbolon_client::platform::software::KeyStore;
use symbolon_core::secret::SecretBytes;

/// Secret Service, Keychain or Credential Manager.
pub(crate) struct SystemKeyStore;

const SERVICE: &str = "symbolon";

impl SystemKeyStore {
    fn entry(name: &str) -> Result<Entry, KeysError> {
        Entry::new(SERVICE, name).map_err(|error| match Entry::store_status() {
            Err(cause) => unavailable(cause),
            Ok(()) => unavailable(&error),
        })
    }
}

impl KeyStore for SystemKeyStore {
    fn get(&self, name: &str) -> Result<Option<SecretBytes>, KeysError> {
        match Self::entry(name)?.get_secret() {
            Ok(bytes) => Ok(Some(SecretBytes::take(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn set(&self, name: &str, bytes: &SecretBytes) -> Result<(), KeysError> {
        Self::entry(name)?.set_secret(bytes.expose()).map_err(|error| unavailable(&error))
    }

    fn delete(&self, name: &str) -> Result<(), KeysError> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// Says what to do. The error's own text names no secret: those that hold one do not show it.
fn unavailable(error: &Error) -> KeysError {
    KeysError::Unavailable(format!(
        "the operating system's key store can't be used ({error}); on a machine without one, such as a server without \
         a desktop, use --key-store file, which keeps the keys in files"
    ))
}
