//! What was asked here and what the person decided, kept beside the vault.

use symbolon_core::vault::{History, Noted};

use super::Session;
use crate::Error;

impl Session {
    /// The last decisions of this account on this device, newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn history(&self) -> Result<Vec<Noted>, Error> {
        Ok(self.read_history()?.iter().cloned().collect())
    }

    /// Notes a decision. A history that can't be written keeps nobody from deciding.
    pub(super) async fn note(&self, noted: Noted) {
        if let Err(error) = self.try_note(noted).await {
            tracing::warn!(%error, "the history lacks a decision");
        }
    }

    async fn try_note(&self, noted: Noted) -> Result<(), Error> {
        let _lock = self.account.files.lock().await?;
        let mut history = self.read_history()?;
        history.note(noted);
        let rng = &mut *self.account.soft_token.parts().environment.rng();
        self.account.files.write_history(&self.vault.seal_history(&history, rng))
    }

    /// One that this vault has not sealed, or that was damaged, is begun anew.
    fn read_history(&self) -> Result<History, Error> {
        let sealed = self.account.files.history()?;
        Ok(self.vault.open_history(&sealed).unwrap_or_default())
    }
}
