//! A token from its ticket to its codes, and everything that can come between.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod support;

use std::sync::Arc;

use jiff::SignedDuration;
use support::{Device, Fate, OTHER_PIN, PIN, TestServer, activate, activated, chosen, pin, propose, the_pin};
use symbolon_client::network::Trust;
use symbolon_client::{AccountState, Activation, Error, SoftToken};
use symbolon_core::activation::Ticket;
use symbolon_core::integrity::{Signal, Verdict};
use symbolon_core::policy::{Policy, PolicyPatch, PolicyVersion};
use symbolon_core::push::PushAddress;

fn policy(settings: &[(&str, &str)]) -> symbolon_core::policy::PhonePolicy {
    let mut patch = PolicyPatch::default();
    for (key, value) in settings {
        patch.set(key, value).unwrap();
    }
    Policy::default().with(&patch).unwrap().for_phone()
}

#[tokio::test]
async fn a_ticket_becomes_a_token_with_right_codes() {
    let (server, device) = (TestServer::new(), Device::new());
    server.state().ahead = SignedDuration::from_mins(20);
    let soft_token = device.start(&server).await.unwrap();
    let proposed = propose(&soft_token, server.ticket()).await.unwrap();
    assert_eq!((proposed.issuer().as_str(), proposed.account().as_str()), ("Example", "alice"));
    assert_eq!(proposed.server().host(), "symbolon.example");
    assert!(soft_token.accounts().unwrap().is_empty() && !server.is_active());
    let account = proposed.accept(Some(chosen(PIN))).await.unwrap();
    assert!(server.is_active());
    assert_eq!(account.status().unwrap().state, AccountState::Active);
    assert_eq!(account.status().unwrap().clock_offset, 20 * 60 * 1000);

    // After a restart, with a device clock that is wrong by twenty minutes.
    let account = device.start(&server).await.unwrap().account(None).unwrap();
    let shown = account.unlock(the_pin()).await.unwrap().code().await.unwrap();
    assert!(server.accepts(&shown.code));
    assert_eq!(shown.remaining, SignedDuration::from_secs(30));
    assert!(matches!(account.unlock(None).await.unwrap_err(), Error::PinNeeded));
    assert_eq!(device.keys().len(), 2);
}

#[tokio::test]
async fn nothing_is_left_of_what_the_person_declines() {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    propose(&soft_token, server.ticket()).await.unwrap().decline().await;
    assert!(device.keys().is_empty() && soft_token.accounts().unwrap().is_empty());
    // A proposal that is only dropped is cleaned up by the next start.
    drop(propose(&soft_token, server.ticket()).await.unwrap());
    assert_eq!(device.keys().len(), 1);
    device.start(&server).await.unwrap();
    assert!(device.keys().is_empty());
    activate(&soft_token, server.ticket()).await.unwrap();
}

#[tokio::test]
async fn no_pin_and_bad_tickets_are_refused_and_the_right_ones_still_work() {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    let wrong = Ticket { password: "0000000000000000".parse().unwrap(), ..server.ticket() };
    assert!(matches!(soft_token.activate(wrong).await.unwrap_err(), Error::Handshake(_)));
    let other = Ticket { identity: Some([1; 32].into()), ..server.ticket() };
    assert!(matches!(soft_token.activate(other).await.unwrap_err(), Error::Handshake(_)));
    let proposed = propose(&soft_token, server.ticket()).await.unwrap();
    assert!(matches!(proposed.accept(None).await.unwrap_err(), Error::PinNeeded));
    assert!(device.keys().is_empty());
    activate(&soft_token, server.ticket()).await.unwrap();
    let again = soft_token.activate(server.ticket()).await.unwrap_err();
    assert!(matches!(again, Error::AlreadyActive(_)));
}

#[tokio::test]
async fn a_policy_without_a_pin_needs_none_until_it_changes_and_then_one_can_be_set() {
    let (server, device) = (TestServer::new(), Device::new());
    server.state().policy = policy(&[("pin_required", "false")]);
    let soft_token = device.start(&server).await.unwrap();
    let account = propose(&soft_token, server.ticket()).await.unwrap().accept(None).await.unwrap();
    let mut session = account.unlock(None).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    server.state().policy = policy(&[("pin_required", "true")]);
    server.state().policy_version = PolicyVersion::new(2);
    assert!(matches!(session.contact().await.unwrap_err(), Error::PinMustBeSet));
    assert!(matches!(session.code().await.unwrap_err(), Error::PinMustBeSet));
    session.change_pin(chosen(PIN)).await.unwrap();
    assert!(matches!(account.unlock(None).await.unwrap_err(), Error::PinNeeded));
    let mut session = account.unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    // The key that opened it without a PIN is gone.
    assert!(!device.keys().iter().any(|name| name.ends_with(".slot")));
}

