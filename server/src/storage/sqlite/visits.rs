//! Visits in SQLite.

use jiff::Timestamp;
use rusqlite::params;

use super::Open;
use super::row::{Columns, millis};
use crate::storage::{StorageError, UserId, Visit, VisitLink, Visits, WriteVisits};

type Result<T> = std::result::Result<T, StorageError>;

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
        self.one("SELECT user_id, confirmed, created_at FROM visit WHERE hash = ?", [hash], |row| {
            let mut columns = Columns::of(row);
            Ok(Visit {
                hash: *hash,
                user: UserId(columns.next()?),
                confirmed: columns.next()?,
                created_at: columns.time()?,
            })
        })
    }
}

impl WriteVisits for Open<'_> {
    fn insert_visit_link(&self, link: &VisitLink) -> Result<()> {
        self.execute(
            "INSERT INTO visit_link (hash, user_id, browser, expires_at) VALUES (?, ?, ?, ?)",
            params![link.hash, link.user.0, link.browser, millis(link.expires_at)],
        )
        .map(drop)
    }

    fn delete_visit_links(&self, user: UserId) -> Result<()> {
        self.execute("DELETE FROM visit_link WHERE user_id = ?", [user.0]).map(drop)
    }

    fn insert_visit(&self, visit: &Visit) -> Result<()> {
        self.execute(
            "INSERT INTO visit (hash, user_id, confirmed, created_at) VALUES (?, ?, ?, ?)",
            params![visit.hash, visit.user.0, visit.confirmed, millis(visit.created_at)],
        )
        .map(drop)
    }

    fn confirm_visit(&self, hash: &[u8; 32]) -> Result<()> {
        self.execute("UPDATE visit SET confirmed = 1 WHERE hash = ?", [hash]).map(drop)
    }

    fn delete_visit(&self, hash: &[u8; 32]) -> Result<()> {
        self.execute("DELETE FROM visit WHERE hash = ?", [hash]).map(drop)
    }

    fn sweep_visits(&self, now: Timestamp, created: Timestamp) -> Result<()> {
        self.execute("DELETE FROM visit_link WHERE expires_at < ?", [millis(now)])?;
        self.execute("DELETE FROM visit WHERE created_at < ?", [millis(created)]).map(drop)
    }
}
