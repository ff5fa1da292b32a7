//! The audit in SQLite.

use rusqlite::params;

use super::row::{millis, time};
use super::Open;
use crate::storage::{Audit, AuditHead, StorageError, StoredEntry, WriteAudit};

type Result<T> = std::result::Result<T, StorageError>;

impl Audit for Open<'_> {
    fn audit_head(&self) -> Result<Option<AuditHead>> {
        self.one("SELECT sequence, time, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| {
            Ok(AuditHead {
                sequence: row.get("sequence")?,
                time: time(row.get("time")?)?,
                hash: row.get("hash")?,
            })
        })
    }

    fn audit_entries(&self, sequence: u64, limit: u32) -> Result<Vec<StoredEntry>> {
        self.many(
            "SELECT * FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?",
            params![sequence, limit],
            |row| {
                Ok(StoredEntry {
                    sequence: row.get("sequence")?,
                    time: time(row.get("time")?)?,
                    entry: row.get("entry")?,
                    hash: row.get("hash")?,
                })
            },
        )
    }
}

impl WriteAudit for Open<'_> {
    fn append_entry(&self, entry: &StoredEntry) -> Result<()> {
        self.execute(
            "INSERT INTO audit (sequence, time, entry, hash) VALUES (?, ?, ?, ?)",
            params![entry.sequence, millis(entry.time), entry.entry, entry.hash],
        )
        .map(drop)
    }
}
