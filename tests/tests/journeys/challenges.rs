//! Challenges that are answered by a code: typed digits, typed details, and the QR for a phone without a network.

use serde_json::{Value, json};
use symbolon_tests::{Caller, Clock, Desktop, Installation, Server, accepted, reason, skip};

const PIN: &str = "246813";

/// A server with a desktop token of alice.
fn journey() -> (Server, Caller, Desktop) {
    let server = Server::start();
    let desktop = activated(&server, "alice");
    let caller = server.caller("challenge,verify");
    (server, caller, desktop)
}

fn activated(server: &Server, user: &str) -> Desktop {
    let desktop = Desktop::new();
    desktop.run(&["activate", &server.hand_out(user).link, "--pin-fd", "0"], &[PIN]);
    desktop
}

fn code(desktop: &Desktop, arguments: &[&str]) -> String {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--pin-fd", "0"]).collect();
    desktop.run(&arguments, &[PIN])["code"].as_str().unwrap().to_owned()
}

fn other_code(code: &str) -> &'static str {
    if code.starts_with('4') { "51515151" } else { "41414141" }
}

fn payment() -> Value {
    json!({"summary": "Pay 12.50 EUR to Ana Gómez", "details": [
        {"name": "To", "value": "ES91 2100 0418"}, {"name": "Amount", "value": "12.50 EUR"}]})
}

#[tokio::test]
async fn digits_are_answered_by_a_code_that_counts_for_them_alone() {
    let (server, caller, desktop) = journey();
    let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    assert_eq!((&asked["status"], &asked["kind"]), (&json!("pending"), &json!("typed")));
    let right = code(&desktop, &["respond", asked["challenge"].as_str().unwrap()]);
    let another = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    assert_eq!(caller.answer(&another, &right).await.read::<Value>()["status"], "pending", "a code for other digits");
    let confirmed: Value = caller.answer(&asked, &right).await.read();
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(confirmed["factors"], json!(["possession"]));
    assert!(confirmed.get("receipt").is_none(), "anybody with the key could have made the code");
    assert_eq!(caller.answer(&asked, other_code(&right)).await.read::<Value>()["status"], "confirmed", "it has ended");
    assert_eq!(caller.look(&asked, 0).await["status"], "confirmed");
    assert_eq!(server.count_of("challenge.ended"), 1);
    let audit = serde_json::to_string(&server.audit()).unwrap();
    assert!(!audit.contains(&right), "no code is in the audit");
}

#[tokio::test]
async fn details_are_signed_once() {
    let (_server, caller, desktop) = journey();
    let ask = json!({"user": "alice", "kind": "typed", "transaction": payment()});
    let asked = caller.challenge(&ask).await;
    assert!(asked.get("challenge").is_none(), "the person types the details, not digits");
    let credit = code(&desktop, &["sign", "ES91 2100 0418", "-12.50"]);
    assert_eq!(caller.answer(&asked, &credit).await.read::<Value>()["status"], "pending");
    let wrong = code(&desktop, &["sign", "ES91 2100 0418", "1250.00 EUR"]);
    assert_eq!(caller.answer(&asked, &wrong).await.read::<Value>()["status"], "pending");
    let right = code(&desktop, &["sign", "ES91 2100 0418", "12.50 EUR"]);
    assert_eq!(caller.answer(&asked, &right).await.read::<Value>()["status"], "confirmed");
    let again = caller.challenge(&ask).await;
    let replayed: Value = caller.answer(&again, &right).await.read();
    assert_eq!(replayed["status"], "pending", "a signature counts once, though the details are the same");
}

