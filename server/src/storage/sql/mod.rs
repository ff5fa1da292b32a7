//! The statements, once for all databases that speak SQL: what lies in which column, and how it is asked for.
//!
//! They keep to what SQLite and PostgreSQL have in common. A database brings a [`Connection`]: statements with values of
//! four kinds (numbers, texts, bytes, nothing), in the types of `rusqlite`.

mod activations;
mod administrators;
mod applications;
mod attestations;
pub(super) mod audit;
mod challenges;
mod epochs;
mod keys;
mod look_up;
mod meta;
mod moves;
mod outbox;
mod policies;
mod push;
mod row;
mod statistics;
mod tokens;
mod users;
mod visits;
mod webhooks;

use std::cell::Cell;

pub(super) use rusqlite::types::{ToSql, Value, ValueRef};
pub(super) use rusqlite::{named_params, params};

use super::{AuditHead, StorageError};
use statistics::Tally;

/// The tables, as SQLite takes them.
pub(super) const SCHEMA: &str = include_str!("schema.sql");

type Result<T> = std::result::Result<T, StorageError>;

/// The parameters of a statement: `?` and `?1` by their place, `:name` by their name.
#[derive(Clone, Copy)]
pub(super) enum Bound<'p> {
    Placed(&'p [&'p dyn ToSql]),
    Named(&'p [(&'p str, &'p dyn ToSql)]),
}

/// A row of an answer.
pub(super) trait Values {
    /// The value in a column.
    fn value(&self, index: usize) -> Result<ValueRef<'_>>;
}

pub(super) type Row<'r> = dyn Values + 'r;

/// Called for each row of an answer.
pub(super) type Each<'e> = &'e mut dyn FnMut(&Row<'_>) -> Result<()>;

/// A transaction on a database, as far as the statements need it.
pub(super) trait Connection {
    /// Runs a statement; answers how many rows it changed.
    fn execute(&self, sql: &str, params: Bound<'_>) -> Result<usize>;

    /// Runs a statement of which nothing is awaited but that it succeeds; where it fails, the transaction does.
    fn write(&self, sql: &str, params: Bound<'_>) -> Result<()> {
        self.execute(sql, params).map(drop)
    }

    /// Asks, and reads the answer row by row.
    fn query(&self, sql: &str, params: Bound<'_>, each: Each<'_>) -> Result<()>;

    /// Asks the same with each of `rows` as parameters; `each` is told the place of the one that its row answers. On a
    /// database that is far all are on their way at once.
    fn query_each(
        &self,
        sql: &str,
        rows: &[Vec<Value>],
        each: &mut dyn FnMut(usize, &Row<'_>) -> Result<()>,
    ) -> Result<()> {
        rows.iter()
            .enumerate()
            .try_for_each(|(place, row)| self.query(sql, Bound::Placed(&placed(row)), &mut |row| each(place, row)))
    }

    /// The same with whole columns as parameters, where one statement about many rows is cheaper than many.
    fn in_columns(&self) -> Option<&dyn InColumns> {
        None
    }
}

/// Values as the parameters of a statement.
pub(super) fn placed(row: &[Value]) -> Vec<&dyn ToSql> {
    row.iter().map(|value| value as &dyn ToSql).collect()
}

/// Statements about many rows, with `$1`, `$2` … as arrays.
pub(super) trait InColumns {
    /// Asks all at once, and reads the answers one after the other, row by row.
    fn ask(&self, questions: Vec<Question<'_>>) -> Result<()>;

    /// Runs a statement of which nothing is awaited but that it succeeds.
    fn write(&self, sql: &str, columns: Vec<Column<'_>>) -> Result<()>;
}

/// A statement, and what is to be done with each row of the answer.
pub(super) struct Question<'q> {
    pub(super) sql: &'q str,
    pub(super) columns: Vec<Column<'q>>,
    pub(super) each: Each<'q>,
}

/// The values of a column for many rows.
pub(super) enum Column<'c> {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<&'c str>>),
    Bytes(Vec<Option<&'c [u8]>>),
}

/// How call sites write parameters: `params!`, `named_params!`, or an array of one type.
trait Params {
    fn bound<T>(&self, run: impl FnOnce(Bound<'_>) -> T) -> T;
}

impl Params for &[&dyn ToSql] {
    fn bound<T>(&self, run: impl FnOnce(Bound<'_>) -> T) -> T {
        run(Bound::Placed(self))
    }
}

impl Params for &[(&str, &dyn ToSql)] {
    fn bound<T>(&self, run: impl FnOnce(Bound<'_>) -> T) -> T {
        run(Bound::Named(self))
    }
}

impl<P: ToSql, const N: usize> Params for [P; N] {
    fn bound<T>(&self, run: impl FnOnce(Bound<'_>) -> T) -> T {
        run(Bound::Placed(&self.each_ref().map(|param| param as &dyn ToSql)))
    }
}

/// An open transaction; the traits of `storage` are implemented on it, a file for each.
pub(super) struct Open<'c> {
    connection: &'c dyn Connection,
    /// The end of the audit's chain once it was read: within a transaction only we move it.
    head: Cell<Option<Option<AuditHead>>>,
    /// What is counted by the hour.
    tally: Tally,
}

impl<'c> Open<'c> {
    pub(super) fn new(connection: &'c dyn Connection) -> Self {
        Self { connection, head: Cell::new(None), tally: Tally::default() }
    }

    /// A transaction of those that share a commit has ended: it is kept, or was rolled back.
    pub(super) fn settle(&self, keep: bool) {
        self.tally.settle(keep);
        if !keep {
            // The chain may end earlier than was thought.
            self.head.set(None);
        }
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        params.bound(|params| self.connection.execute(sql, params))
    }

    fn write(&self, sql: &str, params: impl Params) -> Result<()> {
        params.bound(|params| self.connection.write(sql, params))
    }

    /// Adds a row with a statement that ends with `RETURNING id`; answers that number.
    fn insert(&self, sql: &str, params: impl Params) -> Result<i64> {
        inserted(self.one(sql, params, |row| row::Columns::of(row).next())?)
    }

    /// The same for many rows.
    fn insert_each(&self, sql: &str, rows: &[Vec<Value>]) -> Result<Vec<i64>> {
        let ids = self.one_each(sql, rows, |row| row::Columns::of(row).next())?;
        ids.into_iter().map(inserted).collect()
    }

    /// The only row for each of `rows`, if there is one.
    fn one_each<T>(
        &self,
        sql: &str,
        rows: &[Vec<Value>],
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Option<T>>> {
        let mut found: Vec<Option<T>> = rows.iter().map(|_| None).collect();
        self.connection.query_each(sql, rows, &mut |place, row| {
            if let Some(found) = found.get_mut(place) {
                *found = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The only row, if there is one.
    fn one<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<Option<T>> {
        let mut read = Some(read);
        let mut found = None;
        params.bound(|params| {
            self.connection.query(sql, params, &mut |row| {
                if let Some(read) = read.take() {
                    found = Some(read(row)?);
                }
                Ok(())
            })
        })?;
        Ok(found)
    }

    fn many<T>(&self, sql: &str, params: impl Params, mut read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        let mut found = Vec::new();
        params.bound(|params| {
            self.connection.query(sql, params, &mut |row| {
                found.push(read(row)?);
                Ok(())
            })
        })?;
        Ok(found)
    }
}

fn inserted(id: Option<i64>) -> Result<i64> {
    id.ok_or_else(|| StorageError::Failed("nothing was inserted".into()))
}
