//! What the writer does: one connection, many transactions a commit, as in SQLite; and one writer at a time among all
//! nodes, by a lock on the only row of the table `symbolon`.
//!
//! Whoever holds that row has the database to itself until its commit: what a transaction read has not changed when it
//! writes, no two nodes take one code, the audit is one chain, and nobody waits for two locks. A node that goes away
//! loses the row with its connection, or when its transaction is idle for too long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::SCHEMA;
use super::address::Address;
use super::session::Session;
use crate::storage::sql::{Bound, Connection as _, Open, audit};
use crate::storage::writer::SHARED;
use crate::storage::{Acknowledge, Job, StorageError};

/// No transaction is taken into a commit any more after this time, since other nodes wait.
const TURN: Duration = Duration::from_millis(20);

/// Transactions that have run, each with what came of it, and wait for the commit of all.
type Ran = Vec<(Acknowledge, Result<(), StorageError>)>;

/// Runs what is queued up until there will be no more.
pub(super) fn run(address: &Address, session: Session, mut jobs: mpsc::Receiver<Job>) {
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

/// Opens a transaction, on a new connection where the old one has gone, and asks for the writers' lock and for the end of
/// the audit's chain, which nobody moves from then on. All of it travels with the first question.
fn begin(address: &Address, session: Option<Session>) -> Result<Session, StorageError> {
    let known = session.inspect(Session::breathe).filter(Session::is_sound);
    let session = known.map_or_else(|| Session::connect(address), Ok)?;
    session.forget_failure();
    open_transaction(&session)?;
    Ok(session)
}

fn open_transaction(session: &Session) -> Result<(), StorageError> {
    // Each statement sees what was committed before it, whatever the database's default.
    session.send("BEGIN ISOLATION LEVEL READ COMMITTED");
    session.foresee(LOCK)?;
    session.foresee(audit::HEAD)
}

/// Whoever has this row has the database to itself.
const LOCK: &str = "SELECT oldest FROM symbolon WHERE id = 1 FOR UPDATE";

/// Whether the lock was taken, on a database that this version may write to.
fn check_lock(session: &Session) -> Result<(), StorageError> {
    let mut oldest = None;
    session.query(LOCK, Bound::Placed(&[]), &mut |row| {
        oldest = row.value(0)?.as_i64().ok();
        Ok(())
    })?;
    match oldest {
        None => Err(StorageError::Damaged("schema")),
        Some(oldest) if oldest > SCHEMA => Err(StorageError::Later(oldest)),
        Some(_) => Ok(()),
    }
}

/// Runs `first` and whatever else has queued up by now in one database transaction. Whoever comes meanwhile shares the next
/// one: each of them would keep those that are here waiting for PostgreSQL twice. Whatever runs after something that is
/// kept has a savepoint of its own.
fn share_commit(
    session: &Session,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    ran: &mut Ran,
) -> Result<(), StorageError> {
    let (began, together) = (Instant::now(), SHARED.min(1 + jobs.len()));
    let open = Open::new(session);
    let (mut next, mut locked, mut holds) = (Some(first), false, false);
    while let Some(job) = next {
        if holds {
            session.send("SAVEPOINT one");
        }
        // A panic in one transaction must not end the writer; whoever asked for it is told that it failed.
        let finished = catch_unwind(AssertUnwindSafe(|| job(Ok(&open))));
        let keep = finished.as_ref().is_ok_and(|finished| finished.keep);
        let goes_on = ran.len() + 1 < together && began.elapsed() < TURN;
        // What a transaction wrote that has the commit to itself succeeds or fails with the commit.
        let alone = !holds && !goes_on;
        let written = if keep && !alone { check_written(session) } else { Ok(()) };
        let kept = keep && written.is_ok();
        ran.extend(finished.map(|finished| (finished.acknowledge, written)));
        if !locked {
            check_lock(session)?;
            locked = true;
        }
        match (kept, holds) {
            (true, true) => session.send("RELEASE one"),
            (true, false) => holds = true,
            (false, true) => roll_back(session, "ROLLBACK TO one; RELEASE one")?,
            (false, false) => {
                roll_back(session, "ROLLBACK")?;
                if goes_on {
                    open_transaction(session)?;
                    locked = false;
                }
            }
        }
        open.settle(kept);
        next = if goes_on { jobs.try_recv().ok() } else { None };
    }
    if !holds {
        // Unless one was begun for somebody who then was not there.
        return if locked { Ok(()) } else { roll_back(session, "ROLLBACK") };
    }
    open.write_counts()?;
    // In a transaction that has failed this would be a roll-back that looks like success; but then something has failed
    // before, or what was written since fails here.
    session.run("COMMIT")
}

fn roll_back(session: &Session, how: &'static str) -> Result<(), StorageError> {
    drop(session.settle());
    session.run(how)?;
    session.forget_failure();
    Ok(())
}

/// Waits until what the transaction wrote has succeeded. It may have gone on after a statement that failed; then none of
/// it is kept.
fn check_written(session: &Session) -> Result<(), StorageError> {
    if !session.is_settled() {
        session.settle()?;
    }
    session.failure()
}
