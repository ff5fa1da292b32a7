//! Activation: power loss and lost answers at every message, guesses, tickets that have ended, and policy.

use rand_core::OsRng;
use serde_json::{Value, json};
use symbolon_core::activation::online::OnlineError;
use symbolon_core::activation::online::phone::{Finishing, Registered};
use symbolon_core::encoding::Bytes;
use symbolon_core::otp::Code;
use symbolon_tests::{Phone, Reply, Server, Ticket, Token, accepted, reason};

const GUESSES: &str = "SELECT guesses FROM ticket";

/// Sends message 3.
async fn finish(phone: &Phone, finishing: &Finishing) -> Reply {
    phone.send("finish", finishing.request()).await
}

#[tokio::test]
async fn every_message_may_be_repeated_and_gets_the_same_answer() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let phone = Phone::new(&server, &ticket);

    // Message 1: each answer begins a handshake of its own, and both are good.
    let started = phone.begin();
    let lost = phone.send("start", started.request()).await;
    assert_eq!(lost.status, 200);
    let again = phone.send("start", started.request()).await;
    assert_ne!(lost.json()["session"], again.json()["session"]);
    let finishing = phone.answer(started.prove(&mut OsRng, &again.read()).unwrap());

    // Message 3, with its answer lost twice.
    let first = finish(&phone, &finishing).await;
    assert_eq!(first.status, 200, "{}", first.text());
    for _ in 0..2 {
        assert_eq!(finish(&phone, &finishing).await.body, first.body);
    }
    let registered = finishing.open(&first.read()).unwrap();

    // Message 5, with its answer lost.
    let (token, confirmation) = phone.store(&registered);
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "activating");
    let confirmed = phone.send("confirm", &confirmation).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    assert_eq!(phone.send("confirm", &confirmation).await.body, confirmed.body);
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "active");
    assert_eq!(server.count_of("token.activated"), 1);
    assert!(accepted(&server.caller("verify").verify("alice", &token.code()).await));
    // Still: a repeat changes nothing of what came later.
    assert_eq!(phone.send("confirm", &confirmation).await.body, confirmed.body);
}

#[tokio::test]
async fn a_session_takes_one_message_3_and_no_other() {
    let server = Server::start();
    let phone = Phone::new(&server, &server.hand_out("alice"));
    let finishing = phone.answer(phone.prove().await);
    let right = serde_json::to_value(finishing.request()).unwrap();

    // Changed on its way, before the server has seen the right one: refused, and the right one still works.
    let mut changed = right.clone();
    let sealed = changed["sealed"].as_str().unwrap();
    let flipped = if sealed.starts_with('A') { "B" } else { "A" };
    changed["sealed"] = json!(format!("{flipped}{}", &sealed[1..]));
    phone.send("finish", &changed).await.problem(400, "activation-message");
    let answer = phone.send("finish", &right).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    // Changed afterwards: refused, and the answer to the right one stays the same.
    phone.send("finish", &changed).await.problem(403, "activation-refused");
    assert_eq!(phone.send("finish", &right).await.body, answer.body);

    // Another proof, another state, another session: refused.
    for field in ["ke3", "state", "session"] {
        let mut changed = right.clone();
        let text = changed[field].as_str().unwrap();
        let flipped = if text.starts_with('A') { "B" } else { "A" };
        changed[field] = json!(format!("{flipped}{}", &text[1..]));
        phone.send("finish", &changed).await.problem(403, "activation-refused");
    }
}

#[tokio::test]
async fn a_phone_that_lost_everything_begins_anew_with_the_same_ticket() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let phone = Phone::new(&server, &ticket);
    // Power lost after message 1, after message 3, and before message 5.
    let _ = phone.prove().await;
    let unanswered = phone.answer(phone.prove().await);
    assert_eq!(finish(&phone, &unanswered).await.status, 200);
    let stored = phone.register().await;
    let token = Phone::new(&server, &ticket).activate().await;
    assert!(accepted(&server.caller("verify").verify("alice", &token.code()).await));

    // The first success ended the others.
    let (_, late) = phone.store(&stored);
    phone.send("confirm", &late).await.problem(403, "activation-refused");
    finish(&phone, &unanswered).await.problem(403, "activation-refused");
    assert_eq!(phone.try_prove().await.unwrap_err(), OnlineError::WrongPassword);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_phones_with_one_ticket_one_becomes_the_token() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let mut phones: Vec<(Phone, Registered)> = Vec::new();
    for _ in 0..6 {
        let phone = Phone::new(&server, &ticket);
        let registered = phone.register().await;
        phones.push((phone, registered));
    }
    let racers: Vec<_> = phones
        .into_iter()
        .map(|(phone, registered)| {
            tokio::spawn(async move {
                let (token, confirmation) = phone.store(&registered);
                (phone.send("confirm", &confirmation).await.status, token)
            })
        })
        .collect();
    let mut active: Vec<Token> = Vec::new();
    let mut refused = 0;
    for racer in racers {
        match racer.await.unwrap() {
            (200, token) => active.push(token),
            (status, _) => {
                assert_eq!(status, 403);
                refused += 1;
            }
        }
    }
    assert_eq!((active.len(), refused), (1, 5));
    assert!(accepted(&server.caller("verify").verify("alice", &active[0].code()).await));
}

