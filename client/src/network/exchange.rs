//! A question in JSON and its answer, and what a server's refusals mean.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use symbolon_core::activation::ServerAddress;

use super::{Answer, Message, Network, NetworkError, Trust};
use crate::Error;

/// How long to try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// After this time one message is given up.
    pub(crate) timeout: Duration,
    /// How long to wait before each further try; each sends the same bytes.
    pub(crate) pauses: &'static [Duration],
}

impl Patience {
    /// For an activation, which a person waits for.
    pub(crate) const ACTIVATION: Self =
        Self { timeout: Duration::from_secs(15), pauses: &[Duration::from_millis(300), Duration::from_millis(1500)] };

    /// For what must not be sent twice.
    pub(crate) const ONCE: Self = Self { pauses: &[], ..Self::ACTIVATION };

    /// For a contact that a person did not ask for.
    pub(crate) const IN_PASSING: Self = Self { timeout: Duration::from_secs(3), pauses: &[] };
}

impl Patience {
    /// With more time for an answer that the server is to hold back.
    pub(crate) fn with(self, wait: Duration) -> Self {
        Self { timeout: self.timeout + wait, ..self }
    }
}

/// A server that asks for no more than this is waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks a server. A question may be asked again when its answer was lost, always with the same bytes.
pub(crate) async fn exchange<Q: Serialize, A: DeserializeOwned>(
    network: &dyn Network,
    server: &ServerAddress,
    trust: &Trust,
    path: &str,
    question: &Q,
    patience: Patience,
) -> Result<A, Error> {
    let body = serde_json::to_vec(question).map_err(|_| Error::Protocol("a message has no JSON form"))?;
    let message = Message { server, trust, path, body: &body, timeout: patience.timeout };
    let mut pauses = patience.pauses.iter();
    loop {
        let result = network.post(message).await.map_err(|error| lost(server, error)).and_then(|it| read(server, &it));
        let pause = match (&result, pauses.next()) {
            (Err(Error::Unreachable { .. }), Some(pause)) => *pause,
            (Err(Error::TooManyRequests { retry_after }), Some(pause)) => {
                let asked = Duration::from_secs(retry_after.unwrap_or_default());
                if asked > LONGEST_PAUSE {
                    return result;
                }
                asked.max(*pause)
            }
            _ => return result,
        };
        tracing::debug!(server = server.host(), path, ?pause, "trying again");
        tokio::time::sleep(pause).await;
    }
}

fn lost(server: &ServerAddress, error: NetworkError) -> Error {
    match error {
        NetworkError::Unreachable(reason) => Error::Unreachable { server: server.host(), reason },
        NetworkError::Untrusted(reason) => Error::Untrusted { server: server.host(), reason },
    }
}

/// RFC 9457.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
}

fn read<A: DeserializeOwned>(server: &ServerAddress, answer: &Answer) -> Result<A, Error> {
    let unreachable = |reason: &str| Error::Unreachable { server: server.host(), reason: reason.into() };
    let problem = || serde_json::from_slice::<Problem>(&answer.body).ok().filter(|problem| !problem.kind.is_empty());
    match answer.status {
        200..=299 => serde_json::from_slice(&answer.body).map_err(|_| Error::NotAServer(server.host())),
        429 => Err(Error::TooManyRequests { retry_after: answer.retry_after }),
        502..=504 => Err(unreachable("it can't be reached behind its proxy, or is starting")),
        500..=599 => Err(unreachable("it has a problem of its own")),
        400..=499 => match problem() {
            Some(problem) if problem.kind.ends_with("/activation-refused") => Err(Error::ActivationRefused),
            Some(problem) if problem.kind.ends_with("/server-key-changed") => Err(Error::ServerKeyChanged),
            Some(problem) if problem.kind.ends_with("/move-waits") => Err(Error::MoveWaits(None)),
            Some(problem) => Err(Error::Refused(said(&problem))),
            None => Err(Error::NotAServer(server.host())),
        },
        _ => Err(Error::NotAServer(server.host())),
    }
}

/// The server's own words, cut to what fits on a line and without control characters.
fn said(problem: &Problem) -> String {
    let words = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    words.chars().map(|character| if character.is_control() { ' ' } else { character }).take(300).collect()
}
