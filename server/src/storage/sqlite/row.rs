//! How values of our types lie in columns. What can't be read back is damage, and said to be.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::Row;
use symbolon_core::text::Text;

use crate::storage::{Lock, LockState, StorageError};

/// A time as it is stored.
pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

pub(super) fn time(millis: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_millisecond(millis).map_err(|_| StorageError::Damaged("time"))
}

pub(super) fn optional_time(millis: Option<i64>) -> Result<Option<Timestamp>, StorageError> {
    millis.map(time).transpose()
}

/// Reads a text column through the parser of its type.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> Result<T, StorageError> {
    row.get_ref(column)?.as_str().ok().and_then(|text| text.parse().ok()).ok_or(StorageError::Damaged("text"))
}

pub(super) fn optional_text<const MAX: usize>(
    row: &Row<'_>,
    column: &str,
) -> Result<Option<Text<MAX>>, StorageError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|_| StorageError::Damaged("text"))).transpose()
}

/// `locked_until`: nothing, a time, or zero for a lock that only a person ends.
pub(super) fn lock_column(lock: Lock) -> Option<i64> {
    match lock {
        Lock::Open => None,
        Lock::Until(time) => Some(millis(time)),
        Lock::UntilUnlocked => Some(0),
    }
}

/// The five columns of a lock, which users and tokens share.
pub(super) fn lock_state(row: &Row<'_>) -> Result<LockState, StorageError> {
    let lock = match row.get::<_, Option<i64>>("locked_until")? {
        None => Lock::Open,
        Some(0) => Lock::UntilUnlocked,
        Some(until) => Lock::Until(time(until)?),
    };
    Ok(LockState {
        failures: row.get("failures")?,
        lock,
        locks: row.get("locks")?,
        slow_failures: row.get("slow_failures")?,
        slow_since: optional_time(row.get("slow_since")?)?,
    })
}
