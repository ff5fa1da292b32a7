//! Reads: a bounded pool of connections, each read in a transaction that sees one state, where that matters.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::address::Address;
use super::session::Session;
use crate::storage::sql::Open;
use crate::storage::{Snapshot, StorageError};

/// So many connections read at the same time.
const CONNECTIONS: usize = 8;

/// So many reads wait for one of them; more are refused at once.
const WAITING: usize = 256;

/// No read waits longer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    address: Arc<Address>,
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Session>,
    reading: usize,
    waiting: usize,
}

impl Readers {
    pub(super) fn new(address: Arc<Address>) -> Self {
        Self { address, pool: Mutex::default(), freed: Condvar::new() }
    }

    /// Runs `work` on one state. It blocks the thread for as long as the database takes.
    pub(super) fn read(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError> {
        self.with_session(|session| {
            // It travels with the first question.
            session.send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            work(&Open::new(session));
            // Nobody waits for the end of what has only read.
            session.send("COMMIT");
            session.breathe();
        })
    }

    /// The same, but each question is answered from the state of its own moment.
    pub(super) fn look(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError> {
        self.with_session(|session| work(&Open::new(session)))
    }

    fn with_session(&self, work: impl FnOnce(&Session)) -> Result<(), StorageError> {
        let place = self.place()?;
        let session = self.session()?;
        work(&session);
        // A connection that does not come this far is not used again.
        session.forget_failure();
        if session.is_sound() {
            self.pool().idle.push(session);
        }
        drop(place);
        Ok(())
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until fewer than [`CONNECTIONS`] read.
    fn place(&self) -> Result<Place<'_>, StorageError> {
        let mut pool = self.pool();
        if pool.reading >= CONNECTIONS {
            if pool.waiting >= WAITING {
                return Err(StorageError::Busy);
            }
            pool.waiting += 1;
            let waited = self.freed.wait_timeout_while(pool, PATIENCE, |pool| pool.reading >= CONNECTIONS);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            pool = woken;
            pool.waiting -= 1;
            if timeout.timed_out() {
                return Err(StorageError::Busy);
            }
        }
        pool.reading += 1;
        Ok(Place(self))
    }

    /// A connection from the pool, or a new one where the old ones have gone.
    fn session(&self) -> Result<Session, StorageError> {
        loop {
            let pooled = self.pool().idle.pop();
            let Some(session) = pooled else { return Session::connect(&self.address) };
            session.breathe();
            if session.is_sound() {
                return Ok(session);
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Connections end on a thread that may block.
        let idle = std::mem::take(&mut self.pool().idle);
        drop(std::thread::spawn(move || drop(idle)).join());
    }
}

/// The right to read.
struct Place<'r>(&'r Readers);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.pool().reading -= 1;
        self.0.freed.notify_one();
    }
}
