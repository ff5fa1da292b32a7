//! Waking phones: each by the service that its address names.

use jiff::Timestamp;
use symbolon_core::push::PushAddress;

use super::apns::Apns;
use super::fcm::Fcm;
use super::outbound::{Answer, Outbound};
use super::reach::Reached;
use super::web_push;
use crate::config::{self, Contact};
use crate::service::Service;
use crate::service::outbox::Outcome;
use crate::service::push::WakeUp;
use crate::storage::{Delivery, PushService, TokenId};

/// The services that are configured.
pub(super) struct Push {
    fcm: Option<Fcm>,
    apns: Option<Apns>,
    contact: Option<Contact>,
}

/// When a phone is woken, and until when there is something to wake it for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waking {
    pub(super) now: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Waking {
    /// How long the service may keep the wake-up, in seconds.
    pub(super) fn seconds(self) -> i64 {
        self.expires_at.duration_since(self.now).as_secs().max(0)
    }
}

/// Why a phone could not be woken.
pub(super) enum Failure {
    /// As for any delivery.
    Outcome(Outcome),
    /// The address is not there any more.
    Gone(String),
}

impl From<Outcome> for Failure {
    fn from(outcome: Outcome) -> Self {
        Self::Outcome(outcome)
    }
}

impl Failure {
    pub(super) fn gone(who: &str, answer: &Answer, code: &str) -> Self {
        Self::Gone(said(who, answer, code))
    }

    pub(super) fn later(who: &str, answer: &Answer, code: &str) -> Self {
        Self::Outcome(Outcome::Later { problem: said(who, answer, code), after: answer.retry_after })
    }

    pub(super) fn refused(who: &str, answer: &Answer, code: &str) -> Self {
        Self::Outcome(Outcome::refused(said(who, answer, code)))
    }

    pub(super) fn passing(problem: &str) -> Self {
        Self::Outcome(Outcome::later(problem))
    }

    pub(super) fn lasting(problem: &str) -> Self {
        Self::Outcome(Outcome::refused(problem))
    }
}

/// What a service answered: its status, and its code where it looks like one.
fn said(who: &str, answer: &Answer, code: &str) -> String {
    let plain = !code.is_empty()
        && code.len() <= 64
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let status = answer.status.as_u16();
    if plain { format!("{who} answered {status} {code}") } else { format!("{who} answered {status}") }
}

impl Push {
    pub(super) fn new(config: &config::Push) -> anyhow::Result<Self> {
        Ok(Self {
            fcm: config.fcm.as_ref().map(Fcm::new).transpose()?,
            apns: config.apns.as_ref().map(Apns::new).transpose()?,
            contact: config.web.as_ref().map(|web| web.contact.clone()),
        })
    }

    /// Asks the services that are configured whether they let this server in. Web Push has no one service to ask.
    pub(super) async fn reach(&self, outbound: &Outbound, now: Timestamp) -> Vec<Reached> {
        let mut reached = Vec::new();
        let outcome = |failure| match failure {
            Failure::Outcome(Outcome::Later { problem, .. } | Outcome::Refused { problem }) => Err(problem),
            // Nobody's phone: whoever says so has looked at the key before.
            _ => Ok(()),
        };
        if let Some(fcm) = &self.fcm {
            reached.push(Reached { who: "push.fcm", outcome: fcm.reach(outbound, now).await.or_else(outcome) });
        }
        if let Some(apns) = &self.apns {
            reached.push(Reached { who: "push.apns", outcome: apns.reach(outbound, now).await.or_else(outcome) });
        }
        reached
    }

    /// Wakes the phone of a token.
    pub(super) async fn carry(
        &self,
        outbound: &Outbound,
        service: &Service,
        token: TokenId,
        delivery: &Delivery,
    ) -> Outcome {
        let wake_up = match service.wake_up(token) {
            Ok(Some(wake_up)) => wake_up,
            // It was answered, or its phone is none any more.
            Ok(None) => return Outcome::Needless,
            Err(error) => return Outcome::later(error),
        };
        let waking = Waking { now: service.clock.now(), expires_at: delivery.expires_at };
        match self.wake(outbound, service, &wake_up, waking).await {
            Ok(()) => Outcome::Sent,
            Err(Failure::Outcome(outcome)) => outcome,
            Err(Failure::Gone(problem)) => Outcome::Gone { problem, device: wake_up.device, told_at: wake_up.told_at },
        }
    }

    async fn wake(
        &self,
        outbound: &Outbound,
        service: &Service,
        wake_up: &WakeUp,
        waking: Waking,
    ) -> Result<(), Failure> {
        let missing = |service: PushService| Failure::lasting(&format!("push.{} is not configured", service.name()));
        match &wake_up.address {
            PushAddress::Fcm { token } => {
                let fcm = self.fcm.as_ref().ok_or_else(|| missing(PushService::Fcm))?;
                fcm.wake(outbound, token.as_str(), waking).await
            }
            PushAddress::Apns { token, topic, environment } => {
                let apns = self.apns.as_ref().ok_or_else(|| missing(PushService::Apns))?;
                apns.wake(outbound, (token.as_str(), topic, *environment), waking).await
            }
            PushAddress::Web { endpoint, p256dh, auth } => {
                let key = self.contact.as_ref().zip(service.push.web_push_key.as_ref());
                let (contact, key) = key.ok_or_else(|| missing(PushService::Web))?;
                web_push::wake(outbound, key, contact, (endpoint, p256dh, auth), waking).await
            }
        }
    }
}
