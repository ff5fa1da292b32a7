//! Bells: how those who wait for a change learn of it. A bell says only *that* something has changed; what it is, they
//! read from the store. So a bell that is rung for nothing does no harm, and nothing is known here that a restart loses.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use symbolon_core::approval::ChallengeId;
use symbolon_core::serial::SerialNumber;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::storage::{News, Store, TokenId};

/// What somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bell {
    /// An application: what becomes of a challenge.
    Challenge(ChallengeId),
    /// A phone: what it is asked.
    Token(TokenId),
    /// The old phone of a move: how far it is.
    Move(SerialNumber),
    /// Whoever empties the outbox.
    Outbox,
    /// Who shows certificates of the server's own TLS authority.
    Authority,
}

/// The bells that somebody listens to.
#[derive(Default)]
pub struct Bells {
    listened: Mutex<HashMap<Bell, Arc<Notify>>>,
    closed: AtomicBool,
    /// Where other nodes are told of it.
    nodes: OnceLock<mpsc::UnboundedSender<String>>,
}

/// So many bells are rung at a time when all are, since everybody who is woken asks the database.
const AT_ONCE: usize = 64;

/// The pause between them.
const PAUSE: Duration = Duration::from_millis(50);

impl Bells {
    /// From now on these bells ring with those of the other nodes on the database, where there can be any.
    pub fn join(self: &Arc<Self>, store: &Store) {
        let bells = Arc::downgrade(self);
        let heard = move |news| match (bells.upgrade(), news) {
            // A bell that only a later version knows is none of ours.
            (Some(bells), News::Of(bell)) => drop(serde_json::from_str(&bell).map(|bell| bells.ring_here(&bell))),
            (Some(bells), News::Everything) => bells.ring_all(),
            (None, _) => {}
        };
        if let Some(nodes) = store.nodes(Box::new(heard)) {
            drop(self.nodes.set(nodes));
        }
    }

    /// Wakes whoever waits for `bell`, here and on other nodes.
    pub fn ring(&self, bell: &Bell) {
        self.ring_here(bell);
        if let (Some(nodes), Ok(bell)) = (self.nodes.get(), serde_json::to_string(bell)) {
            drop(nodes.send(bell));
        }
    }

    /// Wakes everybody, a few at a time.
    fn ring_all(self: Arc<Self>) {
        let all: Vec<Bell> = self.listened.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        tokio::spawn(async move {
            for some in all.chunks(AT_ONCE) {
                some.iter().for_each(|bell| self.ring_here(bell));
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    fn ring_here(&self, bell: &Bell) {
        let listened = self.listened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = listened.get(bell) {
            notify.notify_waiters();
        }
    }

    /// Wakes everybody for good: the server stops.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let listened = self.listened.lock().unwrap_or_else(PoisonError::into_inner);
        listened.values().for_each(|notify| notify.notify_waiters());
    }

    /// Whether the server stops.
    #[must_use]
    pub fn are_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Looks, and looks again each time the bell rings, until there is something or `longest` has passed.
    ///
    /// # Errors
    /// Those of `look`.
    pub async fn wait<T, E>(
        &self,
        bell: Bell,
        longest: Duration,
        mut look: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        if longest.is_zero() {
            return look();
        }
        let deadline = Instant::now() + longest;
        let listener = self.listen(bell);
        loop {
            // Listening begins before the look, so that nothing that comes between the two is missed.
            let rung = listener.notify.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let found = look()?;
            if found.is_some() || self.are_closed() || timeout_at(deadline, rung).await.is_err() {
                return Ok(found);
            }
        }
    }

    fn listen(&self, bell: Bell) -> Listener<'_> {
        let mut listened = self.listened.lock().unwrap_or_else(PoisonError::into_inner);
        let notify = Arc::clone(listened.entry(bell.clone()).or_default());
        Listener { bells: self, bell, notify }
    }
}

/// Somebody who waits. The last one to go takes the bell away.
struct Listener<'a> {
    bells: &'a Bells,
    bell: Bell,
    notify: Arc<Notify>,
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut listened = self.bells.listened.lock().unwrap_or_else(PoisonError::into_inner);
        // One is the map's, one is this one's.
        if Arc::strong_count(&self.notify) == 2 {
            listened.remove(&self.bell);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn wait_for(bells: Arc<Bells>, bell: Bell, value: Arc<AtomicU32>) -> Option<u32> {
        let look = || Ok::<_, ()>(Some(value.load(Ordering::SeqCst)).filter(|value| *value > 0));
        bells.wait(bell, LONG, look).await.unwrap()
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_its_own_bell_and_by_the_end() {
        let bells = Arc::new(Bells::default());
        let value = Arc::new(AtomicU32::new(0));
        let waiting = [1, 1, 2]
            .map(|token| tokio::spawn(wait_for(Arc::clone(&bells), Bell::Token(TokenId(token)), Arc::clone(&value))));
        while bells.listened.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        value.store(7, Ordering::SeqCst);
        bells.ring(&Bell::Token(TokenId(1)));
        let [first, second, third] = waiting;
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (Some(7), Some(7)));
        assert!(!third.is_finished());
        value.store(0, Ordering::SeqCst);
        bells.close();
        assert_eq!(third.await.unwrap(), None);
        assert!(bells.listened.lock().unwrap().is_empty());
    }
}
