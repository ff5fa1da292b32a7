//! Moving an account to a new phone, from the old phone's side.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use qrcode::{Color, EcLevel};
use symbolon_client as client;
use symbolon_core::moving::{ComparisonCode, Newcomer, Progress};

use crate::SymbolonError;
use crate::time::system_time;

/// A move that has begun. Letting go of it leaves it as it is at the server, where it ends with its ticket.
#[derive(Debug, uniffi::Object)]
pub struct Move {
    inner: client::Move,
    newcomer: Mutex<Option<Newcomer>>,
}

/// The ticket for the new phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MoveTicket {
    /// The token that the new phone will have.
    pub serial: String,
    /// Until when the new phone must have begun.
    pub expires_at: SystemTime,
    /// What the new phone scans. It is a secret: it is drawn, and not kept.
    pub qr: QrCode,
}

/// The squares of a QR.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct QrCode {
    /// How many squares a side has; a margin of four more belongs around it.
    pub width: u32,
    /// One byte for each, line after line: 1 where it is dark.
    pub squares: Vec<u8>,
}

/// How far a move is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum MoveProgress {
    /// Nobody has used the ticket yet.
    Waiting,
    /// Somebody has: the person types here the digits that the new phone shows.
    Found {
        /// Maker and model of the new phone, as it says.
        model: String,
    },
    /// The new phone may have it, and has not confirmed yet.
    Agreed,
    /// The new phone has it. The account here is to be removed.
    Moved,
    /// The move has ended, and the account is as it was.
    Ended,
}

impl Move {
    pub(crate) fn of(inner: client::Move) -> Self {
        Self { inner, newcomer: Mutex::default() }
    }

    pub(crate) async fn agree(&self, session: &client::Session, digits: ComparisonCode) -> Result<(), SymbolonError> {
        let newcomer = self.newcomer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.inner.agree(session, &newcomer.ok_or(SymbolonError::OtherPhone)?, digits).await?)
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Move {
    /// The ticket.
    ///
    /// # Errors
    /// [`SymbolonError::Internal`] when it does not fit a QR.
    pub fn ticket(&self) -> Result<MoveTicket, SymbolonError> {
        let drawn = qrcode::QrCode::with_error_correction_level(self.inner.ticket(), EcLevel::M)
            .map_err(|error| SymbolonError::Internal { reason: error.to_string() })?;
        let width = u32::try_from(drawn.width()).unwrap_or_default();
        let squares = drawn.to_colors().into_iter().map(|color| u8::from(color == Color::Dark)).collect();
        Ok(MoveTicket {
            serial: self.inner.serial().to_string(),
            expires_at: system_time(self.inner.expires_at()),
            qr: QrCode { width, squares },
        })
    }

    /// How far it is; waits while there is nothing to do here, for at most `wait` and 50 seconds.
    ///
    /// # Errors
    /// Those of the network: then it may be asked again.
    pub async fn progress(&self, wait: Duration) -> Result<MoveProgress, SymbolonError> {
        Ok(match self.inner.progress(wait).await? {
            Progress::Waiting => MoveProgress::Waiting,
            Progress::Found(newcomer) => {
                let model = newcomer.model.to_string();
                *self.newcomer.lock().unwrap_or_else(PoisonError::into_inner) = Some(newcomer);
                MoveProgress::Found { model }
            }
            Progress::Agreed => MoveProgress::Agreed,
            Progress::Moved => MoveProgress::Moved,
            Progress::Ended => MoveProgress::Ended,
        })
    }

    /// Ends the move: whoever has used the ticket has nothing.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn cancel(&self) -> Result<(), SymbolonError> {
        Ok(self.inner.cancel().await?)
    }
}
