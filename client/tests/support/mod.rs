//! A server in this process, made of core's half of the protocol, and the parts of a soft token for tests.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand_core::OsRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use symbolon_client::environment::{Clock, Environment, SystemEntropy};
use symbolon_client::files::SimulatedDisk;
use symbolon_client::network::{Answer, Message, Network, NetworkError, Trust};
use symbolon_client::platform::software::{FileKeyStore, SoftwareKeys};
use symbolon_client::platform::{
    Biometric, BoxFuture, DeviceInfo, DeviceKey, HardwareKeys, IntegrityProbe, KeyAccess, KeysError,
    LocalAuthentication, Platform, Wake,
};
use symbolon_client::{Activation, Error, SoftToken, Store, activation::Proposed};
use symbolon_core::activation::online::server::{Opening, Record, ServerKeys, Setup, answer, confirmed_code, finish};
use symbolon_core::activation::online::{ConfirmReply, FinishReply, Registration};
use symbolon_core::activation::{ActivationPassword, Ticket};
use symbolon_core::approval::Opened;
use symbolon_core::biometrics::{BiometricsReply, BiometricsRequest, BiometricsUpdate, open_factor_key};
use symbolon_core::contact::{Answer as ContactAnswer, ContactReply, ContactRequest, Question};
use symbolon_core::integrity::{Signal, Signals};
use symbolon_core::keys::{FactorKey, Label, SealingKey};
use symbolon_core::moving::Proven;
use symbolon_core::otp::{Code, Digits, Hash, OtpKey, Period, TimeStep};
use symbolon_core::policy::PinLength;
use symbolon_core::policy::{PhonePolicy, Policy, PolicyVersion};
use symbolon_core::push::{PushAddress, PushReply, PushRequest, PushUpdate};
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{KeyHash, PublicKey, Signature, SigningKey, verify};
use symbolon_core::succession::{AnnouncedKeys, KeysVersion};
use symbolon_core::vault::{ChosenPin, Cost, Pin, UnlockChallenge, UnlockCode, UnlockSecret};

/// A clock that stands still until it is moved.
pub(crate) struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub(crate) fn advance(&self, duration: SignedDuration) {
        *self.0.lock().unwrap() += duration;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// What the network does with the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives, and so does its answer.
    Delivered,
    /// It does not arrive.
    Lost,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// It arrives, and its answer after five seconds.
    Late,
    /// It does not arrive, and a proxy answers in the server's place, in the form of its refusals.
    Elsewhere,
    /// It arrives, and the phone that the token moves from has not agreed yet.
    Waits,
}

/// A server with one token.
pub(crate) struct TestServer {
    setup: Setup,
    handshake: SealingKey,
    identity: SigningKey,
    decoy: Vec<u8>,
    clock: Arc<TestClock>,
    pub(crate) state: Mutex<ServerState>,
}

pub(crate) struct ServerState {
    pub(crate) serial: SerialNumber,
    password: ActivationPassword,
    record: Vec<u8>,
    pending: Option<Enrolled>,
    active: Option<Enrolled>,
    pub(crate) fates: VecDeque<Fate>,
    /// What happens when there are no more fates.
    pub(crate) otherwise: Fate,
    pub(crate) policy: PhonePolicy,
    pub(crate) policy_version: PolicyVersion,
    /// The server's clock is ahead of the device's.
    pub(crate) ahead: SignedDuration,
    /// Paths that were asked, and how TLS was trusted.
    pub(crate) asked: Vec<(String, Trust)>,
    pub(crate) tls: Option<[u8; 32]>,
    /// Handshakes are forgotten.
    pub(crate) forgets: bool,
    /// What phones said of where they are woken.
    pub(crate) told: Vec<Option<PushAddress>>,
    /// What they said of biometrics: by what the vault was opened, and whether they are on with a face.
    pub(crate) biometrics: Vec<(Opened, Option<bool>)>,
    /// What the server announces of its keys.
    pub(crate) keys: Option<AnnouncedKeys>,
    /// Signs its answers in the place of its first identity key.
    pub(crate) signer: Option<SigningKey>,
    /// What phones said that they have heard of its keys, and by which identity key they know it.
    pub(crate) heard: Vec<(Option<KeysVersion>, KeyHash)>,
}

