//! Copies of the database in a file: made while others write, looked at before they are trusted, put in its place.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::{SCHEMA, connect, make_private};
use crate::replaced::keep;
use crate::storage::StorageError;

/// Writes the state that `connection` sees into the new file `path`: whole and on the disk, or not at all.
pub(super) fn copy(connection: &Connection, path: &Path) -> Result<(), StorageError> {
    if path.exists() {
        return Err(StorageError::Exists);
    }
    let unfinished = beside(path, "unfinished");
    remove(&unfinished)?;
    make_private(&unfinished)?;
    connection.execute("VACUUM INTO ?", params![text(&unfinished)?])?;
    // A link, unlike a renaming, takes no file's place that has appeared meanwhile.
    flush(&unfinished)?;
    std::fs::hard_link(&unfinished, path).map_err(disk)?;
    remove(&unfinished)?;
    flush_folder(path)
}

/// Makes sure that the file `path` is a whole database of an installation, of this schema or an earlier one.
///
/// # Errors
/// [`StorageError`] says what it is instead.
pub fn check(path: &Path) -> Result<(), StorageError> {
    if !path.is_file() {
        return Err(StorageError::Disk(format!("{}: there is no such file", path.display())));
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
        0 => return Err(StorageError::Damaged("backup: it is no database of symbolon-server")),
        later if later > SCHEMA => return Err(StorageError::Later(later)),
        _ => {}
    }
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StorageError::Damaged("page: PRAGMA integrity_check names it")) }
}

/// Copies the file of a backup to `path`, in place of whatever is there.
///
/// # Errors
/// [`StorageError::Disk`] when the disk fails or is full.
pub fn take(backup: &Path, path: &Path) -> Result<(), StorageError> {
    remove_all(path)?;
    make_private(path)?;
    let mut from = File::open(backup).map_err(disk)?;
    let mut to = OpenOptions::new().write(true).open(path).map_err(disk)?;
    std::io::copy(&mut from, &mut to).map_err(disk)?;
    to.sync_all().map_err(disk)
}

/// Puts the database `prepared` in the place of `path`, whose file is kept beside it, as are those of earlier times;
/// answers where. Nobody may have either of them open.
///
/// # Errors
/// [`StorageError::Busy`] when somebody has; the disk's.
pub fn replace(prepared: &Path, path: &Path) -> Result<Option<PathBuf>, StorageError> {
    settle(prepared)?;
    let mut kept = None;
    if path.exists() {
        match settle(path) {
            // What can't even be opened is what a backup is for; its log is worth nothing without it.
            Ok(()) | Err(StorageError::Failed(_) | StorageError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        kept = Some(keep(path, |name| std::fs::hard_link(path, name)).map_err(disk)?);
    }
    for log in ["-wal", "-shm"] {
        remove(&suffixed(path, log))?;
    }
    flush(prepared)?;
    std::fs::rename(prepared, path).map_err(disk)?;
    flush_folder(path)?;
    Ok(kept)
}

/// Brings the log of a database into its file and ends it, which takes the database alone.
fn settle(path: &Path) -> Result<(), StorageError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(StorageError::Busy) }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    suffixed(path, &format!(".{what}"))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove_all(path: &Path) -> Result<(), StorageError> {
    ["", "-wal", "-shm", "-journal"].iter().try_for_each(|suffix| remove(&suffixed(path, suffix)))
}

fn remove(path: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(disk(error)),
        _ => Ok(()),
    }
}

fn flush(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(disk)
}

/// A name is durable once its folder is.
fn flush_folder(path: &Path) -> Result<(), StorageError> {
    flush(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn text(path: &Path) -> Result<&str, StorageError> {
    path.to_str().ok_or(StorageError::Failed("the path of a backup must be UTF-8".into()))
}

fn disk(error: std::io::Error) -> StorageError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StorageError::Full,
        ErrorKind::ReadOnlyFilesystem => StorageError::ReadOnly,
        _ => StorageError::Disk(error.to_string()),
    }
}
