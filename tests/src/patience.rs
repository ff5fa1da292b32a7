//! Waiting for what takes its time, and not for ever: a test that waits in vain fails, and says for what.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Nothing is waited for longer, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something, and answers it.
///
/// # Panics
/// When there is nothing for too long.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        sleep(Duration::from_millis(100)).await;
    }
}
