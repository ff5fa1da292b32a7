//! Temporary codes: the help desk reads them out to a person without a phone.

use serde_json::{Value, json};
use symbolon_tests::{Caller, Clock, Installation, Pages, Phone, Server, accepted, reason, skip};

fn give(server: &Server, user: &str, hours: &str, uses: &str) -> (Value, Vec<String>) {
    let given = server.admin(&["token", "add", user, "--method", "temporary", "--hours", hours, "--uses", uses]);
    let codes = given["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    (given["token"].clone(), codes)
}

fn allowing() -> (Server, Caller) {
    let server = Server::start();
    server.admin(&["policy", "set", "temporary_codes=true"]);
    server.admin(&["user", "add", "alice"]);
    let caller = server.caller("verify");
    (server, caller)
}

#[tokio::test]
async fn each_temporary_code_counts_once_in_any_order_and_is_named_as_what_it_is() {
    let (server, caller) = allowing();
    let (token, codes) = give(&server, "alice", "8", "3");
    assert_eq!(
        (&token["type"], &token["state"], &token["codes_left"]),
        (&json!("temporary"), &json!("active"), &json!(3))
    );
    let shown = |field: &str| {
        let serial = token["serial"].as_str().unwrap();
        server.admin(&["token", "show", serial])["token"][field].clone()
    };
    for (place, left) in [(2, 2), (0, 1)] {
        let verdict = caller.verify("alice", &codes[place]).await;
        assert!(accepted(&verdict), "{verdict}");
        assert_eq!((&verdict["factors"], &verdict["amr"]), (&json!(["temporary"]), &json!(["otp"])));
        assert_eq!(verdict["token"], token["serial"]);
        assert_eq!(reason(&caller.verify("alice", &codes[place]).await), "replayed");
        assert_eq!(shown("codes_left"), left);
    }
    assert!(accepted(&caller.verify_token(token["serial"].as_str().unwrap(), &codes[1]).await));
    assert_eq!(shown("state"), "expired");
    for code in &codes {
        assert_eq!(reason(&caller.verify("alice", code).await), "no_active_token", "used up");
    }
    let audit = server.audit();
    let given = audit.iter().find(|entry| entry["action"] == "token.temporary_codes_given").unwrap();
    assert_eq!((&given["user"], &given["details"]["uses"]), (&json!("alice"), &json!(3)));
    let counted = audit.iter().filter(|entry| entry["details"]["factors"] == json!(["temporary"])).count();
    assert_eq!(counted, 3);
    let told = json!(audit).to_string() + &server.log();
    assert!(codes.iter().all(|code| !told.contains(code.as_str())), "a code stands in the audit or the log");
}

#[tokio::test]
async fn temporary_codes_are_off_by_policy_and_bounded() {
    let server = Server::start();
    let admin = server.caller("admin");
    server.admin(&["user", "add", "bob", "--group", "desk"]);
    let add = |hours: &str, uses: &str| {
        server.try_admin(&["token", "add", "bob", "--method", "temporary", "--hours", hours, "--uses", uses])
    };
    let refused = add("8", "3");
    assert!(refused.exit == Some(1) && refused.message.contains("temporary_codes"), "{}", refused.message);
    server.admin(&["policy", "set", "temporary_codes=true", "--group", "desk"]);
    for (hours, uses, named) in [("0", "3", "hours"), ("73", "3", "hours"), ("8", "0", "uses"), ("8", "21", "uses")] {
        let outcome = add(hours, uses);
        assert!(outcome.exit == Some(2) && outcome.message.contains(named), "{}", outcome.message);
        let body = json!({"hours": hours.parse::<u32>().unwrap(), "uses": uses.parse::<u32>().unwrap()});
        admin.call("POST", "/v1/admin/users/bob/temporary-codes", &body).await.problem(400, "invalid");
    }
    for wrong in [
        &["token", "add", "bob", "--method", "temporary"][..],
        &["token", "add", "bob", "--method", "temporary", "--method", "online", "--hours", "8", "--uses", "1"],
        &["token", "add", "bob", "--method", "online", "--hours", "8"],
        &["token", "activate", "12345-67890", "--method", "temporary"],
    ] {
        assert_eq!(server.try_admin(wrong).exit, Some(2), "{wrong:?}");
    }
    let body = json!({"hours": 72, "uses": 20});
    let given = admin.call("POST", "/v1/admin/users/bob/temporary-codes", &body).await;
    assert_eq!((given.status, given.json()["codes"].as_array().unwrap().len()), (201, 20), "{}", given.text());
}

#[tokio::test]
async fn wrong_codes_lock_temporary_ones_too_and_new_ones_end_those_before() {
    let (server, caller) = allowing();
    server.admin(&["policy", "set", "tokens_per_user=1", "lockout_count=3"]);
    server.hand_out_another("alice");
    let (token, codes) = give(&server, "alice", "1", "2");
    let serial = token["serial"].as_str().unwrap();
    let wrong = (0..).map(|number| format!("{number:08}")).find(|code| !codes.contains(code)).unwrap();
    for _ in 0..3 {
        assert_eq!(reason(&caller.verify("alice", &wrong).await), "wrong_code");
    }
    assert_eq!(reason(&caller.verify("alice", &codes[0]).await), "locked");
    server.admin(&["token", "unlock", serial]);
    assert!(accepted(&caller.verify("alice", &codes[0]).await));
    server.admin(&["token", "disable", serial]);
    assert_eq!(reason(&caller.verify("alice", &codes[1]).await), "no_active_token");
    server.admin(&["token", "enable", serial]);
    for refused in [&["token", "reset", serial, "11111111", "22222222"][..], &["token", "reactivate", serial]] {
        assert_eq!(server.try_admin(refused).exit, Some(1), "{refused:?}");
    }
    let (_, newer) = give(&server, "alice", "1", "1");
    assert_eq!(reason(&caller.verify("alice", &codes[1]).await), "wrong_code", "newer ones end it");
    assert!(accepted(&caller.verify("alice", &newer[0]).await));
}

#[tokio::test]
async fn temporary_codes_end_with_their_hours() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        return skip("temporary_codes_end_with_their_hours", "libfaketime is not installed");
    };
    let server = Server::with(installation);
    server.admin(&["policy", "set", "temporary_codes=true"]);
    server.admin(&["user", "add", "carol"]);
    let caller = server.caller("verify");
    let (token, codes) = give(&server, "carol", "2", "3");
    clock.moved(2 * 3600 - 120);
    assert!(accepted(&caller.verify("carol", &codes[0]).await));
    clock.moved(2 * 3600);
    assert_eq!(reason(&caller.verify("carol", &codes[1]).await), "no_active_token");
    let serial = token["serial"].as_str().unwrap();
    assert_eq!(server.admin(&["token", "show", serial])["token"]["state"], "expired");
    server.admin(&["token", "delete", serial]);
}

