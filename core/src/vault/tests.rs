//! The vault as a whole: every way in, every change, and everybody who should stay out.

use jiff::Timestamp;
use proptest::prelude::*;
use rand_core::OsRng;

use super::contents::Activated;
use super::*;
use crate::activation::offline::RegistrationCode;
use crate::frame::{FrameReader, FrameWriter};
use crate::keys::{FactorKey, OfflineKeys, TokenKeys};
use crate::otp::{CodeFormat, Digits, Hash, Period, TimeStep};
use crate::policy::{PhonePolicy, PinLength, PinTries, Policy, PolicyVersion};
use crate::secret::{Secret, SecretBytes};
use crate::signed::{PublicKey, SigningKey};
use crate::succession::{HeardKeys, KeysVersion};

mod biometrics;

const PIN: &str = "837194";

/// Stands in for a key in hardware.
pub(super) fn prf(key: &[u8], input: &Secret<32>) -> Secret<32> {
    let key = FactorKey::from_secret(Secret::from_slice(key).unwrap());
    Secret::take(&mut key.mac(input.expose()))
}

const HARDWARE: [u8; 32] = [9; 32];

fn hardware(input: &Secret<32>) -> Secret<32> {
    prf(&HARDWARE, input)
}

pub(super) fn header(policy: PhonePolicy) -> Header {
    Header {
        serial: "12345-67890".parse().unwrap(),
        issuer: "Example & Co".parse().unwrap(),
        account: "ana@symbolon.example".parse().unwrap(),
        label: Some("Ana's phone".parse().unwrap()),
        policy,
        policy_version: PolicyVersion::new(7),
        server: Server::Online(Online {
            address: "https://symbolon.example:8443".parse().unwrap(),
            identity: SigningKey::from_secret(&Secret::from_slice(&[1; 32]).unwrap()).unwrap().public_key(),
            tls: Some([2; 32].into()),
            pending: Some([3; 16].into()),
            comparison: None,
            keys: None,
        }),
    }
}

fn offline() -> Server {
    Server::Offline(Offline {
        address: None,
        identity: Some([4; 32].into()),
        tls: None,
        until: "2026-11-25T12:00:00Z".parse().unwrap(),
    })
}

fn with_pin_required(pin_required: bool) -> PhonePolicy {
    PhonePolicy { pin_required, ..Policy::default().for_phone() }
}

fn secret(byte: u8) -> Secret<32> {
    Secret::from_slice(&[byte; 32]).unwrap()
}

pub(super) fn token_keys() -> TokenKeys {
    TokenKeys {
        code: SecretBytes::from_slice(b"12345678901234567890123456789012"),
        challenge_response: secret(11),
        factor_pin: FactorKey::from_secret(secret(12)),
        factor_later: secret(13),
        unlock: secret(14),
    }
}

pub(super) const FORMAT: CodeFormat =
    CodeFormat { hash: Hash::Sha256, digits: Digits::EIGHT, period: Period::STANDARD };

pub(super) fn pin(text: &str) -> Pin {
    Pin::from_ascii(text.as_bytes()).unwrap()
}

pub(super) fn chosen(text: &str) -> ChosenPin {
    pin(text).choose(PinLength::try_from(u32::try_from(text.len()).unwrap()).unwrap()).unwrap()
}

fn new_vault(policy: PhonePolicy) -> NewVault {
    NewVault::generate(header(policy), FORMAT, token_keys(), &mut OsRng)
}

/// A vault with a PIN, its unlock slot not written yet.
fn pin_vault() -> Rewritten {
    let setting = new_vault(with_pin_required(true)).with_pin(&chosen(PIN), Cost::LEAST, &mut OsRng);
    let answer = hardware(setting.prf_input());
    setting.finish(answer, &mut OsRng)
}

fn with_unlock_slot(vault: OpenVault) -> Rewritten {
    let setting = vault.write_unlock_slot(Cost::LEAST, &mut OsRng).unwrap();
    let answer = hardware(setting.prf_input());
    setting.finish(answer, &mut OsRng)
}