struct Enrolled {
    key: PublicKey,
    code: OtpKey,
    unlock: UnlockSecret,
    factor_pin: FactorKey,
    factor_later: Secret<32>,
    factor_biometric: Option<FactorKey>,
}

impl TestServer {
    pub(crate) fn new() -> Arc<Self> {
        let identity = SigningKey::generate(&mut OsRng);
        let setup = Setup::generate(&mut OsRng);
        let serial = SerialNumber::generate(&mut OsRng);
        let password = ActivationPassword::generate(&mut OsRng, 16);
        let record = setup.record(&mut OsRng, serial, &identity.public_key(), &password).unwrap();
        let nobody = ActivationPassword::generate(&mut OsRng, 16);
        let decoy = setup.record(&mut OsRng, serial, &identity.public_key(), &nobody).unwrap();
        Arc::new(Self {
            setup,
            decoy,
            handshake: SealingKey::derive(&Secret::generate(&mut OsRng), Label::ServerHandshake),
            identity,
            clock: Arc::new(TestClock(Mutex::new("2026-11-24T12:00:00Z".parse().unwrap()))),
            state: Mutex::new(ServerState {
                serial,
                password,
                record,
                pending: None,
                active: None,
                fates: VecDeque::new(),
                otherwise: Fate::Delivered,
                policy: Policy::default().for_phone(),
                policy_version: PolicyVersion::FIRST,
                ahead: SignedDuration::ZERO,
                asked: Vec::new(),
                tls: Some([9; 32]),
                forgets: false,
                told: Vec::new(),
                biometrics: Vec::new(),
                keys: None,
                signer: None,
                heard: Vec::new(),
            }),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap()
    }

    pub(crate) fn clock(&self) -> &TestClock {
        &self.clock
    }

    pub(crate) fn ticket(&self) -> Ticket {
        let state = self.state();
        Ticket {
            server: "https://symbolon.example".parse().unwrap(),
            serial: state.serial,
            password: state.password.duplicate(),
            identity: Some(self.identity.public_key().hash()),
            tls: Some([9; 32].into()),
        }
    }

    pub(crate) fn typed_ticket(&self) -> Ticket {
        Ticket { identity: None, tls: None, ..self.ticket() }
    }

    /// A new ticket for the same token: the old half counts no more.
    pub(crate) fn reactivate(&self) {
        let mut state = self.state();
        let password = ActivationPassword::generate(&mut OsRng, 16);
        let identity = self.identity.public_key();
        state.record = self.setup.record(&mut OsRng, state.serial, &identity, &password).unwrap();
        state.password = password;
        (state.pending, state.active) = (None, None);
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state().active.is_some()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now() + self.state().ahead
    }

    /// Whether the server would take a code, to the step.
    pub(crate) fn accepts(&self, code: &Code) -> bool {
        let step = TimeStep::at(self.now(), Period::STANDARD);
        self.state().active.as_ref().is_some_and(|token| token.code.totp(step, Digits::EIGHT) == *code)
    }

    /// The first unlock code, for the challenge that the device shows.
    pub(crate) fn unlock_code(&self, challenge: &str) -> UnlockCode {
        let state = self.state();
        let challenge = UnlockChallenge::parse(challenge, state.serial).unwrap();
        state.active.as_ref().unwrap().unlock.code(state.serial, challenge).unwrap()
    }

    fn keys(&self, identity: &PublicKey, run: impl FnOnce(ServerKeys<'_>) -> Answer) -> Answer {
        run(ServerKeys { setup: &self.setup, handshake: &self.handshake, identity })
    }

    fn handle(&self, path: &str, body: &[u8]) -> Answer {
        let now = self.now();
        let identity = self.identity.public_key();
        let state = &mut *self.state();
        self.keys(&identity, |keys| match path {
            "/v1/device/activation/start" => {
                let request = read(body);
                let record = if state.active.is_none() { &state.record } else { &self.decoy };
                let record = Record { opaque: record, ticket: 0 };
                json(200, &answer(&mut OsRng, keys, record, Opening::read(&request).unwrap(), now).unwrap())
            }
            "/v1/device/activation/finish" => {
                let request = read(body);
                let Ok(finished) = finish(keys, &request, now) else { return refused() };
                let device = finished.device(&request).unwrap();
                if state.active.is_some() {
                    return refused();
                }
                let keys = finished.token_keys(Hash::Sha256);
                let code = OtpKey::prepare(Hash::Sha256, keys.code.expose());
                state.pending = Some(Enrolled {
                    key: device.key,
                    code,
                    unlock: UnlockSecret::first(keys.unlock),
                    factor_pin: keys.factor_pin,
                    factor_later: keys.factor_later,
                    factor_biometric: None,
                });
                let reply: FinishReply = finished.reply(&registration(state, now)).unwrap();
                json(200, &reply)
            }
            "/v1/device/activation/confirm" => {
                let request = read(body);
                if state.forgets {
                    return refused();
                }
                let Some(enrolled) = state.pending.as_ref().or(state.active.as_ref()) else { return refused() };
                let Ok(code) = confirmed_code(&request, state.serial, &identity, &enrolled.key) else {
                    return refused();
                };
                let is_right = enrolled.code.totp(TimeStep::at(now, Period::STANDARD), Digits::EIGHT) == code;
                if let Some(enrolled) = state.pending.take_if(|_| is_right) {
                    state.active = Some(enrolled);
                }
                // Once it is confirmed, any code is answered.
                if state.active.is_none() {
                    return refused();
                }
                json(200, &ConfirmReply { serial: state.serial, activated_at: now })
            }
            "/v1/device/contact" => {
                let request: ContactRequest = read(body);
                let Some(active) = &state.active else { return refused() };
                let Ok(question) = verify::<Question>(&request.question, &active.key) else { return refused() };
                let answer = ContactAnswer {
                    aud: question.serial,
                    nonce: question.nonce,
                    time: now,
                    policy: state.policy.clone(),
                    policy_version: state.policy_version,
                    issuer: "Example".parse().unwrap(),
                    label: None,
                    keys: state.keys.clone(),
                };
                state.heard.push((question.keys, question.aud));
                let signer = state.signer.as_ref().unwrap_or(&self.identity);
                json(200, &ContactReply { answer: signer.sign_object(&answer).unwrap() })
            }
            "/v1/device/push-address" => {
                let request: PushRequest = read(body);
                let Some(active) = &state.active else { return refused() };
                let Ok(update) = verify::<PushUpdate>(&request.update, &active.key) else { return refused() };
                if update.time.duration_since(now).abs() > SignedDuration::from_secs(PushUpdate::TOLERANCE) {
                    return refused();
                }
                let woken = update.address.is_some();
                state.told.push(update.address);
                json(200, &PushReply { woken })
            }
            "/v1/device/biometrics" => {
                let request: BiometricsRequest = read(body);
                let Some(active) = &mut state.active else { return refused() };
                let Ok(update) = verify::<BiometricsUpdate>(&request.update, &active.key) else { return refused() };
                let factors: Vec<&FactorKey> = match update.opened {
                    Opened::Pin => vec![&active.factor_pin],
                    Opened::Biometric => active.factor_biometric.iter().collect(),
                    Opened::Device => Vec::new(),
                };
                if !update.is_proven(&active.key, &factors) {
                    return refused();
                }
                let key = update.on.as_ref().map(|on| open_factor_key(&active.factor_later, request.serial, &on.key));
                active.factor_biometric = key.map(Result::unwrap);
                state.biometrics.push((update.opened, update.on.map(|on| on.face)));
                json(200, &BiometricsReply { serial: request.serial })
            }
            other => panic!("{other}"),
        })
    }
}

impl Network for TestServer {
    fn post<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Answer, NetworkError>> {
        Box::pin(async move {
            let fate = {
                let mut state = self.state();
                state.asked.push((message.path.to_owned(), message.trust.clone()));
                state.fates.pop_front().unwrap_or(state.otherwise)
            };
            let unreachable = NetworkError::Unreachable("test".into());
            match fate {
                Fate::Lost => Err(unreachable),
                Fate::AnswerLost => {
                    self.handle(message.path, message.body);
                    Err(unreachable)
                }
                Fate::Late => {
                    let answer = self.handle(message.path, message.body);
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    Ok(answer)
                }
                Fate::Elsewhere => Ok(problem(404, "about:blank")),
                Fate::Waits => Ok(problem(409, "https://symbolon.example/problems/move-waits")),
                // Nothing is ever asked here, and whoever waits for it waits.
                Fate::Delivered if message.path == "/v1/device/access" => std::future::pending().await,
                Fate::Delivered => Ok(self.handle(message.path, message.body)),
            }
        })
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap()
}

fn json<T: Serialize>(status: u16, value: &T) -> Answer {
    Answer { status, retry_after: None, body: serde_json::to_vec(value).unwrap() }
}

fn refused() -> Answer {
    problem(403, "https://symbolon.example/problems/activation-refused")
}

/// RFC 9457.
fn problem(status: u16, kind: &str) -> Answer {
    json(status, &serde_json::json!({"type": kind, "title": "Refused"}))
}

fn registration(state: &ServerState, now: Timestamp) -> Registration {
    Registration {
        serial: state.serial,
        issuer: "Example".parse().unwrap(),
        account: "alice".parse().unwrap(),
        label: None,
        hash: Hash::Sha256,
        digits: Digits::EIGHT,
        period: Period::STANDARD,
        policy: state.policy.clone(),
        policy_version: state.policy_version,
        tls: state.tls.map(Into::into),
        time: now,
        moves_from: None,
    }
}

/// The signs of tampering that a test wants.
#[derive(Default)]
pub(crate) struct TestProbe(Mutex<Vec<Signal>>);

impl TestProbe {
    pub(crate) fn set(&self, signals: Vec<Signal>) {
        *self.0.lock().unwrap() = signals;
    }
}

impl IntegrityProbe for TestProbe {
    fn signals(&self) -> Signals {
        self.0.lock().unwrap().iter().copied().collect()
    }
}

/// What the system makes of the finger or face that a test holds up.
#[derive(Default)]
pub(crate) struct Finger {
    pub(crate) kinds: Mutex<Vec<Biometric>>,
    /// Why the system says no.
    pub(crate) refusal: Mutex<Option<KeysError>>,
    /// What the person was shown.
    pub(crate) prompts: Mutex<Vec<String>>,
}

impl Finger {
    fn ask(&self, prompt: Option<&str>) -> Result<(), KeysError> {
        let Some(prompt) = prompt else { return Ok(()) };
        self.prompts.lock().unwrap().push(prompt.to_owned());
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl LocalAuthentication for Finger {
    fn available(&self) -> Vec<Biometric> {
        self.kinds.lock().unwrap().clone()
    }
}

/// Keys in software, of which those of biometrics ask the test's person.
struct TestKeys {
    software: SoftwareKeys,
    finger: Arc<Finger>,
}

impl HardwareKeys for TestKeys {
    fn create_signing_key<'a>(
        &'a self,
        label: &'a str,
        challenge: [u8; 32],
    ) -> BoxFuture<'a, Result<DeviceKey, KeysError>> {
        self.software.create_signing_key(label, challenge)
    }

    fn create_prf_key<'a>(&'a self, label: &'a str, access: KeyAccess) -> BoxFuture<'a, Result<(), KeysError>> {
        self.software.create_prf_key(label, access)
    }

    fn create_sealing_key<'a>(&'a self, label: &'a str, access: KeyAccess) -> BoxFuture<'a, Result<(), KeysError>> {
        assert_eq!(label.ends_with(".biometric"), access == KeyAccess::Biometrics);
        self.software.create_sealing_key(label, KeyAccess::UnlockedDevice)
    }

    fn attest<'a>(&'a self, label: &'a str, challenge: [u8; 32]) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeysError>> {
        self.software.attest(label, challenge)
    }

    fn public_key<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<PublicKey, KeysError>> {
        self.software.public_key(label)
    }

    fn sign<'a>(&'a self, label: &'a str, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, KeysError>> {
        self.software.sign(label, message)
    }

    fn prf<'a>(&'a self, label: &'a str, input: &'a Secret<32>) -> BoxFuture<'a, Result<Secret<32>, KeysError>> {
        self.software.prf(label, input)
    }

