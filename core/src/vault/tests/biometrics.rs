//! Biometrics as a way into the vault. Their "hardware" seals by doing nothing.

use super::*;
use crate::approval::Opened;
use crate::biometrics::Biometric::{Face, Fingerprint};
use crate::biometrics::{BiometricsOff, open_factor_key};

const FINGER: &[crate::biometrics::Biometric] = &[Fingerprint];

/// Turns biometrics on; answers with the new file.
fn turn_on(vault: &mut OpenVault) -> Vec<u8> {
    let offer = vault.offer_biometrics(FINGER, &mut OsRng).unwrap();
    vault.turn_on_biometrics(offer.to_seal().expose().to_vec(), &mut OsRng)
}

fn recognised(file: &[u8]) -> SecretBytes {
    SecretBytes::from_slice(SealedVault::parse(file).unwrap().biometric_slot().unwrap())
}

fn open_with_finger(file: &[u8]) -> Result<OpenVault, VaultError> {
    let opened = recognised(file);
    SealedVault::parse(file)?.open_with_biometrics(&opened, FINGER)
}

#[test]
fn biometrics_open_the_vault_beside_the_pin_and_prove_themselves_and_no_pin() {
    let mut vault = with_unlock_slot(pin_vault().vault).vault;
    let offer = vault.offer_biometrics(FINGER, &mut OsRng).unwrap();
    let sent = open_factor_key(&secret(13), vault.header().serial, offer.to_send().unwrap()).unwrap();
    let file = vault.turn_on_biometrics(offer.to_seal().expose().to_vec(), &mut OsRng);
    assert!(vault.has_biometrics());
    let by_finger = open_with_finger(&file).unwrap();
    expect_contents(&by_finger);
    assert_eq!(by_finger.opened(), Opened::Biometric);
    assert_eq!(by_finger.factor().unwrap().secret(), sent.secret());
    assert_ne!(sent.secret(), &secret(12), "a finger proves no PIN");
    let again = by_finger.offer_biometrics(FINGER, &mut OsRng);
    assert_eq!(again.unwrap_err(), VaultError::PinNeeded, "a finger turns nothing on");
    let changed = by_finger.set_pin(&chosen("407183"), Cost::LEAST, &mut OsRng);
    assert_eq!(changed.unwrap_err(), VaultError::PinNeeded, "a finger changes no PIN");
    // The PIN proves the PIN, and never the finger: its slot does not hold that key.
    let by_pin = open_with_pin(&file, PIN).unwrap();
    assert_eq!((by_pin.opened(), by_pin.factor().unwrap().secret()), (Opened::Pin, &secret(12)));
}

#[test]
fn a_new_pin_leaves_biometrics_and_turning_them_off_leaves_the_pin() {
    let mut vault = with_unlock_slot(pin_vault().vault).vault;
    let on = turn_on(&mut vault);
    let factor = *open_with_finger(&on).unwrap().factor().unwrap().secret().expose();
    let Rewritten { mut vault, file } = set_pin(open_with_pin(&on, PIN).unwrap(), "407183");
    let by_finger = open_with_finger(&file).unwrap();
    assert_eq!(by_finger.factor().unwrap().secret().expose(), &factor);
    // An unlock code gives another PIN, and leaves them too.
    let sealed = SealedVault::parse(&file).unwrap();
    let code = UnlockSecret::first(secret(14)).code(sealed.header().serial, sealed.unlock_challenge().unwrap());
    let attempt = sealed.attempt_unlock(&code.unwrap()).unwrap();
    let answer = hardware(attempt.prf_input());
    let setting = attempt.finish(answer).unwrap().set_pin(&chosen("920574"), Cost::LEAST, &mut OsRng);
    let answer = hardware(setting.prf_input());
    assert!(open_with_finger(&setting.finish(answer, &mut OsRng).file).is_ok());

    let opened = recognised(&file);
    let off = vault.turn_off_biometrics(&mut OsRng);
    let sealed = SealedVault::parse(&off).unwrap();
    assert!(sealed.biometric_slot().is_none());
    assert_eq!(sealed.open_with_biometrics(&opened, FINGER).unwrap_err(), VaultError::NoSuchSlot);
    expect_contents(&open_with_pin(&off, "407183").unwrap());
    // On again it has another factor key.
    let mut vault = open_with_pin(&off, "407183").unwrap();
    assert_ne!(open_with_finger(&turn_on(&mut vault)).unwrap().factor().unwrap().secret().expose(), &factor);
}

#[test]
fn a_vault_without_a_pin_has_biometrics_too_and_keeps_them_when_it_gets_one() {
    let mut vault = device_vault().vault;
    let file = turn_on(&mut vault);
    assert!(open_with_device(&file).unwrap().factor().is_none(), "the device's key alone proves no finger");
    let by_finger = open_with_finger(&file).unwrap();
    assert_eq!(by_finger.opened(), Opened::Biometric);
    let factor = *by_finger.factor().unwrap().secret().expose();
    // The first PIN's factor key comes from the body, whatever opened the session.
    let Rewritten { vault, file } = set_pin(by_finger, PIN);
    assert_eq!((vault.opened(), vault.factor().unwrap().secret()), (Opened::Pin, &secret(12)));
    assert_eq!(open_with_device(&file).unwrap_err(), VaultError::NoSuchSlot);
    assert_eq!(open_with_pin(&file, PIN).unwrap().factor().unwrap().secret(), &secret(12));
    assert_eq!(open_with_finger(&file).unwrap().factor().unwrap().secret().expose(), &factor);
}

