//! Activation online.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use rand_core::RngCore;
use serde_json::{Value, json};
use symbolon_core::activation::online::phone::{self, Started};
use symbolon_core::activation::online::server::{self, Opening, Record, ServerKeys, Setup, answer, confirmed_code};
use symbolon_core::activation::online::{ConfirmReply, DeviceDescription, FinishRequest, Registration, StartReply};
use symbolon_core::activation::{ActivationPassword, Ticket};
use symbolon_core::frame::FrameReader;
use symbolon_core::integrity::Signals;
use symbolon_core::keys::{Label, SealingKey};
use symbolon_core::otp::{Digits, Hash, OtpKey, Period, TimeStep};
use symbolon_core::policy::{Policy, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::SigningKey;

use crate::by_hand::{Stream, check, expand, extract, frame, hex, noon, open, secret, sha256};

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
    let identity = sha256(&identity_key);
    let time: Timestamp = text("/message_2/time").parse().unwrap();
    let context = sha256(&frame(&[
        b"symbolon/1/context",
        &url("/message_1/versions"),
        serial.as_bytes(),
        &url("/message_1/encapsulation_key"),
        &[1],
        &url("/message_2/session"),
        &url("/message_2/ciphertext"),
        &identity_key,
        &u64::try_from(time.as_millisecond()).unwrap().to_be_bytes(),
    ]));

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
    let transcript = sha256(&frame(&[b"symbolon/1/transcript", &context, &ke1, &ke2, &ke3]));
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
    let vector: Value = serde_json::from_str(include_str!("../../vectors/activation-v1.json")).unwrap();
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
