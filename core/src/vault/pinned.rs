//! The vaults of version 1 that must open for ever: `vectors/vault-v1.json` and `vault-biometrics-v1.json`, which the other
//! languages read too.
//!
//! When a test here fails, the format has changed, and every vault on every phone would no longer open. The cure is
//! never to write the file anew, but to keep reading what it holds.

use data_encoding::HEXLOWER;
use rand_core::{CryptoRng, RngCore};
use serde::Deserialize;
use serde_json::Value;

use super::contents::Activated;
use super::slot::{Slot, Slots};
use super::tests::{fields, permit, pin, prf};
use super::*;
use crate::biometrics::Biometric;
use crate::frame::FrameWriter;
use crate::keys::sha256;
use crate::secret::{Secret, SecretBytes};

#[derive(Deserialize)]
struct Pinned {
    prf_key: String,
    pin_vault: PinVault,
    device_vault: DeviceVault,
    unlock: Unlock,
    header: Value,
    contents: ExpectedContents,
}

#[derive(Deserialize)]
struct PinVault {
    file: String,
    pin: String,
    vault_key: String,
    pin_factor: String,
}

#[derive(Deserialize)]
struct DeviceVault {
    file: String,
    vault_key: String,
}

#[derive(Deserialize)]
struct Unlock {
    unlock_0: String,
    challenge: String,
    code: String,
    pin_factor_1: String,
    unlock_1: String,
}

#[derive(Deserialize)]
struct ExpectedContents {
    hash: String,
    digits: u8,
    period: u16,
    code: String,
    challenge_response: String,
    factor_later: String,
}

