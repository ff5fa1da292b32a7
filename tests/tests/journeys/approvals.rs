//! Approvals: asked by an application, answered on phones, and what attackers and faults make of them.

use std::io::Write;

use rand_core::{OsRng, RngCore};
use serde_json::{Value, json};
use symbolon_core::approval::{Answer, Decision, Opened, Receipt};
use symbolon_tests::{Asked, Caller, Clock, Desktop, Installation, Phone, Server, Token, accepted, skip};

const PIN: &str = "246813";

fn sign_in(address: &str) -> Value {
    json!({"user": "alice", "kind": "approval",
        "context": {"application": "Web mail", "address": address, "place": "Madrid", "user_agent": "Firefox"}})
}

fn payment() -> Value {
    json!({"user": "alice", "kind": "approval", "transaction": {"summary": "Pay 12.50 EUR to Ana Gómez",
        "details": [{"name": "To", "value": "ES91 2100 0418"}, {"name": "Amount", "value": "12.50 EUR"}]}})
}

async fn journey() -> (Server, Caller, Token) {
    let server = Server::start();
    let token = server.activated("alice").await;
    let caller = server.caller("challenge,verify");
    (server, caller, token)
}

/// What a phone is asked when one thing is asked.
async fn only(token: &Token) -> Asked {
    let mut requests = token.requests(10).await;
    assert_eq!(requests.len(), 1);
    requests.pop().unwrap()
}

fn value(challenge: &Value) -> &str {
    challenge["mutual_challenge"].as_str().unwrap()
}

fn wrong_value(challenge: &Value) -> &'static str {
    if value(challenge) == "11" { "22" } else { "11" }
}

#[tokio::test]
async fn a_payment_is_confirmed_on_the_phone_and_the_receipt_proves_it() {
    let (server, caller, token) = journey().await;
    let asked = caller.challenge(&payment()).await;
    assert_eq!(value(&asked).len(), 2);
    let on_phone = only(&token).await;
    let shown = &on_phone.request;
    assert_eq!(shown.transaction.as_ref().unwrap().summary.as_str(), "Pay 12.50 EUR to Ana Gómez");
    assert_eq!(shown.account.as_str(), "alice");
    assert!(!on_phone.jws.contains(value(&asked)) || value(&asked).len() < 3, "the value is for the page alone");
    assert_eq!(serde_json::to_value(&shown.mutual_challenge).unwrap()["mode"], "enter");
    assert!(caller.look(&asked, 0).await.get("mutual_challenge").is_none(), "shown once");

    let answer = token.answer(&on_phone, Decision::Confirm, Some(value(&asked)));
    let first = token.send_answer(&answer).await;
    assert_eq!(first.json()["status"], "confirmed", "{}", first.text());
    // The phone lost the network after it had signed, and sends again.
    assert_eq!(token.send_answer(&answer).await.body, first.body);
    assert!(token.requests(0).await.is_empty());
    let confirmed = caller.look(&asked, 0).await;
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(confirmed["factors"], json!(["possession", "knowledge"]));
    assert_eq!(caller.look(&asked, 0).await, confirmed, "as often as it asks");
    assert_eq!(server.count_of("challenge.ended"), 1);

    let receipt: Receipt = serde_json::from_value(confirmed["receipt"].clone()).unwrap();
    let proof = receipt.verify(Some(token.identity())).unwrap();
    assert_eq!(proof.request, on_phone.request);
    assert_eq!(proof.answer, answer);
    assert_eq!(proof.statement.user.as_str(), "alice");

    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{}", confirmed["receipt"]).unwrap();
    let path = file.path().to_str().unwrap();
    let identity = token.identity().to_string();
    let desktop = Desktop::new();
    let checked = desktop.run(&["receipt", "verify", path, "--identity", &identity], &[]);
    assert_eq!((&checked["valid"], &checked["user"]), (&json!(true), &json!("alice")));
    let unchecked = desktop.try_run(&["receipt", "verify", path], &[]);
    assert!(unchecked.message.contains("--identity"), "{}", unchecked.message);
    let answer = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(answer.path(), confirmed.to_string()).unwrap();
    let whole = desktop.run(&["receipt", "verify", answer.path().to_str().unwrap(), "--identity", &identity], &[]);
    assert_eq!(whole, checked, "the whole answer of the API does, too");
    // Another key, whose hash begins as an option does.
    let other = desktop.try_run(&["receipt", "verify", path, "--identity", &format!("-{}", "A".repeat(42))], &[]);
    assert_eq!(other.exit, Some(1), "{}", other.message);
    let mut changed = confirmed["receipt"].clone();
    changed["device_key"] = changed["identity_key"].clone();
    std::fs::write(path, changed.to_string()).unwrap();
    assert_eq!(desktop.try_run(&["receipt", "verify", path], &[]).exit, Some(1));
}

