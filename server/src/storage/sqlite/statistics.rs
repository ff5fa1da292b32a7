//! Counters in SQLite. What the transactions of one commit count is added up first, so that a counter costs a row for
//! each commit and not for each transaction.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::Open;
use super::row::{Columns, millis};
use crate::storage::{HourCount, Statistics, StorageError, Totals, WriteStatistics};

type Result<T> = std::result::Result<T, StorageError>;

const HOUR: i64 = 3_600_000;

type Counted = (i64, &'static str, String);

/// What was counted since the last commit.
#[derive(Default)]
pub(super) struct Tally {
    /// By the transactions that are kept.
    kept: RefCell<BTreeMap<Counted, u64>>,
    /// By the transaction that runs.
    running: RefCell<Vec<Counted>>,
}

impl Tally {
    /// The transaction that ran is kept, or not.
    pub(super) fn settle(&self, keep: bool) {
        let running = std::mem::take(&mut *self.running.borrow_mut());
        if keep {
            let mut kept = self.kept.borrow_mut();
            running.into_iter().for_each(|counted| *kept.entry(counted).or_default() += 1);
        }
    }

    /// Writes what was counted.
    pub(super) fn write(&self, connection: &Connection) -> Result<()> {
        for ((hour, event, detail), count) in std::mem::take(&mut *self.kept.borrow_mut()) {
            let mut statement = connection.prepare_cached(
                "INSERT INTO hour_count (hour, event, detail, count) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET count = count + excluded.count",
            )?;
            statement.execute(params![hour, event, detail, count])?;
        }
        Ok(())
    }
}

impl Statistics for Open<'_> {
    fn hour_counts(&self, since: Timestamp) -> Result<Vec<HourCount>> {
        let sql = "SELECT hour, event, detail, count FROM hour_count WHERE hour > ? ORDER BY hour";
        self.many(sql, [millis(since) - HOUR], |row| {
            let mut columns = Columns::of(row);
            Ok(HourCount {
                hour: columns.time()?,
                event: columns.next()?,
                detail: columns.next()?,
                count: columns.next()?,
            })
        })
    }

    fn totals(&self, now: Timestamp) -> Result<Totals> {
        let number = |sql: &str, params: &[i64]| -> Result<u64> {
            let read = |row: &rusqlite::Row<'_>| Columns::of(row).next();
            Ok(self.one(sql, rusqlite::params_from_iter(params), read)?.unwrap_or_default())
        };
        let now = millis(now);
        let out = number("SELECT count(*) FROM token WHERE state = 'activating'", &[])?;
        let waiting = number(
            "SELECT count(*) FROM token JOIN ticket ON ticket.token_id = token.id
             WHERE state = 'activating' AND expires_at > ?",
            &[now],
        )?;
        Ok(Totals {
            users: number("SELECT count(*) FROM user", &[])?,
            active_tokens: number("SELECT count(*) FROM token WHERE state = 'active'", &[])?,
            waiting,
            expired: out.saturating_sub(waiting),
            locked_users: number(
                "SELECT count(*) FROM user WHERE locked_until IS NOT NULL AND (locked_until = 0 OR locked_until > ?)",
                &[now],
            )?,
        })
    }
}

impl WriteStatistics for Open<'_> {
    fn count(&self, time: Timestamp, event: &'static str, detail: &str) -> Result<()> {
        let hour = millis(time).div_euclid(HOUR) * HOUR;
        self.tally.running.borrow_mut().push((hour, event, detail.to_owned()));
        Ok(())
    }
}