#[tokio::test]
async fn a_typed_ticket_uses_the_pins_that_it_learnt_as_soon_as_it_has_them() {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    activate(&soft_token, server.typed_ticket()).await.unwrap();
    let pinned = Trust::Authority([9; 32].into());
    let asked = server.state().asked.iter().map(|(_, trust)| trust.clone()).collect::<Vec<_>>();
    assert_eq!(asked, [Trust::Activation, Trust::Activation, pinned]);
}

#[tokio::test]
async fn a_link_without_a_pin_trusts_the_public_authorities() {
    let (server, device) = (TestServer::new(), Device::new());
    server.state().tls = None;
    let soft_token = device.start(&server).await.unwrap();
    activate(&soft_token, Ticket { tls: None, ..server.ticket() }).await.unwrap();
    assert!(server.state().asked.iter().all(|(_, trust)| *trust == Trust::PublicAuthorities));
}

/// Every message, and every answer, may be lost; each is sent again with the same bytes.
#[tokio::test(start_paused = true)]
async fn lost_messages_and_answers_are_made_good() {
    for exchange in 0..3 {
        for fate in [Fate::Lost, Fate::AnswerLost] {
            let (server, device) = (TestServer::new(), Device::new());
            let soft_token = device.start(&server).await.unwrap();
            server.state().fates = [Fate::Delivered].repeat(exchange).into();
            server.state().fates.push_back(fate);
            server.state().fates.push_back(fate);
            activate(&soft_token, server.ticket()).await.unwrap();
            let mut session = soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap();
            assert!(server.accepts(&session.code().await.unwrap().code), "{exchange} {fate:?}");
        }
    }
}

/// The network goes for good before the confirmation is acknowledged: the next opening confirms.
#[tokio::test(start_paused = true)]
async fn an_unconfirmed_account_confirms_itself_when_it_is_opened() {
    for fate in [Fate::Lost, Fate::AnswerLost] {
        let (server, device) = (TestServer::new(), Device::new());
        let soft_token = device.start(&server).await.unwrap();
        server.state().fates = vec![Fate::Delivered; 2].into();
        server.state().otherwise = fate;
        let error = activate(&soft_token, server.ticket()).await.unwrap_err();
        assert!(matches!(error, Error::NotConfirmed { .. }));
        assert_eq!(error.kind().exit_code(), 3);

        server.state().otherwise = Fate::Lost;
        let account = device.start(&server).await.unwrap().account(None).unwrap();
        assert_eq!(account.status().unwrap().state, AccountState::Activating);
        assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::NotConfirmed { .. }));

        server.state().otherwise = Fate::Delivered;
        let mut session = account.unlock(the_pin()).await.unwrap();
        assert!(server.accepts(&session.code().await.unwrap().code), "{fate:?}");
        assert_eq!(soft_token.account(None).unwrap().status().unwrap().state, AccountState::Active);
    }
}

/// The server has taken the confirmation, and has forgotten the handshake when it is sent again days later.
#[tokio::test(start_paused = true)]
async fn a_confirmation_that_was_taken_long_ago_is_found_out_by_contact() {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    server.state().fates = vec![Fate::Delivered; 2].into();
    server.state().otherwise = Fate::AnswerLost;
    activate(&soft_token, server.ticket()).await.unwrap_err();
    server.state().otherwise = Fate::Delivered;
    server.state().forgets = true;
    server.clock().advance(SignedDuration::from_hours(72));
    let mut session = soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
}

/// A device with a token whose confirmation has met this fate.
async fn unconfirmed(fate: Fate) -> (Arc<TestServer>, Device, SoftToken) {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    server.state().fates = vec![Fate::Delivered; 2].into();
    server.state().otherwise = fate;
    activate(&soft_token, server.ticket()).await.unwrap_err();
    server.state().otherwise = Fate::Delivered;
    (server, device, soft_token)
}

