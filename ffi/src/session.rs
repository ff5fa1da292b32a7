//! An account that is open.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use symbolon_client as client;
use symbolon_core::otp::TypedChallenge;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::SymbolonError;
use crate::approval::{Approval, Decision, OfflineApproval, Outcome};
use crate::history::HistoryEntry;
use crate::moving::Move;
use crate::pin::ChosenPin;
use crate::time::system_time;

/// A session that is not used closes itself after this time.
const IDLE: Duration = Duration::from_secs(120);

/// An open vault. Its secrets are wiped when it is closed, when it was not used for two minutes, and when the app lets go of
/// it. An app closes it when its screen goes off or another app comes to the front.
#[derive(Debug, uniffi::Object)]
pub struct Session(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    session: Option<client::Session>,
    used: Instant,
}

impl Open {
    fn session(&mut self) -> Result<&mut client::Session, SymbolonError> {
        self.used = Instant::now();
        self.session.as_mut().ok_or(SymbolonError::Closed)
    }
}

/// A code, for as long as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Code {
    /// Its digits.
    pub digits: String,
    /// Its digits in groups, as a person reads them.
    pub grouped: String,
    /// When the next one takes its place, by this phone's clock.
    pub valid_until: SystemTime,
    /// How long that is from now.
    pub remaining: Duration,
    /// How long a code is shown.
    pub period: Duration,
}

impl From<client::ShownCode> for Code {
    fn from(shown: client::ShownCode) -> Self {
        Self {
            digits: shown.code.to_string(),
            grouped: shown.code.grouped(),
            valid_until: system_time(shown.valid_until),
            remaining: shown.remaining.unsigned_abs(),
            period: Duration::from_secs(shown.period.seconds().into()),
        }
    }
}

impl Session {
    pub(crate) fn open(session: client::Session) -> Arc<Self> {
        let open = Arc::new(Mutex::new(Open { session: Some(session), used: Instant::now() }));
        tokio::spawn(close_when_idle(Arc::downgrade(&open)));
        Arc::new(Self(open))
    }

    async fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().await
    }
}

async fn close_when_idle(open: Weak<Mutex<Open>>) {
    loop {
        // Not held while it sleeps: when the app lets go of the session, it is gone at once.
        let Some(held) = open.upgrade() else { return };
        let until = {
            let mut open = held.lock().await;
            if open.session.is_none() {
                return;
            }
            if open.used.elapsed() >= IDLE {
                open.session = None;
                return;
            }
            open.used + IDLE
        };
        drop(held);
        tokio::time::sleep_until(until).await;
    }
}

/// The registration code in groups, for as long as the server may still have to be told.
pub(crate) fn registration_code(session: &client::Session) -> Option<String> {
    session.registration().map(|code| code.grouped())
}

#[uniffi::export(async_runtime = "tokio")]
impl Session {
    /// The code of now, by the server's clock as far as it is known.
    ///
    /// # Errors
    /// [`SymbolonError::UnsecureDevice`], [`SymbolonError::PinMustBeSet`], [`SymbolonError::Closed`].
    pub async fn code(&self) -> Result<Code, SymbolonError> {
        Ok(self.lock().await.session()?.code().await?.into())
    }

    /// The registration code of a token that was activated without a network, in groups, for as long as the server may still
    /// have to be told.
    ///
    /// # Errors
    /// [`SymbolonError::Closed`].
    pub async fn registration_code(&self) -> Result<Option<String>, SymbolonError> {
        Ok(registration_code(self.lock().await.session()?))
    }

    /// Asks the server for its time and policy now.
    ///
    /// # Errors
    /// Those of the network; [`SymbolonError::UnsecureDevice`], [`SymbolonError::PinMustBeSet`] by the policy that was learnt.
    pub async fn refresh(&self) -> Result<(), SymbolonError> {
        Ok(self.lock().await.session()?.contact().await?)
    }

    /// Sends the person's decision, with the value of the mutual challenge where there is one.
    ///
    /// # Errors
    /// [`SymbolonError::Refused`] with the server's reason; those of the network: then the same decision can be sent again,
    /// and counts once.
    pub async fn answer(
        &self,
        approval: Arc<Approval>,
        decision: Decision,
        value: Option<String>,
    ) -> Result<Outcome, SymbolonError> {
        let value = value.map(|value| value.parse().map_err(SymbolonError::input)).transpose()?;
        let mut open = self.lock().await;
        let status = open.session()?.answer(&approval.0, decision.into(), value).await?;
        Ok(Outcome::named(status))
    }

