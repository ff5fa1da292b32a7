//! HTTPS to a server, and its answers as they come.

use std::sync::Once;
use std::time::Duration;

use reqwest::{Certificate, Client, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Wire {
    client: Client,
    authority: Option<Vec<u8>>,
    /// Where the server is.
    pub url: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The names of all headers, in order.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as what it should be.
    #[track_caller]
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks that this is a problem of a kind, with its status, as RFC 9457 has it.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.json();
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.content_type, "application/problem+json", "{}", self.text());
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        for field in ["title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {problem}");
        }
        problem
    }

    /// Checks that this is a problem that names one field.
    #[track_caller]
    pub fn invalid(&self, field: &str) -> Value {
        let problem = self.problem(400, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        problem
    }
}

fn builder() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().unwrap();
    });
    Client::builder().no_proxy().timeout(Duration::from_secs(90))
}

impl Wire {
    /// Trusts one authority (PEM) and no other.
    #[must_use]
    pub fn trusting(url: &str, authority: &[u8]) -> Self {
        let certificates = Certificate::from_pem_bundle(authority).unwrap();
        let client = builder().tls_certs_only(certificates).build().unwrap();
        Self { client, authority: Some(authority.to_vec()), url: url.to_owned() }
    }

    /// Trusts anybody, as the activation with a typed ticket must.
    #[must_use]
    pub fn trusting_anybody(url: &str) -> Self {
        let client = builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        Self { client, authority: None, url: url.to_owned() }
    }

    /// Speaks `http://`.
    #[must_use]
    pub fn plain(url: &str) -> Self {
        Self { client: builder().build().unwrap(), authority: None, url: url.to_owned() }
    }

    /// The same with a connection of its own.
    #[must_use]
    pub fn anew(&self) -> Self {
        match &self.authority {
            Some(authority) => Self::trusting(&self.url, authority),
            None => Self::trusting_anybody(&self.url),
        }
    }

    /// A request to a path.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
        let response = request.send().await?;
        let headers = response.headers();
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Reply {
            status: response.status().as_u16(),
            content_type: content_type.to_owned(),
            headers: headers.keys().map(|name| name.as_str().to_owned()).collect(),
            body: response.bytes().await?.to_vec(),
        })
    }

    /// Sends a request that must be answered.
    pub async fn send(request: reqwest::RequestBuilder) -> Reply {
        Self::try_send(request).await.unwrap()
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Reply {
        Self::send(self.request("GET", path)).await
    }

    /// Posts a value as JSON.
    pub async fn post(&self, path: &str, value: &impl Serialize) -> Reply {
        Self::send(self.request("POST", path).json(value)).await
    }
}