/// A vault that the device opens; its "hardware" seals by doing nothing.
fn device_vault() -> Rewritten {
    let setting = new_vault(with_pin_required(false)).with_device().unwrap();
    let sealed = setting.to_seal().expose().to_vec();
    setting.finish(sealed, &mut OsRng)
}

fn open_with_device(file: &[u8]) -> Result<OpenVault, VaultError> {
    let vault = SealedVault::parse(file)?;
    let opened = SecretBytes::from_slice(vault.device_slot().ok_or(VaultError::NoSuchSlot)?);
    vault.open_with_device(&opened)
}

pub(super) fn permit() -> PinPermit {
    Tries::NONE.count(PinTries::try_from(1).unwrap(), jiff::Timestamp::UNIX_EPOCH).unwrap().stored().0
}

fn open_with_pin(file: &[u8], typed: &str) -> Result<OpenVault, VaultError> {
    let attempt = SealedVault::parse(file)?.attempt_pin(&pin(typed), permit())?;
    let answer = hardware(attempt.prf_input());
    attempt.finish(answer)
}

fn set_pin(vault: OpenVault, new: &str) -> Rewritten {
    let setting = vault.set_pin(&chosen(new), Cost::LEAST, &mut OsRng).unwrap();
    let answer = hardware(setting.prf_input());
    setting.finish(answer, &mut OsRng)
}

fn expect_contents(vault: &OpenVault) {
    assert_eq!(vault.code_format(), FORMAT);
    assert_eq!(vault.code_key(), &token_keys().code);
    assert_eq!(vault.challenge_response_key(), &token_keys().challenge_response);
    assert_eq!(vault.factor_later(), Some(&token_keys().factor_later));
    let code = vault.otp_key().totp(TimeStep::from_number(1), Digits::EIGHT);
    assert_eq!(code.to_string(), "46119246"); // RFC 6238, appendix B
}

/// The three fields of a file: header, slots, body.
pub(super) fn fields(file: &[u8]) -> [Vec<u8>; 3] {
    let mut reader = FrameReader::new(&file[1..]);
    [(); 3].map(|()| reader.field().unwrap().to_vec())
}

fn file_of(fields: [Vec<u8>; 3]) -> Vec<u8> {
    let frame = fields.iter().fold(FrameWriter::default(), |frame, field| frame.field(field));
    [&[VERSION], frame.as_bytes()].concat()
}

#[test]
fn the_pin_opens_the_vault() {
    let Rewritten { vault, file } = with_unlock_slot(pin_vault().vault);
    expect_contents(&vault);
    let sealed = SealedVault::parse(&file).unwrap();
    assert_eq!(sealed.header(), &header(with_pin_required(true)));
    assert!(sealed.header().is_activating(Timestamp::UNIX_EPOCH));
    assert_eq!((sealed.pin_length(), sealed.device_slot()), (Some(6), None));
    let vault = open_with_pin(&file, PIN).unwrap();
    expect_contents(&vault);
    assert_eq!(vault.factor().unwrap().secret(), &secret(12));
    assert!(!vault.must_set_pin());
    // A PIN has no way round it.
    assert_eq!(open_with_device(&file).unwrap_err(), VaultError::NoSuchSlot);
    let key = SecretBytes::from_slice(&[0; 32]);
    assert_eq!(SealedVault::parse(&file).unwrap().open_with_device(&key).unwrap_err(), VaultError::NoSuchSlot);
}

#[test]
fn another_pin_does_not() {
    let file = pin_vault().file;
    for typed in ["837195", "8371940", "83719", "000000"] {
        assert_eq!(open_with_pin(&file, typed).unwrap_err(), VaultError::WrongPin);
    }
}