#[tokio::test]
async fn a_qr_is_approved_without_a_network() {
    let (mut server, caller, desktop) = journey();
    let asked = caller.challenge(&json!({"user": "alice", "kind": "offline_qr", "transaction": payment()})).await;
    let qr = asked["qr"].as_str().unwrap();
    assert!(qr.starts_with("symbolon://approve?"), "{qr}");
    let right = code(&desktop, &["scan", qr]);
    let changed = qr.replace("12.50", "92.50");
    let wrong = code(&desktop, &["scan", &changed]);
    assert_ne!(right, wrong, "what the phone shows is what it signs");
    assert_eq!(caller.answer(&asked, &wrong).await.read::<Value>()["status"], "pending");
    assert_eq!(caller.answer(&asked, &right).await.read::<Value>()["status"], "confirmed");

    let stranger = activated(&server, "bob");
    let refused = stranger.try_run(&["scan", qr, "--pin-fd", "0"], &[PIN]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    assert!(refused.message.contains("not for token"), "{}", refused.message);
    let late = qr.replacen("&e=1", "&e=0", 1);
    let refused = desktop.try_run(&["scan", &late, "--pin-fd", "0"], &[PIN]);
    assert!(refused.message.contains("expired"), "{}", refused.message);
    server.kill();
    assert_eq!(code(&desktop, &["scan", qr]).len(), 8, "no server is asked");
    for nonsense in ["symbolon://approve?v=1", "https://example.org", ""] {
        assert_eq!(desktop.try_run(&["scan", nonsense, "--pin-fd", "0"], &[PIN]).exit, Some(2), "{nonsense}");
    }
}

#[tokio::test]
async fn three_wrong_codes_end_a_challenge_and_five_lock_the_codes() {
    let (server, caller, desktop) = journey();
    let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let right = code(&desktop, &["respond", asked["challenge"].as_str().unwrap()]);
    for status in ["pending", "pending", "failed"] {
        assert_eq!(caller.answer(&asked, other_code(&right)).await.read::<Value>()["status"], status);
    }
    assert_eq!(caller.answer(&asked, &right).await.read::<Value>()["status"], "failed", "too late");
    let second = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let right = code(&desktop, &["respond", second["challenge"].as_str().unwrap()]);
    for _ in 0..2 {
        let _: Value = caller.answer(&second, other_code(&right)).await.read();
    }
    let locked = caller.answer(&second, &right).await.problem(409, "challenge");
    assert_eq!(locked["reason"], "locked");
    assert!(locked["retry_at"].is_string());
    assert_eq!(reason(&caller.verify("alice", &code(&desktop, &["code"])).await), "locked", "it is the same lock");
    server.admin(&["user", "unlock", "alice"]);
    assert_eq!(caller.answer(&second, &right).await.read::<Value>()["status"], "confirmed");
    assert!(accepted(&caller.verify("alice", &code(&desktop, &["code"])).await));
}

#[tokio::test]
async fn a_flood_of_typed_challenges_does_not_keep_the_owner_out() {
    let (server, caller, desktop) = journey();
    server.admin(&["policy", "set", "approval_queue=3"]);
    let from = |address: &str| json!({"user": "alice", "kind": "typed", "context": {"address": address}});
    let answered = async |asked: Value| {
        let right = code(&desktop, &["respond", asked["challenge"].as_str().unwrap()]);
        caller.answer(&asked, &right).await.read::<Value>()["status"].clone()
    };
    // The owner has answered from here before.
    assert_eq!(answered(caller.challenge(&from("192.0.2.7")).await).await, "confirmed");
    let mut flood = Vec::new();
    for host in 1..=3 {
        flood.push(caller.challenge(&from(&format!("198.51.100.{host}"))).await);
    }
    let full = caller.call("POST", "/v1/challenges", &from("198.51.100.9")).await.problem(409, "challenge");
    assert_eq!(full["reason"], "queue_full");
    assert_eq!(answered(caller.challenge(&from("192.0.2.7")).await).await, "confirmed");
    let mut superseded = 0;
    for asked in &flood {
        superseded += usize::from(caller.look(asked, 0).await["status"] == "superseded");
    }
    assert_eq!(superseded, 1, "one of the flood has made room");
    // Each kind has a queue of its own, and codes have none.
    caller.challenge(&json!({"user": "alice", "kind": "offline_qr", "transaction": payment()})).await;
    caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;
    assert!(accepted(&caller.verify("alice", &code(&desktop, &["code"])).await));
}

#[tokio::test]
async fn a_challenge_is_its_applications_own() {
    let (server, caller, _desktop) = journey();
    let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let id = asked["id"].as_str().unwrap();
    let other = Caller::new(server.wire(), server.application("other", "challenge"));
    let path = format!("/v1/challenges/{id}");
    other.get(&path).await.problem(404, "not-found");
    other.call("DELETE", &path, &json!({})).await.problem(404, "not-found");
    other.answer(&asked, "12345678").await.problem(404, "not-found");
    let verifier = Caller::new(server.wire(), server.application("verifier", "verify"));
    verifier.get(&path).await.problem(403, "scope");
    verifier.call("POST", "/v1/challenges", &json!({"user": "alice", "kind": "typed"})).await.problem(403, "scope");
    caller.get("/v1/challenges/nonsense").await.problem(404, "not-found");

    let withdrawn: Value = caller.call("DELETE", &path, &json!({})).await.read();
    assert_eq!(withdrawn["status"], "withdrawn");
    let again: Value = caller.call("DELETE", &path, &json!({})).await.read();
    assert_eq!(again["status"], "withdrawn");
    assert_eq!(caller.answer(&asked, "12345678").await.read::<Value>()["status"], "withdrawn");
}

#[tokio::test]
async fn who_waits_is_woken_by_the_answer_and_a_restart_forgets_nothing() {
    let (mut server, caller, desktop) = journey();
    let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let right = code(&desktop, &["respond", asked["challenge"].as_str().unwrap()]);
    let waiting = {
        let (caller, asked) = (caller.anew(), asked.clone());
        tokio::spawn(async move { caller.look(&asked, 50).await })
    };
    assert_eq!(caller.look(&asked, 1).await["status"], "pending", "the wait is over before the answer is there");
    assert_eq!(caller.answer(&asked, &right).await.read::<Value>()["status"], "confirmed");
    assert_eq!(waiting.await.unwrap()["status"], "confirmed");

    let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let right = code(&desktop, &["respond", asked["challenge"].as_str().unwrap()]);
    server.kill();
    let server = Server::on(server.installation());
    let caller = Caller::new(server.wire(), caller.key.clone());
    assert_eq!(caller.answer(&asked, &right).await.read::<Value>()["status"], "confirmed");
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    let (server, caller, desktop) = journey();
    let ask = json!({"user": "alice", "kind": "typed", "transaction": payment()});
    let right = code(&desktop, &["sign", "ES91 2100 0418", "12.50 EUR"]);
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (caller, asked, right) = (caller.anew(), caller.challenge(&ask).await, right.clone());
        answers.spawn(async move { caller.answer(&asked, &right).await.json()["status"] == "confirmed" });
    }
    let confirmed = answers.join_all().await.into_iter().filter(|confirmed| *confirmed).count();
    assert_eq!(confirmed, 1, "one signature confirms one of them");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test]
