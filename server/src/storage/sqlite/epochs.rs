//! What a restored database needs, in SQLite.

use rusqlite::params;

use super::Open;
use super::tokens;
use crate::storage::{Epochs, StorageError, Token, TokenId, WriteEpochs};

type Result<T> = std::result::Result<T, StorageError>;

impl Epochs for Open<'_> {
    fn tokens_after(&self, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>> {
        tokens::after(self, after, limit)
    }

    fn is_unconfirmed(&self, token: TokenId) -> Result<bool> {
        Ok(self.one("SELECT 1 FROM unconfirmed WHERE token_id = ?", [token.0], |_| Ok(()))?.is_some())
    }

    fn unconfirmed(&self) -> Result<Vec<TokenId>> {
        self.many("SELECT token_id FROM unconfirmed ORDER BY token_id", [], |row| Ok(TokenId(row.get(0)?)))
    }
}

/// What was under way when the backup was made. Nobody can tell how it ended.
const UNFINISHED: [&str; 10] = [
    "DELETE FROM ticket",
    "DELETE FROM handshake",
    "DELETE FROM challenge WHERE status = 'pending'",
    "DELETE FROM idempotency",
    "DELETE FROM assertion",
    "DELETE FROM outbox WHERE state = 'waiting'",
    "UPDATE token SET state = 'new' WHERE state = 'activating'",
    "DELETE FROM unconfirmed",
    "DELETE FROM session",
    "UPDATE administrator SET link_hash = NULL, link_expires_at = NULL",
];

impl WriteEpochs for Open<'_> {
    fn void_unfinished(&self) -> Result<()> {
        UNFINISHED.iter().try_for_each(|sql| self.execute(sql, []).map(drop))
    }

    fn set_unconfirmed(&self, token: TokenId, unconfirmed: bool) -> Result<bool> {
        let sql = if unconfirmed {
            "INSERT OR IGNORE INTO unconfirmed (token_id) VALUES (?)"
        } else {
            "DELETE FROM unconfirmed WHERE token_id = ?"
        };
        Ok(self.execute(sql, params![token.0])? == 1)
    }
}
