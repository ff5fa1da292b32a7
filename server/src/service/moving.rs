//! Moving a token to a new phone. The old phone asks for a ticket; whoever uses it waits; the old phone says that this is
//! the right one; and with the new phone's confirmation the old token is gone. Until then the old one works.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use symbolon_core::activation::online::{Device, SessionId};
use symbolon_core::integrity::Signals;
use symbolon_core::moving::{
    Ask, AskRequest, Cancel, CancelRequest, Consent, ConsentRequest, DoneReply, Look, LookRequest, Newcomer, Offer,
    OfferReply, Progress, View, ViewReply,
};
use symbolon_core::policy::ActivationMethod;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{self, Signed};

use super::activation::{ActivationError, GRACE};
use super::audit::{self, Entry};
use super::bells::Bell;
use super::challenges::approvals::shortfall;
use super::enrolled::{Enrolled, enrolled, unchanged};
use super::identities::KnownBy;
use super::keyring::Opening;
use super::{Actor, Service, ServiceError, policies, tokens};
use crate::storage::{Move, Snapshot, StorageError, Transaction, User};

/// The old phone of a move that came to its end can ask for so long whether it did.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Service {
    /// Gives the old phone a ticket for the new one, in the place of one that it had before.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when it is not an active token's, or was used before; [`ActivationError::Policy`] when
    /// the vault was not opened as the policy asks.
    pub async fn offer_move(&self, request: &AskRequest) -> Result<OfferReply, ActivationError> {
        let now = self.clock.now();
        let (old, ask): (_, Ask) = self.signed_by_device(request.serial, &request.ask)?;
        let age = now.duration_since(ask.time).as_secs();
        self.check_names(&ask.aud, ask.serial, &old.0)?;
        if age.abs() > Ask::LIFETIME {
            return Err(ActivationError::Refused);
        }
        let opening = self.opening(&old, &ask)?.ok_or(ActivationError::Refused)?;
        let service = self.clone();
        let offer = self.store.write(move |transaction| service.offer(transaction, &old, &ask, opening, now)).await??;
        Ok(OfferReply { offer: self.sign(&offer)? })
    }

    /// The inner error is a refusal whose transaction is kept: it is in the audit.
    fn offer(
        &self,
        transaction: &dyn Transaction,
        (old, device): &Enrolled,
        ask: &Ask,
        opening: Opening,
        now: Timestamp,
    ) -> Result<Result<Offer, ActivationError>, ActivationError> {
        audit::check_clock(transaction, now)?;
        let (_, user) = unchanged(transaction, old, device)?;
        // Twice the life of an ask, since the phone's clock may be ahead by as much.
        let until = now + SignedDuration::from_secs(2 * Ask::LIFETIME);
        if !transaction.accept_assertion(old.id, ask.nonce.as_slice(), until, now)? {
            return Err(ActivationError::Refused);
        }
        let policy = policies::effective(transaction, user.group.as_ref())?;
        let entry = |event: &'static str| Entry::new(event).user(&user.name).token(old.serial);
        if let Some(reason) = shortfall(&policy, device, opening, &Signals::default()) {
            let refused = entry("token.move_refused").detail("reason", reason.as_str());
            refused.append(transaction, &Actor::Device, now)?;
            return Ok(Err(ActivationError::Policy(reason)));
        }
        let unfinished = transaction.move_from(old.serial)?.filter(|earlier| earlier.moved_at.is_none());
        let earlier = unfinished.map(|earlier| earlier.token);
        for token in transaction.sweep_moves(now - KEPT, now)?.into_iter().chain(earlier) {
            transaction.delete_token(token)?;
        }
        let mut token = tokens::insert(transaction, &user, old.label.clone(), &policy, now)?;
        let ticket = self.issue_ticket(transaction, &mut token, &user, &[ActivationMethod::Online], now)?;
        transaction.put_move(&Move {
            token: token.id,
            old_serial: old.serial,
            old_key: device.key.clone(),
            used: None,
            agreed: false,
            moved_at: None,
            expires_at: ticket.expires_at + GRACE,
        })?;
        entry("token.move_offered").detail("to", token.serial.to_string()).append(transaction, &Actor::Device, now)?;
        let link = ticket.online.map(|online| online.link).ok_or(ServiceError::Sealed)?;
        Ok(Ok(Offer {
            aud: old.serial,
            nonce: ask.nonce.clone(),
            serial: token.serial,
            ticket: link,
            expires_at: ticket.expires_at,
        }))
    }

    /// How far a move is; waits for at most as long as is asked while there is nothing to do for the old phone.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when the key that signed is that of no active token and of no move.
    pub async fn view_move(&self, request: &LookRequest) -> Result<ViewReply, ActivationError> {
        let serial = request.serial;
        let (look, identities): (Look, _) = self.store.read(|snapshot| {
            audit::check_clock(snapshot, self.clock.now())?;
            // Once the new token is active, the old one is gone and only the move knows its key.
            let key = match snapshot.move_from(serial)? {
                Some(moving) => Some(moving.old_key),
                None => enrolled(snapshot, serial)?.map(|(_, device)| device.key),
            };
            let identities = self.keyring.identities(snapshot)?;
            let look = signed::verify::<Look>(&request.look, key.as_ref().unwrap_or(identities.public()));
            let look = look.ok().filter(|_| key.is_some()).ok_or(ActivationError::Refused)?;
            Ok::<_, ActivationError>((look, identities))
        })?;
        let is_ours = matches!(identities.known_by(&look.aud), KnownBy::Current | KnownBy::LastFormer(_));
        if !is_ours || look.serial != serial {
            return Err(ActivationError::Refused);
        }
        let progress = || self.store.read(|snapshot| progress(snapshot, serial, self.clock.now()));
        let until_news =
            || progress().map(|it| Some(it).filter(|it| !matches!(it, Progress::Waiting | Progress::Agreed)));
        let wait: Duration = request.wait.duration();
        let progress = match self.bells.wait(Bell::Move(serial), wait, until_news).await? {
            Some(news) => news,
            None => progress()?,
        };
        Ok(ViewReply { view: self.sign(&View { aud: serial, nonce: look.nonce, progress })? })
    }

    /// The old phone agrees to the handshake that it names. The same consent again gets the same answer.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when it is not an active token's; [`ServiceError::Refused`] when it is another
    /// handshake that has used the ticket, or the move has ended; [`ActivationError::Policy`].
    pub async fn agree_to_move(&self, request: &ConsentRequest) -> Result<DoneReply, ActivationError> {
        let now = self.clock.now();
        let (old, consent): (_, Consent) = self.signed_by_device(request.serial, &request.consent)?;
        self.check_names(&consent.aud, consent.serial, &old.0)?;
        let opening = self.opening(&old, &consent)?.ok_or(ActivationError::Refused)?;
        let serial = consent.to;
        self.store.write(move |transaction| agree(transaction, &old, &consent, opening, now)).await??;
        Ok(DoneReply { serial })
    }

    /// The old phone ends a move: the new token is gone.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when it is not an active token's.
    pub async fn cancel_move(&self, request: &CancelRequest) -> Result<DoneReply, ActivationError> {
        let now = self.clock.now();
        let (old, cancel): (_, Cancel) = self.signed_by_device(request.serial, &request.cancel)?;
        self.check_names(&cancel.aud, cancel.serial, &old.0)?;
        let serial = cancel.to;
        self.store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let (old, device) = &old;
                let (_, user) = unchanged(transaction, old, device)?;
                let moving = transaction.move_from(old.serial)?.filter(|moving| moving.moved_at.is_none());
                let token = moving.map(|moving| transaction.token(moving.token)).transpose()?.flatten();
                let Some(token) = token.filter(|token| token.serial == serial) else { return Ok(()) };
                transaction.delete_token(token.id)?;
                let entry = Entry::new("token.move_cancelled").user(&user.name).token(old.serial);
                entry.detail("to", serial.to_string()).append(transaction, &Actor::Device, now)?;
                Ok::<_, ActivationError>(())
            })
            .await?;
        Ok(DoneReply { serial })
    }

    fn sign<T: Signed + Serialize>(&self, object: &T) -> Result<String, ServiceError> {
        let identities = self.store.read(|snapshot| self.keyring.identities(snapshot))?;
        let signed = identities.key().sign_object(object);
        signed.map_err(|error| StorageError::Failed(error.to_string()).into())
    }
}

