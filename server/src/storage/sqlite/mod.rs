//! SQLite: the embedded database. One thread owns the connection that writes, and commits what has queued up together;
//! reads go to connections of their own and never wait for it (write-ahead log).

mod copies;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::sql::{self, Bound, Each, Open, ValueRef};
use super::writer::Writer;
use super::{Backend, Job, Snapshot, StorageError};
pub use copies::{check, replace, take};

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
        Ok(Self {
            writer: Writer::start(move |jobs| writer::run(&connection, jobs))?,
            readers: Mutex::default(),
            path: path.to_owned(),
        })
    }

    /// Opens a database that is only to be read, as the file of a backup is.
    ///
    /// # Errors
    /// [`StorageError`] when the file can't be opened.
    pub fn open_read_only(path: &Path) -> Result<Self, StorageError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self {
            writer: Writer::start(move |jobs| writer::run(&connection, jobs))?,
            readers: Mutex::default(),
            path: path.to_owned(),
        })
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
    // A statement keeps its plan whatever values it is given: else some are compiled anew at every use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
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
        transaction.execute_batch(sql::SCHEMA)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    Ok(transaction.commit()?)
}

impl sql::Connection for Connection {
    fn execute(&self, sql: &str, params: Bound<'_>) -> Result<usize, StorageError> {
        let mut statement = self.prepare_cached(sql)?;
        Ok(match params {
            Bound::Placed(params) => statement.execute(params)?,
            Bound::Named(params) => statement.execute(params)?,
        })
    }

    fn query(&self, sql: &str, params: Bound<'_>, each: Each<'_>) -> Result<(), StorageError> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = match params {
            Bound::Placed(params) => statement.query(params)?,
            Bound::Named(params) => statement.query(params)?,
        };
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }
}

impl sql::Values for rusqlite::Row<'_> {
    fn value(&self, index: usize) -> Result<ValueRef<'_>, StorageError> {
        Ok(self.get_ref(index)?)
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
