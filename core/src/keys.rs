//! Every key that the two halves share, and its label, in one place.
//!
//! A key is derived by HKDF-SHA-256 (RFC 5869) from one parent, with a label `symbolon/1/…` of its own as `info`; no key
//! has two uses. What is derived here from the master secret of an online activation, or from the seed of an offline one,
//! is the same on the phone and on the server.

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};

use crate::frame::FrameWriter;
use crate::otp::Hash;
use crate::secret::{Secret, SecretBytes};

/// The labels of all keys. The text of a label is part of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// Seals the phone's half of an activation: message 3.
    RegistrationPhone,
    /// Seals the server's half of an activation: message 4.
    RegistrationServer,
    /// The challenge that a hardware key's attestation carries.
    AttestationChallenge,
    /// The key of time-based codes.
    Code,
    /// The key of challenge-response (OCRA).
    ChallengeResponse,
    /// The factor key that opening a vault with its PIN yields.
    FactorPin,
    /// The parent of what seals factor keys that are made later.
    FactorLater,
    /// Seals a factor key that was made later on its way to the server.
    FactorSent,
    /// The first secret from which a forgotten PIN's unlock code is made.
    Unlock,
    /// The key that makes the unlock code of one unlock secret.
    UnlockCode,
    /// The PIN factor key that comes with opening a vault by its unlock code.
    UnlockFactor,
    /// The unlock secret that follows another.
    UnlockNext,
    /// The key of the vault's PIN slot.
    VaultPin,
    /// The key of the vault's unlock slot.
    VaultUnlock,
    /// The key of the vault's body.
    VaultBody,
    /// The key of the history beside the vault.
    VaultHistory,
    /// The output of the pseudo-random function that hardware computes by agreeing on keys.
    Agreement,
    /// The server's key for the state of handshakes that it hands to phones to keep.
    ServerHandshake,
    /// The server's key for the key of its rows.
    ServerMaster,
    /// The server's key for rows at rest.
    ServerRow,
}

impl Label {
    /// The text that goes into HKDF as `info`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::RegistrationPhone => "symbolon/1/registration/phone",
            Self::RegistrationServer => "symbolon/1/registration/server",
            Self::AttestationChallenge => "symbolon/1/attestation-challenge",
            Self::Code => "symbolon/1/code",
            Self::ChallengeResponse => "symbolon/1/challenge-response",
            Self::FactorPin => "symbolon/1/factor/pin",
            Self::FactorLater => "symbolon/1/factor/later",
            Self::FactorSent => "symbolon/1/factor/sent",
            Self::Unlock => "symbolon/1/unlock",
            Self::UnlockCode => "symbolon/1/unlock/code",
            Self::UnlockFactor => "symbolon/1/unlock/factor",
            Self::UnlockNext => "symbolon/1/unlock/next",
            Self::VaultPin => "symbolon/1/vault/pin",
            Self::VaultUnlock => "symbolon/1/vault/unlock",
            Self::VaultBody => "symbolon/1/vault/body",
            Self::VaultHistory => "symbolon/1/vault/history",
            Self::Agreement => "symbolon/1/agreement",
            Self::ServerHandshake => "symbolon/1/server/handshake",
            Self::ServerMaster => "symbolon/1/server/master",
            Self::ServerRow => "symbolon/1/server/row",
        }
    }
}

/// Derives `N` bytes (at most 8160) from `parent` under `label`.
pub(crate) fn derive<const N: usize>(parent: &Hkdf<Sha256>, label: Label) -> Secret<N> {
    let filled = Secret::fill_with(|bytes| parent.expand(label.text().as_bytes(), bytes));
    filled.unwrap_or_else(|_| unreachable!("every key here is shorter than 255 hashes"))
}

/// A key that was derived for one use and seals with AES-256-GCM (NIST SP 800-38D).
pub struct SealingKey(Secret<32>);

/// A sealed text that this key did not seal, or that was changed since, or with other associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed data was changed, or sealed with another key")]
pub struct OpenError;

const NONCE: usize = 12;

impl SealingKey {
    /// Derives a sealing key from 32 random or already derived bytes under `label`.
    #[must_use]
    pub fn derive(parent: &Secret<32>, label: Label) -> Self {
        Self(derive(&Hkdf::new(None, parent.expose()), label))
    }

    /// Seals `plain` under a random nonce; answers nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes).
    ///
    /// Random nonces are safe for 2³² messages under one key (SP 800-38D, 8.3).
    pub fn seal(&self, rng: &mut dyn CryptoRngCore, associated: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(NONCE + plain.len() + 16);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&self.encrypt(&nonce, associated, plain));
        sealed
    }

    /// Opens what [`SealingKey::seal`] made.
    ///
    /// # Errors
    /// [`OpenError`] when anything does not fit.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or(OpenError)?;
        self.decrypt(nonce, associated, body)
    }

    /// Seals the only message that this key will ever seal, under the nonce zero: the same bytes each time.
    pub(crate) fn seal_once(&self, plain: &[u8]) -> Vec<u8> {
        self.encrypt(&[0; NONCE], &[], plain)
    }

    pub(crate) fn open_once(&self, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        self.decrypt(&[0; NONCE], &[], sealed)
    }

    fn encrypt(&self, nonce: &[u8; NONCE], associated: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(plain.len() + 16);
        buffer.extend_from_slice(plain);
        let sealed = Aes256Gcm::new(self.0.expose().into()).encrypt_in_place(nonce.into(), associated, &mut buffer);
        sealed.unwrap_or_else(|_| unreachable!("AES-GCM refuses only texts of more than 64 GiB"));
        buffer
    }

    fn decrypt(&self, nonce: &[u8; NONCE], associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let mut buffer = sealed.to_vec();
        Aes256Gcm::new(self.0.expose().into())
            .decrypt_in_place(nonce.into(), associated, &mut buffer)
            .map_err(|_| OpenError)?;
        Ok(SecretBytes::take(buffer))
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A key that proves how a vault was opened: PIN or biometrics. An answer carries a MAC with it.
#[derive(Debug)]
pub struct FactorKey(Secret<32>);

impl FactorKey {
    /// A new one.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        Self(Secret::generate(rng))
    }

    /// Takes back a factor key that was stored.
    #[must_use]
    pub fn from_secret(key: Secret<32>) -> Self {
        Self(key)
    }

    /// The bytes to store, sealed.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// HMAC-SHA-256 of `message`.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        self.hmac(message).finalize().into_bytes().into()
    }

    /// Whether `mac` is this key's MAC of `message`; in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], mac: &[u8]) -> bool {
        self.hmac(message).verify_slice(mac).is_ok()
    }

    fn hmac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(self.0.expose());
        let mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.chain_update(message)
    }
}

