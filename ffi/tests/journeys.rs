//! What an app does through this library, with a real server process and software in the place of the phone's hardware.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use rand_core::OsRng;
use serde_json::{Value, json};
use symbolon_client::environment::Environment;
use symbolon_client::platform::HardwareKeys as _;
use symbolon_client::platform::software::{MemoryKeyStore, SoftwareKeys};
use symbolon_core::secret::Secret;
use symbolon_ffi::{
    Accepted, Account, Activation, Approval, Biometric, Biometrics, BiometricsObstacle, Decision, DeviceInfo,
    DeviceKey, Events, HardwareKeys, HistoryKind, IntegrityProbe, KeyAccess, KeyProtection, KeysError,
    LocalAuthentication, MoveProgress, MutualPrompt, News, Outcome, PinPad, PinWeakness, Platform, PushAddress, Scan,
    Session, Signal, SoftToken, SymbolonError, Wake, WakeError, read_scan,
};
use symbolon_tests::{Installation, Prepared, Receiver, Server, Ticket, accepted, calling_receivers};
use tempfile::TempDir;

const PIN: &str = "837194";

/// What Kotlin and Swift do in hardware.
struct Hardware {
    software: SoftwareKeys,
    signing: Mutex<HashMap<String, SigningKey>>,
    /// Why the system refuses a finger.
    refusal: Mutex<Option<KeysError>>,
}

fn unavailable(error: impl ToString) -> KeysError {
    KeysError::Unavailable { reason: error.to_string() }
}

impl Hardware {
    fn ask(&self, prompt: Option<&str>) -> Result<(), KeysError> {
        let refusal = self.refusal.lock().unwrap().clone().filter(|_| prompt.is_some());
        refusal.map_or(Ok(()), Err)
    }

    fn signing(&self, label: &str) -> Result<SigningKey, KeysError> {
        self.signing.lock().unwrap().get(label).cloned().ok_or(KeysError::Missing)
    }
}

fn point(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_encoded_point(false).as_bytes().to_vec()
}

#[async_trait]
impl HardwareKeys for Hardware {
    async fn create_signing_key(&self, label: String, _challenge: Vec<u8>) -> Result<DeviceKey, KeysError> {
        let key = SigningKey::random(&mut OsRng);
        let public_key = point(&key);
        self.signing.lock().unwrap().insert(label, key);
        Ok(DeviceKey { public_key, protection: KeyProtection::Software })
    }

    async fn create_prf_key(&self, label: String, _access: KeyAccess) -> Result<(), KeysError> {
        let access = symbolon_client::platform::KeyAccess::UnlockedDevice;
        self.software.create_prf_key(&label, access).await.map_err(unavailable)
    }

    async fn create_sealing_key(&self, label: String, _access: KeyAccess) -> Result<(), KeysError> {
        let access = symbolon_client::platform::KeyAccess::UnlockedDevice;
        self.software.create_sealing_key(&label, access).await.map_err(unavailable)
    }

    async fn attest(&self, _label: String, _challenge: Vec<u8>) -> Result<Option<Vec<u8>>, KeysError> {
        Ok(None)
    }

    async fn assertion(&self, _label: String, _client_data_hash: Vec<u8>) -> Result<Option<Vec<u8>>, KeysError> {
        Ok(None)
    }

    async fn public_key(&self, label: String) -> Result<Vec<u8>, KeysError> {
        Ok(point(&self.signing(&label)?))
    }

    async fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, KeysError> {
        let signature: Signature = self.signing(&label)?.sign(&message);
        Ok(signature.to_der().as_bytes().to_vec())
    }

    async fn prf(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, KeysError> {
        let output = self.software.prf(&label, &Secret::from_slice(&input).unwrap()).await.map_err(unavailable)?;
        Ok(output.expose().to_vec())
    }

    async fn seal(&self, label: String, plain: Vec<u8>, prompt: Option<String>) -> Result<Vec<u8>, KeysError> {
        self.ask(prompt.as_deref())?;
        self.software.seal(&label, &plain, prompt.as_deref()).await.map_err(unavailable)
    }

    async fn open(&self, label: String, sealed: Vec<u8>, prompt: Option<String>) -> Result<Vec<u8>, KeysError> {
        self.ask(prompt.as_deref())?;
        let plain = self.software.open(&label, &sealed, prompt.as_deref()).await.map_err(unavailable)?;
        Ok(plain.expose().to_vec())
    }

    async fn delete(&self, label: String) -> Result<(), KeysError> {
        self.signing.lock().unwrap().remove(&label);
        self.software.delete(&label).await.map_err(unavailable)
    }
}

struct Fingers;

impl LocalAuthentication for Fingers {
    fn available(&self) -> Vec<Biometric> {
        vec![Biometric::Fingerprint]
    }
}

/// UnifiedPush, which makes an address with the server's key.
#[derive(Default)]
struct Distributor {
    asked: Mutex<Vec<Option<Vec<u8>>>>,
    address: Mutex<Option<String>>,
}

#[async_trait]
impl Wake for Distributor {
    fn is_web_push(&self) -> bool {
        true
    }

