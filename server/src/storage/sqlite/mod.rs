//! SQLite: the embedded database. One thread owns the connection that writes, and commits what has queued up together;
//! reads go to connections of their own and never wait for it (write-ahead log).

mod activations;
mod administrators;
mod applications;
mod attestations;
mod audit;
mod challenges;
mod copies;
mod epochs;
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
mod writer;

use std::cell::Cell;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::{AuditHead, Backend, Job, Meta, Snapshot, StorageError, WriteMeta};
pub use copies::{check, replace, take};
use statistics::Tally;
use writer::Writer;

/// The schema that this code reads and writes.
const SCHEMA: i64 = 1;

/// How long a statement waits for another process's transaction, in milliseconds.
const BUSY: std::time::Duration = std::time::Duration::from_secs(10);

/// An open SQLite database.
pub struct Sqlite {
    // Dropped before the writer: SQLite brings its log into the database when the last connection that writes ends.
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    path: std::path::PathBuf,
}

impl Sqlite {
    /// Opens the database at `path`; makes it, and brings an older one up to date, where that is needed.
    ///
    /// # Errors
    /// [`StorageError`] when the file can't be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        make_private(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut connection)?;
        Ok(Self { writer: Writer::start(connection)?, readers: Mutex::default(), path: path.to_owned() })
    }

    /// Opens a database that is only to be read, as the file of a backup is.
    ///
    /// # Errors
    /// [`StorageError`] when the file can't be opened.
    pub fn open_read_only(path: &Path) -> Result<Self, StorageError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { writer: Writer::start(connection)?, readers: Mutex::default(), path: path.to_owned() })
    }

    fn reader(&self) -> Result<Connection, StorageError> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        pooled.map_or_else(|| connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY), Ok)
    }
}

impl Backend for Sqlite {
    fn read(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError> {
        let connection = self.reader()?;
        connection.prepare_cached("BEGIN")?.execute([])?;
        work(&Open::new(&connection));
        // A connection that does not come this far is not used again.
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    }

    fn submit(&self, job: Job) -> Result<(), StorageError> {
        self.writer.submit(job)
    }

    fn copy_to(&self, path: &Path) -> Result<(), StorageError> {
        let connection = self.reader()?;
        copies::copy(&connection, path)
    }
}

/// Makes the file readable for its owner only, where it is not there yet; SQLite gives its other files the same mode.
fn make_private(path: &Path) -> Result<(), StorageError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(StorageError::Failed(error.to_string())),
        _ => Ok(()),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StorageError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings the database to [`SCHEMA`], in one transaction that excludes other processes.
fn migrate(connection: &mut Connection) -> Result<(), StorageError> {
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    match version(connection)? {
        SCHEMA => return Ok(()),
        later if later > SCHEMA => return Err(StorageError::Later(later)),
        _ => {}
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&transaction)? == 0 {
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    Ok(transaction.commit()?)
}

/// A transaction on a connection of ours; the traits of `storage` are implemented on it, a file for each.
struct Open<'c> {
    connection: &'c Connection,
    /// The end of the audit's chain once it was read: within a transaction only we move it.
    head: Cell<Option<Option<AuditHead>>>,
    /// What is counted by the hour.
    tally: Tally,
}

impl Meta for Open<'_> {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let mut statement = self.connection.prepare_cached("SELECT value FROM meta WHERE key = ?")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }
}

impl<'c> Open<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self { connection, head: Cell::new(None), tally: Tally::default() }
    }

    /// After a roll-back the chain may end earlier than was thought.
    fn forget_head(&self) {
        self.head.set(None);
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, StorageError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Adds a row with a statement that ends with `RETURNING id`; answers that number.
    fn insert(&self, sql: &str, params: impl rusqlite::Params) -> Result<i64, StorageError> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
    }

    /// The only row, if there is one.
    fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    fn many<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        mut read: impl FnMut(&rusqlite::Row<'_>) -> Result<T, StorageError>,
    ) -> Result<Vec<T>, StorageError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

impl WriteMeta for Open<'_> {
    fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![key, value],
        )
        .map(drop)
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ConstraintViolation) => Self::Exists,
            _ => Self::Failed(error.to_string()),
        }
    }
}
