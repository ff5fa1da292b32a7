//! Counters by the hour: what the dashboard draws.

use jiff::Timestamp;

use super::StorageError;

/// How often something happened in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourCount {
    /// When the hour began.
    pub hour: Timestamp,
    /// What happened, as the audit names it: `code.refused`.
    pub event: String,
    /// Which kind of it: the reason or the outcome; empty where there is none.
    pub detail: String,
    /// How often.
    pub count: u64,
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Users.
    pub users: u64,
    /// Tokens whose codes count.
    pub active_tokens: u64,
    /// Tokens with a ticket that can be used.
    pub waiting: u64,
    /// Tokens whose ticket was not used in time.
    pub expired: u64,
    /// Users whose codes are locked.
    pub locked_users: u64,
}

/// Counters, read.
pub trait Statistics {
    /// All counters of the hours from `since` on.
    fn hour_counts(&self, since: Timestamp) -> Result<Vec<HourCount>, StorageError>;
    /// How many there are at `now`.
    fn totals(&self, now: Timestamp) -> Result<Totals, StorageError>;
}

/// Counters, written.
pub trait WriteStatistics {
    /// Counts one more. The counters are written with the commit, once for all transactions that share it.
    fn count(&self, time: Timestamp, event: &'static str, detail: &str) -> Result<(), StorageError>;
}
