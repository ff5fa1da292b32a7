//! Biometrics as a second way into the vault. The key of their slot asks the person at each use, and the system destroys it
//! when a finger or face is added; then the PIN opens the vault as before, and they can be turned on again.
//!
//! They are turned on in this order: the hardware makes the key and seals with it, which asks the person; the server learns
//! the factor key that goes with it; the vault is written. Whatever stops that in between leaves the vault as it was, and a
//! key of the hardware that the next start deletes.

use symbolon_core::biometrics::{
    Biometric, BiometricsOff, BiometricsOn, BiometricsReply, BiometricsRequest, BiometricsUpdate,
};
use symbolon_core::moving::Proven;
use symbolon_core::vault::VaultError;

use super::{Account, Loaded, Session, of_vault};
use crate::Error;
use crate::files::Lock;
use crate::network::Patience;
use crate::platform::{KeyAccess, KeysError};

/// How an account fares with biometrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Biometrics {
    /// They open it.
    On,
    /// They can be turned on.
    Off,
    /// They open nothing.
    Unavailable(BiometricsOff),
}

impl Account {
    /// Whether biometrics open it, as far as the vault says without being opened.
    #[must_use]
    pub fn biometrics(&self) -> Biometrics {
        match self.policy().admit_biometrics(&self.recognisable()) {
            Ok(()) if self.has_biometrics => Biometrics::On,
            Ok(()) => Biometrics::Off,
            Err(reason) => Biometrics::Unavailable(reason),
        }
    }

    /// Opens the vault by a finger or face: the system asks the person, and shows `prompt`. The gates before it are those of
    /// [`Account::unlock`]; an account whose PIN tries are used up is locked for biometrics too.
    ///
    /// # Errors
    /// [`Error::BiometricsOff`], [`Error::BiometricsNotAllowed`]; [`Error::Cancelled`]; [`Error::BiometricsLocked`] and
    /// [`Error::BiometricsLost`]: then the PIN opens it. Else as [`Account::unlock`].
    pub async fn unlock_with_biometrics(&self, prompt: &str) -> Result<Session, Error> {
        let mut session = self.open_with_biometrics(prompt).await?;
        session.confirm().await.map_err(|error| error.while_confirming(self.header.serial))?;
        Ok(session)
    }

    /// The account is not held locked meanwhile: a person takes their time, and nothing is written.
    async fn open_with_biometrics(&self, prompt: &str) -> Result<Session, Error> {
        self.reread()?.pass_gate().await?;
        let Loaded { account, vault, file } = Self::load(self.soft_token.clone(), self.files.clone())?;
        let serial = account.header.serial;
        let sealed = vault.biometric_slot().ok_or(Error::BiometricsOff(serial))?;
        let kinds = account.recognisable();
        account.policy().admit_biometrics(&kinds)?;
        if account.has_pin() && account.files.tries()?.is_locked(account.limit()) {
            return Err(Error::Locked(serial));
        }
        let label = account.keys()?.biometric();
        let opened = match account.hardware().open(&label, sealed, Some(prompt)).await {
            Ok(opened) => opened,
            Err(KeysError::Missing | KeysError::NotSealedHere) => {
                account.soft_token.parts().lost_biometrics().insert(label);
                return Err(Error::BiometricsLost(serial));
            }
            Err(error) => return Err(Error::of_keys(serial)(error)),
        };
        let open = vault.open_with_biometrics(&opened, &kinds).map_err(|error| match error {
            VaultError::Biometrics(reason) => Error::BiometricsNotAllowed(reason),
            error => of_vault(&account.files, error),
        })?;
        account.soft_token.parts().lost_biometrics().remove(&label);
        Self::opened(account, open, file).await
    }

    /// The kinds that the device recognises a person by.
    fn recognisable(&self) -> Vec<Biometric> {
        self.soft_token.parts().platform.authentication.available()
    }
}

impl Session {
    /// Turns biometrics on, anew where they are on: the system asks the person, and shows `prompt`. The server must be
    /// reached, but for an account that was activated without a network.
    ///
    /// # Errors
    /// [`Error::BiometricsNotAllowed`]; [`Error::PinNeeded`] when the account has a PIN that was not what opened it;
    /// [`Error::Cancelled`], [`Error::BiometricsLocked`]; [`Error::Refused`] with the server's reason, and those of the
    /// network. They are off then.
    pub async fn turn_on_biometrics(&mut self, prompt: &str) -> Result<(), Error> {
        self.check_policy()?;
        let kinds = self.account.recognisable();
        let parts = self.account.soft_token.parts();
        let offer = self.vault.offer_biometrics(&kinds, &mut *parts.environment.rng()).map_err(of_offer)?;
        self.turn_off_biometrics().await?;
        let (account, serial) = (self.account.clone(), self.account.header.serial);
        let keys = account.keys()?;
        // Until the vault is written, this key belongs to no slot.
        let noted = account.soft_token.parts().store.loosen(&keys)?;
        let label = keys.biometric();
        let turned_on = async {
            let hardware = account.hardware();
            let failed = |error| match error {
                KeysError::Missing | KeysError::NotSealedHere => Error::BiometricsNotAllowed(BiometricsOff::NotSetUp),
                error => Error::of_keys(serial)(error),
            };
            hardware.create_sealing_key(&label, KeyAccess::Biometrics).await.map_err(failed)?;
            let sealed = hardware.seal(&label, offer.to_seal().expose(), Some(prompt)).await.map_err(failed)?;
            if let Some(key) = offer.to_send() {
                let face = kinds.contains(&Biometric::Face);
                self.tell_biometrics(Some(BiometricsOn { key: key.clone(), face }), Patience::ACTIVATION).await?;
            }
            let lock = account.lock_unchanged(&self.file).await?;
            let rng = || account.soft_token.parts().environment.rng();
            let file = self.vault.turn_on_biometrics(sealed, &mut *rng());
            self.write(&lock, file).inspect_err(|_| drop(self.vault.turn_off_biometrics(&mut *rng())))
        };
        let turned_on = turned_on.await;
        drop(noted);
        account.soft_token.parts().lost_biometrics().remove(&label);
        // Where it failed, the key goes now, or with the next start.
        self.account.soft_token.sweep().await?;
        turned_on
    }

