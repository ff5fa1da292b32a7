//! What a restored database needs.

use super::row::Columns;
use super::{Open, activations, administrators, challenges, moves, outbox, params, tokens, visits};
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
        self.many("SELECT token_id FROM unconfirmed ORDER BY token_id", params![], |row| {
            Columns::of(row).next().map(TokenId)
        })
    }
}

/// What was under way when the backup was made. Nobody can tell how it ended. Each file says it of its own tables.
const UNFINISHED: [&[&str]; 7] = [
    moves::UNFINISHED,
    activations::UNFINISHED,
    challenges::UNFINISHED,
    outbox::UNFINISHED,
    administrators::UNFINISHED,
    visits::UNFINISHED,
    &["DELETE FROM unconfirmed"],
];

impl WriteEpochs for Open<'_> {
    fn void_unfinished(&self) -> Result<()> {
        UNFINISHED.iter().copied().flatten().try_for_each(|sql| self.write(sql, params![]))
    }

    fn set_unconfirmed(&self, token: TokenId, unconfirmed: bool) -> Result<bool> {
        let sql = if unconfirmed {
            "INSERT INTO unconfirmed (token_id) VALUES (?) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM unconfirmed WHERE token_id = ?"
        };
        Ok(self.execute(sql, params![token.0])? == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables whose rows go on in a restored database.
    const KEPT: &[&str] = &[
        "meta",
        "\"user\"",
        "application",
        "policy",
        "audit",
        "stray_guesses",
        "request",
        "origin",
        "attestation",
        "webhook",
        "hour_count",
        "push_address",
        "heard_keys",
        "user_search",
        "api_key",
        "token",
    ];

    #[test]
    fn of_each_table_is_said_whether_it_goes_on_after_a_restore() {
        let tables =
            super::super::SCHEMA.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split(' ').next());
        for table in tables {
            let names = |sql: &&str| sql.split(' ').any(|word| word == table);
            let ends = UNFINISHED.iter().copied().flatten().any(names);
            assert!(ends || KEPT.contains(&table), "{table}");
        }
    }
}