#[test]
fn the_right_pin_is_worth_nothing_without_the_hardware() {
    let file = pin_vault().file;
    let attempt = || SealedVault::parse(&file).unwrap().attempt_pin(&pin(PIN), permit()).unwrap();
    let guesses: [fn(&Secret<32>) -> Secret<32>; 4] =
        [Secret::duplicate, |input| prf(&[0; 32], input), |input| prf(input.expose(), input), |_| secret(0)];
    for guess in guesses {
        let attempt = attempt();
        let answer = guess(attempt.prf_input());
        assert_eq!(attempt.finish(answer).unwrap_err(), VaultError::WrongPin);
    }
    let attempt = attempt();
    let answer = hardware(attempt.prf_input());
    assert!(attempt.finish(answer).is_ok());
}

#[test]
fn a_device_key_opens_a_vault_without_a_pin() {
    let vault = open_with_device(&device_vault().file).unwrap();
    expect_contents(&vault);
    assert!(vault.factor().is_none(), "no PIN, no proof of one");
    assert!(!vault.must_set_pin() && !vault.needs_unlock_slot());
    let other = SecretBytes::from_slice(&[0; 32]);
    for wrong in [other, SecretBytes::from_slice(&[0; 31])] {
        let sealed = SealedVault::parse(&device_vault().file).unwrap();
        assert_eq!(sealed.open_with_device(&wrong).unwrap_err(), VaultError::Damaged);
    }
    let sealed = SealedVault::parse(&device_vault().file).unwrap();
    assert_eq!(sealed.attempt_pin(&pin(PIN), permit()).unwrap_err(), VaultError::NoSuchSlot);
}

#[test]
fn a_policy_that_asks_for_a_pin_gets_one() {
    assert_eq!(new_vault(with_pin_required(true)).with_device().unwrap_err(), VaultError::PinRequired);
    let mut vault = device_vault().vault;
    vault.update(header(with_pin_required(true)), &mut OsRng).unwrap();
    assert!(vault.must_set_pin());
    let Rewritten { vault, file } = set_pin(vault, PIN);
    assert!(!vault.must_set_pin() && vault.needs_unlock_slot());
    assert_eq!(open_with_device(&file).unwrap_err(), VaultError::NoSuchSlot);
    assert_eq!(open_with_pin(&file, PIN).unwrap().factor().unwrap().secret(), &secret(12));
    // The body holds the factor key no more.
    assert!(matches!(vault.contents.activated, Activated::Online { factor_pin: None, .. }));
}

/// It opens by its PIN like any other, and holds nothing that an unlock code or a factor could be checked by.
#[test]
fn a_vault_of_an_offline_token_has_codes_and_no_way_back() {
    let header = Header { server: offline(), ..header(with_pin_required(true)) };
    let keys = OfflineKeys { code: token_keys().code, challenge_response: secret(11) };
    let registration: RegistrationCode = "123 456 7890".parse().unwrap();
    let new = NewVault::generate_offline(header.clone(), FORMAT, keys, registration, &mut OsRng);
    let setting = new.with_pin(&chosen(PIN), Cost::LEAST, &mut OsRng);
    let answer = hardware(setting.prf_input());
    let Rewritten { vault, file } = setting.finish(answer, &mut OsRng);
    assert!(!vault.needs_unlock_slot() && vault.write_unlock_slot(Cost::LEAST, &mut OsRng).is_none());
    assert!(SealedVault::parse(&file).unwrap().unlock_challenge().is_none());
    assert_eq!(open_with_pin(&file, "407183").unwrap_err(), VaultError::WrongPin);
    let vault = open_with_pin(&file, PIN).unwrap();
    assert_eq!(vault.header(), &header);
    assert_eq!((vault.code_key(), vault.challenge_response_key()), (&token_keys().code, &secret(11)));
    assert_eq!(vault.registration(), Some(registration));
    assert!(vault.factor().is_none() && vault.factor_later().is_none());
    let Rewritten { file, .. } = set_pin(vault, "407183");
    assert_eq!(open_with_pin(&file, "407183").unwrap().registration(), Some(registration));
}