    fn seal<'a>(
        &'a self,
        label: &'a str,
        plain: &'a [u8],
        prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<u8>, KeysError>> {
        Box::pin(async move {
            assert_eq!(label.ends_with(".biometric"), prompt.is_some());
            self.finger.ask(prompt)?;
            self.software.seal(label, plain, prompt).await
        })
    }

    fn open<'a>(
        &'a self,
        label: &'a str,
        sealed: &'a [u8],
        prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SecretBytes, KeysError>> {
        Box::pin(async move {
            self.finger.ask(prompt)?;
            self.software.open(label, sealed, prompt).await
        })
    }

    fn delete<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<(), KeysError>> {
        self.software.delete(label)
    }
}

/// A device: its disk, which holds its keys too.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) disk: SimulatedDisk,
    pub(crate) probe: Arc<TestProbe>,
    pub(crate) finger: Arc<Finger>,
    pub(crate) wake: Option<Arc<dyn Wake>>,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::with_disk(SimulatedDisk::new())
    }

    pub(crate) fn with_disk(disk: SimulatedDisk) -> Self {
        Self { disk, probe: Arc::default(), finger: Arc::default(), wake: None }
    }

    /// Starts the app.
    pub(crate) async fn start(&self, server: &Arc<TestServer>) -> Result<SoftToken, Error> {
        let disk = Arc::new(self.disk.clone());
        let environment = Environment::new(server.clock.clone(), Arc::new(SystemEntropy));
        let key_store = Arc::new(FileKeyStore::new(disk.clone(), "/home/keys".into()));
        let platform = Platform {
            keys: Arc::new(TestKeys {
                software: SoftwareKeys::new(key_store, environment.clone()),
                finger: self.finger.clone(),
            }),
            authentication: self.finger.clone(),
            integrity: self.probe.clone(),
            wake: self.wake.clone(),
            device: DeviceInfo {
                platform: "desktop".parse().unwrap(),
                model: "Test".parse().unwrap(),
                app: "symbolon 0".parse().unwrap(),
            },
        };
        let store = Store::with_files(disk, "/home")?;
        SoftToken::open_with_cost(store, platform, server.clone(), environment, Cost::LEAST).await
    }

    /// The names of all keys that are in the key store.
    pub(crate) fn keys(&self) -> Vec<String> {
        use symbolon_client::files::Files;
        let names = self.disk.list(std::path::Path::new("/home/keys")).unwrap();
        names.into_iter().filter(|name| !name.ends_with(".new")).collect()
    }
}

