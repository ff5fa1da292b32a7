//! PostgreSQL: any number of nodes on one database. Nothing is kept in a node, and nothing is asked of the database but
//! tables, transactions and row locks; `LISTEN` and `NOTIFY` only hasten what is also found by looking.

mod address;
mod migrations;
mod moving;
mod nodes;
mod readers;
mod session;
mod value;
mod writer;

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;

use super::writer::Writer;
use super::{Backend, Heard, Job, Snapshot, StorageError};
pub use address::{Address, DatabaseUrl, DatabaseUrlError};
pub use moving::{Moved, move_from_sqlite};
use readers::Readers;
use session::Session;

/// The schema that this code reads and writes.
const SCHEMA: i64 = 1;

/// An open PostgreSQL database.
pub struct Postgres {
    address: Arc<Address>,
    readers: Readers,
    writer: Writer,
}

impl Postgres {
    /// Opens the database; makes the tables, and brings older ones up to date, where that is needed.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`], or [`StorageError::Later`] when it is of a later version.
    pub fn open(address: Address) -> Result<Self, StorageError> {
        let address = Arc::new(address);
        let session = blocking(|| {
            let session = Session::connect(&address)?;
            migrations::run(&session)?;
            Ok::<_, StorageError>(session)
        })?;
        let writes_to = Arc::clone(&address);
        let writer = Writer::start(move |jobs| writer::run(&writes_to, session, jobs))?;
        Ok(Self { readers: Readers::new(Arc::clone(&address)), writer, address })
    }
}

impl Backend for Postgres {
    fn read(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError> {
        blocking(|| self.readers.read(work))
    }

    fn look(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError> {
        blocking(|| self.readers.look(work))
    }

    fn submit(&self, job: Job) -> Result<(), StorageError> {
        self.writer.submit(job)
    }

    fn copy_to(&self, _: &Path) -> Result<(), StorageError> {
        Err(StorageError::Elsewhere)
    }

    fn is_far(&self) -> bool {
        true
    }

    fn nodes(&self, heard: Heard) -> Option<mpsc::UnboundedSender<String>> {
        Some(nodes::join(Arc::clone(&self.address), heard))
    }
}

/// Waits for the database on this thread; whatever else the thread would do goes on elsewhere.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
