//! The application of the demo: a program with an API key that asks the server about codes, over HTTPS.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

/// What the server answers about a code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Verdict {
    /// `accepted` or `refused`.
    pub(super) result: String,
    /// Why it was refused.
    pub(super) reason: Option<String>,
    /// Until when there is no use in asking again.
    pub(super) retry_at: Option<String>,
    /// The serial number of the token whose code it was.
    pub(super) token: Option<String>,
}

impl Verdict {
    /// The reason, or that there is none.
    pub(super) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or("none")
    }
}

/// A client of `/v1` that trusts the server's own authority and no other.
#[derive(Debug)]
pub(super) struct Application {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Application {
    /// An application that knows where the server is, its authority's certificate in PEM, and its own key.
    pub(super) fn new(url: &str, authority: &[u8], key: String) -> Result<Self> {
        // Fails when it was installed before, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = reqwest::Certificate::from_pem_bundle(authority).context("the server's authority")?;
        ensure!(!authorities.is_empty(), "the file of the server's authority holds no certificate");
        let client = reqwest::Client::builder()
            .tls_certs_only(authorities)
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .context("making an HTTPS client")?;
        Ok(Self { client, url: url.to_owned(), key })
    }

    /// Where the server is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks whether `code` is one of `user` now. Answers what the server said, as it said it, and what it means.
    pub(super) async fn verify(&self, user: &str, code: &str) -> Result<(String, Verdict)> {
        let request = self.client.post(format!("{}/v1/verify", self.url)).bearer_auth(&self.key);
        let response = request.json(&json!({"user": user, "code": code})).send().await.context("asking the server")?;
        let status = response.status();
        let body = response.text().await.context("the server's answer")?;
        ensure!(status.as_u16() == 200, "the server answered {status}: {body}");
        let verdict = serde_json::from_str(&body).with_context(|| format!("the server's answer, {body}"))?;
        Ok((body, verdict))
    }

    /// What a person would type to ask the same.
    pub(super) fn shown(&self, authority: &str, user: &str, code: &str) -> String {
        format!(
            "curl --cacert {authority} -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
             -d '{{\"user\": \"{user}\", \"code\": \"{code}\"}}' {}/v1/verify",
            self.key, self.url
        )
    }
}
