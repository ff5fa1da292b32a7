//! One account: what can be known without opening its vault, the gates before it, and its end.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use symbolon_core::integrity::{Signals, Verdict};
use symbolon_core::policy::{PhonePolicy, PinTries, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::{
    Header, Online, OpenVault, Pin, PinSetting, Rewritten, SealedVault, Tries, TriesError, UnlockChallenge, VaultError,
};

use crate::Error;
use crate::files::Lock;
use crate::network::Patience;
use crate::platform::HardwareKeys;
use crate::soft_token::{Parts, SoftToken};
use crate::store::{AccountFiles, ClockState, KeySet};

pub(crate) mod access;
mod approvals;
mod biometrics;
mod history;
mod moving;
mod server;
mod session;
mod unlocking;
mod waking;

pub use approvals::Pending;
pub use biometrics::Biometrics;
pub use moving::Move;
pub use session::{Session, ShownCode};
pub use unlocking::UnlockedAccount;

/// An account as it lies on the device.
#[derive(Debug, Clone)]
pub struct Account {
    soft_token: SoftToken,
    files: AccountFiles,
    header: Header,
    /// A newer policy than the header's, which the server has told since, and its version.
    heard: Option<(PolicyVersion, PhonePolicy)>,
    pin_length: Option<u8>,
    has_biometrics: bool,
    lock_challenge: Option<UnlockChallenge>,
}

/// An account with the vault that it was read from.
struct Loaded {
    account: Account,
    vault: SealedVault,
    file: Vec<u8>,
}

/// How far an account has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It is stored, and confirms itself to the server when it is next unlocked; activated without a network, it waits
    /// for its person to do so.
    Activating,
    /// It can be used.
    Active,
    /// Every PIN try is used up.
    Locked,
}

impl AccountState {
    /// The word for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activating => "activating",
            Self::Active => "active",
            Self::Locked => "locked",
        }
    }
}

/// How an account fares.
#[derive(Debug, Clone)]
pub struct AccountStatus {
    /// How far it has come.
    pub state: AccountState,
    /// How many PINs may still be tried; `None` when it opens without one.
    pub pin_tries_left: Option<u32>,
    /// How long the next PIN must wait, after a wrong one.
    pub pin_wait: SignedDuration,
    /// What to tell the help desk when the PIN is forgotten: its unlock code is for this challenge. `None` when the
    /// account opens without a PIN.
    pub lock_challenge: Option<String>,
    /// Whether biometrics open it.
    pub biometrics: Biometrics,
    /// When the server last answered, by this device's clock.
    pub last_contact: Option<Timestamp>,
    /// Why it did not answer when it was last asked.
    pub last_failure: Option<String>,
    /// The server's clock is ahead of this device's by so many milliseconds.
    pub clock_offset: i64,
    /// What the policy makes of the device's signs of tampering.
    pub integrity: Verdict,
}

impl Account {
    pub(crate) fn read(soft_token: SoftToken, files: AccountFiles) -> Result<Self, Error> {
        Self::load(soft_token, files).map(|loaded| loaded.account)
    }

    /// The account as it is now.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is gone, [`Error::Later`], [`Error::Storage`].
    pub fn reread(&self) -> Result<Self, Error> {
        Self::read(self.soft_token.clone(), self.files.clone())
    }

    fn load(soft_token: SoftToken, files: AccountFiles) -> Result<Loaded, Error> {
        let file = files.vault()?.ok_or_else(|| Error::Damaged(files.vault_path()))?;
        let vault = SealedVault::parse(&file).map_err(|error| of_vault(&files, error))?;
        let account = Self {
            soft_token,
            header: vault.header().clone(),
            heard: files.clock()?.policy_after(vault.header().policy_version),
            pin_length: vault.pin_length(),
            has_biometrics: vault.biometric_slot().is_some(),
            lock_challenge: vault.unlock_challenge(),
            files,
        };
        Ok(Loaded { account, vault, file })
    }

