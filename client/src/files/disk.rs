//! The real file system.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::{Files, Lock, MAX_FILE, parent_of};

/// The file system of this machine. Files are made with mode 0600 and directories with 0700.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = found(File::open(path))? else { return Ok(None) };
        let mut content = Vec::new();
        let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut content)?;
        if content.len() > MAX_FILE {
            return Err(io::Error::new(ErrorKind::InvalidData, "the file is too long"));
        }
        Ok(Some(content))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?.write_all(bytes)
    }

    fn flush(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        found(fs::remove_file(path)).map(drop)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = path.ancestors().take_while(|directory| !is_directory(directory)).collect();
        for directory in missing.into_iter().rev() {
            match private_directory(&mut DirBuilder::new()).create(directory) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
                other => other?,
            }
            self.flush_directory(parent_of(directory))?;
        }
        Ok(())
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        found(fs::remove_dir(path)).map(drop)
    }

    #[cfg(unix)]
    fn flush_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Windows flushes names with the files that have them, and can't open a directory as a file.
    #[cfg(not(unix))]
    fn flush_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let Some(entries) = found(fs::read_dir(path))? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not Unicode is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
        match file.try_lock() {
            // Whoever had the lock may have removed the file: a lock on what is gone keeps nobody out.
            Ok(()) if is_at(&file, path)? => Ok(Some(Box::new(file))),
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whether it is there; the empty path is the current directory.
fn is_directory(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}

/// `None` for what is not there.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (held, there) = (file.metadata()?, found(fs::metadata(path))?);
    Ok(there.is_some_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())))
}

/// Windows removes no file that somebody has open.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn private_directory(builder: &mut DirBuilder) -> &mut DirBuilder {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700)
}

#[cfg(not(unix))]
fn private_directory(builder: &mut DirBuilder) -> &mut DirBuilder {
    builder
}

#[cfg(test)]
mod tests {
    use super::super::replace;
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/b");
        Disk.create_directory(&directory).unwrap();
        Disk.create_directory(&directory).unwrap();
        let file = directory.join("file");
        replace(&Disk, &file, b"content").unwrap();
        replace(&Disk, &file, b"new").unwrap();
        assert_eq!(Disk.read(&file).unwrap().unwrap(), b"new");
        assert_eq!(Disk.list(&directory).unwrap(), ["file"]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&home.path().join("a")), mode(&file)), (0o700, 0o700, 0o600));
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let lock = Disk.try_lock(&path).unwrap();
        assert!(lock.is_some() && Disk.try_lock(&path).unwrap().is_none());
        drop(lock);
        assert!(Disk.try_lock(&path).unwrap().is_some());
    }

    #[test]
    fn what_is_not_there_is_none() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("nothing");
        assert!(Disk.read(&path).unwrap().is_none() && Disk.list(&path).unwrap().is_empty());
        Disk.remove(&path).unwrap();
        Disk.remove_directory(&path).unwrap();
    }
}
