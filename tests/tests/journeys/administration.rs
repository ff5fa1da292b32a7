//! Administration beside a running server: what `admin` commands and the admin API do holds at once.

use serde_json::json;
use symbolon_tests::{Phone, Server, Ticket, Wire, accepted, reason};

#[tokio::test]
async fn what_admin_commands_change_holds_at_once_on_the_running_server() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    assert!(accepted(&caller.verify("alice", &token.code()).await));

    server.admin(&["policy", "set", "lockout_count=1"]);
    assert_eq!(reason(&caller.verify("alice", &token.wrong_code()).await), "wrong_code");
    assert_eq!(reason(&caller.verify("alice", &token.code()).await), "locked");
    server.admin(&["user", "unlock", "alice"]);
    assert!(accepted(&caller.verify("alice", &token.code()).await));

    server.admin(&["policy", "set", "max_time_steps=1", "lockout_count=20"]);
    assert_eq!(reason(&caller.verify("alice", &token.code_at(9)).await), "outside_window");
    server.admin(&["policy", "set", "max_time_steps=10"]);

    let name = server.admin(&["application", "list"])["applications"][0]["name"].as_str().unwrap().to_owned();
    server.admin(&["application", "remove", &name]);
    let code = token.code();
    assert_eq!(caller.try_verify("alice", &code).await.unwrap().status, 401);
    let again = server.caller("verify");
    assert!(accepted(&again.verify("alice", &code).await), "a refused application uses no code up");

    server.admin(&["token", "delete", &token.serial]);
    assert_eq!(reason(&again.verify("alice", &token.code()).await), "no_active_token");
    server.admin(&["user", "delete", "alice"]);
    assert_eq!(server.try_admin(&["user", "show", "alice"]).exit, Some(1));
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test]
async fn a_policy_of_a_group_lies_over_the_one_for_everyone() {
    let server = Server::start();
    let caller = server.caller("verify");
    server.admin(&["user", "add", "gina", "--group", "vault"]);
    let guarded = Phone::new(&server, &server.hand_out_another("gina")).activate().await;
    let other = server.activated("hugo").await;
    server.admin(&["policy", "set", "lockout_count=2", "--group", "vault"]);
    for _ in 0..2 {
        assert_eq!(reason(&caller.verify("gina", &guarded.wrong_code()).await), "wrong_code");
        assert_eq!(reason(&caller.verify("hugo", &other.wrong_code()).await), "wrong_code");
    }
    assert_eq!(reason(&caller.verify("gina", &guarded.code()).await), "locked");
    assert!(accepted(&caller.verify("hugo", &other.code()).await));
}

#[tokio::test]
async fn the_admin_api_does_what_the_commands_do() {
    let server = Server::start();
    let admin = server.caller("admin");
    let caller = server.caller("verify");
    let added = admin.call("POST", "/v1/admin/users", &json!({"name": "ines", "email": "ines@example.org"})).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let handed_out = admin.call("POST", "/v1/admin/users/ines/tokens", &json!({"label": "Phone"})).await;
    assert_eq!(handed_out.status, 201, "{}", handed_out.text());
    let ticket = Ticket::read(&handed_out.json());
    let token = Phone::new(&server, &ticket).activate().await;
    assert!(accepted(&caller.verify("ines", &token.code()).await));

    let changed = admin.call("PATCH", "/v1/admin/policy", &json!({"lockout_count": 1, "lockout_time": 0})).await;
    assert_eq!(changed.json()["policy"]["lockout_count"], 1, "{}", changed.text());
    assert_eq!(reason(&caller.verify("ines", &token.wrong_code()).await), "wrong_code");
    let locked = caller.verify("ines", &token.code()).await;
    assert_eq!((reason(&locked), locked.get("retry_at")), ("locked", None));
    let actions = format!("/v1/admin/tokens/{}/actions", ticket.serial);
    assert_eq!(admin.call("POST", &actions, &json!({"action": "unlock"})).await.status, 200);
    assert!(accepted(&caller.verify("ines", &token.code()).await));

    let refused = admin.call("POST", &actions, &json!({"action": "enable"})).await.problem(409, "state");
    let possible = refused["possible"].as_array().unwrap();
    assert!(possible.contains(&json!("disable")) && !possible.contains(&json!("enable")), "{refused}");
    admin.call("POST", "/v1/admin/users", &json!({"name": "ines"})).await.problem(409, "exists");
    admin.get("/v1/admin/users/nobody").await.problem(404, "not-found");
    assert_eq!(admin.get("/v1/admin/tokens/0000000000").await.status, 404);

    let entries = admin.get("/v1/admin/audit?limit=1000").await.json();
    assert_eq!(entries["entries"].as_array().unwrap().len(), server.audit().len());
    let report = Wire::send(admin.request("POST", "/v1/admin/audit/verify")).await.json();
    assert_eq!(report["intact"], true);
    assert_eq!(report["head"], server.admin(&["audit", "verify"])["head"]);

    let gone = Wire::send(admin.request("DELETE", &format!("/v1/admin/tokens/{}", ticket.serial))).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(reason(&caller.verify("ines", &token.code()).await), "no_active_token");
}

#[tokio::test]
async fn a_user_gets_as_many_tokens_as_the_policy_allows() {
    let server = Server::start();
    server.admin(&["policy", "set", "tokens_per_user=2"]);
    server.hand_out("jan");
    server.hand_out_another("jan");
    let refused = server.try_admin(&["token", "add", "jan"]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    assert!(refused.message.contains("tokens_per_user"), "{}", refused.message);
    assert_eq!(refused.document["error"]["kind"], "refused");
}

#[tokio::test]
async fn commands_say_what_is_wrong_with_their_input() {
    let server = Server::start();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["policy", "set", "code_length=7"], 2, "code_length"),
        (&["policy", "set", "code_lenght=8"], 2, "code_length"),
        (&["policy", "set", "lockout_count"], 2, "KEY=VALUE"),
        (&["user", "add", "two\nlines"], 2, "line breaks"),
        (&["user", "add", "kai", "--email", "nowhere"], 2, "ana@example.org"),
        (&["token", "add", "nobody"], 1, "nobody"),
        (&["token", "show", "00000-00000"], 1, "00000-00000"),
        (&["frobnicate"], 2, "frobnicate"),
    ];
    for (arguments, exit, named) in cases {
        let outcome = server.try_admin(arguments);
        assert_eq!(outcome.exit, Some(exit), "{arguments:?}: {}", outcome.message);
        assert!(outcome.message.contains(named), "{arguments:?}: {}", outcome.message);
    }
}
