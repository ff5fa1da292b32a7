//! Moving an installation from SQLite to PostgreSQL: every row of every table, in one transaction, and then a look at
//! what has arrived.
//!
//! Both databases have the same tables and columns, so nothing here knows what they mean.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::{Type, Value, ValueRef};
use rusqlite::{OpenFlags, TransactionBehavior};
use serde::Serialize;

use super::address::Address;
use super::session::Session;
use super::{blocking, migrations};
use crate::storage::StorageError;
use crate::storage::sql::{Bound, Column, Connection, InColumns};

/// So many rows travel together.
const PORTION: usize = 500;

/// What was moved: the number of rows of each table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

/// Moves the rows of the SQLite database at `path`, which stays as it is, into an empty PostgreSQL database. It is up to
/// the caller that nothing is written to the former meanwhile.
///
/// # Errors
/// [`StorageError::Exists`] when the PostgreSQL database is not empty; nothing is written to it then, nor with any other
/// error.
pub fn move_from_sqlite(path: &Path, address: &Address) -> Result<Moved, StorageError> {
    blocking(|| move_rows(path, address))
}

fn move_rows(path: &Path, address: &Address) -> Result<Moved, StorageError> {
    let mut sqlite = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let source = sqlite.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let session = Session::connect(address)?;
    migrations::run(&session)?;
    session.run("BEGIN")?;
    session.run("SELECT 1 FROM symbolon FOR UPDATE")?;
    let mut rows = BTreeMap::new();
    for table in tables(&source)? {
        let moved = move_table(&source, &session, &table)?;
        rows.insert(table.name, moved);
    }
    session.run("COMMIT")?;
    Ok(Moved { rows })
}

struct Table {
    name: String,
    columns: Vec<String>,
}

impl Table {
    fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

/// The tables in the order in which they were made, so that none refers to a later one.
fn tables(source: &rusqlite::Connection) -> Result<Vec<Table>, StorageError> {
    let names: Vec<String> = source
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let columns = |name: &String| -> Result<Vec<String>, StorageError> {
        let mut statement = source.prepare("SELECT name FROM pragma_table_info(?)")?;
        Ok(statement.query_map([name], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    names.into_iter().map(|name| Ok(Table { columns: columns(&name)?, name })).collect()
}

fn move_table(source: &rusqlite::Connection, target: &Session, table: &Table) -> Result<u64, StorageError> {
    let types = types(target, table)?;
    // What the schema itself puts into a new database is the same here and there.
    let arrived = count(target, table)?;
    if arrived > 0 {
        if table.name == "stray_guesses" {
            target.run("DELETE FROM stray_guesses")?;
        } else {
            return Err(StorageError::Exists);
        }
    }
    let insert = insertion(table, &types);
    let mut statement = source.prepare(&format!("SELECT {} FROM {}", table.columns.join(", "), table.quoted()))?;
    let mut rows = statement.query([])?;
    let (mut portion, mut moved) = (Vec::with_capacity(PORTION), 0);
    loop {
        let row = rows.next()?;
        if let Some(row) = row {
            let values = (0..types.len()).map(|index| row.get(index).map_err(StorageError::from));
            portion.push(values.collect::<Result<Vec<Value>, StorageError>>()?);
        }
        if portion.len() == PORTION || (row.is_none() && !portion.is_empty()) {
            InColumns::write(target, &insert, columns_of(&portion, &types)?)?;
            target.settle()?;
            moved += portion.len() as u64;
            portion.clear();
        }
        if row.is_none() {
            break;
        }
    }
    if types.first().is_some_and(|column| column.counts_up) {
        target.run(&format!(
            "SELECT setval(pg_get_serial_sequence('{0}', 'id'), max(id)) FROM {0} HAVING max(id) IS NOT NULL",
            table.quoted()
        ))?;
    }
    if count(target, table)? == moved { Ok(moved) } else { Err(StorageError::Failed("rows are missing".into())) }
}

fn count(target: &Session, table: &Table) -> Result<u64, StorageError> {
    let mut counted = 0;
    Connection::query(target, &format!("SELECT count(*) FROM {}", table.quoted()), Bound::Placed(&[]), &mut |row| {
        counted = row.value(0)?.as_i64().map_err(|_| StorageError::Damaged("count"))?;
        Ok(())
    })?;
    Ok(counted.unsigned_abs())
}

/// What PostgreSQL keeps in a column.
struct ColumnType {
    kind: Type,
    counts_up: bool,
}

fn types(target: &Session, table: &Table) -> Result<Vec<ColumnType>, StorageError> {
    const SQL: &str = "SELECT column_name::TEXT, data_type::TEXT, is_identity::TEXT FROM information_schema.columns
                       WHERE table_name::TEXT = ? AND table_schema = ANY (current_schemas(false))";
    let mut found = BTreeMap::new();
    Connection::query(target, SQL, Bound::Placed(&[&table.name]), &mut |row| {
        let text = |index| row.value(index)?.as_str().map(str::to_owned).map_err(|_| StorageError::Damaged("schema"));
        let (name, data, identity) = (text(0)?, text(1)?, text(2)?);
        let kind = match data.as_str() {
            "bigint" => Type::Integer,
            "bytea" => Type::Blob,
            _ => Type::Text,
        };
        found.insert(name, ColumnType { kind, counts_up: identity == "YES" });
        Ok(())
    })?;
    let missing = |column| StorageError::Failed(format!("PostgreSQL has no column {column} in {}", table.name));
    table.columns.iter().map(|column| found.remove(column).ok_or_else(|| missing(column))).collect()
}

fn insertion(table: &Table, types: &[ColumnType]) -> String {
    let mut arrays = Vec::new();
    for (number, column) in (1..).zip(types) {
        let array = match column.kind {
            Type::Integer => "BIGINT",
            Type::Blob => "BYTEA",
            _ => "TEXT",
        };
        arrays.push(format!("${number}::{array}[]"));
    }
    format!("INSERT INTO {} ({}) SELECT * FROM unnest({})", table.quoted(), table.columns.join(", "), arrays.join(", "))
}

fn columns_of<'v>(rows: &'v [Vec<Value>], types: &[ColumnType]) -> Result<Vec<Column<'v>>, StorageError> {
    const DAMAGED: StorageError = StorageError::Damaged("column");
    let column = |(index, column): (usize, &ColumnType)| {
        let values = rows.iter().map(|row| row.get(index).map_or(ValueRef::Null, ValueRef::from));
        Ok(match column.kind {
            Type::Integer => Column::Numbers(
                values.map(|value| value.as_i64_or_null()).collect::<Result<_, _>>().map_err(|_| DAMAGED)?,
            ),
            Type::Blob => Column::Bytes(
                values.map(|value| value.as_blob_or_null()).collect::<Result<_, _>>().map_err(|_| DAMAGED)?,
            ),
            _ => Column::Texts(
                values.map(|value| value.as_str_or_null()).collect::<Result<_, _>>().map_err(|_| DAMAGED)?,
            ),
        })
    };
    types.iter().enumerate().map(column).collect()
}