#[tokio::test]
async fn a_confirmation_needs_the_device_key_the_handshake_and_a_right_code() {
    let server = Server::start();
    let phone = Phone::new(&server, &server.hand_out("alice"));
    let stranger = Phone::new(&server, &server.hand_out("mallory"));
    let registered = phone.register().await;
    let theirs = stranger.register().await;
    let (token, right) = phone.store(&registered);
    let code = |text: &str| -> Code { text.parse().unwrap() };

    let wrong_code = phone.confirmation(&registered, &code(&token.wrong_code()));
    let far_code = phone.confirmation(&registered, &code(&token.code_at(50)));
    let by_another_key = stranger.confirmation(&registered, &code(&token.code_at(0)));
    let mut of_another_handshake = right.clone();
    of_another_handshake.session = theirs.session.clone();
    let mut of_no_handshake = right.clone();
    of_no_handshake.session = [0; 16].into();
    let refusals = [wrong_code, far_code, by_another_key, of_another_handshake, of_no_handshake];
    let mut answers = Vec::new();
    for refusal in refusals {
        answers.push(phone.send("confirm", &refusal).await.problem(403, "activation-refused"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(phone.send("confirm", &right).await.status, 200);
}

/// What a stranger can see of the answer to message 1: names and sizes, and no more.
fn shape(reply: &Reply) -> (u16, Vec<String>, String, Vec<(String, usize)>) {
    let Value::Object(fields) = reply.json() else { panic!("not an object: {}", reply.text()) };
    let mut sizes: Vec<(String, usize)> =
        fields.iter().map(|(name, value)| (name.clone(), value.to_string().len())).collect();
    // The time is written without the zeros at the end of its fraction.
    sizes.retain(|(name, _)| name != "time");
    (reply.status, reply.headers.clone(), reply.content_type.clone(), sizes)
}

#[tokio::test]
async fn nobody_can_tell_a_live_serial_number_from_a_dead_or_an_unknown_one() {
    let server = Server::start();
    let live = server.hand_out("live");
    let used = server.hand_out("used");
    Phone::new(&server, &used).activate().await;
    let expired = server.hand_out("expired");
    let guessed = server.hand_out("guessed");
    let revoked = server.hand_out("revoked");
    server.admin(&["token", "delete", &revoked.serial]);
    let imported = symbolon_tests::Imported::totp("imported", "M-1", "sha1", 6, 30);
    let _ = server.import(symbolon_tests::Imported::csv(&[imported]).as_bytes(), &[]).done();
    let imported = Ticket {
        serial: server.admin(&["token", "show", "M-1"])["token"]["serial"].as_str().unwrap().to_owned(),
        ..live.clone()
    };
    let unknown = Ticket { serial: "00000-00001".to_owned(), ..live.clone() };
    let database = server.database();
    let of = |ticket: &Ticket| ticket.serial.replace('-', "");
    let change = |set: &str, ticket: &Ticket| {
        let token = format!("(SELECT id FROM token WHERE serial = {})", of(ticket));
        assert_eq!(database.execute(&format!("UPDATE ticket SET {set} WHERE token_id = {token}"), []).unwrap(), 1);
    };
    change("expires_at = 1000", &expired);
    change("guesses = 1000", &guessed);

    let tickets = [&live, &used, &expired, &guessed, &revoked, &imported, &unknown];
    let mut shapes = Vec::new();
    let mut refusals = Vec::new();
    for ticket in tickets {
        let phone = Phone::typed(&server.url, &ticket.serial, "1234 5678 9012 3456");
        let started = phone.begin();
        let reply = phone.send("start", started.request()).await;
        shapes.push(shape(&reply));
        let answer = reply.json();
        assert_eq!(started.prove(&mut OsRng, &reply.read()).unwrap_err(), OnlineError::WrongPassword);

        // A guess at message 3, too, whoever made it.
        let ke3: Bytes<64> = [9; 64].into();
        let sealed: Bytes<64> = [9; 64].into();
        let guess = json!({"session": answer["session"], "state": answer["state"], "ke3": ke3, "sealed": sealed});
        let reply = phone.send("finish", &guess).await;
        refusals.push((reply.problem(403, "activation-refused"), reply.headers.clone()));
    }
    for (number, ticket) in tickets.iter().enumerate() {
        assert_eq!(shapes[number], shapes[0], "{}", ticket.serial);
        assert_eq!(refusals[number], refusals[0], "{}", ticket.serial);
    }
    // The right passwords of the dead ones open nothing either.
    for ticket in [&used, &expired, &guessed, &revoked] {
        let phone = Phone::new(&server, ticket);
        assert_eq!(phone.try_prove().await.unwrap_err(), OnlineError::WrongPassword, "{}", ticket.serial);
    }
}

#[tokio::test]
async fn a_guess_is_counted_before_its_answer_leaves_and_given_back_to_who_was_right() {
    let mut server = Server::start();
    let ticket = server.hand_out("alice");
    for guess in 1..=3 {
        let guesser = Phone::new(&server, &ticket).guessing("1111 1111 1111 1111");
        let started = guesser.begin();
        let reply = guesser.send("start", started.request()).await;
        server.kill();
        assert_eq!(server.number(GUESSES), guess, "counted though the server died right after its answer");
        assert_eq!(started.prove(&mut OsRng, &reply.read()).unwrap_err(), OnlineError::WrongPassword);
        server.start_again();
    }
    let phone = Phone::new(&server, &ticket);
    let proven = phone.prove().await;
    assert_eq!(server.number(GUESSES), 4);
    let finishing = phone.answer(proven);
    assert_eq!(finish(&phone, &finishing).await.status, 200);
    assert_eq!(server.number(GUESSES), 3);
    for _ in 0..3 {
        assert_eq!(finish(&phone, &finishing).await.status, 200);
    }
    assert_eq!(server.number(GUESSES), 3, "given back once, however often message 3 is repeated");
}

#[tokio::test]
async fn after_a_thousand_guesses_a_ticket_is_dead() {
    let mut server = Server::start();
    let ticket = server.hand_out("alice");
    server.kill();
    server.database().execute("UPDATE ticket SET guesses = 999", []).unwrap();
    server.start_again();
    // The thousandth question may still be the right one.
    let phone = Phone::new(&server, &ticket);
    assert!(phone.try_prove().await.is_ok());
    assert_eq!(server.number(GUESSES), 1000);
    assert_eq!(Phone::new(&server, &ticket).try_prove().await.unwrap_err(), OnlineError::WrongPassword);
    assert_eq!(server.number(GUESSES), 1000, "a dead ticket is not counted on");
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "expired");
    let another = Ticket::read(&server.admin(&["token", "activate", &ticket.serial]));
    let token = Phone::new(&server, &another).activate().await;
    assert!(accepted(&server.caller("verify").verify("alice", &token.code()).await));
}

#[tokio::test]
async fn reactivation_refuses_the_old_half_at_once_and_voids_what_is_under_way() {
    let server = Server::start();
    let caller = server.caller("verify");
    let ticket = server.hand_out("alice");
    let old = Phone::new(&server, &ticket).activate().await;
    assert!(accepted(&caller.verify("alice", &old.code()).await));

    let second = Ticket::read(&server.admin(&["token", "reactivate", &ticket.serial]));
    assert_eq!(second.serial, ticket.serial);
    assert_eq!(reason(&caller.verify("alice", &old.code()).await), "no_active_token");
    let begun = Phone::new(&server, &second);
    let before_message_3 = begun.answer(begun.prove().await);
    let before_message_5 = Phone::new(&server, &second);
    let registered = before_message_5.register().await;

    let third = Ticket::read(&server.admin(&["token", "reactivate", &ticket.serial]));
    finish(&begun, &before_message_3).await.problem(403, "activation-refused");
    let (_, confirmation) = before_message_5.store(&registered);
    before_message_5.send("confirm", &confirmation).await.problem(403, "activation-refused");
    assert_eq!(Phone::new(&server, &second).try_prove().await.unwrap_err(), OnlineError::WrongPassword);

    let new = Phone::new(&server, &third).activate().await;
    assert_eq!(reason(&caller.verify("alice", &old.code()).await), "wrong_code");
    assert!(accepted(&caller.verify("alice", &new.code()).await));
}

#[tokio::test]
async fn a_ticket_that_expires_on_the_way_still_finishes_within_ten_minutes() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let phone = Phone::new(&server, &ticket);
    let finishing = phone.answer(phone.prove().await);
    let expire = |minutes: i64| {
        let earlier = format!("max(0, unixepoch() * 1000 - {minutes} * 60000)");
        server.database().execute(&format!("UPDATE ticket SET expires_at = {earlier}"), []).unwrap();
        server.database().execute(&format!("UPDATE handshake SET expires_at = {earlier} + 600000"), []).unwrap();
    };
    expire(9);
    let answered = finish(&phone, &finishing).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    assert_eq!(Phone::new(&server, &ticket).try_prove().await.unwrap_err(), OnlineError::WrongPassword);

    expire(11);
    finish(&phone, &finishing).await.problem(403, "activation-refused");
    let registered = finishing.open(&answered.read()).unwrap();
    let (_, confirmation) = phone.store(&registered);
    phone.send("confirm", &confirmation).await.problem(403, "activation-refused");
    expire(9);
    assert_eq!(phone.send("confirm", &confirmation).await.status, 200);
}

#[tokio::test]
async fn policy_refuses_a_phone_with_its_reason_and_the_ticket_stays_good() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let rooted = Phone::new(&server, &ticket).reporting(&["su_binary", "something_new"]);
    let refused = finish(&rooted, &rooted.answer(rooted.prove().await)).await.problem(403, "activation-policy");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("this device is rooted") && detail.contains("sign of tampering"), "{detail}");
    assert_eq!(server.count_of("activation.refused"), 1);

    server.admin(&["policy", "set", "require_attestation=true"]);
    let sound = Phone::new(&server, &ticket);
    let refused = finish(&sound, &sound.answer(sound.prove().await)).await.problem(403, "activation-policy");
    assert!(refused["detail"].as_str().unwrap().contains("hardware vouches"), "{refused}");

    server.admin(&["policy", "set", "require_attestation=false", "allow_unsecure_device=true"]);
    let token = Phone::new(&server, &ticket).reporting(&["su_binary"]).activate().await;
    let shown = server.admin(&["token", "show", &ticket.serial]);
    assert_eq!(shown["token"]["device"]["signals"], json!(["su_binary"]));
    assert!(accepted(&server.caller("verify").verify("alice", &token.code()).await));
}

