//! The power goes at each step that writes something: what is left is a token that works, or a ticket that still does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod support;

use jiff::SignedDuration;
use rand_core::OsRng;
use support::{Device, Fate, OTHER_PIN, PIN, TestServer, activate, activated, chosen, pin, the_pin};
use symbolon_client::files::PowerLoss;
use symbolon_client::platform::Biometric;
use symbolon_client::{AccountState, Activation, Biometrics, Error, SoftToken};
use symbolon_core::activation::OfflinePassword;
use symbolon_core::activation::offline::{Offer, OfflineTicket, RegistrationCode};
use symbolon_core::policy::{Policy, PolicyVersion};

const LOSSES: [PowerLoss; 3] = [PowerLoss::LosesUnflushed, PowerLoss::KeepsUnflushed, PowerLoss::TearsUnflushed];

/// The account shows right codes.
async fn works(server: &TestServer, soft_token: &SoftToken) {
    let account = soft_token.account(None).unwrap();
    let mut session = account.unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    assert_eq!(soft_token.account(None).unwrap().status().unwrap().state, AccountState::Active);
}

#[tokio::test]
async fn an_activation_survives_a_power_loss_at_any_step() {
    for loss in LOSSES {
        let mut steps = 0;
        loop {
            let (server, device) = (TestServer::new(), Device::new());
            device.disk.cut_power_after(steps);
            let finished = match device.start(&server).await {
                Ok(soft_token) => activate(&soft_token, server.ticket()).await.is_ok(),
                Err(_) => false,
            };
            let went = device.disk.is_off();
            device.disk.restart(loss);
            let was_active = server.is_active();
            let soft_token = device.start(&server).await.unwrap();
            match soft_token.account(None) {
                Ok(_) => {}
                Err(Error::NoToken) => {
                    assert!(!was_active, "{loss:?} after {steps} steps: the ticket is used up and there is no token");
                    assert!(device.keys().is_empty(), "{loss:?} after {steps} steps: keys are left over");
                    activate(&soft_token, server.ticket()).await.unwrap();
                }
                Err(error) => panic!("{loss:?} after {steps} steps: {error}"),
            }
            works(&server, &soft_token).await;
            assert_eq!(device.keys().len(), 2, "{loss:?} after {steps} steps");
            if finished && !went {
                break;
            }
            steps += 1;
        }
        assert!(steps > 20, "{steps}");
    }
}

/// Without a network the server is told what the device shows: a registration code that was shown must belong to a token
/// that lasts.
#[tokio::test]
async fn an_activation_without_a_network_survives_a_power_loss_at_any_step() {
    let server = TestServer::new();
    let (qr, password) = offline_ticket();
    for loss in LOSSES {
        let mut steps = 0;
        loop {
            let device = Device::new();
            device.disk.cut_power_after(steps);
            let shown = match device.start(&server).await {
                Ok(soft_token) => register(&soft_token, &qr, &password).await.ok(),
                Err(_) => None,
            };
            let went = device.disk.is_off();
            device.disk.restart(loss);
            let soft_token = device.start(&server).await.unwrap();
            let again = match soft_token.account(None) {
                Ok(account) => account.unlock(the_pin()).await.unwrap().registration().unwrap(),
                Err(Error::NoToken) => {
                    assert!(shown.is_none(), "{loss:?} after {steps} steps: the token that was shown is lost");
                    assert!(device.keys().is_empty(), "{loss:?} after {steps} steps: keys are left over");
                    register(&soft_token, &qr, &password).await.unwrap()
                }
                Err(error) => panic!("{loss:?} after {steps} steps: {error}"),
            };
            assert!(shown.is_none_or(|shown| shown == again), "{loss:?} after {steps} steps");
            assert!(matches!(register(&soft_token, &qr, &password).await, Err(Error::NotCompleted(_))));
            // It has no key that signs, since the server knows none.
            assert_eq!(device.keys().len(), 1, "{loss:?} after {steps} steps");
            if shown.is_some() && !went {
                break;
            }
            steps += 1;
        }
        assert!(steps > 10, "{steps}");
    }
}

