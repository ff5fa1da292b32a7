//! A simulated phone: the protocol's own code, HTTPS, and software in the place of its hardware.
//!
//! Its clock is eight time steps behind, so that the codes of half an hour need no waiting: the server follows the drift.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use serde_json::json;
use symbolon_core::access::{AccessReply, AccessRequest, Assertion, RequestsReply};
use symbolon_core::activation::Ticket as Parsed;
use symbolon_core::activation::online::phone::{Finishing, Proven, Registered, Started, confirm, confirmation};
use symbolon_core::activation::online::{ConfirmRequest, DeviceDescription, OnlineError};
use symbolon_core::approval::{Answer, Decision, Opened, Request, request_hash};
use symbolon_core::contact::{ContactRequest, Question};
use symbolon_core::encoding::Bytes;
use symbolon_core::integrity::Signals;
use symbolon_core::keys::FactorKey;
use symbolon_core::otp::{Code, Digits, OtpKey, Period, TimeStep, respond_typed};
use symbolon_core::push::{PushAddress, PushRequest, PushUpdate};
use symbolon_core::secret::Secret;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{KeyHash, PublicKey, SigningKey, verify};

use crate::{Reply, Server, Ticket, Wire};

/// How many time steps the phone's clock is behind when it activates.
const BEHIND: i64 = 8;

/// A phone that was given a ticket.
pub struct Phone {
    wire: Wire,
    ticket: Parsed,
    device_key: SigningKey,
    description: DeviceDescription,
    push: Option<PushAddress>,
}

/// The time step of now.
#[must_use]
pub fn now_step() -> i64 {
    TimeStep::at(Timestamp::now(), Period::STANDARD).number()
}