/// The master secret of one activation, from which both halves derive the same keys.
pub struct MasterSecret(Hkdf<Sha256>);

impl MasterSecret {
    /// `HKDF-Extract(salt = transcript hash, ikm = OPAQUE session key ‖ ML-KEM shared secret)`.
    pub(crate) fn extract(transcript: &[u8; 32], opaque_session_key: &[u8], kem_shared_secret: &[u8]) -> Self {
        let mut extract = hkdf::HkdfExtract::<Sha256>::new(Some(transcript));
        extract.input_ikm(opaque_session_key);
        extract.input_ikm(kem_shared_secret);
        Self(extract.finalize().1)
    }

    /// The keys that seal messages 3 and 4.
    pub(crate) fn registration(&self) -> RegistrationKeys {
        RegistrationKeys {
            phone: SealingKey(derive(&self.0, Label::RegistrationPhone)),
            server: SealingKey(derive(&self.0, Label::RegistrationServer)),
        }
    }

    /// What the phone's hardware is asked to attest together with its new key. Not secret, but fresh.
    #[must_use]
    pub fn attestation_challenge(&self) -> [u8; 32] {
        *derive::<32>(&self.0, Label::AttestationChallenge).expose()
    }

    /// The keys that a token has from then on. The code key is as long as `hash`.
    #[must_use]
    pub fn token_keys(&self, hash: Hash) -> TokenKeys {
        TokenKeys {
            code: code_key(&self.0, hash),
            challenge_response: derive(&self.0, Label::ChallengeResponse),
            factor_pin: FactorKey(derive(&self.0, Label::FactorPin)),
            factor_later: derive(&self.0, Label::FactorLater),
            unlock: derive(&self.0, Label::Unlock),
        }
    }
}

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The key of codes, as long as their hash.
fn code_key(parent: &Hkdf<Sha256>, hash: Hash) -> SecretBytes {
    match hash {
        Hash::Sha1 => SecretBytes::from_slice(derive::<20>(parent, Label::Code).expose()),
        Hash::Sha256 => SecretBytes::from_slice(derive::<32>(parent, Label::Code).expose()),
        Hash::Sha512 => SecretBytes::from_slice(derive::<64>(parent, Label::Code).expose()),
    }
}

/// The seed of an offline activation, in the place of the master secret of an online one.
pub(crate) struct OfflineSeed(Hkdf<Sha256>);

impl OfflineSeed {
    /// `HKDF-Extract(salt = hash of the ticket, ikm = frame(secret of the QR, stretched password))`.
    pub(crate) fn extract(ticket: &[u8; 32], qr_secret: &[u8], stretched: &Secret<32>) -> Self {
        let frame = FrameWriter::with_capacity(64).field(qr_secret).field(stretched.expose());
        Self(Hkdf::new(Some(ticket), frame.as_bytes()))
    }

    /// The keys that the token has. The code key is as long as `hash`.
    pub(crate) fn token_keys(&self, hash: Hash) -> OfflineKeys {
        OfflineKeys { code: code_key(&self.0, hash), challenge_response: derive(&self.0, Label::ChallengeResponse) }
    }
}

/// One key for each direction of the sealed half of an activation; each seals one message.
#[derive(Debug)]
pub(crate) struct RegistrationKeys {
    pub(crate) phone: SealingKey,
    pub(crate) server: SealingKey,
}

/// The shared secrets of an activated token.
#[derive(Debug)]
pub struct TokenKeys {
    /// Makes time-based codes; as long as the hash of the token.
    pub code: SecretBytes,
    /// Answers challenges by OCRA-…-SHA256.
    pub challenge_response: Secret<32>,
    /// Proves that the vault was opened with its PIN.
    pub factor_pin: FactorKey,
    /// The parent of what seals factor keys that are made later, for biometrics that are turned on after the activation.
    pub factor_later: Secret<32>,
    /// `unlock_0`: the server keeps it, the phone erases it once the slot that it opens is written.
    pub unlock: Secret<32>,
}

/// The shared secrets of a token that was activated without a network: codes and responses, and no more. It proves no
/// PIN to the server, and no unlock code opens its vault: what could check one would check guesses at the password.
#[derive(Debug)]
pub struct OfflineKeys {
    /// Makes time-based codes; as long as the hash of the token.
    pub code: SecretBytes,
    /// Answers challenges by OCRA-…-SHA256.
    pub challenge_response: Secret<32>,
}

/// SHA-256, where two halves name a thing by its hash.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
