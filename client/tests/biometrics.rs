//! Biometrics as a person and as an attacker finds them, against a server in this process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod support;

use std::path::Path;

use jiff::SignedDuration;
use support::{Device, Fate, OTHER_PIN, TestServer, activate, activated, chosen, pin, propose, the_pin};
use symbolon_client::files::Files;
use symbolon_client::platform::{Biometric, KeysError};
use symbolon_client::{Account, Biometrics, Error, SoftToken};
use symbolon_core::approval::Opened;
use symbolon_core::biometrics::BiometricsOff;
use symbolon_core::policy::PhonePolicy;

const PROMPT: &str = "Open the token";

/// A device with an active token whose biometrics are on.
async fn with_finger() -> (std::sync::Arc<TestServer>, Device, SoftToken, Account) {
    let (server, device, soft_token) = activated().await;
    *device.finger.kinds.lock().unwrap() = vec![Biometric::Fingerprint];
    let account = soft_token.account(None).unwrap();
    account.unlock(the_pin()).await.unwrap().turn_on_biometrics(PROMPT).await.unwrap();
    let account = account.reread().unwrap();
    (server, device, soft_token, account)
}

/// The name of the key that the system destroys when a finger is added.
fn biometric_key(device: &Device) -> Option<String> {
    device.keys().into_iter().find(|name| name.ends_with(".biometric"))
}

fn add_a_finger(device: &Device) {
    device.disk.remove(&Path::new("/home/keys").join(biometric_key(device).unwrap())).unwrap();
}

fn set_policy(server: &TestServer, change: impl FnOnce(&mut PhonePolicy)) {
    let mut state = server.state();
    change(&mut state.policy);
    state.policy_version = state.policy_version.next();
}

fn vault_file(device: &Device) -> (std::path::PathBuf, Vec<u8>) {
    let accounts = Path::new("/home/accounts");
    let path = accounts.join(&device.disk.list(accounts).unwrap()[0]).join("vault");
    let file = device.disk.read(&path).unwrap().unwrap();
    (path, file)
}

fn put_back(device: &Device, (path, file): &(std::path::PathBuf, Vec<u8>)) {
    symbolon_client::files::replace(&device.disk, path, file).unwrap();
}

#[tokio::test]
async fn a_finger_opens_what_the_pin_has_turned_on_for_it() {
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    assert_eq!(account.biometrics(), Biometrics::Unavailable(BiometricsOff::NotSetUp));
    *device.finger.kinds.lock().unwrap() = vec![Biometric::Fingerprint];
    assert_eq!(account.biometrics(), Biometrics::Off);
    assert!(matches!(account.unlock_with_biometrics(PROMPT).await, Err(Error::BiometricsOff(_))));

    let mut session = account.unlock(the_pin()).await.unwrap();
    session.turn_on_biometrics("Turn it on").await.unwrap();
    assert_eq!(session.account().biometrics(), Biometrics::On);
    let account = device.start(&server).await.unwrap().account(None).unwrap();
    let mut session = account.unlock_with_biometrics(PROMPT).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    assert_eq!(*device.finger.prompts.lock().unwrap(), ["Turn it on", PROMPT]);
    assert!(matches!(session.turn_on_biometrics(PROMPT).await, Err(Error::PinNeeded)));
    assert!(matches!(session.change_pin(chosen(OTHER_PIN)).await, Err(Error::PinNeeded)));

    // Another PIN leaves them as they are; turned off, they leave the PIN as it is, and no key.
    account.unlock(the_pin()).await.unwrap().change_pin(chosen(OTHER_PIN)).await.unwrap();
    account.unlock_with_biometrics(PROMPT).await.unwrap().turn_off_biometrics().await.unwrap();
    assert_eq!(server.state().biometrics, [(Opened::Pin, Some(false)), (Opened::Biometric, None)]);
    assert_eq!(device.keys().len(), 2);
    assert!(matches!(account.unlock_with_biometrics(PROMPT).await, Err(Error::BiometricsOff(_))));
    account.unlock(Some(pin(OTHER_PIN))).await.unwrap();
}

