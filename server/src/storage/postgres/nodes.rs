//! Other nodes on the same database: what one tells, the others hear, by `NOTIFY` and `LISTEN`.
//!
//! Nothing hangs on it. A node that has lost its connection, or whose database does not notify, is told every two seconds
//! that anything may have changed; and one that is heard again tells everybody so, since what it said meanwhile was lost.
//! A beat that a node sends itself shows whether notifications come through at all.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use rand_core::{OsRng, RngCore};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use super::address::{Address, error_of};
use crate::storage::{Heard, News, StorageError};

/// How often a node looks by itself while it hears nothing.
const LOOK: Duration = Duration::from_secs(2);

/// How often it tries to hear again.
const RETRY: Duration = Duration::from_secs(4);

/// How often it listens for its own voice.
const BEAT: Duration = Duration::from_secs(10);

/// No statement on this connection takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// So much is told with one statement.
const TOLD: usize = 256;

/// That anything may have changed. What else is told is JSON, and never this.
const EVERYTHING: &str = "*";

/// Joins the nodes on a database. What is sent into the channel, the others hear; it ends with the channel.
pub(super) fn join(address: Arc<Address>, heard: Heard) -> mpsc::UnboundedSender<String> {
    let (sender, told) = mpsc::unbounded_channel();
    tokio::spawn(run(address, told, heard));
    sender
}

async fn run(address: Arc<Address>, mut told: mpsc::UnboundedReceiver<String>, heard: Heard) {
    let mut hears = true;
    loop {
        let Err(error) = converse(&address, &mut told, &*heard, &mut hears).await else { return };
        if hears {
            tracing::warn!(%error, "other nodes are not heard; this one looks for changes by itself");
            hears = false;
        }
        let until = Instant::now() + RETRY;
        while Instant::now() < until {
            heard(News::Everything);
            sleep(LOOK).await;
        }
    }
}

/// Listens and tells until something fails; ends well when nothing will be told any more.
async fn converse(
    address: &Address,
    told: &mut mpsc::UnboundedReceiver<String>,
    heard: &(dyn Fn(News) + Send + Sync),
    hears: &mut bool,
) -> Result<(), StorageError> {
    let (client, mut connection) = address.connect().await?;
    let (sender, mut notified) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // The end of the connection ends the channel.
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && sender.send(notification.payload().to_owned()).is_err()
            {
                return;
            }
        }
    });
    let patiently = timeout(PATIENCE, client.batch_execute("LISTEN symbolon")).await;
    patiently.map_err(|_| silent())?.map_err(error_of)?;
    let own_beat = format!("beat {}", OsRng.next_u64());
    // What was told to a closed door is made up for by telling everybody to look.
    while told.try_recv().is_ok() {}
    tell(&client, vec![EVERYTHING.to_owned()]).await?;
    heard(News::Everything);
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = 0;
    loop {
        tokio::select! {
            news = notified.recv() => match news.ok_or_else(silent)? {
                news if news == own_beat => {
                    unanswered = 0;
                    if !std::mem::replace(hears, true) {
                        tracing::info!("other nodes are heard again");
                    }
                }
                news if news == EVERYTHING => heard(News::Everything),
                news if news.starts_with("beat ") => {}
                news => heard(News::Of(news)),
            },
            news = told.recv() => {
                let Some(news) = news else { return Ok(()) };
                let mut all = vec![news];
                while all.len() < TOLD && let Ok(news) = told.try_recv() {
                    all.push(news);
                }
                tell(&client, all).await?;
            }
            _ = beat.tick() => {
                if unanswered > 1 {
                    return Err(StorageError::Unreachable("notifications do not come back".into()));
                }
                unanswered += 1;
                tell(&client, vec![own_beat.clone()]).await?;
            }
        }
    }
}

async fn tell(client: &Client, news: Vec<String>) -> Result<(), StorageError> {
    const TELL: &str = "SELECT pg_notify('symbolon', news) FROM unnest($1::TEXT[]) AS news";
    timeout(PATIENCE, client.query(TELL, &[&news])).await.map_err(|_| silent())?.map(drop).map_err(error_of)
}

fn silent() -> StorageError {
    StorageError::Unreachable("the connection has ended".into())
}
