//! The thread that writes, and the queue before it: the same for every database.

use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::{Job, StorageError};

/// At most so many transactions share a commit: enough for any load seen, and the last of them waits some milliseconds.
pub(super) const SHARED: usize = 256;

/// At most so many transactions wait; more are refused at once, so that a flood is answered and not hoarded.
const QUEUE: usize = 8192;

/// A thread that runs transactions one after the other.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts it; `run` takes the transactions until there will be no more.
    pub(super) fn start(run: impl FnOnce(mpsc::Receiver<Job>) + Send + 'static) -> Result<Self, StorageError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(jobs))
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