    async fn address(&self, _serial: String, web_push_key: Option<Vec<u8>>) -> Result<Option<PushAddress>, WakeError> {
        self.asked.lock().unwrap().push(web_push_key);
        let endpoint = self.address.lock().unwrap().clone();
        Ok(Some(PushAddress::Web {
            endpoint: endpoint.ok_or_else(|| WakeError::Unavailable { reason: "not registered yet".into() })?,
            p256dh: point(&SigningKey::from_slice(&[7; 32]).unwrap()),
            auth: vec![5; 16],
        }))
    }
}

#[derive(Default)]
struct Probe(Mutex<Vec<Signal>>);

impl IntegrityProbe for Probe {
    fn signals(&self) -> Vec<Signal> {
        self.0.lock().unwrap().clone()
    }
}

struct Phone {
    home: TempDir,
    keys: Arc<Hardware>,
    probe: Arc<Probe>,
    wake: Option<Arc<Distributor>>,
    soft_token: Arc<SoftToken>,
}

impl Phone {
    async fn new() -> Self {
        Self::woken_by(None).await
    }

    async fn woken_by(wake: Option<Arc<Distributor>>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let software = SoftwareKeys::new(Arc::new(MemoryKeyStore::default()), Environment::system());
        let keys = Arc::new(Hardware { software, signing: Mutex::default(), refusal: Mutex::default() });
        let probe = Arc::new(Probe::default());
        let soft_token = open(&home, &keys, &probe, wake.clone()).await;
        Self { home, keys, probe, wake, soft_token }
    }

    /// The app was killed, and is started again.
    async fn restart(&mut self) {
        self.soft_token = open(&self.home, &self.keys, &self.probe, self.wake.clone()).await;
    }

    async fn accept(&self, activation: Activation) -> Accepted {
        let Activation::Proposed { proposal } = activation else { panic!("it is new here") };
        proposal.accept(Some(Arc::new(typed(PIN).choose(6).unwrap()))).await.unwrap()
    }

    async fn activate(&self, ticket: &Ticket) -> Arc<Account> {
        self.accept(self.soft_token.activate(ticket.link.as_bytes().to_vec()).await.unwrap()).await.account
    }
}

async fn open(
    home: &TempDir,
    keys: &Arc<Hardware>,
    probe: &Arc<Probe>,
    wake: Option<Arc<Distributor>>,
) -> Arc<SoftToken> {
    let device =
        DeviceInfo { platform: "android".into(), model: "Pixel 9\u{202e}".into(), app: "symbolon-ffi tests".into() };
    let platform = Platform {
        keys: keys.clone(),
        authentication: Arc::new(Fingers),
        integrity: probe.clone(),
        device,
        wake: wake.map(|wake| wake as Arc<dyn Wake>),
    };
    SoftToken::open(home.path().to_str().unwrap().into(), platform).await.unwrap()
}

fn typed(digits: &str) -> PinPad {
    let pad = PinPad::new();
    for digit in digits.bytes() {
        assert!(pad.push(digit - b'0'));
    }
    pad
}

async fn unlock(account: &Account) -> Arc<Session> {
    account.unlock(Some(Arc::new(typed(PIN)))).await.unwrap()
}

async fn only(account: &Account) -> Arc<Approval> {
    let mut requests = account.requests(Duration::from_secs(10)).await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.pop().unwrap()
}

fn payment() -> Value {
    json!({"user": "alice", "kind": "approval", "transaction": {"summary": "Pay 12.50 EUR to Ana Gómez",
        "details": [{"name": "To", "value": "ES91 2100 0418"}, {"name": "Amount", "value": "12.50 EUR"}]}})
}

#[tokio::test]
async fn an_app_activates_shows_a_code_and_finds_its_account_again_after_a_restart() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let mut phone = Phone::new().await;
    assert!(matches!(read_scan(ticket.link.as_bytes().to_vec()).unwrap(), Scan::Activation));
    // The same with the page of a mail, which leaves the code out.
    let whole: symbolon_core::activation::Ticket = ticket.link.parse().unwrap();
    let page = whole.page().into_bytes();
    let Scan::ActivationWithoutCode { serial, .. } = read_scan(page.clone()).unwrap() else { panic!("it is a page") };
    assert_eq!(serial, ticket.serial);
    let code = |digits: &str| digits.as_bytes().to_vec();
    let mistyped = phone.soft_token.activate_with_code(page.clone(), code("12")).await.unwrap_err();
    assert!(matches!(mistyped, SymbolonError::Input { .. }));
    let Activation::Proposed { proposal } =
        phone.soft_token.activate_with_code(page, code(whole.password.expose())).await.unwrap()
    else {
        panic!("it is new here")
    };
    proposal.decline().await;
    let Activation::Proposed { proposal } = phone.soft_token.activate(ticket.link.as_bytes().to_vec()).await.unwrap()
    else {
        panic!("it is new here")
    };
    let info = proposal.info();
    assert_eq!(
        (info.serial.as_str(), info.account.as_str(), info.is_offline),
        (ticket.serial.as_str(), "alice", false)
    );
    assert!(info.policy.pin_required);
    assert_eq!(proposal.accept(None).await.unwrap_err(), SymbolonError::PinNeeded);

