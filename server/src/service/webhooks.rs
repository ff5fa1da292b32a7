//! Webhooks: endpoints that are told of events, signed as [Standard Webhooks] says.
//!
//! An event is an entry of the audit. The endpoint of an application learns of that application's own challenges, and
//! one without an application of what concerns the organisation.
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

use jiff::Timestamp;
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::push::Endpoint;
use symbolon_core::secret::Secret;
use symbolon_core::text::Name;

use super::audit::{AuditEntry, Entry};
use super::bells::Bell;
use super::keyring::Place;
use super::outbox::{self, WEBHOOK_LIFE};
use super::{Actor, Service, ServiceError, applications};
use crate::storage::{ApplicationId, Destination, Event, Snapshot, StorageError, Transaction, Webhook, WebhookId};

/// So many endpoints there can be: each event is looked up among them.
const MOST: usize = 64;

/// After a new secret was made, deliveries are signed with the old one too, for so many seconds where nothing else is said.
pub const USUAL_OVERLAP: u32 = 24 * 3600;

/// What is needed to add a webhook.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where events are posted: https only, and by default a public address only.
    #[schema(value_type = String, max_length = 1024, example = "https://shop.example/symbolon")]
    pub url: Endpoint,
    /// Which events; all that this endpoint can be told of when left out.
    #[serde(default)]
    pub events: Vec<Event>,
    /// The application whose challenges it is told of; without one it is told of what concerns the organisation.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub application: Option<Name>,
}

/// A webhook as the admin API and the commands show one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct WebhookView {
    /// Its number.
    pub id: i64,
    /// Where events are posted.
    #[schema(value_type = String)]
    pub url: Endpoint,
    /// Which events.
    pub events: Vec<Event>,
    /// The application whose challenges it is told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub application: Option<Name>,
    /// Until when deliveries are signed with the secret before, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub old_secret_ends_at: Option<Timestamp>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A webhook and its new secret, which is shown this once.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct WebhookSecret {
    /// The webhook.
    pub webhook: WebhookView,
    /// What its deliveries are signed with: `whsec_` and 32 bytes in base64.
    pub secret: String,
}

/// What a webhook's deliveries are signed with.
struct Secrets {
    current: Secret<32>,
    /// The one before, and until when it counts.
    previous: Option<(Secret<32>, Timestamp)>,
}

impl Secrets {
    fn seal(&self, service: &Service, webhook: WebhookId) -> Vec<u8> {
        let mut frame = FrameWriter::with_capacity(128).field(self.current.expose());
        if let Some((previous, until)) = &self.previous {
            frame = frame.field(previous.expose()).number(until.as_millisecond().unsigned_abs());
        }
        service.keyring.seal(Place::WebhookSecrets(webhook), frame.as_bytes())
    }

    fn open(service: &Service, webhook: &Webhook) -> Result<Self, ServiceError> {
        let plain = service.keyring.open_sealed(Place::WebhookSecrets(webhook.id), &webhook.secrets)?;
        let mut reader = FrameReader::new(plain.expose());
        let damaged = |_| ServiceError::Sealed;
        let current = Secret::take(&mut reader.array().map_err(damaged)?.clone());
        if reader.is_empty() {
            return Ok(Self { current, previous: None });
        }
        let previous = Secret::take(&mut reader.array().map_err(damaged)?.clone());
        let until = i64::try_from(reader.number().map_err(damaged)?).map_err(|_| ServiceError::Sealed)?;
        let until = Timestamp::from_millisecond(until).map_err(|_| ServiceError::Sealed)?;
        Ok(Self { current, previous: Some((previous, until)) })
    }
}

/// A secret as it is shown, once.
fn shown(secret: &Secret<32>) -> String {
    format!("whsec_{}", data_encoding::BASE64.encode(secret.expose()))
}

/// What an endpoint is told.
#[derive(Debug, Serialize)]
struct Told {
    r#type: String,
    timestamp: Timestamp,
    data: serde_json::Map<String, serde_json::Value>,
}

