//! Approvals, receipts, typed challenges, QRs and moves, and what a phone says of biometrics and of where it is woken.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use rand_core::{CryptoRng, RngCore};
use serde_json::{Value, json};
use symbolon_core::access::{Assertion, digest};
use symbolon_core::approval::offline::OfflineRequest;
use symbolon_core::approval::{
    Answer, Context, Decision, Detail, Details, Factor, JudgedAttestation, MutualPrompt, Opened, Receipt, Request,
    Statement, Transaction, request_hash,
};
use symbolon_core::biometrics::{BiometricsOn, BiometricsUpdate, seal_factor_key};
use symbolon_core::encoding::Bytes;
use symbolon_core::integrity::Signals;
use symbolon_core::keys::FactorKey;
use symbolon_core::moving::{Ask, Cancel, ComparisonCode, Consent, Look, Newcomer, Offer, Progress, Proven, View};
use symbolon_core::otp::{TimeStep, details_challenge, respond_question, respond_typed};
use symbolon_core::policy::MutualChallengeAlphabet;
use symbolon_core::push::{PushAddress, PushUpdate};
use symbolon_core::secret::Secret;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::SigningKey;

use crate::by_hand::{check, extract as mac, frame, hex, open, sha256};

fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn decoded(text: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_str().unwrap().as_bytes()).unwrap()
}

/// A secret of the vectors: the SHA-256 of its name.
fn secret(name: &str) -> Secret<32> {
    Secret::from_slice(&sha256(name.as_bytes())).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_secret(&secret(name)).unwrap()
}

fn serial() -> SerialNumber {
    "12345-67890".parse().unwrap()
}

fn noon() -> Timestamp {
    "2027-01-15T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    noon() + jiff::SignedDuration::from_secs(seconds)
}

fn millis(time: &Value) -> [u8; 8] {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.as_millisecond().cast_unsigned().to_be_bytes()
}

