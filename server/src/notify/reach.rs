//! Whether those to whom mail and wake-ups go can be reached, and let this server in: for `doctor`.

use jiff::Timestamp;

use super::mail::Post;
use super::outbound::Outbound;
use super::push::Push;
use crate::config::Config;

/// Somebody who is configured.
pub(crate) struct Reached {
    /// The section of the configuration.
    pub(crate) who: &'static str,
    /// What is wrong.
    pub(crate) outcome: Result<(), String>,
}

/// Asks everybody who is configured, and sends nothing to anybody.
pub(crate) async fn reach(config: &Config) -> Vec<Reached> {
    let mut reached = Vec::new();
    if let Some(mail) = &config.mail {
        let outcome = match Post::new(mail) {
            Ok(post) => post.reach().await,
            Err(error) => Err(format!("{error:#}")),
        };
        reached.push(Reached { who: "mail", outcome });
    }
    match (Outbound::new(&config.outbound), Push::new(&config.push)) {
        (Err(error), _) => reached.push(Reached { who: "outbound", outcome: Err(format!("{error:#}")) }),
        (_, Err(error)) => reached.push(Reached { who: "push", outcome: Err(format!("{error:#}")) }),
        (Ok(outbound), Ok(push)) => reached.extend(push.reach(&outbound, Timestamp::now()).await),
    }
    reached
}
