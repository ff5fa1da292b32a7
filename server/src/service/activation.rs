//! Activation: tickets, and the three exchanges by which a phone turns one into an active token.
//!
//! Until the password is proven, the answers to unknown, ended, expired, used and live tickets look alike, and each costs
//! one durable write. After that a refusal says why.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use symbolon_core::activation::offline::Half;
use symbolon_core::activation::online::server::{
    Finished, Opening, Record, RefusedError, answer, confirmed_code, finish,
};
use symbolon_core::activation::online::{
    ConfirmReply, ConfirmRequest, Device, FinishReply, FinishRequest, Registration, StartReply, StartRequest,
};
use symbolon_core::activation::{ActivationPassword, Ticket};
use symbolon_core::encoding::Bytes;
use symbolon_core::integrity::Verdict;
use symbolon_core::keys::sha256;
use symbolon_core::otp::window::{Match, TimeState, judge};
use symbolon_core::otp::{Code, CodeFormat, Hash, OtpKey, Period, TimeStep};
use symbolon_core::policy::{ActivationMethod, Policy};
use symbolon_core::serial::SerialNumber;

use super::audit::{self, Entry};
use super::bells::Bell;
use super::identities::Identities;
use super::keyring::{Place, StoredKeys};
use super::mail::Occasion;
use super::offline::{Halves, TRIES};
use super::{Actor, Service, ServiceError, attestation, installation, moving, policies};
use crate::storage::{
    Attested, Counter, EnrolledDevice, Handshake, LockState, Move, Snapshot, StorageError, TicketRecord, Token,
    TokenState, Transaction, Used, User,
};

/// A ticket ends after so many guesses at its password: 10⁻¹³ for 16 digits.
const GUESSES: u32 = 1000;

/// Messages 3 to 6 may be repeated so long after the ticket's expiry.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// So many handshakes of one ticket are kept: a phone that loses its power begins anew.
const HANDSHAKES: u32 = 16;

/// A ticket as it is shown, once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TicketView {
    /// Until when it can be used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// For a phone with a network that can open a link or read a QR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<OnlineTicket>,
    /// For a phone without a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline: Option<OfflineTicketView>,
    /// To be typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classic: Option<ClassicTicket>,
}

/// An online ticket.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OnlineTicket {
    /// The link that opens the app. It is a secret.
    pub link: String,
    /// The text of the QR.
    pub qr: String,
}

/// A ticket for a phone without a network: two things that go different ways.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OfflineTicketView {
    /// The text of the QR. It is a secret.
    pub qr: String,
    /// The password. It is a secret, and must not travel with the QR.
    pub password: String,
}

/// A ticket to be typed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClassicTicket {
    /// The server.
    pub address: String,
    /// The serial number.
    #[schema(value_type = String)]
    pub serial: SerialNumber,
    /// The activation code. It is a secret.
    pub code: String,
}

impl TicketRecord {
    /// Whether a token can be activated with it.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.guesses < GUESSES && self.tries < TRIES
    }
}

/// Why a phone is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// Wrong password, or no ticket that lives: nobody is told which.
    #[error("the ticket is not valid: it was used, has expired, or the code is wrong")]
    Refused,
    /// The message is not one of this protocol.
    #[error(transparent)]
    Message(RefusedError),
    /// The password was right, but the policy does not let this device in.
    #[error("{0}")]
    Policy(String),
    /// The token is to take the place of one on another phone, which has not agreed yet.
    #[error("the old phone has not agreed yet: type there the digits that this one shows")]
    Waiting,
    /// The device knows this server by an identity key that signs no more, and has not heard of the one in force.
    #[error(
        "this server has a new identity key, and the device was not told of it in time: activate the token anew; its \
         codes count as before"
    )]
    KeyChanged,
    /// The server could not do its part.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StorageError> for ActivationError {
    fn from(error: StorageError) -> Self {
        Self::Service(error.into())
    }
}

impl From<RefusedError> for ActivationError {
    fn from(error: RefusedError) -> Self {
        match error {
            RefusedError::Ticket => Self::Refused,
            error => Self::Message(error),
        }
    }
}