    /// Turns biometrics off and destroys their key. The server is told, if it can be reached: what it keeps is a key that
    /// nobody has any more.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program changed the vault meanwhile; [`Error::KeyStore`] when the key could not be
    /// destroyed, which the next start does then; [`Error::Storage`].
    pub async fn turn_off_biometrics(&mut self) -> Result<(), Error> {
        if !self.vault.has_biometrics() {
            return Ok(());
        }
        let lock = self.account.lock_unchanged(&self.file).await?;
        self.turn_off_held(lock).await
    }

    /// The same, of an account that is held and unchanged.
    async fn turn_off_held(&mut self, lock: Lock) -> Result<(), Error> {
        let account = self.account.clone();
        let noted = account.soft_token.parts().store.loosen(&account.keys()?)?;
        let file = self.vault.turn_off_biometrics(&mut *account.soft_token.parts().environment.rng());
        self.write(&lock, file)?;
        drop((lock, noted));
        account.soft_token.sweep().await?;
        if account.header.online().is_some()
            && let Err(error) = self.tell_biometrics(None, Patience::IN_PASSING).await
        {
            tracing::info!(%error, "the server was not told that biometrics are off");
        }
        Ok(())
    }

    /// Biometrics that opened this session must still be allowed.
    pub(super) fn check_biometrics(&self) -> Result<(), Error> {
        if self.vault.is_by_biometrics() {
            self.vault.header().policy.admit_biometrics(&self.account.recognisable())?;
        }
        Ok(())
    }

    /// Turns biometrics off that the policy has come to forbid, or whose key the system has destroyed.
    pub(super) async fn end_forbidden_biometrics(&mut self) -> Result<(), Error> {
        let forbidden = match self.vault.header().policy.admit_biometrics(&self.account.recognisable()) {
            // Whoever takes the last finger out may put one in again, which destroys the key.
            Ok(()) | Err(BiometricsOff::NotSetUp) => false,
            Err(BiometricsOff::ByPolicy | BiometricsOff::FaceNotExcluded) => true,
        };
        let Ok(label) = self.account.keys().map(|keys| keys.biometric()) else { return Ok(()) };
        let account = self.account.clone();
        let is_due = || forbidden || account.soft_token.parts().lost_biometrics().contains(&label);
        if !self.vault.has_biometrics() || !is_due() {
            return Ok(());
        }
        let lock = account.files.lock().await?;
        // Another session of the account may have done it meanwhile.
        if !is_due() {
            return Ok(());
        }
        account.is_unchanged(&self.file)?;
        account.soft_token.parts().lost_biometrics().remove(&label);
        self.turn_off_held(lock).await
    }

    async fn tell_biometrics(&self, on: Option<BiometricsOn>, patience: Patience) -> Result<(), Error> {
        let told = match self.send_biometrics(on.clone(), patience).await {
            // It may be the time alone that does not fit: the device's clock was set since the server was last asked.
            Err(Error::ActivationRefused) => {
                self.account.contact().await?;
                self.send_biometrics(on, patience).await
            }
            other => other,
        };
        told.map_err(|error| self.account.as_active(error))
    }

    async fn send_biometrics(&self, on: Option<BiometricsOn>, patience: Patience) -> Result<(), Error> {
        let (account, serial) = (&self.account, self.account.header.serial);
        let label = account.keys()?.device();
        let device = account.hardware().public_key(&label).await.map_err(Error::of_keys(serial))?;
        let (aud, time) = (account.online()?.identity.hash(), self.time()?);
        let mut update = BiometricsUpdate { aud, serial, on, time, opened: self.vault.opened(), factor: None };
        update.factor = self.vault.factor().map(|factor| update.prove(factor, &device));
        let request = BiometricsRequest { serial, update: account.sign_object(&update).await? };
        let _: BiometricsReply = account.ask("/v1/device/biometrics", &request, patience).await?;
        Ok(())
    }
}

fn of_offer(error: VaultError) -> Error {
    match error {
        VaultError::Biometrics(reason) => Error::BiometricsNotAllowed(reason),
        _ => Error::PinNeeded,
    }
}