pub(crate) fn pin(digits: &str) -> Pin {
    Pin::from_ascii(digits.as_bytes()).unwrap()
}

/// A PIN that may be set.
pub(crate) fn chosen(digits: &str) -> ChosenPin {
    pin(digits).choose(PinLength::try_from(u32::try_from(digits.len()).unwrap()).unwrap()).unwrap()
}

pub(crate) const PIN: &str = "829463";
pub(crate) const OTHER_PIN: &str = "320132";

/// The PIN that all tests set.
pub(crate) fn the_pin() -> Option<Pin> {
    Some(pin(PIN))
}

pub(crate) async fn propose(soft_token: &SoftToken, ticket: Ticket) -> Result<Box<Proposed>, Error> {
    match soft_token.activate(ticket).await? {
        Activation::Proposed(proposed) => Ok(proposed),
        Activation::Unconfirmed(_) => panic!("there is an unconfirmed account"),
    }
}

/// Activates as a user interface does: resumes what can be resumed, else begins afresh.
pub(crate) async fn activate(soft_token: &SoftToken, ticket: Ticket) -> Result<(), Error> {
    let proposed = match soft_token.activate(ticket).await? {
        Activation::Proposed(proposed) => *proposed,
        Activation::Unconfirmed(unconfirmed) => match unconfirmed.resume(the_pin()).await {
            Ok(_) => return Ok(()),
            Err(Error::WrongPin { .. } | Error::Locked(_) | Error::Withdrawn(_)) => unconfirmed.afresh().await?,
            Err(error) => return Err(error),
        },
    };
    proposed.accept(Some(chosen(PIN))).await.map(drop)
}

/// A device with an active token.
pub(crate) async fn activated() -> (Arc<TestServer>, Device, SoftToken) {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    activate(&soft_token, server.ticket()).await.unwrap();
    (server, device, soft_token)
}