#[test]
fn the_pin_changes_and_all_else_stays() {
    let Rewritten { vault, file: old } = with_unlock_slot(pin_vault().vault);
    let key = vault.key.duplicate();
    let Rewritten { vault, file: new } = set_pin(open_with_pin(&old, PIN).unwrap(), "40718352");
    assert_eq!(vault.key, key);
    assert_eq!(vault.factor().unwrap().secret(), &secret(12));
    assert_eq!(SealedVault::parse(&new).unwrap().pin_length(), Some(8));
    assert_eq!(open_with_pin(&new, PIN).unwrap_err(), VaultError::WrongPin);
    expect_contents(&open_with_pin(&new, "40718352").unwrap());
    // Power loss before the new file was in place.
    expect_contents(&open_with_pin(&old, PIN).unwrap());
    // The unlock slot is as good as before.
    assert_eq!(
        SealedVault::parse(&old).unwrap().unlock_challenge(),
        SealedVault::parse(&new).unwrap().unlock_challenge()
    );
}

#[test]
fn a_policy_with_longer_pins_is_noticed() {
    let mut vault = pin_vault().vault;
    let longer = PhonePolicy { pin_length: PinLength::try_from(8).unwrap(), ..with_pin_required(true) };
    let file = vault.update(header(longer), &mut OsRng).unwrap();
    assert!(open_with_pin(&file, PIN).unwrap().must_set_pin());
    let shorter = PhonePolicy { pin_length: PinLength::try_from(4).unwrap(), ..with_pin_required(true) };
    let file = vault.update(header(shorter), &mut OsRng).unwrap();
    assert!(!open_with_pin(&file, PIN).unwrap().must_set_pin());
}

#[test]
fn an_attempt_without_an_answer_gives_its_try_back() {
    let limit = PinTries::try_from(5).unwrap();
    let (permit, tries) = Tries::NONE.count(limit, jiff::Timestamp::UNIX_EPOCH).unwrap().stored();
    assert_eq!(tries.left(limit), 4);
    let attempt = SealedVault::parse(&pin_vault().file).unwrap().attempt_pin(&pin(PIN), permit).unwrap();
    let (_vault, untested) = attempt.abandon();
    assert_eq!(tries.give_back(untested).left(limit), 5);
}

#[test]
fn the_header_changes_without_the_pin() {
    let Rewritten { mut vault, file: old } = with_unlock_slot(pin_vault().vault);
    let next = Header {
        label: Some("Work".parse().unwrap()),
        policy_version: PolicyVersion::new(8),
        server: Server::Online(Online { pending: None, ..vault.header().online().unwrap().clone() }),
        ..vault.header().clone()
    };
    let new = vault.update(next.clone(), &mut OsRng).unwrap();
    assert_eq!(fields(&old)[1], fields(&new)[1], "slots stay as they are");
    let vault = open_with_pin(&new, PIN).unwrap();
    assert_eq!(vault.header(), &next);
    assert!(!vault.header().is_activating(Timestamp::UNIX_EPOCH));
    expect_contents(&vault);
}

#[test]
fn updates_of_other_tokens_and_older_policies_are_refused() {
    let mut vault = device_vault().vault;
    let header = vault.header().clone();
    let other = Header { serial: "00000-00001".parse().unwrap(), ..header.clone() };
    assert_eq!(vault.update(other, &mut OsRng).unwrap_err(), UpdateError::OtherToken);
    let older = Header { policy_version: PolicyVersion::new(6), ..header.clone() };
    assert_eq!(vault.update(older, &mut OsRng).unwrap_err(), UpdateError::OlderPolicy);
    assert_eq!(vault.header(), &header);
}

