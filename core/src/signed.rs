//! Signed objects: compact JWS (RFC 7515) with ES256, so that any JOSE library can check them.
//!
//! The payload travels with its signature and nothing is canonicalised. Each kind has a `typ` of its own and its header
//! holds `alg` and `typ` only: a header with anything else (`jwk`, `jku`, `x5c`, `crit`, …) is refused, and the algorithm
//! is never taken from the header but is what the pinned key says, ES256.
//!
//! The assembly is done here and not by a JOSE library, since a signature by a phone's hardware comes asynchronously from
//! outside: the signing input goes out as bytes and the signature comes back as 64 bytes.

use std::fmt;
use std::marker::PhantomData;

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature as EcdsaSignature, SigningKey as EcdsaSigningKey, VerifyingKey};
use rand_core::CryptoRngCore;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::encoding::Bytes;
use crate::keys::sha256;
use crate::secret::Secret;

/// The SHA-256 of a public key: how tickets pin a server's identity, and what devices sign as `aud`.
pub type KeyHash = Bytes<32>;

/// A P-256 public key; in JSON its uncompressed SEC1 point in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Bytes<65>", try_from = "Bytes<65>")]
pub struct PublicKey(VerifyingKey);

/// Bytes that are no point of P-256, or no key at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an uncompressed P-256 public key")]
pub struct KeyError;

impl PublicKey {
    /// Reads an uncompressed point: 65 bytes, the first of them 4 (SEC 1, 2.3.4).
    ///
    /// # Errors
    /// [`KeyError`] when it is another form, or not on the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != 65 {
            return Err(KeyError);
        }
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| KeyError)
    }

    /// The uncompressed point: 65 bytes.
    #[must_use]
    pub fn to_sec1(&self) -> Bytes<65> {
        let mut bytes = [0; 65];
        bytes.copy_from_slice(self.0.to_encoded_point(false).as_bytes());
        bytes.into()
    }

    /// The SHA-256 of the uncompressed point.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        sha256(self.to_sec1().as_slice()).into()
    }
}

impl From<PublicKey> for Bytes<65> {
    fn from(key: PublicKey) -> Self {
        key.to_sec1()
    }
}

impl TryFrom<Bytes<65>> for PublicKey {
    type Error = KeyError;

    fn try_from(bytes: Bytes<65>) -> Result<Self, KeyError> {
        Self::from_sec1(bytes.as_slice())
    }
}

/// A private P-256 key that signs in software: a server's identity, or a device key where there is no secure hardware.
pub struct SigningKey(EcdsaSigningKey);

impl SigningKey {
    /// A new key.
    pub fn generate(mut rng: &mut dyn CryptoRngCore) -> Self {
        Self(EcdsaSigningKey::random(&mut rng))
    }

    /// Takes back a key that was stored; `None` when it is no scalar of the curve.
    #[must_use]
    pub fn from_secret(secret: &Secret<32>) -> Option<Self> {
        EcdsaSigningKey::from_bytes(secret.expose().into()).ok().map(Self)
    }

    /// The scalar, to be stored sealed.
    #[must_use]
    pub fn to_secret(&self) -> Secret<32> {
        Secret::take(&mut self.0.to_bytes().into())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// Signs `message` with ECDSA over SHA-256, deterministically (RFC 6979).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let signature: EcdsaSignature = self.0.sign(message);
        Signature(signature.to_bytes().into())
    }

    /// Signs a whole object.
    ///
    /// # Errors
    /// [`SignedError::Payload`] when `payload` has no JSON form.
    pub fn sign_object<T: Signed>(&self, payload: &T) -> Result<String, SignedError> {
        let input = SigningInput::new(payload)?;
        let signature = self.sign(input.as_bytes());
        Ok(input.attach(&signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// An ES256 signature: r ‖ s, 32 bytes each (RFC 7518, 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// r and s, 32 bytes each.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Takes r ‖ s as secure hardware that speaks JOSE gives it.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Reads the DER form that Android's and Apple's hardware give.
    ///
    /// # Errors
    /// [`KeyError`] when it is no signature.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        EcdsaSignature::from_der(der).map(|signature| Self(signature.to_bytes().into())).map_err(|_| KeyError)
    }
}

/// A kind of signed object. `TYP` is part of the protocol.
pub trait Signed: Serialize + DeserializeOwned {
    /// The exact `typ` of the JWS header.
    const TYP: &'static str;
}

/// Why a signed object is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not three parts of base64url, or too long.
    #[error("not a compact JWS")]
    Form,
    /// Another `alg` or `typ`, or a header parameter besides these two.
    #[error("the JWS header is not the one of this kind of object")]
    Header,
    /// Signed by another key, or changed since.
    #[error("the signature does not fit")]
    Signature,
    /// Signed, but the payload is not what this kind holds.
    #[error("the signed payload is not what this kind of object holds")]
    Payload,
}

/// No signed object is longer than this, in bytes.
pub const MAX_JWS: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
}

/// What is to be signed: `BASE64URL(header) . BASE64URL(payload)`.
#[derive(Debug)]
pub struct SigningInput<T> {
    text: String,
    kind: PhantomData<T>,
}