    let pin = Arc::new(typed(PIN).choose(info.policy.pin_length).unwrap());
    assert!(!pin.is_repeated_by(&typed("837195")) && pin.is_repeated_by(&typed(PIN)));
    proposal.accept(Some(pin.clone())).await.unwrap();
    assert_eq!(proposal.accept(Some(pin)).await.unwrap_err(), SymbolonError::PinNeeded, "a PIN is set once");

    phone.restart().await;
    let account = phone.soft_token.accounts().unwrap().pop().unwrap();
    assert_eq!(account.info().unwrap().pin_length, Some(6));
    let session = unlock(&account).await;
    let code = session.code().await.unwrap();
    assert!(accepted(&server.caller("verify").verify("alice", &code.digits).await));
    session.lock_now().await;
    assert_eq!(session.code().await.unwrap_err(), SymbolonError::Closed);
    account.remove().await.unwrap();
    assert!(phone.soft_token.accounts().unwrap().is_empty());
}

#[tokio::test]
async fn weak_pins_are_refused_with_their_reason_and_wrong_ones_are_counted() {
    let weakness = |pin: &str| match typed(pin).choose(6).unwrap_err() {
        SymbolonError::PinChoice { weakness, .. } => Some(weakness),
        _ => None,
    };
    assert_eq!(weakness("123456"), Some(PinWeakness::Run));
    assert_eq!(weakness("121212"), Some(PinWeakness::Repetition));
    assert_eq!(weakness("8371"), Some(PinWeakness::Length));
    assert_eq!(typed("837").choose(6).unwrap_err(), SymbolonError::PinForm);
    let pad = typed("8371945");
    pad.pop();
    assert_eq!((pad.length(), pad.push(10)), (6, false));
    pad.clear();
    assert_eq!(pad.length(), 0);

    let server = Server::start();
    server.admin(&["policy", "set", "pin_tries=2"]);
    let ticket = server.hand_out("alice");
    let phone = Phone::new().await;
    let account = phone.activate(&ticket).await;
    for left in [1, 0] {
        let error = account.unlock(Some(Arc::new(typed("111111")))).await.unwrap_err();
        assert_eq!(error, SymbolonError::WrongPin { tries_left: left });
    }
    assert_eq!(account.unlock(Some(Arc::new(typed(PIN)))).await.unwrap_err(), SymbolonError::Locked);
    let challenge = account.status().unwrap().lock_challenge.unwrap();
    let answer = server.admin(&["token", "unlock-pin", &ticket.serial, &challenge]);
    let code = answer["unlock_code"].as_str().unwrap();
    assert_eq!(
        account.unlock_with_code(b"0000-0000-0000-0000".to_vec()).await.unwrap_err(),
        SymbolonError::WrongUnlockCode
    );
    let unlocked = account.unlock_with_code(code.as_bytes().to_vec()).await.unwrap();
    unlocked.set_pin(Arc::new(typed(PIN).choose(unlocked.pin_length()).unwrap())).await.unwrap();
    unlock(&account).await;
}