#[tokio::test]
async fn a_desktop_token_shows_what_is_asked_and_answers() {
    let server = Server::start();
    let desktop = Desktop::new();
    desktop.run(&["activate", &server.hand_out("alice").link, "--pin-fd", "0"], &[PIN]);
    let caller = server.caller("challenge");
    assert_eq!(desktop.run(&["requests"], &[])["requests"], json!([]));
    let asked = caller.challenge(&sign_in("192.0.2.7")).await;
    let shown = desktop.run(&["requests", "--wait", "20"], &[]);
    let request = &shown["requests"][0];
    assert_eq!(request["id"], asked["id"]);
    assert_eq!(request["context"]["address"], "192.0.2.7");
    assert_eq!(request["mutual_challenge"]["mode"], "enter");
    let id = asked["id"].as_str().unwrap();
    let missing = desktop.try_run(&["confirm", id, "--pin-fd", "0"], &[PIN]);
    assert_eq!(missing.exit, Some(2), "{}", missing.message);
    for short in ["", &id[..3]] {
        for command in ["confirm", "concern", "cancel"] {
            let unnamed = desktop.try_run(&[command, short, "--pin-fd", "0"], &[PIN]);
            assert_eq!(unnamed.exit, Some(2), "{command} {short:?}: {}", unnamed.message);
        }
    }
    for slip in ["1", "123", "1A"] {
        let unfit = desktop.try_run(&["confirm", id, "--mutual-challenge", slip, "--pin-fd", "0"], &[PIN]);
        assert_eq!(unfit.exit, Some(2), "{slip}: {}", unfit.message);
    }
    let wrong_pin =
        desktop.try_run(&["confirm", id, "--mutual-challenge", value(&asked), "--pin-fd", "0"], &["975104"]);
    assert_eq!(wrong_pin.exit, Some(1));
    let done = desktop.run(&["confirm", &id[..6], "--mutual-challenge", value(&asked), "--pin-fd", "0"], &[PIN]);
    assert_eq!(done["status"], "confirmed");
    let confirmed = caller.look(&asked, 0).await;
    assert_eq!(confirmed["factors"], json!(["possession", "knowledge"]));
    let history = desktop.run(&["history", "--pin-fd", "0"], &[PIN]);
    let noted = &history["history"][0];
    assert_eq!(
        (&noted["id"], &noted["decision"], &noted["outcome"]),
        (&json!(id), &json!("confirm"), &json!("confirmed"))
    );
    assert_eq!(desktop.try_run(&["history", "--pin-fd", "0"], &["975104"]).exit, Some(1), "it is sealed");

    for (command, status) in [("cancel", "cancelled"), ("concern", "concern")] {
        let asked = caller.challenge(&sign_in("192.0.2.7")).await;
        let id = asked["id"].as_str().unwrap();
        assert_eq!(desktop.run(&[command, id, "--pin-fd", "0"], &[PIN])["status"], status);
        assert_eq!(caller.look(&asked, 0).await["status"], status);
        assert_eq!(
            desktop.try_run(&["confirm", id, "--pin-fd", "0"], &[PIN]).exit,
            Some(1),
            "it is not asked any more"
        );
    }
}