impl<T: Signed> SigningInput<T> {
    /// Fixes the bytes of `payload`.
    ///
    /// # Errors
    /// [`SignedError::Payload`] when it has no JSON form.
    pub fn new(payload: &T) -> Result<Self, SignedError> {
        let header = serde_json::to_vec(&Header { alg: "ES256", typ: T::TYP }).map_err(|_| SignedError::Header)?;
        let payload = serde_json::to_vec(payload).map_err(|_| SignedError::Payload)?;
        let text = format!("{}.{}", BASE64URL_NOPAD.encode(&header), BASE64URL_NOPAD.encode(&payload));
        Ok(Self { text, kind: PhantomData })
    }

    /// The bytes that the key signs with ECDSA over SHA-256.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The finished JWS.
    #[must_use]
    pub fn attach(self, signature: &Signature) -> String {
        format!("{}.{}", self.text, BASE64URL_NOPAD.encode(&signature.0))
    }
}

/// Checks a JWS against `key` and reads its payload.
///
/// # Errors
/// [`SignedError`] says which of the checks failed; the payload is looked at last.
pub fn verify<T: Signed>(jws: &str, key: &PublicKey) -> Result<T, SignedError> {
    if jws.len() > MAX_JWS {
        return Err(SignedError::Form);
    }
    let (input, signature) = jws.rsplit_once('.').ok_or(SignedError::Form)?;
    let (header, payload) = input.split_once('.').ok_or(SignedError::Form)?;
    let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| SignedError::Form);
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| SignedError::Header)?;
    if header.alg != "ES256" || header.typ != T::TYP {
        return Err(SignedError::Header);
    }
    let signature = EcdsaSignature::from_slice(&signature).map_err(|_| SignedError::Signature)?;
    key.0.verify(input.as_bytes(), &signature).map_err(|_| SignedError::Signature)?;
    serde_json::from_slice(&payload).map_err(|_| SignedError::Payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_core::OsRng;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
    }

    impl Signed for Note {
        const TYP: &'static str = "symbolon-note+jws";
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Other {
        text: String,
    }

    impl Signed for Other {
        const TYP: &'static str = "symbolon-other+jws";
    }

    fn note() -> Note {
        Note { text: "hello".into() }
    }

    #[test]
    fn what_is_signed_verifies_with_its_key_only() {
        let key = SigningKey::generate(&mut OsRng);
        let jws = key.sign_object(&note()).unwrap();
        assert_eq!(verify::<Note>(&jws, &key.public_key()), Ok(note()));
        let other = SigningKey::generate(&mut OsRng).public_key();
        assert_eq!(verify::<Note>(&jws, &other), Err(SignedError::Signature));
    }

    #[test]
    fn one_kind_is_not_taken_for_another() {
        let key = SigningKey::generate(&mut OsRng);
        let jws = key.sign_object(&note()).unwrap();
        assert_eq!(verify::<Other>(&jws, &key.public_key()), Err(SignedError::Header));
    }

    /// A header that names its own key or algorithm is what JOSE libraries have most often been broken by.
    #[test]
    fn other_headers_are_refused() {
        let key = SigningKey::generate(&mut OsRng);
        let payload = BASE64URL_NOPAD.encode(br#"{"text":"hello"}"#);
        for header in [
            r#"{"alg":"none","typ":"symbolon-note+jws"}"#,
            r#"{"alg":"HS256","typ":"symbolon-note+jws"}"#,
            r#"{"alg":"ES256","typ":"symbolon-note+jws","crit":["exp"]}"#,
            r#"{"alg":"ES256","typ":"symbolon-note+jws","jwk":{}}"#,
            r#"{"alg":"ES256","typ":"symbolon-note+jws","jku":"https://example.org"}"#,
            r#"{"alg":"ES256","typ":"symbolon-note+jws","x5c":[]}"#,
            r#"{"alg":"ES256","alg":"ES256","typ":"symbolon-note+jws"}"#,
            r#"{"alg":"ES256"}"#,
        ] {
            let input = format!("{}.{payload}", BASE64URL_NOPAD.encode(header.as_bytes()));
            let signature = key.sign(input.as_bytes());
            let jws = format!("{input}.{}", BASE64URL_NOPAD.encode(&signature.0));
            assert_eq!(verify::<Note>(&jws, &key.public_key()), Err(SignedError::Header), "{header}");
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let key = SigningKey::generate(&mut OsRng);
        let jws = key.sign_object(&note()).unwrap();
        for position in 0..jws.len() {
            let mut changed = jws.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verify::<Note>(&changed, &key.public_key()).is_err(), "position {position}");
        }
    }

    /// A second implementation reads what we sign.
    #[test]
    fn an_ordinary_jose_library_agrees() {
        let key = SigningKey::generate(&mut OsRng);
        let jws = key.sign_object(&note()).unwrap();
        let point = key.public_key().to_sec1();
        let (x, y) = point.as_slice()[1..].split_at(32);
        let decoding =
            jsonwebtoken::DecodingKey::from_ec_components(&BASE64URL_NOPAD.encode(x), &BASE64URL_NOPAD.encode(y))
                .unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let read = jsonwebtoken::decode::<Note>(&jws, &decoding, &validation).unwrap();
        assert_eq!(read.claims, note());
        assert_eq!(read.header.typ.as_deref(), Some(Note::TYP));
    }

    proptest! {
        #[test]
        fn any_text_is_refused(text: String) {
            let key = SigningKey::generate(&mut OsRng).public_key();
            prop_assert!(verify::<Note>(&text, &key).is_err());
        }
    }
}
