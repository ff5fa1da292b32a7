//! What a soft token asks of a file system, step by step, so that a test can cut the power at each step.
//!
//! [`Disk`] is the real one. [`SimulatedDisk`] keeps apart what was written and what was flushed, and shows what a
//! power loss at any step leaves.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};

mod disk;
mod simulated;

pub use disk::Disk;
pub use simulated::{PowerLoss, SimulatedDisk};

/// No file of a soft token is longer than this, in bytes.
pub const MAX_FILE: usize = 256 * 1024;

/// Holds an exclusive lock until it is dropped.
pub type Lock = Box<dyn Any + Send + Sync>;

/// A file system. Each method is one step that either happened or did not; what lasts is what was flushed.
pub trait Files: Send + Sync {
    /// The content of a file; `None` when there is none.
    ///
    /// # Errors
    /// Those of the system, and `InvalidData` for more than [`MAX_FILE`] bytes.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Creates or overwrites a file that only its owner can read. Not yet flushed.
    ///
    /// # Errors
    /// Those of the system.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content of a file last.
    ///
    /// # Errors
    /// Those of the system.
    fn flush(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name within its directory, in place of the file that had it. Not yet flushed.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; nothing happens when there is none. Not yet flushed.
    ///
    /// # Errors
    /// Those of the system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory that only its owner can enter, with those above it; nothing happens when it is there.
    ///
    /// # Errors
    /// Those of the system.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory; nothing happens when there is none. Not yet flushed.
    ///
    /// # Errors
    /// Those of the system.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory last: files that were created, renamed or removed in it.
    ///
    /// # Errors
    /// Those of the system.
    fn flush_directory(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted; none when there is no directory.
    ///
    /// # Errors
    /// Those of the system.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// An exclusive lock on a file, which is created for it; `None` when another holds it.
    ///
    /// # Errors
    /// Those of the system.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>>;
}

/// Replaces the content of a file: after a power loss at any time it is the old one or the new one, and once this
/// returns the new one.
///
/// # Errors
/// Those of the system.
pub fn replace(files: &dyn Files, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = draft_of(path);
    files.write(&draft, bytes)?;
    files.flush(&draft)?;
    files.rename(&draft, path)?;
    files.flush_directory(parent_of(path))
}

/// Removes a file for good.
///
/// # Errors
/// Those of the system.
pub fn erase(files: &dyn Files, path: &Path) -> io::Result<()> {
    files.remove(path)?;
    files.flush_directory(parent_of(path))
}

/// Where a file's new content is written before it takes the file's name. One writer at a time holds a lock on what it
/// changes, so a draft that a power loss left behind is overwritten.
fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
