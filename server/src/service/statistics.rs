//! What the dashboard shows: how many there are of what, and what happened in the last days.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use symbolon_core::text::Name;

use super::applications::OldKeyView;
use super::{Service, ServiceError};
use crate::storage::{DeliveryKind, Snapshot};

/// Which entries of the audit are counted by the hour, and which of their details tells the kinds apart.
const COUNTED: [(&str, &str); 7] = [
    ("code.accepted", ""),
    ("code.refused", "reason"),
    ("challenge.created", "kind"),
    ("challenge.ended", "status"),
    ("approval.concern", ""),
    ("token.activated", ""),
    ("delivery.given_up", "kind"),
];

/// The detail of an entry that tells its kinds apart, where the entry is counted.
pub(super) fn counted(action: &str) -> Option<&'static str> {
    COUNTED.iter().find(|(event, _)| *event == action).map(|(_, detail)| *detail)
}

/// How many there are of what, and what happened.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct StatisticsView {
    /// Users.
    pub users: u64,
    /// Tokens whose codes count.
    pub active_tokens: u64,
    /// Tokens with a ticket that can be used.
    pub waiting_activations: u64,
    /// Tokens whose ticket was not used in time.
    pub expired_activations: u64,
    /// Users whose codes are locked.
    pub locked_users: u64,
    /// Mails, wake-ups and webhooks that wait to be sent.
    pub waiting_deliveries: Vec<WaitingDeliveries>,
    /// API keys that end, since another took their place.
    pub old_keys: Vec<EndingKey>,
    /// When the server's TLS certificate ends, where it comes from files; its own authority makes a new one each day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub certificate_ends_at: Option<Timestamp>,
    /// When the first hour began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What happened, by the hour.
    pub events: Vec<EventCount>,
}

/// How many deliveries of a kind wait.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct WaitingDeliveries {
    /// The kind.
    pub kind: DeliveryKind,
    /// How many.
    pub count: u64,
}

/// An application whose old API key goes on for a time.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EndingKey {
    /// The application.
    #[schema(value_type = String)]
    pub application: Name,
    /// Its old key.
    #[serde(flatten)]
    pub key: OldKeyView,
}

/// How often something happened in one hour.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EventCount {
    /// When the hour began.
    #[schema(value_type = String, format = DateTime)]
    pub hour: Timestamp,
    /// What happened, as the audit names it.
    pub event: String,
    /// The reason or the outcome; empty where there is none.
    pub detail: String,
    /// How often.
    pub count: u64,
}

impl Service {
    /// The numbers of the last `hours`.
    ///
    /// # Errors
    /// The store's.
    pub async fn statistics(&self, hours: u16) -> Result<StatisticsView, ServiceError> {
        let now = self.clock.now();
        let since = now - SignedDuration::from_hours(i64::from(hours));
        let waiting_deliveries = self.outbox_depth()?.map(|(kind, count)| WaitingDeliveries { kind, count }).to_vec();
        let old_keys = self
            .applications()?
            .into_iter()
            .filter_map(|application| application.old_key.map(|key| EndingKey { application: application.name, key }));
        let old_keys = old_keys.collect();
        let certificate_ends_at = self.identity.certificate_ends_at;
        let read = move |snapshot: &dyn Snapshot| {
            let totals = snapshot.totals(now)?;
            let events = snapshot.hour_counts(since)?.into_iter().map(|counted| EventCount {
                hour: counted.hour,
                event: counted.event,
                detail: counted.detail,
                count: counted.count,
            });
            Ok(StatisticsView {
                users: totals.users,
                active_tokens: totals.active_tokens,
                waiting_activations: totals.waiting,
                expired_activations: totals.expired,
                locked_users: totals.locked_users,
                waiting_deliveries,
                old_keys,
                certificate_ends_at,
                since,
                events: events.collect(),
            })
        };
        self.store.read_much(read).await
    }
}
