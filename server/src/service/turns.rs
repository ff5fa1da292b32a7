//! Turns: what one node does for all of them, such as emptying the outbox. Where there is one server it is always its turn.
//!
//! A turn is a row that names a node and a time. The node renews it while it lives; when that time has passed, another
//! one takes it. Two nodes may think for a moment that it is theirs, so only what may be done twice is done in turns.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand_core::{OsRng, RngCore};
use tokio::time::Instant;

use super::{Service, ServiceError};

/// A node that has gone is waited for so long.
const LASTS: SignedDuration = SignedDuration::from_secs(30);

/// A turn is renewed, or asked for, this often.
const ASKED: Duration = Duration::from_secs(10);

/// A node's part in turns of one kind.
pub struct Turn {
    key: &'static str,
    node: [u8; 8],
    asked: Mutex<Option<(Instant, bool)>>,
}

impl Turn {
    /// This process's part in the turns named `key`, a value of the installation.
    #[must_use]
    pub fn new(key: &'static str) -> Self {
        Self { key, node: OsRng.next_u64().to_be_bytes(), asked: Mutex::default() }
    }
}

impl Service {
    /// Whether it is this node's turn; takes it where it is nobody's.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_turn_of(&self, turn: &Turn) -> Result<bool, ServiceError> {
        if !self.store.is_far() {
            return Ok(true);
        }
        let known = *turn.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, ours)) = known
            && asked.elapsed() < ASKED
        {
            return Ok(ours);
        }
        let (key, node, now) = (turn.key, turn.node, self.clock.now());
        let ours = self
            .store
            .write(move |transaction| {
                let held = transaction.meta(key)?.as_deref().and_then(read);
                let free = held.is_none_or(|(holder, until)| holder == node || until <= now.as_millisecond());
                if free {
                    let until = (now + LASTS).as_millisecond();
                    transaction.set_meta(key, &[node, until.to_be_bytes()].concat())?;
                }
                Ok::<_, ServiceError>(free)
            })
            .await?;
        *turn.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), ours));
        Ok(ours)
    }

    /// Gives the turn back, so that nobody has to wait for its end.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_turn(&self, turn: &Turn) -> Result<(), ServiceError> {
        let (key, node) = (turn.key, turn.node);
        if !self.store.is_far() {
            return Ok(());
        }
        self.store
            .write(move |transaction| {
                if transaction.meta(key)?.as_deref().and_then(read).is_some_and(|(holder, _)| holder == node) {
                    transaction
                        .set_meta(key, &[node, Timestamp::UNIX_EPOCH.as_millisecond().to_be_bytes()].concat())?;
                }
                Ok(())
            })
            .await
    }
}

/// The node that holds a turn, and until when in milliseconds since 1970.
fn read(value: &[u8]) -> Option<([u8; 8], i64)> {
    let (node, until) = value.split_first_chunk::<8>()?;
    Some((*node, i64::from_be_bytes(until.try_into().ok()?)))
}
