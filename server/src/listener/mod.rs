//! Where requests come in: TCP, TLS over it, and HTTP/1.1 over that, until the server is told to stop.
//!
//! HTTP itself is hyper's. Here is what hyper leaves to its callers: to accept connections, to give up on those that say
//! nothing or listen to nothing, to end in good order, and to hold little for those who wait ([`Parking`]).

mod conversation;
mod parking;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use conversation::converse;
pub(crate) use parking::Parking;

/// A TLS handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long nothing is accepted after the system could not give a connection.
const PAUSE: Duration = Duration::from_secs(1);

/// What callers are shown: a certificate and its key, which may change while the server runs.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Whoever calls from now on is shown this.
    pub(crate) fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

/// By which the server is told to stop.
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// For those who are to stop.
    pub(crate) fn hearer(&self) -> Hearer {
        Hearer(self.0.subscribe())
    }

    /// Tells everybody, and waits until they have ended, but no longer than this.
    pub(crate) async fn tell(&self, longest: Duration) {
        self.0.send_replace(true);
        if timeout(longest, self.0.closed()).await.is_err() {
            tracing::warn!("requests that were under way are cut off");
        }
    }
}

/// Somebody who is to stop when told. [`Stop::tell`] waits until it is gone.
#[derive(Clone)]
pub(crate) struct Hearer(watch::Receiver<bool>);

impl Hearer {
    async fn told(&mut self) {
        // Nobody is left to tell it only when the server is gone.
        drop(self.0.wait_for(|told| *told).await);
    }
}

/// Answers whoever calls at `listener` by `router`, over TLS if there is one, until told to stop.
pub(crate) async fn serve(listener: TcpListener, tls: Option<Tls>, router: Router, mut hearer: Hearer) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = hearer.told() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(greet(stream, peer, tls.clone(), router.clone(), hearer.clone()));
            }
            // Whoever called is gone already; all others are what the system has no room for.
            Err(error) if is_the_callers(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_the_callers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn greet(stream: TcpStream, peer: SocketAddr, tls: Option<Tls>, router: Router, hearer: Hearer) {
    // An answer does not wait for more to come.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(tls) = tls else { return converse(stream, peer, router, hearer).await };
    // Boxed, since the handshake takes room that the conversation does not need.
    let handshake = Box::pin(timeout(HANDSHAKE, tls.acceptor().accept(stream))).await;
    if let Ok(Ok(stream)) = handshake {
        converse(stream, peer, router, hearer).await;
    }
}
