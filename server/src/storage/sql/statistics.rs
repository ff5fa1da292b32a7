//! Counters. What the transactions of one commit count is added up first, so that a counter costs a row for
//! each commit and not for each transaction.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::row::{Columns, millis};
use super::{Open, ToSql, params};
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
        let running = self.running.take();
        if keep {
            let mut kept = self.kept.borrow_mut();
            running.into_iter().for_each(|counted| *kept.entry(counted).or_default() += 1);
        }
    }

    /// What the transactions counted that are kept.
    pub(super) fn take(&self) -> BTreeMap<Counted, u64> {
        self.kept.take()
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
        let number = |sql: &str, params: &[&dyn ToSql]| -> Result<u64> {
            Ok(self.one(sql, params, |row| Columns::of(row).next())?.unwrap_or_default())
        };
        let now = millis(now);
        let out = number("SELECT count(*) FROM token WHERE state = 'activating'", params![])?;
        let waiting = number(
            "SELECT count(*) FROM token JOIN ticket ON ticket.token_id = token.id
             WHERE token.state = 'activating' AND ticket.expires_at > ?",
            params![now],
        )?;
        Ok(Totals {
            users: number("SELECT count(*) FROM \"user\"", params![])?,
            active_tokens: number("SELECT count(*) FROM token WHERE state = 'active'", params![])?,
            waiting,
            expired: out.saturating_sub(waiting),
            locked_users: number(
                "SELECT count(*) FROM \"user\"
                 WHERE locked_until IS NOT NULL AND (locked_until = 0 OR locked_until > ?)",
                params![now],
            )?,
        })
    }
}

impl Open<'_> {
    /// Writes what was counted by the transactions of a commit.
    pub(in crate::storage) fn write_counts(&self) -> Result<()> {
        self.tally.take().into_iter().try_for_each(|((hour, event, detail), count)| {
            self.write(
                "INSERT INTO hour_count (hour, event, detail, count) VALUES (?, ?, ?, ?)
                 ON CONFLICT (hour, event, detail) DO UPDATE SET count = hour_count.count + excluded.count",
                params![hour, event, detail, count],
            )
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
