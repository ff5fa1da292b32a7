//! Where the accounts are on disk, and which keys belong to none of them.
//!
//! ```text
//! HOME/accounts/<serial>-<first 16 hex digits of the identity key's hash, or “typed” where it is not known>/
//!     vault     the sealed file; the account exists once it is there, so it is written last and removed first
//!     keys      the name of its set of keys in the key store
//!     tries     how many PINs were tried; outside the vault, since it is written before each try
//!     push      which push address the server was told, and when
//!     clock     how far the device's clock is off, and when the server was last asked
//!     history   what was asked and decided, sealed under a key of the vault's
//!     lock      held while any of these is written
//! HOME/loose-keys/<key set>    a set of keys that may belong to no account: written before the keys are made, and
//!                              before an account that has them is removed; held locked by the process that is at it
//! ```
//!
//! After a power loss at any step, [`crate::SoftToken::open`] finds every set of keys that has no vault by its file in
//! `loose-keys` and deletes it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use symbolon_core::CryptoRngCore;
use symbolon_core::encoding::Bytes;
use symbolon_core::policy::{PhonePolicy, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::KeyHash;
use symbolon_core::vault::Tries;

use crate::Error;
use crate::files::{Disk, Files, Lock, erase, replace};

/// The home folder of a soft token.
#[derive(Clone)]
pub struct Store {
    files: Arc<dyn Files>,
    root: PathBuf,
}

impl Store {
    /// A folder of this machine; made, for its owner only, if it is not there.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::with_files(Arc::new(Disk), root)
    }

    /// A folder of any file system: with a [`crate::files::SimulatedDisk`] a test cuts the power at each step.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn with_files(files: Arc<dyn Files>, root: impl Into<PathBuf>) -> Result<Self, Error> {
        let store = Self { files, root: root.into() };
        for directory in [&store.root, &store.accounts_directory(), &store.loose_keys()] {
            store.files.create_directory(directory).map_err(storage(directory))?;
        }
        Ok(store)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is no account.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.accounts()?.is_empty())
    }

    /// Every account that has a vault.
    pub(crate) fn accounts(&self) -> Result<Vec<AccountFiles>, Error> {
        let directory = self.accounts_directory();
        let names = self.files.list(&directory).map_err(storage(&directory))?;
        let mut accounts = Vec::new();
        for name in names {
            let account = AccountFiles { files: Arc::clone(&self.files), directory: directory.join(name) };
            if account.vault()?.is_some() {
                accounts.push(account);
            }
        }
        Ok(accounts)
    }

    /// Where the account of a token of a server is, or will be.
    pub(crate) fn account(&self, serial: SerialNumber, identity: Option<&KeyHash>) -> AccountFiles {
        let start = identity.and_then(|identity| identity.as_slice().first_chunk::<8>());
        let server = start.map_or_else(|| "typed".to_owned(), |start| HEXLOWER.encode(start));
        let directory = self.accounts_directory().join(format!("{serial}-{server}"));
        AccountFiles { files: Arc::clone(&self.files), directory }
    }

    /// Clears away what a removal or an activation that was cut off left of accounts without a vault.
    pub(crate) fn clear_remains(&self) -> Result<(), Error> {
        let directory = self.accounts_directory();
        for name in self.files.list(&directory).map_err(storage(&directory))? {
            let account = AccountFiles { files: Arc::clone(&self.files), directory: directory.join(name) };
            if account.vault()?.is_some() {
                continue;
            }
            // Another process may be writing it; then it has the lock.
            let path = account.path("lock");
            let lock = self.files.try_lock(&path).map_err(storage(&path))?;
            if lock.is_some() && account.vault()?.is_none() {
                account.remove()?;
            }
        }
        Ok(())
    }

    /// Notes down a set of keys before it is made, or before its account is removed; held until the answer is dropped.
    pub(crate) fn loosen(&self, set: &KeySet) -> Result<Lock, Error> {
        let path = self.loose_keys().join(&set.0);
        // The name is all that counts, but it must last before the first key is made.
        let lock = self.files.try_lock(&path).map_err(storage(&path))?.ok_or(Error::Busy)?;
        replace(&*self.files, &path.with_extension("set"), b"").map_err(storage(&path))?;
        Ok(lock)
    }

    /// The sets that may belong to no account, but for those that another process is at.
    pub(crate) fn loose_sets(&self) -> Result<Vec<(KeySet, Lock)>, Error> {
        let directory = self.loose_keys();
        let mut sets = Vec::new();
        for name in self.files.list(&directory).map_err(storage(&directory))? {
            let Some(set) = name.strip_suffix(".set").and_then(KeySet::parse) else { continue };
            let path = directory.join(&set.0);
            if let Some(lock) = self.files.try_lock(&path).map_err(storage(&path))? {
                sets.push((set, lock));
            }
        }
        Ok(sets)
    }

    /// Forgets a set: its keys are deleted, or an account has them.
    pub(crate) fn settle(&self, set: &KeySet) -> Result<(), Error> {
        let path = self.loose_keys().join(&set.0);
        self.files.remove(&path).map_err(storage(&path))?;
        erase(&*self.files, &path.with_extension("set")).map_err(storage(&path))
    }

    fn accounts_directory(&self) -> PathBuf {
        self.root.join("accounts")
    }

    fn loose_keys(&self) -> PathBuf {
        self.root.join("loose-keys")
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

/// Names the keys that one activation made: their labels in the key store begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeySet(String);

impl KeySet {
    /// Reads the name of a set; `None` for anything else that may lie in the folder.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let fits = name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(name.to_owned()))
    }

    /// A name for the keys of a new activation.
    pub(crate) fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        let mut name = [0; 16];
        rng.fill_bytes(&mut name);
        Self(HEXLOWER.encode(&name))
    }

    /// The key that signs.
    pub(crate) fn device(&self) -> String {
        format!("{}.device", self.0)
    }

    /// The key whose pseudo-random function the PIN goes through.
    pub(crate) fn pin(&self) -> String {
        format!("{}.pin", self.0)
    }

    /// The key that seals the vault key where there is no PIN.
    pub(crate) fn slot(&self) -> String {
        format!("{}.slot", self.0)
    }

    /// The key that seals the vault key for biometrics.
    pub(crate) fn biometric(&self) -> String {
        format!("{}.biometric", self.0)
    }

    /// The labels of all keys that a set may have.
    pub(crate) fn labels(&self) -> [String; 4] {
        [self.device(), self.pin(), self.slot(), self.biometric()]
    }
}

