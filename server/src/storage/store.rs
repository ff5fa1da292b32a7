//! The store: transactions as closures over whichever database lies behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Snapshot, StorageError, Transaction};

/// A database: SQLite or PostgreSQL.
pub trait Backend: Send + Sync + 'static {
    /// Runs `work` on one consistent state, on this thread. Some microseconds where it reads single rows.
    ///
    /// # Errors
    /// [`StorageError`] when no state can be had; what `work` meets is its own affair.
    fn read(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError>;

    /// The same where each question may be answered from the state of its own moment, if that is cheaper.
    ///
    /// # Errors
    /// As for [`Backend::read`].
    fn look(&self, work: &mut dyn FnMut(&dyn Snapshot)) -> Result<(), StorageError> {
        self.read(work)
    }

    /// Queues `job` for the writer.
    ///
    /// # Errors
    /// Gives the job back when the queue is full or the writer has ended.
    fn submit(&self, job: Job) -> Result<(), StorageError>;

    /// Writes one consistent state into the new file `path`: whole and durable, or not at all.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when the file exists; the disk's.
    fn copy_to(&self, path: &Path) -> Result<(), StorageError>;

    /// Whether a read waits for another process. Then those that come together are better asked together.
    fn is_far(&self) -> bool {
        false
    }

    /// Joins the other nodes on the database: what is sent they hear, and what they send is given to `heard`. `None` where
    /// there are no others.
    fn nodes(&self, heard: Heard) -> Option<mpsc::UnboundedSender<String>> {
        drop(heard);
        None
    }
}

/// What is heard from other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What one of them told.
    Of(String),
    /// Something may have been told that was not heard: whoever waits for anything should look.
    Everything,
}

/// Called with what other nodes tell.
pub type Heard = Box<dyn Fn(News) + Send + Sync>;

/// A transaction on its way to the writer, which calls it with the open transaction, or with why there is none.
pub type Job = Box<dyn FnOnce(Result<&dyn Transaction, StorageError>) -> Finished + Send>;

/// Called once the writes are durable, or with the reason why they are not.
pub type Acknowledge = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// A transaction that has run and waits for its commit.
pub struct Finished {
    /// Whether its writes are to be kept.
    pub keep: bool,
    /// Tells whoever asked for it.
    pub acknowledge: Acknowledge,
}

/// The store that services work with.
#[derive(Clone)]
pub struct Store(Arc<dyn Backend>);

impl Store {
    /// A store over `backend`.
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(backend))
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), StorageError> {
        self.0.submit(job)
    }

    /// Whether a read waits for another process.
    #[must_use]
    pub fn is_far(&self) -> bool {
        self.0.is_far()
    }

    /// Joins the other nodes on the database, where there can be any.
    pub fn nodes(&self, heard: Heard) -> Option<mpsc::UnboundedSender<String>> {
        self.0.nodes(heard)
    }

    /// Reads single rows from one consistent state, on the caller's thread: a hop to another costs more than the read.
    ///
    /// # Errors
    /// What `work` answers, or the store's own.
    pub fn read<T, E>(&self, work: impl FnOnce(&dyn Snapshot) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StorageError>,
    {
        run(|work| self.0.read(work), work)
    }

    /// Reads what may come from several states, on the caller's thread.
    ///
    /// # Errors
    /// What `work` answers, or the store's own.
    pub(super) fn look<T, E>(&self, work: impl FnOnce(&dyn Snapshot) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StorageError>,
    {
        run(|work| self.0.look(work), work)
    }

    /// Reads much, on a thread where that holds up nobody.
    ///
    /// # Errors
    /// What `work` answers, or the store's own.
    pub async fn read_much<T, E>(
        &self,
        work: impl FnOnce(&dyn Snapshot) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let store = self.clone();
        let joined = tokio::task::spawn_blocking(move || store.read(work)).await;
        joined.unwrap_or_else(|failed| Err(StorageError::Failed(failed.to_string()).into()))
    }

    /// Writes one consistent state into the new file `path`, on a thread where that holds up nobody.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when the file exists; the disk's.
    pub async fn copy_to(&self, path: PathBuf) -> Result<(), StorageError> {
        let store = self.clone();
        let joined = tokio::task::spawn_blocking(move || store.0.copy_to(&path)).await;
        joined.unwrap_or_else(|failed| Err(StorageError::Failed(failed.to_string())))
    }

    /// Runs `work` as a transaction and answers when what it wrote is durable. When it answers an error, nothing of it
    /// is kept.
    ///
    /// # Errors
    /// What `work` answers, or the store's own.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = transaction.map_err(E::from).and_then(work);
            Finished {
                keep: result.is_ok(),
                acknowledge: Box::new(move |committed| {
                    let answer = result.and_then(|value| committed.map(|()| value).map_err(E::from));
                    // Nobody listens when the caller has gone; what was written stays.
                    drop(sender.send(answer));
                }),
            }
        });
        self.0.submit(job)?;
        receiver.await.unwrap_or_else(|_| Err(StorageError::Failed("the writer has ended".into()).into()))
    }
}

type Reading<'r> = dyn FnMut(&dyn Snapshot) + 'r;

/// Has `read` run `work` once; answers what that answered.
fn run<T, E: From<StorageError>>(
    read: impl FnOnce(&mut Reading<'_>) -> Result<(), StorageError>,
    work: impl FnOnce(&dyn Snapshot) -> Result<T, E>,
) -> Result<T, E> {
    let mut work = Some(work);
    let mut result = None;
    read(&mut |snapshot| result = work.take().map(|work| work(snapshot)))?;
    result.unwrap_or_else(|| Err(StorageError::Failed("the read did not run".into()).into()))
}
