//! Tickets and handshakes.

use jiff::Timestamp;
use symbolon_core::activation::online::SessionId;
use symbolon_core::otp::Digits;

use super::row::{Columns, millis};
use super::tokens::{device_columns, read_device};
use super::{Open, Row, named_params, params};
use crate::storage::{Activations, Handshake, StorageError, TicketRecord, TokenId, WriteActivations};

type Result<T> = std::result::Result<T, StorageError>;

/// What a restored database does not go on with.
pub(super) const UNFINISHED: &[&str] =
    &["DELETE FROM ticket", "DELETE FROM handshake", "UPDATE token SET state = 'new' WHERE state = 'activating'"];

const DAMAGED: StorageError = StorageError::Damaged("handshake");

fn read_ticket(row: &Row<'_>) -> Result<TicketRecord> {
    let mut columns = Columns::of(row);
    Ok(TicketRecord {
        token: TokenId(columns.next()?),
        number: columns.next()?,
        record: columns.next()?,
        halves: columns.next()?,
        expires_at: columns.time()?,
        guesses: columns.next()?,
        tries: columns.next()?,
        mailed: columns.next()?,
    })
}

fn read_handshake(row: &Row<'_>) -> Result<Handshake> {
    let mut columns = Columns::of(row);
    Ok(Handshake {
        session: SessionId::new(columns.next::<Vec<u8>>()?).map_err(|_| DAMAGED)?,
        token: TokenId(columns.next()?),
        request: columns.next()?,
        reply: columns.next()?,
        hash: columns.parsed()?,
        digits: Digits::new(columns.next()?).ok_or(DAMAGED)?,
        keys: columns.next()?,
        device: read_device(&columns.next::<Vec<u8>>()?, columns.text()?)?,
        expires_at: columns.time()?,
        confirmed_at: columns.optional_time()?,
        attested: columns.attested(0)?,
    })
}

impl Activations for Open<'_> {
    fn ticket(&self, token: TokenId) -> Result<Option<TicketRecord>> {
        self.one(
            "SELECT token_id, number, sealed_record, sealed_halves, expires_at, guesses, tries, mailed FROM ticket
             WHERE token_id = ?",
            [token.0],
            read_ticket,
        )
    }

    fn online_tickets(&self, now: Timestamp) -> Result<Vec<TokenId>> {
        let sql = "SELECT token_id FROM ticket WHERE sealed_record IS NOT NULL AND expires_at > ? ORDER BY token_id";
        self.many(sql, params![millis(now)], |row| Columns::of(row).next().map(TokenId))
    }

    fn handshake(&self, session: &SessionId) -> Result<Option<Handshake>> {
        self.one(
            "SELECT session, token_id, request, reply, hash, digits, sealed_keys, device_key, device, expires_at,
             confirmed_at, statement, challenge, attested_at FROM handshake WHERE session = ?",
            [session.as_slice()],
            read_handshake,
        )
    }
}

impl WriteActivations for Open<'_> {
    fn put_ticket(&self, ticket: &TicketRecord) -> Result<()> {
        self.write("DELETE FROM handshake WHERE token_id = ?", [ticket.token.0])?;
        self.write(
            "INSERT INTO ticket (token_id, number, sealed_record, sealed_halves, expires_at, guesses, tries, mailed)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (token_id) DO UPDATE SET number = excluded.number, sealed_record = excluded.sealed_record,
             sealed_halves = excluded.sealed_halves, expires_at = excluded.expires_at, guesses = excluded.guesses,
             tries = excluded.tries, mailed = excluded.mailed",
            params![
                ticket.token.0,
                ticket.number,
                ticket.record,
                ticket.halves,
                millis(ticket.expires_at),
                ticket.guesses,
                ticket.tries,
                ticket.mailed
            ],
        )
    }

    fn set_ticket_mailed(&self, token: TokenId) -> Result<()> {
        self.write("UPDATE ticket SET mailed = 1 WHERE token_id = ?", [token.0])
    }

    fn count_guess(&self, token: TokenId, by: i32) -> Result<()> {
        self.write(
            "UPDATE ticket SET guesses = guesses + ?1 WHERE token_id = ?2 AND guesses + ?1 >= 0",
            params![by, token.0],
        )
    }

    fn count_stray_guess(&self) -> Result<()> {
        self.write("UPDATE stray_guesses SET count = count + 1", params![])
    }

    fn count_try(&self, token: TokenId, ends: bool) -> Result<()> {
        self.write(
            "UPDATE ticket SET tries = tries + 1, sealed_halves = CASE WHEN ? THEN NULL ELSE sealed_halves END WHERE token_id = ?",
            params![ends, token.0],
        )
    }

    fn sweep_tickets(&self, now: Timestamp) -> Result<()> {
        self.write(
            "UPDATE ticket SET sealed_halves = NULL WHERE sealed_halves IS NOT NULL AND expires_at < ?",
            [millis(now)],
        )
    }

    fn delete_ticket(&self, token: TokenId) -> Result<()> {
        self.write("DELETE FROM handshake WHERE token_id = ? AND confirmed_at IS NULL", [token.0])?;
        self.write("DELETE FROM ticket WHERE token_id = ?", [token.0])
    }

    fn insert_handshake(&self, handshake: &Handshake, keep: u32) -> Result<bool> {
        let (device_key, device) = device_columns(&handshake.device)?;
        let inserted = self.execute(
            "INSERT INTO handshake
             (session, token_id, request, reply, hash, digits, sealed_keys, device_key, device, created, expires_at,
             statement, challenge, attested_at)
             VALUES (:session, :token, :request, :reply, :hash, :digits, :keys, :device_key, :device,
             (SELECT coalesce(max(created), 0) + 1 FROM handshake WHERE token_id = :token), :expires_at,
             :statement, :challenge, :attested_at) ON CONFLICT DO NOTHING",
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
                ":statement": handshake.attested.as_ref().map(|attested| &attested.statement),
                ":challenge": handshake.attested.as_ref().map(|attested| &attested.challenge),
                ":attested_at": handshake.attested.as_ref().map(|attested| millis(attested.at)),
            },
        )?;
        self.write(
            "DELETE FROM handshake WHERE token_id = ?1 AND session NOT IN
             (SELECT session FROM handshake WHERE token_id = ?1 ORDER BY created DESC LIMIT ?2)",
            params![handshake.token.0, keep],
        )?;
        Ok(inserted == 1)
    }

    fn confirm_handshake(&self, session: &SessionId, token: TokenId, now: Timestamp) -> Result<()> {
        self.write(
            "UPDATE handshake SET confirmed_at = ? WHERE session = ?",
            params![millis(now), session.as_slice()],
        )?;
        self.write("DELETE FROM handshake WHERE token_id = ? AND confirmed_at IS NULL", [token.0])
    }

    fn sweep_handshakes(&self, now: Timestamp) -> Result<()> {
        self.write("DELETE FROM handshake WHERE expires_at < ?", [millis(now)])
    }
}
