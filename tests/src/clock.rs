//! A clock that a test sets, where libfaketime is installed (Debian: `faketime`).

use std::path::{Path, PathBuf};

use crate::Installation;

/// The clock of one installation's processes.
pub struct Clock(PathBuf);

impl Clock {
    /// Puts an installation under a clock that shows the right time until it is moved; `None` without libfaketime.
    #[must_use]
    pub fn of(installation: Installation) -> Option<(Installation, Self)> {
        let library = library()?;
        let file = installation.beside("clock");
        let clock = Self(file.clone());
        clock.moved(0);
        let installation = installation
            .variable("LD_PRELOAD", library.to_str()?)
            .variable("FAKETIME_TIMESTAMP_FILE", file.to_str()?)
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Some((installation, clock))
    }

    /// Sets the clock so many seconds ahead of the right time, or behind it.
    pub fn moved(&self, seconds: i64) {
        // Replaced at once: a reader must never see half a number.
        let new = self.0.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(&new, &self.0).unwrap();
    }
}

fn library() -> Option<PathBuf> {
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(Path::new);
    let below =
        folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten().map(|entry| entry.path());
    let folders = folders.iter().map(|folder| folder.to_path_buf()).chain(below);
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file())
}