fn progress(snapshot: &dyn Snapshot, serial: SerialNumber, now: Timestamp) -> Result<Progress, ActivationError> {
    let Some(moving) = snapshot.move_from(serial)? else { return Ok(Progress::Ended) };
    let token = snapshot.token(moving.token)?.ok_or(StorageError::Damaged("move"))?;
    let handshake = match &moving.used {
        Some(used) => snapshot.handshake(&used.session)?.map(|handshake| (handshake, used.transcript.clone())),
        None => None,
    };
    Ok(match (moving.moved_at, handshake) {
        (Some(_), _) => Progress::Moved,
        (None, _) if now >= moving.expires_at => Progress::Ended,
        (None, None) => Progress::Waiting,
        (None, Some(_)) if moving.agreed => Progress::Agreed,
        (None, Some((handshake, transcript))) => {
            let description = handshake.device.description;
            Progress::Found(Newcomer {
                serial: token.serial,
                session: handshake.session,
                device_key: handshake.device.key,
                transcript,
                platform: description.platform,
                model: description.model,
                app: description.app,
            })
        }
    })
}

/// The inner error is a refusal whose transaction is kept: it is in the audit.
fn agree(
    transaction: &dyn Transaction,
    (old, device): &Enrolled,
    consent: &Consent,
    opening: Opening,
    now: Timestamp,
) -> Result<Result<(), ActivationError>, ActivationError> {
    audit::check_clock(transaction, now)?;
    let (_, user) = unchanged(transaction, old, device)?;
    let ended = || ServiceError::Refused("this move has ended: begin it again on the old phone".into());
    let live = |moving: &Move| moving.moved_at.is_none() && now < moving.expires_at;
    let moving = transaction.move_from(old.serial)?.filter(live).ok_or_else(ended)?;
    let token = transaction.token(moving.token)?.ok_or_else(ended)?;
    let used = moving.used.as_ref().filter(|used| used.session == consent.session);
    let handshake = used.map(|used| transaction.handshake(&used.session)).transpose()?.flatten();
    let is_same = token.serial == consent.to
        && used.is_some_and(|used| used.transcript == consent.transcript)
        && handshake.is_some_and(|handshake| handshake.device.key.hash() == consent.device_key);
    let entry = |event: &'static str| {
        Entry::new(event).user(&user.name).token(old.serial).detail("to", token.serial.to_string())
    };
    let policy = policies::effective(transaction, user.group.as_ref())?;
    let reason = match shortfall(&policy, device, opening, &Signals::default()) {
        None if !is_same => Some("the consent is to another device than the one that has used the ticket".to_owned()),
        reason => reason,
    };
    if let Some(reason) = reason {
        entry("token.move_refused").detail("reason", reason.as_str()).append(transaction, &Actor::Device, now)?;
        return Ok(Err(ActivationError::Policy(reason)));
    }
    if !moving.agreed {
        transaction.put_move(&Move { agreed: true, ..moving })?;
        entry("token.move_agreed").append(transaction, &Actor::Device, now)?;
    }
    Ok(Ok(()))
}

