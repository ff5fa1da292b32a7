//! The power goes at each step that writes something: what is left is a token that works, or a ticket that still does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod support;

use jiff::SignedDuration;
use support::{Device, Fate, OTHER_PIN, TestServer, activate, activated, chosen, pin, the_pin};
use symbolon_client::files::PowerLoss;
use symbolon_client::{AccountState, Activation, Error, SoftToken};

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