    /// The clear part of the vault: names, server, policy.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The policy as it was last heard of: the vault's, or a newer one that the vault learns when it is next opened. Until it
    /// was opened, both are only what files claim.
    #[must_use]
    pub fn policy(&self) -> &PhonePolicy {
        self.heard.as_ref().map_or(&self.header.policy, |(_, policy)| policy)
    }

    pub(crate) fn policy_version(&self) -> PolicyVersion {
        self.heard.as_ref().map_or(self.header.policy_version, |(version, _)| *version)
    }

    /// How many digits the PIN has that opens it, which may be another number than the policy asks of new ones; `None`
    /// when no PIN opens it.
    #[must_use]
    pub fn pin_length(&self) -> Option<u8> {
        self.pin_length
    }

    /// Whether a PIN opens it.
    #[must_use]
    pub fn has_pin(&self) -> bool {
        self.pin_length.is_some()
    }

    /// How it fares.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn status(&self) -> Result<AccountStatus, Error> {
        let clock = self.files.clock()?;
        let tries = if self.has_pin() { Some(self.files.tries()?) } else { None };
        let pin_tries_left = tries.map(|tries| tries.left(self.limit()));
        let now = self.now();
        let state = match (self.header.is_activating(now), pin_tries_left) {
            (_, Some(0)) => AccountState::Locked,
            (true, _) => AccountState::Activating,
            (false, _) => AccountState::Active,
        };
        let signals = self.soft_token.parts().platform.integrity.signals();
        Ok(AccountStatus {
            state,
            pin_tries_left,
            pin_wait: tries.map_or(SignedDuration::ZERO, |tries| tries.wait(now)),
            lock_challenge: self.lock_challenge.map(|challenge| challenge.grouped(self.header.serial)),
            biometrics: self.biometrics(),
            last_contact: clock.last_contact,
            last_failure: clock.last_failure,
            clock_offset: clock.offset,
            integrity: signals.verdict(self.policy().allow_unsecure_device),
        })
    }

    /// Opens the vault, past the gates: the device's integrity, then the PIN, whose try is counted before it is made.
    /// An account that is still to be confirmed is confirmed then.
    ///
    /// # Errors
    /// [`Error::UnsecureDevice`], [`Error::PinNeeded`], [`Error::WrongPin`], [`Error::Wait`], [`Error::Locked`],
    /// [`Error::KeysLost`]; [`Error::NotConfirmed`] and [`Error::Withdrawn`] for one that is still to be confirmed.
    pub async fn unlock(&self, pin: Option<Pin>) -> Result<Session, Error> {
        let mut session = self.open(pin).await?;
        session.confirm().await.map_err(|error| error.while_confirming(self.header.serial))?;
        Ok(session)
    }

    /// Opens the vault, past the gates.
    pub(crate) async fn open(&self, pin: Option<Pin>) -> Result<Session, Error> {
        self.reread()?.pass_gate().await?;
        let lock = self.files.lock().await?;
        // Read anew, now that nobody else writes it.
        let Loaded { account, vault, file } = Self::load(self.soft_token.clone(), self.files.clone())?;
        let keys = account.keys()?;
        let open = match (account.has_pin(), pin) {
            (true, Some(pin)) => account.open_by_pin(vault, pin, &keys).await?,
            (true, None) => return Err(Error::PinNeeded),
            (false, _) => account.open_by_device(vault, &keys).await?,
        };
        drop(lock);
        Self::opened(account, open, file).await
    }

    /// The session of a vault that is open. Its header is authentic now; before, someone could have written a laxer policy
    /// into it, or beside it. So a newer policy is learnt from the server first, and what the vault says then counts.
    async fn opened(account: Self, open: OpenVault, file: Vec<u8>) -> Result<Session, Error> {
        let mut session = Session::new(account, open, file);
        session.catch_up().await?;
        session.check_integrity()?;
        session.end_forbidden_biometrics().await?;
        Ok(session)
    }

    /// The first gate, by the policy as it was last heard of.
    pub(crate) fn check_integrity(&self) -> Result<(), Error> {
        self.admit(self.policy())
    }

    /// The first gate. Whoever is shut out by what was last heard is not shut out for good: the server is asked once more.
    async fn pass_gate(&self) -> Result<(), Error> {
        self.pass_gate_by(self.policy()).await
    }

    /// The first gate, by this policy or one that the server has told since.
    async fn pass_gate_by(&self, policy: &PhonePolicy) -> Result<(), Error> {
        let Err(refused) = self.admit(policy) else { return Ok(()) };
        match self.send_question(Patience::IN_PASSING).await {
            Ok((answer, _)) if self.header.policy_version.admits(answer.policy_version) => self.admit(&answer.policy),
            Ok(_) => Err(refused),
            Err(error) => {
                tracing::info!(%error, "the server was not asked whether it still allows no unsecure device");
                Err(refused)
            }
        }
    }

    fn admit(&self, policy: &PhonePolicy) -> Result<(), Error> {
        admit(&self.soft_token.parts().platform.integrity.signals(), policy)
    }

    /// Removes the account and its keys from this device.
    ///
    /// # Errors
    /// [`Error::Storage`]; [`Error::KeyStore`] when the keys could not be deleted, which the next start does then.
    pub async fn remove(&self) -> Result<(), Error> {
        self.soft_token.remove_files(&self.files).await
    }

    async fn open_by_pin(&self, vault: SealedVault, pin: Pin, keys: &KeySet) -> Result<OpenVault, Error> {
        let serial = self.header.serial;
        let counted = self.files.tries()?.count(self.limit(), self.soft_token.parts().environment.now());
        let counted = counted.map_err(|error| match error {
            TriesError::Locked => Error::Locked(serial),
            TriesError::Wait(wait) => Error::Wait(wait),
        })?;
        self.files.write_tries(&counted.to_file())?;
        let (permit, tries) = counted.stored();
        let attempt = off_thread(move || vault.attempt_pin(&pin, permit)).await?;
        let attempt = attempt.map_err(|error| of_vault(&self.files, error))?;
        let output = match self.hardware().prf(&keys.pin(), attempt.prf_input()).await {
            Ok(output) => output,
            Err(error) => {
                let (_, untested) = attempt.abandon();
                self.files.write_tries(&tries.give_back(untested).to_file())?;
                return Err(Error::of_keys(serial)(error));
            }
        };
        match attempt.finish(output) {
            Ok(open) => {
                self.files.write_tries(&Tries::NONE.to_file())?;
                Ok(open)
            }
            Err(VaultError::WrongPin) => Err(Error::WrongPin { tries_left: tries.left(self.limit()) }),
            Err(error) => Err(of_vault(&self.files, error)),
        }
    }

    async fn open_by_device(&self, vault: SealedVault, keys: &KeySet) -> Result<OpenVault, Error> {
        let serial = self.header.serial;
        let sealed = vault.device_slot().ok_or_else(|| Error::Damaged(self.files.vault_path()))?;
        let key = self.hardware().open(&keys.slot(), sealed, None).await.map_err(Error::of_keys(serial))?;
        vault.open_with_device(&key).map_err(|error| of_vault(&self.files, error))
    }

    /// Locks the account for a change, unless somebody else has changed its vault since it was `file`.
    async fn lock_unchanged(&self, file: &[u8]) -> Result<Lock, Error> {
        let lock = self.files.lock().await?;
        self.is_unchanged(file)?;
        Ok(lock)
    }

    /// Fails when the vault is not what `file` says any more.
    fn is_unchanged(&self, file: &[u8]) -> Result<(), Error> {
        if self.files.vault()?.as_deref() == Some(file) { Ok(()) } else { Err(Error::Busy) }
    }

    /// The server, for a token that was activated online.
    fn online(&self) -> Result<&Online, Error> {
        self.header.online().ok_or(Error::Offline(self.header.serial))
    }

    /// Writes the vault with a PIN that was set, gives back all tries, and writes the slot of the next unlock code with
    /// it where there is none.
    async fn finish_pin(&self, setting: PinSetting, unchanged: &[u8]) -> Result<(), Error> {
        let (parts, keys, serial) = (self.soft_token.parts(), self.keys()?, self.header.serial);
        let output = self.hardware().prf(&keys.pin(), setting.prf_input()).await.map_err(Error::of_keys(serial))?;
        let rewritten = setting.finish(output, &mut *parts.environment.rng());
        let rewritten = write_unlock_slot(parts, &keys, serial, rewritten).await?;
        let _lock = self.lock_unchanged(unchanged).await?;
        // In this order: after a power loss in between, whoever opened the vault can still open it.
        self.files.write_tries(&Tries::NONE.to_file())?;
        self.files.write_vault(&rewritten.file)
    }

    /// The keys of a set that no slot of the vault needs any more.
    pub(crate) fn keys_without_slot(&self, set: &KeySet) -> Vec<String> {
        let slot = self.has_pin().then(|| set.slot());
        let biometric = (!self.has_biometrics).then(|| set.biometric());
        slot.into_iter().chain(biometric).collect()
    }

    fn keys(&self) -> Result<KeySet, Error> {
        self.files.keys()?.ok_or(Error::KeysLost(self.header.serial))
    }

    fn hardware(&self) -> &dyn HardwareKeys {
        &*self.soft_token.parts().platform.keys
    }

    fn limit(&self) -> PinTries {
        self.policy().pin_tries
    }

    /// Where it lies: that stays the same, whatever keys its server takes.
    pub(crate) fn place(&self) -> PathBuf {
        self.files.vault_path()
    }

    pub(crate) fn soft_token(&self) -> &SoftToken {
        &self.soft_token
    }

    /// The time by the server's clock, as far as it is known.
    pub(crate) fn server_time(&self) -> Result<Timestamp, Error> {
        Ok(self.clock()?.corrected(self.now()))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.soft_token.parts().environment.now()
    }

    fn clock(&self) -> Result<ClockState, Error> {
        self.files.clock()
    }
}

