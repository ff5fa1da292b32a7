//! The outbox: what leaves the server is written down in the transaction of what causes it, and sent at least once. Here
//! are its rules; `notify` sends.
//!
//! A wake-up says nothing, and a webhook what the audit says. A mail may hold a ticket: it is sealed, and erased once it
//! was sent or given up.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use symbolon_core::secret::SecretBytes;
use symbolon_core::signed::KeyHash;

use super::audit::Entry;
use super::bells::Bell;
use super::keyring::Place;
use super::{Actor, Service, ServiceError, push};
use crate::storage::{
    Delivery, DeliveryFilter, DeliveryId, DeliveryKind, DeliveryState, Destination, Email, Lane, Snapshot, Transaction,
};

/// What was sent or given up can be looked at for so long.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A webhook is tried for so long.
pub const WEBHOOK_LIFE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How long an attempt that failed is waited for: the first wait, and the longest.
const fn waits(kind: DeliveryKind) -> (SignedDuration, SignedDuration) {
    match kind {
        DeliveryKind::WakeUp => (SignedDuration::from_secs(1), SignedDuration::from_mins(1)),
        DeliveryKind::Webhook => (SignedDuration::from_secs(5), SignedDuration::from_hours(8)),
        DeliveryKind::Mail => (SignedDuration::from_secs(5), SignedDuration::from_hours(1)),
    }
}

/// When to try again after `attempts` failures: three times as long each time, and up to a half longer or shorter by
/// `random`, so that what failed together does not come back together.
fn backoff(kind: DeliveryKind, attempts: u32, random: u32) -> SignedDuration {
    let (first, longest) = waits(kind);
    let wait = (first * 3_i32.pow(attempts.saturating_sub(1).min(12))).min(longest);
    wait.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}

/// Writes down what is to be sent, in the transaction of what causes it. Ring [`Bell::Outbox`] after the commit, where it
/// is urgent; else it is seen within a second.
pub(super) fn post(
    transaction: &dyn Transaction,
    destination: Destination,
    subject: &'static str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<DeliveryId, ServiceError> {
    let delivery = waiting(destination, subject, expires_at, now);
    transaction.insert_delivery(&delivery)?;
    Ok(delivery.id)
}

fn waiting(destination: Destination, subject: &'static str, expires_at: Timestamp, now: Timestamp) -> Delivery {
    let mut id = [0; 16];
    OsRng.fill_bytes(&mut id);
    Delivery {
        id: DeliveryId::new(id),
        destination,
        subject: subject.to_owned(),
        content: Vec::new(),
        state: DeliveryState::Waiting,
        attempts: 0,
        problem: None,
        created_at: now,
        due_at: now,
        expires_at,
        ended_at: None,
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Sent,
    /// It is not needed any more.
    Needless,
    /// It may be taken later: not before `after`, where the other side says so.
    Later {
        /// Why; never a secret.
        problem: String,
        /// How long to wait at least.
        after: Option<SignedDuration>,
    },
    /// It will never be taken.
    Refused {
        /// Why; never a secret.
        problem: String,
    },
    /// The phone is not there any more: its address is dropped.
    Gone {
        /// What the service said.
        problem: String,
        /// Which device's address it was.
        device: KeyHash,
        /// When the device had told it.
        told_at: Timestamp,
    },
}

impl Outcome {
    /// A failure that may pass.
    pub fn later(problem: impl ToString) -> Self {
        Self::Later { problem: problem.to_string(), after: None }
    }

    /// A failure that stays.
    pub fn refused(problem: impl ToString) -> Self {
        Self::Refused { problem: problem.to_string() }
    }
}

/// What became of a delivery by an attempt, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The kind.
    pub kind: DeliveryKind,
    /// `sent`, `needless`, `later`, `gone` or `given_up`.
    pub result: &'static str,
}

/// A delivery as administrators see it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DeliveryView {
    /// Its name.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// What it is.
    pub kind: DeliveryKind,
    /// How far it is.
    pub state: DeliveryState,
    /// The serial number of a phone's token, the number of a webhook, or the address of a mail.
    pub to: String,
    /// The event of a webhook, or the occasion of a mail.
    pub subject: String,
    /// How many times it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// After this it is given up.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was sent or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

fn view(snapshot: &dyn Snapshot, delivery: Delivery) -> Result<DeliveryView, ServiceError> {
    let to = match &delivery.destination {
        Destination::Phone(token) => snapshot.token(*token)?.map(|token| token.serial.to_string()).unwrap_or_default(),
        Destination::Webhook { webhook, .. } => webhook.0.to_string(),
        Destination::Mail(email) => email.as_str().to_owned(),
    };
    Ok(DeliveryView {
        kind: delivery.destination.kind(),
        id: delivery.id,
        state: delivery.state,
        to,
        subject: delivery.subject,
        attempts: delivery.attempts,
        problem: delivery.problem,
        created_at: delivery.created_at,
        due_at: (delivery.state == DeliveryState::Waiting).then_some(delivery.due_at),
        expires_at: delivery.expires_at,
        ended_at: delivery.ended_at,
    })
}