#[test]
fn biometrics_of_a_token_that_was_activated_without_a_network_open_and_prove_nothing() {
    let header = Header { server: offline(), ..header(with_pin_required(true)) };
    let keys = OfflineKeys { code: token_keys().code, challenge_response: secret(11) };
    let new = NewVault::generate_offline(header, FORMAT, keys, "123 456 7890".parse().unwrap(), &mut OsRng);
    let setting = new.with_pin(&chosen(PIN), Cost::LEAST, &mut OsRng);
    let answer = hardware(setting.prf_input());
    let mut vault = setting.finish(answer, &mut OsRng).vault;
    assert!(vault.offer_biometrics(FINGER, &mut OsRng).unwrap().to_send().is_none());
    let by_finger = open_with_finger(&turn_on(&mut vault)).unwrap();
    assert_eq!(by_finger.opened(), Opened::Device);
    let changed = by_finger.set_pin(&chosen("407183"), Cost::LEAST, &mut OsRng);
    assert_eq!(changed.unwrap_err(), VaultError::PinNeeded);
}

#[test]
fn the_policy_decides_before_and_after() {
    let mut vault = pin_vault().vault;
    let faces = vault.offer_biometrics(&[Fingerprint, Face], &mut OsRng);
    assert_eq!(faces.unwrap_err(), VaultError::Biometrics(BiometricsOff::FaceNotExcluded));
    let on = turn_on(&mut vault);
    let none = SealedVault::parse(&on).unwrap().open_with_biometrics(&recognised(&on), &[]);
    assert_eq!(none.unwrap_err(), VaultError::Biometrics(BiometricsOff::NotSetUp));
    let strict = PhonePolicy { device_biometrics_allowed: false, ..with_pin_required(true) };
    let forbidden = vault.update(header(strict), &mut OsRng).unwrap();
    assert_eq!(open_with_finger(&forbidden).unwrap_err(), VaultError::Biometrics(BiometricsOff::ByPolicy));
    let offered = open_with_pin(&forbidden, PIN).unwrap().offer_biometrics(FINGER, &mut OsRng);
    assert_eq!(offered.unwrap_err(), VaultError::Biometrics(BiometricsOff::ByPolicy));

    // Whoever can write the file and changes the policy back has a vault that stays closed.
    let [_, slots, body] = fields(&forbidden);
    let lax = SealedVault::parse(&on).unwrap().header().to_json();
    let downgraded = file_of([lax, slots, body]);
    assert!(SealedVault::parse(&downgraded).unwrap().header().policy.device_biometrics_allowed);
    assert_eq!(open_with_finger(&downgraded).unwrap_err(), VaultError::Damaged);
    assert_eq!(open_with_pin(&downgraded, PIN).unwrap_err(), VaultError::Damaged);
}

#[test]
fn a_slot_of_another_vault_opens_nothing() {
    let (mut before, mut now) = (pin_vault().vault, pin_vault().vault);
    let (stale, file) = (turn_on(&mut before), turn_on(&mut now));
    // Same token, hardware and PIN, as after an activation anew: its old slot is of no use, in its place or beside.
    let opened = recognised(&stale);
    let wrong = SealedVault::parse(&file).unwrap().open_with_biometrics(&opened, FINGER);
    assert_eq!(wrong.unwrap_err(), VaultError::Damaged);
    let [header, _, body] = fields(&file);
    let [_, stale_slots, _] = fields(&stale);
    assert_eq!(open_with_finger(&file_of([header, stale_slots, body])).unwrap_err(), VaultError::Damaged);
    // Nor is what is no vault key.
    for other in [&recognised(&file).expose()[..36], &[0; 72], &[], &[recognised(&file).expose(), &[0]].concat()] {
        let opened = SealedVault::parse(&file).unwrap().open_with_biometrics(&SecretBytes::from_slice(other), FINGER);
        // The vault key without its factor key opens, and proves nothing: only the hardware could say so.
        assert!(opened.map_or(true, |vault| vault.opened() == Opened::Device), "{} bytes", other.len());
    }
}

#[test]
fn slots_are_consistent_and_every_flipped_bit_is_noticed() {
    let file = turn_on(&mut pin_vault().vault);
    let [header, slots, body] = fields(&file);
    let [_, pin_slot, _] = fields(&pin_vault().file);
    let (own_pin_slot, biometric) = slots.split_at(pin_slot.len());
    for wrong in [biometric.to_vec(), [&slots, biometric].concat()] {
        let file = file_of([header.clone(), wrong, body.clone()]);
        assert_eq!(SealedVault::parse(&file).unwrap_err(), VaultError::Damaged);
    }
    // Without its slot the file is not what was sealed.
    let attempt = SealedVault::parse(&file).unwrap().attempt_pin(&pin(PIN), permit()).unwrap();
    let answer = hardware(attempt.prf_input());
    let vault = SealedVault::parse(&file_of([header, own_pin_slot.to_vec(), body])).unwrap();
    let cut = PinAttempt { vault, prf_input: secret(0) }.finish(answer.duplicate());
    assert_eq!(cut.unwrap_err(), VaultError::Damaged);
    let opened = recognised(&file);
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let parsed = || SealedVault::parse(&changed);
        let by_pin = parsed().and_then(|vault| PinAttempt { vault, prf_input: secret(0) }.finish(answer.duplicate()));
        let by_finger = parsed().and_then(|vault| vault.open_with_biometrics(&opened, FINGER));
        assert!(by_pin.is_err() && by_finger.is_err(), "bit {bit}");
    }
}
