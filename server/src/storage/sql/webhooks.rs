//! Webhooks.

use super::row::{Columns, millis};
use super::{Open, Row, params};
use crate::storage::{ApplicationId, Event, StorageError, Webhook, WebhookId, Webhooks, WriteWebhooks};

type Result<T> = std::result::Result<T, StorageError>;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, application_id, url, events, sealed_secrets, created_at FROM webhook ", $rest)
    };
}

fn read(row: &Row<'_>) -> Result<Webhook> {
    let mut columns = Columns::of(row);
    Ok(Webhook {
        id: WebhookId(columns.next()?),
        application: columns.next::<Option<i64>>()?.map(ApplicationId),
        url: columns.parsed()?,
        events: events_from(columns.text()?)?,
        secrets: columns.next()?,
        created_at: columns.time()?,
    })
}

fn events_from(names: &str) -> Result<Vec<Event>> {
    names.split(',').map(|name| name.parse().map_err(|_| StorageError::Damaged("webhook"))).collect()
}

impl Webhooks for Open<'_> {
    fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>> {
        self.one(select!("WHERE id = ?"), [id.0], read)
    }

    fn webhooks(&self) -> Result<Vec<Webhook>> {
        self.many(select!("ORDER BY id"), params![], read)
    }
}

impl WriteWebhooks for Open<'_> {
    fn insert_webhook(&self, webhook: &Webhook) -> Result<WebhookId> {
        let events: Vec<&str> = webhook.events.iter().map(|event| event.name()).collect();
        let id = self.insert(
            "INSERT INTO webhook (application_id, url, events, sealed_secrets, created_at) VALUES (?, ?, ?, ?, ?)
             RETURNING id",
            params![
                webhook.application.map(|application| application.0),
                webhook.url.as_str(),
                events.join(","),
                webhook.secrets,
                millis(webhook.created_at),
            ],
        )?;
        Ok(WebhookId(id))
    }

    fn set_webhook_secrets(&self, id: WebhookId, secrets: &[u8]) -> Result<()> {
        self.write("UPDATE webhook SET sealed_secrets = ? WHERE id = ?", params![secrets, id.0])
    }

    fn delete_webhook(&self, id: WebhookId) -> Result<()> {
        self.write("DELETE FROM webhook WHERE id = ?", [id.0])
    }
}