fn is_refused(error: &Error) -> bool {
    matches!(error, Error::NotConfirmed { cause, .. } if matches!(**cause, Error::ActivationRefused))
}

/// No handshake lives longer than a ticket can, and ten minutes.
#[tokio::test(start_paused = true)]
async fn an_account_that_the_server_gave_up_is_removed_once_it_can_not_be_confirmed_any_more() {
    let (server, device, soft_token) = unconfirmed(Fate::Lost).await;
    server.reactivate();
    let account = soft_token.account(None).unwrap();
    server.clock().advance(SignedDuration::from_hours(7 * 24));
    assert!(is_refused(&account.unlock(the_pin()).await.unwrap_err()));
    assert_eq!(soft_token.account(None).unwrap().status().unwrap().state, AccountState::Activating);
    server.clock().advance(SignedDuration::from_mins(10));
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::Withdrawn(_)));
    assert!(matches!(soft_token.account(None).unwrap_err(), Error::NoToken));
    assert!(device.keys().is_empty());
    activate(&soft_token, server.ticket()).await.unwrap();
}

/// Until then a new ticket is a way on.
#[tokio::test(start_paused = true)]
async fn a_new_ticket_takes_the_place_of_an_account_that_the_server_gave_up() {
    let (server, device, soft_token) = unconfirmed(Fate::Lost).await;
    server.reactivate();
    let Activation::Unconfirmed(unconfirmed) = soft_token.activate(server.ticket()).await.unwrap() else {
        panic!("it was stored");
    };
    assert!(matches!(unconfirmed.resume(the_pin()).await.unwrap_err(), Error::Withdrawn(_)));
    assert_eq!(soft_token.accounts().unwrap().len(), 1);
    unconfirmed.afresh().await.unwrap().accept(Some(chosen(PIN))).await.unwrap();
    let mut session = soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    assert_eq!((soft_token.accounts().unwrap().len(), device.keys().len()), (1, 2));
}

/// What is not the server's own word takes no token away, however old it is, that may be active there.
#[tokio::test(start_paused = true)]
async fn an_account_outlives_what_a_proxy_says_in_the_server_s_place() {
    let (server, device, soft_token) = unconfirmed(Fate::AnswerLost).await;
    assert!(server.is_active());
    server.clock().advance(SignedDuration::from_hours(30 * 24));
    let account = soft_token.account(None).unwrap();
    for (confirmation, contact) in [(Fate::Elsewhere, Fate::Elsewhere), (Fate::Delivered, Fate::Elsewhere)] {
        server.state().forgets = true;
        server.state().fates = vec![confirmation, contact].into();
        let error = account.unlock(the_pin()).await.unwrap_err();
        assert!(matches!(error, Error::NotConfirmed { cause, .. } if matches!(*cause, Error::Refused(_))));
        assert_eq!((soft_token.accounts().unwrap().len(), device.keys().len()), (1, 2));
    }
    let mut session = account.unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
}

/// A code of another time is refused, and so is a contact of a token that is not active: neither ends the handshake.
#[tokio::test(start_paused = true)]
async fn an_account_outlives_a_clock_that_is_set_before_it_is_confirmed() {
    let (server, device, soft_token) = unconfirmed(Fate::Lost).await;
    let account = soft_token.account(None).unwrap();
    // Set wrong: the server's stands where it did.
    server.clock().advance(SignedDuration::from_hours(5));
    server.state().ahead = SignedDuration::from_hours(-5);
    assert!(is_refused(&account.unlock(the_pin()).await.unwrap_err()));
    assert_eq!((soft_token.accounts().unwrap().len(), device.keys().len()), (1, 2));
    assert!(!server.is_active());
    // And right again.
    server.clock().advance(SignedDuration::from_hours(-5));
    server.state().ahead = SignedDuration::ZERO;
    let mut session = account.unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
}

/// The code was right a moment ago, so it is not the clock that makes the server refuse it.
#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_move_that_is_cancelled_while_the_old_phone_is_waited_for() {
    let (server, device) = (TestServer::new(), Device::new());
    let soft_token = device.start(&server).await.unwrap();
    server.state().fates = vec![Fate::Delivered, Fate::Delivered, Fate::Waits, Fate::Waits].into();
    server.state().forgets = true;
    assert!(matches!(activate(&soft_token, server.ticket()).await.unwrap_err(), Error::Withdrawn(_)));
    assert!(soft_token.accounts().unwrap().is_empty() && device.keys().is_empty());
}

