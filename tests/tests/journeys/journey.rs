//! The journey of every token: handed out, activated, verified, guarded.

use symbolon_tests::{Phone, Server, accepted, reason};

#[tokio::test]
async fn a_token_is_handed_out_activated_verified_and_guarded() {
    let server = Server::start();
    let caller = server.caller("verify");
    let user = server.admin(&["user", "add", "alice", "--email", "alice@example.org"]);
    assert_eq!(user["user"]["name"], "alice");

    let ticket = server.hand_out_another("alice");
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "activating");
    assert!(ticket.link.starts_with("symbolon://activate?v=1&a=https%3A%2F%2F127.0.0.1%3A"), "{}", ticket.link);

    let token = Phone::new(&server, &ticket).activate().await;
    assert_eq!(token.serial, ticket.serial);
    let shown = server.admin(&["token", "show", &ticket.serial]);
    assert_eq!(shown["token"]["state"], "active");
    assert_eq!(shown["token"]["device"]["model"], "Simulated 1");
    assert_eq!(shown["token"]["digits"], 8);
    assert_eq!(shown["token"]["hash"], "sha256");

    let first = token.code();
    let earlier = first.clone();
    let verdict = caller.verify("alice", &first).await;
    assert!(accepted(&verdict), "{verdict}");
    assert_eq!(verdict["token"], ticket.serial);
    assert_eq!(verdict["user"], "alice");
    assert_eq!(verdict["factors"], serde_json::json!(["possession"]));
    assert_eq!(verdict["amr"], serde_json::json!(["otp"]));
    assert_eq!(reason(&caller.verify("alice", &first).await), "replayed");

    // By serial number, with and without its hyphen; spaces in a code are passed over.
    let second = token.code();
    let spaced = format!("{} {}", &second[..4], &second[4..]);
    assert!(accepted(&caller.verify_token(&token.serial, &spaced).await));
    assert_eq!(reason(&caller.verify_token(&token.serial.replace('-', ""), &second).await), "replayed");
    assert_eq!(reason(&caller.verify("alice", &earlier).await), "replayed");

    let wrong = token.wrong_code();
    for _ in 0..4 {
        let verdict = caller.verify("alice", &wrong).await;
        assert_eq!((reason(&verdict), verdict.get("retry_at")), ("wrong_code", None));
    }
    let fifth = caller.verify("alice", &wrong).await;
    assert_eq!(reason(&fifth), "wrong_code");
    let right = token.code();
    let verdict = caller.verify("alice", &right).await;
    assert_eq!(reason(&verdict), "locked");
    assert_eq!(verdict["retry_at"], fifth["retry_at"], "both say when the lock ends");
    assert!(verdict["retry_at"].is_string());
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "locked");
    assert_eq!(server.admin(&["user", "show", "alice"])["user"]["state"], "locked");

    server.admin(&["token", "unlock", &ticket.serial]);
    assert!(accepted(&caller.verify("alice", &right).await), "a code that was refused unseen is not used");

    let report = server.admin(&["audit", "verify"]);
    assert_eq!(report["intact"], true, "{report}");
    let actions: Vec<String> =
        server.audit().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
    let told: Vec<&str> = actions.iter().map(String::as_str).collect();
    let wrong = ["code.refused"; 4];
    assert_eq!(&told[..4], ["application.added", "user.added", "token.added", "token.activated"]);
    assert_eq!(&told[4..9], ["code.accepted", "code.refused", "code.accepted", "code.refused", "code.refused"]);
    assert_eq!(&told[9..13], wrong);
    assert_eq!(&told[13..], ["user.locked", "code.refused", "code.refused", "token.unlocked", "code.accepted"]);
}

#[tokio::test]
async fn a_user_without_a_token_is_told_apart_from_a_wrong_code() {
    let server = Server::start();
    let caller = server.caller("verify");
    server.admin(&["user", "add", "bob"]);
    assert_eq!(reason(&caller.verify("bob", "12345678").await), "no_active_token");
    assert_eq!(reason(&caller.verify("nobody", "12345678").await), "no_active_token");
    assert_eq!(reason(&caller.verify_token("00000-00000", "12345678").await), "no_active_token");
    let ticket = server.hand_out_another("bob");
    assert_eq!(reason(&caller.verify("bob", "12345678").await), "no_active_token");
    let token = Phone::new(&server, &ticket).activate().await;
    server.admin(&["token", "disable", &ticket.serial]);
    let code = token.code();
    assert_eq!(reason(&caller.verify("bob", &code).await), "no_active_token");
    server.admin(&["token", "enable", &ticket.serial]);
    server.admin(&["user", "disable", "bob"]);
    assert_eq!(reason(&caller.verify("bob", &code).await), "no_active_token");
    server.admin(&["user", "enable", "bob"]);
    assert!(accepted(&caller.verify("bob", &code).await));
}

