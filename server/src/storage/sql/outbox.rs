//! The outbox.

use jiff::Timestamp;

use super::row::{Columns, millis};
use super::{Open, Row, named_params, params};
use crate::storage::{
    Delivery, DeliveryFilter, DeliveryId, DeliveryKind, Destination, Lane, Outbox, StorageError, TokenId, WebhookId,
    WriteOutbox,
};

type Result<T> = std::result::Result<T, StorageError>;

/// What a restored database does not go on with.
pub(super) const UNFINISHED: &[&str] = &["DELETE FROM outbox WHERE state = 'waiting'"];

const DAMAGED: StorageError = StorageError::Damaged("delivery");

/// So many old rows are dropped at a time, so that nobody waits long for it.
const SWEPT: u32 = 100;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, token_id, webhook_id, entry, email, subject, sealed_content, state, attempts, problem, created_at,
             due_at, expires_at, ended_at FROM outbox ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<Delivery> {
    let mut columns = Columns::of(row);
    let id: [u8; 16] = columns.next()?;
    let kind: DeliveryKind = columns.parsed()?;
    let token: Option<i64> = columns.next()?;
    let webhook: Option<i64> = columns.next()?;
    let entry: Option<u64> = columns.next()?;
    let email = columns.optional()?;
    let destination = match kind {
        DeliveryKind::WakeUp => token.map(TokenId).map(Destination::Phone),
        DeliveryKind::Webhook => {
            webhook.zip(entry).map(|(id, entry)| Destination::Webhook { webhook: WebhookId(id), entry })
        }
        DeliveryKind::Mail => email.map(Destination::Mail),
    };
    Ok(Delivery {
        id: DeliveryId::new(id),
        destination: destination.ok_or(DAMAGED)?,
        subject: columns.next()?,
        content: columns.next()?,
        state: columns.parsed()?,
        attempts: columns.next()?,
        problem: columns.next()?,
        created_at: columns.time()?,
        due_at: columns.time()?,
        expires_at: columns.time()?,
        ended_at: columns.optional_time()?,
    })
}

impl Outbox for Open<'_> {
    fn lanes(&self) -> Result<Vec<Lane>> {
        let webhook = |row: &Row<'_>| Ok(Lane::Webhook(WebhookId(Columns::of(row).next()?)));
        let mut lanes = self.many("SELECT id FROM webhook", params![], webhook)?;
        lanes.extend([Lane::WakeUps, Lane::Mail]);
        Ok(lanes)
    }

    fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        self.one(select!("WHERE id = ?"), [id.as_slice()], read)
    }

    fn waiting_deliveries(&self, lane: Lane, limit: u32) -> Result<Vec<Delivery>> {
        let (kind, webhook) = match lane {
            Lane::WakeUps => (DeliveryKind::WakeUp, None),
            Lane::Webhook(id) => (DeliveryKind::Webhook, Some(id.0)),
            Lane::Mail => (DeliveryKind::Mail, None),
        };
        self.many(
            select!(
                "WHERE state = 'waiting' AND kind = ? AND webhook_id IS NOT DISTINCT FROM ? ORDER BY due_at LIMIT ?"
            ),
            params![kind.name(), webhook, limit],
            read,
        )
    }

    fn deliveries(&self, filter: &DeliveryFilter, limit: u32) -> Result<Vec<Delivery>> {
        self.many(
            select!(
                // A parameter first meets what tells its type.
                "WHERE (state = :state OR :state IS NULL) AND (kind = :kind OR :kind IS NULL)
                 AND (webhook_id = :webhook OR :webhook IS NULL) ORDER BY created_at DESC, id LIMIT :limit"
            ),
            named_params! {
                ":state": filter.state.map(|state| state.name()),
                ":kind": filter.kind.map(|kind| kind.name()),
                ":webhook": filter.webhook.map(|webhook| webhook.0),
                ":limit": limit,
            },
            read,
        )
    }

    fn outbox_depth(&self, kind: DeliveryKind) -> Result<u64> {
        let sql = "SELECT count(*) FROM outbox WHERE state = 'waiting' AND kind = ?";
        Ok(self.one(sql, [kind.name()], |row| Columns::of(row).next())?.unwrap_or_default())
    }
}

impl WriteOutbox for Open<'_> {
    fn insert_delivery(&self, delivery: &Delivery) -> Result<()> {
        let (token, webhook, entry, email) = match &delivery.destination {
            Destination::Phone(token) => (Some(token.0), None, None, None),
            Destination::Webhook { webhook, entry } => (None, Some(webhook.0), Some(*entry), None),
            Destination::Mail(email) => (None, None, None, Some(email.as_str())),
        };
        self.write(
            "INSERT INTO outbox (id, kind, token_id, webhook_id, entry, email, subject, sealed_content, state, created_at,
             due_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                delivery.id.as_slice(),
                delivery.destination.kind().name(),
                token,
                webhook,
                entry,
                email,
                delivery.subject,
                delivery.content,
                delivery.state.name(),
                millis(delivery.created_at),
                millis(delivery.due_at),
                millis(delivery.expires_at),
            ],
        )
    }

    fn update_delivery(&self, delivery: &Delivery) -> Result<()> {
        self.write(
            "UPDATE outbox SET sealed_content = :content, state = :state, attempts = :attempts, problem = :problem,
             due_at = :due_at, expires_at = :expires_at, ended_at = :ended_at WHERE id = :id",
            named_params! {
                ":content": delivery.content,
                ":state": delivery.state.name(),
                ":attempts": delivery.attempts,
                ":problem": delivery.problem,
                ":due_at": millis(delivery.due_at),
                ":expires_at": millis(delivery.expires_at),
                ":ended_at": delivery.ended_at.map(millis),
                ":id": delivery.id.as_slice(),
            },
        )
    }

    fn delete_delivery(&self, id: &DeliveryId) -> Result<()> {
        self.write("DELETE FROM outbox WHERE id = ?", [id.as_slice()])
    }

    fn sweep_deliveries(&self, ended: Timestamp) -> Result<()> {
        self.write(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE ended_at < ? LIMIT ?)",
            params![millis(ended), SWEPT],
        )
    }
}
