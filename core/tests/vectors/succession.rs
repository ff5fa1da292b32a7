//! Keys that follow others.

use serde_json::{Value, json};
use symbolon_core::contact::{Answer, Question};
use symbolon_core::encoding::Bytes;
use symbolon_core::policy::{Policy, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{Signed, SigningKey};
use symbolon_core::succession::{AnnouncedKeys, HeardKeys, KeysVersion};
use symbolon_core::vault::Online;

use crate::by_hand::{check, hex, json_bytes, jws, noon, secret};

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
