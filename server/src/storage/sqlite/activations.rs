//! Tickets and handshakes in SQLite.

use jiff::Timestamp;
use rusqlite::{Row, named_params, params};
use symbolon_core::activation::online::SessionId;
use symbolon_core::otp::Digits;

use super::row::{millis, optional_time, parsed, time};
use super::tokens::{device_columns, read_device};
use super::Open;
use crate::storage::{Activations, Handshake, StorageError, TicketRecord, TokenId, WriteActivations};

type Result<T> = std::result::Result<T, StorageError>;

const DAMAGED: StorageError = StorageError::Damaged("handshake");

fn read_ticket(row: &Row<'_>) -> Result<TicketRecord> {
    Ok(TicketRecord {
        token: TokenId(row.get("token_id")?),
        number: row.get("number")?,
        record: row.get("sealed_record")?,
        expires_at: time(row.get("expires_at")?)?,
        guesses: row.get("guesses")?,
    })
}

fn read_handshake(row: &Row<'_>) -> Result<Handshake> {
    let key: Vec<u8> = row.get("device_key")?;
    Ok(Handshake {
        session: SessionId::new(row.get::<_, Vec<u8>>("session")?).map_err(|_| DAMAGED)?,
        token: TokenId(row.get("token_id")?),
        request: row.get("request")?,
        reply: row.get("reply")?,
        hash: parsed(row, "hash")?,
        digits: Digits::new(row.get("digits")?).ok_or(DAMAGED)?,
        keys: row.get("sealed_keys")?,
        device: read_device(&key, row.get_ref("device")?.as_str().map_err(|_| DAMAGED)?)?,
        expires_at: time(row.get("expires_at")?)?,
        confirmed_at: optional_time(row.get("confirmed_at")?)?,
    })
}

impl Activations for Open<'_> {
    fn ticket(&self, token: TokenId) -> Result<Option<TicketRecord>> {
        self.one("SELECT * FROM ticket WHERE token_id = ?", [token.0], read_ticket)
    }

    fn handshake(&self, session: &SessionId) -> Result<Option<Handshake>> {
        self.one("SELECT * FROM handshake WHERE session = ?", [session.as_slice()], read_handshake)
    }
}

impl WriteActivations for Open<'_> {
    fn put_ticket(&self, ticket: &TicketRecord) -> Result<()> {
        self.execute("DELETE FROM handshake WHERE token_id = ?", [ticket.token.0])?;
        self.execute(
            "INSERT OR REPLACE INTO ticket (token_id, number, sealed_record, expires_at, guesses) VALUES (?, ?, ?, ?, ?)",
            params![ticket.token.0, ticket.number, ticket.record, millis(ticket.expires_at), ticket.guesses],
        )
        .map(drop)
    }

    fn count_guess(&self, token: TokenId, by: i32) -> Result<()> {
        self.execute("UPDATE ticket SET guesses = max(0, guesses + ?) WHERE token_id = ?", params![by, token.0])
            .map(drop)
    }

    fn count_stray_guess(&self) -> Result<()> {
        self.execute("UPDATE stray_guesses SET count = count + 1", []).map(drop)
    }

    fn delete_ticket(&self, token: TokenId) -> Result<()> {
        self.execute("DELETE FROM ticket WHERE token_id = ?", [token.0]).map(drop)
    }

    fn insert_handshake(&self, handshake: &Handshake, keep: u32) -> Result<bool> {
        let (device_key, device) = device_columns(&handshake.device)?;
        let inserted = self.execute(
            "INSERT OR IGNORE INTO handshake
             (session, token_id, request, reply, hash, digits, sealed_keys, device_key, device, created, expires_at)
             VALUES (:session, :token, :request, :reply, :hash, :digits, :keys, :device_key, :device,
             (SELECT coalesce(max(created), 0) + 1 FROM handshake WHERE token_id = :token), :expires_at)",
            named_params! {
                ":session": handshake.session.as_slice(),
                ":token": handshake.token.0,
                ":request": handshake.request,
                ":reply": handshake.reply,
                ":hash": handshake.hash.name(),
                ":digits": handshake.digits.get(),
                ":keys": handshake.keys,
                ":device_key": device_key,
                ":device": device,
                ":expires_at": millis(handshake.expires_at),
            },
        )?;
        self.execute(
            "DELETE FROM handshake WHERE token_id = ?1 AND session NOT IN
             (SELECT session FROM handshake WHERE token_id = ?1 ORDER BY created DESC LIMIT ?2)",
            params![handshake.token.0, keep],
        )?;
        Ok(inserted == 1)
    }

    fn confirm_handshake(&self, session: &SessionId, token: TokenId, now: Timestamp) -> Result<()> {
        self.execute("UPDATE handshake SET confirmed_at = ? WHERE session = ?", params![millis(now), session.as_slice()])?;
        self.execute("DELETE FROM handshake WHERE token_id = ? AND confirmed_at IS NULL", [token.0]).map(drop)
    }

    fn sweep_handshakes(&self, now: Timestamp) -> Result<()> {
        self.execute("DELETE FROM handshake WHERE expires_at < ?", [millis(now)]).map(drop)
    }
}