impl Service {
    /// Makes a ticket for `token`, ends the one before it, and sets the token to activating.
    pub(super) fn issue_ticket(
        &self,
        transaction: &dyn Transaction,
        token: &mut Token,
        user: &User,
        methods: &[ActivationMethod],
        now: Timestamp,
    ) -> Result<TicketView, ServiceError> {
        let policy = policies::effective(transaction, user.group.as_ref())?;
        let named = attestation::ways_in(&policy, methods)?;
        let has = |method| named.contains(&method);
        let expires_at = now + SignedDuration::from_secs(i64::from(policy.activation_lifetime.get()));
        let mut halves = Halves::default();
        let mut view = TicketView { expires_at, online: None, offline: None, classic: None };
        let record = if has(ActivationMethod::Online) || has(ActivationMethod::Classic) {
            let identities = self.keyring.identities(transaction)?;
            let ticket = self.online_ticket(transaction, &identities, token.serial, &policy)?;
            if has(ActivationMethod::Online) {
                view.online = Some(OnlineTicket { link: ticket.link(), qr: ticket.link() });
            }
            if has(ActivationMethod::Classic) {
                // The phone that it is typed into may turn out to have no network.
                halves.typed = Some(Half::typed(token.serial, &ticket.password));
                view.classic = Some(ClassicTicket {
                    address: ticket.server.to_string(),
                    serial: token.serial,
                    code: ticket.password.grouped(),
                });
            }
            Some(self.record(&identities, &ticket)?)
        } else {
            None
        };
        if has(ActivationMethod::Offline) {
            let version = policies::version(transaction)?;
            let (ticket, password) = self.offline_ticket(transaction, token, user, &policy, version, expires_at)?;
            halves.scanned = Some(Half::scanned(&ticket, &password));
            view.offline = Some(OfflineTicketView { qr: ticket.text().to_owned(), password: password.grouped() });
        }
        token.state = TokenState::Activating;
        transaction.update_token(token)?;
        transaction.sweep_tickets(now)?;
        // Whoever gives out another ticket for the token of a move vouches for the new phone.
        transaction.delete_move(token.id)?;
        transaction.put_ticket(&TicketRecord {
            token: token.id,
            number: OsRng.next_u64() >> 1,
            record,
            halves: halves.seal(&self.keyring, token.serial),
            expires_at,
            guesses: 0,
            tries: 0,
            mailed: false,
        })?;
        Ok(view)
    }

    /// A ticket with a new password, for a phone with a network.
    fn online_ticket(
        &self,
        snapshot: &dyn Snapshot,
        identities: &Identities,
        serial: SerialNumber,
        policy: &Policy,
    ) -> Result<Ticket, ServiceError> {
        let server = self.identity.address.clone().ok_or_else(|| {
            ServiceError::invalid(
                "public_url",
                "no address is known that phones could use: start the server once, or set public_url",
            )
        })?;
        let length = policy.online_activation_password_length.get() as usize;
        Ok(Ticket {
            server,
            serial,
            password: ActivationPassword::generate(&mut OsRng, length),
            identity: Some(identities.hash()),
            tls: installation::announced(snapshot)?.tls,
        })
    }

    /// What is kept of an online ticket, sealed: enough to check its password.
    fn record(&self, identities: &Identities, ticket: &Ticket) -> Result<Vec<u8>, ServiceError> {
        let setup = self.keyring.handshake(identities.public()).setup;
        let record = setup.record(&mut OsRng, ticket.serial, identities.public(), &ticket.password);
        let record = record.map_err(|_| ServiceError::Sealed)?;
        Ok(self.keyring.seal(Place::TicketRecord(ticket.serial), &record))
    }

