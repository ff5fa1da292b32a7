//! The table of state × action, every cell through both doors: the admin API and the command. What a state does not
//! allow is refused, and the refusal says the state and what is possible.

use serde_json::{Value, json};
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::UnlockChallenge;
use symbolon_tests::{Caller, Imported, Server, Token, Wire};

const ACTIONS: [&str; 10] =
    ["activate", "reactivate", "complete", "revoke", "enable", "disable", "unlock", "unlock_pin", "reset", "delete"];

/// What each state allows, of a token that was activated here.
const ACTIVATED: [(&str, &[&str]); 6] = [
    ("new", &["activate", "delete"]),
    ("activating", &["reactivate", "complete", "revoke", "delete"]),
    ("expired", &["activate", "reactivate", "revoke", "delete"]),
    ("active", &["reactivate", "disable", "unlock_pin", "reset", "delete"]),
    ("locked", &["reactivate", "disable", "unlock", "unlock_pin", "reset", "delete"]),
    ("disabled", &["reactivate", "enable", "delete"]),
];

/// The same of a token of another maker.
const IMPORTED: [(&str, &[&str]); 3] = [
    ("active", &["disable", "reset", "delete"]),
    ("locked", &["disable", "unlock", "reset", "delete"]),
    ("disabled", &["enable", "delete"]),
];

/// A token that can be put into any state, again and again.
struct Bench {
    server: Server,
    admin: Caller,
    serial: String,
    codes: Box<dyn Fn() -> [String; 2]>,
}

impl Bench {
    fn new(server: Server, serial: String, codes: impl Fn() -> [String; 2] + 'static) -> Self {
        let kept = "CREATE TABLE kept AS SELECT * FROM token";
        server.database().execute(kept, []).unwrap();
        Self { admin: server.caller("admin"), server, serial, codes: Box::new(codes) }
    }

    /// As time and tickets would lead there.
    fn put_into(&self, state: &str) {
        let stored = match state {
            "expired" => "activating",
            "locked" => "active",
            other => other,
        };
        let locked = if state == "locked" { "0" } else { "NULL" };
        let ends = if state == "expired" { "1" } else { "9000000000000" };
        let ticket = matches!(state, "activating" | "expired");
        let statements = format!(
            "BEGIN IMMEDIATE; DELETE FROM token; INSERT INTO token SELECT * FROM kept;
             UPDATE token SET state = '{stored}', locked_until = {locked};
             INSERT INTO ticket (token_id, number, sealed_record, expires_at)
             SELECT id, 1, x'00', {ends} FROM token WHERE {ticket}; COMMIT"
        );
        self.server.database().execute_batch(&statements).unwrap();
        assert_eq!(self.server.admin(&["token", "show", &self.serial])["token"]["state"], state);
    }

    async fn by_api(&self, action: &str) -> symbolon_tests::Reply {
        let path = format!("/v1/admin/tokens/{}", self.serial);
        if action == "delete" {
            return Wire::send(self.admin.request("DELETE", &path)).await;
        }
        let mut body = json!({"action": action});
        match action {
            "unlock_pin" => body["lock_challenge"] = challenge(&self.serial).into(),
            "complete" => (body["registration_code"], body["code"]) = ("1234567890".into(), "12345678".into()),
            "reset" => body["codes"] = json!((self.codes)()),
            _ => {}
        }
        self.admin.call("POST", &format!("{path}/actions"), &body).await
    }