impl Service {
    /// Writes down a mail, sealed, in the transaction of what causes it. `subject` is its occasion, for administrators.
    ///
    /// # Errors
    /// The store's.
    pub fn post_mail(
        &self,
        transaction: &dyn Transaction,
        recipient: Email,
        subject: &'static str,
        mail: &[u8],
        expires_at: Timestamp,
    ) -> Result<DeliveryId, ServiceError> {
        let mut delivery = waiting(Destination::Mail(recipient), subject, expires_at, self.clock.now());
        delivery.content = self.keyring.seal(Place::Mail(&delivery.id), mail);
        transaction.insert_delivery(&delivery)?;
        Ok(delivery.id)
    }

    /// What a mail says.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`].
    pub fn open_mail(&self, delivery: &Delivery) -> Result<SecretBytes, ServiceError> {
        self.keyring.open_sealed(Place::Mail(&delivery.id), &delivery.content)
    }

    /// All lanes.
    ///
    /// # Errors
    /// The store's.
    pub fn lanes(&self) -> Result<Vec<Lane>, ServiceError> {
        self.store.read(|snapshot| Ok(snapshot.lanes()?))
    }

    /// What is due on a lane on which `under_way` are being sent and no more than `most` may be.
    ///
    /// # Errors
    /// The store's.
    pub fn due(&self, lane: Lane, under_way: &HashSet<DeliveryId>, most: usize) -> Result<Vec<Delivery>, ServiceError> {
        let free = most.saturating_sub(under_way.len());
        if free == 0 {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        // However many of these are under way, the others fill the lane.
        let limit = u32::try_from(most).unwrap_or(u32::MAX);
        let waiting = self.store.read(|snapshot| snapshot.waiting_deliveries(lane, limit))?;
        let due = waiting.into_iter().filter(|delivery| delivery.due_at <= now && !under_way.contains(&delivery.id));
        Ok(due.take(free).collect())
    }

    /// Writes down what came of attempts, all in one transaction.
    ///
    /// # Errors
    /// The store's: then nothing of it is written, and it is to be tried again.
    pub async fn settle(&self, attempts: Vec<(DeliveryId, Outcome)>) -> Result<Vec<Settled>, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                transaction.sweep_deliveries(now - KEPT)?;
                let mut settled = Vec::new();
                for (id, outcome) in &attempts {
                    // One that an administrator has dropped meanwhile is none any more.
                    let delivery = transaction.delivery(id)?;
                    if let Some(delivery) = delivery.filter(|delivery| delivery.state == DeliveryState::Waiting) {
                        settled.push(settle_one(transaction, delivery, outcome, now)?);
                    }
                }
                Ok(settled)
            })
            .await
    }

    /// How many deliveries of each kind wait.
    ///
    /// # Errors
    /// The store's.
    pub fn outbox_depth(&self) -> Result<[(DeliveryKind, u64); 3], ServiceError> {
        self.store.read(|snapshot| {
            let mut depth = DeliveryKind::ALL.map(|kind| (kind, 0));
            for (kind, waiting) in &mut depth {
                *waiting = snapshot.outbox_depth(*kind)?;
            }
            Ok(depth)
        })
    }

    /// Deliveries, the newest first, at most `limit`.
    ///
    /// # Errors
    /// The store's.
    pub async fn deliveries(&self, filter: DeliveryFilter, limit: u32) -> Result<Vec<DeliveryView>, ServiceError> {
        self.store
            .read_much(move |snapshot| {
                let deliveries = snapshot.deliveries(&filter, limit)?;
                deliveries.into_iter().map(|delivery| view(snapshot, delivery)).collect()
            })
            .await
    }

    /// Sends a delivery now: one that waits, that was given up, or, for a webhook, that was sent
    /// already.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Refused`] when its time is over, or its content erased.
    pub async fn retry_delivery(&self, actor: Actor, id: DeliveryId) -> Result<DeliveryView, ServiceError> {
        let now = self.clock.now();
        let view = self
            .store
            .write(move |transaction| {
                let mut delivery = find(transaction, &id)?;
                let kind = delivery.destination.kind();
                if delivery.state != DeliveryState::Waiting {
                    match kind {
                        DeliveryKind::Webhook => delivery.expires_at = now + WEBHOOK_LIFE,
                        DeliveryKind::WakeUp if now < delivery.expires_at => {}
                        DeliveryKind::WakeUp => {
                            let over = "what the phone was to be woken for has expired";
                            return Err(ServiceError::Refused(over.into()));
                        }
                        DeliveryKind::Mail => {
                            let erased = "a mail is erased once it was sent or given up: have a new one written";
                            return Err(ServiceError::Refused(erased.into()));
                        }
                    }
                    delivery.attempts = 0;
                    delivery.ended_at = None;
                    delivery.state = DeliveryState::Waiting;
                }
                delivery.due_at = now;
                transaction.update_delivery(&delivery)?;
                entry("delivery.retried", &delivery).append(transaction, &actor, now)?;
                view(transaction, delivery)
            })
            .await?;
        self.bells.ring(&Bell::Outbox);
        Ok(view)
    }

    /// Removes a delivery; one that is being sent may still arrive.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn drop_delivery(&self, actor: Actor, id: DeliveryId) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let delivery = find(transaction, &id)?;
                transaction.delete_delivery(&id)?;
                entry("delivery.dropped", &delivery).append(transaction, &actor, now)
            })
            .await
    }
}