#[test]
fn another_identity_key_comes_in_only_if_it_was_announced_and_nothing_is_forgotten() {
    let mut vault = device_vault().vault;
    let header = vault.header().clone();
    let next = SigningKey::generate(&mut OsRng).public_key();
    let with = |identity: &PublicKey, version: u64, next_identity: Option<&PublicKey>| {
        let keys = HeardKeys { version: KeysVersion::new(version), next_identity: next_identity.cloned() };
        let online = Online { identity: identity.clone(), keys: Some(keys), ..header.online().unwrap().clone() };
        Header { server: Server::Online(online), ..header.clone() }
    };
    let first = header.online().unwrap().identity.clone();
    assert_eq!(vault.update(with(&next, 1, None), &mut OsRng).unwrap_err(), UpdateError::OtherServer);
    let announced = with(&first, 2, Some(&next));
    let file = vault.update(announced.clone(), &mut OsRng).unwrap();
    assert_eq!(SealedVault::parse(&file).unwrap().header(), &announced);
    assert_eq!(vault.update(header.clone(), &mut OsRng).unwrap_err(), UpdateError::OtherServer);
    assert_eq!(vault.update(with(&first, 1, Some(&next)), &mut OsRng).unwrap_err(), UpdateError::OtherServer);
    vault.update(with(&next, 3, None), &mut OsRng).unwrap();
    assert_eq!(vault.update(with(&first, 4, None), &mut OsRng).unwrap_err(), UpdateError::OtherServer);
}

#[test]
fn whoever_forgot_the_pin_comes_back_with_a_code() {
    let mut server = UnlockSecret::first(secret(14));
    let mut file = with_unlock_slot(pin_vault().vault).file;
    for (round, new_pin) in ["407183", "920574", "163908"].into_iter().enumerate() {
        // Nothing on the phone makes the code any more.
        assert!(open_with_pin(&file, ["837194", "407183", "920574"][round]).unwrap().contents.unlock().is_none());
        let sealed = SealedVault::parse(&file).unwrap();
        let serial = sealed.header().serial;
        let shown = sealed.unlock_challenge().unwrap().grouped(serial);
        let code = server.code(serial, UnlockChallenge::parse(&shown, serial).unwrap()).unwrap().grouped();
        let attempt = sealed.attempt_unlock(&code.to_lowercase().parse().unwrap()).unwrap();
        let answer = hardware(attempt.prf_input());
        let setting = attempt.finish(answer).unwrap().set_pin(&chosen(new_pin), Cost::LEAST, &mut OsRng);
        let answer = hardware(setting.prf_input());
        let Rewritten { vault, file: unlocked } = setting.finish(answer, &mut OsRng);
        assert_eq!(vault.factor().unwrap().secret(), server.pin_factor().secret());
        assert!(SealedVault::parse(&unlocked).unwrap().unlock_challenge().is_none(), "a code works once");
        // Power loss here: the next session writes the slot.
        let vault = open_with_pin(&unlocked, new_pin).unwrap();
        expect_contents(&vault);
        assert!(vault.needs_unlock_slot());
        server = server.next();
        file = with_unlock_slot(vault).file;
    }
}

#[test]
fn wrong_unlock_codes_open_nothing() {
    let file = with_unlock_slot(pin_vault().vault).file;
    let attempt = |secret: &UnlockSecret, prf_key: u8| {
        let sealed = SealedVault::parse(&file).unwrap();
        let code = secret.code(sealed.header().serial, sealed.unlock_challenge().unwrap()).unwrap();
        let attempt = sealed.attempt_unlock(&code).unwrap();
        let answer = prf(&[prf_key; 32], attempt.prf_input());
        attempt.finish(answer)
    };
    assert!(attempt(&UnlockSecret::first(secret(14)), 9).is_ok());
    assert_eq!(attempt(&UnlockSecret::first(secret(15)), 9).unwrap_err(), VaultError::WrongUnlockCode);
    assert_eq!(attempt(&UnlockSecret::first(secret(14)), 8).unwrap_err(), VaultError::WrongUnlockCode);
    let without = SealedVault::parse(&pin_vault().file).unwrap();
    assert_eq!(without.attempt_unlock(&"0".repeat(16).parse().unwrap()).unwrap_err(), VaultError::NoSuchSlot);
    assert!(open_with_pin(&file, PIN).unwrap().write_unlock_slot(Cost::LEAST, &mut OsRng).is_none());
}

