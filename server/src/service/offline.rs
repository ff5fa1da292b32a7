//! Activation without a network: its tickets, and their completion by what the phone shows.
//!
//! No phone speaks to the server here. Somebody enters the registration code and the first code for its person, and
//! only a match makes the token active. What the codes are checked by is kept, sealed, until then or until the ticket
//! ends.

use jiff::Timestamp;
use rand_core::OsRng;
use symbolon_core::activation::OfflinePassword;
use symbolon_core::activation::offline::server::Completed;
use symbolon_core::activation::offline::{Half, Offer, OfflineTicket, RegistrationCode};
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::otp::Code;
use symbolon_core::policy::{ActivationMethod, Policy, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Text;
use tokio::sync::Semaphore;

use super::activation::make_active;
use super::audit::{self, Entry};
use super::keyring::{Keyring, Place, StoredKeys};
use super::mail::Occasion;
use super::tokens::{TokenAction, TokenView, allow, find, view};
use super::{Actor, Service, ServiceError, attestation, installation, policies};
use crate::storage::{Snapshot, Token, Transaction, User};

/// A ticket ends after so many wrong completions.
pub(super) const TRIES: u32 = 5;

/// So many completions are computed at a time: each takes 64 MiB.
static COMPUTING: Semaphore = Semaphore::const_new(2);

/// What one ticket can be completed by.
#[derive(Default)]
pub(super) struct Halves {
    pub(super) scanned: Option<Half>,
    pub(super) typed: Option<Half>,
}

impl Halves {
    /// Seals what there is.
    pub(super) fn seal(&self, keyring: &Keyring, serial: SerialNumber) -> Option<Vec<u8>> {
        let written = [&self.scanned, &self.typed].map(|half| half.as_ref().map(Half::write));
        if written.iter().all(Option::is_none) {
            return None;
        }
        let frame = FrameWriter::with_capacity(1024);
        let frame = written
            .iter()
            .fold(frame, |frame, half| frame.field(half.as_ref().map(FrameWriter::as_bytes).unwrap_or_default()));
        Some(keyring.seal(Place::TicketHalves(serial), frame.as_bytes()))
    }

    fn open(keyring: &Keyring, serial: SerialNumber, sealed: &[u8]) -> Result<Self, ServiceError> {
        let plain = keyring.open_sealed(Place::TicketHalves(serial), sealed)?;
        let mut reader = FrameReader::new(plain.expose());
        let mut next = || match reader.field() {
            Ok([]) => Ok(None),
            Ok(bytes) => Half::read(bytes).map(Some).map_err(|_| ServiceError::Sealed),
            Err(_) => Err(ServiceError::Sealed),
        };
        Ok(Self { scanned: next()?, typed: next()? })
    }

    /// Which of them the codes complete, and with what keys. Takes Argon2's time and memory for each.
    fn complete(
        self,
        registration: &RegistrationCode,
        code: &Code,
        now: Timestamp,
        window: u32,
    ) -> Option<(ActivationMethod, Completed)> {
        let halves = [(ActivationMethod::Offline, self.scanned), (ActivationMethod::Classic, self.typed)];
        halves.into_iter().find_map(|(method, half)| {
            let completed = half?.register(registration).judge(code, now, window)?;
            Some((method, completed))
        })
    }
}

/// A ticket that waits for its completion.
struct Waiting {
    number: u64,
    halves: Halves,
    window: u32,
}

impl Service {
    /// A QR with its password, for a phone without a network.
    pub(super) fn offline_ticket(
        &self,
        snapshot: &dyn Snapshot,
        token: &Token,
        user: &User,
        policy: &Policy,
        policy_version: PolicyVersion,
        expires_at: Timestamp,
    ) -> Result<(OfflineTicket, OfflinePassword), ServiceError> {
        let offer = Offer {
            serial: token.serial,
            issuer: self.identity.issuer.clone(),
            account: user.name.clone(),
            label: token.label.clone(),
            policy: policy.for_phone(),
            policy_version,
            expires_at,
            server: self.identity.address.clone(),
            identity: self.keyring.identities(snapshot)?.hash(),
            tls: installation::announced(snapshot)?.tls,
        };
        let ticket = OfflineTicket::generate(&mut OsRng, offer)
            .map_err(|error| ServiceError::Refused(format!("{error}: shorten one, or use another method")))?;
        let length = policy.offline_activation_password_length.get() as usize;
        Ok((ticket, OfflinePassword::generate(&mut OsRng, length)))
    }

    /// Completes an activation without a network: the registration code and the code that the phone shows make the token
    /// active, if both are right. Five wrong tries end the ticket.
    ///
    /// # Errors
    /// [`ServiceError::State`]; [`ServiceError::Refused`] says what is wrong and how many tries are left.
    pub async fn complete_token(
        &self,
        actor: Actor,
        serial: Text<64>,
        registration: RegistrationCode,
        code: Code,
    ) -> Result<TokenView, ServiceError> {
        let turn = COMPUTING.acquire().await.map_err(|_| ServiceError::Refused("the server ends".into()))?;
        let now = self.clock.now();
        let Waiting { number, halves, window } = self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            self.waiting(snapshot, &serial, now)
        })?;
        // The turn goes with the computation, which goes on when the caller hangs up.
        let judging = tokio::task::spawn_blocking(move || (halves.complete(&registration, &code, now, window), turn));
        let (completed, _turn) =
            judging.await.map_err(|_| ServiceError::Refused("a computation was stopped".into()))?;
        let service = self.clone();
        self.store
            .write(move |transaction| service.decide_completion(transaction, &actor, &serial, number, completed, now))
            .await?
    }

    fn waiting(&self, snapshot: &dyn Snapshot, serial: &Text<64>, now: Timestamp) -> Result<Waiting, ServiceError> {
        let (token, user) = find(snapshot, serial)?;
        allow(snapshot, &token, &user, TokenAction::Complete, now)?;
        let ticket = snapshot.ticket(token.id)?;
        let sealed = ticket.and_then(|ticket| ticket.halves.map(|halves| (ticket.number, halves)));
        let (number, sealed) = sealed.ok_or_else(|| {
            ServiceError::Refused(format!(
                "the ticket of token {} is for an activation online: nothing is to be entered here",
                token.serial
            ))
        })?;
        let policy = policies::effective(snapshot, user.group.as_ref())?;
        let halves = Halves::open(&self.keyring, token.serial, &sealed)?;
        Ok(Waiting { number, halves, window: policy.max_time_steps.get() })
    }

    /// The inner error is a refusal whose transaction is kept: the try counts.
    fn decide_completion(
        &self,
        transaction: &dyn Transaction,
        actor: &Actor,
        serial: &Text<64>,
        number: u64,
        completed: Option<(ActivationMethod, Completed)>,
        now: Timestamp,
    ) -> Result<Result<TokenView, ServiceError>, ServiceError> {
        audit::check_clock(transaction, now)?;
        let (token, user) = find(transaction, serial)?;
        allow(transaction, &token, &user, TokenAction::Complete, now)?;
        let ticket = transaction.ticket(token.id)?.filter(|ticket| ticket.number == number);
        let ticket = ticket.ok_or_else(|| {
            ServiceError::Refused(format!("another ticket was given out for token {} meanwhile", token.serial))
        })?;
        let serial = token.serial;
        let Some((method, completed)) = completed else {
            let left = TRIES.saturating_sub(ticket.tries + 1);
            transaction.count_try(token.id, left == 0)?;
            Entry::new("activation.refused")
                .user(&user.name)
                .token(serial)
                .detail("reason", "wrong_codes")
                .detail("tries_left", left)
                .append(transaction, actor, now)?;
            return Ok(Err(ServiceError::Refused(wrong_codes(left))));
        };
        let policy = policies::effective(transaction, user.group.as_ref())?;
        attestation::require_attestation(&policy, method)?;
        let keys = StoredKeys::offline(&completed.keys);
        let keys = self.keyring.seal(Place::TokenKeys(serial), keys.as_bytes());
        let token = make_active(transaction, token, completed.format, completed.state, keys, None, now)?;
        Entry::new("token.activated").user(&user.name).token(serial).detail("method", method.to_string()).append(
            transaction,
            actor,
            now,
        )?;
        self.tell(transaction, &user, Occasion::active(&token), now)?;
        Ok(Ok(view(transaction, token, &user, now)?))
    }
}

fn wrong_codes(left: u32) -> String {
    let then = match left {
        0 => "this was the last try, so the ticket has ended: give out another with token reactivate".to_owned(),
        1 => "one more try, then the ticket ends".to_owned(),
        left => format!("{left} more tries"),
    };
    format!(
        "registration code and code do not fit together: one of them is mistyped, the code is too old, the phone's clock \
         is wrong, or the password was typed wrong on the phone; {then}"
    )
}
