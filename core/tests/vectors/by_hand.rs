//! The bare algorithms, by hand, and the comparison with the files.

use std::path::PathBuf;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use rand_core::{CryptoRng, RngCore};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use symbolon_core::secret::Secret;
use symbolon_core::signed::SigningKey;

/// Compares what was made with the file, or writes the file where that is asked for.
pub(crate) fn check(name: &str, made: &Value) {
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

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The randomness of the vectors: block n is the SHA-256 of the name, a zero byte and n as eight bytes, from n = 0 on.
pub(crate) struct Stream {
    name: &'static str,
    blocks: u64,
    rest: Vec<u8>,
}

impl Stream {
    pub(crate) fn new(name: &'static str) -> Self {
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

pub(crate) fn secret(name: &'static str) -> Secret<32> {
    Secret::generate(&mut Stream::new(name))
}

/// A frame by hand: each field after its length.
pub(crate) fn frame(fields: &[&[u8]]) -> Vec<u8> {
    fields.iter().flat_map(|field| [&u32::try_from(field.len()).unwrap().to_be_bytes(), *field].concat()).collect()
}

/// HKDF-Expand by hand, from a pseudo-random key.
pub(crate) fn expand(prk: &[u8], label: &str, length: usize) -> Vec<u8> {
    let mut output = vec![0; length];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(label.as_bytes(), &mut output).unwrap();
    output
}

/// HMAC-SHA-256 by hand, which is what HKDF-Extract is.
pub(crate) fn extract(salt: &[u8], input: &[u8]) -> Vec<u8> {
    <Hmac<Sha256> as Mac>::new_from_slice(salt).unwrap().chain_update(input).finalize().into_bytes().to_vec()
}

/// AES-256-GCM by hand.
pub(crate) fn open(key: &[u8], nonce: &[u8], associated: &[u8], sealed: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt(nonce.into(), Payload { msg: sealed, aad: associated }).expect("the vector opens")
}

pub(crate) fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// A compact JWS by hand.
pub(crate) fn jws(header: &str, payload: &[u8], key: &SigningKey) -> String {
    use p256::ecdsa::signature::Signer;
    let key = p256::ecdsa::SigningKey::from_bytes(key.to_secret().expose().into()).unwrap();
    let input = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(payload));
    let signature: p256::ecdsa::Signature = key.sign(input.as_bytes());
    format!("{input}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
}
