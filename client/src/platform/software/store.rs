//! Where software keys are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use symbolon_core::secret::SecretBytes;

use crate::files::{Files, erase, replace};
use crate::platform::KeysError;

/// Keeps bytes by name. Once a call returns, what it did lasts.
pub trait KeyStore: Send + Sync {
    /// The bytes of that name; `None` when there are none.
    ///
    /// # Errors
    /// [`KeysError::Unavailable`] says what to do.
    fn get(&self, name: &str) -> Result<Option<SecretBytes>, KeysError>;

    /// Keeps bytes, in place of those that had the name.
    ///
    /// # Errors
    /// [`KeysError::Unavailable`] says what to do.
    fn set(&self, name: &str, bytes: &SecretBytes) -> Result<(), KeysError>;

    /// Forgets bytes; nothing happens when there are none of that name.
    ///
    /// # Errors
    /// [`KeysError::Unavailable`] says what to do.
    fn delete(&self, name: &str) -> Result<(), KeysError>;
}

/// Keys in files that only their owner can read.
pub struct FileKeyStore {
    files: Arc<dyn Files>,
    directory: PathBuf,
}

impl FileKeyStore {
    /// Keeps each key in a file of its own in `directory`, which is made with the first one.
    #[must_use]
    pub fn new(files: Arc<dyn Files>, directory: PathBuf) -> Self {
        Self { files, directory }
    }

    fn unavailable(&self, error: &std::io::Error) -> KeysError {
        KeysError::Unavailable(format!("the key store {} can't be used: {error}", self.directory.display()))
    }
}

impl KeyStore for FileKeyStore {
    fn get(&self, name: &str) -> Result<Option<SecretBytes>, KeysError> {
        let content = self.files.read(&self.directory.join(name)).map_err(|error| self.unavailable(&error))?;
        Ok(content.map(SecretBytes::take))
    }

    fn set(&self, name: &str, bytes: &SecretBytes) -> Result<(), KeysError> {
        self.files
            .create_directory(&self.directory)
            .and_then(|()| replace(&*self.files, &self.directory.join(name), bytes.expose()))
            .map_err(|error| self.unavailable(&error))
    }

    fn delete(&self, name: &str) -> Result<(), KeysError> {
        let path = self.directory.join(name);
        let there = self.files.read(&path).map_err(|error| self.unavailable(&error))?.is_some();
        if there { erase(&*self.files, &path).map_err(|error| self.unavailable(&error)) } else { Ok(()) }
    }
}

/// Keys in memory, for tests.
#[derive(Default)]
pub struct MemoryKeyStore(Mutex<BTreeMap<String, SecretBytes>>);

impl MemoryKeyStore {
    /// The names of all keys.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.keys().keys().cloned().collect()
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, SecretBytes>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl KeyStore for MemoryKeyStore {
    fn get(&self, name: &str) -> Result<Option<SecretBytes>, KeysError> {
        Ok(self.keys().get(name).map(SecretBytes::duplicate))
    }

    fn set(&self, name: &str, bytes: &SecretBytes) -> Result<(), KeysError> {
        self.keys().insert(name.to_owned(), bytes.duplicate());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), KeysError> {
        self.keys().remove(name);
        Ok(())
    }
}
