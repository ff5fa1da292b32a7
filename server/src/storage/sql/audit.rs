//! The audit.

use super::row::{Columns, millis};
use super::{Column, Open, Row, params};
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

/// The end of the chain.
pub(in crate::storage) const HEAD: &str = "SELECT sequence, time, hash FROM audit ORDER BY sequence DESC LIMIT 1";

fn read_head(row: &Row<'_>) -> Result<AuditHead> {
    let mut columns = Columns::of(row);
    Ok(AuditHead { sequence: columns.next()?, time: columns.time()?, hash: columns.next()? })
}

impl Audit for Open<'_> {
    fn audit_head(&self) -> Result<Option<AuditHead>> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let head = self.one(HEAD, params![], read_head)?;
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
        // A text that is without a part what it was does not hold it: databases have no other search in common that
        // heeds the case of letters.
        self.many(
            "SELECT sequence, time, entry, hash FROM audit WHERE sequence >= ?1 AND sequence < ?2
             AND (?3 = '' OR replace(entry, ?3, '') <> entry) AND (?4 = '' OR replace(entry, ?4, '') <> entry)
             AND (?5 = '' OR replace(entry, ?5, '') <> entry) AND (?6 = '' OR replace(entry, ?6, '') <> entry)
             ORDER BY sequence DESC LIMIT ?7",
            params![from, before, one, two, three, four, limit],
            read,
        )
    }
}

impl WriteAudit for Open<'_> {
    fn append_entries(&self, entries: &[StoredEntry]) -> Result<()> {
        let Some(last) = entries.last() else { return Ok(()) };
        match self.connection.in_columns() {
            Some(columns) => columns.write(
                "INSERT INTO audit (sequence, time, entry, hash)
                 SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[], $4::BYTEA[])",
                vec![
                    Column::Numbers(entries.iter().map(|entry| Some(entry.sequence.cast_signed())).collect()),
                    Column::Numbers(entries.iter().map(|entry| Some(millis(entry.time))).collect()),
                    Column::Texts(entries.iter().map(|entry| Some(entry.entry.as_str())).collect()),
                    Column::Bytes(entries.iter().map(|entry| Some(entry.hash.as_slice())).collect()),
                ],
            )?,
            None => entries.iter().try_for_each(|entry| {
                self.write(
                    "INSERT INTO audit (sequence, time, entry, hash) VALUES (?, ?, ?, ?)",
                    params![entry.sequence, millis(entry.time), entry.entry, entry.hash],
                )
            })?,
        }
        self.head.set(Some(Some(AuditHead { sequence: last.sequence, time: last.time, hash: last.hash })));
        Ok(())
    }
}
