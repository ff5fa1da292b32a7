//! Signed objects.

use serde_json::{Value, json};
use symbolon_core::contact::{Answer, ContactReply, ContactRequest, Question};
use symbolon_core::policy::{Policy, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{self, Signed, SigningKey};

use crate::by_hand::{check, hex, json_bytes, jws, noon, secret};

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
