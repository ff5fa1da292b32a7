//! What the writer does: one connection, many transactions a commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::storage::sql::Open;
use crate::storage::writer::SHARED;
use crate::storage::{Acknowledge, Job, StorageError};

/// Runs what is queued up until there will be no more.
pub(super) fn run(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut acknowledgements = Vec::new();
        let committed = share_commit(connection, first, &mut jobs, &mut acknowledgements);
        if let Err(error) = &committed {
            tracing::error!(%error, transactions = acknowledgements.len(), "a commit failed");
            if !connection.is_autocommit() {
                drop(connection.execute_batch("ROLLBACK"));
            }
        }
        for acknowledge in acknowledgements {
            acknowledge(committed.clone());
        }
    }
}

/// Runs `first` and whatever else has queued up in one database transaction, each in a savepoint of its own.
fn share_commit(
    connection: &Connection,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    acknowledgements: &mut Vec<Acknowledge>,
) -> Result<(), StorageError> {
    let execute = |sql| -> Result<usize, StorageError> { Ok(connection.prepare_cached(sql)?.execute([])?) };
    if let Err(error) = execute("BEGIN IMMEDIATE") {
        acknowledgements.push(first(Err(error.clone())).acknowledge);
        return Err(error);
    }
    let open = Open::new(connection);
    let mut next = Some(first);
    while let Some(job) = next {
        execute("SAVEPOINT one")?;
        // A panic in one transaction must not end the writer; whoever asked for it is told that it failed.
        let finished = catch_unwind(AssertUnwindSafe(|| job(Ok(&open))));
        let keep = finished.as_ref().is_ok_and(|finished| finished.keep);
        acknowledgements.extend(finished.map(|finished| finished.acknowledge));
        if !keep {
            // Fails when SQLite has given up the whole transaction, as it may on a full disk: then nobody is told yes.
            execute("ROLLBACK TO one")?;
        }
        open.settle(keep);
        execute("RELEASE one")?;
        next = if acknowledgements.len() < SHARED { jobs.try_recv().ok() } else { None };
    }
    open.write_counts()?;
    execute("COMMIT").map(drop)
}