#[test]
fn a_changed_header_keeps_the_vault_closed() {
    let file = pin_vault().file;
    let [json, slots, body] = fields(&file);
    let header = SealedVault::parse(&file).unwrap().header().clone();
    let lax = PhonePolicy {
        allow_unsecure_device: true,
        pin_tries: PinTries::try_from(20).unwrap(),
        ..header.policy.clone()
    };
    let online = header.online().unwrap().clone();
    let with = |online| Header { server: Server::Online(online), ..header.clone() };
    for changed in [
        with(Online { address: "https://evil.example".parse().unwrap(), ..online.clone() }),
        with(Online { pending: None, ..online.clone() }),
        with(Online { tls: None, ..online.clone() }),
        Header { policy: lax, ..header.clone() },
        Header { server: offline(), ..header.clone() },
    ] {
        let file = file_of([changed.to_json(), slots.clone(), body.clone()]);
        assert_eq!(SealedVault::parse(&file).unwrap().header(), &changed);
        assert_eq!(open_with_pin(&file, PIN).unwrap_err(), VaultError::Damaged);
    }
    let other = Header { serial: "00000-00001".parse().unwrap(), ..header.clone() };
    let file = file_of([other.to_json(), slots.clone(), body.clone()]);
    assert_eq!(open_with_pin(&file, PIN).unwrap_err(), VaultError::WrongPin);
    // Other bytes of the same meaning are other bytes.
    let spaced = [json.as_slice(), b" "].concat();
    assert_eq!(open_with_pin(&file_of([spaced, slots, body]), PIN).unwrap_err(), VaultError::Damaged);
}

#[test]
fn parts_of_different_vaults_do_not_fit_together() {
    let (one, other) = (with_unlock_slot(pin_vault().vault).file, with_unlock_slot(pin_vault().vault).file);
    let [header, slots, body] = fields(&one);
    let [_, other_slots, other_body] = fields(&other);
    // Same token, PIN and hardware, as after an activation anew: yet the vault key is another.
    let mixed = file_of([header.clone(), other_slots, body]);
    assert_eq!(open_with_pin(&mixed, PIN).unwrap_err(), VaultError::Damaged);
    let mixed = file_of([header.clone(), slots, other_body]);
    assert_eq!(open_with_pin(&mixed, PIN).unwrap_err(), VaultError::Damaged);
    // Leaving the unlock slot out, or bringing an older body back, is noticed too.
    let before = pin_vault();
    let [_, old_slots, old_body] = fields(&before.file);
    let [_, new_slots, new_body] = fields(&with_unlock_slot(before.vault).file);
    for (slots, body) in [(&old_slots, &new_body), (&new_slots, &old_body)] {
        let mixed = file_of([header.clone(), slots.clone(), body.clone()]);
        assert_eq!(open_with_pin(&mixed, PIN).unwrap_err(), VaultError::Damaged);
    }
}

#[test]
fn slots_that_make_no_sense_together_are_refused() {
    let [header, pin_slots, body] = fields(&pin_vault().file);
    let [_, both_slots, _] = fields(&with_unlock_slot(pin_vault().vault).file);
    let [_, device_slot, _] = fields(&device_vault().file);
    let unlock_slot = both_slots[pin_slots.len()..].to_vec();
    let unknown = FrameWriter::default().field(FrameWriter::default().field(b"iris").as_bytes()).as_bytes().to_vec();
    for (slots, error) in [
        (vec![], VaultError::Damaged),
        ([pin_slots.clone(), pin_slots.clone()].concat(), VaultError::Damaged),
        ([device_slot.clone(), pin_slots.clone()].concat(), VaultError::Damaged),
        ([device_slot, unlock_slot.clone()].concat(), VaultError::Damaged),
        (unlock_slot, VaultError::Damaged),
        ([pin_slots, unknown].concat(), VaultError::LaterVersion),
    ] {
        assert_eq!(SealedVault::parse(&file_of([header.clone(), slots, body.clone()])).unwrap_err(), error);
    }
}