/// The files of one account.
#[derive(Clone)]
pub(crate) struct AccountFiles {
    files: Arc<dyn Files>,
    directory: PathBuf,
}

/// How long to wait for another process that uses the same account.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// How often an account's folder is emptied again because something came into it meanwhile.
const REMOVAL_TRIES: u32 = 1000;

impl AccountFiles {
    /// Makes the folder, for what is not yet there.
    pub(crate) fn create(&self) -> Result<(), Error> {
        self.files.create_directory(&self.directory).map_err(storage(&self.directory))
    }

    /// Waits until nobody else, in this process or another, uses the account.
    pub(crate) async fn lock(&self) -> Result<Lock, Error> {
        let path = self.path("lock");
        for _ in 0..LOCK_TRIES {
            match self.files.try_lock(&path).map_err(storage(&path))? {
                Some(lock) => return Ok(lock),
                None => tokio::time::sleep(LOCK_PAUSE).await,
            }
        }
        Err(Error::Busy)
    }

    /// The token, as the directory's name says it.
    pub(crate) fn serial(&self) -> Option<SerialNumber> {
        self.directory.file_name()?.to_str()?.rsplit_once('-')?.0.parse().ok()
    }

    pub(crate) fn vault(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read("vault")
    }

    pub(crate) fn write_vault(&self, bytes: &[u8]) -> Result<(), Error> {
        self.write("vault", bytes)
    }

    /// The names of its keys; `None` when that is lost, and the keys with it.
    pub(crate) fn keys(&self) -> Result<Option<KeySet>, Error> {
        Ok(self.read("keys")?.and_then(|name| KeySet::parse(std::str::from_utf8(&name).ok()?)))
    }

