//! How values of our types lie in columns. What can't be read back is damage, and said to be.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::types::{FromSql, ValueRef};

use super::Row;
use crate::storage::{Lock, LockState, StorageError};

/// A time as it is stored.
pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn time(millis: i64) -> Result<Timestamp, StorageError> {
    Timestamp::from_millisecond(millis).map_err(|_| StorageError::Damaged("time"))
}

/// The columns of a row, in the order of its `SELECT`: looking columns up by name costs more than reading them.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    fn value(&mut self) -> Result<ValueRef<'r>, StorageError> {
        let value = self.row.value(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// The next column.
    pub(super) fn next<T: FromSql>(&mut self) -> Result<T, StorageError> {
        FromSql::column_result(self.value()?).map_err(|_| StorageError::Damaged("column"))
    }

    /// The next column, a text, through the parser of its type.
    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T, StorageError> {
        self.text()?.parse().map_err(|_| StorageError::Damaged("text"))
    }

    /// The next column, if it holds something, through the parser of its type.
    pub(super) fn optional<T: FromStr>(&mut self) -> Result<Option<T>, StorageError> {
        match self.text_if_any()? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| StorageError::Damaged("text")),
        }
    }

    /// The next column, a text.
    pub(super) fn text(&mut self) -> Result<&'r str, StorageError> {
        self.value()?.as_str().map_err(|_| StorageError::Damaged("text"))
    }

    /// The next column, a text if it holds something.
    pub(super) fn text_if_any(&mut self) -> Result<Option<&'r str>, StorageError> {
        self.value()?.as_str_or_null().map_err(|_| StorageError::Damaged("text"))
    }

    /// The next column, a time.
    pub(super) fn time(&mut self) -> Result<Timestamp, StorageError> {
        self.next().and_then(time)
    }

    /// The next column, a time if it holds something.
    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, StorageError> {
        self.next::<Option<i64>>()?.map(time).transpose()
    }

    /// The next five columns: a lock, as users and tokens have it.
    pub(super) fn lock_state(&mut self) -> Result<LockState, StorageError> {
        Ok(LockState {
            failures: self.next()?,
            lock: match self.next::<Option<i64>>()? {
                None => Lock::Open,
                Some(0) => Lock::UntilUnlocked,
                Some(until) => Lock::Until(time(until)?),
            },
            locks: self.next()?,
            slow_failures: self.next()?,
            slow_since: self.optional_time()?,
        })
    }
}

/// `locked_until`: nothing, a time, or zero for a lock that only a person ends.
pub(super) fn lock_column(lock: Lock) -> Option<i64> {
    match lock {
        Lock::Open => None,
        Lock::Until(time) => Some(millis(time)),
        Lock::UntilUnlocked => Some(0),
    }
}