/// Writes down who has used the ticket of a move.
pub(super) fn note_use(
    transaction: &dyn Transaction,
    moving: &Move,
    user: &User,
    new: SerialNumber,
    device: &Device,
    now: Timestamp,
) -> Result<(), ServiceError> {
    transaction.put_move(moving)?;
    Entry::new("token.move_used")
        .user(&user.name)
        .token(new)
        .detail("from", moving.old_serial.to_string())
        .detail("platform", device.description.platform.as_str())
        .detail("model", device.description.model.as_str())
        .append(transaction, &Actor::Device, now)
}

/// The new phone has confirmed: if the old one has agreed to it and is still what it was, it is gone now.
pub(super) fn complete(
    transaction: &dyn Transaction,
    moving: &Move,
    session: &SessionId,
    user: &User,
    new: SerialNumber,
    now: Timestamp,
) -> Result<(), ActivationError> {
    if !moving.agreed || moving.used.as_ref().is_none_or(|used| used.session != *session) {
        return Err(ActivationError::Waiting);
    }
    // An old token that was disabled, deleted or given to another device meanwhile is not what agreed.
    let old = enrolled(transaction, moving.old_serial)?.filter(|(_, device)| device.key == moving.old_key);
    let (old, _) = old.ok_or(ActivationError::Refused)?;
    transaction.delete_token(old.id)?;
    transaction.put_move(&Move { moved_at: Some(now), ..moving.clone() })?;
    let entry = Entry::new("token.moved").user(&user.name).token(new).detail("from", moving.old_serial.to_string());
    Ok(entry.append(transaction, &Actor::Device, now)?)
}
