//! Simulated phones, which have the protocol's other half from symbolon-core, and how they and applications talk to the
//! server.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use symbolon_core::access::{AccessReply, AccessRequest, AnswerRequest, Assertion};
use symbolon_core::activation::Ticket;
use symbolon_core::activation::online::phone::{self, Started};
use symbolon_core::activation::online::{ConfirmReply, DeviceDescription};
use symbolon_core::approval::{Answer, Decision, Opened, Request, request_hash};
use symbolon_core::integrity::Signals;
use symbolon_core::keys::FactorKey;
use symbolon_core::otp::{OtpKey, Period, TimeStep};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{KeyHash, PublicKey, SigningKey, verify};

use crate::load::Connection;

/// The policy under which a new user's ticket comes with the user, and an approval needs no value from a page.
pub(crate) const POLICY: [&str; 4] = [
    "automatic_assignment=true",
    "email_activation_methods=online",
    "activation_lifetime=86400",
    "mutual_challenge=off",
];

/// A phone that has read its ticket.
pub(crate) struct Phone {
    started: Started,
    key: SigningKey,
}

/// A phone with an active token.
pub(crate) struct Token {
    /// Whose it is.
    pub(crate) user: String,
    serial: SerialNumber,
    key: SigningKey,
    identity: KeyHash,
    identity_key: PublicKey,
    factor: FactorKey,
}

impl Phone {
    /// Adds a user by the admin API, and gives a phone the ticket that comes with it.
    pub(crate) async fn of_new_user(connection: &mut Connection, key: &str, user: &str) -> Result<Self> {
        let added: Value = post(connection, "/v1/admin/users", Some(key), &json!({"name": user})).await?;
        let link = added.pointer("/ticket/online/link").and_then(Value::as_str).context("a ticket's link")?;
        let ticket: Ticket = link.parse().context("a ticket")?;
        Ok(Self { started: Started::new(&mut OsRng, &ticket)?, key: SigningKey::generate(&mut OsRng) })
    }

    /// Activates the token of `user`.
    pub(crate) async fn activate(self, connection: &mut Connection, user: String) -> Result<Token> {
        let send = "/v1/device/activation";
        let reply = post(connection, &format!("{send}/start"), None, self.started.request()).await?;
        let proven = self.started.prove(&mut OsRng, &reply)?;
        let signature = self.key.sign(proven.binding()?.as_bytes());
        let finishing = proven.finish(self.key.public_key(), &signature, None, description()?)?;
        let reply = post(connection, &format!("{send}/finish"), None, finishing.request()).await?;
        let registered = finishing.open(&reply)?;
        let registration = &registered.registration;
        let step = TimeStep::at(Timestamp::now(), Period::STANDARD);
        let code = OtpKey::prepare(registration.hash, registered.keys.code.expose()).totp(step, registration.digits);
        let (serial, session) = (registration.serial, registered.session);
        let confirmation = phone::confirmation(registered.identity.clone(), serial, session.clone(), &code)?;
        let signature = self.key.sign(confirmation.as_bytes());
        let confirm = phone::confirm(session, confirmation, &signature);
        let _: ConfirmReply = post(connection, &format!("{send}/confirm"), None, &confirm).await?;
        let factor = FactorKey::from_secret(registered.keys.factor_pin.secret().duplicate());
        let (identity, identity_key) = (registered.identity, registered.identity_key);
        Ok(Token { user, serial, key: self.key, identity, identity_key, factor })
    }
}

fn description() -> Result<DeviceDescription> {
    Ok(DeviceDescription {
        platform: "desktop".parse()?,
        model: "simulated".parse()?,
        app: "benchmark".parse()?,
        key_protection: "software".parse()?,
        signals: Signals::default(),
    })
}

impl Token {
    /// An access token, with which the phone asks what waits for it.
    pub(crate) async fn access(&self, connection: &mut Connection) -> Result<String> {
        let mut jti = [0; 16];
        OsRng.fill_bytes(&mut jti);
        let now = Timestamp::now().as_second();
        let (iss, aud) = (self.serial, self.identity.clone());
        let assertion = Assertion { iss, sub: iss, aud, jti: jti.into(), iat: now, exp: now + 60 };
        let request = AccessRequest { serial: self.serial, assertion: self.key.sign_object(&assertion)? };
        let reply: AccessReply = post(connection, "/v1/device/access", None, &request).await?;
        Ok(reply.access_token)
    }

    /// Checks a request as a phone does, and confirms it as one whose owner typed the PIN.
    pub(crate) fn confirm(&self, jws: &str) -> Result<AnswerRequest> {
        let request: Request = verify(jws, &self.identity_key)?;
        ensure!(request.aud == self.serial, "a request for another token");
        let answer = Answer {
            aud: self.identity.clone(),
            serial: self.serial,
            request: request_hash(jws),
            decision: Decision::Confirm,
            mutual_challenge: None,
            time: Timestamp::now(),
            opened: Opened::Pin,
            signals: Signals::default(),
            factor: None,
        };
        let answer = self.key.sign_object(&answer.proven_by(&self.factor, &self.key.public_key()))?;
        Ok(AnswerRequest { serial: self.serial, answer, assertion: None })
    }
}

/// Posts JSON, with an API key or without; answers what came back.
pub(crate) async fn post<A: DeserializeOwned>(
    connection: &mut Connection,
    path: &str,
    key: Option<&str>,
    question: &impl Serialize,
) -> Result<A> {
    let request = post_request(path, key, question)?;
    serde_json::from_slice(connection.exchange(&request).await?).context("the server's answer")
}

/// A request that posts JSON, as bytes.
pub(crate) fn post_request(path: &str, key: Option<&str>, question: &impl Serialize) -> Result<Vec<u8>> {
    let body = serde_json::to_vec(question)?;
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    Ok(request)
}

/// Gets JSON with an API key.
pub(crate) async fn get(connection: &mut Connection, path: &str, key: &str) -> Result<Value> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n");
    serde_json::from_slice(connection.exchange(request.as_bytes()).await?).context("the server's answer")
}