/// Signs in to the console as ana; whether she was let in.
async fn lets_in(server: &Server, code: &str) -> bool {
    let fields = [("name", "ana"), ("password", PASSWORD), ("code", code)];
    let page = Pages::of(server).post("/console/sign-in", &fields).await;
    assert!([303, 401].contains(&page.status), "{}", page.text);
    page.status == 303
}

const PASSWORD: &str = "a long enough password";

#[tokio::test]
async fn a_temporary_code_takes_no_administrators_place() {
    let server = Server::start();
    server.admin(&["policy", "set", "temporary_codes=true"]);
    server.admin(&["user", "add", "ana"]);
    let added = server.admin(&["administrator", "add", "ana", "--role", "owner", "--user", "ana"]);
    let link = added["link"].as_str().unwrap();
    let chosen = [("link", link), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(Pages::of(&server).post("/console/welcome", &chosen).await.status, 303);

    // Who has no token yet is asked for no code, whatever the help desk gave out.
    let (_, early) = give(&server, "ana", "8", "2");
    assert!(lets_in(&server, "").await);
    let token = Phone::new(&server, &server.hand_out_another("ana")).activate().await;
    assert!(!lets_in(&server, "").await);
    assert!(!lets_in(&server, &early[0]).await);
    // It was not spent either, and still says what it is to those who ask.
    let verdict = server.caller("verify").verify("ana", &early[0]).await;
    assert_eq!(verdict["factors"], json!(["temporary"]), "{verdict}");
    let (_, later) = give(&server, "ana", "8", "1");
    assert!(!lets_in(&server, &later[0]).await);
    server.admin(&["token", "disable", &token.serial]);
    assert!(!lets_in(&server, &later[0]).await, "not in the place of a token that is switched off");
    server.admin(&["token", "enable", &token.serial]);
    assert!(lets_in(&server, &token.code()).await);
}
