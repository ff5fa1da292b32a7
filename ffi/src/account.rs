//! One account: what can be known and done without its PIN, and the ways in.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use symbolon_client as client;
use symbolon_core::integrity::Verdict;
use symbolon_core::policy::PhonePolicy;
use symbolon_core::vault::UnlockCode;
use tokio::sync::Mutex;

use crate::approval::Approval;
use crate::pin::{ChosenPin, PinPad};
use crate::platform::{BiometricsObstacle, Signal};
use crate::session::Session;
use crate::soft_token::secret;
use crate::time::system_time;
use crate::{SymbolonError, scan};

/// An account of this phone.
#[derive(Debug, uniffi::Object)]
pub struct Account(client::Account);

/// What an account is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AccountInfo {
    /// The token's serial number, `12345-67890`.
    pub serial: String,
    /// The organisation.
    pub issuer: String,
    /// The user.
    pub account: String,
    /// What the user calls the token.
    pub label: Option<String>,
    /// The server's host, where it is known.
    pub server: Option<String>,
    /// Whether it was activated without a network, and so has no server to ask.
    pub is_offline: bool,
    /// How many digits its PIN has; `None` when it opens without one.
    pub pin_length: Option<u8>,
    /// The policy, as it was last heard of.
    pub policy: Policy,
}

/// What a phone does by the organisation's policy.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Policy {
    /// Whether a PIN is required.
    pub pin_required: bool,
    /// How many digits a new PIN has.
    pub pin_length: u8,
    /// Wrong PINs in a row until the token locks.
    pub pin_tries: u32,
    /// Whether biometrics may open it.
    pub biometrics_allowed: bool,
    /// Whether a face counts as biometrics.
    pub face_allowed: bool,
    /// Whether an approval may be answered from its notification.
    pub actionable_notifications: bool,
    /// Whether the phone must attest its key.
    pub attestation_required: bool,
}

impl From<&PhonePolicy> for Policy {
    fn from(policy: &PhonePolicy) -> Self {
        Self {
            pin_required: policy.pin_required,
            pin_length: u8::try_from(policy.pin_length.get()).unwrap_or(u8::MAX),
            pin_tries: policy.pin_tries.get(),
            biometrics_allowed: policy.device_biometrics_allowed,
            face_allowed: policy.facial_recognition_allowed,
            actionable_notifications: policy.actionable_notifications,
            attestation_required: policy.require_attestation,
        }
    }
}

/// How far an account has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AccountState {
    /// It is stored, and not confirmed yet; one that was activated without a network waits for its registration code to be
    /// told to the server.
    Activating,
    /// It can be used.
    Active,
    /// Every PIN try is used up.
    Locked,
}

/// How an account fares with biometrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Biometrics {
    /// They open it.
    On,
    /// They can be turned on, in a session that the PIN opened.
    Off,
    /// They open nothing here.
    Unavailable {
        /// Why not.
        obstacle: BiometricsObstacle,
    },
}

impl From<client::Biometrics> for Biometrics {
    fn from(biometrics: client::Biometrics) -> Self {
        match biometrics {
            client::Biometrics::On => Self::On,
            client::Biometrics::Off => Self::Off,
            client::Biometrics::Unavailable(reason) => Self::Unavailable { obstacle: reason.into() },
        }
    }
}

/// How an account fares.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AccountStatus {
    /// How far it has come.
    pub state: AccountState,
    /// How many PINs may still be tried; `None` when it opens without one.
    pub pin_tries_left: Option<u32>,
    /// How long the next PIN must wait.
    pub pin_wait: Duration,
    /// What to tell the help desk for an unlock code. `None` when the account opens without a PIN.
    pub lock_challenge: Option<String>,
    /// Whether biometrics open it.
    pub biometrics: Biometrics,
    /// When the server last answered, by this phone's clock.
    pub last_contact: Option<SystemTime>,
    /// Why it did not answer when it was last asked.
    pub last_failure: Option<String>,
    /// The server's clock is ahead of this phone's by so many milliseconds.
    pub clock_offset: i64,
    /// The signs of tampering that this phone shows.
    pub signals: Vec<Signal>,
    /// Whether the policy lets the phone in all the same.
    pub is_device_allowed: bool,
}