#[tokio::test]
async fn a_wrong_value_refuses_and_pauses_but_only_from_there() {
    let (server, caller, token) = journey().await;
    let asked = caller.challenge(&sign_in("198.51.100.1")).await;
    let answer = token.answer(&only(&token).await, Decision::Confirm, Some(wrong_value(&asked)));
    assert_eq!(token.send_answer(&answer).await.json()["status"], "mutual_challenge_failed");
    assert_eq!(caller.look(&asked, 0).await["status"], "mutual_challenge_failed");
    let paused = caller.call("POST", "/v1/challenges", &sign_in("198.51.100.1")).await.problem(409, "challenge");
    assert_eq!(paused["reason"], "paused");
    assert!(paused["retry_at"].is_string());
    assert_eq!(server.count_of("approval.wrong_value"), 1);

    // The owner signs in from elsewhere, and by codes.
    let own = caller.challenge(&sign_in("192.0.2.7")).await;
    let answer = token.answer(&only(&token).await, Decision::Confirm, Some(value(&own)));
    assert_eq!(token.send_answer(&answer).await.json()["status"], "confirmed");
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    server.admin(&["user", "resume-approvals", "alice"]);
    caller.challenge(&sign_in("198.51.100.1")).await;
}

#[tokio::test]
async fn a_concern_is_heard_even_after_another_phone_confirmed() {
    let (server, caller, first) = journey().await;
    let second = Phone::new(&server, &server.hand_out_another("alice")).activate().await;
    let asked = caller.challenge(&payment()).await;
    let (one, other) = (only(&first).await, only(&second).await);
    let yes = first.answer(&one, Decision::Confirm, Some(value(&asked)));
    assert_eq!(first.send_answer(&yes).await.json()["status"], "confirmed");
    let late = second.answer(&other, Decision::Confirm, Some(value(&asked)));
    let told = second.send_answer(&late).await.problem(409, "ended");
    assert_eq!(told["reason"], "confirmed");
    let concern = second.answer(&other, Decision::Concern, None);
    assert_eq!(second.send_answer(&concern).await.json()["status"], "confirmed", "it stays what it was");
    assert_eq!(server.count_of("approval.concern"), 1);
    let paused = caller.call("POST", "/v1/challenges", &payment()).await.problem(409, "challenge");
    assert_eq!(paused["reason"], "paused");
}