#[tokio::test]
async fn approvals_are_shown_and_answered_and_a_decision_counts_once() {
    let server = Server::start();
    let phone = Phone::new().await;
    let account = phone.activate(&server.hand_out("alice")).await;
    let caller = server.caller("challenge,verify");
    let asked = caller.challenge(&payment()).await;
    let approval = only(&account).await;
    let request = approval.request();
    let transaction = request.transaction.unwrap();
    assert_eq!((transaction.summary.as_str(), transaction.details.len()), ("Pay 12.50 EUR to Ana Gómez", 2));
    let Some(MutualPrompt::Enter { length: 2, is_numeric: true, .. }) = request.mutual_challenge else {
        panic!("{:?}", request.mutual_challenge)
    };
    let session = unlock(&account).await;
    let without = session.answer(approval.clone(), Decision::Confirm, None).await;
    assert_eq!(without.unwrap_err(), SymbolonError::MutualChallengeNeeded);
    let value = asked["mutual_challenge"].as_str().unwrap().to_owned();
    let taps = (0..50).map(|_| session.answer(approval.clone(), Decision::Confirm, Some(value.clone())));
    for tap in taps {
        assert_eq!(tap.await.unwrap(), Outcome::Confirmed);
    }
    assert_eq!(server.count_of("challenge.ended"), 1);

    for (decision, outcome) in [(Decision::Cancel, Outcome::Cancelled), (Decision::Concern, Outcome::Concern)] {
        caller.challenge(&payment()).await;
        assert_eq!(session.answer(only(&account).await, decision, None).await.unwrap(), outcome);
    }
}

#[tokio::test]
async fn an_unsecure_phone_is_refused_and_told_why() {
    let server = Server::start();
    let phone = Phone::new().await;
    let account = phone.activate(&server.hand_out("alice")).await;
    *phone.probe.0.lock().unwrap() = vec![Signal::SuBinary];
    let status = account.status().unwrap();
    assert_eq!((status.signals, status.is_device_allowed), (vec![Signal::SuBinary], false));
    let refused = SymbolonError::UnsecureDevice { signals: vec![Signal::SuBinary] };
    assert_eq!(account.unlock(Some(Arc::new(typed(PIN)))).await.unwrap_err(), refused);
    assert_eq!(account.requests(Duration::ZERO).await.unwrap_err(), refused);
    phone.probe.0.lock().unwrap().clear();
    unlock(&account).await;

    // It learns that it is allowed now without being opened.
    *phone.probe.0.lock().unwrap() = vec![Signal::SuBinary];
    server.admin(&["policy", "set", "allow_unsecure_device=true"]);
    account.refresh().await.unwrap();
    assert!(account.status().unwrap().is_device_allowed);
    unlock(&account).await.code().await.unwrap();
}

#[tokio::test]
async fn a_token_moves_to_a_new_phone_whose_digits_are_compared() {
    let server = Server::start();
    let (old, new) = (Phone::new().await, Phone::new().await);
    let account = old.activate(&server.hand_out("alice")).await;
    let session = unlock(&account).await;
    let moving = session.begin_move().await.unwrap();
    let qr = moving.ticket().unwrap().qr;
    assert_eq!(qr.squares.len(), usize::try_from(qr.width * qr.width).unwrap());
    let link = scan(&qr);
    let Activation::Proposed { proposal } = new.soft_token.activate(link.into_bytes()).await.unwrap() else {
        panic!("it is new there")
    };
    let digits = proposal.info().comparison.unwrap();
    let MoveProgress::Found { model } = moving.progress(Duration::from_secs(10)).await.unwrap() else {
        panic!("the new phone has used the ticket")
    };
    assert_eq!(model, "Pixel 9", "what can't be shown on a line is left out");
    let wrong = if digits == "111 111" { "222222" } else { "111111" };
    assert_eq!(session.agree(moving.clone(), wrong.into()).await.unwrap_err(), SymbolonError::OtherPhone);
    session.agree(moving.clone(), digits).await.unwrap();
    let moved = new.accept(Activation::Proposed { proposal }).await.account;
    assert_eq!(moving.progress(Duration::from_secs(10)).await.unwrap(), MoveProgress::Moved);
    let code = unlock(&moved).await.code().await.unwrap();
    assert!(accepted(&server.caller("verify").verify("alice", &code.digits).await));
}