async fn the_same_key_and_request_are_one_challenge() {
    let (server, caller, _desktop) = journey();
    let ask = json!({"user": "alice", "kind": "typed"});
    let post = async |key: &str, body: &Value| {
        symbolon_tests::Wire::send(caller.request("POST", "/v1/challenges").header("idempotency-key", key).json(body))
            .await
    };
    let first = post("order-1", &ask).await;
    assert_eq!(first.status, 201);
    assert_eq!(post("order-1", &ask).await, first);
    assert_eq!(server.count_of("challenge.created"), 1);
    let other = json!({"user": "alice", "kind": "typed", "transaction": payment()});
    assert_eq!(post("order-1", &other).await.problem(409, "challenge")["reason"], "idempotency_key_reused");
    assert_ne!(post("order-2", &ask).await.json()["id"], first.json()["id"]);
    let long = "x".repeat(101);
    for bad in ["", "a b", long.as_str()] {
        post(bad, &ask).await.invalid("Idempotency-Key");
    }
    // Raced, it is still one.
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (caller, ask) = (caller.anew(), ask.clone());
        racing.spawn(async move {
            let request = caller.request("POST", "/v1/challenges").header("idempotency-key", "order-3").json(&ask);
            symbolon_tests::Wire::send(request).await.json()["id"].as_str().unwrap().to_owned()
        });
    }
    let ids: std::collections::BTreeSet<String> = racing.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
    let kept = server.database().query_row("SELECT count(*) FROM idempotency", [], |row| row.get::<_, i64>(0));
    assert_eq!(kept.unwrap(), 3);
}

