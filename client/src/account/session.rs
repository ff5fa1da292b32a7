//! An account that is open. Dropping the session wipes its secrets.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use symbolon_core::activation::offline::RegistrationCode;
use symbolon_core::activation::online::SessionId;
use symbolon_core::contact::Answer;
use symbolon_core::otp::{Code, Period, TimeStep};
use symbolon_core::vault::{ChosenPin, Header, Online, OpenVault, Server};

use super::{Account, off_thread};
use crate::Error;
use crate::files::Lock;
use crate::network::Patience;
use crate::platform::KeyAccess;
use crate::store::ClockState;

/// An open vault.
#[derive(Debug)]
pub struct Session {
    pub(super) account: Account,
    pub(super) vault: OpenVault,
    /// The file as it was when the vault was opened, or as it was written since: when it has changed, somebody else
    /// changed it, and this session must not undo that.
    pub(super) file: Vec<u8>,
}

/// A code, for as long as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct ShownCode {
    /// The code.
    pub code: Code,
    /// When the next one takes its place, by this device's clock.
    pub valid_until: Timestamp,
    /// How long that is from now.
    pub remaining: SignedDuration,
    /// How long a code is shown.
    pub period: Period,
}

impl ShownCode {
    /// The code of a time step, shown at `here` by this device's clock and `there` by the server's.
    pub(super) fn new(code: Code, step: TimeStep, period: Period, here: Timestamp, there: Timestamp) -> Self {
        let remaining = step.remaining(there, period);
        Self { code, valid_until: here.checked_add(remaining).unwrap_or(here), remaining, period }
    }
}

/// A phone that waits for the old one to agree asks again after this time.
const MOVE_POLL: Duration = Duration::from_secs(1);

/// No handshake lives longer: a ticket lives at most for seven days, and what was begun with it for ten minutes more.
const HANDSHAKE: SignedDuration = SignedDuration::from_mins(7 * 24 * 60 + 10);

/// The server is asked again after this time.
const CONTACT_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// A server that did not answer is asked again after this time, so that codes do not wait for it each time.
const CONTACT_AGAIN: SignedDuration = SignedDuration::from_hours(1);

