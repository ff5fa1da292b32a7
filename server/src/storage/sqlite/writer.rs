//! The writer: one thread, one connection, many transactions a commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::storage::sql::Open;
use crate::storage::{Acknowledge, Job, StorageError};

/// At most so many transactions share a commit: enough for any load seen, and the last of them waits some milliseconds.
const SHARED: usize = 256;

/// At most so many transactions wait; more are refused at once, so that a flood is answered and not hoarded.
const QUEUE: usize = 8192;

pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StorageError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(&connection, jobs))
            .map_err(|error| StorageError::Failed(error.to_string()))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), StorageError> {
        let queue = self.queue.as_ref().ok_or(StorageError::Busy)?;
        queue.try_send(job).map_err(|_| StorageError::Busy)
    }
}

impl Drop for Writer {
    /// Ends the queue and waits until what was queued is committed.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was logged where it happened.
            drop(thread.join());
        }
    }
}

fn run(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
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