    pub(crate) fn write_keys(&self, set: &KeySet) -> Result<(), Error> {
        self.write("keys", set.0.as_bytes())
    }

    pub(crate) fn tries(&self) -> Result<Tries, Error> {
        Ok(Tries::parse(&self.read("tries")?.unwrap_or_default()))
    }

    pub(crate) fn write_tries(&self, file: &[u8]) -> Result<(), Error> {
        self.write("tries", file)
    }

    /// What is known of the server's clock; nothing, when that is damaged.
    pub(crate) fn clock(&self) -> Result<ClockState, Error> {
        Ok(self.read("clock")?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    pub(crate) fn write_clock(&self, state: &ClockState) -> Result<(), Error> {
        let bytes = serde_json::to_vec(state).map_err(|_| Error::Protocol("the clock has no JSON form"))?;
        self.write("clock", &bytes)
    }

    /// Changes what is known of the server's clock and policy: what that is by now, since others ask it, too.
    pub(crate) async fn change_clock(&self, change: impl FnOnce(ClockState) -> ClockState) -> Result<(), Error> {
        let _lock = self.lock().await?;
        self.write_clock(&change(self.clock()?))
    }

    /// The sealed history; empty where there is none.
    pub(crate) fn history(&self) -> Result<Vec<u8>, Error> {
        Ok(self.read("history")?.unwrap_or_default())
    }

    pub(crate) fn write_history(&self, sealed: &[u8]) -> Result<(), Error> {
        self.write("history", sealed)
    }

    /// What the server was told of where this device is woken; nothing, when that is damaged.
    pub(crate) fn told(&self) -> Result<Option<Told>, Error> {
        Ok(self.read("push")?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub(crate) async fn note_told(&self, told: &Told) -> Result<(), Error> {
        let bytes = serde_json::to_vec(told).map_err(|_| Error::Protocol("a push address has no JSON form"))?;
        let _lock = self.lock().await?;
        self.write("push", &bytes)
    }

    /// Removes the vault, and with it the account; what else there is counts for nothing then.
    pub(crate) fn erase_vault(&self) -> Result<(), Error> {
        self.erase("vault")
    }

    /// Removes what was noted down for an earlier activation: another device key, or another vault key.
    pub(crate) fn erase_notes(&self) -> Result<(), Error> {
        for name in ["push", "history"] {
            self.erase(name)?;
        }
        Ok(())
    }

    /// Removes the account with all of its files, the vault first. What is asked in passing may still note something down
    /// meanwhile, such as the server's time; that goes too.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        self.erase_vault()?;
        let mut tries = REMOVAL_TRIES;
        loop {
            for name in self.files.list(&self.directory).map_err(storage(&self.directory))? {
                self.files.remove(&self.path(&name)).map_err(storage(&self.directory))?;
            }
            match self.files.remove_directory(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries > 0 => tries -= 1,
                removed => return removed.map_err(storage(&self.directory)),
            }
        }
    }

    /// The vault's path, for messages about it.
    pub(crate) fn vault_path(&self) -> PathBuf {
        self.path("vault")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        self.files.read(&path).map_err(storage(&path))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        replace(&*self.files, &path, bytes).map_err(storage(&path))
    }

    fn erase(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        erase(&*self.files, &path).map_err(storage(&path))
    }
}

impl fmt::Debug for AccountFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountFiles").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// What the server was last told of where this device is woken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The SHA-256 of the address; `None` when it was told that there is none.
    pub(crate) address: Option<Bytes<32>>,
    /// Whether the server wakes it there.
    pub(crate) woken: bool,
    /// When, by this device's clock.
    pub(crate) at: Timestamp,
}

/// What an account knows of its server's clock and policy, and of the last times that it asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClockState {
    /// The server's clock is ahead of this device's by so many milliseconds.
    pub(crate) offset: i64,
    /// When the server last answered, by this device's clock.
    pub(crate) last_contact: Option<Timestamp>,
    /// When it was last asked, by this device's clock.
    pub(crate) last_try: Option<Timestamp>,
    /// Why it did not answer when it was last asked.
    pub(crate) last_failure: Option<String>,
    /// The version of the policy that it had then.
    pub(crate) policy_version: Option<PolicyVersion>,
    /// That policy.
    pub(crate) policy: Option<PhonePolicy>,
}

impl ClockState {
    /// What is known after the server said that it is `server` o'clock, while it was `here` on this device.
    pub(crate) fn after_contact(
        server: Timestamp,
        here: Timestamp,
        policy_version: PolicyVersion,
        policy: PhonePolicy,
    ) -> Self {
        Self {
            offset: server.as_millisecond().saturating_sub(here.as_millisecond()),
            last_contact: Some(here),
            last_try: Some(here),
            last_failure: None,
            policy_version: Some(policy_version),
            policy: Some(policy),
        }
    }