#[tokio::test]
async fn a_finger_opens_and_proves_itself_and_whatever_ends_it_leaves_the_pin() {
    let server = Server::start();
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    let mut phone = Phone::new().await;
    let account = phone.activate(&server.hand_out("alice")).await;
    let caller = server.caller("challenge");
    assert_eq!(account.status().unwrap().biometrics, Biometrics::Off);
    assert_eq!(
        account.unlock_with_biometrics("Open".into()).await.unwrap_err(),
        SymbolonError::BiometricsOff,
        "nothing was turned on"
    );
    unlock(&account).await.turn_on_biometrics("Turn on".into()).await.unwrap();

    phone.restart().await;
    let account = phone.soft_token.accounts().unwrap().pop().unwrap();
    assert_eq!(account.status().unwrap().biometrics, Biometrics::On);
    let session = account.unlock_with_biometrics("Open".into()).await.unwrap();
    let asked = caller.challenge(&payment()).await;
    assert_eq!(session.answer(only(&account).await, Decision::Confirm, None).await.unwrap(), Outcome::Confirmed);
    assert_eq!(caller.look(&asked, 0).await["factors"], json!(["possession", "biometry"]));
    let refused = session.turn_on_biometrics("Again".into()).await;
    assert_eq!(refused.unwrap_err(), SymbolonError::PinNeeded);

    // The system says no, and then destroys the key, since a finger was added.
    for (refusal, error) in [
        (KeysError::Cancelled, SymbolonError::Cancelled),
        (KeysError::LockedOut, SymbolonError::BiometricsLocked),
        (KeysError::Missing, SymbolonError::BiometricsLost),
    ] {
        *phone.keys.refusal.lock().unwrap() = Some(refusal);
        assert_eq!(account.unlock_with_biometrics("Open".into()).await.unwrap_err(), error);
    }
    *phone.keys.refusal.lock().unwrap() = None;
    let session = unlock(&account).await;
    assert_eq!(account.status().unwrap().biometrics, Biometrics::Off);
    session.turn_on_biometrics("Turn on".into()).await.unwrap();

    // The policy changes at the server while the app is open.
    let session = account.unlock_with_biometrics("Open".into()).await.unwrap();
    server.admin(&["policy", "set", "device_biometrics_allowed=false"]);
    caller.challenge(&payment()).await;
    let refused = session.answer(only(&account).await, Decision::Confirm, None).await.unwrap_err();
    assert!(matches!(refused, SymbolonError::Refused { .. }), "{refused:?}");
    let refused = session.refresh().await.unwrap_err();
    let by_policy = BiometricsObstacle::ByPolicy;
    assert!(matches!(refused, SymbolonError::BiometricsNotAllowed { obstacle, .. } if obstacle == by_policy));
    assert_eq!(account.status().unwrap().biometrics, Biometrics::Unavailable { obstacle: by_policy });
    unlock(&account).await.code().await.unwrap();
}

/// The next event of an account, by its name.
async fn next(events: &Events) -> (String, News) {
    let event = tokio::time::timeout(Duration::from_secs(60), events.next()).await.unwrap();
    let name = match &event.news {
        News::RequestArrived { .. } => "arrived".to_owned(),
        News::RequestEnded { ending, .. } => format!("{ending:?}").to_lowercase(),
        News::PolicyChanged => "policy".to_owned(),
        News::NotActive => "not active".to_owned(),
        News::ActiveAgain => "active again".to_owned(),
        News::ClockWrong { .. } => "clock wrong".to_owned(),
        News::ClockRight => "clock right".to_owned(),
    };
    (name, event.news)
}