    /// Message 1: counts the guess, durably, and only then answers.
    ///
    /// # Errors
    /// [`ActivationError::Message`] for messages that are none; never because of the ticket.
    pub async fn start_activation(&self, request: StartRequest) -> Result<StartReply, ActivationError> {
        let now = self.clock.now();
        let serial = request.serial;
        let opening = Opening::read(&request)?;
        let keyring = Arc::clone(&self.keyring);
        let (live, identities) = self
            .store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let live = live_record(transaction, serial, now)?;
                match &live {
                    Some((ticket, _)) => transaction.count_guess(ticket.token, 1)?,
                    None => transaction.count_stray_guess()?,
                }
                Ok::<_, ServiceError>((live, keyring.identities(transaction)?))
            })
            .await?;
        let opened = match &live {
            None => None,
            Some((_, record)) => Some(self.keyring.open_sealed(Place::TicketRecord(serial), record)?),
        };
        let record = Record {
            opaque: opened.as_ref().map_or(self.keyring.decoy(), |record| record.expose()),
            ticket: live.map_or(0, |(ticket, _)| ticket.number),
        };
        Ok(answer(&mut OsRng, self.keyring.handshake(identities.public()), record, opening, now)?)
    }

    /// Message 3: checks the password's proof, the policy and the device, and stores what a confirmation will enrol.
    ///
    /// # Errors
    /// [`ActivationError`]; a wrong password and a dead ticket look alike.
    pub async fn finish_activation(&self, request: FinishRequest) -> Result<FinishReply, ActivationError> {
        let now = self.clock.now();
        let identities = self.store.read(|snapshot| self.keyring.identities(snapshot))?;
        let finished = finish(self.keyring.handshake(identities.public()), &request, now)?;
        let encoded = serde_json::to_vec(&request).map_err(|_| ActivationError::Refused)?;
        let hash = sha256(&encoded);
        let device = finished.device(&request);
        let service = self.clone();
        let (result, moving) =
            self.store.write(move |transaction| service.enrol(transaction, finished, device, hash, now)).await?;
        self.ring_move(moving.as_ref());
        result
    }

    /// The inner error is a refusal whose transaction is kept: it is in the audit.
    fn enrol(
        &self,
        transaction: &dyn Transaction,
        finished: Finished,
        device: Result<Device, RefusedError>,
        request: [u8; 32],
        now: Timestamp,
    ) -> Result<(Result<FinishReply, ActivationError>, Option<Move>), ActivationError> {
        audit::check_clock(transaction, now)?;
        if let Some(earlier) = transaction.handshake(&finished.session)? {
            return if earlier.request == request && now < earlier.expires_at {
                read_reply(&earlier.reply).map(|reply| (Ok(reply), None))
            } else {
                Err(ActivationError::Refused)
            };
        }
        let serial = finished.serial;
        let token = transaction.token_by_serial(serial)?.ok_or(ActivationError::Refused)?;
        let ticket = transaction.ticket(token.id)?.ok_or(ActivationError::Refused)?;
        let user = transaction.user(token.user)?.ok_or(ActivationError::Refused)?;
        let expires_at = ticket.expires_at + GRACE;
        // A handshake that was begun with an earlier ticket of the token ends with that ticket.
        if token.state != TokenState::Activating || ticket.number != finished.ticket || now >= expires_at {
            return Err(ActivationError::Refused);
        }
        let policy = policies::effective(transaction, user.group.as_ref())?;
        let moving = transaction.move_to(token.id)?;
        let refused = |refusal: ActivationError, entry: Entry| {
            let entry = entry.user(&user.name).token(serial).detail("reason", refusal.to_string());
            entry.append(transaction, &Actor::Device, now).map(|()| (Err(refusal), None))
        };
        let entry = Entry::new("activation.refused");
        let device = device.map_err(ActivationError::from).and_then(|device| refuse_by_policy(&policy, device));
        let device = match device.and_then(|device| refuse_second(moving.as_ref(), device)) {
            Ok(device) => device,
            Err(refusal) => return Ok(refused(refusal, entry)?),
        };
        let attested = device.attestation.as_ref().map(|statement| Attested {
            statement: statement.as_slice().to_vec(),
            challenge: finished.attestation_challenge(),
            at: now,
            counter: 0,
        });
        let judged = self.trust.judge(attested.as_ref(), &device.key, &policy, now);
        if let Some(obstacle) = judged.obstacle(&policy) {
            let entry = entry.detail("rule", obstacle.name()).detail("attestation", obstacle.to_string());
            return Ok(refused(not_here(obstacle.sentence()), entry)?);
        }
        let moving = moving.map(|moving| Move { used: Some(used(&finished)), ..moving });
        if let Some(moving) = &moving {
            moving::note_use(transaction, moving, &user, serial, &device, now)?;
        }
        let hash = policy.hash;
        let digits = policy.code_length.digits();
        let keys = StoredKeys::activated(&finished.token_keys(hash));
        if let Some(address) = &device.push {
            self.note_push_address(transaction, token.id, serial, device.key.hash(), address, now)?;
        }
        let session = finished.session.clone();
        let reply = finished.reply(&Registration {
            serial,
            issuer: self.identity.issuer.clone(),
            account: user.name,
            label: token.label,
            hash,
            digits,
            period: Period::STANDARD,
            policy: policy.for_phone(),
            policy_version: policies::version(transaction)?,
            tls: installation::announced(transaction)?.tls,
            time: now,
            moves_from: moving.as_ref().map(|moving| moving.old_key.hash()),
        })?;
        let handshake = Handshake {
            session,
            token: token.id,
            request,
            reply: reply.sealed.as_slice().to_vec(),
            hash,
            digits,
            keys: self.keyring.seal(Place::HandshakeKeys(serial), keys.as_bytes()),
            device: EnrolledDevice { key: device.key, description: device.description },
            expires_at,
            confirmed_at: None,
            attested,
        };
        transaction.sweep_handshakes(now)?;
        transaction.insert_handshake(&handshake, HANDSHAKES)?;
        // The password was right, so the question that led here was no guess. It is given back once for each session
        // that is stored, and not for one that policy refuses: its message could be replayed to win guesses.
        transaction.count_guess(token.id, -1)?;
        Ok((Ok(reply), moving))
    }

    /// Message 5: the phone has stored the token; its first code makes the token active, and ends the ticket.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when the handshake, the signature or the code does not fit.
    pub async fn confirm_activation(&self, request: ConfirmRequest) -> Result<ConfirmReply, ActivationError> {
        let now = self.clock.now();
        let service = self.clone();
        let (reply, moving) = self.store.write(move |transaction| service.confirm(transaction, &request, now)).await?;
        self.ring_move(moving.as_ref());
        Ok(reply)
    }

    fn confirm(
        &self,
        transaction: &dyn Transaction,
        request: &ConfirmRequest,
        now: Timestamp,
    ) -> Result<(ConfirmReply, Option<Move>), ActivationError> {
        audit::check_clock(transaction, now)?;
        let handshake = transaction.handshake(&request.session)?.ok_or(ActivationError::Refused)?;
        let token = transaction.token(handshake.token)?.ok_or(ActivationError::Refused)?;
        let user = transaction.user(token.user)?.ok_or(ActivationError::Refused)?;
        let serial = token.serial;
        let identities = self.keyring.identities(transaction)?;
        let code = confirmed_code(request, serial, identities.public(), &handshake.device.key)
            .map_err(|_| ActivationError::Refused)?;
        if let Some(activated_at) = handshake.confirmed_at {
            return Ok((ConfirmReply { serial, activated_at }, None));
        }
        if token.state != TokenState::Activating || now >= handshake.expires_at {
            return Err(ActivationError::Refused);
        }
        let policy = policies::effective(transaction, user.group.as_ref())?;
        let keys = self.keyring.open_sealed(Place::HandshakeKeys(serial), &handshake.keys)?;
        let state = first_code(&StoredKeys::read(&keys)?, &handshake, &code, &policy, now)?;
        let moving = transaction.move_to(token.id)?;
        if let Some(moving) = &moving {
            moving::complete(transaction, moving, &request.session, &user, serial, now)?;
        }
        let judged = self.trust.judge(handshake.attested.as_ref(), &handshake.device.key, &policy, now);
        let device = &handshake.device.description;
        let entry = Entry::new("token.activated")
            .user(&user.name)
            .token(serial)
            .detail("platform", device.platform.as_str())
            .detail("model", device.model.as_str())
            .detail("attestation", judged.verdict.word());
        let format = CodeFormat { hash: handshake.hash, digits: handshake.digits, period: Period::STANDARD };
        let keys = self.keyring.seal(Place::TokenKeys(serial), keys.expose());
        transaction.confirm_handshake(&handshake.session, token.id, now)?;
        let token = make_active(transaction, token, format, state, keys, Some(handshake.device), now)?;
        attestation::keep(transaction, token.id, handshake.attested, &judged.verdict)?;
        transaction.set_heard_keys(token.id, identities.heard_at_activation())?;
        entry.append(transaction, &Actor::Device, now)?;
        self.tell(transaction, &user, Occasion::active(&token), now)?;
        Ok((ConfirmReply { serial, activated_at: now }, moving))
    }

    fn ring_move(&self, moving: Option<&Move>) {
        if let Some(moving) = moving {
            self.bells.ring(&Bell::Move(moving.old_serial));
        }
    }
}