impl From<AuditEntry> for Told {
    fn from(entry: AuditEntry) -> Self {
        let mut data: serde_json::Map<_, _> = entry.details.into_iter().collect();
        let serial = entry.token.map(|serial| serial.to_string());
        for (key, value) in [("user", entry.user), ("token", serial)] {
            data.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        Self { r#type: entry.action, timestamp: entry.time, data }
    }
}

/// A delivery of a webhook, ready to be signed.
pub struct WebhookMessage {
    /// Where it goes.
    pub url: Endpoint,
    /// What is said, as JSON.
    pub body: Vec<u8>,
    /// What it is signed with: one secret, and for a time after it was changed the one before.
    pub secrets: Vec<Secret<32>>,
}

/// The name of the event that `webhook test` sends.
const TEST: &str = "webhook.tested";

/// Fills the outbox for the webhooks that are told of an action of the audit.
pub(super) fn post(
    transaction: &dyn Transaction,
    action: &'static str,
    entry: u64,
    application: Option<ApplicationId>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let Some(event) = Event::of_action(action) else { return Ok(()) };
    for webhook in transaction.webhooks()? {
        let concerned = webhook.application.is_none() || webhook.application == application;
        if concerned && webhook.events.contains(&event) {
            let destination = Destination::Webhook { webhook: webhook.id, entry };
            outbox::post(transaction, destination, event.name(), now + WEBHOOK_LIFE, now)?;
        }
    }
    Ok(())
}

/// Refuses events that an endpoint is never told of; gives one that named none all that it can be told of.
fn events(named: Vec<Event>, of_application: bool) -> Result<Vec<Event>, ServiceError> {
    let can = |event: &Event| if of_application { event.is_of_challenges() } else { event.is_of_organisation() };
    if let Some(event) = named.iter().find(|event| !can(event)) {
        let why = if of_application {
            "is not about challenges: add another webhook for it, without an application"
        } else {
            "is its application's own affair: name the application"
        };
        return Err(ServiceError::invalid("events", format!("{} {why}", event.name())));
    }
    let all = Event::ALL.iter().copied().filter(can);
    Ok(if named.is_empty() { all.collect() } else { all.filter(|event| named.contains(event)).collect() })
}

fn find(snapshot: &dyn Snapshot, id: WebhookId) -> Result<Webhook, ServiceError> {
    snapshot.webhook(id)?.ok_or_else(|| ServiceError::not_found("webhook", id.0))
}

fn entry(action: &'static str, webhook: &Webhook) -> Entry {
    Entry::new(action).detail("webhook", webhook.id.0).detail("origin", webhook.url.origin())
}

impl Service {
    fn view_webhook(
        &self,
        snapshot: &dyn Snapshot,
        webhook: Webhook,
        now: Timestamp,
    ) -> Result<WebhookView, ServiceError> {
        let application = match webhook.application {
            None => None,
            Some(id) => snapshot.applications()?.into_iter().find(|application| application.id == id),
        };
        let previous = Secrets::open(self, &webhook)?.previous.map(|(_, until)| until);
        Ok(WebhookView {
            id: webhook.id.0,
            url: webhook.url,
            events: webhook.events,
            application: application.map(|application| application.name),
            old_secret_ends_at: previous.filter(|until| now < *until),
            created_at: webhook.created_at,
        })
    }

    /// Adds a webhook.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`], [`ServiceError::NotFound`] for the application, [`ServiceError::Refused`] when there
    /// are too many.
    pub async fn add_webhook(&self, actor: Actor, new: NewWebhook) -> Result<WebhookSecret, ServiceError> {
        let now = self.clock.now();
        let events = events(new.events, new.application.is_some())?;
        let service = self.clone();
        self.store
            .write(move |transaction| {
                if transaction.webhooks()?.len() >= MOST {
                    return Err(ServiceError::Refused(format!("there are {MOST} webhooks already: remove one")));
                }
                let application = match new.application {
                    None => None,
                    Some(name) => {
                        let found = transaction.application_by_name(&name)?;
                        Some(found.ok_or_else(|| ServiceError::not_found("application", name))?.id)
                    }
                };
                let secrets = Secrets { current: Secret::generate(&mut OsRng), previous: None };
                let mut webhook = Webhook {
                    id: WebhookId(0),
                    application,
                    url: new.url,
                    events,
                    secrets: Vec::new(),
                    created_at: now,
                };
                webhook.id = transaction.insert_webhook(&webhook)?;
                webhook.secrets = secrets.seal(&service, webhook.id);
                transaction.set_webhook_secrets(webhook.id, &webhook.secrets)?;
                entry("webhook.added", &webhook).append(transaction, &actor, now)?;
                Ok(WebhookSecret {
                    webhook: service.view_webhook(transaction, webhook, now)?,
                    secret: shown(&secrets.current),
                })
            })
            .await
    }

    /// All webhooks.
    ///
    /// # Errors
    /// The store's.
    pub fn webhooks(&self) -> Result<Vec<WebhookView>, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let webhooks = snapshot.webhooks()?.into_iter();
            webhooks.map(|webhook| self.view_webhook(snapshot, webhook, now)).collect()
        })
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub fn webhook(&self, id: WebhookId) -> Result<WebhookView, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| self.view_webhook(snapshot, find(snapshot, id)?, now))
    }

    /// Gives a webhook another secret. For `overlap` seconds its deliveries are signed with the old one too, unless that
    /// is zero; one from before that, if it still counts, ends at once.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Invalid`] beyond [`applications::LONGEST_OVERLAP`].
    pub async fn rotate_webhook(
        &self,
        actor: Actor,
        id: WebhookId,
        overlap: u32,
    ) -> Result<WebhookSecret, ServiceError> {
        let now = self.clock.now();
        let ends_at = applications::end_of_old(overlap, now)?;
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let mut webhook = find(transaction, id)?;
                let before = Secrets::open(&service, &webhook)?.current;
                let previous = ends_at.map(|ends_at| (before, ends_at));
                let secrets = Secrets { current: Secret::generate(&mut OsRng), previous };
                webhook.secrets = secrets.seal(&service, id);
                transaction.set_webhook_secrets(id, &webhook.secrets)?;
                let mut entry = entry("webhook.rotated", &webhook);
                if let Some(ends_at) = ends_at {
                    entry = entry.detail("old_secret_ends_at", ends_at.to_string());
                }
                entry.append(transaction, &actor, now)?;
                Ok(WebhookSecret {
                    webhook: service.view_webhook(transaction, webhook, now)?,
                    secret: shown(&secrets.current),
                })
            })
            .await
    }

    /// Removes a webhook and what waits for it.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn remove_webhook(&self, actor: Actor, id: WebhookId) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let webhook = find(transaction, id)?;
                transaction.delete_webhook(id)?;
                entry("webhook.removed", &webhook).append(transaction, &actor, now)
            })
            .await
    }

    /// Sends an event that says nothing, `webhook.tested`, whatever events the endpoint is told of otherwise.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn test_webhook(&self, actor: Actor, id: WebhookId) -> Result<outbox::DeliveryView, ServiceError> {
        let now = self.clock.now();
        let delivery = self
            .store
            .write(move |transaction| {
                let webhook = find(transaction, id)?;
                entry(TEST, &webhook).append(transaction, &actor, now)?;
                let entry = transaction.audit_head()?.map_or(0, |head| head.sequence);
                let destination = Destination::Webhook { webhook: id, entry };
                let delivery = outbox::post(transaction, destination, TEST, now + WEBHOOK_LIFE, now)?;
                outbox::show(transaction, &delivery)
            })
            .await?;
        self.bells.ring(&Bell::Outbox);
        Ok(delivery)
    }

    /// What a delivery says, to whom, and what it is signed with.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when the webhook or the event is not there any more.
    pub fn webhook_message(&self, id: WebhookId, entry: u64) -> Result<WebhookMessage, ServiceError> {
        let now = self.clock.now();
        let (webhook, stored) = self.store.read(|snapshot| {
            let stored = snapshot.audit_entries(entry, 1)?.into_iter().find(|stored| stored.sequence == entry);
            let stored = stored.ok_or_else(|| ServiceError::not_found("audit entry", entry))?;
            Ok::<_, ServiceError>((find(snapshot, id)?, stored))
        })?;
        let entry: AuditEntry =
            serde_json::from_str(&stored.entry).map_err(|_| StorageError::Damaged("audit entry"))?;
        let body = serde_json::to_vec(&Told::from(entry)).map_err(|error| StorageError::Failed(error.to_string()))?;
        let Secrets { current, previous } = Secrets::open(self, &webhook)?;
        let previous = previous.filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        Ok(WebhookMessage { url: webhook.url, body, secrets: std::iter::once(current).chain(previous).collect() })
    }
}