fn offline_ticket() -> (String, OfflinePassword) {
    let offer = Offer {
        serial: "12345-67890".parse().unwrap(),
        issuer: "Example".parse().unwrap(),
        account: "ana".parse().unwrap(),
        label: None,
        policy: Policy::default().for_phone(),
        policy_version: PolicyVersion::FIRST,
        expires_at: "2027-01-01T00:00:00Z".parse().unwrap(),
        server: None,
        identity: [1; 32].into(),
        tls: None,
    };
    let ticket = OfflineTicket::generate(&mut OsRng, offer).unwrap();
    (ticket.text().to_owned(), OfflinePassword::generate(&mut OsRng, 12))
}

async fn register(soft_token: &SoftToken, qr: &str, password: &OfflinePassword) -> Result<RegistrationCode, Error> {
    let proposed = soft_token.activate_offline(qr.parse()?, password).await?;
    let session = proposed.accept(Some(chosen(PIN))).await?;
    Ok(session.registration().unwrap())
}

#[tokio::test]
async fn a_change_of_the_pin_survives_a_power_loss_at_any_step() {
    let (server, device, soft_token) = activated().await;
    drop(soft_token);
    for loss in LOSSES {
        let mut steps = 0;
        loop {
            let device = Device::with_disk(device.disk.fork());
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            device.disk.cut_power_after(steps);
            let changed = match account.unlock(the_pin()).await {
                Ok(session) => session.change_pin(chosen(OTHER_PIN)).await.is_ok(),
                Err(_) => false,
            };
            let went = device.disk.is_off();
            device.disk.restart(loss);
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            server.clock().advance(SignedDuration::from_secs(60));
            let new = account.unlock(Some(pin(OTHER_PIN))).await;
            server.clock().advance(SignedDuration::from_secs(60));
            let old = account.unlock(the_pin()).await;
            assert!(new.is_ok() != old.is_ok(), "{loss:?} after {steps} steps: one PIN opens it");
            assert!(!changed || new.is_ok());
            let mut session = new.or(old).unwrap();
            assert!(server.accepts(&session.code().await.unwrap().code));
            if changed && !went {
                break;
            }
            steps += 1;
        }
    }
}

#[tokio::test]
async fn an_unlock_by_code_survives_a_power_loss_at_any_step() {
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    while account.status().unwrap().state == AccountState::Active {
        server.clock().advance(SignedDuration::from_secs(60));
        account.unlock(Some(pin(OTHER_PIN))).await.unwrap_err();
    }
    let challenge = account.status().unwrap().lock_challenge.unwrap();
    drop((account, soft_token));
    for loss in LOSSES {
        let mut steps = 0;
        loop {
            let device = Device::with_disk(device.disk.fork());
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            device.disk.cut_power_after(steps);
            let set = match account.unlock_with_code(server.unlock_code(&challenge)).await {
                Ok(unlocked) => unlocked.set_pin(chosen(OTHER_PIN)).await.is_ok(),
                Err(_) => false,
            };
            let went = device.disk.is_off();
            device.disk.restart(loss);
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            let shown = account.status().unwrap().lock_challenge.unwrap();
            if shown == challenge {
                assert!(!set, "{loss:?} after {steps} steps");
                let unlocked = account.unlock_with_code(server.unlock_code(&challenge)).await.unwrap();
                unlocked.set_pin(chosen(OTHER_PIN)).await.unwrap();
            }
            server.clock().advance(SignedDuration::from_secs(60));
            let mut session = account.unlock(Some(pin(OTHER_PIN))).await.unwrap();
            assert!(server.accepts(&session.code().await.unwrap().code), "{loss:?} after {steps} steps");
            let again = account.unlock_with_code(server.unlock_code(&challenge)).await;
            assert!(matches!(again, Err(Error::WrongUnlockCode)), "{loss:?} after {steps} steps: {again:?}");
            if set && !went {
                break;
            }
            steps += 1;
        }
    }
}