/// The device's clock was not touched since message 4, so it is not the clock either; unless it was.
#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_at_once_is_removed_unless_the_clock_was_set_while_the_person_was_asked() {
    for is_set in [false, true] {
        let (server, device) = (TestServer::new(), Device::new());
        let soft_token = device.start(&server).await.unwrap();
        let proposed = propose(&soft_token, server.ticket()).await.unwrap();
        if is_set {
            server.clock().advance(SignedDuration::from_hours(1));
            server.state().ahead = SignedDuration::from_hours(-1);
        } else {
            server.reactivate();
        }
        let error = proposed.accept(Some(chosen(PIN))).await.unwrap_err();
        if is_set {
            assert!(is_refused(&error));
            assert_eq!((soft_token.accounts().unwrap().len(), device.keys().len()), (1, 2));
        } else {
            assert!(matches!(error, Error::Withdrawn(_)));
            assert!(soft_token.accounts().unwrap().is_empty() && device.keys().is_empty());
        }
    }
}

/// The clock was wrong when the token was stored, and what was learnt of that is wrong now.
#[tokio::test(start_paused = true)]
async fn an_account_is_confirmed_after_its_clock_was_set_right() {
    let (server, device) = (TestServer::new(), Device::new());
    server.state().ahead = SignedDuration::from_hours(2);
    let soft_token = device.start(&server).await.unwrap();
    server.state().fates = vec![Fate::Delivered; 2].into();
    server.state().otherwise = Fate::Lost;
    activate(&soft_token, server.ticket()).await.unwrap_err();
    server.state().otherwise = Fate::Delivered;
    server.clock().advance(SignedDuration::from_hours(2));
    server.state().ahead = SignedDuration::ZERO;
    let mut session = soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    assert_eq!(soft_token.account(None).unwrap().status().unwrap().clock_offset, 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_ticket_again_resumes_or_begins_afresh() {
    for (digits, resumes) in [(PIN, true), (OTHER_PIN, false)] {
        let (server, device) = (TestServer::new(), Device::new());
        let soft_token = device.start(&server).await.unwrap();
        server.state().fates = vec![Fate::Delivered; 2].into();
        server.state().otherwise = Fate::Lost;
        activate(&soft_token, server.ticket()).await.unwrap_err();
        server.state().otherwise = Fate::Delivered;
        let Activation::Unconfirmed(unconfirmed) = soft_token.activate(server.ticket()).await.unwrap() else {
            panic!("it was stored");
        };
        match unconfirmed.resume(Some(pin(digits))).await {
            Ok(_) => assert!(resumes),
            Err(Error::WrongPin { .. }) => {
                assert!(!resumes);
                unconfirmed.afresh().await.unwrap().accept(Some(chosen(digits))).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        let mut session = soft_token.account(None).unwrap().unlock(Some(pin(digits))).await.unwrap();
        assert!(server.accepts(&session.code().await.unwrap().code));
        assert_eq!(device.keys().len(), 2);
        assert_eq!(soft_token.accounts().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_pins_lock_and_a_right_one_before_that_starts_the_count_again() {
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    let wrong = || async {
        server.clock().advance(SignedDuration::from_secs(60));
        account.unlock(Some(pin(OTHER_PIN))).await.unwrap_err()
    };
    for left in [4, 3, 2] {
        assert!(matches!(wrong().await, Error::WrongPin { tries_left } if tries_left == left));
    }
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::Wait(_)));
    let wait = account.status().unwrap().pin_wait;
    assert!(wait.is_positive());
    server.clock().advance(wait);
    account.unlock(the_pin()).await.unwrap();
    for left in (0..5).rev() {
        assert!(matches!(wrong().await, Error::WrongPin { tries_left } if tries_left == left));
    }
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::Locked(_)));
    let account = device.start(&server).await.unwrap().account(None).unwrap();
    assert_eq!(account.status().unwrap().state, AccountState::Locked);
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::Locked(_)));
}

/// Whoever pulls the plug while a PIN is tried has used up the try.
#[tokio::test(start_paused = true)]
async fn a_try_counts_before_it_is_made() {
    use symbolon_client::files::PowerLoss;
    let (server, device, soft_token) = activated().await;
    drop(soft_token);
    for _ in 0..5 {
        let soft_token = device.start(&server).await.unwrap();
        server.clock().advance(SignedDuration::from_secs(60));
        // Four steps write the count durably; the power goes before anything else is written.
        device.disk.cut_power_after(4);
        let _ = soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap_err();
        device.disk.restart(PowerLoss::LosesUnflushed);
    }
    let account = device.start(&server).await.unwrap().account(None).unwrap();
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::Locked(_)));
}

