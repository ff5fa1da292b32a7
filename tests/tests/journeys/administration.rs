//! Administration beside a running server: what `admin` commands and the admin API do holds at once.

use serde_json::json;
use symbolon_tests::{Installation, Phone, Server, Ticket, Wire, accepted, reason};

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
    let set = server.try_admin(&["policy", "set", "lockout_count=2", "--group", "vault"]);
    assert_eq!((set.exit, set.message.as_str()), (Some(0), ""));
    let misspelt = server.try_admin(&["policy", "show", "--group", "valut"]);
    assert_eq!(misspelt.exit, Some(0));
    assert!(misspelt.message.contains("no user is in the group valut"), "{}", misspelt.message);
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

#[tokio::test]
async fn the_admin_api_tells_what_the_pages_of_the_console_show() {
    let server = Server::start();
    let admin = server.caller("admin");
    let verifier = server.caller("verify");
    let token = server.activated("alice").await;
    assert!(accepted(&verifier.verify("alice", &token.code()).await));
    assert_eq!(reason(&verifier.verify("alice", &token.wrong_code()).await), "wrong_code");
    server.hand_out_another("alice");
    server.admin(&["application", "rotate", "verify 1", "--overlap", "3600"]);

    let told = admin.get("/v1/admin/statistics").await.json();
    let counts = (&told["users"], &told["active_tokens"], &told["waiting_activations"]);
    assert_eq!(counts, (&json!(1), &json!(1), &json!(1)));
    assert_eq!(told["old_keys"][0]["application"], "verify 1");
    assert!(told["old_keys"][0]["ends_at"].is_string() && told["old_keys"][0]["last_used_at"].is_string());
    assert_eq!(told["waiting_deliveries"].as_array().unwrap().len(), 3);
    let events = told["events"].as_array().unwrap();
    let times = |event: &str| -> u64 {
        events.iter().filter(|count| count["event"] == event).map(|count| count["count"].as_u64().unwrap()).sum()
    };
    assert_eq!((times("code.accepted"), times("code.refused")), (1, 1), "{told}");
    for hours in ["0", "721", "day"] {
        assert_eq!(admin.get(&format!("/v1/admin/statistics?hours={hours}")).await.status, 400);
    }

    let find = async |query: &str| admin.get(&format!("/v1/admin/audit/search?{query}")).await.json();
    let found = find("user=alice&action=code.refused").await;
    assert_eq!(found["entries"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["entries"][0]["details"]["reason"], "wrong_code");
    assert_eq!(
        find(&format!("token={}&action=token.act", token.serial)).await["entries"][0]["action"],
        "token.activated"
    );
    assert_eq!(find("user=bob").await["entries"], json!([]));
    assert_eq!(find("to=2020-01-01T00:00:00Z").await["entries"], json!([]));
    let mut before = String::new();
    let mut sequences = Vec::new();
    loop {
        let part = find(&format!("limit=2{before}")).await;
        sequences.extend(part["entries"].as_array().unwrap().iter().map(|entry| entry["sequence"].as_u64().unwrap()));
        let Some(next) = part["next"].as_u64() else { break };
        before = format!("&before={next}");
    }
    let all: Vec<u64> = (1..=sequences.len() as u64).rev().collect();
    assert_eq!((&sequences, sequences.len()), (&all, server.audit().len()));
    for wrong in ["limit=0", "limit=1001", "token=1", "from=yesterday", "who=alice"] {
        assert_eq!(admin.get(&format!("/v1/admin/audit/search?{wrong}")).await.status, 400, "{wrong}");
    }

    server.admin(&["policy", "set", "lockout_count=4"]);
    let preview = async |path: &str, body| admin.call("POST", path, &body).await;
    let change = json!({"set": {"pin_required": false}, "unset": ["lockout_count"]});
    let changes = preview("/v1/admin/policy/preview", change).await.json()["changes"].clone();
    assert_eq!(changes.as_array().unwrap().len(), 2, "{changes}");
    assert_eq!((&changes[0]["key"], &changes[0]["after"]), (&json!("pin_required"), &json!("false")));
    assert!(changes[0]["warning"].is_string() && changes[0]["takes_effect"].is_string());
    assert_eq!((&changes[1]["before"], &changes[1]["after"]), (&json!("4"), &json!("5")));
    let of_group = preview("/v1/admin/policy/groups/vault/preview", json!({"set": {"lockout_count": 2}})).await.json();
    assert_eq!(of_group["changes"][0]["before"], "4");
    for wrong in [json!({"set": {"lockout_count": 99}}), json!({"unset": ["nothing"]}), json!({"change": {}})] {
        preview("/v1/admin/policy/preview", wrong).await.problem(400, "invalid");
    }
    assert_eq!(server.admin(&["policy", "show"])["policy"]["lockout_count"], 4, "nothing was changed");
    assert_eq!(server.count_of("policy.changed"), 1);
}

#[test]
fn where_nothing_is_nothing_is_looked_at_and_what_is_made_is_said() {
    let installation = Installation::new();
    let missing = installation.own_data_dir();
    let empty = installation.beside("empty");
    std::fs::create_dir(&empty).unwrap();
    let backup = installation.beside("backup.db");
    let commands: [&[&str]; 4] = [
        &["audit", "verify"],
        &["clock", "accept"],
        &["backup", "create", backup.to_str().unwrap()],
        &["key", "rotate", "master"],
    ];
    for command in commands {
        for directory in [&missing, &empty] {
            let refused = installation.admin_on(directory, command);
            assert_eq!(refused.exit, Some(2), "{command:?}: {}", refused.message);
            assert!(refused.message.contains("there is no installation in"), "{command:?}: {}", refused.message);
        }
    }
    for command in [&["migrate"][..], &["migrate", "--to", "postgres://nobody@127.0.0.1:1/none"]] {
        let refused = installation.try_command(command);
        assert_eq!(refused.exit, Some(2), "{command:?}: {}", refused.message);
    }
    assert!(!missing.exists() && !backup.exists());
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
    for said in [true, false] {
        let made = installation.admin_on(&missing, &["user", "list"]);
        assert_eq!((made.exit, made.message.contains("a new one is made")), (Some(0), said), "{}", made.message);
    }
    std::fs::write(empty.join("symbolon.db"), "a text").unwrap();
    let refused = installation.admin_on(&empty, &["user", "list"]);
    assert_eq!(refused.exit, Some(2), "{}", refused.message);
    assert!(refused.message.contains("symbolon.db is no database"), "{}", refused.message);
    let file = installation.beside("backup.db");
    std::fs::write(&file, "").unwrap();
    let refused = installation.admin_on(&file, &["user", "list"]);
    assert_eq!(refused.exit, Some(2), "{}", refused.message);
}
