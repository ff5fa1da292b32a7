//! The way back after a forgotten PIN: the server's code for the account's challenge opens the vault for a new PIN, and
//! for nothing else.

use symbolon_core::policy::PinLength;
use symbolon_core::vault::{ChosenPin, UnlockCode, UnlockedVault, VaultError};

use super::{Account, Loaded, of_vault, off_thread};
use crate::Error;

/// An account that an unlock code has opened. Dropping it leaves everything as it was, and the code good.
#[derive(Debug)]
pub struct UnlockedAccount {
    account: Account,
    vault: UnlockedVault,
    file: Vec<u8>,
}

impl Account {
    /// Opens the vault by the server's code for [`AccountStatus::lock_challenge`](super::AccountStatus), whether the
    /// tries are used up or not. Wrong codes are not counted: nobody guesses 80 bits.
    ///
    /// # Errors
    /// [`Error::WrongUnlockCode`]; [`Error::UnsecureDevice`]; [`Error::NoUnlockCode`] when no PIN opens the account.
    pub async fn unlock_with_code(&self, code: UnlockCode) -> Result<UnlockedAccount, Error> {
        self.reread()?.pass_gate().await?;
        let lock = self.files.lock().await?;
        let Loaded { account, vault, file } = Self::load(self.soft_token.clone(), self.files.clone())?;
        let keys = account.keys()?;
        let attempt = off_thread(move || vault.attempt_unlock(&code)).await?;
        let attempt = attempt.map_err(|error| account.of_unlock(error))?;
        let output = account.hardware().prf(&keys.pin(), attempt.prf_input()).await;
        let output = output.map_err(Error::of_keys(account.header.serial))?;
        let vault = attempt.finish(output).map_err(|error| account.of_unlock(error))?;
        drop(lock);
        // Authentic now.
        account.pass_gate_by(&vault.header().policy).await?;
        Ok(UnlockedAccount { account, vault, file })
    }

    fn of_unlock(&self, error: VaultError) -> Error {
        match error {
            VaultError::WrongUnlockCode => Error::WrongUnlockCode,
            VaultError::NoSuchSlot => Error::NoUnlockCode(self.header.serial),
            error => of_vault(&self.files, error),
        }
    }
}

impl UnlockedAccount {
    /// How long the new PIN must be.
    #[must_use]
    pub fn pin_length(&self) -> PinLength {
        self.vault.header().policy.pin_length
    }

    /// Sets the new PIN, gives back all tries, and writes the slot of the next unlock code: this one is used up then.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program changed the vault meanwhile; [`Error::KeyStore`], [`Error::Storage`]. The
    /// code is still good then.
    pub async fn set_pin(self, pin: ChosenPin) -> Result<(), Error> {
        let Self { account, vault, file } = self;
        let parts = account.soft_token.parts();
        let (environment, cost) = (parts.environment.clone(), parts.pin_cost);
        let setting = off_thread(move || vault.set_pin(&pin, cost, &mut *environment.rng())).await?;
        account.finish_pin(setting, &file).await
    }
}
