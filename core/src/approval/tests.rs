//! What is signed and what is scanned, from one side to the other.

use jiff::Timestamp;
use proptest::prelude::*;
use rand_core::OsRng;

use super::offline::{OfflineRequest, OfflineRequestError};
use super::*;
use crate::encoding::Bytes;
use crate::integrity::Signals;
use crate::keys::{FactorKey, sha256};
use crate::secret::Secret;
use crate::serial::SerialNumber;
use crate::signed::{PublicKey, SigningKey};

/// A server and the device of one of its tokens.
struct Pair {
    server: SigningKey,
    device: SigningKey,
    pin: FactorKey,
    serial: SerialNumber,
}

impl Pair {
    fn new() -> Self {
        Self {
            server: SigningKey::generate(&mut OsRng),
            device: SigningKey::generate(&mut OsRng),
            pin: FactorKey::from_secret(Secret::generate(&mut OsRng)),
            serial: SerialNumber::generate(&mut OsRng),
        }
    }

    fn device_key(&self) -> PublicKey {
        self.device.public_key()
    }

    fn request(&self) -> String {
        let request = Request {
            aud: self.serial,
            id: [1; 16].into(),
            issuer: "Example Bank".parse().unwrap(),
            account: "alice".parse().unwrap(),
            application: "web shop".parse().unwrap(),
            issued_at: Timestamp::from_second(1_800_000_000).unwrap(),
            expires_at: Timestamp::from_second(1_800_000_300).unwrap(),
            context: None,
            transaction: Some(transaction("Pay 12 EUR", &[("To", "Ana")])),
            mutual_challenge: None,
        };
        self.server.sign_object(&request).unwrap()
    }

    fn unproven(&self, request: &str, decision: Decision, opened: Opened) -> Answer {
        Answer {
            aud: self.server.public_key().hash(),
            serial: self.serial,
            request: request_hash(request),
            decision,
            mutual_challenge: None,
            time: Timestamp::from_second(1_800_000_010).unwrap(),
            opened,
            signals: Signals::default(),
            factor: None,
        }
    }

    fn answer(&self, request: &str) -> Answer {
        self.unproven(request, Decision::Confirm, Opened::Pin).proven_by(&self.pin, &self.device_key())
    }

    fn judge(&self, answer: &Answer) -> Result<(Answer, usize), AnswerError> {
        let jws = self.device.sign_object(answer).unwrap();
        let identity = self.server.public_key().hash();
        Answer::verify(&jws, &self.device_key(), &identity, self.serial, |_| vec![&self.pin])
    }

    fn receipt(&self) -> Receipt {
        let request = self.request();
        let answer = self.device.sign_object(&self.answer(&request)).unwrap();
        let statement = Statement {
            id: [1; 16].into(),
            request: request_hash(&request),
            answer: sha256(answer.as_bytes()).into(),
            serial: self.serial,
            user: "alice".parse().unwrap(),
            device_key: self.device_key().hash(),
            factors: Opened::Pin.factors().to_vec(),
            attestation: Some(JudgedAttestation {
                hash: sha256(b"attested").into(),
                challenge: [3; 32].into(),
                attested_at: Timestamp::from_second(1_700_000_000).unwrap(),
                accepted: true,
                platform: None,
                security_level: None,
            }),
            time: Timestamp::from_second(1_800_000_011).unwrap(),
        };
        Receipt {
            version: 1,
            request,
            answer,
            statement: self.server.sign_object(&statement).unwrap(),
            identity_key: self.server.public_key(),
            device_key: self.device_key(),
            attestation: Some(Bytes::new(b"attested").unwrap()),
        }
    }
}

fn transaction(summary: &str, details: &[(&str, &str)]) -> Transaction {
    let details: Vec<_> = details
        .iter()
        .map(|(name, value)| Detail { name: name.parse().unwrap(), value: value.parse().unwrap() })
        .collect();
    Transaction { summary: summary.parse().unwrap(), details: details.try_into().unwrap() }
}

#[test]
fn an_answer_proves_its_factor_and_nothing_else() {
    let pair = Pair::new();
    let request = pair.request();
    let answer = pair.answer(&request);
    assert_eq!(pair.judge(&answer).unwrap(), (answer.clone(), 0));
    let possession = pair.unproven(&request, Decision::Confirm, Opened::Device);
    assert!(pair.judge(&possession).is_ok());

    let bare = pair.unproven(&request, Decision::Confirm, Opened::Pin);
    assert_eq!(pair.judge(&bare), Err(AnswerError::Factor), "it claims the PIN without a proof");
    let other = FactorKey::from_secret(Secret::generate(&mut OsRng));
    let forged = bare.proven_by(&other, &pair.device_key());
    assert_eq!(pair.judge(&forged), Err(AnswerError::Factor), "by another key");

    // A thief of the device key can re-sign, and the MAC must not fit what it was not made for.
    let changes: [fn(&mut Answer); 5] = [
        |answer| answer.decision = Decision::Cancel,
        |answer| answer.mutual_challenge = Some("42".parse().unwrap()),
        |answer| answer.request = [9; 32].into(),
        |answer| answer.time = Timestamp::from_second(1_800_000_099).unwrap(),
        |answer| answer.opened = Opened::Biometric,
    ];
    for change in changes {
        let mut changed = answer.clone();
        change(&mut changed);
        assert_eq!(pair.judge(&changed), Err(AnswerError::Factor), "{changed:?}");
    }
}