    /// What is known after an answer to a question that was asked when a policy of version `known` was. Of another policy
    /// that was heard of since then, the newer one counts: answers need not come in the order of their questions.
    pub(crate) fn hear(self, answer: Self, known: Option<PolicyVersion>) -> Self {
        if self.policy_version != known && self.policy_version > answer.policy_version {
            Self { policy_version: self.policy_version, policy: self.policy, ..answer }
        } else {
            answer
        }
    }

    /// The policy that the server had, where it is newer than one of this version.
    pub(crate) fn policy_after(self, version: PolicyVersion) -> Option<(PolicyVersion, PhonePolicy)> {
        self.policy_version.filter(|heard| *heard > version).zip(self.policy)
    }

    /// The server's time when it is `here` on this device.
    pub(crate) fn corrected(&self, here: Timestamp) -> Timestamp {
        here.checked_add(SignedDuration::from_millis(self.offset)).unwrap_or(here)
    }
}

/// For `map_err` on what the disk says.
fn storage(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Storage { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::files::SimulatedDisk;

    #[test]
    fn loose_keys_are_found_again_unless_somebody_is_at_them() {
        let store = Store::with_files(Arc::new(SimulatedDisk::new()), "/home").unwrap();
        let set = KeySet::generate(&mut rand_core::OsRng);
        let held = store.loosen(&set).unwrap();
        assert!(store.loose_sets().unwrap().is_empty());
        drop(held);
        let found: Vec<_> = store.loose_sets().unwrap().into_iter().map(|(set, _)| set).collect();
        assert_eq!(found, std::slice::from_ref(&set));
        store.settle(&set).unwrap();
        assert!(store.loose_sets().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_is_used_by_one_at_a_time() {
        let store = Store::with_files(Arc::new(SimulatedDisk::new()), "/home").unwrap();
        let account = store.account("1234567890".parse().unwrap(), Some(&[0xab; 32].into()));
        assert!(account.directory.ends_with("12345-67890-abababababababab"));
        account.create().unwrap();
        let lock = account.lock().await.unwrap();
        assert!(matches!(account.lock().await.unwrap_err(), Error::Busy));
        let told = Told { address: None, woken: false, at: Timestamp::UNIX_EPOCH };
        assert!(matches!(account.note_told(&told).await.unwrap_err(), Error::Busy));
        assert!(matches!(account.change_clock(|clock| clock).await.unwrap_err(), Error::Busy));
        drop(lock);
        assert!(account.lock().await.is_ok());
    }

    #[test]
    fn an_account_goes_while_something_is_noted_down() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let account = store.account("1234567890".parse().unwrap(), None);
        let ended = AtomicBool::new(false);
        let removed = std::thread::scope(|threads| {
            // Somebody without the lock, as a contact in passing is.
            threads.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    drop(account.write_clock(&ClockState::default()));
                }
            });
            let removed = (0..200).try_for_each(|_| {
                store.files.create_directory(&account.directory).map_err(storage(&account.directory))?;
                account.write_vault(b"sealed")?;
                account.remove()
            });
            ended.store(true, Ordering::Relaxed);
            removed
        });
        removed.unwrap();
        assert!(store.accounts().unwrap().is_empty());
    }
}
