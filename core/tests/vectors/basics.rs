//! Frames, sealing, and the audit's chain.

use serde_json::{Value, json};
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::keys::{Label, SealingKey};

use crate::by_hand::{Stream, check, expand, extract, frame, hex, open, secret, sha256};

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

/// The audit's chain. The entries were written by a running server; the hashes are what its `audit verify` says of them.
#[test]
fn audit_chain() {
    let vector: Value = serde_json::from_str(include_str!("../../vectors/audit-v1.json")).unwrap();
    let mut previous = [0; 32];
    for entry in vector["entries"].as_array().unwrap() {
        let text = entry["entry"].as_str().unwrap();
        previous = sha256(&frame(&[b"symbolon/1/audit", &previous, text.as_bytes()]));
        assert_eq!(entry["hash"], json!(hex(previous)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(text).unwrap()["sequence"], entry["sequence"]);
    }
    assert_eq!(vector["head"], json!(hex(previous)));
}
