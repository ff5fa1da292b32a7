//! All vectors of RFC 6287, appendix C: those beside this crate, and those of `../shared/testdata/oath` where they lie.
#![cfg(test)]

use std::path::Path;

use serde::Deserialize;
use symbolon_core::otp::{OcraInput, OcraKey, OcraQuestion, OcraResponse, OcraSuite, TimeStep};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    suite: String,
    role: Option<String>,
    key: Option<String>,
    key_hex: Option<String>,
    question: String,
    counter: Option<u64>,
    pin: Option<String>,
    pin_hash_hex: Option<String>,
    timestamp_steps: Option<i64>,
    otp: String,
}

impl Vector {
    fn key(&self) -> Vec<u8> {
        let decode = |hex: &String| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        self.key_hex.as_ref().map_or_else(|| self.key.clone().unwrap().into_bytes(), decode)
    }

    fn check(&self) {
        let suite: OcraSuite = self.suite.parse().unwrap();
        assert_eq!(suite.to_string(), self.suite);
        let pin_hash = self.pin.as_ref().map(|pin| suite.hash_pin(pin.as_bytes()).unwrap());
        if let (Some(ours), Some(theirs)) = (&pin_hash, &self.pin_hash_hex) {
            assert_eq!(&data_encoding::HEXLOWER.encode(ours.expose()), theirs);
        }
        let question = if self.role.is_some() {
            let (asked, own) = self.question.split_at(usize::from(suite.challenge_length()));
            OcraQuestion::Mutual { asked, own }
        } else {
            OcraQuestion::One(&self.question)
        };
        let input = OcraInput {
            counter: self.counter,
            question,
            pin_hash: pin_hash.as_ref(),
            session: None,
            time_step: self.timestamp_steps.map(TimeStep::from_number),
        };
        let response = OcraKey::prepare(suite, &self.key()).respond(&input).unwrap();
        assert_eq!(response.to_string(), self.otp, "{} {}", self.suite, self.question);
        assert!(response == OcraResponse::read(&suite, &self.otp).unwrap());
    }
}

fn check(text: &str) {
    let file: File = serde_json::from_str(text).unwrap();
    assert_eq!(file.vectors.len(), 70);
    file.vectors.iter().for_each(Vector::check);
}

#[test]
fn ocra_vectors_of_appendix_c() {
    check(include_str!("../vectors/rfc6287.json"));
}

#[test]
#[expect(clippy::print_stderr, reason = "says which check was left out")]
fn ocra_vectors_of_the_shared_test_data() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::var_os("SYMBOLON_TESTDATA").unwrap_or_else(|| "../shared/testdata".into());
    let path = project.join(folder).join("oath/rfc6287-ocra.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => check(&text),
        Err(error) => eprintln!("left out: the vectors in {}: {error}", path.display()),
    }
}