#[tokio::test]
async fn another_pin_takes_the_place_of_the_old_one() {
    let (server, _, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    account.unlock(the_pin()).await.unwrap().change_pin(chosen(OTHER_PIN)).await.unwrap();
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::WrongPin { .. }));
    server.clock().advance(SignedDuration::from_secs(1));
    let mut session = account.unlock(Some(pin(OTHER_PIN))).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
}

/// Two programs have the vault open: the one that comes second with a change does not undo the first one's.
#[tokio::test]
async fn a_stale_session_writes_nothing() {
    let (server, _, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    let mut stale = account.unlock(the_pin()).await.unwrap();
    account.unlock(the_pin()).await.unwrap().change_pin(chosen(OTHER_PIN)).await.unwrap();
    server.state().policy = policy(&[("pin_length", "8")]);
    server.state().policy_version = PolicyVersion::new(2);
    assert!(matches!(stale.contact().await.unwrap_err(), Error::Busy));
    assert!(account.unlock(Some(pin(OTHER_PIN))).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_contact_once_a_day_brings_time_and_policy() {
    let (server, _, soft_token) = activated().await;
    let contacts = || server.state().asked.iter().filter(|(path, _)| path == "/v1/device/contact").count();
    let account = soft_token.account(None).unwrap();
    let mut session = account.unlock(the_pin()).await.unwrap();
    session.code().await.unwrap();
    assert_eq!(contacts(), 0);

    server.clock().advance(SignedDuration::from_hours(25));
    server.state().ahead = SignedDuration::from_secs(100);
    server.state().policy = policy(&[("pin_tries", "3")]);
    server.state().policy_version = PolicyVersion::new(2);
    let shown = session.code().await.unwrap();
    assert!(server.accepts(&shown.code));
    session.code().await.unwrap();
    assert_eq!(contacts(), 1);
    let account = soft_token.account(None).unwrap();
    assert_eq!(account.status().unwrap().pin_tries_left, Some(3));
    assert_eq!(account.status().unwrap().clock_offset, 100_000);

    // An older policy is not taken.
    server.state().policy = policy(&[("pin_tries", "20")]);
    server.state().policy_version = PolicyVersion::FIRST;
    account.unlock(the_pin()).await.unwrap().contact().await.unwrap();
    assert_eq!(soft_token.account(None).unwrap().status().unwrap().pin_tries_left, Some(3));
}

/// Two programs on one device may ask at the same time: the answer that comes last need not be the newer one.
#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_takes_no_newer_policy_away() {
    let (server, _, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    for newest in 2..4 {
        server.state().fates.push_back(Fate::Late);
        let late = account.contact();
        let newer = async {
            server.state().policy = policy(&[("pin_tries", &newest.to_string())]);
            server.state().policy_version = PolicyVersion::new(newest);
            account.contact().await.unwrap();
        };
        tokio::join!(biased; late, newer).0.unwrap();
        assert_eq!(account.reread().unwrap().status().unwrap().pin_tries_left, Some(u32::try_from(newest).unwrap()));
    }
    // What a server says that was restored counts again, as long as no vault knows better.
    server.state().policy = policy(&[]);
    server.state().policy_version = PolicyVersion::new(2);
    let account = account.contact().await.unwrap();
    assert_eq!(account.status().unwrap().pin_tries_left, Some(5));
}

#[tokio::test]
async fn a_server_that_is_away_does_not_keep_codes_away() {
    let (server, _, soft_token) = activated().await;
    server.clock().advance(SignedDuration::from_hours(25));
    server.state().otherwise = Fate::Lost;
    let mut session = soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap();
    let asked = server.state().asked.len();
    for _ in 0..3 {
        assert!(server.accepts(&session.code().await.unwrap().code));
    }
    assert_eq!(server.state().asked.len(), asked + 1);
    assert!(soft_token.account(None).unwrap().status().unwrap().last_failure.is_some());
    assert!(matches!(session.contact().await.unwrap_err(), Error::Unreachable { .. }));
}

#[tokio::test]
async fn an_unsecure_device_is_let_in_where_policy_allows_it() {
    let (server, device) = (TestServer::new(), Device::new());
    device.probe.set(vec![Signal::Debugger]);
    let soft_token = device.start(&server).await.unwrap();
    assert!(matches!(soft_token.activate(server.ticket()).await.unwrap_err(), Error::UnsecureDevice(_)));
    assert!(device.keys().is_empty());
    server.state().policy = policy(&[("allow_unsecure_device", "true")]);
    activate(&soft_token, server.ticket()).await.unwrap();
    let account = soft_token.account(None).unwrap();
    let mut session = account.unlock(the_pin()).await.unwrap();

    // The policy changes: it is refused from the contact on at which the phone learns of it, without a PIN try.
    server.state().policy = policy(&[]);
    server.state().policy_version = PolicyVersion::new(2);
    assert!(matches!(session.contact().await.unwrap_err(), Error::UnsecureDevice(_)));
    let account = soft_token.account(None).unwrap();
    assert!(matches!(account.unlock(Some(pin(OTHER_PIN))).await.unwrap_err(), Error::UnsecureDevice(_)));
    assert_eq!(account.status().unwrap().pin_tries_left, Some(5));
}

/// A device that is shut out asks at the gate whether it still is, without opening anything; so a policy that has become
/// laxer reaches it, and lies in the vault from then on.
#[tokio::test]
async fn a_device_that_was_shut_out_is_let_in_once_the_policy_allows_it() {
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    let shut_out = |error| matches!(error, Error::UnsecureDevice(_));
    device.probe.set(vec![Signal::Debugger]);
    assert!(shut_out(account.unlock(the_pin()).await.unwrap_err()));
    assert!(shut_out(account.requests(std::time::Duration::ZERO).await.unwrap_err()));

    server.state().policy = policy(&[("allow_unsecure_device", "true")]);
    server.state().policy_version = PolicyVersion::new(2);
    server.state().otherwise = Fate::Lost;
    assert!(shut_out(account.unlock(the_pin()).await.unwrap_err()));
    server.state().otherwise = Fate::Delivered;
    let mut session = account.unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));

    // Without a network now, and after a restart.
    server.state().otherwise = Fate::Lost;
    let account = device.start(&server).await.unwrap().account(None).unwrap();
    assert!(account.header().policy.allow_unsecure_device);
    account.unlock(the_pin()).await.unwrap();

    // Shut out again by a contact that opens nothing, and by an unlock code too; that is a way back as well.
    server.state().otherwise = Fate::Delivered;
    server.state().policy = policy(&[]);
    server.state().policy_version = PolicyVersion::new(3);
    let account = account.contact().await.unwrap();
    assert!(matches!(account.status().unwrap().integrity, Verdict::Refused(_)));
    let challenge = account.status().unwrap().lock_challenge.unwrap();
    assert!(shut_out(account.unlock_with_code(server.unlock_code(&challenge)).await.unwrap_err()));
    server.state().policy = policy(&[("allow_unsecure_device", "true")]);
    server.state().policy_version = PolicyVersion::new(4);
    account.unlock_with_code(server.unlock_code(&challenge)).await.unwrap();
}

/// What was heard outside of the vault is a claim that whoever can write files can make: by itself it lets nobody in.
#[tokio::test]
async fn a_policy_that_lies_beside_the_vault_opens_nothing_by_itself() {
    use symbolon_client::files::Files;
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap().contact().await.unwrap();
    let directory = std::path::PathBuf::from("/home/accounts");
    let clock = directory.join(&device.disk.list(&directory).unwrap()[0]).join("clock");
    let mut heard: serde_json::Value = serde_json::from_slice(&device.disk.read(&clock).unwrap().unwrap()).unwrap();
    heard["policy_version"] = 9.into();
    heard["policy"]["allow_unsecure_device"] = true.into();
    device.disk.write(&clock, heard.to_string().as_bytes()).unwrap();
    device.probe.set(vec![Signal::Debugger]);
    assert!(matches!(account.reread().unwrap().status().unwrap().integrity, Verdict::Allowed(_)));
    for fate in [Fate::Lost, Fate::Delivered] {
        server.state().otherwise = fate;
        assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::UnsecureDevice(_)), "{fate:?}");
    }
}