/// The first gate: whether the policy lets the device in.
pub(crate) fn admit(signals: &Signals, policy: &PhonePolicy) -> Result<(), Error> {
    match signals.clone().verdict(policy.allow_unsecure_device) {
        Verdict::Secure | Verdict::Allowed(_) => Ok(()),
        Verdict::Refused(signals) => Err(Error::UnsecureDevice(signals)),
    }
}

/// Writes the slot that an unlock code of the server opens, where it is still to be written.
pub(crate) async fn write_unlock_slot(
    parts: &Parts,
    keys: &KeySet,
    serial: SerialNumber,
    rewritten: Rewritten,
) -> Result<Rewritten, Error> {
    if !rewritten.vault.needs_unlock_slot() {
        return Ok(rewritten);
    }
    let (environment, cost, vault) = (parts.environment.clone(), parts.pin_cost, rewritten.vault);
    let setting = off_thread(move || vault.write_unlock_slot(cost, &mut *environment.rng())).await?;
    let setting = setting.ok_or(Error::Protocol("the unlock secret does not fit"))?;
    let output = parts.platform.keys.prf(&keys.pin(), setting.prf_input()).await.map_err(Error::of_keys(serial))?;
    Ok(setting.finish(output, &mut *parts.environment.rng()))
}

/// Runs what takes the processor for long, Argon2, apart from the async tasks.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Protocol("a computation was stopped"))
}

fn of_vault(files: &AccountFiles, error: VaultError) -> Error {
    match error {
        VaultError::LaterVersion => Error::Later(files.vault_path()),
        _ => Error::Damaged(files.vault_path()),
    }
}