/// There is an unconfirmed account, and the person has forgotten its PIN: the ticket activates afresh.
#[tokio::test(start_paused = true)]
async fn an_activation_afresh_survives_a_power_loss_at_any_step() {
    for loss in LOSSES {
        let mut steps = 0;
        loop {
            let (server, device) = (TestServer::new(), Device::new());
            let soft_token = device.start(&server).await.unwrap();
            server.state().fates = vec![Fate::Delivered; 2].into();
            server.state().otherwise = Fate::Lost;
            activate(&soft_token, server.ticket()).await.unwrap_err();
            server.state().otherwise = Fate::Delivered;
            let state = soft_token.account(None).unwrap().status().unwrap().state;
            assert_eq!((state, server.is_active()), (AccountState::Activating, false));

            device.disk.cut_power_after(steps);
            let finished = afresh(&soft_token, &server).await.is_ok();
            let went = device.disk.is_off();
            device.disk.restart(loss);
            server.clock().advance(SignedDuration::from_secs(60));
            let soft_token = device.start(&server).await.unwrap();
            let was_active = server.is_active();
            let opened = match soft_token.account(None) {
                // The old one, or the new one.
                Ok(account) => match account.unlock(Some(pin(OTHER_PIN))).await {
                    Err(Error::WrongPin { .. }) => afresh(&soft_token, &server).await,
                    other => other.map(drop),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = opened {
                assert!(!was_active, "{loss:?} after {steps} steps: {error}");
                activate(&soft_token, server.ticket()).await.unwrap();
            }
            assert!(server.is_active() && soft_token.accounts().unwrap().len() == 1);
            assert_eq!(device.keys().len(), 2, "{loss:?} after {steps} steps");
            if finished && !went {
                break;
            }
            steps += 1;
        }
    }
}

async fn afresh(soft_token: &SoftToken, server: &TestServer) -> Result<(), Error> {
    let Activation::Unconfirmed(unconfirmed) = soft_token.activate(server.ticket()).await? else {
        panic!("there is an unconfirmed account");
    };
    unconfirmed.afresh().await?.accept(Some(chosen(OTHER_PIN))).await.map(drop)
}

#[tokio::test]
async fn biometrics_are_turned_on_and_off_and_survive_a_power_loss_at_any_step() {
    let (server, device, soft_token) = activated().await;
    drop(soft_token);
    for (loss, on) in LOSSES.into_iter().flat_map(|loss| [(loss, true), (loss, false)]) {
        let device = Device::with_disk(device.disk.fork());
        *device.finger.kinds.lock().unwrap() = vec![Biometric::Fingerprint];
        if !on {
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            account.unlock(the_pin()).await.unwrap().turn_on_biometrics("").await.unwrap();
        }
        let mut steps = 0;
        loop {
            let device = Device { disk: device.disk.fork(), ..device.clone() };
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            device.disk.cut_power_after(steps);
            let done = match account.unlock(the_pin()).await {
                Ok(mut session) if on => session.turn_on_biometrics("").await.is_ok(),
                Ok(mut session) => session.turn_off_biometrics().await.is_ok(),
                Err(_) => false,
            };
            let went = device.disk.is_off();
            device.disk.restart(loss);
            let soft_token = device.start(&server).await.unwrap();
            let account = soft_token.account(None).unwrap();
            let is_on = account.biometrics() == Biometrics::On;
            assert!(!done || is_on == on, "{loss:?} after {steps} steps");
            assert_eq!(device.keys().len(), if is_on { 3 } else { 2 }, "{loss:?} after {steps} steps");
            server.clock().advance(SignedDuration::from_secs(60));
            if is_on {
                let mut session = account.unlock_with_biometrics("").await.unwrap();
                assert!(server.accepts(&session.code().await.unwrap().code));
            }
            works(&server, &soft_token).await;
            if done && !went {
                break;
            }
            steps += 1;
        }
        assert!(steps > 5, "{steps}");
    }
}

#[tokio::test]
async fn a_removal_survives_a_power_loss_at_any_step() {
    let (server, device, soft_token) = activated().await;
    drop(soft_token);
    for loss in LOSSES {
        let mut steps = 0;
        loop {
            let device = Device::with_disk(device.disk.fork());
            let account = device.start(&server).await.unwrap().account(None).unwrap();
            device.disk.cut_power_after(steps);
            let removed = account.remove().await.is_ok();
            let went = device.disk.is_off();
            device.disk.restart(loss);
            let soft_token = device.start(&server).await.unwrap();
            match soft_token.account(None) {
                Ok(_) => {
                    assert!(!removed);
                    works(&server, &soft_token).await;
                }
                Err(Error::NoToken) => assert!(device.keys().is_empty(), "{loss:?} after {steps} steps"),
                Err(error) => panic!("{loss:?} after {steps} steps: {error}"),
            }
            if removed && !went {
                break;
            }
            steps += 1;
        }
    }
}