/// Checks a JWS by hand, with the key as 65 bytes; answers its payload.
fn by_hand(jws: &Value, point: &[u8], typ: &str) -> Value {
    let (input, signature) = jws.as_str().unwrap().rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let header = String::from_utf8(BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    assert_eq!(header, format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#));
    let signature = Signature::from_slice(&BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap()).unwrap();
    VerifyingKey::from_sec1_bytes(point).unwrap().verify(input.as_bytes(), &signature).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

fn transaction() -> Transaction {
    let detail = |name: &str, value: &str| Detail { name: name.parse().unwrap(), value: value.parse().unwrap() };
    let details = vec![detail("To", "ES91 2100 0418"), detail("Amount", "12.50 EUR")];
    Transaction {
        summary: "Pay 12.50 EUR to Ana Gómez".parse().unwrap(), details: Details::try_from(details).unwrap()
    }
}

fn request() -> Request {
    Request {
        aud: serial(),
        id: [1; 16].into(),
        issuer: "Example Bank".parse().unwrap(),
        account: "alice".parse().unwrap(),
        application: "shop".parse().unwrap(),
        issued_at: noon(),
        expires_at: later(300),
        context: Some(Context { address: Some("192.0.2.7".parse().unwrap()), ..Context::default() }),
        transaction: Some(transaction()),
        mutual_challenge: Some(MutualPrompt::Enter { length: 2, alphabet: MutualChallengeAlphabet::Digits }),
    }
}

fn answer(request: &str, decision: Decision, value: Option<&str>, opened: Opened) -> Answer {
    Answer {
        aud: key("identity").public_key().hash(),
        serial: serial(),
        request: request_hash(request),
        decision,
        mutual_challenge: value.map(|value| value.parse().unwrap()),
        time: later(10),
        opened,
        signals: Signals::default(),
        factor: None,
    }
}

#[test]
fn approvals() {
    let (identity, device) = (key("identity"), key("device"));
    let factor = FactorKey::from_secret(secret("pin factor"));
    let device_key = device.public_key();
    let assertion = Assertion {
        iss: serial(),
        sub: serial(),
        aud: identity.public_key().hash(),
        jti: [2; 16].into(),
        iat: noon().as_second(),
        exp: noon().as_second() + 60,
    };
    let asked = identity.sign_object(&request()).unwrap();
    let confirm = answer(&asked, Decision::Confirm, Some("42"), Opened::Pin).proven_by(&factor, &device_key);
    let concern = answer(&asked, Decision::Concern, None, Opened::Device);
    let confirmed = device.sign_object(&confirm).unwrap();
    let statement = Statement {
        id: [1; 16].into(),
        request: request_hash(&asked),
        answer: sha256(confirmed.as_bytes()).into(),
        serial: serial(),
        user: "alice".parse().unwrap(),
        device_key: device_key.hash(),
        factors: vec![Factor::Possession, Factor::Knowledge],
        attestation: Some(JudgedAttestation {
            hash: sha256(b"attested").into(),
            challenge: sha256(b"challenge").into(),
            attested_at: noon(),
            accepted: true,
            platform: Some("android".parse().unwrap()),
            security_level: Some("strong_box".parse().unwrap()),
        }),
        time: later(11),
    };
    let receipt = Receipt {
        version: 1,
        request: asked.clone(),
        answer: confirmed.clone(),
        statement: identity.sign_object(&statement).unwrap(),
        identity_key: identity.public_key(),
        device_key: device_key.clone(),
        attestation: Some(Bytes::new(b"attested").unwrap()),
    };
    assert!(receipt.verify(Some(&identity.public_key().hash())).is_ok());
    let offline = OfflineRequest {
        id: [3; 16].into(),
        issuer: "Example Bank".parse().unwrap(),
        serials: vec![serial()],
        expires_at: later(300),
        transaction: transaction(),
    };
    let response_key = secret("challenge-response");
    let step = TimeStep::from_number(60_000_000);
    let digits = details_challenge(&["ES91 2100 0418", "12.50 EUR"]).unwrap();
    let question = offline.question(serial());
    let made = json!({
        "keys": {
            "identity": base64(identity.public_key().to_sec1().as_slice()),
            "device": base64(device_key.to_sec1().as_slice()),
            "identity_secret": hex(identity.to_secret().expose()),
            "device_secret": hex(device.to_secret().expose()),
            "pin_factor": hex(secret("pin factor").expose()),
            "challenge_response": hex(response_key.expose()),
        },
        "assertion": device.sign_object(&assertion).unwrap(),
        "request": asked,
        "answers": {"confirm": confirmed, "concern": device.sign_object(&concern).unwrap()},
        "receipt": receipt,
        "typed": {
            "step": step.number(),
            "challenge": "12345678",
            "response": respond_typed(&response_key, &"12345678".parse().unwrap(), step).to_string(),
            "details": ["ES91 2100 0418", "12.50 EUR"],
            "details_challenge": digits.digits(),
            "details_response": respond_typed(&response_key, &digits, step).to_string(),
        },
        "offline_qr": {
            "step": step.number(),
            "qr": offline.qr().unwrap(),
            "question": hex(question),
            "response": respond_question(&response_key, question, step).to_string(),
        },
    });
    follow_approvals(&made);
    check("approvals-v1.json", &made);
}

/// What a stranger does who has the page and the file.
fn follow_approvals(vector: &Value) {
    let (identity, device) = (decoded(&vector["keys"]["identity"]), decoded(&vector["keys"]["device"]));
    let assertion = by_hand(&vector["assertion"], &device, "symbolon-assertion+jws");
    assert_eq!((&assertion["iss"], &assertion["aud"]), (&assertion["sub"], &json!(base64(&sha256(&identity)))));
    let asked = by_hand(&vector["request"], &identity, "symbolon-approval-request+jws");
    let hash = sha256(vector["request"].as_str().unwrap().as_bytes());
    for (name, opened) in [("confirm", "pin"), ("concern", "device")] {
        let answer = by_hand(&vector["answers"][name], &device, "symbolon-approval-answer+jws");
        assert_eq!((&answer["decision"], &answer["opened"]), (&json!(name), &json!(opened)));
        assert_eq!(answer["request"], base64(&hash));
        if opened == "device" {
            assert!(answer.get("factor").is_none());
            continue;
        }
        let input = frame(&[
            b"symbolon/1/approval/factor",
            &sha256(&identity),
            b"1234567890",
            &hash,
            name.as_bytes(),
            answer["mutual_challenge"].as_str().unwrap_or_default().as_bytes(),
            &millis(&answer["time"]),
            opened.as_bytes(),
            &sha256(&device),
        ]);
        let pin = HEXLOWER.decode(vector["keys"]["pin_factor"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(answer["factor"], base64(&mac(&pin, &input)));
    }
    let receipt = &vector["receipt"];
    let statement = by_hand(&receipt["statement"], &identity, "symbolon-receipt+jws");
    assert_eq!(statement["request"], base64(&hash));
    assert_eq!(statement["answer"], base64(&sha256(receipt["answer"].as_str().unwrap().as_bytes())));
    assert_eq!((&statement["id"], &statement["serial"]), (&asked["id"], &asked["aud"]));
    assert_eq!(statement["device_key"], base64(&sha256(&device)));
    assert_eq!(statement["attestation"]["hash"], base64(&sha256(&decoded(&receipt["attestation"]))));

    let hashed = sha256(&frame(&[b"symbolon/1/details", b"ES91 2100 0418", b"12.50 EUR"]));
    let number = u64::from_be_bytes(*hashed.first_chunk().unwrap()) % 100_000_000;
    assert_eq!(vector["typed"]["details_challenge"], format!("{number:08}"));
    let shown =
        frame(&["Pay 12.50 EUR to Ana Gómez", "To", "ES91 2100 0418", "Amount", "12.50 EUR"].map(str::as_bytes));
    let question = sha256(&frame(&[b"symbolon/1/offline-approval", &[3; 16], b"Example Bank", b"1234567890", &shown]));
    assert_eq!(vector["offline_qr"]["question"], hex(question));
    // The two responses by RFC 6287: HMAC over suite, zero byte, question of 128 bytes, time step.
    let key = HEXLOWER.decode(vector["keys"]["challenge_response"].as_str().unwrap().as_bytes()).unwrap();
    let step = vector["typed"]["step"].as_u64().unwrap().to_be_bytes();
    let respond = |suite: &str, question: &[u8]| {
        let mut block = question.to_vec();
        block.resize(128, 0);
        let mac = mac(&key, &[suite.as_bytes(), &[0], &block, &step].concat());
        let offset = usize::from(mac[31] & 15);
        let number = u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:08}", number % 100_000_000)
    };
    assert_eq!(vector["offline_qr"]["response"], respond("OCRA-1:HOTP-SHA256-8:QH64-T30S", &question));
    // 12345678 is bc614e in hexadecimal.
    assert_eq!(vector["typed"]["response"], respond("OCRA-1:HOTP-SHA256-8:QN08-T30S", &[0xbc, 0x61, 0x4e]));
}

#[test]
fn moving() {
    let (identity, old, new) = (key("identity"), key("device"), key("new device"));
    let factor = FactorKey::from_secret(secret("pin factor"));
    let (old_key, new_key) = (old.public_key(), new.public_key());
    let aud = identity.public_key().hash();
    let to: SerialNumber = "98765-43210".parse().unwrap();
    let transcript: Bytes<32> = sha256(b"transcript").into();
    let mut ask = Ask {
        aud: aud.clone(),
        serial: serial(),
        nonce: [4; 16].into(),
        time: noon(),
        opened: Opened::Pin,
        factor: None,
    };
    ask.factor = Some(ask.prove(&factor, &old_key));
    let offer = Offer {
        aud: serial(),
        nonce: [4; 16].into(),
        serial: to,
        ticket: "symbolon://activate?v=1&a=https%3A%2F%2Fsymbolon.example&s=9876543210&p=1234567890123456".into(),
        expires_at: later(300),
    };
    let look = Look { aud: aud.clone(), serial: serial(), nonce: [5; 16].into() };
    let newcomer = Newcomer {
        serial: to,
        session: [6; 16].into(),
        device_key: new_key.clone(),
        transcript: transcript.clone(),
        platform: "android".parse().unwrap(),
        model: "Example 1".parse().unwrap(),
        app: "Symbolon 1".parse().unwrap(),
    };
    let view = View { aud: serial(), nonce: [5; 16].into(), progress: Progress::Found(newcomer) };
    let mut consent = Consent {
        aud: aud.clone(),
        serial: serial(),
        to,
        session: [6; 16].into(),
        device_key: new_key.hash(),
        transcript: transcript.clone(),
        time: later(20),
        opened: Opened::Pin,
        factor: None,
    };
    consent.factor = Some(consent.prove(&factor, &old_key));
    let made = json!({
        "keys": {
            "identity": base64(identity.public_key().to_sec1().as_slice()),
            "old_device": base64(old_key.to_sec1().as_slice()),
            "new_device": base64(new_key.to_sec1().as_slice()),
            "pin_factor": hex(secret("pin factor").expose()),
        },
        "ask": old.sign_object(&ask).unwrap(),
        "offer": identity.sign_object(&offer).unwrap(),
        "look": old.sign_object(&look).unwrap(),
        "view": identity.sign_object(&view).unwrap(),
        "digits": ComparisonCode::derive(&aud, &old_key.hash(), &new_key.hash(), &transcript),
        "consent": old.sign_object(&consent).unwrap(),
        "cancel": old.sign_object(&Cancel { aud, serial: serial(), to }).unwrap(),
    });
    follow_moving(&made);
    check("moving-v1.json", &made);
}

/// What a stranger does who has the page and the file.
fn follow_moving(vector: &Value) {
    let [identity, old, new] = ["identity", "old_device", "new_device"].map(|name| decoded(&vector["keys"][name]));
    let pin = HEXLOWER.decode(vector["keys"]["pin_factor"].as_str().unwrap().as_bytes()).unwrap();
    let ask = by_hand(&vector["ask"], &old, "symbolon-move+jws");
    let input = frame(&[
        b"symbolon/1/move/ask",
        &sha256(&identity),
        b"1234567890",
        &decoded(&ask["nonce"]),
        &millis(&ask["time"]),
        b"pin",
        &sha256(&old),
    ]);
    assert_eq!(ask["factor"], base64(&mac(&pin, &input)));
    let offer = by_hand(&vector["offer"], &identity, "symbolon-move-offer+jws");
    assert_eq!((&offer["aud"], &offer["nonce"]), (&ask["serial"], &ask["nonce"]));
    let look = by_hand(&vector["look"], &old, "symbolon-move-look+jws");
    let view = by_hand(&vector["view"], &identity, "symbolon-move-view+jws");
    assert_eq!(view["nonce"], look["nonce"]);
    let found = &view["progress"];
    assert_eq!((&found["state"], &found["device_key"]), (&json!("found"), &json!(base64(&new))));
    let hash = sha256(&frame(&[
        b"symbolon/1/move/comparison",
        &sha256(&identity),
        &sha256(&old),
        &sha256(&new),
        &decoded(&found["transcript"]),
    ]));
    let number = u64::from_be_bytes(*hash.first_chunk().unwrap()) % 1_000_000;
    assert_eq!(vector["digits"], format!("{number:06}"));
    let consent = by_hand(&vector["consent"], &old, "symbolon-move-consent+jws");
    assert_eq!(consent["device_key"], base64(&sha256(&new)));
    let input = frame(&[
        b"symbolon/1/move/consent",
        &sha256(&identity),
        b"1234567890",
        b"9876543210",
        &decoded(&consent["session"]),
        &sha256(&new),
        &decoded(&consent["transcript"]),
        &millis(&consent["time"]),
        b"pin",
        &sha256(&old),
    ]);
    assert_eq!(consent["factor"], base64(&mac(&pin, &input)));
    let cancel = by_hand(&vector["cancel"], &old, "symbolon-move-cancel+jws");
    assert_eq!(cancel["to"], offer["serial"]);
}

/// Random numbers that are always the same.
struct Same(u8);

impl RngCore for Same {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Same {}

#[test]
fn phones() {
    let (identity, device) = (key("identity"), key("device"));
    let aud = identity.public_key().hash();
    let (pin, biometric) = (FactorKey::from_secret(secret("pin factor")), FactorKey::from_secret(secret("finger")));
    let sealed = seal_factor_key(&secret("factor later"), serial(), &biometric, &mut Same(8));
    let mut on = BiometricsUpdate {
        aud: aud.clone(),
        serial: serial(),
        on: Some(BiometricsOn { key: sealed, face: false }),
        time: noon(),
        opened: Opened::Pin,
        factor: None,
    };
    on.factor = Some(on.prove(&pin, &device.public_key()));
    let mut off = BiometricsUpdate { on: None, time: later(60), opened: Opened::Biometric, factor: None, ..on.clone() };
    off.factor = Some(off.prove(&biometric, &device.public_key()));
    let addresses: Vec<Value> = vec![
        json!({"service": "fcm", "token": "fcm-token:1"}),
        json!({"service": "apns", "token": "00aa", "topic": "dev.symbolon.app", "environment": "sandbox"}),
        json!({"service": "web", "endpoint": "https://push.example/abc", "p256dh": base64(key("p256dh").public_key().to_sec1().as_slice()), "auth": base64(&[5; 16])}),
        Value::Null,
    ];
    let updates: Vec<String> = addresses
        .iter()
        .map(|address| {
            let address: Option<PushAddress> = serde_json::from_value(address.clone()).unwrap();
            let update = PushUpdate { aud: aud.clone(), serial: serial(), address, time: noon() };
            device.sign_object(&update).unwrap()
        })
        .collect();
    let made = json!({
        "keys": {
            "identity": base64(identity.public_key().to_sec1().as_slice()),
            "device": base64(device.public_key().to_sec1().as_slice()),
            "factor_later": hex(secret("factor later").expose()),
            "pin_factor": hex(secret("pin factor").expose()),
            "biometric_factor": hex(secret("finger").expose()),
        },
        "biometrics_on": device.sign_object(&on).unwrap(),
        "biometrics_off": device.sign_object(&off).unwrap(),
        "push_addresses": addresses,
        "push_updates": updates,
        "known": {"none": digest([]), "two": digest(["a.b.c", "d.e.f"])},
    });
    follow_phones(&made);
    check("phones-v1.json", &made);
}

/// What a stranger does who has the page and the file.
fn follow_phones(vector: &Value) {
    let device = decoded(&vector["keys"]["device"]);
    let [later, pin, finger] = ["factor_later", "pin_factor", "biometric_factor"]
        .map(|name| HEXLOWER.decode(vector["keys"][name].as_str().unwrap().as_bytes()).unwrap());
    let on = by_hand(&vector["biometrics_on"], &device, "symbolon-biometrics+jws");
    let sealed = decoded(&on["on"]["key"]);
    let prk = mac(&[0; 32], &later);
    let sealing = mac(&prk, &[b"symbolon/1/factor/sent".as_slice(), &[1]].concat());
    let place = frame(&[b"symbolon/1/biometrics", b"1234567890"]);
    assert_eq!(open(&sealing, &sealed[..12], &place, &sealed[12..]), finger);
    let off = by_hand(&vector["biometrics_off"], &device, "symbolon-biometrics+jws");
    for (update, key, opened, factor) in
        [(&on, sealed.as_slice(), b"pin".as_slice(), pin), (&off, &[], b"biometric", finger)]
    {
        let input = frame(&[
            b"symbolon/1/biometrics/update",
            &sha256(&decoded(&vector["keys"]["identity"])),
            b"1234567890",
            key,
            &[0],
            &millis(&update["time"]),
            opened,
            &sha256(&device),
        ]);
        assert_eq!(update["factor"], base64(&mac(&factor, &input)));
    }
    let updates = vector["push_updates"].as_array().unwrap();
    for (address, update) in vector["push_addresses"].as_array().unwrap().iter().zip(updates) {
        let update = by_hand(update, &device, "symbolon-push-address+jws");
        assert_eq!((&update["aud"], &update["serial"]), (&on["aud"], &on["serial"]));
        assert_eq!(update.get("address").unwrap_or(&Value::Null), address);
    }
    let known = sha256(&frame(&[b"symbolon/1/requests", b"a.b.c", b"d.e.f"]));
    assert_eq!(vector["known"]["two"], base64(&known));
}
