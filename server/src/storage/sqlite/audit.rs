//! The audit in SQLite.

use rusqlite::{Row, params};

use super::Open;
use super::row::{Columns, millis};
use crate::storage::{Audit, AuditHead, StorageError, StoredEntry, WriteAudit};

type Result<T> = std::result::Result<T, StorageError>;

fn read(row: &Row<'_>) -> Result<StoredEntry> {
    let mut columns = Columns::of(row);
    Ok(StoredEntry {
        sequence: columns.next()?,
        time: columns.time()?,
        entry: columns.next()?,
        // A hash of another length fits no entry: whoever walks along the chain sees it.
        hash: columns.next::<Vec<u8>>()?.try_into().unwrap_or_default(),
    })
}

impl Audit for Open<'_> {
    fn audit_head(&self) -> Result<Option<AuditHead>> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let head = self.one("SELECT sequence, time, hash FROM audit ORDER BY sequence DESC LIMIT 1", [], |row| {
            let mut columns = Columns::of(row);
            Ok(AuditHead { sequence: columns.next()?, time: columns.time()?, hash: columns.next()? })
        })?;
        self.head.set(Some(head));
        Ok(head)
    }

    fn audit_entries(&self, sequence: u64, limit: u32) -> Result<Vec<StoredEntry>> {
        self.many(
            "SELECT sequence, time, entry, hash FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?",
            params![sequence, limit],
            read,
        )
    }

    fn find_entries(&self, parts: &[String; 4], from: u64, before: u64, limit: u32) -> Result<Vec<StoredEntry>> {
        let [one, two, three, four] = parts;
        self.many(
            "SELECT sequence, time, entry, hash FROM audit WHERE sequence >= ?1 AND sequence < ?2
             AND (?3 = '' OR instr(entry, ?3) > 0) AND (?4 = '' OR instr(entry, ?4) > 0)
             AND (?5 = '' OR instr(entry, ?5) > 0) AND (?6 = '' OR instr(entry, ?6) > 0)
             ORDER BY sequence DESC LIMIT ?7",
            params![from, before, one, two, three, four, limit],
            read,
        )
    }
}

impl WriteAudit for Open<'_> {
    fn append_entry(&self, entry: &StoredEntry) -> Result<()> {
        self.execute(
            "INSERT INTO audit (sequence, time, entry, hash) VALUES (?, ?, ?, ?)",
            params![entry.sequence, millis(entry.time), entry.entry, entry.hash],
        )?;
        self.head.set(Some(Some(AuditHead { sequence: entry.sequence, time: entry.time, hash: entry.hash })));
        Ok(())
    }
}
