//! What stops guessing.

use symbolon_tests::{Imported, Phone, Server, accepted, reason};

#[tokio::test]
async fn five_wrong_codes_lock_every_token_of_the_user() {
    let server = Server::start();
    let caller = server.caller("verify");
    let first = server.activated("alice").await;
    let second = Phone::new(&server, &server.hand_out_another("alice")).activate().await;
    let other = server.activated("bob").await;
    let wrong = first.wrong_code();
    for _ in 0..5 {
        assert_eq!(reason(&caller.verify_token(&first.serial, &wrong).await), "wrong_code");
    }
    for token in [&first, &second] {
        let verdict = caller.verify_token(&token.serial, &token.code()).await;
        assert_eq!(reason(&verdict), "locked");
        assert!(verdict["retry_at"].as_str().unwrap().ends_with('Z'), "{verdict}");
        assert_eq!(server.admin(&["token", "show", &token.serial])["token"]["state"], "locked");
    }
    assert!(accepted(&caller.verify("bob", &other.code()).await), "another user is not locked");
    server.admin(&["user", "unlock", "alice"]);
    assert!(accepted(&caller.verify("alice", &second.code()).await));
    assert!(accepted(&caller.verify("alice", &first.code()).await));
}

#[tokio::test]
async fn with_scope_token_the_others_go_on() {
    let server = Server::start();
    server.admin(&["policy", "set", "lockout_scope=token", "lockout_count=3"]);
    let caller = server.caller("verify");
    let first = server.activated("carol").await;
    let second = Phone::new(&server, &server.hand_out_another("carol")).activate().await;
    let wrong = first.wrong_code();
    for _ in 0..3 {
        assert_eq!(reason(&caller.verify_token(&first.serial, &wrong).await), "wrong_code");
    }
    assert_eq!(reason(&caller.verify_token(&first.serial, &first.code()).await), "locked");
    assert!(accepted(&caller.verify_token(&second.serial, &second.code()).await));
    assert!(accepted(&caller.verify("carol", &second.code()).await));

    // Given with the user's name, a wrong code counts on each token that was tried.
    for _ in 0..3 {
        assert_eq!(reason(&caller.verify("carol", &second.wrong_code()).await), "wrong_code");
    }
    let verdict = caller.verify("carol", &second.code()).await;
    assert_eq!(reason(&verdict), "locked");
    assert!(verdict["retry_at"].is_string());
    server.admin(&["token", "unlock", &first.serial]);
    assert!(accepted(&caller.verify("carol", &first.code()).await));
    assert_eq!(reason(&caller.verify_token(&second.serial, &second.code()).await), "locked");
}

#[tokio::test]
async fn a_success_ends_the_count_and_replays_do_not_count() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("dave").await;
    let wrong = token.wrong_code();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(reason(&caller.verify("dave", &wrong).await), "wrong_code");
        }
        let right = token.code();
        assert!(accepted(&caller.verify("dave", &right).await));
        for _ in 0..6 {
            assert_eq!(reason(&caller.verify("dave", &right).await), "replayed");
        }
    }
    assert_eq!(server.admin(&["user", "show", "dave"])["user"]["state"], "active");
}

#[tokio::test]
async fn codes_outside_the_window_count_as_guesses() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("erin").await;
    for steps in 60..65 {
        assert_eq!(reason(&caller.verify("erin", &token.code_at(steps)).await), "outside_window");
    }
    assert_eq!(reason(&caller.verify("erin", &token.code()).await), "locked");
}

#[tokio::test]
async fn a_hundred_failures_lock_until_someone_unlocks_whatever_succeeds_between() {
    let server = Server::start();
    server.admin(&["policy", "set", "lockout_count=20"]);
    let caller = server.caller("verify");
    let token = Imported::hotp("frank", "SLOW-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let near: Vec<String> = (0..200).map(|counter| token.code_of_event(counter)).collect();
    let wrong = (0..).map(|number| format!("{number:08}")).find(|code| !near.contains(code)).unwrap();
    let mut counter = 0;
    for failure in 1..=100 {
        assert_eq!(reason(&caller.verify("frank", &wrong).await), "wrong_code", "failure {failure}");
        if failure % 19 == 0 {
            assert!(accepted(&caller.verify("frank", &token.code_of_event(counter)).await));
            counter += 1;
        }
    }
    let verdict = caller.verify("frank", &token.code_of_event(counter)).await;
    assert_eq!(reason(&verdict), "locked");
    assert_eq!(verdict.get("retry_at"), None, "this lock does not end by itself");
    let user = server.admin(&["user", "show", "frank"]);
    assert_eq!(user["user"]["state"], "locked");
    assert_eq!(user["user"].get("locked_until"), None);
    server.admin(&["user", "unlock", "frank"]);
    assert!(accepted(&caller.verify("frank", &token.code_of_event(counter)).await));
}

#[tokio::test]
async fn a_lock_survives_a_restart_and_the_next_one_is_twice_as_long() {
    let mut server = Server::start();
    let mut caller = server.caller("verify");
    let token = server.activated("grace").await;
    let wrong = token.wrong_code();
    let mut lengths = Vec::new();
    for _ in 0..3 {
        for _ in 0..5 {
            assert_eq!(reason(&caller.verify("grace", &wrong).await), "wrong_code");
        }
        server.kill();
        server.start_again();
        caller = caller.anew();
        assert_eq!(reason(&caller.verify("grace", &token.code_at(0)).await), "locked");
        let last_wrong = "(SELECT max(time) FROM audit WHERE entry LIKE '%user.locked%')";
        let length = server.number(&format!("SELECT locked_until - {last_wrong} FROM user"));
        lengths.push(length / 1000);
        // As if the time had passed.
        server.database().execute("UPDATE user SET locked_until = 1", []).unwrap();
    }
    assert_eq!(lengths, [900, 1800, 3600]);
    assert!(accepted(&caller.verify("grace", &token.code()).await));
}
