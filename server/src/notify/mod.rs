//! Sending: the outbox is emptied by one task of the server, woken by a bell and by time.
//!
//! It reads what is due on each lane, lets each delivery be sent by its courier, and writes what came of them in batches,
//! one transaction for all that ended meanwhile. What is being sent is known here only: after a restart it is sent
//! again.

mod apns;
mod fcm;
mod jwt;
mod mail;
pub(crate) mod outbound;
mod push;
mod reach;
mod web_push;
mod webhook;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::service::bells::Bell;
use crate::service::outbox::Outcome;
use crate::service::turns::Turn;
use crate::service::{Service, ServiceError};
use crate::storage::{Delivery, DeliveryId, Destination, Lane};
use mail::Post;
use outbound::Outbound;
use push::Push;
pub(crate) use reach::reach;

/// Commands and other events ring no bell: so often the outbox is looked at without one.
const LOOK: Duration = Duration::from_secs(1);

/// So many deliveries of a lane are under way at a time.
const fn width(lane: Lane) -> usize {
    match lane {
        Lane::WakeUps => 64,
        Lane::Webhook(_) | Lane::Mail => 8,
    }
}

/// Whoever carries deliveries out, one for each kind.
struct Couriers {
    outbound: Outbound,
    mail: Option<Post>,
    push: Push,
}

impl Couriers {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let mail = config.mail.as_ref().map(Post::new).transpose()?;
        Ok(Self { outbound: Outbound::new(&config.outbound)?, mail, push: Push::new(&config.push)? })
    }

    async fn carry(&self, service: &Service, delivery: &Delivery) -> Outcome {
        if service.clock.now() >= delivery.expires_at {
            return Outcome::refused("its time was over before it could be sent");
        }
        match &delivery.destination {
            Destination::Webhook { webhook, entry } => {
                webhook::carry(&self.outbound, service, &delivery.id, *webhook, *entry).await
            }
            Destination::Phone(token) => self.push.carry(&self.outbound, service, *token, delivery).await,
            Destination::Mail(to) => match &self.mail {
                Some(post) => post.carry(service, delivery, to).await,
                None => Outcome::refused("no mail server is configured"),
            },
        }
    }
}

/// The task that empties the outbox.
pub(crate) struct Sender {
    service: Service,
    couriers: Couriers,
    metrics: Metrics,
    under_way: Mutex<HashMap<Lane, HashSet<DeliveryId>>>,
    /// One node sends for all.
    turn: Turn,
}

/// An attempt that has ended.
struct Ended {
    lane: Lane,
    delivery: DeliveryId,
    outcome: Outcome,
}

impl Sender {
    /// The sender over `service`.
    ///
    /// # Errors
    /// When the configuration names what can't be used.
    pub(crate) fn new(service: Service, config: &Config, metrics: Metrics) -> anyhow::Result<Arc<Self>> {
        let couriers = Couriers::new(config)?;
        Ok(Arc::new(Self { service, couriers, metrics, under_way: Mutex::default(), turn: Turn::new("outbox_turn") }))
    }

    /// Sends until the bells are closed, and then waits for what is under way.
    pub(crate) async fn run(self: Arc<Self>) {
        let (ended, attempts) = mpsc::channel(256);
        let settling = tokio::spawn(Arc::clone(&self).settle(attempts));
        let bells = Arc::clone(&self.service.bells);
        while !bells.are_closed() {
            match self.service.is_turn_of(&self.turn).await {
                Ok(true) => {}
                Ok(false) => {
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "whose turn it is to send can't be read");
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            }
            match bells.wait(Bell::Outbox, LOOK, || self.take()).await {
                Ok(due) => {
                    for (lane, delivery) in due.into_iter().flatten() {
                        tokio::spawn(Arc::clone(&self).attempt(lane, delivery, ended.clone()));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the outbox can't be read");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
        drop(ended);
        // A panic was logged where it happened.
        drop(settling.await);
        if let Err(error) = self.service.end_turn(&self.turn).await {
            tracing::warn!(%error, "another node waits half a minute for its turn to send");
        }
    }

    /// Takes what is due and not under way yet, if there is anything.
    fn take(&self) -> Result<Option<Vec<(Lane, Delivery)>>, ServiceError> {
        let lanes = self.service.lanes()?;
        let mut under_way = self.under_way();
        let mut taken = Vec::new();
        for lane in lanes {
            let on_lane = under_way.entry(lane).or_default();
            let due = self.service.due(lane, on_lane, width(lane))?;
            on_lane.extend(due.iter().map(|delivery| delivery.id.clone()));
            taken.extend(due.into_iter().map(|delivery| (lane, delivery)));
        }
        under_way.retain(|_, on_lane| !on_lane.is_empty());
        Ok(Some(taken).filter(|taken| !taken.is_empty()))
    }

    async fn attempt(self: Arc<Self>, lane: Lane, delivery: Delivery, ended: mpsc::Sender<Ended>) {
        let id = delivery.id.clone();
        let carrying = tokio::spawn({
            let sender = Arc::clone(&self);
            async move { sender.couriers.carry(&sender.service, &delivery).await }
        });
        let outcome = carrying.await.unwrap_or_else(|_| Outcome::later("the sender failed; its log says why"));
        if let Outcome::Later { problem, .. } | Outcome::Refused { problem } | Outcome::Gone { problem, .. } = &outcome
        {
            tracing::warn!(delivery = %id, problem, "a delivery was not taken");
        }
        // Whoever receives is there until the last attempt has ended.
        drop(ended.send(Ended { lane, delivery: id, outcome }).await);
    }

    /// Writes down what came of attempts: together what has ended while the last ones were written.
    async fn settle(self: Arc<Self>, mut attempts: mpsc::Receiver<Ended>) {
        let mut batch = Vec::new();
        while attempts.recv_many(&mut batch, 256).await > 0 {
            let outcomes: Vec<_> = batch.iter().map(|ended| (ended.delivery.clone(), ended.outcome.clone())).collect();
            while let Err(error) = self.service.settle(outcomes.clone()).await.map(|settled| {
                settled.iter().for_each(|settled| self.metrics.delivery(*settled));
            }) {
                tracing::error!(%error, "what came of deliveries can't be written; some may be sent again");
                if self.service.bells.are_closed() {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
            let mut under_way = self.under_way();
            for ended in batch.drain(..) {
                under_way.entry(ended.lane).or_default().remove(&ended.delivery);
            }
            drop(under_way);
            self.service.bells.ring(&Bell::Outbox);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Lane, HashSet<DeliveryId>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
