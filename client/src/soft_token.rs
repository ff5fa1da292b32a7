//! The soft token of one person on one device: its accounts, and the way to a new one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use symbolon_core::activation::offline::OfflineTicket;
use symbolon_core::activation::offline::phone::Begun;
use symbolon_core::activation::{ActivationPassword, OfflinePassword, ServerAddress, Ticket};
use symbolon_core::approval::ChallengeId;
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::Cost;
use tokio::sync::watch;

use crate::account::Account;
use crate::account::access::AccessTokens;
use crate::activation::{self, Activation, offline};
use crate::environment::Environment;
use crate::events::Events;
use crate::network::Network;
use crate::platform::Platform;
use crate::store::{AccountFiles, KeySet, Store};
use crate::{Error, ErrorKind};

/// All accounts of one home folder. Clones are the same soft token.
#[derive(Clone)]
pub struct SoftToken(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) environment: Environment,
    pub(crate) pin_cost: Cost,
    pub(crate) access: AccessTokens,
    /// The labels of keys of biometrics that the system was found to have destroyed: their slots go when the vault is next
    /// opened.
    lost_biometrics: Mutex<HashSet<String>>,
    /// Changes when something has happened here of which whoever listens to events should know.
    stirred: watch::Sender<()>,
    /// The challenges that were answered here and that no event has told of yet.
    answered: Mutex<HashSet<ChallengeId>>,
}

impl Parts {
    /// Has every [`Events`] look at once.
    pub(crate) fn stir(&self) {
        self.stirred.send_replace(());
    }

    pub(crate) fn stirred(&self) -> watch::Receiver<()> {
        self.stirred.subscribe()
    }

    /// Whether somebody listens to events.
    pub(crate) fn is_watched(&self) -> bool {
        self.stirred.receiver_count() > 0
    }

    pub(crate) fn answered(&self) -> MutexGuard<'_, HashSet<ChallengeId>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lost_biometrics(&self) -> MutexGuard<'_, HashSet<String>> {
        self.lost_biometrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An account's files, and what they hold if they can be read.
type ReadAccount = (AccountFiles, Result<Account, Error>);

impl SoftToken {
    /// Opens a home folder, and cleans up what activations left that did not end.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn open(
        store: Store,
        platform: Platform,
        network: Arc<dyn Network>,
        environment: Environment,
    ) -> Result<Self, Error> {
        Self::open_with_cost(store, platform, network, environment, Cost::STANDARD).await
    }

    /// Like [`SoftToken::open`], with another cost of trying a PIN, for new PINs: tests need not wait.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn open_with_cost(
        store: Store,
        platform: Platform,
        network: Arc<dyn Network>,
        environment: Environment,
        pin_cost: Cost,
    ) -> Result<Self, Error> {
        let soft_token = Self(Arc::new(Parts {
            store,
            platform,
            network,
            environment,
            pin_cost,
            access: AccessTokens::default(),
            lost_biometrics: Mutex::default(),
            stirred: watch::Sender::new(()),
            answered: Mutex::default(),
        }));
        match soft_token.sweep().await {
            // A key store that can't be used now is no reason not to show what is there; the keys stay noted down.
            Err(error) if error.kind() != ErrorKind::Internal => tracing::warn!(%error, "old keys are still there"),
            other => other?,
        }
        Ok(soft_token)
    }

    /// Begins an activation: everything up to the point at which the person is asked.
    ///
    /// # Errors
    /// [`Error`] says what; the ticket can be used again unless it is used up.
    pub async fn activate(&self, ticket: Ticket) -> Result<Activation, Error> {
        self.sweep().await?;
        activation::begin(self, ticket).await
    }

    /// Begins an activation without a network, by a QR and the password that came another way.
    ///
    /// # Errors
    /// [`Error::TooLate`], [`Error::UnsecureDevice`]; [`Error::NotCompleted`] and [`Error::AlreadyActive`] when the token
    /// is here.
    pub async fn activate_offline(
        &self,
        ticket: OfflineTicket,
        password: &OfflinePassword,
    ) -> Result<offline::Proposed, Error> {
        self.sweep().await?;
        let begun = Begun::scanned(&mut *self.parts().environment.rng(), ticket, password);
        offline::begin(self, begun)
    }

    /// Begins an activation without a network, by what a person types: serial number and activation code, and the
    /// server's address where it is known.
    ///
    /// # Errors
    /// Those of [`SoftToken::activate_offline`].
    pub async fn activate_typed(
        &self,
        server: Option<ServerAddress>,
        serial: SerialNumber,
        password: &ActivationPassword,
    ) -> Result<offline::Proposed, Error> {
        self.sweep().await?;
        let begun = Begun::typed(&mut *self.parts().environment.rng(), server, serial, password);
        offline::begin(self, begun)
    }

