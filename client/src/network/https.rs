//! HTTPS by reqwest and rustls.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, redirect};
use symbolon_core::activation::ServerAddress;

use super::tls::configuration;
use super::{Answer, MAX_ANSWER, Message, Network, NetworkError, Trust};
use crate::platform::BoxFuture;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTPS to any server; `http://` to loopback addresses, which are the only ones that [`ServerAddress`] lets through.
#[derive(Debug)]
pub struct Https {
    user_agent: String,
    clients: Mutex<HashMap<(Trust, bool), Client>>,
}

impl Https {
    /// Names itself to servers as `user_agent`, such as `symbolon/1.0.0`.
    #[must_use]
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self { user_agent: user_agent.into(), clients: Mutex::default() }
    }

    /// The client for a trust; made once, since it keeps connections open.
    fn client(&self, trust: &Trust, server: &ServerAddress) -> Result<Client, NetworkError> {
        let key = (trust.clone(), server.is_loopback());
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let tls = configuration(trust).map_err(|error| NetworkError::Untrusted(error.to_string()))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(&self.user_agent);
        if server.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| NetworkError::Unreachable(reason(&error)))?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    async fn send(&self, message: Message<'_>) -> Result<Answer, NetworkError> {
        let client = self.client(message.trust, message.server)?;
        let mut response = client
            .post(message.server.join(message.path))
            .header(CONTENT_TYPE, "application/json")
            .timeout(message.timeout)
            .body(message.body.to_vec())
            .send()
            .await
            .map_err(|error| refusal(&error))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| refusal(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(NetworkError::Unreachable("the answer is longer than any of a Symbolon server".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status().as_u16(), retry_after, body })
    }
}

impl Network for Https {
    fn post<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Answer, NetworkError>> {
        Box::pin(self.send(message))
    }
}

fn refusal(error: &reqwest::Error) -> NetworkError {
    match certificate_error(error) {
        Some(cause) => NetworkError::Untrusted(format!("its certificate is not to be trusted: {cause}")),
        None => NetworkError::Unreachable(reason(error)),
    }
}

fn certificate_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::CertificateError> {
    if let Some(rustls::Error::InvalidCertificate(cause)) = error.downcast_ref() {
        return Some(cause);
    }
    // An io::Error that wraps another error gives that one's source for its own, and so passes it over.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => certificate_error(inner),
        None => certificate_error(error.source()?),
    }
}

/// The innermost cause, without the URL: what a person can do something about.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".into();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}