#[tokio::test]
async fn any_token_of_a_user_opens_and_each_code_only_once() {
    let server = Server::start();
    let caller = server.caller("verify");
    let first = server.activated("carol").await;
    let second = Phone::new(&server, &server.hand_out_another("carol")).activate().await;
    for token in [&second, &first, &second] {
        let code = token.code();
        let verdict = caller.verify("carol", &code).await;
        assert!(accepted(&verdict));
        assert_eq!(verdict["token"], token.serial);
        assert_eq!(reason(&caller.verify("carol", &code).await), "replayed");
    }
    // By its serial number a token takes no code of another.
    assert_eq!(reason(&caller.verify_token(&first.serial, &second.code()).await), "wrong_code");
}

#[tokio::test]
async fn a_code_far_from_the_clock_is_named_and_can_never_be_used() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("dave").await;
    let far = token.code_at(60);
    assert_eq!(reason(&caller.verify("dave", &far).await), "outside_window");
    // As if the clock had come there meanwhile.
    server.database().execute("UPDATE token SET drift = 60, drift_at_reset = 60", []).unwrap();
    assert_eq!(reason(&caller.verify("dave", &far).await), "replayed");
    assert!(accepted(&caller.verify("dave", &token.code_at(61)).await));
}

#[tokio::test]
async fn a_reset_with_two_consecutive_codes_follows_a_token_whose_clock_has_gone_astray() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("dora").await;
    let astray = token.code_at(60);
    assert_eq!(reason(&caller.verify("dora", &astray).await), "outside_window");
    let pairs = [
        (token.code_at(61), token.code_at(63)),
        (token.code_at(62), token.code_at(61)),
        (token.code_at(61), token.code_at(61)),
        (token.code_at(130), token.code_at(131)),
        (token.wrong_code(), token.code_at(62)),
    ];
    for (first, second) in pairs {
        let refused = server.try_admin(&["token", "reset", &token.serial, &first, &second]);
        assert_eq!(refused.exit, Some(1), "{}", refused.message);
    }
    let (first, second) = (token.code_at(61), token.code_at(62));
    server.admin(&["token", "reset", &token.serial, &first, &second]);
    for used in [&astray, &first, &second] {
        assert_eq!(reason(&caller.verify("dora", used).await), "replayed");
    }
    assert!(accepted(&caller.verify("dora", &token.code_at(63)).await));
    assert_eq!(server.try_admin(&["token", "reset", &token.serial, &first, &second]).exit, Some(1));
}

/// An answer has named the code as one of the token's: it may open nothing later, whatever a reset moves.
#[tokio::test]
async fn a_code_that_was_named_as_outside_the_window_stays_used_over_a_reset() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("dave").await;
    let named = token.code_at(60);
    assert_eq!(reason(&caller.verify("dave", &named).await), "outside_window");
    server.admin(&["token", "reset", &token.serial, &token.code_at(54), &token.code_at(55)]);
    assert_eq!(reason(&caller.verify("dave", &named).await), "replayed");
    assert!(accepted(&caller.verify("dave", &token.code_at(61)).await));
}

#[tokio::test]
async fn length_and_hash_are_those_of_the_activation() {
    let server = Server::start();
    let caller = server.caller("verify");
    let old = server.activated("erin").await;
    server.admin(&["policy", "set", "code_length=6", "hash=sha512"]);
    let new = server.activated("frank").await;
    let (old_code, new_code) = (old.code(), new.code());
    assert_eq!((old_code.len(), new_code.len(), new.secret.len()), (8, 6, 64));
    assert!(accepted(&caller.verify("erin", &old_code).await));
    assert!(accepted(&caller.verify("frank", &new_code).await));
}

#[tokio::test]
async fn everything_is_there_after_a_stop_and_a_start() {
    let mut server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("grace").await;
    let (used, unused) = (token.code(), token.code());
    assert!(accepted(&caller.verify("grace", &used).await));
    let pin = server.tls_pin.clone();
    server.ask_to_stop();
    assert!(server.ended().success());
    server.start_again();
    assert_eq!(server.tls_pin, pin, "the authority stays");
    let caller = caller.anew();
    assert_eq!(reason(&caller.verify("grace", &used).await), "replayed");
    assert!(accepted(&caller.verify("grace", &unused).await));
    let text = symbolon_tests::Wire::plain(&server.metrics).get("").await.text();
    assert!(text.contains("symbolon_verifications_total{result=\"accepted\"} 1"), "{text}");
}
