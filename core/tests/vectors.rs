//! The vectors of the protocol: `core/vectors/*.json`, from which another implementation can check itself.
//!
//! Each test makes its file anew from fixed inputs and compares it with the one that is checked in; and it checks by
//! hand, with the bare algorithms and `docs/protocol.md` at its side, that the two say the same. The vectors of the
//! vault are checked in `src/vault`.
//!
//! A file of a released version is never written anew: when a test here fails, the protocol has changed. Before a
//! release `SYMBOLON_WRITE_VECTORS=1 cargo test -p symbolon-core --test vectors` writes them all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic"
)]

use std::path::PathBuf;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use rand_core::{CryptoRng, RngCore};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use symbolon_core::activation::offline::phone::{Begun, Registered};
use symbolon_core::activation::offline::{Half, Offer, OfflineTicket, RegistrationCode};
use symbolon_core::activation::online::phone::{self, Started};
use symbolon_core::activation::online::server::{self, Opening, Record, ServerKeys, Setup, answer, confirmed_code};
use symbolon_core::activation::online::{ConfirmReply, DeviceDescription, FinishRequest, Registration, StartReply};
use symbolon_core::activation::{ActivationPassword, OfflinePassword, Ticket};
use symbolon_core::contact::{Answer, ContactReply, ContactRequest, Question};
use symbolon_core::encoding::Bytes;
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::integrity::Signals;
use symbolon_core::keys::{Label, SealingKey, sha256};
use symbolon_core::otp::window::{Match, TimeState, find_consecutive, find_consecutive_events, judge, judge_event};
use symbolon_core::otp::{Code, Digits, Hash, OtpKey, Period, TimeStep};
use symbolon_core::policy::{Policy, PolicyVersion};
use symbolon_core::secret::Secret;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{self, Signed, SigningKey};
use symbolon_core::succession::{AnnouncedKeys, HeardKeys, KeysVersion};
use symbolon_core::vault::Online;