#[tokio::test]
async fn of_two_phones_that_answer_at_once_one_wins() {
    let (server, caller, first) = journey().await;
    let second = Phone::new(&server, &server.hand_out_another("alice")).activate().await;
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    for _ in 0..10 {
        let asked = caller.challenge(&payment()).await;
        let yes = first.answer(&only(&first).await, Decision::Confirm, None);
        let no = second.answer(&only(&second).await, Decision::Cancel, None);
        let (yes, no) = tokio::join!(first.send_answer(&yes), second.send_answer(&no));
        let mut statuses = [yes.status, no.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", yes.text(), no.text());
        let expected = if yes.status == 200 { "confirmed" } else { "cancelled" };
        assert_eq!(caller.look(&asked, 0).await["status"], expected);
    }
}

#[tokio::test]
async fn forged_replayed_and_weakened_answers_are_refused() {
    let (server, caller, token) = journey().await;
    let mallory = server.activated("mallory").await;
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    let earlier = caller.challenge(&payment()).await;
    let on_phone = only(&token).await;
    let used = token.answer(&on_phone, Decision::Cancel, None);
    assert_eq!(token.send_answer(&used).await.status, 200);
    let asked = caller.challenge(&payment()).await;
    let on_phone = only(&token).await;
    let right = token.answer(&on_phone, Decision::Confirm, None);

    // Signed by another token's device, for this one and under its own name.
    let forged = mallory.device_key().sign_object(&right).unwrap();
    token.send_signed(&forged).await.problem(403, "answer-refused");
    mallory.send_signed(&forged).await.problem(403, "answer-refused");
    let own = mallory.answer(&on_phone, Decision::Confirm, None);
    mallory.send_answer(&own).await.problem(404, "not-found");
    // For another server.
    let mut elsewhere = right.clone();
    elsewhere.aud = [9; 32].into();
    token.send_answer(&elsewhere).await.problem(403, "answer-refused");
    // To a request that nobody made.
    let mut unasked = on_phone.clone();
    unasked.jws.push('x');
    token.send_answer(&token.answer(&unasked, Decision::Confirm, None)).await.problem(404, "not-found");
    // Whoever has the device's key alone can't claim the PIN, nor do without it.
    let claimed = token.unproven(&on_phone, Decision::Confirm, None, Opened::Pin);
    token.send_answer(&claimed).await.problem(403, "short-of-policy");
    let bare = token.unproven(&on_phone, Decision::Confirm, None, Opened::Device);
    token.send_answer(&bare).await.problem(403, "short-of-policy");
    assert_eq!(server.count_of("approval.refused"), 1);
    // A proof for one request does not serve for another, nor for another decision.
    let mut moved = used.clone();
    moved.request = right.request.clone();
    token.send_answer(&moved).await.problem(403, "short-of-policy");
    let mut turned = right.clone();
    turned.decision = Decision::Cancel;
    token.send_answer(&turned).await.problem(403, "short-of-policy");
    // Truncated, and not an answer at all.
    let jws = token.device_key().sign_object(&right).unwrap();
    for bad in [&jws[..jws.len() - 1], "", "a.b.c", on_phone.jws.as_str()] {
        token.send_signed(bad).await.problem(403, "answer-refused");
    }
    assert_eq!(caller.look(&asked, 0).await["status"], "pending", "nothing of it counted");
    assert_eq!(token.send_answer(&right).await.json()["status"], "confirmed");
    // A replay of a cancelled one's answer changes nothing.
    assert_eq!(token.send_answer(&used).await.json()["status"], "cancelled");
    assert_eq!(caller.look(&earlier, 0).await["status"], "cancelled");
}

#[tokio::test]
async fn a_device_that_has_come_to_show_signs_of_tampering_confirms_nothing_and_is_still_heard() {
    let (server, caller, token) = journey().await;
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    let showing = |asked: &Asked, decision, signs: &[&str]| {
        let signals = serde_json::from_value(json!(signs)).unwrap();
        Answer { signals, ..token.answer(asked, decision, None) }
    };
    let asked = caller.challenge(&payment()).await;
    let on_phone = only(&token).await;
    // A sign that only a later app knows counts too.
    for signs in [&["su_binary"][..], &["what_a_later_app_sees"]] {
        let refused = token.send_answer(&showing(&on_phone, Decision::Confirm, signs)).await;
        let refused = refused.problem(403, "short-of-policy");
        assert!(refused["detail"].as_str().unwrap().contains("no unsecure device"), "{refused}");
    }
    assert_eq!(server.count_of("approval.refused"), 2);
    assert_eq!(caller.look(&asked, 0).await["status"], "pending");
    server.admin(&["policy", "set", "allow_unsecure_device=true"]);
    let confirm = showing(&on_phone, Decision::Confirm, &["su_binary"]);
    assert_eq!(token.send_answer(&confirm).await.json()["status"], "confirmed");

    server.admin(&["policy", "set", "allow_unsecure_device=false"]);
    caller.challenge(&payment()).await;
    let concern = showing(&only(&token).await, Decision::Concern, &["su_binary"]);
    assert_eq!(token.send_answer(&concern).await.json()["status"], "concern");
}

#[tokio::test]
async fn an_access_token_is_got_once_and_opens_one_inbox() {
    let (server, caller, token) = journey().await;
    let bob = server.activated("bob").await;
    caller.challenge(&payment()).await;
    assert!(bob.requests(0).await.is_empty(), "nobody sees what others are asked");
    let wire = server.wire();
    let assertion = token.assertion([1; 16]);
    assert_eq!(wire.post("/v1/device/access", &assertion).await.status, 200);
    wire.post("/v1/device/access", &assertion).await.problem(403, "activation-refused");
    let mut stolen = bob.assertion([2; 16]);
    stolen.serial = token.serial.parse().unwrap();
    wire.post("/v1/device/access", &stolen).await.problem(403, "activation-refused");
    for nonsense in ["", "AAAA", &"A".repeat(200)] {
        let question = json!({"access_token": nonsense, "wait": 0});
        wire.post("/v1/device/requests", &question).await.problem(403, "activation-refused");
    }
    let access = token.access().await;
    wire.post("/v1/device/requests", &json!({"access_token": access, "wait": 51})).await.invalid("wait");
    server.admin(&["token", "disable", &token.serial]);
    wire.post("/v1/device/requests", &json!({"access_token": access})).await.problem(403, "activation-refused");
}

#[tokio::test]
async fn a_phone_that_waits_is_woken_and_a_newer_request_supersedes() {
    let (server, caller, token) = journey().await;
    let token = std::sync::Arc::new(token);
    let waiting = tokio::spawn({
        let token = std::sync::Arc::clone(&token);
        async move { token.requests(50).await }
    });
    let first = caller.challenge(&sign_in("192.0.2.7")).await;
    assert_eq!(waiting.await.unwrap().len(), 1);
    let second = caller.challenge(&sign_in("192.0.2.7")).await;
    assert_eq!(caller.look(&first, 50).await["status"], "superseded");
    let elsewhere = caller.challenge(&sign_in("192.0.2.8")).await;
    let ids: Vec<String> = token.requests(0).await.iter().map(|asked| asked.request.id.to_string()).collect();
    assert_eq!(ids, [elsewhere["id"].as_str().unwrap(), second["id"].as_str().unwrap()], "the newest first");
    let withdrawn = caller.call("DELETE", &format!("/v1/challenges/{}", ids[1]), &json!({})).await;
    assert_eq!(withdrawn.json()["status"], "withdrawn");
    assert_eq!(token.requests(0).await.len(), 1);
    drop(server);
}

#[tokio::test]
async fn a_flood_of_prompts_does_not_keep_the_owner_out() {
    let (server, caller, token) = journey().await;
    server.admin(&["policy", "set", "approval_queue=3", "mutual_challenge=off"]);
    let own = caller.challenge(&sign_in("192.0.2.7")).await;
    let yes = token.answer(&only(&token).await, Decision::Confirm, None);
    assert_eq!(token.send_answer(&yes).await.json()["status"], "confirmed");
    drop(own);
    for host in 1..=3 {
        caller.challenge(&sign_in(&format!("198.51.100.{host}"))).await;
    }
    let full = caller.call("POST", "/v1/challenges", &sign_in("198.51.100.9")).await.problem(409, "challenge");
    assert_eq!(full["reason"], "queue_full");
    let own = caller.challenge(&sign_in("192.0.2.7")).await;
    let first = token.requests(0).await.into_iter().next().unwrap();
    assert_eq!(first.request.id.to_string(), own["id"].as_str().unwrap(), "the owner's comes first");
    assert_eq!(token.send_answer(&token.answer(&first, Decision::Confirm, None)).await.json()["status"], "confirmed");
    assert!(accepted(&caller.verify("alice", &token.code()).await), "and codes go on");
}

#[tokio::test]
async fn a_restart_and_a_kill_lose_nothing_between_request_and_answer() {
    let (mut server, caller, mut token) = journey().await;
    let asked = caller.challenge(&payment()).await;
    let on_phone = only(&token).await;
    server.kill();
    let mut server = Server::on(server.installation());
    let caller = Caller::new(server.wire(), caller.key.clone());
    token.reconnect(&server);
    let yes = token.answer(&on_phone, Decision::Confirm, Some(value(&asked)));
    assert_eq!(token.send_answer(&yes).await.json()["status"], "confirmed");
    server.kill();
    let server = Server::on(server.installation());
    let caller = Caller::new(server.wire(), caller.key.clone());
    token.reconnect(&server);
    assert_eq!(caller.look(&asked, 0).await["status"], "confirmed");
    assert_eq!(token.send_answer(&yes).await.json()["status"], "confirmed", "the same decision, the same result");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test]
async fn a_database_thief_reads_no_value_and_a_locked_user_can_still_approve() {
    let (server, caller, token) = journey().await;
    server.admin(&["policy", "set", "mutual_challenge_length=6"]);
    let asked = caller.challenge(&payment()).await;
    let stored: String = server.database().query_row("SELECT question FROM challenge", [], |row| row.get(0)).unwrap();
    assert!(!stored.contains(value(&asked)));
    let wrong = token.wrong_code();
    for _ in 0..5 {
        let _ = caller.verify("alice", &wrong).await;
    }
    assert!(!accepted(&caller.verify("alice", &token.code()).await), "codes are locked");
    let yes = token.answer(&only(&token).await, Decision::Confirm, Some(value(&asked)));
    assert_eq!(token.send_answer(&yes).await.json()["status"], "confirmed");
}

#[tokio::test]
async fn an_imported_token_can_t_approve() {
    let server = Server::start();
    let caller = server.caller("challenge");
    let tokens = [symbolon_tests::Imported::hotp("carol", "MAKER-1")];
    let _ = server.import(symbolon_tests::Imported::csv(&tokens).as_bytes(), &[]).done();
    for kind in ["approval", "typed", "offline_qr"] {
        let ask = json!({"user": "carol", "kind": kind, "transaction": {"summary": "x"}});
        let refused = caller.call("POST", "/v1/challenges", &ask).await.problem(409, "challenge");
        assert_eq!(refused["reason"], "no_capable_token", "{kind}");
    }
}

#[tokio::test]
async fn an_approval_that_nobody_answers_in_time_expires() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("an_approval_that_nobody_answers_in_time_expires", "libfaketime is not installed");
        return;
    };
    let server = Server::with(installation);
    let token = server.activated("alice").await;
    let caller = server.caller("challenge");
    let asked = caller.challenge(&payment()).await;
    let on_phone = only(&token).await;
    clock.moved(301);
    let late = token.answer(&on_phone, Decision::Confirm, Some(value(&asked)));
    assert_eq!(token.send_answer(&late).await.problem(409, "ended")["reason"], "expired");
    assert_eq!(caller.look(&asked, 0).await["status"], "expired");
}

