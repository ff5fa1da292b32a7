//! What devices' hardware has stated,.

use super::row::{Columns, millis};
use super::{Open, params};
use crate::storage::{Attestations, Attested, StorageError, StoredAttestation, TokenId, WriteAttestations};

type Result<T> = std::result::Result<T, StorageError>;

impl Columns<'_> {
    /// The next three columns, where a statement may be: it, its challenge and its time.
    pub(super) fn attested(&mut self, counter: u32) -> Result<Option<Attested>> {
        match (self.next()?, self.next()?, self.optional_time()?) {
            (Some(statement), Some(challenge), Some(at)) => Ok(Some(Attested { statement, challenge, at, counter })),
            _ => Ok(None),
        }
    }
}

impl Attestations for Open<'_> {
    fn attestation(&self, token: TokenId) -> Result<Option<StoredAttestation>> {
        self.one(
            "SELECT verdict, counter, statement, challenge, attested_at FROM attestation WHERE token_id = ?",
            [token.0],
            |row| {
                let mut columns = Columns::of(row);
                let verdict = columns.next()?;
                let counter = columns.next()?;
                let attested = columns.attested(counter)?.ok_or(StorageError::Damaged("attestation"))?;
                Ok(StoredAttestation { attested, verdict })
            },
        )
    }

    fn verdict(&self, token: TokenId) -> Result<Option<String>> {
        self.one("SELECT verdict FROM attestation WHERE token_id = ?", [token.0], |row| Columns::of(row).next())
    }

    fn attested_tokens(&self, after: TokenId, limit: u32) -> Result<Vec<TokenId>> {
        self.many(
            "SELECT token_id FROM attestation WHERE token_id > ? ORDER BY token_id LIMIT ?",
            params![after.0, limit],
            |row| Columns::of(row).next().map(TokenId),
        )
    }
}

impl WriteAttestations for Open<'_> {
    fn put_attestation(&self, token: TokenId, stored: &StoredAttestation) -> Result<()> {
        let StoredAttestation { attested, verdict } = stored;
        self.write(
            "INSERT INTO attestation (token_id, statement, challenge, attested_at, counter, verdict)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (token_id) DO UPDATE SET statement = excluded.statement,
             challenge = excluded.challenge, attested_at = excluded.attested_at, counter = excluded.counter,
             verdict = excluded.verdict",
            params![token.0, attested.statement, attested.challenge, millis(attested.at), attested.counter, verdict],
        )
    }

    fn set_verdict(&self, token: TokenId, verdict: &str) -> Result<()> {
        self.write("UPDATE attestation SET verdict = ? WHERE token_id = ?", params![verdict, token.0])
    }

    fn set_attestation_counter(&self, token: TokenId, counter: u32) -> Result<()> {
        self.write("UPDATE attestation SET counter = ? WHERE token_id = ?", params![counter, token.0])
    }

    fn delete_attestation(&self, token: TokenId) -> Result<()> {
        self.write("DELETE FROM attestation WHERE token_id = ?", [token.0])
    }
}
