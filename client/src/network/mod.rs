//! One server, over HTTPS: what is posted, what comes back, and whom the phone trusts.
//!
//! [`Https`] is the real one; a test may put its own [`Network`] in its place. Redirects are not followed, answers are
//! bounded, and nothing waits for longer than its timeout.

use std::time::Duration;

use symbolon_core::activation::ServerAddress;
use symbolon_core::signed::KeyHash;

use crate::platform::BoxFuture;

mod exchange;
mod https;
mod tls;

pub(crate) use exchange::{Patience, exchange};
pub use https::Https;
pub use tls::spki_hash;

/// No answer of a server is longer than this, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024;

/// By what the phone knows that it speaks with its server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// A certificate that the public authorities vouch for.
    PublicAuthorities,
    /// A certificate of the server's own authority, known by the SHA-256 of the DER of its SubjectPublicKeyInfo.
    Authority(KeyHash),
    /// TLS proves nothing: for a typed ticket's activation only, where OPAQUE authenticates the server by the code, and
    /// the sealed answer brings the pins for all that follows.
    Activation,
}

/// A message for a server.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Where it goes.
    pub server: &'a ServerAddress,
    /// How the server shows that it is the one.
    pub trust: &'a Trust,
    /// The path; it starts with a slash.
    pub path: &'a str,
    /// JSON.
    pub body: &'a [u8],
    /// After this time it is given up.
    pub timeout: Duration,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The seconds that `Retry-After` asks to wait.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Nobody answered, or not in time.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody answered, but did not show to be the server.
    #[error("{0}")]
    Untrusted(String),
}

/// Carries messages to servers.
pub trait Network: Send + Sync {
    /// Posts one message and waits for its answer.
    fn post<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Answer, NetworkError>>;
}