/// Waits until a time step is over.
pub async fn after(step: i64) {
    while now_step() <= step {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

impl Phone {
    /// A phone that has scanned the ticket and reaches the server directly.
    #[must_use]
    pub fn new(server: &Server, ticket: &Ticket) -> Self {
        Self::over(server.wire(), ticket.link.parse().unwrap())
    }

    /// A phone that was shown a link or a QR.
    #[must_use]
    pub fn shown(server: &Server, link: &str) -> Self {
        Self::over(server.wire(), link.parse().unwrap())
    }

    /// A phone whose owner has typed the ticket, which pins nothing, and that reaches whoever is at `url`.
    #[must_use]
    pub fn typed(url: &str, serial: &str, code: &str) -> Self {
        Self::over(Wire::trusting_anybody(url), Parsed::from_typed(url, serial, code).unwrap())
    }

    fn over(wire: Wire, ticket: Parsed) -> Self {
        let description = DeviceDescription {
            platform: "android".parse().unwrap(),
            model: "Simulated 1".parse().unwrap(),
            app: "symbolon-tests 1".parse().unwrap(),
            key_protection: "software".parse().unwrap(),
            signals: serde_json::from_value(json!([])).unwrap(),
        };
        Self { wire, ticket, device_key: SigningKey::generate(&mut OsRng), description, push: None }
    }

    /// Forgets its connection: the server was started again.
    pub fn reconnect(&mut self, server: &Server) {
        self.wire = server.wire();
    }

    /// Reports signs of tampering.
    #[must_use]
    pub fn reporting(mut self, signals: &[&str]) -> Self {
        self.description.signals = serde_json::from_value(json!(signals)).unwrap();
        self
    }

    /// Says what it is.
    #[must_use]
    pub fn of_model(mut self, model: &str) -> Self {
        self.description.model = model.parse().unwrap();
        self
    }

    /// Tells where it is woken.
    #[must_use]
    pub fn woken_at(mut self, address: PushAddress) -> Self {
        self.push = Some(address);
        self
    }

    /// Takes another activation code, as whoever guesses does.
    #[must_use]
    pub fn guessing(mut self, code: &str) -> Self {
        self.ticket.password = code.parse().unwrap();
        self
    }

    /// Posts a message of the activation.
    pub async fn send(&self, step: &str, message: &impl Serialize) -> Reply {
        self.wire.post(&format!("/v1/device/activation/{step}"), message).await
    }

    /// Message 1, made.
    #[must_use]
    pub fn begin(&self) -> Started {
        Started::new(&mut OsRng, &self.ticket).unwrap()
    }

    /// Messages 1 and 2.
    ///
    /// # Errors
    /// When the server does not prove that it knows the password.
    pub async fn try_prove(&self) -> Result<Proven, OnlineError> {
        let started = self.begin();
        let reply = self.send("start", started.request()).await;
        started.prove(&mut OsRng, &reply.read())
    }

    /// Messages 1 and 2.
    pub async fn prove(&self) -> Proven {
        self.try_prove().await.unwrap()
    }

    /// Message 3, made.
    #[must_use]
    pub fn answer(&self, proven: Proven) -> Finishing {
        let signature = self.device_key.sign(proven.binding().unwrap().as_bytes());
        let proven = proven.woken_at(self.push.clone());
        proven.finish(self.device_key.public_key(), &signature, None, self.description.clone()).unwrap()
    }

    /// Message 3, made with what `hardware` states of the device's key.
    #[must_use]
    pub fn answer_stating(&self, proven: Proven, hardware: &dyn Fn([u8; 32], &PublicKey) -> Vec<u8>) -> Finishing {
        let signature = self.device_key.sign(proven.binding().unwrap().as_bytes());
        let key = self.device_key.public_key();
        let statement = Bytes::new(hardware(proven.attestation_challenge(), &key)).unwrap();
        proven.finish(key, &signature, Some(statement), self.description.clone()).unwrap()
    }

    /// The whole activation, with what `hardware` states of the device's key.
    pub async fn activate_stating(self, hardware: &dyn Fn([u8; 32], &PublicKey) -> Vec<u8>) -> Token {
        let finishing = self.answer_stating(self.prove().await, hardware);
        let reply = self.send("finish", finishing.request()).await;
        let registered = finishing.open(&reply.read()).unwrap();
        let (token, request) = self.store(&registered);
        let reply = self.send("confirm", &request).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        token
    }

    /// Messages 1 to 4: the phone has its keys, and the server waits for the confirmation.
    pub async fn register(&self) -> Registered {
        let finishing = self.answer(self.prove().await);
        let reply = self.send("finish", finishing.request()).await;
        finishing.open(&reply.read()).unwrap()
    }

    /// Message 5, made with a code.
    #[must_use]
    pub fn confirmation(&self, registered: &Registered, code: &Code) -> ConfirmRequest {
        let (identity, session) = (registered.identity.clone(), registered.session.clone());
        let input = confirmation(identity, self.ticket.serial, session.clone(), code).unwrap();
        let signature = self.device_key.sign(input.as_bytes());
        confirm(session, input, &signature)
    }

    /// The token that the phone stores, and message 5 with its first code.
    #[must_use]
    pub fn store(&self, registered: &Registered) -> (Token, ConfirmRequest) {
        let registration = &registered.registration;
        let token = Token {
            serial: registration.serial.to_string(),
            key: OtpKey::prepare(registration.hash, registered.keys.code.expose()),
            secret: registered.keys.code.expose().to_vec(),
            digits: registration.digits,
            next: AtomicI64::new(now_step() - BEHIND),
            device_key: Secret::from_slice(self.device_key.to_secret().expose()).unwrap(),
            identity: registered.identity.clone(),
            identity_key: registered.identity_key.clone(),
            challenge_response: registered.keys.challenge_response.duplicate(),
            pin_factor: registered.keys.factor_pin.secret().duplicate(),
            factor_later: registered.keys.factor_later.duplicate(),
            wire: self.wire.clone(),
        };
        let request = self.confirmation(registered, &token.code().parse().unwrap());
        (token, request)
    }

    /// The whole activation.
    pub async fn activate(self) -> Token {
        let registered = self.register().await;
        let (token, request) = self.store(&registered);
        let reply = self.send("confirm", &request).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        token
    }
}

/// An active token on a simulated phone, opened.
pub struct Token {
    /// Its serial number.
    pub serial: String,
    /// The key of its codes, as bytes that must not be found anywhere.
    pub secret: Vec<u8>,
    key: OtpKey,
    digits: Digits,
    next: AtomicI64,
    device_key: Secret<32>,
    identity: KeyHash,
    identity_key: PublicKey,
    challenge_response: Secret<32>,
    pin_factor: Secret<32>,
    factor_later: Secret<32>,
    wire: Wire,
}

impl Token {
    /// The next code: each time one of a later time step. There are some seventeen without waiting.
    #[must_use]
    pub fn code(&self) -> String {
        let step = self.next.fetch_add(1, Ordering::Relaxed);
        self.key.totp(TimeStep::from_number(step), self.digits).to_string()
    }

    /// A code that is so many time steps away from the server's clock.
    #[must_use]
    pub fn code_at(&self, steps: i64) -> String {
        self.key.totp(TimeStep::from_number(now_step() + steps), self.digits).to_string()
    }

    /// A code that is none of the token's, in any window.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let now = now_step();
        let right: Vec<String> = (now - 2000..now + 2000)
            .map(|step| self.key.totp(TimeStep::from_number(step), self.digits).to_string())
            .collect();
        let width = usize::from(self.digits.get());
        // Not a number that stands in a log or a time by chance.
        (579_135..).map(|number| format!("{number:0<width$}")).find(|code| !right.contains(code)).unwrap()
    }

    /// A question for time and policy, signed by the device key.
    #[must_use]
    pub fn question(&self) -> ContactRequest {
        let serial: SerialNumber = self.serial.parse().unwrap();
        let key = SigningKey::from_secret(&self.device_key).unwrap();
        let question = Question { aud: self.identity.clone(), serial, nonce: [7; 16].into(), keys: None };
        ContactRequest { serial, question: key.sign_object(&question).unwrap() }
    }

    /// Tells the server where it is woken from now on, or that it is not.
    pub async fn tell_push_address(&self, address: Option<PushAddress>) -> Reply {
        let serial: SerialNumber = self.serial.parse().unwrap();
        let update = PushUpdate { aud: self.identity.clone(), serial, address, time: Timestamp::now() };
        let update = self.device_key().sign_object(&update).unwrap();
        self.wire.anew().post("/v1/device/push-address", &PushRequest { serial, update }).await
    }

    /// The response to digits that a page shows, by the phone's own clock.
    #[must_use]
    pub fn respond(&self, challenge: &str) -> String {
        let step = TimeStep::from_number(self.next.load(Ordering::Relaxed));
        respond_typed(&self.challenge_response, &challenge.parse().unwrap(), step).to_string()
    }

    /// The key of its device.
    #[must_use]
    pub fn device_key(&self) -> SigningKey {
        SigningKey::from_secret(&self.device_key).unwrap()
    }

    /// The key that proves that its PIN was typed.
    #[must_use]
    pub fn pin_factor(&self) -> FactorKey {
        FactorKey::from_secret(self.pin_factor.duplicate())
    }

    /// The parent of what seals factor keys that are made later: whoever has the vault open has it.
    #[must_use]
    pub fn factor_later(&self) -> &Secret<32> {
        &self.factor_later
    }

    /// The server's identity key.
    #[must_use]
    pub fn identity_key(&self) -> &PublicKey {
        &self.identity_key
    }

    /// A connection to its server.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire.anew()
    }

    /// The hash of the server's identity key, as its ticket named it.
    #[must_use]
    pub fn identity(&self) -> &KeyHash {
        &self.identity
    }

    /// An assertion for an access token.
    #[must_use]
    pub fn assertion(&self, jti: [u8; 16]) -> AccessRequest {
        let serial: SerialNumber = self.serial.parse().unwrap();
        let now = Timestamp::now().as_second();
        let assertion = Assertion {
            iss: serial,
            sub: serial,
            aud: self.identity.clone(),
            jti: jti.into(),
            iat: now,
            exp: now + 60,
        };
        AccessRequest { serial, assertion: self.device_key().sign_object(&assertion).unwrap() }
    }

    /// An access token.
    pub async fn access(&self) -> String {
        let mut jti = [0; 16];
        OsRng.fill_bytes(&mut jti);
        let reply: AccessReply = self.wire.anew().post("/v1/device/access", &self.assertion(jti)).await.read();
        reply.access_token
    }

    /// What the server asks, newest first; waits for it for at most so many seconds.
    pub async fn requests(&self, wait: u8) -> Vec<Asked> {
        let question = json!({"access_token": self.access().await, "wait": wait});
        let reply: RequestsReply = self.wire.anew().post("/v1/device/requests", &question).await.read();
        let read = |jws: String| Asked { request: verify(&jws, &self.identity_key).unwrap(), jws };
        reply.requests.into_iter().map(read).collect()
    }

    /// An answer as the phone makes one whose owner typed the PIN.
    #[must_use]
    pub fn answer(&self, asked: &Asked, decision: Decision, value: Option<&str>) -> Answer {
        self.unproven(asked, decision, value, Opened::Pin)
            .proven_by(&self.pin_factor(), &self.device_key().public_key())
    }

    /// An answer that says how the vault was opened and does not prove it.
    #[must_use]
    pub fn unproven(&self, asked: &Asked, decision: Decision, value: Option<&str>, opened: Opened) -> Answer {
        Answer {
            aud: self.identity.clone(),
            serial: self.serial.parse().unwrap(),
            request: request_hash(&asked.jws),
            decision,
            mutual_challenge: value.map(|value| value.parse().unwrap()),
            time: Timestamp::now(),
            opened,
            signals: Signals::default(),
            factor: None,
        }
    }

    /// Signs an answer and sends it.
    pub async fn send_answer(&self, answer: &Answer) -> Reply {
        self.send_signed(&self.device_key().sign_object(answer).unwrap()).await
    }

    /// Sends an answer that is signed already.
    pub async fn send_signed(&self, answer: &str) -> Reply {
        let message = json!({"serial": self.serial, "answer": answer});
        self.wire.anew().post("/v1/device/answer", &message).await
    }

    /// Sends an answer that is signed already, with what App Attest asserts of it.
    pub async fn send_asserted(&self, answer: &str, assertion: &[u8]) -> Reply {
        let assertion: Bytes<1, 1024> = Bytes::new(assertion).unwrap();
        let message = json!({"serial": self.serial, "answer": answer, "assertion": assertion});
        self.wire.anew().post("/v1/device/answer", &message).await
    }

    /// The server was started again.
    pub fn reconnect(&mut self, server: &Server) {
        self.wire = server.wire();
    }
}

/// Something that the server asks.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As it was signed.
    pub jws: String,
    /// What it says.
    pub request: Request,
}