    /// Every account, active or still to be confirmed, but for those that can't be read.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn accounts(&self) -> Result<Vec<Account>, Error> {
        Ok(self.read_accounts()?.into_iter().filter_map(|(_, account)| account.ok()).collect())
    }

    /// The serial numbers of accounts whose vaults can't be read, and why: all that can be done is to remove them.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn damaged_accounts(&self) -> Result<Vec<(SerialNumber, Error)>, Error> {
        let accounts = self.read_accounts()?.into_iter();
        Ok(accounts.filter_map(|(files, account)| Some((files.serial()?, account.err()?))).collect())
    }

    /// The account of a token, or the only one.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`], [`Error::NoToken`], [`Error::WhichToken`], [`Error::Damaged`], [`Error::Later`],
    /// [`Error::Storage`].
    pub fn account(&self, serial: Option<SerialNumber>) -> Result<Account, Error> {
        let mut accounts = self.read_accounts()?;
        accounts.retain(|(files, _)| serial.is_none() || files.serial() == serial);
        match (accounts.pop(), accounts.is_empty(), serial) {
            (Some((_, account)), true, _) => account,
            (Some(_), false, _) => Err(Error::WhichToken),
            (None, _, Some(serial)) => Err(Error::NoSuchToken(serial)),
            (None, _, None) => Err(Error::NoToken),
        }
    }

    /// Removes every account of a token and its keys from this device, damaged ones too.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`], and those of [`Account::remove`].
    pub async fn remove(&self, serial: SerialNumber) -> Result<(), Error> {
        let mut accounts = self.parts().store.accounts()?;
        accounts.retain(|files| files.serial() == Some(serial));
        if accounts.is_empty() {
            return Err(Error::NoSuchToken(serial));
        }
        for files in accounts {
            self.remove_files(&files).await?;
        }
        Ok(())
    }

    /// What happens to the accounts from now on, until the answer is dropped. Within a tokio runtime.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::of(self.clone())
    }

    /// Has everybody who listens to [`SoftToken::events`] ask the servers at once: the device was woken, or the app came to
    /// the front.
    pub fn look_now(&self) {
        self.parts().stir();
    }

    /// Asks the platform where this device is woken, and tells each server that has not acknowledged it. To be called at
    /// each start, and when the push service says that an address has changed; [`SoftToken::events`] does it too, again and
    /// again until every server has acknowledged.
    ///
    /// # Errors
    /// The first one; the other servers are told all the same.
    pub async fn renew_push_addresses(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for account in self.accounts()? {
            if account.header().online().is_some_and(|online| online.pending.is_none()) {
                outcome = outcome.and(account.renew_push_address().await.map(drop));
            }
        }
        outcome
    }

    /// The platform that it was opened on.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.parts().platform
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    fn read_accounts(&self) -> Result<Vec<ReadAccount>, Error> {
        let files = self.parts().store.accounts()?.into_iter();
        Ok(files.map(|files| (files.clone(), Account::read(self.clone(), files))).collect())
    }

    /// Removes an account: its keys are noted down first, since nothing names them once it is gone.
    pub(crate) async fn remove_files(&self, files: &AccountFiles) -> Result<(), Error> {
        let lock = files.lock().await?;
        let keys = files.keys()?;
        let noted = keys.map(|set| self.parts().store.loosen(&set)).transpose()?;
        files.remove()?;
        drop((lock, noted));
        self.parts().stir();
        self.sweep().await
    }

    /// Deletes the keys that belong to no account.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let store = &self.parts().store;
        // Locked first and looked up then: whoever had the lock before may just have written the vault.
        for (set, _lock) in store.loose_sets()? {
            match self.owner(&set)? {
                Some(files) => {
                    // It may have been opened in other ways before: a copy of its old file must not be, any more.
                    if let Ok(account) = Account::read(self.clone(), files) {
                        self.delete_keys(&account.keys_without_slot(&set)).await?;
                    }
                }
                None => self.delete_keys(&set.labels()).await?,
            }
            store.settle(&set)?;
        }
        store.clear_remains()
    }

    /// The account that has a set of keys.
    fn owner(&self, set: &KeySet) -> Result<Option<AccountFiles>, Error> {
        for files in self.parts().store.accounts()? {
            if files.keys()?.as_ref() == Some(set) {
                return Ok(Some(files));
            }
        }
        Ok(None)
    }

    /// Deletes keys of a set that is noted down as loose.
    pub(crate) async fn delete_keys(&self, labels: &[String]) -> Result<(), Error> {
        for label in labels {
            let deleted = self.parts().platform.keys.delete(label).await;
            deleted.map_err(|error| Error::KeyStore(error.to_string()))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for SoftToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftToken").field("store", &self.parts().store).finish_non_exhaustive()
    }
}
