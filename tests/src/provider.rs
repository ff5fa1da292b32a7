//! A real OpenID provider, oidc-provider, which signs anybody in under any name; and one that lies as a test wants.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::receiver::{certificate, write_authority};
use crate::{Arrived, Installation, Prepared, Receiver};

/// By which the provider knows the server. What it is made of is nothing that a header could carry as it is.
const SECRET: &str = "the client's secret: 100% / +&";

fn modules() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/node_modules"))
}

/// Lets the servers of an installation sign people in by the provider at `url`.
fn signing_in_by(installation: Installation, url: &str, user_claim: &str) -> Installation {
    let (authority, secret) = (installation.beside("provider.pem"), installation.beside("client-secret"));
    write_authority(&authority);
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    installation
        .configured("OUTBOUND__AUTHORITIES", authority.to_str().unwrap())
        .configured("OPENID__ISSUER", url)
        .configured("OPENID__NAME", "Example ID")
        .configured("OPENID__CLIENT_ID", "symbolon")
        .configured("OPENID__CLIENT_SECRET__FILE", secret.to_str().unwrap())
        .configured("OPENID__USER_CLAIM", user_claim)
}

/// A provider that runs. Dropping it kills it.
pub struct OpenIdProvider {
    _folder: TempDir,
    process: Child,
    answers: BufReader<ChildStdout>,
    url: String,
}

impl OpenIdProvider {
    /// Starts one; `None` when this machine has none.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !modules().join("oidc-provider").is_dir() {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("symbolon-provider-").tempdir().unwrap();
        let beside = |name: &str| folder.path().join(name);
        let (chain, key) = certificate();
        std::fs::write(beside("certificate.pem"), chain.pem()).unwrap();
        std::fs::write(beside("key.pem"), key.serialize_pem()).unwrap();
        let mut command = Command::new("node");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/provider.mjs")).arg(modules());
        command.arg(beside("certificate.pem")).arg(beside("key.pem")).arg(SECRET);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        answers.read_line(&mut port).unwrap();
        let url = format!("https://127.0.0.1:{}", port.trim());
        Some(Self { _folder: folder, process, answers, url })
    }

    /// Lets the servers of an installation sign people in by it.
    #[must_use]
    pub fn serve(&self, installation: Installation, user_claim: &str) -> Installation {
        signing_in_by(installation, &self.url, user_claim)
    }

    /// Knows the server at `url` from now on.
    pub fn know(&mut self, url: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{url}/me/openid/back").unwrap();
        let mut ready = String::new();
        while ready.trim() != "ready" {
            ready.clear();
            assert_ne!(self.answers.read_line(&mut ready).unwrap(), 0, "the provider has ended");
        }
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// How a lying provider signs its ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signed {
    /// By its key.
    #[default]
    Rightly,
    /// By a key that it does not publish, under the name of the one that it does.
    ByAnother,
    /// By the secret that the client has too (HS256).
    BySecret,
    /// Not at all.
    NotAtAll,
}

/// What a lying provider says.
#[derive(Debug, Clone, Default)]
pub struct Lie {
    /// Claims over the right ones; `null` takes one away.
    pub claims: Vec<(&'static str, Value)>,
    /// How the token is signed.
    pub signed: Signed,
    /// Members of the token endpoint's answer over the right ones.
    pub answer: Vec<(&'static str, Value)>,
}

struct Told {
    nonce: String,
    lie: Lie,
    used: HashSet<String>,
}

/// A provider that lies as it is told. Like a real one it takes each code once.
pub struct LyingProvider {
    receiver: Receiver,
    told: Arc<Mutex<Told>>,
}

impl LyingProvider {
    /// Starts one that tells the truth.
    #[must_use]
    pub fn start() -> Self {
        let told = Arc::new(Mutex::new(Told { nonce: String::new(), lie: Lie::default(), used: HashSet::new() }));
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let heard = Arc::clone(&told);
        let receiver = Receiver::answering(move |arrived| answer(arrived, &heard, &key, &other));
        Self { receiver, told }
    }

    /// Lets the servers of an installation sign people in by it.
    #[must_use]
    pub fn serve(&self, installation: Installation, user_claim: &str) -> Installation {
        signing_in_by(installation, &self.receiver.url, user_claim)
    }

    /// Where it is; its name as an issuer.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.receiver.url
    }

    /// Says this to the next browser, which came with `nonce`.
    pub fn tell(&self, nonce: &str, lie: Lie) {
        let mut told = self.told.lock().unwrap();
        (told.nonce, told.lie) = (nonce.to_owned(), lie);
    }

    /// How often it was asked for this path.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.receiver.arrived().iter().filter(|arrived| arrived.path == path).count()
    }

