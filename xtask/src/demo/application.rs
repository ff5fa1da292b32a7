//! The application of the demo: a program with an API key that asks the server about codes, over HTTPS.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

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
        let request = self.client.post(format!("{}/v1/verify", self.url)).json(&json!({"user": user, "code": code}));
        let body = self.answer(request, StatusCode::OK).await?;
        let verdict = serde_json::from_str(&body).with_context(|| format!("the server's answer, {body}"))?;
        Ok((body, verdict))
    }

    /// Asks a user for an approval; answers the challenge as the server describes it.
    pub(super) async fn ask(&self, challenge: &Value) -> Result<Value> {
        let request = self.client.post(format!("{}/v1/challenges", self.url)).json(challenge);
        let body = self.answer(request, StatusCode::CREATED).await?;
        serde_json::from_str(&body).with_context(|| format!("the server's answer, {body}"))
    }

    /// What became of a challenge; waits for its end for a while.
    pub(super) async fn outcome(&self, id: &str) -> Result<Value> {
        let request = self.client.get(format!("{}/v1/challenges/{id}?wait=10", self.url));
        let body = self.answer(request, StatusCode::OK).await?;
        serde_json::from_str(&body).with_context(|| format!("the server's answer, {body}"))
    }

    async fn answer(&self, request: reqwest::RequestBuilder, expected: StatusCode) -> Result<String> {
        let response = request.bearer_auth(&self.key).send().await.context("asking the server")?;
        let status = response.status();
        let body = response.text().await.context("the server's answer")?;
        ensure!(status == expected, "the server answered {status}: {body}");
        Ok(body)
    }

    /// What a person would type to ask about a code.
    pub(super) fn shown(&self, authority: &str, user: &str, code: &str) -> String {
        self.shown_post(authority, "/v1/verify", &format!("{{\"user\": \"{user}\", \"code\": \"{code}\"}}"))
    }

    /// What a person would type to send `body` to a path.
    pub(super) fn shown_post(&self, authority: &str, path: &str, body: &str) -> String {
        format!(
            "curl --cacert {authority} -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d '{body}' \
             {}{path}",
            self.key, self.url
        )
    }
}