impl Session {
    pub(crate) fn new(account: Account, vault: OpenVault, file: Vec<u8>) -> Self {
        Self { account, vault, file }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The code of now, by the server's clock as far as it is known. Once a day the server is asked for its time and
    /// policy first; whether it answers makes no difference to the code, and [`Account::status`] tells it.
    ///
    /// # Errors
    /// [`Error::UnsecureDevice`], [`Error::PinMustBeSet`] by a policy that was just learnt; [`Error::Storage`].
    pub async fn code(&mut self) -> Result<ShownCode, Error> {
        if self.account.header.online().is_some() && self.is_contact_due()? {
            match self.contact_with(Patience::IN_PASSING).await {
                Ok(()) => {}
                Err(error @ (Error::UnsecureDevice(_) | Error::PinMustBeSet)) => return Err(error),
                Err(error) => tracing::info!(%error, "the server was not reached"),
            }
        }
        self.check_policy()?;
        let clock = self.account.clock()?;
        let here = self.now();
        let there = clock.corrected(here);
        let (code, step) = self.code_at(there);
        Ok(ShownCode::new(code, step, self.vault.code_format().period, here, there))
    }

    /// The registration code of a token that was activated without a network, for as long as the server may still have
    /// to be told.
    #[must_use]
    pub fn registration(&self) -> Option<RegistrationCode> {
        self.vault.registration().filter(|_| self.vault.header().is_activating(self.now()))
    }

    /// Asks the server for its time and policy now.
    ///
    /// # Errors
    /// Those of the network; [`Error::UnsecureDevice`], [`Error::PinMustBeSet`] by the policy that was learnt.
    pub async fn contact(&mut self) -> Result<(), Error> {
        self.contact_with(Patience::ACTIVATION).await
    }

    /// Sets another PIN, or the first one. It was chosen by [`Pin::choose`](symbolon_core::vault::Pin::choose) with the
    /// policy's length.
    ///
    /// # Errors
    /// [`Error::PinNeeded`] when biometrics opened an account that has a PIN; [`Error::Busy`] when another program changed the
    /// vault meanwhile; [`Error::KeyStore`], [`Error::Storage`]. The old PIN is in force then.
    pub async fn change_pin(self, pin: ChosenPin) -> Result<(), Error> {
        let Self { account, vault, file } = self;
        let parts = account.soft_token.parts();
        let keys = account.keys()?;
        // Where there was no PIN, the key that opened the vault so far is to be deleted, by the next start at the
        // latest.
        let noted = if account.has_pin() { None } else { Some(parts.store.loosen(&keys)?) };
        if noted.is_some() {
            let made = account.hardware().create_prf_key(&keys.pin(), KeyAccess::UnlockedDevice).await;
            made.map_err(Error::of_keys(account.header.serial))?;
        }
        let (environment, cost) = (parts.environment.clone(), parts.pin_cost);
        let setting = off_thread(move || vault.set_pin(&pin, cost, &mut *environment.rng())).await?;
        let setting = setting.map_err(|_| Error::PinNeeded)?;
        account.finish_pin(setting, &file).await?;
        drop(noted);
        account.soft_token.sweep().await
    }

    /// The first gate, by a policy that is authentic.
    pub(super) fn check_integrity(&self) -> Result<(), Error> {
        self.account.admit(&self.vault.header().policy)
    }

    /// Both gates, by a policy that may have come since the vault was opened.
    pub(super) fn check_policy(&self) -> Result<(), Error> {
        self.check_integrity()?;
        self.check_biometrics()?;
        if self.vault.must_set_pin() { Err(Error::PinMustBeSet) } else { Ok(()) }
    }

    /// Confirms, and where the token moves from another phone waits for that one to agree. A refusal is final where the code
    /// is known to be right; so it is once the server waits for the other phone.
    pub(crate) async fn confirm_patiently(&mut self, mut is_code_right: bool) -> Result<(), Error> {
        loop {
            match self.confirm().await {
                Err(Error::MoveWaits(_)) => {
                    is_code_right = true;
                    tokio::time::sleep(MOVE_POLL).await;
                }
                Err(Error::ActivationRefused) if is_code_right => return Err(self.give_up().await?),
                other => return other,
            }
        }
    }

    /// Tells the server that the token is stored, and writes down that it knows.
    pub(crate) async fn confirm(&mut self) -> Result<(), Error> {
        let Some(online) = self.vault.header().online() else { return Ok(()) };
        let Some(session) = online.pending.clone() else { return Ok(()) };
        let comparison = online.comparison;
        let confirmed = Server::Online(Online { pending: None, comparison: None, ..online.clone() });
        match self.send_first_code(session).await {
            Ok(()) => {}
            Err(refused @ (Error::ActivationRefused | Error::Refused(_))) => self.confirm_by_contact(refused).await?,
            Err(Error::MoveWaits(_)) => return Err(Error::MoveWaits(comparison)),
            Err(error) => return Err(error),
        }
        self.update(Header { server: confirmed, ..self.vault.header().clone() }).await?;
        self.account.soft_token.parts().stir();
        Ok(())
    }

    /// Confirms with the code of now, by the server's clock as it was when the token was stored. Whoever has set the device's
    /// clock right since then has made that wrong, and the code of the device's own time is right.
    async fn send_first_code(&self, session: SessionId) -> Result<(), Error> {
        let here = self.now();
        let (code, step) = self.code_at(self.account.clock()?.corrected(here));
        let sent = self.account.send_confirmation(session.clone(), &code).await;
        let (code, step_here) = self.code_at(here);
        if !matches!(sent, Err(Error::ActivationRefused)) || step_here == step {
            return sent;
        }
        self.account.send_confirmation(session, &code).await?;
        self.account.files.change_clock(|clock| ClockState { offset: 0, ..clock }).await
    }

    /// The server may have taken the confirmation long ago, while its answer was lost; then it answers to the device's
    /// key. Where it does not, the account goes only when nothing else can be meant: a refusal of another kind is perhaps
    /// not the server's, and a code is refused too while the device's clock is wrong.
    async fn confirm_by_contact(&self, refused: Error) -> Result<(), Error> {
        match self.account.send_question(Patience::ACTIVATION).await {
            Ok(_) => Ok(()),
            Err(Error::ActivationRefused)
                if matches!(refused, Error::ActivationRefused) && self.is_handshake_over()? =>
            {
                Err(self.give_up().await?)
            }
            Err(Error::ActivationRefused) => Err(refused),
            Err(error) => Err(error),
        }
    }

    /// Whether the server can't complete the handshake any more. The token was stored when it last answered. A time that
    /// is still to come is of a clock that has been set back.
    fn is_handshake_over(&self) -> Result<bool, Error> {
        let stored = self.account.clock()?.last_contact;
        Ok(stored.is_some_and(|stored| self.now().duration_since(stored) >= HANDSHAKE))
    }

    /// Removes an account that the server will not make active.
    async fn give_up(&self) -> Result<Error, Error> {
        self.account.remove().await?;
        Ok(Error::Withdrawn(self.account.header().serial))
    }

    fn is_contact_due(&self) -> Result<bool, Error> {
        let clock = self.account.clock()?;
        let now = self.now();
        // A time that is still to come is of a clock that has been set back: then the server is asked.
        let passed = |time: Option<Timestamp>, limit| {
            time.is_none_or(|time| !(SignedDuration::ZERO..limit).contains(&now.duration_since(time)))
        };
        let may_try = clock.last_failure.is_none() || passed(clock.last_try, CONTACT_AGAIN);
        Ok(may_try && (passed(clock.last_contact, CONTACT_EVERY) || self.is_policy_behind(&clock)))
    }

    /// Whether the server has said that it has a newer policy than the vault.
    fn is_policy_behind(&self, clock: &ClockState) -> bool {
        clock.policy_version.is_some_and(|version| version > self.vault.header().policy_version)
    }

    /// Learns the policy of which the server has said that it is newer than the vault's. Whether it answers makes no
    /// difference here: every gate is asked again where it stands.
    pub(super) async fn catch_up(&mut self) -> Result<(), Error> {
        if self.account.header.online().is_some()
            && self.is_policy_behind(&self.account.clock()?)
            && let Err(error) = self.contact_with(Patience::IN_PASSING).await
        {
            tracing::info!(%error, "the newer policy was not learnt");
        }
        Ok(())
    }

    async fn contact_with(&mut self, patience: Patience) -> Result<(), Error> {
        match self.account.send_question(patience).await.map_err(|error| self.account.as_active(error)) {
            Ok((answer, online)) => {
                let heard = self.account.online()?.keys_version();
                self.learn(answer, online).await?;
                if self.account.online()?.keys_version() > heard {
                    // So that the server knows at once; it hears of it at the next contact otherwise.
                    if let Err(error) = self.account.send_question(Patience::IN_PASSING).await {
                        tracing::info!(%error, "the server was not told that its keys were heard of");
                    }
                }
                self.check_policy()
            }
            Err(error) => {
                let (last_try, last_failure) = (Some(self.now()), Some(error.to_string()));
                let failed = |clock| ClockState { last_try, last_failure, ..clock };
                self.account.files.change_clock(failed).await?;
                Err(error)
            }
        }
    }

    /// Writes a newer policy, the server's keys, and names that have changed, into the vault. An older policy is an old
    /// answer, or comes from a server that was restored: this device keeps the newer one.
    async fn learn(&mut self, answer: Answer, online: Online) -> Result<(), Error> {
        let before = self.vault.header();
        let keys = Header { server: Server::Online(online), ..before.clone() };
        let after = if before.policy_version.admits(answer.policy_version) {
            Header {
                policy: answer.policy,
                policy_version: answer.policy_version,
                issuer: answer.issuer,
                label: answer.label,
                ..keys
            }
        } else {
            keys
        };
        if after != *before {
            self.update(after).await?;
            self.account.soft_token.parts().stir();
        }
        self.end_forbidden_biometrics().await
    }

    /// Writes the vault with another header.
    async fn update(&mut self, header: Header) -> Result<(), Error> {
        let lock = self.account.lock_unchanged(&self.file).await?;
        let updated = self.vault.update(header, &mut *self.account.soft_token.parts().environment.rng());
        let file = updated.map_err(|_| Error::Protocol("it answered for another token"))?;
        self.write(&lock, file)
    }

    /// Writes the vault's new file.
    pub(super) fn write(&mut self, _lock: &Lock, file: Vec<u8>) -> Result<(), Error> {
        self.account.files.write_vault(&file)?;
        self.file = file;
        self.account.header = self.vault.header().clone();
        self.account.heard = self.account.clock()?.policy_after(self.account.header.policy_version);
        self.account.has_biometrics = self.vault.has_biometrics();
        Ok(())
    }

    /// The code of a time by the server's clock, and its step.
    fn code_at(&self, there: Timestamp) -> (Code, TimeStep) {
        let format = self.vault.code_format();
        let step = TimeStep::at(there, format.period);
        (self.vault.otp_key().totp(step, format.digits), step)
    }

    /// The time by the server's clock, as far as it is known.
    pub(super) fn time(&self) -> Result<Timestamp, Error> {
        Ok(self.account.clock()?.corrected(self.now()))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.account.now()
    }
}