    fn by_command(&self, action: &str) -> symbolon_tests::Outcome {
        let named = action.replace('_', "-");
        let mut arguments = vec!["token".to_owned(), named, self.serial.clone()];
        match action {
            "unlock_pin" => arguments.push(challenge(&self.serial)),
            "complete" => {
                arguments.extend(["--registration-code", "1234567890", "--code", "12345678"].map(str::to_owned));
            }
            "reset" => arguments.extend((self.codes)()),
            _ => {}
        }
        self.server.try_admin(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Tries every action in `state`, through both doors.
    async fn walk(&self, state: &str, possible: &[&str]) {
        for action in ACTIONS {
            self.put_into(state);
            let reply = self.by_api(action).await;
            if possible.contains(&action) && action == "complete" {
                // Possible, but these codes complete nothing: `offline.rs` has those that do.
                reply.problem(409, "refused");
                assert_eq!(self.by_command(action).exit, Some(1));
                continue;
            }
            if possible.contains(&action) {
                assert!(matches!(reply.status, 200 | 204), "{action} of {state}: {}", reply.text());
                self.put_into(state);
                let outcome = self.by_command(action);
                assert_eq!(outcome.exit, Some(0), "{action} of {state}: {}", outcome.message);
                continue;
            }
            let refused = reply.problem(409, "state");
            assert_eq!(refused["possible"], json!(possible), "{action} of {state}");
            let outcome = self.by_command(action);
            assert_eq!(outcome.exit, Some(1), "{action} of {state}: {}", outcome.message);
            // Each door names actions as they are asked for there.
            let typed: Vec<String> = possible.iter().map(|action| action.replace('_', "-")).collect();
            let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
            for (said, names) in [(refused["detail"].as_str().unwrap(), possible), (&*outcome.message, &*typed)] {
                let named = names.iter().chain([&state]).all(|word| said.contains(word));
                assert!(named && said.contains(&self.serial), "{action} of {state}: {said}");
            }
        }
    }
}

/// What a phone shows that was never unlocked.
fn challenge(serial: &str) -> String {
    let serial: SerialNumber = serial.parse().unwrap();
    let mut shown = (0..100).map(|check| format!("0000-1234-5678-{check:02}"));
    shown.find(|text| UnlockChallenge::parse(text, serial).is_ok()).unwrap()
}

#[tokio::test]
async fn every_action_in_every_state_of_an_activated_token() {
    let server = Server::start();
    let token: Token = server.activated("alice").await;
    let bench = Bench::new(server, token.serial.clone(), move || [token.code_at(20), token.code_at(21)]);
    for (state, possible) in ACTIVATED {
        bench.walk(state, possible).await;
    }
}

#[tokio::test]
async fn every_action_in_every_state_of_an_imported_token() {
    let server = Server::start();
    let token = Imported::hotp("bob", "HW-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let shown = server.admin(&["token", "show", "HW-1"]);
    let serial = shown["token"]["serial"].as_str().unwrap().to_owned();
    let bench = Bench::new(server, serial, move || [token.code_of_event(20), token.code_of_event(21)]);
    for (state, possible) in IMPORTED {
        bench.walk(state, possible).await;
    }
}

#[tokio::test]
async fn every_action_in_every_state_of_a_user() {
    let server = Server::start();
    let admin = server.caller("admin");
    let token = server.activated("carol").await;
    let put_into = |enabled: u8, user_lock: &str, token_lock: &str| {
        let statements = format!(
            "UPDATE user SET enabled = {enabled}, locked_until = {user_lock}; UPDATE token SET locked_until = {token_lock}"
        );
        server.database().execute_batch(&statements).unwrap();
    };
    let table: [(u8, &str, &str, &str, &[&str]); 6] = [
        (1, "NULL", "NULL", "active", &["disable", "resume_approvals"]),
        (1, "0", "NULL", "locked", &["disable", "resume_approvals", "unlock"]),
        (1, "9000000000000", "NULL", "locked", &["disable", "resume_approvals", "unlock"]),
        (1, "NULL", "0", "active", &["disable", "resume_approvals", "unlock"]),
        (0, "NULL", "NULL", "disabled", &["enable", "resume_approvals"]),
        (0, "0", "NULL", "disabled", &["enable", "resume_approvals", "unlock"]),
    ];
    for (enabled, user_lock, token_lock, state, possible) in table {
        for action in ["enable", "disable", "unlock", "resume_approvals"] {
            put_into(enabled, user_lock, token_lock);
            assert_eq!(server.admin(&["user", "show", "carol"])["user"]["state"], state);
            let reply = admin.call("POST", "/v1/admin/users/carol/actions", &json!({"action": action})).await;
            let command = ["user", &action.replace('_', "-"), "carol"];
            if possible.contains(&action) {
                assert_eq!(reply.status, 200, "{action} of {state}: {}", reply.text());
                put_into(enabled, user_lock, token_lock);
                let outcome = server.try_admin(&command);
                assert_eq!(outcome.exit, Some(0), "{action} of {state}: {}", outcome.message);
                continue;
            }
            let refused = reply.problem(409, "state");
            assert_eq!(refused["possible"], json!(possible), "{action} of {state}");
            let outcome = server.try_admin(&command);
            assert_eq!(outcome.exit, Some(1), "{action} of {state}: {}", outcome.message);
            assert!(outcome.message.contains(state), "{action} of {state}: {}", outcome.message);
        }
    }
    put_into(1, "0", "0");
    server.admin(&["user", "unlock", "carol"]);
    assert_eq!(server.admin(&["token", "show", &token.serial])["token"]["state"], "active");
}

#[tokio::test]
async fn a_label_is_given_changed_and_taken_away_through_both_doors() {
    let server = Server::start();
    let admin = server.caller("admin");
    let serial = server.hand_out("dora").serial;
    let label = || server.admin(&["token", "show", &serial])["token"].get("label").cloned();
    assert_eq!(server.admin(&["token", "label", &serial, "Old phone"])["token"]["label"], "Old phone");
    let path = format!("/v1/admin/tokens/{serial}");
    assert_eq!(
        admin.call("PATCH", &path, &json!({"label": "Telefon №2"})).await.json()["token"]["label"],
        "Telefon №2"
    );
    assert_eq!(label(), Some(json!("Telefon №2")));
    admin.call("PATCH", &path, &json!({})).await.problem(400, "invalid");
    admin.call("PATCH", &path, &json!({"label": "two\nlines"})).await.problem(400, "invalid");
    assert_eq!(admin.call("PATCH", &path, &json!({"label": null})).await.status, 200);
    assert_eq!(label(), None);
    server.admin(&["token", "label", &serial, "Laptop"]);
    server.admin(&["token", "label", &serial]);
    assert_eq!(label(), None);
    assert_eq!(server.count_of("token.labelled"), 5);
}

#[tokio::test]
async fn a_deleted_user_leaves_the_audit_and_nothing_else() {
    let server = Server::start();
    let shop = server.caller("challenge");
    let token = server.activated("erin").await;
    server.admin(&["user", "edit", "erin", "--email", "erin@example.org"]);
    let asked =
        shop.challenge(&json!({"user": "erin", "kind": "approval", "transaction": {"summary": "Pay 12 €"}})).await;
    assert_eq!(token.requests(0).await.len(), 1);
    server.admin(&["user", "delete", "erin"]);
    assert_eq!(shop.get(&format!("/v1/challenges/{}", asked["id"].as_str().unwrap())).await.status, 404);
    assert_eq!(server.try_admin(&["token", "show", &token.serial]).exit, Some(1));
    let tables = ["user", "token", "ticket", "handshake", "challenge", "request", "origin", "assertion"];
    for table in tables {
        assert_eq!(server.number(&format!("SELECT count(*) FROM \"{table}\"")), 0, "{table}");
    }
    let audit: Vec<Value> = server.audit();
    assert!(
        audit.iter().any(|entry| entry["action"] == "user.deleted" && entry["details"]["tokens"][0] == token.serial)
    );
    assert!(!json!(audit).to_string().contains("erin@example.org"), "an address is in the audit");
}