fn used(finished: &Finished) -> Used {
    Used { session: finished.session.clone(), transcript: finished.transcript().clone() }
}

/// The first handshake that uses the ticket of a move is the only one: the digits that two phones show are of that one,
/// so nobody who has seen them can search for another key that gives the same.
fn refuse_second(moving: Option<&Move>, device: Device) -> Result<Device, ActivationError> {
    if moving.is_some_and(|moving| moving.used.is_some()) {
        return Err(ActivationError::Policy(
            "this ticket was used by another device: cancel the move on the old phone, and begin it again".into(),
        ));
    }
    Ok(device)
}

/// Makes a token active, and ends its ticket: whatever else was begun with that comes too late.
pub(super) fn make_active(
    transaction: &dyn Transaction,
    token: Token,
    format: CodeFormat,
    state: TimeState,
    sealed_keys: Vec<u8>,
    device: Option<EnrolledDevice>,
    now: Timestamp,
) -> Result<Token, StorageError> {
    let token = Token {
        state: TokenState::Active,
        counter: Counter::Time { period: format.period, state },
        hash: format.hash,
        digits: format.digits,
        keys: sealed_keys,
        lock: LockState::default(),
        device,
        activated_at: Some(now),
        ..token
    };
    transaction.update_token(&token)?;
    let device = token.device.as_ref().map(|device| device.key.hash());
    transaction.keep_push_address_of(token.id, device.as_ref())?;
    transaction.delete_ticket(token.id)?;
    Ok(token)
}

