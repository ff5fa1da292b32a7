//! Vaults with a hardware of software: what opens, what does not, and what a thief gets.

use hmac::{Hmac, Mac};
use proptest::prelude::*;
use rand_core::OsRng;
use sha2::Sha256;

use super::*;
use crate::keys::MasterSecret;
use crate::otp::TimeStep;
use crate::policy::Policy;
use crate::signed::SigningKey;

/// The smallest cost that a vault may have, so that the tests are quick.
const QUICK: Cost = Cost::new(8 * 1024, 1).unwrap();

/// The keyed function of a phone's hardware.
struct Hardware([u8; 32]);

impl Hardware {
    fn prf(&self, input: &Secret<32>) -> Secret<32> {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).unwrap();
        Secret::from_slice(&mac.chain_update(input.expose()).finalize().into_bytes()).unwrap()
    }
}

const PHONE: Hardware = Hardware([7; 32]);

fn pin(digits: &str) -> Pin {
    Pin::take(digits.as_bytes().to_vec()).unwrap()
}

fn header() -> Header {
    Header {
        server: "https://symbolon.example".parse().unwrap(),
        identity_key: SigningKey::from_secret(&Secret::take(&mut [3; 32])).unwrap().public_key(),
        tls: Some([2; 32].into()),
        serial: "1234567890".parse().unwrap(),
        issuer: "Example".parse().unwrap(),
        account: "alice".parse().unwrap(),
        label: None,
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::default(),
        unconfirmed: Some([5; 16].into()),
    }
}

fn new_vault() -> NewVault {
    let keys = MasterSecret::extract(&[1; 32], &[2; 64], &[3; 32]).token_keys(Hash::Sha256);
    NewVault::new(&mut OsRng, header(), keys, Hash::Sha256, Digits::EIGHT, Period::STANDARD)
}

fn made(digits: &str) -> OpenVault {
    let protection = new_vault().protect_by_pin(&mut OsRng, &pin(digits), QUICK).unwrap();
    let output = PHONE.prf(protection.prf_input());
    protection.finish(&mut OsRng, &output)
}

fn open_on(hardware: &Hardware, file: &[u8], digits: &str) -> Result<OpenVault, VaultError> {
    let permit = Tries::NONE.count(1).unwrap().permit;
    let attempt = SealedVault::from_bytes(file)?.try_pin(permit, &pin(digits))?;
    let output = hardware.prf(attempt.prf_input());
    attempt.finish(&output)
}

fn open(file: &[u8], digits: &str) -> Result<OpenVault, VaultError> {
    open_on(&PHONE, file, digits)
}

fn code(vault: &OpenVault) -> String {
    vault.code_key().totp(TimeStep::from_number(1), vault.digits()).to_string()
}

#[test]
fn a_vault_opens_with_its_pin() {
    let vault = made("246813");
    let opened = open(&vault.to_bytes(&mut OsRng), "246813").unwrap();
    assert_eq!(opened.header(), &header());
    assert_eq!(code(&opened), code(&vault));
    assert_eq!(opened.factor_pin().unwrap().secret(), vault.factor_pin().unwrap().secret());
    assert_eq!(opened.challenge_response_key(), vault.challenge_response_key());
    assert_eq!(opened.factor_later(), vault.factor_later());
}

#[test]
fn a_vault_without_a_pin_opens_by_its_device_and_proves_no_pin() {
    let protection = new_vault().protect_by_device();
    let sealed = protection.secret().expose().to_vec();
    let file = protection.finish(sealed).to_bytes(&mut OsRng);
    let vault = SealedVault::from_bytes(&file).unwrap();
    assert!(!vault.has_pin());
    let opened = Secret::from_slice(vault.device_slot().unwrap()).unwrap();
    let vault = vault.open_by_device(&opened).unwrap();
    assert!(vault.factor_pin().is_none());
    assert_eq!(vault.change_pin(&mut OsRng, &pin("246813"), QUICK).unwrap_err(), VaultError::NoSlot);
}

#[test]
fn a_wrong_pin_does_not_open_it() {
    let file = made("246813").to_bytes(&mut OsRng);
    assert_eq!(open(&file, "246814").unwrap_err(), VaultError::WrongPin);
}

/// The thief of the file, who even knows the PIN, lacks the phone's hardware.
#[test]
fn the_right_pin_opens_nothing_elsewhere() {
    let file = made("246813").to_bytes(&mut OsRng);
    assert_eq!(open_on(&Hardware([8; 32]), &file, "246813").unwrap_err(), VaultError::WrongPin);
}