#[tokio::test]
async fn several_servers_have_accounts_of_their_own() {
    let (server, device, soft_token) = activated().await;
    let other = TestServer::new();
    let with_other = device.start(&other).await.unwrap();
    let ticket = Ticket { server: "https://other.example".parse().unwrap(), ..other.ticket() };
    activate(&with_other, ticket).await.unwrap();
    assert!(matches!(soft_token.account(None).unwrap_err(), Error::WhichToken));
    let (ours, theirs) = (server.state().serial, other.state().serial);
    let mut session = soft_token.account(Some(ours)).unwrap().unlock(the_pin()).await.unwrap();
    assert!(server.accepts(&session.code().await.unwrap().code));
    soft_token.remove(ours).await.unwrap();
    assert!(matches!(soft_token.remove(ours).await.unwrap_err(), Error::NoSuchToken(_)));
    let mut session = with_other.account(Some(theirs)).unwrap().unlock(the_pin()).await.unwrap();
    assert!(other.accepts(&session.code().await.unwrap().code));
    assert_eq!(device.keys().len(), 2);
}

#[tokio::test]
async fn lost_keys_and_damaged_vaults_have_a_way_out() {
    use std::path::PathBuf;
    use symbolon_client::files::Files;
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    for name in device.keys() {
        device.disk.remove(&PathBuf::from("/home/keys").join(name)).unwrap();
    }
    assert!(matches!(account.unlock(the_pin()).await.unwrap_err(), Error::KeysLost(_)));

    let directory = PathBuf::from("/home/accounts");
    let name = device.disk.list(&directory).unwrap().remove(0);
    device.disk.write(&directory.join(name).join("vault"), b"\x01not a vault").unwrap();
    assert!(matches!(soft_token.account(None).unwrap_err(), Error::Damaged(_)));
    assert!(soft_token.accounts().unwrap().is_empty());
    assert_eq!(soft_token.damaged_accounts().unwrap().len(), 1);
    let serial = server.state().serial;
    soft_token.remove(serial).await.unwrap();
    assert!(device.disk.list(&directory).unwrap().is_empty());
    server.reactivate();
    activate(&soft_token, server.ticket()).await.unwrap();
}