/// Compares what was made with the file, or writes the file where that is asked for.
fn check(name: &str, made: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if std::env::var_os("SYMBOLON_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(made).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
        eprintln!("{} is written", path.display());
        return;
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    if let Some(place) = difference(&kept, made, "") {
        panic!("{name} differs at {place}: the protocol has changed, or what the vectors are made from");
    }
}

/// Where two values first differ.
fn difference(kept: &Value, made: &Value, place: &str) -> Option<String> {
    match (kept, made) {
        (Value::Object(kept), Value::Object(made)) if kept.keys().eq(made.keys()) => {
            kept.iter().find_map(|(key, value)| difference(value, &made[key], &format!("{place}/{key}")))
        }
        (Value::Array(kept), Value::Array(made)) if kept.len() == made.len() => {
            let mut pairs = kept.iter().zip(made).enumerate();
            pairs.find_map(|(index, (kept, made))| difference(kept, made, &format!("{place}/{index}")))
        }
        _ => (kept != made).then(|| format!("{place}/: {kept} and {made}")),
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

/// The randomness of the vectors: block n is the SHA-256 of the name, a zero byte and n as eight bytes, from n = 0 on.
struct Stream {
    name: &'static str,
    blocks: u64,
    rest: Vec<u8>,
}

impl Stream {
    fn new(name: &'static str) -> Self {
        Self { name, blocks: 0, rest: Vec::new() }
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        while self.rest.len() < dest.len() {
            let block = [self.name.as_bytes(), &[0], &self.blocks.to_be_bytes()].concat();
            self.rest.extend_from_slice(&sha256(&block));
            self.blocks += 1;
        }
        let rest = self.rest.split_off(dest.len());
        dest.copy_from_slice(&self.rest);
        self.rest = rest;
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Stream {}

fn secret(name: &'static str) -> Secret<32> {
    Secret::generate(&mut Stream::new(name))
}

/// A frame by hand: each field after its length.
fn frame(fields: &[&[u8]]) -> Vec<u8> {
    fields.iter().flat_map(|field| [&u32::try_from(field.len()).unwrap().to_be_bytes(), *field].concat()).collect()
}

/// HKDF-Expand by hand, from a pseudo-random key.
fn expand(prk: &[u8], label: &str, length: usize) -> Vec<u8> {
    let mut output = vec![0; length];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(label.as_bytes(), &mut output).unwrap();
    output
}

/// HMAC-SHA-256 by hand, which is what HKDF-Extract is.
fn extract(salt: &[u8], input: &[u8]) -> Vec<u8> {
    <Hmac<Sha256> as Mac>::new_from_slice(salt).unwrap().chain_update(input).finalize().into_bytes().to_vec()
}

/// AES-256-GCM by hand.
fn open(key: &[u8], nonce: &[u8], associated: &[u8], sealed: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt(nonce.into(), Payload { msg: sealed, aad: associated }).expect("the vector opens")
}

fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

#[test]
fn frames() {
    let cases: [(&str, &[&[u8]]); 5] = [
        ("no field", &[]),
        ("an empty field", &[b""]),
        ("one field", &[b"symbolon"]),
        ("two fields", &[b"ab", b"c"]),
        ("the same letters in other fields", &[b"a", b"bc"]),
    ];
    let written: Vec<Value> = cases
        .iter()
        .map(|(about, fields)| {
            let made = fields.iter().fold(FrameWriter::default(), |frame, field| frame.field(field));
            assert_eq!(made.as_bytes(), frame(fields));
            let mut reader = FrameReader::new(made.as_bytes());
            assert!(fields.iter().all(|field| reader.field().unwrap() == *field) && reader.is_empty());
            json!({"about": about, "fields": fields.iter().map(hex).collect::<Vec<_>>(), "frame": hex(made.as_bytes())})
        })
        .collect();
    let number = FrameWriter::default().number(1_795_521_600_000);
    assert_eq!(number.as_bytes(), frame(&[&1_795_521_600_000_u64.to_be_bytes()]));
    let refused: Vec<Value> = [
        ("a length without its end", vec![0, 0, 0]),
        ("fewer bytes than the length says", vec![0, 0, 0, 2, 1]),
        ("a length of 4 GiB", vec![0xff, 0xff, 0xff, 0xff, 1]),
        ("bytes left over after one field", vec![0, 0, 0, 1, 7, 0]),
    ]
    .into_iter()
    .map(|(about, bytes)| {
        let mut reader = FrameReader::new(&bytes);
        assert!(reader.field().is_err() || reader.finish().is_err(), "{about}");
        json!({"about": about, "bytes": hex(bytes)})
    })
    .collect();
    check(
        "frames-v1.json",
        &json!({
            "about": "Frames: each field is its length, four bytes, most significant first, then its bytes. Bytes are in hexadecimal. Those under `refused` are not a frame of one field.",
            "written": written,
            "number": {"about": "a number is a field of eight bytes", "number": 1_795_521_600_000_u64, "frame": hex(number.as_bytes())},
            "refused": refused,
        }),
    );
}

const LABELS: [Label; 19] = [
    Label::RegistrationPhone,
    Label::RegistrationServer,
    Label::AttestationChallenge,
    Label::Code,
    Label::ChallengeResponse,
    Label::FactorPin,
    Label::FactorLater,
    Label::FactorSent,
    Label::Unlock,
    Label::UnlockCode,
    Label::UnlockFactor,
    Label::UnlockNext,
    Label::VaultPin,
    Label::VaultUnlock,
    Label::VaultBody,
    Label::VaultHistory,
    Label::ServerHandshake,
    Label::ServerMaster,
    Label::ServerRow,
];

#[test]
fn sealing() {
    let parent = secret("sealing parent");
    let associated = frame(&[b"symbolon/1/row", b"token", b"1234567890"]);
    let labels: Vec<Value> = LABELS
        .into_iter()
        .map(|label| {
            let key = SealingKey::derive(&parent, label);
            let sealed = key.seal(&mut Stream::new("nonce"), &associated, label.text().as_bytes());
            let by_hand = expand(&extract(&[0; 32], parent.expose()), label.text(), 32);
            assert_eq!(open(&by_hand, &sealed[..12], &associated, &sealed[12..]), label.text().as_bytes());
            assert_eq!(key.open(&associated, &sealed).unwrap().expose(), label.text().as_bytes());
            json!({"label": label.text(), "key": hex(by_hand), "sealed": hex(sealed)})
        })
        .collect();
    let key = SealingKey::derive(&parent, Label::ServerRow);
    let sealed = key.seal(&mut Stream::new("nonce"), &associated, b"plain");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(key.open(&associated, &changed).is_err());
    }
    assert!(key.open(b"", &sealed).is_err() && key.open(&associated, &sealed[..11]).is_err());
    check(
        "sealing-v1.json",
        &json!({
            "about": "Sealing: key = HKDF-SHA-256(salt none, ikm = parent, info = label), 32 bytes; sealed = nonce (12 bytes) ‖ AES-256-GCM ciphertext ‖ tag (16 bytes). The plaintext is the label itself, the nonce is the same in all. Bytes are in hexadecimal. Labels are listed here to show the derivation: which parent each has is in the specification.",
            "parent": hex(parent.expose()),
            "associated_data": hex(&associated),
            "labels": labels,
        }),
    );
}

#[test]
fn tickets() {
    let with = |server: &str, tls: Option<[u8; 32]>, digits: &str| Ticket {
        server: server.parse().unwrap(),
        serial: "12345-67890".parse().unwrap(),
        password: digits.parse().unwrap(),
        identity: Some([1; 32].into()),
        tls: tls.map(Into::into),
    };
    let shown = |ticket: &Ticket| {
        json!({
            "server": ticket.server.to_string(),
            "serial": ticket.serial.to_string(),
            "password": ticket.password.expose(),
            "identity": ticket.identity.as_ref().map(ToString::to_string),
            "tls": ticket.tls.as_ref().map(ToString::to_string),
        })
    };
    let written: Vec<Value> = [
        ("a server with its own authority", with("https://symbolon.example:8443", Some([2; 32]), "1234567890123456")),
        (
            "a server that a public authority vouches for",
            with("symbolon.example", None, "12345678901234567890123456789012"),
        ),
        ("a server on this machine", with("http://127.0.0.1:8080", None, "0000000000000000")),
    ]
    .into_iter()
    .map(|(about, ticket)| {
        assert_eq!(ticket.link().parse::<Ticket>().unwrap(), ticket);
        json!({"about": about, "ticket": shown(&ticket), "link": ticket.link(), "page": ticket.page()})
    })
    .collect();

    let ticket = with("https://symbolon.example", Some([2; 32]), "1234567890123456");
    let link = ticket.link();
    let read: Vec<Value> = [
        ("white space around it", format!("  {link}\n")),
        ("a part that this version does not know", format!("{link}&z=1")),
        ("another order", format!("symbolon://activate?{}&v=1", link.split_once("v=1&").unwrap().1)),
        ("the https twin with the password", format!("{}&p=1234567890123456", ticket.page())),
        ("a serial number with its hyphen", link.replace("1234567890&p", "12345-67890&p")),
        ("a password in groups", link.replace("p=1234567890123456", "p=1234+5678+9012-3456")),
    ]
    .into_iter()
    .map(|(about, text)| {
        assert_eq!(text.parse::<Ticket>().unwrap(), ticket, "{about}");
        json!({"about": about, "text": text})
    })
    .collect();
    let refused: Vec<Value> = [
        ("nothing", String::new()),
        ("another scheme", link.replace("symbolon:", "other:")),
        ("a later version", link.replace("v=1", "v=2")),
        ("no version", link.replace("v=1&", "")),
        ("no address", link.replace("&a=", "&b=")),
        ("no serial number", link.replace("&s=", "&u=")),
        ("no identity", link.replace("&k=", "&x=")),
        ("the https twin without the password", ticket.page()),
        ("the https twin on another server", link.replace("symbolon://activate?", "https://evil.example/activate#")),
        ("a part twice", format!("{link}&s=1234567890")),
        ("a serial number of eleven digits", link.replace("&s=", "&s=1")),
        ("a password of fifteen digits", link.replace("p=1", "p=")),
        ("a password of 33 digits", link.replace("p=1", "p=123456789012345678")),
        ("a hash that is too long", link.replace("&k=", "&k=A")),
        ("a hash with padding", link.replace("&t=", "=&t=")),
        ("http:// to a name", link.replace("https%3A", "http%3A")),
        ("an address with a path", link.replace("symbolon.example", "symbolon.example%2Fpath")),
    ]
    .into_iter()
    .map(|(about, text)| {
        let error = text.parse::<Ticket>().expect_err(about);
        json!({"about": about, "text": text, "error": error.to_string()})
    })
    .collect();
    let typed = Ticket::from_typed("symbolon.example", "1234567890", "1234 5678 9012 3456").unwrap();
    check(
        "tickets-v1.json",
        &json!({
            "about": "Tickets. Every text under `read` is the ticket under `ticket`. The texts of errors are not part of the protocol.",
            "written": written,
            "ticket": shown(&ticket),
            "read": read,
            "refused": refused,
            "typed": {"address": "symbolon.example", "serial": "1234567890", "code": "1234 5678 9012 3456", "ticket": shown(&typed)},
        }),
    );
}

fn state(last: Option<i64>, drift: i64, drift_at_reset: i64) -> TimeState {
    TimeState { last: last.map(TimeStep::from_number), drift, drift_at_reset }
}

fn verdict<P>(judged: Match<P>, place: impl Fn(P) -> i64) -> Value {
    match judged {
        Match::Accepted(at) => json!({"verdict": "accepted", "at": place(at)}),
        Match::Replayed(at) => json!({"verdict": "replayed", "at": place(at)}),
        Match::OutsideWindow(at) => json!({"verdict": "outside_window", "at": place(at)}),
        Match::Wrong => json!({"verdict": "wrong_code"}),
    }
}

#[test]
fn codes() {
    let seed = b"1234567890123456789012345678901234567890123456789012345678901234";
    let mut totp = Vec::new();
    for second in [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000] {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            let secret = &seed[..hash.output_length()];
            let step = TimeStep::at(Timestamp::from_second(second).unwrap(), Period::STANDARD);
            let code = |digits| OtpKey::prepare(hash, secret).totp(step, Digits::new(digits).unwrap()).to_string();
            totp.push(json!({
                "hash": hash.name(), "secret": hex(secret), "time": second, "step": step.number(),
                "code_6": code(6), "code_8": code(8), "code_10": code(10),
            }));
        }
    }
    let hotp_key = OtpKey::prepare(Hash::Sha1, b"12345678901234567890");
    let hotp: Vec<Value> = (0..10)
        .map(|counter| json!({"counter": counter, "code": hotp_key.hotp(counter, Digits::SIX).to_string()}))
        .collect();

    // The rule of acceptance. `now` is 1 000 000; `of` is the step whose code is typed.
    let key_bytes = secret("code key");
    let key = OtpKey::prepare(Hash::Sha256, key_bytes.expose());
    let now = TimeStep::from_number(1_000_000);
    let (window, reset_window) = (10, 120);
    let code = |of: i64, digits| key.totp(TimeStep::from_number(of), digits);
    let mut time = Vec::new();
    for (about, of, state) in [
        ("now", 1_000_000, state(None, 0, 0)),
        ("the earliest of the window", 999_990, state(None, 0, 0)),
        ("the latest of the window", 1_000_010, state(None, 0, 0)),
        ("just before the window", 999_989, state(None, 0, 0)),
        ("just after the window", 1_000_011, state(None, 0, 0)),
        ("the earliest of the reset window", 999_880, state(None, 0, 0)),
        ("the latest of the reset window", 1_000_120, state(None, 0, 0)),
        ("just before the reset window", 999_879, state(None, 0, 0)),
        ("just after the reset window", 1_000_121, state(None, 0, 0)),
        ("the one that was accepted last", 1_000_000, state(Some(1_000_000), 0, 0)),
        ("one before the last", 999_999, state(Some(1_000_000), 0, 0)),
        ("one after the last", 1_000_001, state(Some(1_000_000), 0, 0)),
        ("the window moves with the drift", 1_000_015, state(Some(1_000_001), 8, 0)),
        ("outside the window that has moved", 999_995, state(Some(999_000), 8, 0)),
        ("used, and outside the window", 999_950, state(Some(1_000_000), 0, 0)),
    ] {
        let typed = code(of, Digits::EIGHT);
        let judged = judge(&key, Digits::EIGHT, &typed, now, &state, window, reset_window);
        let after = match judged {
            Match::Accepted(step) => Some(state.accepted(step, now, window)),
            _ => None,
        };
        time.push(json!({
            "about": about, "step_of_code": of, "code": typed.to_string(),
            "state": {"last": state.last.map(TimeStep::number), "drift": state.drift, "drift_at_reset": state.drift_at_reset},
            "expected": verdict(judged, TimeStep::number),
            "after": after.map(|after| json!({"last": after.last.map(TimeStep::number), "drift": after.drift, "drift_at_reset": after.drift_at_reset})),
        }));
    }
    let other_length = code(1_000_000, Digits::SIX);
    let judged = judge(&key, Digits::EIGHT, &other_length, now, &TimeState::NEW, window, reset_window);
    time.push(json!({
        "about": "a right code of another length", "step_of_code": 1_000_000, "code": other_length.to_string(),
        "state": {"last": null, "drift": 0, "drift_at_reset": 0},
        "expected": verdict(judged, TimeStep::number), "after": null,
    }));

    // Slow typing does not creep: the drift stays within one window of what the last reset made it.
    let creep: Vec<Value> = [(0, 1_000_010), (1, 1_000_021), (2, 1_000_022)]
        .into_iter()
        .scan(TimeState::NEW, |state, (later, of)| {
            let now = now.moved(later);
            let judged = judge(&key, Digits::EIGHT, &code(of, Digits::EIGHT), now, state, window, reset_window);
            if let Match::Accepted(step) = judged {
                *state = state.accepted(step, now, window);
            }
            Some(json!({"now": now.number(), "step_of_code": of, "expected": verdict(judged, TimeStep::number), "drift_after": state.drift}))
        })
        .collect();

    let reset: Vec<Value> = [
        ("far behind", 999_900, 999_901, None),
        ("far ahead", 1_000_119, 1_000_120, None),
        ("not consecutive", 999_900, 999_902, None),
        ("out of the reset window", 999_879, 999_880, None),
        ("used before", 999_900, 999_901, Some(999_900)),
    ]
    .into_iter()
    .map(|(about, first, second, last)| {
        let (first, second) = (code(first, Digits::EIGHT), code(second, Digits::EIGHT));
        let found = find_consecutive(&key, Digits::EIGHT, (&first, &second), now, &state(last, 0, 0), reset_window);
        let drift = found.map(|step| TimeState::reset(step, now).drift);
        json!({
            "about": about, "codes": [first.to_string(), second.to_string()], "last": last,
            "second_step": found.map(TimeStep::number), "drift_after": drift,
        })
    })
    .collect();

    let events: Vec<Value> = [
        ("the next one", 1000),
        ("the last of the window", 1009),
        ("just after the window", 1010),
        ("the last of the reset window", 1079),
        ("just after the reset window", 1080),
        ("the one before", 999),
        ("as far back as the window reaches", 990),
        ("further back", 989),
    ]
    .into_iter()
    .map(|(about, of)| {
        let typed: Code = key.hotp(of, Digits::EIGHT);
        let judged = judge_event(&key, Digits::EIGHT, &typed, 1000, 10, 80);
        let expected = verdict(judged, |counter| i64::try_from(counter).unwrap());
        json!({"about": about, "counter_of_code": of, "code": typed.to_string(), "expected": expected})
    })
    .collect();
    let event_reset: Vec<Value> = [
        ("ahead", 1050, 1051),
        ("the last ones of the reset window", 1079, 1080),
        ("out of the reset window", 1080, 1081),
        ("not consecutive", 1050, 1052),
        ("used before", 998, 999),
    ]
    .into_iter()
    .map(|(about, first, second)| {
        let (first, second) = (key.hotp(first, Digits::EIGHT), key.hotp(second, Digits::EIGHT));
        let found = find_consecutive_events(&key, Digits::EIGHT, (&first, &second), 1000, 80);
        json!({"about": about, "codes": [first.to_string(), second.to_string()], "second_counter": found})
    })
    .collect();
    check(
        "codes-v1.json",
        &json!({
            "about": "Codes, and which of them a server accepts. Secrets are in hexadecimal. The codes of `totp` with eight digits are those of RFC 6238, appendix B; those of `hotp` are RFC 4226, appendix D.",
            "totp": totp,
            "hotp": {"hash": "sha1", "secret": hex(b"12345678901234567890"), "codes": hotp},
            "acceptance": {"hash": "sha256", "digits": 8, "secret": hex(key_bytes.expose()), "now": now.number(), "window": window, "reset_window": reset_window, "cases": time},
            "creep": {"about": "one after the other, from a fresh state, with key and windows of `acceptance`", "codes": creep},
            "reset": {"about": "with key and windows of `acceptance`", "cases": reset},
            "events": {"about": "with the key of `acceptance`", "next": 1000, "window": 10, "reset_window": 80, "cases": events},
            "event_reset": {"about": "with key and windows of `events`", "cases": event_reset},
        }),
    );
}

/// A compact JWS by hand.
fn jws(header: &str, payload: &[u8], key: &SigningKey) -> String {
    use p256::ecdsa::signature::Signer;
    let key = p256::ecdsa::SigningKey::from_bytes(key.to_secret().expose().into()).unwrap();
    let input = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(payload));
    let signature: p256::ecdsa::Signature = key.sign(input.as_bytes());
    format!("{input}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
}

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

#[test]
fn signed_objects() {
    let device = SigningKey::from_secret(&secret("device key")).unwrap();
    let identity = SigningKey::from_secret(&secret("identity key")).unwrap();
    let serial: SerialNumber = "12345-67890".parse().unwrap();
    let question = Question { aud: identity.public_key().hash(), serial, nonce: [7; 16].into(), keys: None };
    let answer = Answer {
        aud: serial,
        nonce: question.nonce.clone(),
        time: noon(),
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::new(3),
        issuer: "Example Co".parse().unwrap(),
        label: None,
        keys: None,
    };
    let asked = device.sign_object(&question).unwrap();
    let answered = identity.sign_object(&answer).unwrap();
    let header = |typ: &str| format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
    assert_eq!(asked, jws(&header(Question::TYP), &json_bytes(&question), &device));
    assert_eq!(answered, jws(&header(Answer::TYP), &json_bytes(&answer), &identity));
    assert_eq!(signed::verify::<Question>(&asked, &device.public_key()).unwrap(), question);
    assert_eq!(signed::verify::<Answer>(&answered, &identity.public_key()).unwrap(), answer);

    let payload = json_bytes(&question);
    let typ = Question::TYP;
    let refused: Vec<Value> = [
        ("no algorithm", format!(r#"{{"alg":"none","typ":"{typ}"}}"#)),
        ("another algorithm", format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)),
        ("another kind of object", header(Answer::TYP)),
        ("no typ", r#"{"alg":"ES256"}"#.into()),
        ("a key of its own", format!(r#"{{"alg":"ES256","typ":"{typ}","jwk":{{}}}}"#)),
        ("an address of a key", format!(r#"{{"alg":"ES256","typ":"{typ}","jku":"https://evil.example"}}"#)),
        ("a certificate", format!(r#"{{"alg":"ES256","typ":"{typ}","x5c":[]}}"#)),
        ("an extension", format!(r#"{{"alg":"ES256","typ":"{typ}","crit":["exp"]}}"#)),
        ("a parameter twice", format!(r#"{{"alg":"ES256","alg":"ES256","typ":"{typ}"}}"#)),
    ]
    .into_iter()
    .map(|(about, header)| {
        let text = jws(&header, &payload, &device);
        assert!(signed::verify::<Question>(&text, &device.public_key()).is_err(), "{about}");
        json!({"about": about, "jws": text})
    })
    .chain(std::iter::once({
        let text = jws(&header(typ), &payload, &identity);
        assert!(signed::verify::<Question>(&text, &device.public_key()).is_err());
        json!({"about": "signed by another key", "jws": text})
    }))
    .collect();
    let key = |key: &SigningKey| {
        json!({
            "secret": hex(key.to_secret().expose()),
            "public": key.public_key().to_sec1().to_string(),
            "hash": key.public_key().hash().to_string(),
        })
    };
    let request = ContactRequest { serial, question: asked };
    let reply = ContactReply { answer: answered };
    check(
        "jws-v1.json",
        &json!({
            "about": "Signed objects: a contact, both ways. Public keys and their hashes are in base64url, secrets in hexadecimal. Signatures are deterministic (RFC 6979), and another signature over the same bytes is as good. Nothing under `refused` verifies as a question by the device key.",
            "device_key": key(&device),
            "identity_key": key(&identity),
            "question": {"typ": Question::TYP, "payload": String::from_utf8(payload).unwrap()},
            "answer": {"typ": Answer::TYP, "payload": String::from_utf8(json_bytes(&answer)).unwrap()},
            "request": request,
            "reply": reply,
            "refused": refused,
        }),
    );
}

/// A server whose identity key and TLS authority change: what a phone hears of it step by step, and what it knows then.
#[test]
fn keys_that_follow_others() {
    let [device, old, new, stranger] = ["device key", "identity key", "next identity key", "another key"]
        .map(|name| SigningKey::from_secret(&secret(name)).unwrap());
    let serial: SerialNumber = "12345-67890".parse().unwrap();
    let [first, second] = [[1; 32], [2; 32]].map(Bytes::<32>::from);
    let start = Online {
        address: "https://symbolon.example".parse().unwrap(),
        identity: old.public_key(),
        tls: Some(first.clone()),
        pending: None,
        comparison: None,
        keys: None,
    };
    let answer = |version: u64, next: Option<&SigningKey>, tls: &Bytes<32>| Answer {
        aud: serial,
        nonce: [7; 16].into(),
        time: noon(),
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::new(3),
        issuer: "Example Co".parse().unwrap(),
        label: None,
        keys: Some(AnnouncedKeys {
            version: KeysVersion::new(version),
            next_identity: next.map(SigningKey::public_key),
            tls: Some(tls.clone()),
        }),
    };
    // By hand: what verifies by neither key changes nothing; the key that is to follow is in force once it has signed; an
    // announcement counts unless it is older than the last one.
    let steps = [
        (
            "a next identity key is announced",
            &old,
            answer(1000, Some(&new), &first),
            Some((&old, Some(&new), 1000, &first)),
        ),
        ("an older announcement", &old, answer(999, Some(&stranger), &second), Some((&old, Some(&new), 1000, &first))),
        ("signed by a stranger", &stranger, answer(2000, Some(&stranger), &second), None),
        ("the next key takes over", &new, answer(2000, None, &first), Some((&new, None, 2000, &first))),
        ("signed by the key before", &old, answer(3000, Some(&old), &second), None),
        ("another TLS authority", &new, answer(3000, None, &second), Some((&new, None, 3000, &second))),
    ];
    let mut online = start;
    let steps: Vec<Value> = steps
        .into_iter()
        .map(|(about, signer, answer, expected)| {
            let header = format!(r#"{{"alg":"ES256","typ":"{}"}}"#, Answer::TYP);
            let signed = jws(&header, &json_bytes(&answer), signer);
            let known = online.keys.clone();
            let question = Question {
                aud: online.identity.hash(),
                serial,
                nonce: [7; 16].into(),
                keys: known.map(|it| it.version),
            };
            let asked = device.sign_object(&question).unwrap();
            let after = online.read_signed::<Answer>(&signed).ok().map(|(read, by)| {
                assert_eq!(read, answer, "{about}");
                online.after_contact(by, read.keys.as_ref())
            });
            let knows =
                expected.map(|(identity, next, version, tls): (&SigningKey, Option<&SigningKey>, u64, _)| Online {
                    identity: identity.public_key(),
                    tls: Some(tls.clone()),
                    keys: Some(HeardKeys {
                        version: KeysVersion::new(version),
                        next_identity: next.map(SigningKey::public_key),
                    }),
                    ..online.clone()
                });
            assert_eq!(after, knows, "{about}");
            online = after.unwrap_or_else(|| online.clone());
            json!({
                "about": about,
                "question": asked,
                "answer": signed,
                "taken": knows.is_some(),
                "identity": online.identity,
                "tls": online.tls,
                "keys": online.keys,
            })
        })
        .collect();
    let public = |key: &SigningKey| json!({"secret": hex(key.to_secret().expose()), "public": key.public_key()});
    check(
        "succession-v1.json",
        &json!({
            "about": "Contacts in their order, and what the phone has pinned and keeps after each: `identity`, `tls` and `keys` as in the header of a vault. An answer that is not taken changes nothing. Secrets are in hexadecimal, all else in base64url.",
            "device_key": public(&device),
            "identity_key": public(&old),
            "next_identity_key": public(&new),
            "steps": steps,
        }),
    );
}

/// OPAQUE as the specification configures it, for the phone that is written by hand here.
struct Suite;

impl opaque_ke::CipherSuite for Suite {
    type OprfCs = opaque_ke::Ristretto255;
    type KeyExchange = opaque_ke::key_exchange::tripledh::TripleDh<opaque_ke::Ristretto255, sha2::Sha512>;
    type Ksf = opaque_ke::ksf::Identity;
}

/// What a phone has when the server has answered: everything by hand from `docs/protocol.md`.
struct ByHand {
    context: [u8; 32],
    opaque_session_key: Vec<u8>,
    ke3: Vec<u8>,
    kem_shared_secret: Vec<u8>,
    transcript: [u8; 32],
    prk: Vec<u8>,
}

fn prove_by_hand(vector: &Value) -> ByHand {
    use ml_kem::kem::FromSeed;
    let text = |place: &str| vector.pointer(place).and_then(Value::as_str).unwrap().to_owned();
    let bytes = |place: &str| HEXLOWER.decode(text(place).as_bytes()).unwrap();
    let url = |place: &str| BASE64URL_NOPAD.decode(text(place).as_bytes()).unwrap();
    let serial = text("/ticket/serial").replace('-', "");
    let (ke1, ke2) = (url("/message_1/ke1"), url("/message_2/ke2"));
    let identity_key = url("/message_2/identity_key");
    let identity: [u8; 32] = Sha256::digest(&identity_key).into();
    let time: Timestamp = text("/message_2/time").parse().unwrap();
    let context: [u8; 32] = Sha256::digest(frame(&[
        b"symbolon/1/context",
        &url("/message_1/versions"),
        serial.as_bytes(),
        &url("/message_1/encapsulation_key"),
        &[1],
        &url("/message_2/session"),
        &url("/message_2/ciphertext"),
        &identity_key,
        &u64::try_from(time.as_millisecond()).unwrap().to_be_bytes(),
    ]))
    .into();

    // The phone's state in OPAQUE: its blind, KE1, and the secret and nonce of its key exchange.
    let state = [
        bytes("/phone/opaque_blind"),
        ke1.clone(),
        bytes("/phone/opaque_ephemeral_secret"),
        bytes("/phone/opaque_nonce"),
    ]
    .concat();
    let login = opaque_ke::ClientLogin::<Suite>::deserialize(&state).unwrap();
    let parameters = opaque_ke::ClientLoginFinishParameters::new(
        Some(&context),
        opaque_ke::Identifiers { client: Some(serial.as_bytes()), server: Some(&identity) },
        None,
    );
    let response = opaque_ke::CredentialResponse::deserialize(&ke2).unwrap();
    let password = text("/ticket/password");
    let finished = login.finish(&mut Stream::new("unused"), password.as_bytes(), response, parameters).unwrap();
    let ke3 = finished.message.serialize().to_vec();

    let seed = ml_kem::Seed::try_from(bytes("/phone/ml_kem_seed").as_slice()).unwrap();
    let (secret_key, _) = ml_kem::MlKem768::from_seed(&seed);
    let shared = ml_kem::kem::Decapsulate::decapsulate_slice(&secret_key, &url("/message_2/ciphertext")).unwrap();
    let transcript: [u8; 32] = Sha256::digest(frame(&[b"symbolon/1/transcript", &context, &ke1, &ke2, &ke3])).into();
    let opaque_session_key = finished.session_key.to_vec();
    let kem_shared_secret = shared.to_vec();
    let prk = extract(&transcript, &[opaque_session_key.as_slice(), &kem_shared_secret].concat());
    ByHand { context, opaque_session_key, ke3, kem_shared_secret, transcript, prk }
}

fn description() -> DeviceDescription {
    DeviceDescription {
        platform: "desktop".parse().unwrap(),
        model: "Example OS 1".parse().unwrap(),
        app: "symbolon 0.1.0".parse().unwrap(),
        key_protection: "software".parse().unwrap(),
        signals: Signals::default(),
    }
}

/// A whole online activation. It holds for as long as opaque-ke draws its randomness in the same order, which is why its
/// version is pinned; `prove_by_hand` holds for any.
#[test]
fn activation() {
    // A server, and a ticket of it.
    let setup = Setup::generate(&mut Stream::new("server setup"));
    let identity = SigningKey::from_secret(&secret("identity key")).unwrap();
    let public = identity.public_key();
    let data_key = secret("server data key");
    let handshake_key = SealingKey::derive(&data_key, Label::ServerHandshake);
    let keys = ServerKeys { setup: &setup, handshake: &handshake_key, identity: &public };
    let serial: SerialNumber = "12345-67890".parse().unwrap();
    let password: ActivationPassword = "1234567890123456".parse().unwrap();
    let record = setup.record(&mut Stream::new("record"), serial, &public, &password).unwrap();
    let server = "https://symbolon.example:8443".parse().unwrap();
    let ticket = Ticket { server, serial, password, identity: Some(public.hash()), tls: Some([2; 32].into()) };

    // Messages 1 and 2.
    let mut rng = Stream::new("phone");
    let started = Started::new(&mut rng, &ticket).unwrap();
    let mut same = Stream::new("phone");
    let login = opaque_ke::ClientLogin::<Suite>::start(&mut same, b"1234567890123456").unwrap();
    let mut ml_kem_seed = [0; 64];
    same.fill_bytes(&mut ml_kem_seed);
    let login = login.state.serialize();
    assert_eq!(&login[32..128], started.request().ke1.as_slice());
    let request = started.request().clone();
    let mut answers = Stream::new("server");
    let reply =
        answer(&mut answers, keys, Record { opaque: &record, ticket: 7 }, Opening::read(&request).unwrap(), noon())
            .unwrap();
    let mut same = Stream::new("server");
    let mut ml_kem_message = [0; 32];
    same.fill_bytes(&mut ml_kem_message);
    let mut vector = json!({
        "about": "A whole online activation, with all that is random in it. Messages are as they are sent, with bytes in base64url; everything else is in hexadecimal, or text where it is text. `phone` and `server` hold what only one side knows.",
        "ticket": {
            "link": ticket.link(), "server": ticket.server.to_string(), "serial": serial.to_string(),
            "password": ticket.password.expose(), "identity": ticket.identity, "tls": ticket.tls,
        },
        "phone": {
            "opaque_blind": hex(&login[..32]),
            "opaque_ephemeral_secret": hex(&login[128..160]),
            "opaque_nonce": hex(&login[160..192]),
            "ml_kem_seed": hex(ml_kem_seed),
            "device_key": hex(secret("device key").expose()),
        },
        "server": {
            "about": "opaque_setup: the OPRF seed (64 bytes), the private key of its key exchange (32) and a public key that this protocol does not use (32). opaque_record: the phone's public key (32), the masking key (64) and the envelope (96).",
            "opaque_setup": hex(setup.to_bytes().expose()),
            "opaque_record": hex(&record),
            "identity_key": hex(identity.to_secret().expose()),
            "ml_kem_message": hex(ml_kem_message),
        },
        "message_1": request,
        "message_2": reply,
    });
    let by_hand = prove_by_hand(&vector);
    assert_state(&handshake_key, &reply, &by_hand);

    // Messages 3 and 4.
    let device = SigningKey::from_secret(&secret("device key")).unwrap();
    let proven = started.prove(&mut rng, &reply).unwrap();
    assert_eq!(proven.attestation_challenge().to_vec(), expand(&by_hand.prk, "symbolon/1/attestation-challenge", 32));
    let signature = device.sign(proven.binding().unwrap().as_bytes());
    let finishing = proven.finish(device.public_key(), &signature, None, description()).unwrap();
    let message_3: FinishRequest = finishing.request().clone();
    assert_eq!(message_3.ke3.as_slice(), by_hand.ke3);
    let phone_key = expand(&by_hand.prk, "symbolon/1/registration/phone", 32);
    let sealed_device = open(&phone_key, &[0; 12], b"", message_3.sealed.as_slice());
    let binding: Value = payload_of(&serde_json::from_slice::<Value>(&sealed_device).unwrap()["binding"]);
    assert_eq!(binding["transcript"], json!(BASE64URL_NOPAD.encode(&by_hand.transcript)));
    let finished = server::finish(keys, &message_3, noon()).unwrap();
    assert_eq!(finished.ticket, 7);
    assert_eq!(finished.device(&message_3).unwrap().key, device.public_key());
    let mut code_keys = serde_json::Map::new();
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
        let made = finished.token_keys(hash).code;
        assert_eq!(made.expose(), expand(&by_hand.prk, "symbolon/1/code", hash.output_length()));
        code_keys.insert(hash.name().into(), json!(hex(made.expose())));
    }
    let registration = Registration {
        serial,
        issuer: "Example Co".parse().unwrap(),
        account: "alice".parse().unwrap(),
        label: Some("Work laptop".parse().unwrap()),
        hash: Hash::Sha256,
        digits: Digits::EIGHT,
        period: Period::STANDARD,
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::new(3),
        tls: ticket.tls.clone(),
        time: noon(),
        moves_from: None,
    };
    let message_4 = finished.reply(&registration).unwrap();
    let server_key = expand(&by_hand.prk, "symbolon/1/registration/server", 32);
    let sealed_registration = open(&server_key, &[0; 12], b"", message_4.sealed.as_slice());
    let registered = finishing.open(&message_4).unwrap();
    assert_eq!(registered.registration, registration);

    // Messages 5 and 6.
    let step = TimeStep::at(noon(), Period::STANDARD);
    let code = OtpKey::prepare(Hash::Sha256, registered.keys.code.expose()).totp(step, Digits::EIGHT);
    let session = registered.session.clone();
    let input = phone::confirmation(registered.identity.clone(), serial, session.clone(), &code).unwrap();
    let signature = device.sign(input.as_bytes());
    let message_5 = phone::confirm(session, input, &signature);
    assert!(confirmed_code(&message_5, serial, &public, &device.public_key()).unwrap() == code);
    let message_6 = ConfirmReply { serial, activated_at: noon() };

    let token = &registered.keys;
    let derived: [(&str, &[u8]); 4] = [
        ("symbolon/1/challenge-response", token.challenge_response.expose()),
        ("symbolon/1/factor/pin", token.factor_pin.secret().expose()),
        ("symbolon/1/factor/later", token.factor_later.expose()),
        ("symbolon/1/unlock", token.unlock.expose()),
    ];
    for (label, made) in derived {
        assert_eq!(made, expand(&by_hand.prk, label, 32), "{label}");
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let rest = json!({
        "context": hex(by_hand.context),
        "transcript": hex(by_hand.transcript),
        "opaque_session_key": hex(&by_hand.opaque_session_key),
        "kem_shared_secret": hex(&by_hand.kem_shared_secret),
        "master": hex(&by_hand.prk),
        "keys": {
            "symbolon/1/registration/phone": hex(&phone_key),
            "symbolon/1/registration/server": hex(&server_key),
            "symbolon/1/attestation-challenge": hex(expand(&by_hand.prk, "symbolon/1/attestation-challenge", 32)),
            "symbolon/1/code": code_keys,
            "symbolon/1/challenge-response": hex(derived[0].1),
            "symbolon/1/factor/pin": hex(derived[1].1),
            "symbolon/1/factor/later": hex(derived[2].1),
            "symbolon/1/unlock": hex(derived[3].1),
        },
        "message_3": message_3,
        "device": text(&sealed_device),
        "binding": binding,
        "message_4": message_4,
        "registration": text(&sealed_registration),
        "message_5": message_5,
        "confirmation": payload_of(&json!(message_5.confirmation)),
        "message_6": message_6,
    });
    vector.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    check("activation-v1.json", &vector);
}

/// The server's own state, which only it must understand: it has the same context and the same shared secret.
fn assert_state(key: &SealingKey, reply: &StartReply, by_hand: &ByHand) {
    let plain = key.open(reply.session.as_slice(), reply.state.as_slice()).unwrap();
    let mut reader = FrameReader::new(plain.expose());
    assert_eq!(reader.number().unwrap(), u64::try_from(noon().as_millisecond()).unwrap());
    assert_eq!((reader.number().unwrap(), reader.number().unwrap()), (1_234_567_890, 7));
    assert_eq!(reader.array().unwrap(), &by_hand.context);
    let (_ke1, _ke2, _login) = (reader.field().unwrap(), reader.field().unwrap(), reader.field().unwrap());
    assert_eq!(reader.field().unwrap(), by_hand.kem_shared_secret);
    reader.finish().unwrap();
}

/// The payload of a compact JWS, unverified.
fn payload_of(jws: &Value) -> Value {
    let payload = jws.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

/// What is checked in can be followed by hand from its own values alone, whatever our own code does.
#[test]
fn the_activation_that_was_released_can_be_followed_by_hand() {
    let vector: Value = serde_json::from_str(include_str!("../vectors/activation-v1.json")).unwrap();
    let by_hand = prove_by_hand(&vector);
    for (place, made) in [
        ("context", by_hand.context.as_slice()),
        ("transcript", &by_hand.transcript),
        ("opaque_session_key", &by_hand.opaque_session_key),
        ("kem_shared_secret", &by_hand.kem_shared_secret),
        ("master", &by_hand.prk),
    ] {
        assert_eq!(vector[place], json!(hex(made)), "{place}");
    }
    assert_eq!(vector["message_3"]["ke3"], json!(BASE64URL_NOPAD.encode(&by_hand.ke3)));
    for (key, message, plain) in [
        ("symbolon/1/registration/phone", "message_3", "device"),
        ("symbolon/1/registration/server", "message_4", "registration"),
    ] {
        let sealed = vector[message]["sealed"].as_str().unwrap();
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).unwrap();
        let opened = open(&expand(&by_hand.prk, key, 32), &[0; 12], b"", &sealed);
        assert_eq!(vector[plain].as_str().unwrap().as_bytes(), opened, "{plain}");
    }
}

/// The audit's chain. The entries were written by a running server; the hashes are what its `audit verify` says of them.
#[test]
fn audit_chain() {
    let vector: Value = serde_json::from_str(include_str!("../vectors/audit-v1.json")).unwrap();
    let mut previous = [0; 32];
    for entry in vector["entries"].as_array().unwrap() {
        let text = entry["entry"].as_str().unwrap();
        previous = Sha256::digest(frame(&[b"symbolon/1/audit", &previous, text.as_bytes()])).into();
        assert_eq!(entry["hash"], json!(hex(previous)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(text).unwrap()["sequence"], entry["sequence"]);
    }
    assert_eq!(vector["head"], json!(hex(previous)));
}

/// Argon2id by hand, as RFC 9106 has it: 64 MiB, three passes, one lane.
fn argon2id(password: &[u8], salt: &[u8]) -> Vec<u8> {
    use argon2::{Algorithm, Argon2, Params, Version};
    let params = Params::new(64 * 1024, 3, 1, Some(32)).unwrap();
    let mut output = vec![0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(password, salt, &mut output).unwrap();
    output
}

/// One activation without a network: what goes in, each step by hand, and what both halves made of it.
fn offline_case(about: &str, text: &str, secret: &[u8], password: &str, phone: &Registered, half: Half) -> Value {
    let registration = phone.registration.digits();
    let typed = frame(&[password.as_bytes(), registration.as_bytes()]);
    let salt = frame(&[b"1234567890", secret]);
    let stretched = argon2id(&typed, &salt);
    let ticket = sha256(&frame(&[b"symbolon/1/offline", text.as_bytes()]));
    let seed = extract(&ticket, &frame(&[secret, &stretched]));
    let code_key = expand(&seed, "symbolon/1/code", 32);
    let challenge_response = expand(&seed, "symbolon/1/challenge-response", 32);
    assert_eq!(phone.keys.code.expose(), code_key);
    assert_eq!(phone.keys.challenge_response.expose().as_slice(), challenge_response);
    let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let step = TimeStep::at(now, phone.format.period);
    let code = OtpKey::prepare(phone.format.hash, &code_key).totp(step, phone.format.digits);
    let completed = half.register(&phone.registration).judge(&code, now, 10).expect("the halves agree");
    assert_eq!(completed.state.last, Some(step));
    json!({
        "about": about,
        "qr": text,
        "secret": hex(secret),
        "serial": "12345-67890",
        "password": password,
        "registration_code": registration,
        "argon2id": {"password": hex(typed), "salt": hex(salt), "output": hex(stretched)},
        "ticket_hash": hex(ticket),
        "seed": hex(seed),
        "code_key": hex(code_key),
        "challenge_response_key": hex(challenge_response),
        "time": now.to_string(),
        "hash": phone.format.hash.name(),
        "code": code.to_string(),
    })
}

#[test]
fn offline() {
    let offer = Offer {
        serial: "12345-67890".parse().unwrap(),
        issuer: "Example & Co".parse().unwrap(),
        account: "ana@symbolon.example".parse().unwrap(),
        label: Some("Anas Händi".parse().unwrap()),
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::new(7),
        expires_at: "2026-11-25T12:05:00Z".parse().unwrap(),
        server: Some("https://symbolon.example:8443".parse().unwrap()),
        identity: [1; 32].into(),
        tls: Some([2; 32].into()),
    };
    let made = OfflineTicket::generate(&mut Stream::new("offline/qr"), offer).unwrap();
    let text = made.text().to_owned();
    let mut secret = [0; 16];
    Stream::new("offline/qr").fill_bytes(&mut secret);
    assert!(text.contains(&format!("&q={}&", BASE64URL_NOPAD.encode(&secret))));
    let password = OfflinePassword::generate(&mut Stream::new("offline/password"), 12);
    let half = Half::scanned(&made, &password);
    let read: OfflineTicket = text.parse().unwrap();
    let phone = Begun::scanned(&mut Stream::new("offline/registration"), read, &password).derive();
    let scanned = offline_case("by QR and password", &text, &secret, password.expose(), &phone, half);

    let serial = "12345-67890".parse().unwrap();
    let password = ActivationPassword::generate(&mut Stream::new("offline/code"), 16);
    let half = Half::typed(serial, &password);
    let phone = Begun::typed(&mut Stream::new("offline/registration"), None, serial, &password).derive();
    let typed = offline_case("typed: no QR, no secret", "", &[], password.expose(), &phone, half);

    let refused: Vec<Value> = [
        text.replace("v=1", "v=2"),
        text.replace("&q=", "&q=AA"),
        text.replace("&k=", "&x="),
        text.replace("require_attestation.false", "require_attestation"),
        format!("{text}&s=1234567890"),
        text.replace("symbolon://offline", "symbolon://activate"),
    ]
    .into_iter()
    .map(|text| json!({"text": text, "error": text.parse::<OfflineTicket>().unwrap_err().to_string()}))
    .collect();
    let codes = ["1234567890", "123 456 7890", "123-456-7890", "123456789", "12345678901", "12345x7890"];
    let registration: Vec<Value> = codes
        .into_iter()
        .map(|text| {
            let read = text.parse::<RegistrationCode>().ok();
            json!({"text": text, "digits": read.map(|code| code.digits()), "shown": read.map(|code| code.grouped())})
        })
        .collect();
    check(
        "offline-v1.json",
        &json!({
            "about": "Activation without a network. Bytes are in hexadecimal. A frame of the password and the registration code is stretched by Argon2id (64 MiB, 3 passes, 1 lane, 32 bytes) under a frame of serial number and secret; HKDF-Extract takes the hash of the QR's text for its salt, and a frame of secret and stretched password.",
            "activations": [scanned, typed],
            "refused": refused,
            "registration_codes": registration,
        }),
    );
}
