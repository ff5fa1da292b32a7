//! Moves to a new phone.

use jiff::Timestamp;
use symbolon_core::activation::online::SessionId;
use symbolon_core::encoding::Bytes;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;

use super::row::{Columns, millis};
use super::{Open, Row, params};
use crate::storage::{Move, Moves, StorageError, TokenId, Used, WriteMoves};

type Result<T> = std::result::Result<T, StorageError>;

/// What a restored database does not go on with: a new token that was not there yet goes with its move.
pub(super) const UNFINISHED: &[&str] =
    &["DELETE FROM token WHERE id IN (SELECT token_id FROM move WHERE moved_at IS NULL)"];

const DAMAGED: StorageError = StorageError::Damaged("move");

/// So many are dropped at a time, so that nobody waits long for it.
const SWEPT: u32 = 100;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT token_id, old_serial, old_key, session, transcript, agreed, moved_at, expires_at FROM move ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<Move> {
    let mut columns = Columns::of(row);
    let token = TokenId(columns.next()?);
    let old_serial = SerialNumber::from_number(columns.next()?).ok_or(DAMAGED)?;
    let old_key = PublicKey::from_sec1(&columns.next::<Vec<u8>>()?).map_err(|_| DAMAGED)?;
    let used = match (columns.next::<Option<Vec<u8>>>()?, columns.next::<Option<Vec<u8>>>()?) {
        (Some(session), Some(transcript)) => Some(Used {
            session: SessionId::new(session).map_err(|_| DAMAGED)?,
            transcript: Bytes::new(transcript).map_err(|_| DAMAGED)?,
        }),
        _ => None,
    };
    let (agreed, moved_at, expires_at) = (columns.next()?, columns.optional_time()?, columns.time()?);
    Ok(Move { token, old_serial, old_key, used, agreed, moved_at, expires_at })
}

impl Moves for Open<'_> {
    fn move_to(&self, token: TokenId) -> Result<Option<Move>> {
        self.one(select!("WHERE token_id = ?"), [token.0], read)
    }

    fn move_from(&self, serial: SerialNumber) -> Result<Option<Move>> {
        self.one(select!("WHERE old_serial = ?"), [serial.to_number()], read)
    }
}

impl WriteMoves for Open<'_> {
    fn put_move(&self, moving: &Move) -> Result<()> {
        self.write(
            "DELETE FROM move WHERE old_serial = ? AND token_id <> ?",
            params![moving.old_serial.to_number(), moving.token.0],
        )?;
        self.write(
            "INSERT INTO move (token_id, old_serial, old_key, session, transcript, agreed, moved_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token_id) DO UPDATE SET old_serial = excluded.old_serial,
             old_key = excluded.old_key, session = excluded.session, transcript = excluded.transcript,
             agreed = excluded.agreed, moved_at = excluded.moved_at, expires_at = excluded.expires_at",
            params![
                moving.token.0,
                moving.old_serial.to_number(),
                moving.old_key.to_sec1().as_slice(),
                moving.used.as_ref().map(|used| used.session.as_slice()),
                moving.used.as_ref().map(|used| used.transcript.as_slice()),
                moving.agreed,
                moving.moved_at.map(millis),
                millis(moving.expires_at),
            ],
        )
    }

    fn delete_move(&self, token: TokenId) -> Result<()> {
        self.write("DELETE FROM move WHERE token_id = ?", [token.0])
    }

    fn sweep_moves(&self, ended: Timestamp, now: Timestamp) -> Result<Vec<TokenId>> {
        self.write("DELETE FROM move WHERE moved_at IS NOT NULL AND expires_at < ?", [millis(ended)])?;
        self.many(
            "SELECT token_id FROM move WHERE moved_at IS NULL AND expires_at < ? LIMIT ?",
            params![millis(now), SWEPT],
            |row| Columns::of(row).next().map(TokenId),
        )
    }
}