#[tokio::test]
async fn an_app_hears_what_happens_to_its_account() {
    let server = Server::start();
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    let phone = Phone::new().await;
    let caller = server.caller("challenge");
    // It listens before there is an account.
    let events = phone.soft_token.events().await;
    let ticket = server.hand_out("alice");
    let account = phone.activate(&ticket).await;
    let session = unlock(&account).await;

    caller.challenge(&payment()).await;
    let (name, News::RequestArrived { approval }) = next(&events).await else { panic!("nothing arrived") };
    assert_eq!(approval.request().transaction.unwrap().summary, "Pay 12.50 EUR to Ana Gómez", "{name}");
    session.answer(approval, Decision::Cancel, None).await.unwrap();
    assert_eq!(next(&events).await.0, "answered");

    let asked = caller.challenge(&payment()).await;
    assert_eq!(next(&events).await.0, "arrived");
    caller.call("DELETE", &format!("/v1/challenges/{}", asked["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(next(&events).await.0, "elsewhere");

    server.admin(&["policy", "set", "pin_length=8"]);
    phone.soft_token.look_now();
    assert_eq!(next(&events).await.0, "policy");
    assert_eq!(unlock(&account).await.code().await.unwrap_err(), SymbolonError::PinMustBeSet, "it was learnt at once");

    server.admin(&["token", "disable", &ticket.serial]);
    phone.soft_token.look_now();
    assert_eq!(next(&events).await.0, "not active");
    server.admin(&["token", "enable", &ticket.serial]);
    phone.soft_token.look_now();
    assert_eq!(next(&events).await.0, "active again");
}

#[tokio::test]
async fn what_was_decided_is_found_again_and_only_with_the_pin() {
    let server = Server::start();
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    let mut phone = Phone::new().await;
    let account = phone.activate(&server.hand_out("alice")).await;
    let caller = server.caller("challenge");
    let session = unlock(&account).await;
    assert_eq!(session.history().await.unwrap(), []);
    caller.challenge(&payment()).await;
    session.answer(only(&account).await, Decision::Confirm, None).await.unwrap();
    caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;
    session.answer(only(&account).await, Decision::Concern, None).await.unwrap();

    phone.restart().await;
    let account = phone.soft_token.accounts().unwrap().pop().unwrap();
    let history = unlock(&account).await.history().await.unwrap();
    let shown: Vec<_> =
        history.iter().map(|entry| (entry.kind, entry.decision, entry.outcome.clone().unwrap())).collect();
    assert_eq!(
        shown,
        [
            (HistoryKind::SignIn, Decision::Concern, Outcome::Concern),
            (HistoryKind::Transaction, Decision::Confirm, Outcome::Confirmed)
        ]
    );
    assert_eq!(history[1].summary.as_deref(), Some("Pay 12.50 EUR to Ana Gómez"));
    // Nothing of it is on the disk in clear.
    for file in walk(phone.home.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(5).any(|part| part == b"12.50"), "{}", file.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn the_server_is_told_where_the_phone_is_woken_until_it_has_acknowledged_it() {
    let distributor = Receiver::answering(|_| Prepared::status(201));
    let installation = Installation::new().configured("PUSH__WEB__CONTACT", "mailto:operations@example.org");
    let server = Server::with(calling_receivers(installation));
    let wake = Arc::new(Distributor::default());
    let mut phone = Phone::woken_by(Some(wake.clone())).await;
    // It is asked with the activation, with the server's key, and has no address yet.
    let account = phone.activate(&server.hand_out("alice")).await;
    let key = wake.asked.lock().unwrap().pop().unwrap().unwrap();
    let offered = server.wire().post("/v1/device/push-key", &json!({})).await.json();
    assert_eq!(offered["web_push_key"], BASE64URL_NOPAD.encode(&key));
    let not_yet = phone.soft_token.renew_push_addresses().await.unwrap_err();
    assert_eq!(not_yet, SymbolonError::PushService { reason: "not registered yet".into() });

    let caller = server.caller("challenge");
    for path in ["one", "two"] {
        *wake.address.lock().unwrap() = Some(format!("{}/{path}", distributor.url));
        phone.restart().await;
        phone.soft_token.renew_push_addresses().await.unwrap();
        caller.challenge(&payment()).await;
        assert_eq!(distributor.next().await.path, format!("/{path}"));
        let session = unlock(&account).await;
        session.answer(only(&account).await, Decision::Cancel, None).await.unwrap();
    }
}

/// Reads a QR as a camera does.
fn scan(qr: &symbolon_ffi::QrCode) -> String {
    let (width, margin, scale) = (usize::try_from(qr.width).unwrap(), 4, 4);
    let side = (width + 2 * margin) * scale;
    let is_dark = |x: usize, y: usize| {
        let (x, y) = ((x / scale).checked_sub(margin), (y / scale).checked_sub(margin));
        let inside = x.zip(y).filter(|(x, y)| *x < width && *y < width);
        inside.is_some_and(|(x, y)| qr.squares[y * width + x] == 1)
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| if is_dark(x, y) { 0 } else { 255 });
    image.detect_grids().pop().unwrap().decode().unwrap().1
}
