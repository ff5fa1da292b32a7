//! What the disk allows: how often per second SQLite can change one row and have it durable.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;

const BURST: Duration = Duration::from_secs(2);
const ROWS: i64 = 2000;

/// A database whose rows are changed one by one, in bursts between other measurements: what a disk does differs from one
/// minute to the next, more than anything else here.
pub(crate) struct Disk {
    database: Connection,
    bursts: Vec<f64>,
}

impl Disk {
    /// Makes the database in `folder`, in the same modes as the server's.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let database = Connection::open(folder.join("commit.sqlite")).context("opening a database")?;
        database.pragma_update(None, "journal_mode", "wal")?;
        database.pragma_update(None, "synchronous", "full")?;
        // The rows fill pages, so that this grows the log to the size at which SQLite uses it from the start again, as a
        // server's is that has run for a while: growing a file is dearer than writing in it.
        database
            .execute_batch("CREATE TABLE token (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, rest BLOB) STRICT")?;
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO token SELECT i, 0, zeroblob(3000) FROM n";
        database.execute(fill, [ROWS])?;
        Ok(Self { database, bursts: Vec::new() })
    }

    /// Updates one row per transaction, one after the other.
    pub(crate) fn burst(&mut self) -> Result<()> {
        let mut update = self.database.prepare_cached("UPDATE token SET step = step + 1 WHERE id = ?1")?;
        let begun = Instant::now();
        let mut commits = 0;
        while begun.elapsed() < BURST {
            update.execute([commits % ROWS + 1])?;
            commits += 1;
        }
        self.bursts.push(commits as f64 / begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// The median of the bursts so far, in commits per second.
    pub(crate) fn per_second(&self) -> Result<f64> {
        let mut bursts = self.bursts.clone();
        bursts.sort_by(f64::total_cmp);
        bursts.get(bursts.len() / 2).copied().context("there was no burst")
    }
}