/// The phones run these on other threads than they were made on.
#[test]
fn every_future_can_change_its_thread() {
    fn sent<T: Send>(_: &dyn Fn(symbolon_client::SoftToken, Ticket) -> T) {}
    sent(&|soft_token, ticket| async move {
        let Ok(Activation::Proposed(proposed)) = soft_token.activate(ticket).await else { return };
        let Ok(account) = proposed.accept(None).await else { return };
        let Ok(mut session) = account.unlock(None).await else { return };
        let _ = session.code().await;
        let _ = session.change_pin(chosen(PIN)).await;
    });
}

#[tokio::test(start_paused = true)]
async fn the_server_is_told_a_push_address_once_and_when_it_changes() {
    let (server, device, soft_token) = activated().await;
    let account = soft_token.account(None).unwrap();
    let address = |token: &str| -> PushAddress {
        serde_json::from_value(serde_json::json!({"service": "fcm", "token": token})).unwrap()
    };
    let (first, second) = (address("first"), address("second"));

    // A lost message is told by the next call, also after a restart.
    server.state().otherwise = Fate::Lost;
    assert!(account.tell_push_address(Some(&first)).await.is_err());
    server.state().otherwise = Fate::Delivered;
    let account = device.start(&server).await.unwrap().account(None).unwrap();
    for _ in 0..2 {
        assert!(account.tell_push_address(Some(&first)).await.unwrap());
    }
    assert_eq!(server.state().told, [Some(first.clone())]);
    assert!(account.tell_push_address(Some(&second)).await.unwrap());
    assert!(!account.tell_push_address(None).await.unwrap());
    assert_eq!(server.state().told, [Some(first.clone()), Some(second), None]);

    // A week later it is told again; a clock that was set meanwhile is no obstacle.
    assert!(account.tell_push_address(Some(&first)).await.unwrap());
    server.clock().advance(SignedDuration::from_hours(7 * 24));
    server.state().ahead = SignedDuration::from_mins(20);
    assert!(account.tell_push_address(Some(&first)).await.unwrap());
    assert_eq!(server.state().told.len(), 5);
    assert_eq!(account.status().unwrap().clock_offset, 20 * 60 * 1000);

    server.reactivate();
    assert!(matches!(account.tell_push_address(None).await.unwrap_err(), Error::NotActive(_)));
}