    /// The response to digits that a page shows (OCRA, RFC 6287).
    ///
    /// # Errors
    /// [`SymbolonError::Input`] when they are none; else as [`Session::code`].
    pub async fn respond(&self, challenge: String) -> Result<Code, SymbolonError> {
        let challenge: TypedChallenge = challenge.parse().map_err(SymbolonError::input)?;
        Ok(self.lock().await.session()?.respond(&challenge)?.into())
    }

    /// The signature over details that the person types, 1 to 10, in the page's order.
    ///
    /// # Errors
    /// [`SymbolonError::Input`] names a value that does not fit; else as [`Session::code`].
    pub async fn sign(&self, values: Vec<String>) -> Result<Code, SymbolonError> {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Ok(self.lock().await.session()?.sign_details(&values)?.into())
    }

    /// The code that approves what a QR holds, which the person has seen.
    ///
    /// # Errors
    /// [`SymbolonError::OtherToken`], [`SymbolonError::TooLate`]; else as [`Session::code`].
    pub async fn approve_offline(&self, approval: Arc<OfflineApproval>) -> Result<Code, SymbolonError> {
        Ok(self.lock().await.session()?.approve_offline(&approval.0).await?.into())
    }

    /// The last 200 decisions of this account on this phone, newest first. It lasts, and needs the vault open since it says
    /// what the person does.
    ///
    /// # Errors
    /// [`SymbolonError::Closed`], [`SymbolonError::Internal`].
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, SymbolonError> {
        Ok(self.lock().await.session()?.history()?.into_iter().map(HistoryEntry::from).collect())
    }

    /// Sets another PIN, or the first one, and closes the session.
    ///
    /// # Errors
    /// [`SymbolonError::PinNeeded`] when biometrics opened the session; [`SymbolonError::Busy`], [`SymbolonError::Internal`]:
    /// then the old PIN is in force.
    pub async fn change_pin(&self, pin: Arc<ChosenPin>) -> Result<(), SymbolonError> {
        let pin = pin.take()?;
        let mut open = self.lock().await;
        open.session()?;
        let session = open.session.take().ok_or(SymbolonError::Closed)?;
        Ok(session.change_pin(pin).await?)
    }

    /// Turns biometrics on, anew where they are on. The system asks the person, as part of
    /// [`HardwareKeys::seal`](crate::HardwareKeys), and shows `prompt`; the server must be reached.
    ///
    /// # Errors
    /// [`SymbolonError::BiometricsNotAllowed`], [`SymbolonError::PinNeeded`] when biometrics opened the session,
    /// [`SymbolonError::Cancelled`], [`SymbolonError::BiometricsLocked`], [`SymbolonError::Refused`]; those of the network. They
    /// are off then.
    pub async fn turn_on_biometrics(&self, prompt: String) -> Result<(), SymbolonError> {
        Ok(self.lock().await.session()?.turn_on_biometrics(&prompt).await?)
    }

    /// Turns biometrics off, and destroys their key.
    ///
    /// # Errors
    /// [`SymbolonError::Busy`], [`SymbolonError::Internal`].
    pub async fn turn_off_biometrics(&self) -> Result<(), SymbolonError> {
        Ok(self.lock().await.session()?.turn_off_biometrics().await?)
    }

    /// Asks the server for a ticket by which a new phone takes this account over.
    ///
    /// # Errors
    /// [`SymbolonError::Refused`], [`SymbolonError::NotActive`], [`SymbolonError::Offline`]; those of the network.
    pub async fn begin_move(&self) -> Result<Arc<Move>, SymbolonError> {
        Ok(Arc::new(Move::of(self.lock().await.session()?.begin_move().await?)))
    }

    /// Agrees to the new phone that [`Move::progress`] has found, if `digits` are those that it shows.
    ///
    /// # Errors
    /// [`SymbolonError::OtherPhone`] when they are not: then nothing was agreed. [`SymbolonError::Input`] when they are no
    /// digits.
    pub async fn agree(&self, r#move: Arc<Move>, digits: String) -> Result<(), SymbolonError> {
        let digits = digits.parse().map_err(SymbolonError::input)?;
        r#move.agree(self.lock().await.session()?, digits).await
    }

    /// Whether it is open still.
    pub async fn is_open(&self) -> bool {
        self.lock().await.session.is_some()
    }

    /// Wipes its secrets. What is under way ends first.
    pub async fn lock_now(&self) {
        self.lock().await.session = None;
    }
}