#[tokio::test]
async fn what_is_asked_has_bounds() {
    let (server, caller, _desktop) = journey();
    let ask = |more: Value| {
        let mut body = json!({"user": "alice", "kind": "offline_qr", "transaction": payment()});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let details: Vec<Value> = (0..26).map(|n| json!({"name": n.to_string(), "value": "x"})).collect();
    let eleven: Vec<Value> = details.iter().take(11).cloned().collect();
    for (more, field) in [
        (json!({"user": ""}), "user"),
        (json!({"kind": "telepathy"}), "kind"),
        (json!({"transaction": {"summary": "a\u{202e}b"}}), "transaction.summary"),
        (json!({"transaction": {"summary": "x".repeat(201)}}), "transaction.summary"),
        (json!({"transaction": {"summary": "a", "details": details}}), "transaction.details"),
        (
            json!({"transaction": {"summary": "a", "details": [{"name": "n", "value": ""}]}}),
            "transaction.details[0].value",
        ),
        (json!({"transaction": null}), "transaction"),
        (json!({"kind": "typed", "transaction": {"summary": "a", "details": eleven}}), "transaction.details"),
        (json!({"context": {"address": "x".repeat(101)}}), "context.address"),
        (json!({"surprise": 1}), "surprise"),
    ] {
        let reply = caller.call("POST", "/v1/challenges", &ask(more.clone())).await;
        assert_eq!(reply.status, 400, "{more}: {}", reply.text());
        assert_eq!(reply.json()["errors"][0]["field"], field, "{more}: {}", reply.text());
    }
    let many: Vec<Value> = (0..20).map(|n| json!({"name": n.to_string(), "value": "x".repeat(100)})).collect();
    let long = ask(json!({"transaction": {"summary": "a", "details": many}}));
    caller.call("POST", "/v1/challenges", &long).await.invalid("transaction");
    for (path, field) in [("?wait=51", "wait"), ("?wait=x", "wait"), ("?what=1", "what")] {
        let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
        caller.get(&format!("/v1/challenges/{}{path}", asked["id"].as_str().unwrap())).await.invalid(field);
    }

    server.admin(&["user", "add", "tokenless"]);
    server.admin(&["user", "disable", "alice"]);
    for user in ["nobody", "tokenless", "alice"] {
        let reply = caller.call("POST", "/v1/challenges", &json!({"user": user, "kind": "typed"})).await;
        assert_eq!(reply.problem(409, "challenge")["reason"], "no_capable_token", "{user}");
    }
    server.admin(&["user", "enable", "alice"]);
    server.admin(&["policy", "set", "approval_queue=4"]);
    let reply = caller.call("POST", "/v1/challenges", &json!({"user": "alice", "kind": "typed"})).await;
    assert_eq!(reply.status, 201);
    let reply = caller.call("POST", "/v1/challenges", &json!({"user": "alice", "kind": "typed"})).await;
    assert_eq!(reply.problem(409, "challenge")["reason"], "queue_full");
}

#[tokio::test]
async fn a_challenge_expires() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("a_challenge_expires", "libfaketime is not installed");
        return;
    };
    let server = Server::with(installation);
    let desktop = activated(&server, "alice");
    let caller = server.caller("challenge");
    let asked = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let right = code(&desktop, &["respond", asked["challenge"].as_str().unwrap()]);
    clock.moved(301);
    assert_eq!(caller.look(&asked, 0).await["status"], "expired");
    assert_eq!(caller.answer(&asked, &right).await.read::<Value>()["status"], "expired");
    // Long after, it is forgotten.
    clock.moved(8 * 86_400);
    caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    caller.get(&format!("/v1/challenges/{}", asked["id"].as_str().unwrap())).await.problem(404, "not-found");
}