#[test]
fn an_answer_of_another_device_server_or_token_is_refused() {
    let (pair, other) = (Pair::new(), Pair::new());
    let request = pair.request();
    let answer = pair.answer(&request);
    let identity = pair.server.public_key().hash();
    let by_other = other.device.sign_object(&answer).unwrap();
    let judged = Answer::verify(&by_other, &pair.device_key(), &identity, pair.serial, |_| vec![&pair.pin]);
    assert_eq!(judged, Err(AnswerError::Signature));
    let mut elsewhere = answer.clone();
    elsewhere.aud = other.server.public_key().hash();
    assert_eq!(pair.judge(&elsewhere), Err(AnswerError::Audience));
    let mut of_other = answer;
    of_other.serial = other.serial;
    assert_eq!(pair.judge(&of_other), Err(AnswerError::Audience));
}

#[test]
fn a_receipt_is_checked_without_the_server() {
    let pair = Pair::new();
    let receipt = pair.receipt();
    let identity = pair.server.public_key().hash();
    let proof = receipt.verify(Some(&identity)).unwrap();
    assert_eq!(proof.request.transaction, Some(transaction("Pay 12 EUR", &[("To", "Ana")])));
    assert_eq!(proof.statement.factors, [Factor::Possession, Factor::Knowledge]);
    assert!(receipt.verify(None).is_ok());
    let other = Pair::new();
    assert!(matches!(receipt.verify(Some(&other.server.public_key().hash())), Err(ReceiptError::Identity(_))));

    // Genuine objects of two receipts do not make a third.
    let second = pair.receipt();
    let mut mixed = receipt.clone();
    mixed.statement = other.receipt().statement;
    assert_eq!(mixed.verify(None), Err(ReceiptError::Signature("statement")));
    let request = pair.request();
    let cancelled = pair.unproven(&request, Decision::Cancel, Opened::Device);
    let mut cancelled_receipt = second;
    cancelled_receipt.answer = pair.device.sign_object(&cancelled).unwrap();
    assert!(matches!(cancelled_receipt.verify(None), Err(ReceiptError::Apart(_))));
}

#[test]
fn any_changed_byte_of_a_receipt_fails() {
    let receipt = Pair::new().receipt();
    let text = serde_json::to_string(&receipt).unwrap();
    for position in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[position] ^= 1;
        let read = String::from_utf8(changed).ok().and_then(|text| serde_json::from_str::<Receipt>(&text).ok());
        assert!(read.is_none_or(|receipt| receipt.verify(None).is_err()), "position {position}");
    }
}

#[test]
fn an_offline_request_is_read_as_it_is_written() {
    let request = OfflineRequest {
        id: [7; 16].into(),
        issuer: "Bücher & Co".parse().unwrap(),
        serials: vec![SerialNumber::generate(&mut OsRng), SerialNumber::generate(&mut OsRng)],
        expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
        transaction: transaction("Pay 12 € = all", &[("To", "Ana Gómez"), ("IBAN", "ES91 2100")]),
    };
    let text = request.qr().unwrap();
    assert!(text.starts_with("symbolon://approve?v=1&i="), "{text}");
    assert_eq!(text.parse::<OfflineRequest>().unwrap(), request);
    let mut other = request.clone();
    other.transaction = transaction("Pay 12 € = all", &[("To", "Ana Gómez"), ("IBAN", "ES91 2101")]);
    let serial = request.serials[0];
    assert_ne!(other.question(serial), request.question(serial));
    assert_ne!(request.question(request.serials[1]), request.question(serial));

    for (damaged, error) in [
        (text.replace("v=1", "v=2"), OfflineRequestError::Version),
        (text.replace("&e=1800000000", ""), OfflineRequestError::Part("e")),
        (text.replace("&s=", "&s=1."), OfflineRequestError::Part("s")),
        (text.replace("&d=Ana", "&x=Ana"), OfflineRequestError::Part("d")),
        (format!("{text}&n=more"), OfflineRequestError::Part("d")),
        (format!("{text}&q=more"), OfflineRequestError::Part("n")),
        (text.replace("symbolon://approve", "symbolon://other"), OfflineRequestError::Form),
        (String::new(), OfflineRequestError::Form),
    ] {
        assert_eq!(damaged.parse::<OfflineRequest>(), Err(error), "{damaged}");
    }
    let details: Vec<_> = (0..25).map(|n| (format!("Detail {n}"), "x".repeat(60))).collect();
    let details: Vec<_> = details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let long = OfflineRequest { transaction: transaction("long", &details), ..request };
    assert_eq!(long.qr(), Err(OfflineRequestError::TooLong));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let _ = text.parse::<OfflineRequest>();
        let _ = format!("symbolon://approve?v=1&i={text}").parse::<OfflineRequest>();
        let _ = serde_json::from_str::<Receipt>(&text);
    }
}
