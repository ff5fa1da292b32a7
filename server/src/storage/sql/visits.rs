//! Visits.

use jiff::Timestamp;
use symbolon_core::approval::ChallengeId;

use super::row::{Columns, millis};
use super::{Open, params};
use crate::storage::{StorageError, TokenId, UserId, Visit, VisitLink, Visits, WriteVisits};

type Result<T> = std::result::Result<T, StorageError>;

/// What a restored database does not go on with.
pub(super) const UNFINISHED: &[&str] = &["DELETE FROM visit_link", "DELETE FROM visit"];

fn read_challenge(id: Option<Vec<u8>>) -> Result<Option<ChallengeId>> {
    id.map(ChallengeId::new).transpose().map_err(|_| StorageError::Damaged("visit"))
}

impl Visits for Open<'_> {
    fn visit_link(&self, hash: &[u8; 32]) -> Result<Option<VisitLink>> {
        self.one("SELECT user_id, browser, expires_at FROM visit_link WHERE hash = ?", [hash], |row| {
            let mut columns = Columns::of(row);
            Ok(VisitLink {
                hash: *hash,
                user: UserId(columns.next()?),
                browser: columns.next()?,
                expires_at: columns.time()?,
            })
        })
    }

    fn visit(&self, hash: &[u8; 32]) -> Result<Option<Visit>> {
        self.one("SELECT user_id, confirmed_by, challenge, created_at FROM visit WHERE hash = ?", [hash], |row| {
            let mut columns = Columns::of(row);
            Ok(Visit {
                hash: *hash,
                user: UserId(columns.next()?),
                confirmed_by: columns.next::<Option<i64>>()?.map(TokenId),
                challenge: read_challenge(columns.next()?)?,
                created_at: columns.time()?,
            })
        })
    }
}

impl WriteVisits for Open<'_> {
    fn insert_visit_link(&self, link: &VisitLink) -> Result<()> {
        self.write(
            "INSERT INTO visit_link (hash, user_id, browser, expires_at) VALUES (?, ?, ?, ?)",
            params![link.hash, link.user.0, link.browser, millis(link.expires_at)],
        )
    }

    fn delete_visit_links(&self, user: UserId) -> Result<()> {
        self.write("DELETE FROM visit_link WHERE user_id = ?", [user.0])
    }

    fn insert_visit(&self, visit: &Visit) -> Result<()> {
        self.write(
            "INSERT INTO visit (hash, user_id, created_at) VALUES (?, ?, ?)",
            params![visit.hash, visit.user.0, millis(visit.created_at)],
        )
    }

    fn confirm_visit(&self, hash: &[u8; 32], token: TokenId) -> Result<()> {
        self.write("UPDATE visit SET confirmed_by = ? WHERE hash = ?", params![token.0, hash])
    }

    fn set_visit_challenge(&self, hash: &[u8; 32], challenge: &ChallengeId) -> Result<()> {
        self.write("UPDATE visit SET challenge = ? WHERE hash = ?", params![challenge.as_slice(), hash])
    }

    fn delete_visit(&self, hash: &[u8; 32]) -> Result<()> {
        self.write("DELETE FROM visit WHERE hash = ?", [hash])
    }

    fn sweep_visits(&self, now: Timestamp, created: Timestamp) -> Result<()> {
        self.write("DELETE FROM visit_link WHERE expires_at < ?", [millis(now)])?;
        self.write("DELETE FROM visit WHERE created_at < ?", [millis(created)])
    }
}