#[tokio::test]
async fn messages_that_no_phone_sends_are_refused_and_named() {
    let server = Server::start();
    let phone = Phone::new(&server, &server.hand_out("alice"));
    let started = phone.begin();
    let right = serde_json::to_value(started.request()).unwrap();
    let with = |field: &str, value: Value| {
        let mut message = right.clone();
        message[field] = value;
        message
    };
    let not_canonical: Bytes<1184> = [0xff; 1184].into();
    let no_point: Bytes<96> = [0xff; 96].into();
    let zero: Bytes<96> = [0; 96].into();
    for (message, named) in [
        (with("encapsulation_key", json!(not_canonical)), "encapsulation_key"),
        (with("ke1", json!(no_point)), "ke1"),
        (with("ke1", json!(zero)), "ke1"),
        (with("versions", json!("Ag")), "version"),
    ] {
        let problem = phone.send("start", &message).await.problem(400, "activation-message");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{problem}");
    }
    for (field, value) in [
        ("ke1", json!("AAAA")),
        ("ke1", json!("not base64url!")),
        ("encapsulation_key", json!("")),
        ("versions", json!("")),
        ("versions", json!("AQEBAQEBAQEB")),
        ("serial", json!("123")),
        ("serial", json!(1_234_567_890)),
    ] {
        phone.send("start", &with(field, value)).await.invalid(field);
    }
    let mut missing = right.clone();
    missing.as_object_mut().unwrap().remove("ke1");
    phone.send("start", &missing).await.problem(400, "invalid");
    phone.send("start", &with("more", json!(1))).await.problem(400, "invalid");
}

#[tokio::test]
async fn a_token_asks_for_time_and_policy_and_only_its_own_key_may() {
    let server = Server::start();
    let alice = server.activated("alice").await;
    let bob = server.activated("bob").await;
    let wire = server.wire();
    let answered = wire.post("/v1/device/contact", &alice.question()).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    assert_eq!(answered.json()["answer"].as_str().unwrap().split('.').count(), 3);

    let mut forged = bob.question();
    forged.serial = alice.serial.parse().unwrap();
    let by_another = wire.post("/v1/device/contact", &forged).await.problem(403, "activation-refused");
    forged.serial = "0000000001".parse().unwrap();
    let of_nobody = wire.post("/v1/device/contact", &forged).await.problem(403, "activation-refused");
    assert_eq!(by_another, of_nobody);
    server.admin(&["token", "disable", &alice.serial]);
    wire.post("/v1/device/contact", &alice.question()).await.problem(403, "activation-refused");
}