impl Account {
    pub(crate) fn of(account: client::Account) -> Arc<Self> {
        Arc::new(Self(account))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Account {
    /// What it is, as it lies on the phone now.
    ///
    /// # Errors
    /// [`SymbolonError::Damaged`] when it is gone or can't be read.
    pub fn info(&self) -> Result<AccountInfo, SymbolonError> {
        let account = self.0.reread()?;
        let header = account.header();
        Ok(AccountInfo {
            serial: header.serial.to_string(),
            issuer: header.issuer.to_string(),
            account: header.account.to_string(),
            label: header.label.as_ref().map(ToString::to_string),
            server: header.address().map(|server| server.host()),
            is_offline: header.online().is_none(),
            pin_length: account.pin_length(),
            policy: account.policy().into(),
        })
    }

    /// How it fares now.
    ///
    /// # Errors
    /// [`SymbolonError::Damaged`], [`SymbolonError::Internal`].
    pub fn status(&self) -> Result<AccountStatus, SymbolonError> {
        let status = self.0.reread()?.status()?;
        let (signals, is_device_allowed) = match &status.integrity {
            Verdict::Secure => (Vec::new(), true),
            Verdict::Allowed(signals) => (signals.iter().map(Signal::from).collect(), true),
            Verdict::Refused(signals) => (signals.iter().map(Signal::from).collect(), false),
        };
        Ok(AccountStatus {
            state: match status.state {
                client::AccountState::Activating => AccountState::Activating,
                client::AccountState::Active => AccountState::Active,
                client::AccountState::Locked => AccountState::Locked,
            },
            pin_tries_left: status.pin_tries_left,
            pin_wait: status.pin_wait.unsigned_abs(),
            lock_challenge: status.lock_challenge,
            biometrics: status.biometrics.into(),
            last_contact: status.last_contact.map(system_time),
            last_failure: status.last_failure,
            clock_offset: status.clock_offset,
            signals,
            is_device_allowed,
        })
    }

    /// Opens it by its PIN; without one where it has none. The pad is empty afterwards.
    ///
    /// # Errors
    /// [`SymbolonError::WrongPin`], [`SymbolonError::Locked`], [`SymbolonError::Wait`], [`SymbolonError::PinNeeded`],
    /// [`SymbolonError::UnsecureDevice`], [`SymbolonError::KeysLost`]; for one that is still to be confirmed
    /// [`SymbolonError::NotConfirmed`], [`SymbolonError::MoveWaits`], [`SymbolonError::Withdrawn`].
    pub async fn unlock(&self, pin: Option<Arc<PinPad>>) -> Result<Arc<Session>, SymbolonError> {
        let pin = pin.map(|pin| pin.take()).transpose()?;
        Ok(Session::open(self.0.unlock(pin).await?))
    }

    /// Opens it by a finger or face. The system asks the person, as part of [`HardwareKeys::open`](crate::HardwareKeys), and
    /// shows `prompt`.
    ///
    /// # Errors
    /// [`SymbolonError::Cancelled`], [`SymbolonError::BiometricsLocked`], [`SymbolonError::BiometricsLost`],
    /// [`SymbolonError::BiometricsOff`], [`SymbolonError::BiometricsNotAllowed`]: offer the PIN then. Else as
    /// [`Account::unlock`].
    pub async fn unlock_with_biometrics(&self, prompt: String) -> Result<Arc<Session>, SymbolonError> {
        Ok(Session::open(self.0.unlock_with_biometrics(&prompt).await?))
    }

    /// Opens it by the help desk's unlock code, for a new PIN to be set.
    ///
    /// # Errors
    /// [`SymbolonError::WrongUnlockCode`], [`SymbolonError::Input`], [`SymbolonError::NoUnlockCode`].
    pub async fn unlock_with_code(&self, code: Vec<u8>) -> Result<Arc<UnlockedAccount>, SymbolonError> {
        let code = secret(code);
        let code: UnlockCode = scan::text(&code)?.parse().map_err(SymbolonError::input)?;
        let unlocked = self.0.unlock_with_code(code).await?;
        let pin_length = u8::try_from(unlocked.pin_length().get()).unwrap_or(u8::MAX);
        Ok(Arc::new(UnlockedAccount { pin_length, unlocked: Mutex::new(Some(unlocked)) }))
    }

    /// What the server asks this account, newest first; waits until there is something, for at most `wait` and 50 seconds.
    /// Dropping the call ends the wait.
    ///
    /// # Errors
    /// Those of the network; [`SymbolonError::UnsecureDevice`], [`SymbolonError::NotActive`], [`SymbolonError::Offline`].
    pub async fn requests(&self, wait: Duration) -> Result<Vec<Arc<Approval>>, SymbolonError> {
        let pending = self.0.reread()?.requests(wait).await?;
        Ok(pending.into_iter().map(|pending| Arc::new(Approval(pending))).collect())
    }

    /// Asks the server for its time and policy, which needs no PIN. A newer policy is what [`Account::info`] and
    /// [`Account::status`] go by from then on: a phone that was refused as unsecure learns so that it is allowed now.
    ///
    /// # Errors
    /// Those of the network; [`SymbolonError::NotActive`], [`SymbolonError::Offline`].
    pub async fn refresh(&self) -> Result<(), SymbolonError> {
        self.0.reread()?.contact().await?;
        Ok(())
    }

    /// Removes it and its keys from this phone.
    ///
    /// # Errors
    /// [`SymbolonError::Internal`].
    pub async fn remove(&self) -> Result<(), SymbolonError> {
        Ok(self.0.remove().await?)
    }
}

/// An account that an unlock code has opened: it can be given a new PIN, and nothing else.
#[derive(Debug, uniffi::Object)]
pub struct UnlockedAccount {
    pin_length: u8,
    unlocked: Mutex<Option<client::UnlockedAccount>>,
}

#[uniffi::export(async_runtime = "tokio")]
impl UnlockedAccount {
    /// How many digits the new PIN has.
    #[must_use]
    pub fn pin_length(&self) -> u8 {
        self.pin_length
    }

    /// Sets the new PIN and gives back all tries. The unlock code is used up then.
    ///
    /// # Errors
    /// [`SymbolonError::Internal`]: then the code is still good. [`SymbolonError::Closed`] the second time.
    pub async fn set_pin(&self, pin: Arc<ChosenPin>) -> Result<(), SymbolonError> {
        let pin = pin.take()?;
        let unlocked = self.unlocked.lock().await.take().ok_or(SymbolonError::Closed)?;
        Ok(unlocked.set_pin(pin).await?)
    }
}