#[test]
fn costs_out_of_bounds_are_refused_before_they_are_paid() {
    let [header, slots, body] = fields(&pin_vault().file);
    let memory = (8 * 1024_u64).to_be_bytes();
    let at = slots.windows(8).position(|window| window == memory).unwrap();
    for cost in [0_u64, 8191, 262_145, 1 << 32, u64::MAX] {
        let mut slots = slots.clone();
        slots[at..at + 8].copy_from_slice(&cost.to_be_bytes());
        let file = file_of([header.clone(), slots, body.clone()]);
        assert_eq!(SealedVault::parse(&file).unwrap_err(), VaultError::Damaged);
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let Rewritten { vault, file } = with_unlock_slot(pin_vault().vault);
    let attempt = SealedVault::parse(&file).unwrap().attempt_pin(&pin(PIN), permit()).unwrap();
    let answer = hardware(attempt.prf_input());
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // The hardware's answer for the unchanged file: no other is better for the attacker, and Argon2 is slow.
        let opened = SealedVault::parse(&changed)
            .and_then(|vault| PinAttempt { vault, prf_input: secret(0) }.finish(answer.duplicate()));
        assert!(opened.is_err(), "bit {bit}");
    }
    let key = SecretBytes::from_slice(vault.key.expose());
    assert!(SealedVault::parse(&file).unwrap().open_with_device(&key).is_err());

    let file = device_vault().file;
    let key = SecretBytes::from_slice(SealedVault::parse(&file).unwrap().device_slot().unwrap());
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let opened = SealedVault::parse(&changed).and_then(|vault| vault.open_with_device(&key));
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_noticed() {
    let file = with_unlock_slot(pin_vault().vault).file;
    for length in 0..file.len() {
        assert_eq!(SealedVault::parse(&file[..length]).unwrap_err(), VaultError::Damaged, "{length} bytes");
    }
    assert_eq!(SealedVault::parse(&[&file, &[0][..]].concat()).unwrap_err(), VaultError::Damaged);
    assert_eq!(SealedVault::parse(&vec![VERSION; MAX_FILE + 1]).unwrap_err(), VaultError::Damaged);
}

#[test]
fn versions_are_told_apart() {
    let mut file = device_vault().file;
    let [header, slots, body] = fields(&file);
    let later = String::from_utf8(header).unwrap().replace("\"serial\"", "\"new\":1,\"serial\"").into_bytes();
    assert_eq!(SealedVault::parse(&file_of([later, slots, body])).unwrap_err(), VaultError::LaterVersion);
    for (version, error) in [(0, VaultError::Damaged), (2, VaultError::LaterVersion), (255, VaultError::LaterVersion)] {
        file[0] = version;
        assert_eq!(SealedVault::parse(&file).unwrap_err(), error);
    }
}

#[test]
fn debug_never_shows_a_secret() {
    let Rewritten { vault, file } = with_unlock_slot(pin_vault().vault);
    assert_eq!(format!("{vault:?}"), "OpenVault { serial: SerialNumber(1234567890), .. }");
    let sealed = SealedVault::parse(&file).unwrap();
    assert_eq!(format!("{sealed:?}"), "SealedVault { serial: SerialNumber(1234567890), .. }");
    let attempt = sealed.attempt_pin(&pin(PIN), permit()).unwrap();
    assert_eq!(
        format!("{attempt:?}"),
        "PinAttempt { vault: SealedVault { serial: SerialNumber(1234567890), .. }, prf_input: [redacted] }"
    );
    let contents = format!("{:?}", device_vault().vault.contents);
    assert_eq!(contents.matches("[redacted]").count(), 5, "{contents}");
    assert!(!contents.contains("11, 11") && !contents.contains("49, 50"), "{contents}");
    let setting = vault.set_pin(&chosen("407183"), Cost::LEAST, &mut OsRng).unwrap();
    assert!(format!("{setting:?}").ends_with("prf_input: [redacted] }"));
    let device = new_vault(with_pin_required(false)).with_device().unwrap();
    assert_eq!(format!("{device:?}"), "DeviceSetting(OpenVault { serial: SerialNumber(1234567890), .. })");
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened(
        serial in 0..10_000_000_000_u64,
        names in proptest::array::uniform3("[a-zäß中\"\\\\&< ]{0,40}[a-z]"),
        version: u64,
        code in proptest::collection::vec(any::<u8>(), 1..80),
        digits in 6_u8..=10,
        period in 1_u16..=3600,
        secrets: [[u8; 32]; 4],
        pending: Option<[u8; 16]>,
    ) {
        let [issuer, account, label] = names.map(|name| name.parse().unwrap());
        let header = Header {
            serial: crate::serial::SerialNumber::from_number(serial).unwrap(),
            issuer,
            account,
            label: Some(label),
            policy_version: PolicyVersion::new(version),
            ..header(with_pin_required(false))
        };
        let online = Online { pending: pending.map(Into::into), ..header.online().unwrap().clone() };
        let header = Header { server: Server::Online(online), ..header };
        let format = CodeFormat {
            hash: Hash::Sha512,
            digits: Digits::new(digits).unwrap(),
            period: Period::from_seconds(period).unwrap(),
        };
        let [challenge_response, factor_pin, factor_later, unlock] =
            secrets.map(|bytes| Secret::from_slice(&bytes).unwrap());
        let keys = TokenKeys {
            code: SecretBytes::from_slice(&code),
            challenge_response,
            factor_pin: FactorKey::from_secret(factor_pin),
            factor_later,
            unlock,
        };
        let setting = NewVault::generate(header.clone(), format, keys, &mut OsRng).with_device().unwrap();
        let sealed = setting.to_seal().expose().to_vec();
        let opened = open_with_device(&setting.finish(sealed, &mut OsRng).file).unwrap();
        prop_assert_eq!(opened.header(), &header);
        prop_assert_eq!(opened.code_format(), format);
        prop_assert_eq!(opened.code_key().expose(), code.as_slice());
        prop_assert_eq!(opened.challenge_response_key().expose(), &secrets[0]);
        let Activated::Online { factor_later, factor_pin, unlock } = &opened.contents.activated else {
            panic!("it was online");
        };
        prop_assert_eq!(factor_pin.as_ref().unwrap().secret().expose(), &secrets[1]);
        prop_assert_eq!(factor_later.expose(), &secrets[2]);
        prop_assert_eq!(unlock.as_ref().unwrap().secret().expose(), &secrets[3]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, parts: [Vec<u8>; 3]) {
        let _ = SealedVault::parse(&bytes);
        let _ = SealedVault::parse(&[&[VERSION], bytes.as_slice()].concat());
        let _ = SealedVault::parse(&file_of(parts));
    }

    #[test]
    fn any_slots_are_read_or_refused(
        kind in prop_oneof![Just("device"), Just("pin"), Just("unlock"), Just("biometric"), Just("other")],
        rest in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
        tail: Vec<u8>,
    ) {
        let slot = FrameWriter::default().field(kind.as_bytes());
        let slot = rest.iter().fold(slot, |slot, field| slot.field(field));
        let slot = [slot.as_bytes(), &tail].concat();
        let slots = FrameWriter::default().field(&slot).as_bytes().to_vec();
        let _ = SealedVault::parse(&file_of([header(with_pin_required(true)).to_json(), slots, vec![]]));
    }
}