#[test]
fn a_changed_pin_takes_the_place_of_the_old_one() {
    let before = made("246813");
    let code_before = code(&before);
    let change = before.change_pin(&mut OsRng, &pin("975310"), QUICK).unwrap();
    let output = PHONE.prf(change.prf_input());
    let file = change.finish(&mut OsRng, &output).to_bytes(&mut OsRng);
    assert_eq!(open(&file, "246813").unwrap_err(), VaultError::WrongPin);
    assert_eq!(code(&open(&file, "975310").unwrap()), code_before);
}

#[test]
fn a_new_policy_needs_no_pin_but_the_open_vault() {
    let mut vault = made("246813");
    vault.header_mut().unconfirmed = None;
    vault.header_mut().policy_version = PolicyVersion::new(7);
    let opened = open(&vault.to_bytes(&mut OsRng), "246813").unwrap();
    assert_eq!(opened.header().unconfirmed, None);
    assert_eq!(opened.header().policy_version, PolicyVersion::new(7));
}

/// Another address or a weaker policy in the clear header: the vault does not open.
#[test]
fn a_changed_header_is_noticed() {
    let file = made("246813").to_bytes(&mut OsRng);
    for (from, to) in [("symbolon.example", "evil-one.example"), ("\"pin_tries\":5", "\"pin_tries\":9")] {
        let at = file.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut changed = file.clone();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        assert_eq!(open(&changed, "246813").unwrap_err(), VaultError::Damaged, "{to}");
    }
}

#[test]
fn every_changed_byte_and_every_cut_is_noticed() {
    let file = made("246813").to_bytes(&mut OsRng);
    // The key of the slot is fixed here, so that Argon2id need not run for each byte.
    let attempt = SealedVault::from_bytes(&file).unwrap();
    let permit = Tries::NONE.count(1).unwrap().permit;
    let attempt = attempt.try_pin(permit, &pin("246813")).unwrap();
    let output = PHONE.prf(attempt.prf_input());
    let reopen = |bytes: &[u8]| {
        let vault = SealedVault::from_bytes(bytes)?;
        let sealed = vault.slots.iter().find_map(|slot| match slot {
            Slot::Pin { sealed, .. } => Some(sealed.clone()),
            _ => None,
        });
        let sealed = sealed.ok_or(VaultError::NoSlot)?;
        PinTry { vault, sealed, prf_input: Secret::take(&mut [0; 32]) }.finish(&output)
    };
    assert!(reopen(&file).is_ok());
    for position in 0..file.len() {
        let mut changed = file.clone();
        changed[position] ^= 1;
        assert!(reopen(&changed).is_err(), "byte {position}");
        assert!(reopen(&file[..position]).is_err(), "cut at {position}");
    }
    assert!(reopen(&[file.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn costs_that_no_vault_has_are_refused() {
    for (memory, passes) in [(0, 1), (8 * 1024 - 1, 1), (256 * 1024 + 1, 1), (8 * 1024, 0), (8 * 1024, 11)] {
        assert_eq!(Cost::new(memory, passes), None);
    }
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", made("246813"));
    for secret in ["246813", "[7, 7", "[3, 3"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("[redacted]"));
}

/// A file of version 1, made once: it must open for ever.
#[test]
fn a_vault_of_version_1_opens() {
    let vector: serde_json::Value = serde_json::from_str(include_str!("../../vectors/vault-v1.json")).unwrap();
    let text = |key: &str| vector[key].as_str().unwrap().to_owned();
    let hex = |key: &str| data_encoding::HEXLOWER.decode(text(key).as_bytes()).unwrap();
    let hardware = Hardware(hex("prf_key").try_into().unwrap());
    let opened = open_on(&hardware, &hex("file"), &text("pin")).unwrap();
    assert_eq!(opened.header().serial.to_string(), text("serial"));
    assert_eq!(opened.header().server.to_string(), text("server"));
    assert_eq!(code(&opened), text("code_of_step_1"));
    assert_eq!(data_encoding::HEXLOWER.encode(opened.factor_pin().unwrap().secret().expose()), text("factor_pin"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = SealedVault::from_bytes(&bytes);
        let _ = SealedVault::from_bytes(&[&[1], bytes.as_slice()].concat());
    }
}
