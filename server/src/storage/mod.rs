//! What the server keeps, and the traits behind which it is kept: models, transactions, one store.
//!
//! The rules are in `service`; nothing here decides. A transaction is a closure: it runs on the store's own thread, sees
//! one state, and either all of it is durable when the caller hears of it, or none of it happened. Transactions that
//! arrive together share one commit, so that the price of durability is shared too.

mod administrators;
mod challenges;
mod keys;
mod models;
mod moves;
mod outbox;
pub mod postgres;
mod push;
mod sql;
pub mod sqlite;
mod statistics;
mod store;
mod together;
mod traits;
mod visits;
mod webhooks;
mod writer;

pub use administrators::*;
pub use challenges::*;
pub use keys::*;
pub use models::*;
pub use moves::*;
pub use outbox::*;
pub use push::*;
pub use statistics::*;
pub use store::{Acknowledge, Backend, Finished, Heard, Job, News, Store};
pub use together::Together;
pub use traits::*;
pub use visits::*;
pub use webhooks::*;

/// Why the store could not do its part. Nothing was written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The disk is full.
    #[error("the disk is full: free some space; nothing was written")]
    Full,
    /// A read or write failed, as at a limit on the size of files, or on a disk that is broken.
    #[error("the disk failed: {0}")]
    Disk(String),
    /// The database can't be written to.
    #[error("the database is read-only: check the data directory's permissions and mount")]
    ReadOnly,
    /// Another process holds the database for too long.
    #[error("the database is busy: another process holds it")]
    Busy,
    /// The database can't be reached, or has gone away in the middle.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    /// What was to be added exists already.
    #[error("it exists already")]
    Exists,
    /// PostgreSQL is backed up by its own means.
    #[error(
        "this database is PostgreSQL: back it up and restore it with its own tools, such as pg_dump or pg_basebackup"
    )]
    Elsewhere,
    /// A row that can't be read as what it should be.
    #[error("the database holds a damaged {0}")]
    Damaged(&'static str),
    /// The database was written by a later version.
    #[error("the database was written by a later version of symbolon-server (schema {0}); use that version")]
    Later(i64),
    /// Anything else: the text is for the log, never for a caller.
    #[error("the database failed: {0}")]
    Failed(String),
}
