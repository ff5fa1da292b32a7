//! Activation without a network.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use rand_core::RngCore;
use serde_json::{Value, json};
use symbolon_core::activation::offline::phone::{Begun, Registered};
use symbolon_core::activation::offline::{Half, Offer, OfflineTicket, RegistrationCode};
use symbolon_core::activation::{ActivationPassword, OfflinePassword};
use symbolon_core::otp::{OtpKey, TimeStep};
use symbolon_core::policy::{Policy, PolicyVersion};

use crate::by_hand::{Stream, check, expand, extract, frame, hex, sha256};

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