/// Whatever two phones and the application do to one approval, in any order: it ends once and stays as it ended, there is a
/// receipt if and only if it was confirmed, and a concern is always on record.
#[tokio::test]
async fn in_any_order_of_deeds_an_approval_ends_once() {
    let (server, caller, first) = journey().await;
    let second = Phone::new(&server, &server.hand_out_another("alice")).activate().await;
    let (mut ends, mut concerns) = (0, 0);
    for round in 0..24 {
        // An address of its own each time, so that no round is paused by another.
        let asked = caller.challenge(&sign_in(&format!("192.0.2.{round}"))).await;
        let on_phones = [only(&first).await, only(&second).await];
        let mut steps: Vec<u32> = (0..7).collect();
        for place in (1..steps.len()).rev() {
            steps.swap(place, OsRng.next_u32() as usize % (place + 1));
        }
        let (mut end, mut concerned) = (None, [false; 2]);
        for step in &steps {
            let phone = (*step % 2) as usize;
            let token = [&first, &second][phone];
            let (decision, value, status) = match step {
                0 | 1 => (Decision::Confirm, Some(value(&asked)), "confirmed"),
                2 | 3 => (Decision::Concern, None, "concern"),
                4 => (Decision::Cancel, None, "cancelled"),
                5 => (Decision::Confirm, Some(wrong_value(&asked)), "mutual_challenge_failed"),
                _ => {
                    let path = format!("/v1/challenges/{}", asked["id"].as_str().unwrap());
                    let withdrawn: Value = caller.call("DELETE", &path, &json!({})).await.read();
                    let expected = *end.get_or_insert("withdrawn");
                    assert_eq!(withdrawn["status"], expected, "round {round}: {steps:?}");
                    continue;
                }
            };
            let reply = token.send_answer(&token.answer(&on_phones[phone], decision, value)).await;
            concerned[phone] |= decision == Decision::Concern;
            let expected = *end.get_or_insert(status);
            if reply.status == 200 {
                assert_eq!(reply.json()["status"], expected, "round {round}: {steps:?}");
            } else {
                assert_eq!(reply.problem(409, "ended")["reason"], expected, "round {round}: {steps:?}");
                assert_ne!(decision, Decision::Concern, "a concern is heard: round {round}: {steps:?}");
            }
            let seen = caller.look(&asked, 0).await;
            assert_eq!(seen["status"], expected, "round {round}: {steps:?}");
            assert_eq!(seen.get("receipt").is_some(), expected == "confirmed", "round {round}: {steps:?}");
        }
        ends += 1;
        concerns += concerned.into_iter().filter(|concerned| *concerned).count();
    }
    assert_eq!(server.count_of("challenge.ended"), ends);
    assert_eq!(server.count_of("approval.concern"), concerns);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}