    /// Answers the next request so.
    pub fn prepare(&self, answer: Prepared) {
        self.receiver.prepare(answer);
    }
}

fn answer(arrived: &Arrived, told: &Mutex<Told>, key: &KeyPair, other: &KeyPair) -> Prepared {
    let host = match arrived.header("host") {
        "" => arrived.authority.clone(),
        host => host.to_owned(),
    };
    let url = format!("https://{host}");
    let point = key.der_bytes();
    let coordinate = |from: usize| BASE64URL_NOPAD.encode(&point[from..from + 32]);
    let document = match arrived.path.as_str() {
        "/.well-known/openid-configuration" => json!({
            "issuer": url, "authorization_endpoint": format!("{url}/sign-in"), "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"), "userinfo_endpoint": format!("{url}/userinfo"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": true,
        }),
        "/keys" => json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1",
            "x": coordinate(1), "y": coordinate(33),
        }]}),
        "/userinfo" => json!({"sub": "4711", "preferred_username": "ben"}),
        "/token" => {
            let mut told = told.lock().unwrap();
            let body = String::from_utf8(arrived.body.clone()).unwrap();
            let given = |name: &str| {
                let mut pairs = url::form_urlencoded::parse(body.as_bytes());
                pairs.find(|(field, _)| field == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
            };
            assert!(given("code_verifier").len() >= 43 && arrived.header("authorization").starts_with("Basic "));
            if !told.used.insert(given("code")) {
                return Prepared::status(400)
                    .header("content-type", "application/json")
                    .body(json!({"error": "invalid_grant"}));
            }
            let mut answer = json!({
                "access_token": "access", "token_type": "Bearer", "expires_in": 60,
                "id_token": id_token(&url, &told, key, other),
            });
            lay_over(&mut answer, &told.lie.answer);
            answer
        }
        _ => return Prepared::status(404),
    };
    Prepared::status(200).header("content-type", "application/json").body(document)
}

fn id_token(url: &str, told: &Told, key: &KeyPair, other: &KeyPair) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut claims = json!({
        "iss": url, "aud": "symbolon", "sub": "4711", "iat": now, "exp": now + 300, "nonce": told.nonce,
        "preferred_username": "ana", "email": "ana@example.org", "email_verified": true,
    });
    lay_over(&mut claims, &told.lie.claims);
    let by = |key: &KeyPair| EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    let head = |algorithm| Header { kid: Some("1".into()), ..Header::new(algorithm) };
    let signed = |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &claims, key).unwrap();
    match told.lie.signed {
        Signed::Rightly => signed(&head(Algorithm::ES256), &by(key)),
        Signed::ByAnother => signed(&head(Algorithm::ES256), &by(other)),
        Signed::BySecret => signed(&Header::new(Algorithm::HS256), &EncodingKey::from_secret(SECRET.as_bytes())),
        Signed::NotAtAll => {
            let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
            format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims))
        }
    }
}

fn lay_over(document: &mut Value, over: &[(&'static str, Value)]) {
    let members = document.as_object_mut().unwrap();
    for (name, value) in over {
        match value {
            Value::Null => drop(members.remove(*name)),
            value => drop(members.insert((*name).to_owned(), value.clone())),
        }
    }
}