/// A delivery as administrators see it.
pub(super) fn show(snapshot: &dyn Snapshot, id: &DeliveryId) -> Result<DeliveryView, ServiceError> {
    view(snapshot, find(snapshot, id)?)
}

fn find(snapshot: &dyn Snapshot, id: &DeliveryId) -> Result<Delivery, ServiceError> {
    snapshot.delivery(id)?.ok_or_else(|| ServiceError::not_found("delivery", id))
}

fn entry(action: &'static str, delivery: &Delivery) -> Entry {
    let entry = Entry::new(action)
        .detail("delivery", delivery.id.to_string())
        .detail("kind", delivery.destination.kind().name())
        .detail("attempts", delivery.attempts);
    if delivery.subject.is_empty() { entry } else { entry.detail("subject", delivery.subject.as_str()) }
}

fn settle_one(
    transaction: &dyn Transaction,
    mut delivery: Delivery,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Settled, ServiceError> {
    let kind = delivery.destination.kind();
    delivery.attempts = delivery.attempts.saturating_add(1);
    let end = |delivery: &mut Delivery, state| {
        delivery.state = state;
        delivery.ended_at = Some(now);
        if kind == DeliveryKind::Mail {
            delivery.content.clear();
        }
    };
    let (problem, due_at) = match outcome {
        Outcome::Sent | Outcome::Needless => {
            // There is nothing to be seen of a wake-up, and there are many.
            if kind == DeliveryKind::WakeUp || *outcome == Outcome::Needless {
                transaction.delete_delivery(&delivery.id)?;
            } else {
                delivery.problem = None;
                end(&mut delivery, DeliveryState::Sent);
                transaction.update_delivery(&delivery)?;
            }
            let result = if *outcome == Outcome::Sent { "sent" } else { "needless" };
            return Ok(Settled { kind, result });
        }
        Outcome::Later { problem, after } => {
            let wait = backoff(kind, delivery.attempts, OsRng.next_u32()).max(after.unwrap_or_default());
            (problem, now.checked_add(wait).ok().filter(|due_at| *due_at < delivery.expires_at))
        }
        Outcome::Refused { problem } => (problem, None),
        Outcome::Gone { problem, device, told_at } => {
            if let Destination::Phone(token) = delivery.destination {
                push::drop_address(transaction, token, device, *told_at, problem, now)?;
            }
            transaction.delete_delivery(&delivery.id)?;
            return Ok(Settled { kind, result: "gone" });
        }
    };
    delivery.problem = Some(problem.clone());
    let Some(due_at) = due_at else {
        end(&mut delivery, DeliveryState::GivenUp);
        transaction.update_delivery(&delivery)?;
        let mut entry = entry("delivery.given_up", &delivery).detail("problem", problem.as_str());
        if let Destination::Phone(token) = delivery.destination
            && let Some(token) = transaction.token(token)?
        {
            entry = entry.token(token.serial);
        }
        entry.append(transaction, &Actor::Server, now)?;
        return Ok(Settled { kind, result: "given_up" });
    };
    delivery.due_at = due_at;
    transaction.update_delivery(&delivery)?;
    Ok(Settled { kind, result: "later" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        for kind in DeliveryKind::ALL {
            let (first, longest) = waits(kind);
            let middle = |attempts| backoff(kind, attempts, u32::MAX / 2);
            assert!(backoff(kind, 1, 0) >= first / 2 && backoff(kind, 1, u32::MAX) <= first * 3 / 2);
            assert!((1..60).all(|attempts| middle(attempts) <= middle(attempts + 1)));
            assert!(backoff(kind, u32::MAX, u32::MAX) <= longest * 3 / 2);
            assert!(backoff(kind, 3, 0) < backoff(kind, 3, u32::MAX));
        }
    }
}
