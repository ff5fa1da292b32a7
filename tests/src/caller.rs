//! An application that calls the server with its API key.

use serde_json::{Value, json};

use crate::{Reply, Wire};

/// A client with an API key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The connection.
    pub wire: Wire,
    /// The key.
    pub key: String,
}

impl Caller {
    /// A client with this key.
    #[must_use]
    pub fn new(wire: Wire, key: String) -> Self {
        Self { wire, key }
    }

    /// The same application, with a connection of its own.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { wire: self.wire.anew(), key: self.key.clone() }
    }

    /// A request with the key.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.wire.request(method, path).bearer_auth(&self.key)
    }

    /// Sends JSON with the key.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        Wire::send(self.request(method, path).json(body)).await
    }

    /// Gets a path with the key.
    pub async fn get(&self, path: &str) -> Reply {
        Wire::send(self.request("GET", path)).await
    }

    /// Posts bytes that may be no JSON to `/v1/verify`.
    pub async fn verify_bytes(&self, body: impl Into<Vec<u8>>) -> Reply {
        let request = self.request("POST", "/v1/verify").header("content-type", "application/json");
        Wire::send(request.body(body.into())).await
    }

    /// Asks whether `code` is one of `user`, and takes whatever comes.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_verify(&self, user: &str, code: &str) -> reqwest::Result<Reply> {
        Wire::try_send(self.request("POST", "/v1/verify").json(&json!({"user": user, "code": code}))).await
    }

    /// Asks whether `code` is one of `user`; the answer must be one.
    pub async fn verify(&self, user: &str, code: &str) -> Value {
        self.try_verify(user, code).await.unwrap().read()
    }

    /// Asks a user's tokens; what was asked must be taken.
    pub async fn challenge(&self, body: &Value) -> Value {
        let reply = self.call("POST", "/v1/challenges", body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    }

    /// A challenge, as it is; waits for its end for at most so many seconds.
    pub async fn look(&self, challenge: &Value, wait: u8) -> Value {
        let id = challenge["id"].as_str().unwrap();
        self.get(&format!("/v1/challenges/{id}?wait={wait}")).await.read()
    }

    /// Gives a code for the answer to a challenge.
    pub async fn answer(&self, challenge: &Value, code: &str) -> Reply {
        let id = challenge["id"].as_str().unwrap();
        self.call("POST", &format!("/v1/challenges/{id}/answer"), &json!({"code": code})).await
    }

    /// Asks whether `code` is one of a token's.
    pub async fn verify_token(&self, serial: &str, code: &str) -> Value {
        self.call("POST", "/v1/verify", &json!({"token": serial, "code": code})).await.read()
    }
}

/// Whether the answer to a verification is yes. Anything but yes and no fails the test.
#[track_caller]
#[must_use]
pub fn accepted(verdict: &Value) -> bool {
    match verdict["result"].as_str() {
        Some("accepted") => true,
        Some("refused") => false,
        _ => panic!("neither accepted nor refused: {verdict}"),
    }
}

/// The reason of a refusal.
#[track_caller]
#[must_use]
pub fn reason(verdict: &Value) -> &str {
    assert!(!accepted(verdict), "accepted: {verdict}");
    verdict["reason"].as_str().unwrap()
}