/// The ticket of `serial` with its sealed record, if a handshake can be begun with it.
fn live_record(
    snapshot: &dyn Snapshot,
    serial: SerialNumber,
    now: Timestamp,
) -> Result<Option<(TicketRecord, Vec<u8>)>, ServiceError> {
    let Some(token) = snapshot.token_by_serial(serial)? else { return Ok(None) };
    if token.state != TokenState::Activating {
        return Ok(None);
    }
    let live = snapshot.ticket(token.id)?.filter(|ticket| ticket.is_live(now));
    Ok(live.and_then(|mut ticket| ticket.record.take().map(|record| (ticket, record))))
}

fn read_reply(sealed: &[u8]) -> Result<FinishReply, ActivationError> {
    let sealed = Bytes::new(sealed).map_err(|_| ActivationError::Refused)?;
    Ok(FinishReply { sealed })
}

/// Lets a device pass that the policy takes.
fn refuse_by_policy(policy: &Policy, device: Device) -> Result<Device, ActivationError> {
    if let Verdict::Refused(reasons) = device.description.signals.clone().verdict(policy.allow_unsecure_device) {
        let reasons: Vec<String> = reasons.iter().map(|reason| reason.to_string()).collect();
        return Err(not_here(&reasons.join("; ")));
    }
    Ok(device)
}

fn not_here(reasons: &str) -> ActivationError {
    ActivationError::Policy(format!("this device can't hold a token here: {reasons}"))
}

/// Judges the first code by the rule of every code; answers the token's first state.
fn first_code(
    keys: &StoredKeys,
    handshake: &Handshake,
    code: &Code,
    policy: &Policy,
    now: Timestamp,
) -> Result<TimeState, ActivationError> {
    let hash: Hash = handshake.hash;
    let key = OtpKey::prepare(hash, keys.code.expose());
    let step = TimeStep::at(now, Period::STANDARD);
    let window = policy.max_time_steps.get();
    match judge(&key, handshake.digits, code, step, &TimeState::NEW, window, window) {
        // The code proves that the phone has stored the token and is no sign-in: it stays unused, or the first code that
        // a person types within the same half minute would be refused.
        Match::Accepted(accepted) => {
            Ok(TimeState { last: Some(accepted.moved(-1)), ..TimeState::reset(accepted, step) })
        }
        _ => Err(ActivationError::Refused),
    }
}
