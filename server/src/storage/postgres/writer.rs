//! The writer: one thread, one connection, many transactions a commit, as in SQLite; and one writer at a time among all
//! nodes, by a lock on the only row of the table `symbolon`.
//!
//! Whoever holds that row has the database to itself until its commit: what a transaction read has not changed when it
//! writes, no two nodes take one code, the audit is one chain, and nobody waits for two locks. A node that goes away
//! loses the row with its connection, or when its transaction is idle for too long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::SCHEMA;
use super::address::Address;
use super::session::Session;
use crate::storage::sql::{Bound, Connection, Open};
use crate::storage::{Acknowledge, Job, StorageError};

/// At most so many transactions share a commit …
const SHARED: usize = 256;

/// … and none is taken in any more after this time, since other nodes wait.
const TURN: Duration = Duration::from_millis(20);

/// At most so many transactions wait; more are refused at once, so that a flood is answered and not hoarded.
const QUEUE: usize = 8192;

pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(address: Arc<Address>, session: Session) -> Result<Self, StorageError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(&address, session, jobs))
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

/// Transactions that have run, each with what came of it, and wait for the commit of all.
type Ran = Vec<(Acknowledge, Result<(), StorageError>)>;

fn run(address: &Address, session: Session, mut jobs: mpsc::Receiver<Job>) {
    let mut session = Some(session);
    while let Some(first) = jobs.blocking_recv() {
        let mut ran = Ran::new();
        let committed = match begin(address, session.take()) {
            Ok(begun) => {
                let committed = share_commit(&begun, first, &mut jobs, &mut ran);
                if committed.is_err() && begun.is_sound() {
                    drop(begun.run("ROLLBACK"));
                }
                session = Some(begun).filter(Session::is_sound);
                committed
            }
            Err(error) => {
                // Those that wait would only wait as long for the same answer.
                for job in std::iter::once(first).chain(std::iter::from_fn(|| jobs.try_recv().ok())) {
                    ran.push((job(Err(error.clone())).acknowledge, Ok(())));
                }
                Err(error)
            }
        };
        if let Err(error) = &committed {
            tracing::error!(%error, transactions = ran.len(), "nothing was written");
        }
        for (acknowledge, outcome) in ran {
            acknowledge(outcome.and_then(|()| committed.clone()));
        }
    }
}

/// Opens a transaction and takes the writers' lock, on a new connection where the old one has gone. Nothing has run yet
/// that could count twice.
fn begin(address: &Address, session: Option<Session>) -> Result<Session, StorageError> {
    if let Some(session) = session {
        match lock(&session) {
            Ok(()) => return Ok(session),
            Err(error) if session.is_sound() => {
                drop(session.run("ROLLBACK"));
                return Err(error);
            }
            Err(error) => tracing::warn!(%error, "the connection to the database has gone; another one is opened"),
        }
    }
    let session = Session::connect(address)?;
    lock(&session)?;
    Ok(session)
}

fn lock(session: &Session) -> Result<(), StorageError> {
    session.forget_failure();
    session.send("BEGIN");
    let mut oldest = None;
    session.query("SELECT oldest FROM symbolon WHERE id = 1 FOR UPDATE", Bound::Placed(&[]), &mut |row| {
        oldest = Some(row.value(0)?.as_i64().map_err(|_| StorageError::Damaged("schema"))?);
        Ok(())
    })?;
    match oldest {
        Some(oldest) if oldest <= SCHEMA => Ok(()),
        Some(oldest) => Err(StorageError::Later(oldest)),
        None => Err(StorageError::Damaged("schema")),
    }
}

/// Runs `first` and whatever else has queued up in one database transaction, each in a savepoint of its own.
fn share_commit(
    session: &Session,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    ran: &mut Ran,
) -> Result<(), StorageError> {
    let began = Instant::now();
    let open = Open::new(session);
    let mut next = Some(first);
    while let Some(job) = next {
        session.send("SAVEPOINT one");
        // A panic in one transaction must not end the writer; whoever asked for it is told that it failed.
        let finished = catch_unwind(AssertUnwindSafe(|| job(Ok(&open))));
        let keep = finished.as_ref().is_ok_and(|finished| finished.keep);
        let written = if keep { release(session) } else { Ok(()) };
        let kept = keep && written.is_ok();
        ran.extend(finished.map(|finished| (finished.acknowledge, written)));
        if !kept {
            drop(session.settle());
            session.run("ROLLBACK TO one; RELEASE one")?;
            session.forget_failure();
        }
        open.settle(kept);
        let goes_on = ran.len() < SHARED && began.elapsed() < TURN;
        next = if goes_on { jobs.try_recv().ok() } else { None };
    }
    open.write_counts()?;
    // In a transaction that has failed this would be a roll-back that looks like success; but then a release has failed,
    // or what was written since fails here.
    session.run("COMMIT")
}

/// Waits until what the transaction wrote has succeeded. It may have gone on after a statement that failed; then none of
/// it is kept.
fn release(session: &Session) -> Result<(), StorageError> {
    if !session.is_settled() {
        session.settle()?;
    }
    session.failure()?;
    session.send("RELEASE one");
    Ok(())
}