fn pinned() -> Pinned {
    serde_json::from_str(include_str!("../../vectors/vault-v1.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

fn secret(hex: &str) -> Secret<32> {
    Secret::from_slice(&bytes(hex)).unwrap()
}

/// Gives out bytes that were random once.
struct Replay(Vec<u8>);

impl RngCore for Replay {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        let rest = self.0.split_off(dest.len());
        dest.copy_from_slice(&self.0);
        self.0 = rest;
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Replay {}

fn nonce(sealed: &[u8]) -> Replay {
    Replay(sealed[..12].to_vec())
}

fn expect(vault: &OpenVault, pinned: &Pinned) {
    let expected = &pinned.contents;
    assert_eq!(vault.code_format().hash.name(), expected.hash);
    assert_eq!(vault.code_format().digits.get(), expected.digits);
    assert_eq!(vault.code_format().period.seconds(), expected.period);
    assert_eq!(vault.code_key().expose(), bytes(&expected.code));
    assert_eq!(vault.challenge_response_key(), &secret(&expected.challenge_response));
    assert_eq!(vault.factor_later().unwrap(), &secret(&expected.factor_later));
}

/// Whether `value` has all that `part` has. A later version may write more into a header, but nothing else.
fn includes(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(value), Value::Object(part)) => {
            part.iter().all(|(key, part)| value.get(key).is_some_and(|value| includes(value, part)))
        }
        _ => value == part,
    }
}

fn open_with_pin(pinned: &Pinned) -> (OpenVault, Secret<32>) {
    let sealed = SealedVault::parse(&bytes(&pinned.pin_vault.file)).unwrap();
    let attempt = sealed.attempt_pin(&pin(&pinned.pin_vault.pin), permit()).unwrap();
    let answer = prf(&bytes(&pinned.prf_key), attempt.prf_input());
    (attempt.finish(answer.duplicate()).unwrap(), answer)
}

#[test]
fn the_vectors_are_the_ones_that_were_released() {
    let hash = sha256(include_bytes!("../../vectors/vault-v1.json"));
    assert_eq!(HEXLOWER.encode(&hash), "89c0594ad7981b64946106b2ec8bf33d87d1c299a6f63c2bf333e1353d714a0f");
}

#[test]
fn the_pin_vault_opens() {
    let pinned = pinned();
    let (vault, answer) = open_with_pin(&pinned);
    expect(&vault, &pinned);
    assert_eq!(vault.key, secret(&pinned.pin_vault.vault_key));
    assert_eq!(vault.factor().unwrap().secret(), &secret(&pinned.pin_vault.pin_factor));

    // And what is written today is what was written then, given the same random numbers.
    let file = bytes(&pinned.pin_vault.file);
    let [header, slots, body] = fields(&file);
    let rewritten = sealed::seal_file(&header, &vault.slots, &vault.key, &vault.contents, &mut nonce(&body));
    assert_eq!(rewritten, file);
    let Slot { lock, sealed } = vault.slots.pin.unwrap();
    let secrets = [&vault.key, vault.factor.as_ref().unwrap().secret()];
    let pin = Slot::seal(lock, &answer, vault.header.serial, &secrets, &mut nonce(&sealed));
    let again = Slots { pin: Some(pin), unlock: vault.slots.unlock, ..Slots::default() };
    assert_eq!(again.write().as_bytes(), slots);
    assert!(includes(&serde_json::to_value(&vault.header).unwrap(), &pinned.header));
    let written: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(written, pinned.header);
}

#[test]
fn the_unlock_code_opens_it_too() {
    let Pinned { prf_key, pin_vault, unlock, .. } = pinned();
    let sealed = SealedVault::parse(&bytes(&pin_vault.file)).unwrap();
    let (serial, challenge) = (sealed.header().serial, sealed.unlock_challenge().unwrap());
    assert_eq!(challenge.grouped(serial), unlock.challenge);
    let server = UnlockSecret::first(secret(&unlock.unlock_0));
    assert_eq!(server.code(serial, challenge).unwrap().grouped(), unlock.code);
    let attempt = sealed.attempt_unlock(&unlock.code.parse().unwrap()).unwrap();
    let answer = prf(&bytes(&prf_key), attempt.prf_input());
    let UnlockedVault(vault) = attempt.finish(answer).unwrap();
    assert_eq!(vault.factor().unwrap().secret(), &secret(&unlock.pin_factor_1));
    assert_eq!(server.pin_factor().secret(), &secret(&unlock.pin_factor_1));
    let next = vault.contents.unlock().unwrap();
    assert_eq!((next.number(), next.secret()), (1, &secret(&unlock.unlock_1)));
    assert_eq!(&server.next(), next);
}

#[test]
fn the_device_vault_opens() {
    let pinned = pinned();
    let file = bytes(&pinned.device_vault.file);
    let key = SecretBytes::from_slice(&bytes(&pinned.device_vault.vault_key));
    let sealed = SealedVault::parse(&file).unwrap();
    assert!(sealed.device_slot().is_some());
    let vault = sealed.open_with_device(&key).unwrap();
    expect(&vault, &pinned);
    let Activated::Online { factor_pin, unlock, .. } = &vault.contents.activated else { panic!("it was online") };
    assert_eq!(factor_pin.as_ref().unwrap().secret(), &secret(&pinned.pin_vault.pin_factor));
    assert_eq!(unlock.as_ref().unwrap().secret(), &secret(&pinned.unlock.unlock_0));
    let [header, _, body] = fields(&file);
    let rewritten = sealed::seal_file(&header, &vault.slots, &vault.key, &vault.contents, &mut nonce(&body));
    assert_eq!(rewritten, file);
}

/// The same, with biometrics beside the PIN, and the history of a decision.
#[derive(Deserialize)]
struct PinnedBiometrics {
    file: String,
    opened: String,
    vault_key: String,
    biometric_factor: String,
    history: String,
    decisions: History,
}

fn biometrics() -> PinnedBiometrics {
    serde_json::from_str(include_str!("../../vectors/vault-biometrics-v1.json")).unwrap()
}

#[test]
fn the_vectors_of_biometrics_are_the_ones_that_were_released() {
    let hash = sha256(include_bytes!("../../vectors/vault-biometrics-v1.json"));
    assert_eq!(HEXLOWER.encode(&hash), "c8c94423080396a3e976688ab8ab8709177fbdf4a2b67c612d173661d87685af");
}

#[test]
fn the_vault_opens_by_biometrics_and_its_history_is_read() {
    let (pinned, biometrics) = (pinned(), biometrics());
    let file = bytes(&biometrics.file);
    let sealed = SealedVault::parse(&file).unwrap();
    let opened = bytes(&biometrics.opened);
    assert_eq!(sealed.biometric_slot().unwrap(), opened, "the hardware is stood in for by nothing");
    let parts = FrameWriter::default()
        .field(secret(&biometrics.vault_key).expose())
        .field(secret(&biometrics.biometric_factor).expose());
    assert_eq!(parts.as_bytes(), opened);
    let vault = sealed.open_with_biometrics(&SecretBytes::from_slice(&opened), &[Biometric::Fingerprint]).unwrap();
    expect(&vault, &pinned);
    assert_eq!(vault.factor().unwrap().secret(), &secret(&biometrics.biometric_factor));
    let [header, _, body] = fields(&file);
    let rewritten = sealed::seal_file(&header, &vault.slots, &vault.key, &vault.contents, &mut nonce(&body));
    assert_eq!(rewritten, file);
    let history = bytes(&biometrics.history);
    assert_eq!(vault.open_history(&history).unwrap(), biometrics.decisions);
    assert_eq!(vault.seal_history(&biometrics.decisions, &mut nonce(&history)), history);
    // The PIN opens it as before.
    let attempt = SealedVault::parse(&file).unwrap().attempt_pin(&pin(&pinned.pin_vault.pin), permit()).unwrap();
    let answer = prf(&bytes(&pinned.prf_key), attempt.prf_input());
    assert_eq!(attempt.finish(answer).unwrap().factor().unwrap().secret(), &secret(&pinned.pin_vault.pin_factor));
}