#[tokio::test]
async fn whatever_the_system_says_the_pin_opens_and_biometrics_can_be_turned_on_again() {
    let (server, device, soft_token, account) = with_finger().await;
    for (refusal, is_it) in [
        (KeysError::Cancelled, (|error| matches!(error, Error::Cancelled)) as fn(&Error) -> bool),
        (KeysError::LockedOut, |error| matches!(error, Error::BiometricsLocked)),
        (KeysError::Unavailable("busy".into()), |error| matches!(error, Error::KeyStore(_))),
    ] {
        *device.finger.refusal.lock().unwrap() = Some(refusal);
        assert!(is_it(&account.unlock_with_biometrics(PROMPT).await.unwrap_err()));
        account.unlock(the_pin()).await.unwrap();
        assert_eq!(account.reread().unwrap().biometrics(), Biometrics::On);
    }
    *device.finger.refusal.lock().unwrap() = None;

    add_a_finger(&device);
    assert!(matches!(account.unlock_with_biometrics(PROMPT).await, Err(Error::BiometricsLost(_))));
    let mut session = account.unlock(the_pin()).await.unwrap();
    assert_eq!(session.account().biometrics(), Biometrics::Off);
    session.turn_on_biometrics(PROMPT).await.unwrap();
    soft_token.account(None).unwrap().unlock_with_biometrics(PROMPT).await.unwrap();
    // Turned on anew while they are on, they have a new key.
    let before = vault_file(&device).1;
    session.turn_on_biometrics(PROMPT).await.unwrap();
    assert_ne!(vault_file(&device).1, before);
    let mut session = soft_token.account(None).unwrap().unlock_with_biometrics(PROMPT).await.unwrap();
    session.turn_off_biometrics().await.unwrap();
    assert_eq!(server.state().biometrics.last(), Some(&(Opened::Biometric, None)), "the server knows the new key");
}

#[tokio::test(start_paused = true)]
async fn what_stops_turning_them_on_leaves_the_vault_and_no_key() {
    let (server, device, soft_token) = activated().await;
    *device.finger.kinds.lock().unwrap() = vec![Biometric::Fingerprint];
    let account = soft_token.account(None).unwrap();
    let before = vault_file(&device).1;
    let mut session = account.unlock(the_pin()).await.unwrap();
    server.state().otherwise = Fate::Lost;
    assert!(matches!(session.turn_on_biometrics(PROMPT).await, Err(Error::Unreachable { .. })));
    server.state().otherwise = Fate::Delivered;
    *device.finger.refusal.lock().unwrap() = Some(KeysError::Cancelled);
    assert!(matches!(session.turn_on_biometrics(PROMPT).await, Err(Error::Cancelled)));
    *device.finger.refusal.lock().unwrap() = None;
    assert_eq!((vault_file(&device).1, biometric_key(&device)), (before, None));
    // An answer that is lost is asked for again.
    server.state().fates = [Fate::AnswerLost].into();
    session.turn_on_biometrics(PROMPT).await.unwrap();
    soft_token.account(None).unwrap().unlock_with_biometrics(PROMPT).await.unwrap();
}

#[tokio::test]
async fn a_policy_that_comes_to_forbid_them_ends_them_at_the_next_contact() {
    for (kinds, forbid, reason) in [
        (
            vec![Biometric::Fingerprint],
            (|policy| policy.device_biometrics_allowed = false) as fn(&mut PhonePolicy),
            BiometricsOff::ByPolicy,
        ),
        (
            vec![Biometric::Fingerprint, Biometric::Face],
            |policy| policy.facial_recognition_allowed = false,
            BiometricsOff::FaceNotExcluded,
        ),
    ] {
        let (server, device, soft_token) = activated().await;
        *device.finger.kinds.lock().unwrap() = kinds;
        set_policy(&server, |policy| policy.facial_recognition_allowed = true);
        let account = soft_token.account(None).unwrap();
        let mut session = account.unlock(the_pin()).await.unwrap();
        session.contact().await.unwrap();
        session.turn_on_biometrics(PROMPT).await.unwrap();
        let before = vault_file(&device);

        set_policy(&server, forbid);
        let mut session = account.unlock_with_biometrics(PROMPT).await.unwrap();
        let refused = session.contact().await.unwrap_err();
        assert!(matches!(refused, Error::BiometricsNotAllowed(found) if found == reason), "{refused}");
        let refused = session.code().await.unwrap_err();
        assert!(matches!(refused, Error::BiometricsNotAllowed(_)), "the session that they opened ends with them");
        assert_eq!(biometric_key(&device), None);
        let account = account.reread().unwrap();
        assert_eq!(account.biometrics(), Biometrics::Unavailable(reason));
        let refused = account.unlock_with_biometrics(PROMPT).await.unwrap_err();
        assert!(matches!(refused, Error::BiometricsOff(_)), "{refused}");
        assert_eq!(server.state().biometrics.last(), Some(&(Opened::Biometric, None)));
        let mut session = account.unlock(the_pin()).await.unwrap();
        assert!(matches!(session.turn_on_biometrics(PROMPT).await, Err(Error::BiometricsNotAllowed(_))));
        // An old copy of the file allows them still. The policy that was heard since forbids them; and without that too, the
        // key is gone.
        put_back(&device, &before);
        let old = soft_token.account(None).unwrap();
        assert_eq!(old.biometrics(), Biometrics::Unavailable(reason));
        device.disk.remove(&before.0.with_file_name("clock")).unwrap();
        let old = soft_token.account(None).unwrap();
        assert!(matches!(old.unlock_with_biometrics(PROMPT).await, Err(Error::BiometricsLost(_))));
    }
}

#[tokio::test]
async fn a_face_alone_and_a_finger_beside_a_face_open_nothing_where_faces_are_forbidden() {
    let (server, device, _, account) = with_finger().await;
    for kinds in [vec![Biometric::Face], vec![Biometric::Fingerprint, Biometric::Face]] {
        *device.finger.kinds.lock().unwrap() = kinds;
        let refused = account.unlock_with_biometrics(PROMPT).await.unwrap_err();
        assert!(matches!(refused, Error::BiometricsNotAllowed(BiometricsOff::FaceNotExcluded)), "{refused}");
    }
    // Asked for the finger only once, when they were turned on.
    assert_eq!(device.finger.prompts.lock().unwrap().len(), 1);
    assert_eq!(server.state().biometrics, [(Opened::Pin, Some(false))]);
}

#[tokio::test]
async fn an_account_that_is_locked_is_locked_for_fingers_too() {
    let (server, _, _, account) = with_finger().await;
    for _ in 0..5 {
        server.clock().advance(SignedDuration::from_secs(60));
        account.unlock(Some(pin(OTHER_PIN))).await.unwrap_err();
    }
    assert!(matches!(account.unlock_with_biometrics(PROMPT).await, Err(Error::Locked(_))));
    let challenge = account.status().unwrap().lock_challenge.unwrap();
    let unlocked = account.unlock_with_code(server.unlock_code(&challenge)).await.unwrap();
    unlocked.set_pin(chosen(OTHER_PIN)).await.unwrap();
    account.unlock_with_biometrics(PROMPT).await.unwrap();
}

#[tokio::test]
async fn a_token_without_a_pin_has_biometrics_too() {
    let (server, device) = (TestServer::new(), Device::new());
    server.state().policy.pin_required = false;
    *device.finger.kinds.lock().unwrap() = vec![Biometric::Fingerprint];
    let soft_token = device.start(&server).await.unwrap();
    let account = propose(&soft_token, server.ticket()).await.unwrap().accept(None).await.unwrap();
    account.unlock(None).await.unwrap().turn_on_biometrics(PROMPT).await.unwrap();
    account.unlock_with_biometrics(PROMPT).await.unwrap().change_pin(chosen(support::PIN)).await.unwrap();
    assert_eq!(device.keys().len(), 3, "of the device, of the PIN, of biometrics: {:?}", device.keys());
    let mut session = account.unlock_with_biometrics(PROMPT).await.unwrap();
    session.turn_off_biometrics().await.unwrap();
    account.unlock(the_pin()).await.unwrap();
    assert_eq!(server.state().biometrics, [(Opened::Device, Some(false)), (Opened::Biometric, None)]);
}

#[tokio::test]
async fn a_copied_file_a_changed_one_and_one_of_an_earlier_activation_open_nothing() {
    let (server, device, soft_token, account) = with_finger().await;
    // On another device, whose hardware has other keys.
    let thief = Device::with_disk(device.disk.fork());
    add_a_finger(&thief);
    *thief.finger.kinds.lock().unwrap() = vec![Biometric::Fingerprint];
    let stolen = thief.start(&server).await.unwrap().account(None).unwrap();
    assert!(matches!(stolen.unlock_with_biometrics(PROMPT).await, Err(Error::BiometricsLost(_))));

    // A byte of the slot, and a byte behind it.
    let kept = vault_file(&device);
    let slot = kept.1.windows(9).position(|part| part == b"biometric").unwrap();
    for place in [slot + 20, kept.1.len() - 1] {
        let mut changed = kept.clone();
        changed.1[place] ^= 1;
        put_back(&device, &changed);
        let refused = account.unlock_with_biometrics(PROMPT).await.unwrap_err();
        assert!(matches!(refused, Error::BiometricsLost(_) | Error::Damaged(_)), "{refused}");
        assert!(matches!(account.unlock(the_pin()).await, Err(Error::Damaged(_))));
    }
    put_back(&device, &kept);
    account.unlock_with_biometrics(PROMPT).await.unwrap();

    // Activated anew, the token has other keys: the old file opens nothing any more.
    let serial = server.state().serial;
    soft_token.remove(serial).await.unwrap();
    server.reactivate();
    activate(&soft_token, server.ticket()).await.unwrap();
    put_back(&device, &kept);
    let old = soft_token.account(None).unwrap();
    assert!(matches!(old.unlock_with_biometrics(PROMPT).await, Err(Error::BiometricsLost(_))));
}
