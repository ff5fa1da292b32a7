//! Activation without a network: the person carries what the phone shows to the server.

use std::sync::Arc;

use serde_json::{Value, json};
use symbolon_tests::{
    Caller, Desktop, Installation, Outcome, Phone, Server, Ticket, accepted, after, now_step, reason,
};

const PIN: &str = "246813";

/// An offline ticket: its two parts went different ways.
struct Offline {
    serial: String,
    qr: String,
    password: String,
}

impl Offline {
    fn read(answer: &Value) -> Self {
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        Self {
            serial: text("/token/serial"),
            qr: text("/ticket/offline/qr"),
            password: text("/ticket/offline/password"),
        }
    }

    fn hand_out(server: &Installation, user: &str) -> Self {
        let _ = server.try_admin(&["user", "add", user]);
        Self::read(&server.admin(&["token", "add", user, "--method", "offline"]))
    }

    /// On a device of its own.
    fn activate(&self, desktop: &Desktop, password: &str) -> Outcome {
        let command = ["activate", "--offline", &self.qr, "--password-fd", "0", "--pin-fd", "0"];
        desktop.try_run(&command, &[password, PIN])
    }

    /// What the phone shows for the server, with the right password.
    fn shown(&self, desktop: &Desktop) -> Shown {
        Shown::read(&self.activate(desktop, &self.password).done())
    }
}

struct Shown {
    registration: String,
    code: String,
}

impl Shown {
    fn read(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self { registration: text("registration_code"), code: text("code") }
    }

    fn again(desktop: &Desktop) -> Self {
        Self::read(&desktop.run(&["code", "--pin-fd", "0"], &[PIN]))
    }
}

fn complete(server: &Installation, serial: &str, shown: &Shown) -> Outcome {
    let Shown { registration, code } = shown;
    server.try_admin(&["token", "complete", serial, "--registration-code", registration, "--code", code])
}

fn state(server: &Installation, serial: &str) -> String {
    server.admin(&["token", "show", serial])["token"]["state"].as_str().unwrap().to_owned()
}

/// Once the step of a code is over, the next one counts.
async fn next_code_counts(caller: &Caller, user: &str, desktop: &Desktop, used: &str) -> bool {
    let mut step = now_step();
    loop {
        let answer = desktop.run(&["code", "--pin-fd", "0"], &[PIN]);
        if answer["code"] != used {
            // The server hangs up on connections that are idle for as long as a step lasts.
            return accepted(&caller.anew().verify(user, answer["code"].as_str().unwrap()).await);
        }
        after(step).await;
        step = now_step();
    }
}

#[tokio::test]
async fn a_token_is_activated_by_qr_and_password_without_a_network() {
    let mut server = Server::start();
    let key = server.application("shop", "verify,challenge");
    let ticket = Offline::hand_out(&server, "alice");
    let password = ticket.password.replace(' ', "");
    assert_eq!(password.len(), 12);
    assert!(!ticket.qr.contains(&password));

    // Nobody answers while the phone is at it.
    server.kill();
    let desktop = Desktop::new();
    let shown = ticket.shown(&desktop);
    assert_eq!((shown.registration.len(), shown.code.len()), (10, 8));
    let again = Shown::again(&desktop);
    assert_eq!(again.registration, shown.registration, "a lost registration code is shown again");
    assert_eq!(desktop.run(&["list"], &[])["tokens"][0]["state"], "activating");
    assert_eq!(desktop.run(&["status"], &[])["tokens"][0]["offline"], true);

    server.start_again();
    assert_eq!(complete(&server, &ticket.serial, &again).done()["token"]["state"], "active");
    let caller = Caller::new(server.wire(), key);
    // The code was told to somebody, so it is used up.
    assert_eq!(reason(&caller.verify("alice", &again.code).await), "replayed");
    assert!(next_code_counts(&caller, "alice", &desktop, &again.code).await);
    assert_eq!(server.number("SELECT count(*) FROM ticket"), 0, "the password is kept no longer than it is needed");
    assert_eq!(server.count_of("token.activated"), 1);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
    for secret in [&password, &again.registration, &again.code] {
        assert!(!server.log().contains(secret.as_str()) && !format!("{:?}", server.audit()).contains(secret.as_str()));
    }
    // Entered again, it says where the token stands.
    let repeated = complete(&server, &ticket.serial, &again);
    assert_eq!(repeated.exit, Some(1));
    assert!(repeated.message.contains("is active"), "{}", repeated.message);
}

#[tokio::test]
async fn an_offline_token_answers_challenges_and_no_approvals() {
    let server = Server::start();
    let caller = server.caller("verify,challenge");
    let ticket = Offline::hand_out(&server, "alice");
    let desktop = Desktop::new();
    complete(&server, &ticket.serial, &ticket.shown(&desktop)).done();

    let typed = caller.challenge(&json!({"user": "alice", "kind": "typed"})).await;
    let digits = typed["challenge"].as_str().unwrap();
    let response = desktop.run(&["respond", digits, "--pin-fd", "0"], &[PIN]);
    let answered = caller.answer(&typed, response["code"].as_str().unwrap()).await;
    assert_eq!(answered.json()["status"], "confirmed");

    let asked = json!({"user": "alice", "kind": "offline_qr", "transaction": {"summary": "Pay", "details": []}});
    let asked = caller.challenge(&asked).await;
    let response = desktop.run(&["scan", asked["qr"].as_str().unwrap(), "--pin-fd", "0"], &[PIN]);
    assert_eq!(caller.answer(&asked, response["code"].as_str().unwrap()).await.json()["status"], "confirmed");

    let approval = json!({"user": "alice", "kind": "approval"});
    let refused = caller.call("POST", "/v1/challenges", &approval).await;
    assert_eq!((refused.status, refused.json()["reason"].as_str()), (409, Some("no_capable_token")));
    let refused = desktop.try_run(&["requests"], &[]);
    assert_eq!(refused.exit, Some(1));
    assert!(refused.message.contains("without a network"), "{}", refused.message);
    // Nor is there a way back after a forgotten PIN, and it is said.
    let refused = server.try_admin(&["token", "unlock-pin", &ticket.serial, "0000-1234-5678-90"]);
    assert!(matches!(refused.exit, Some(1 | 2)), "{}", refused.message);
    let refused = desktop.try_run(&["unlock"], &[]);
    assert_eq!(refused.exit, Some(1));
    assert!(refused.message.contains("without a network"), "{}", refused.message);
}

#[tokio::test]
async fn a_token_is_activated_by_what_a_person_types_without_a_network() {
    let server = Server::start();
    server.admin(&["policy", "set", "code_length=6", "hash=sha1"]);
    let caller = server.caller("verify");
    for (user, with_address) in [("bob", true), ("carol", false)] {
        let ticket = server.hand_out(user);
        let desktop = Desktop::new();
        let mut command = vec!["activate", "--classic", "--offline", "--code-fd", "0", "--pin-fd", "0"];
        if with_address {
            command.push(&ticket.address);
        }
        command.push(&ticket.serial);
        let shown = Shown::read(&desktop.run(&command, &[&ticket.code, PIN]));
        let token = complete(&server, &ticket.serial, &shown).done();
        // The phone knew nothing of the policy, so its codes have the standard format.
        assert_eq!((token["token"]["digits"].as_u64(), token["token"]["hash"].as_str()), (Some(8), Some("sha256")));
        assert!(next_code_counts(&caller, user, &desktop, &shown.code).await);
    }
}

#[test]
fn a_qr_tells_the_phone_the_policy() {
    let server = Server::start();
    server.admin(&[
        "policy",
        "set",
        "code_length=6",
        "hash=sha512",
        "pin_length=4",
        "offline_activation_password_length=8",
    ]);
    let ticket = Offline::hand_out(&server, "alice");
    assert_eq!(ticket.password.replace(' ', "").len(), 8);
    // A change after the ticket was given out does not touch it.
    server.admin(&["policy", "set", "code_length=8", "hash=sha256"]);
    let desktop = Desktop::new();
    let command = ["activate", "--offline", &ticket.qr, "--password-fd", "0", "--pin-fd", "0"];
    let shown = Shown::read(&desktop.run(&command, &[&ticket.password, "8391"]));
    assert_eq!(shown.code.len(), 6);
    assert_eq!(complete(&server, &ticket.serial, &shown).done()["token"]["hash"], "sha512");
}

/// The offline QR travels alone by mail; handed out, it is what the policy names, and nothing has to be named again.
#[test]
fn a_policy_of_offline_tickets_needs_no_method_to_be_named() {
    let server = Server::start();
    server.admin(&["policy", "set", "email_activation_methods=offline"]);
    server.admin(&["user", "add", "alice"]);
    let answer = server.admin(&["token", "add", "alice"]);
    assert!(answer["ticket"]["online"].is_null() && answer["ticket"]["classic"].is_null());
    let ticket = Offline::read(&answer);
    complete(&server, &ticket.serial, &ticket.shown(&Desktop::new())).done();

    server.admin(&["policy", "set", "require_attestation=true"]);
    for methods in [&["--method", "offline"][..], &[]] {
        let refused = server.try_admin(&[&["token", "add", "alice"], methods].concat());
        assert_eq!(refused.exit, Some(1));
        assert!(refused.message.contains("requires attestation"), "{}", refused.message);
    }
}

#[tokio::test]
async fn a_policy_that_has_come_to_require_attestation_completes_nothing() {
    let server = Server::start();
    let ticket = Offline::hand_out(&server, "alice");
    let shown = ticket.shown(&Desktop::new());
    server.admin(&["policy", "set", "require_attestation=true"]);
    let refused = complete(&server, &ticket.serial, &shown);
    assert_eq!(refused.exit, Some(1));
    assert!(refused.message.contains("requires attestation"), "{}", refused.message);
    assert_eq!(state(&server, &ticket.serial), "activating");
}

#[test]
fn five_wrong_completions_end_a_ticket_and_all_its_methods() {
    let server = Server::start();
    server.admin(&["user", "add", "alice"]);
    let methods = ["token", "add", "alice", "--method", "offline", "--method", "online", "--method", "classic"];
    let answer = server.admin(&methods);
    let (ticket, online) = (Offline::read(&answer), Ticket::read(&answer));
    let desktop = Desktop::new();
    let shown = ticket.shown(&desktop);
    let flipped = |text: &str| text.replacen(&text[..1], if text.starts_with('7') { "3" } else { "7" }, 1);
    let wrong_code = Shown { code: flipped(&shown.code), registration: shown.registration.clone() };
    let wrong_registration = Shown { code: shown.code.clone(), registration: flipped(&shown.registration) };
    let tries = [&wrong_code, &wrong_registration, &wrong_code, &wrong_registration, &wrong_code];
    for (wrong, left) in tries.into_iter().zip(["4 more", "3 more", "2 more", "one more", "has ended"]) {
        let refused = complete(&server, &ticket.serial, wrong);
        assert_eq!(refused.exit, Some(1));
        assert!(refused.message.contains(left), "{}", refused.message);
    }
    // The right ones come too late, and so does everything else that the ticket held.
    let refused = complete(&server, &ticket.serial, &shown);
    assert_eq!(refused.exit, Some(1));
    assert!(refused.message.contains("expired") && refused.message.contains("reactivate"), "{}", refused.message);
    assert_eq!(Desktop::new().try_run(&["activate", &online.link, "--pin-fd", "0"], &[PIN]).exit, Some(1));
    assert_eq!(state(&server, &ticket.serial), "expired");
    assert_eq!(server.number("SELECT count(*) FROM ticket WHERE sealed_halves IS NOT NULL"), 0);
    assert_eq!(server.count_of("activation.refused"), 5);

    // Another ticket counts from the beginning, and for it the device begins anew.
    let again = Offline::read(&server.admin(&["token", "reactivate", &ticket.serial, "--method", "offline"]));
    assert_eq!(again.activate(&desktop, &again.password).exit, Some(1), "the old one is still there");
    desktop.run(&["remove", &again.serial], &[]);
    complete(&server, &again.serial, &again.shown(&desktop)).done();
}

/// Right codes of the wrong moment, texts that are no codes, tokens that wait for nothing.
#[test]
fn what_completes_nothing_is_said_and_counted_only_where_it_is_a_guess() {
    let server = Server::start();
    let ticket = Offline::hand_out(&server, "alice");
    let shown = ticket.shown(&Desktop::new());
    for (registration, code) in [("12345", "12345678"), ("1234567890", "12"), ("x", "y"), ("", ""), ("123456789x", "1")]
    {
        let shown = Shown { registration: registration.into(), code: code.into() };
        assert_eq!(complete(&server, &ticket.serial, &shown).exit, Some(2));
    }
    let online = server.admin(&["token", "add", "alice", "--method", "online"]);
    let refused = complete(&server, online["token"]["serial"].as_str().unwrap(), &shown);
    assert_eq!(refused.exit, Some(1));
    assert!(refused.message.contains("online"), "{}", refused.message);
    assert_eq!(complete(&server, "99999-99999", &shown).exit, Some(1));
    assert_eq!(server.number("SELECT sum(tries) FROM ticket"), 0);

    // It expires like any other, and what completes it goes with the next ticket that is given out.
    server.database().execute("UPDATE ticket SET expires_at = 1", []).unwrap();
    let refused = complete(&server, &ticket.serial, &shown);
    assert!(refused.exit == Some(1) && refused.message.contains("expired"), "{}", refused.message);
    server.admin(&["token", "add", "alice", "--method", "online"]);
    assert_eq!(server.number("SELECT count(*) FROM ticket WHERE sealed_halves IS NOT NULL"), 0);
}

#[test]
fn a_revoked_ticket_activates_nothing_and_its_token_is_new() {
    let server = Server::start();
    server.admin(&["user", "add", "alice"]);
    let answer =
        server.admin(&["token", "add", "alice", "--method", "offline", "--method", "online", "--method", "classic"]);
    let (ticket, online) = (Offline::read(&answer), Ticket::read(&answer));
    let shown = ticket.shown(&Desktop::new());
    assert_eq!(server.admin(&["token", "revoke", &ticket.serial])["token"]["state"], "new");
    let refused = complete(&server, &ticket.serial, &shown);
    assert!(refused.exit == Some(1) && refused.message.contains("is new"), "{}", refused.message);
    assert_eq!(Desktop::new().try_run(&["activate", &online.link, "--pin-fd", "0"], &[PIN]).exit, Some(1));
    assert_eq!(server.try_admin(&["token", "revoke", &ticket.serial]).exit, Some(1));
    assert_eq!(server.number("SELECT count(*) FROM ticket"), 0);
    let again = Offline::read(&server.admin(&["token", "activate", &ticket.serial, "--method", "offline"]));
    complete(&server, &again.serial, &again.shown(&Desktop::new())).done();
}

#[tokio::test]
async fn the_old_qr_is_worth_nothing_after_a_reactivation() {
    let server = Server::start();
    let caller = server.caller("verify");
    let old = Offline::hand_out(&server, "alice");
    let desktop = Desktop::new();
    let shown = old.shown(&desktop);
    complete(&server, &old.serial, &shown).done();
    let new = Offline::read(&server.admin(&["token", "reactivate", &old.serial, "--method", "offline"]));
    assert_eq!(reason(&caller.verify("alice", &Shown::again(&desktop).code).await), "no_active_token");
    assert_eq!(complete(&server, &old.serial, &Shown::again(&desktop)).exit, Some(1));
    assert_eq!(complete(&server, &old.serial, &old.shown(&Desktop::new())).exit, Some(1));
    complete(&server, &new.serial, &new.shown(&Desktop::new())).done();
}

#[tokio::test]
async fn of_several_methods_the_first_to_succeed_ends_the_others() {
    let server = Server::start();
    let caller = server.caller("verify");
    server.admin(&["user", "add", "alice"]);
    let all = ["token", "add", "alice", "--method", "online", "--method", "offline", "--method", "classic"];
    for first in ["online", "classic", "offline", "typed offline"] {
        let answer = server.admin(&all);
        let (offline, online) = (Offline::read(&answer), Ticket::read(&answer));
        let (by_qr, by_hand) = (Desktop::new(), Desktop::new());
        let scanned = offline.shown(&by_qr);
        let command = ["activate", "--classic", "--offline", &online.serial, "--code-fd", "0", "--pin-fd", "0"];
        let typed = Shown::read(&by_hand.run(&command, &[&online.code, PIN]));
        // A phone that is in the midst of the activation online.
        let phone = Phone::new(&server, &online);
        let registered = phone.register().await;
        let (_, confirmation) = phone.store(&registered);

        match first {
            "online" => assert_eq!(phone.send("confirm", &confirmation).await.status, 200),
            "classic" => drop(Phone::typed(&server.url, &online.serial, &online.code).activate().await),
            "offline" => drop(complete(&server, &offline.serial, &scanned).done()),
            _ => drop(complete(&server, &offline.serial, &typed).done()),
        }
        assert_eq!(state(&server, &offline.serial), "active", "{first}");
        for (other, shown) in [("offline", &scanned), ("typed offline", &typed)] {
            let late = complete(&server, &offline.serial, shown);
            assert_eq!(late.exit, Some(1), "{other} after {first}");
            assert!(late.message.contains("is active"), "{}", late.message);
        }
        if first != "online" {
            assert_eq!(phone.send("confirm", &confirmation).await.status, 403, "online after {first}");
        }
        assert!(Phone::new(&server, &online).try_prove().await.is_err(), "begun online after {first}");
        assert_eq!(server.number("SELECT count(*) FROM ticket"), 0);
        server.admin(&["token", "delete", &offline.serial]);
        drop(caller.anew());
    }
}

/// 64 at once with the right codes: one activation. 64 at once with wrong ones: five tries.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_completions_at_once_one_activates_and_five_wrong_ones_count() {
    let server = Server::start();
    let caller = server.caller("admin");
    let ticket = Offline::hand_out(&server, "alice");
    let shown = ticket.shown(&Desktop::new());
    let body = json!({"action": "complete", "registration_code": shown.registration, "code": shown.code});
    assert_eq!(at_once(&caller, &ticket.serial, &body).await, 1);
    assert_eq!((server.count_of("token.activated"), server.count_of("activation.refused")), (1, 0));

    let ticket = Offline::hand_out(&server, "bob");
    let body = json!({"action": "complete", "registration_code": "0000000000", "code": "00000000"});
    assert_eq!(at_once(&caller, &ticket.serial, &body).await, 0);
    assert_eq!(server.count_of("activation.refused"), 5);
    assert_eq!(state(&server, &ticket.serial), "expired");
}

/// How many of 64 requests at once succeed; the others are refused by a rule.
async fn at_once(caller: &Caller, serial: &str, body: &Value) -> usize {
    let barrier = Arc::new(tokio::sync::Barrier::new(64));
    let racers: Vec<_> = (0..64)
        .map(|_| {
            let (caller, barrier, body) = (caller.anew(), Arc::clone(&barrier), body.clone());
            let path = format!("/v1/admin/tokens/{serial}/actions");
            tokio::spawn(async move {
                barrier.wait().await;
                caller.call("POST", &path, &body).await.status
            })
        })
        .collect();
    let mut done = 0;
    for racer in racers {
        match racer.await.unwrap() {
            200 => done += 1,
            409 => {}
            status => panic!("{status}"),
        }
    }
    done
}

#[tokio::test]
async fn the_admin_api_completes_and_revokes_and_names_what_is_missing() {
    let server = Server::start();
    let caller = server.caller("admin");
    server.admin(&["user", "add", "alice"]);
    let made = caller.call("POST", "/v1/admin/users/alice/tokens", &json!({"methods": ["offline"]})).await;
    let ticket = Offline::read(&made.json());
    let path = format!("/v1/admin/tokens/{}/actions", ticket.serial);
    let shown = ticket.shown(&Desktop::new());
    for (body, field) in [
        (json!({"action": "complete"}), "registration_code"),
        (json!({"action": "complete", "registration_code": "12", "code": shown.code}), "registration_code"),
        (json!({"action": "complete", "registration_code": shown.registration}), "code"),
        (json!({"action": "complete", "registration_code": shown.registration, "code": "x"}), "code"),
    ] {
        let refused = caller.call("POST", &path, &body).await;
        assert_eq!((refused.status, refused.json()["errors"][0]["field"].as_str()), (400, Some(field)));
    }
    let body = json!({"action": "complete", "registration_code": shown.registration, "code": shown.code});
    let done = caller.call("POST", &path, &body).await;
    assert_eq!(done.json()["token"]["state"], "active");
    let refused = caller.call("POST", &path, &json!({"action": "revoke"})).await;
    assert_eq!(refused.status, 409);
    assert!(refused.json()["possible"].as_array().unwrap().contains(&json!("reactivate")));
}

/// A photo of the QR, and even the registration code, without the password: every password leads to a token that looks
/// alike, so the only place to test one is the server, which is asked by the help desk and ends the ticket after five.
#[tokio::test]
async fn the_thief_of_a_qr_learns_nothing_from_it() {
    let server = Server::start();
    let caller = server.caller("verify");
    let ticket = Offline::hand_out(&server, "alice");
    let owner = Desktop::new();
    let shown = ticket.shown(&owner);

    // Nothing that the thief can run tells a wrong password from the right one.
    let right = ticket.activate(&Desktop::new(), &ticket.password).done();
    let mut loot = Vec::new();
    for guess in ["000000000000", "123456789012", "99999999"] {
        let thief = Desktop::new();
        let answer = ticket.activate(&thief, guess).done();
        assert!(answer.as_object().unwrap().keys().eq(right.as_object().unwrap().keys()));
        loot.push((thief, Shown::read(&answer)));
    }
    // The registration code of the owner does not help: the thief's codes are others.
    for (_, stolen) in &loot {
        let with_the_owners = Shown { registration: shown.registration.clone(), code: stolen.code.clone() };
        assert_eq!(complete(&server, &ticket.serial, &with_the_owners).exit, Some(1));
    }
    complete(&server, &ticket.serial, &Shown::again(&owner)).done();
    for (thief, _) in &loot {
        assert_eq!(reason(&caller.verify("alice", &Shown::again(thief).code).await), "wrong_code");
    }
}

/// A QR that somebody changed on its way leads to other keys, so it never becomes active.
#[test]
fn a_qr_that_was_changed_on_its_way_completes_nothing() {
    let server = Server::start();
    let mut ticket = Offline::hand_out(&server, "alice");
    ticket.qr = ticket.qr.replace("require_attestation.false", "require_attestation.false.pin_required.false");
    let desktop = Desktop::new();
    let command = ["activate", "--offline", &ticket.qr, "--password-fd", "0"];
    let shown = Shown::read(&desktop.run(&command, &[&ticket.password]));
    assert_eq!(complete(&server, &ticket.serial, &shown).exit, Some(1));
    assert_eq!(state(&server, &ticket.serial), "activating");
}

#[test]
fn what_is_no_offline_ticket_is_refused_with_its_reason() {
    let server = Server::start();
    let ticket = Offline::hand_out(&server, "alice");
    let online = server.hand_out("bob");
    let desktop = Desktop::new();
    let offline = |qr: &str, password: &str| {
        desktop.try_run(&["activate", "--offline", qr, "--password-fd", "0", "--pin-fd", "0"], &[password, PIN])
    };
    for (outcome, says) in [
        (offline("nonsense", &ticket.password), "symbolon://offline"),
        (offline(&online.link, &ticket.password), "symbolon://offline"),
        (offline(&ticket.qr, "1234567"), "8 to 20 digits"),
        (offline(&ticket.qr, "password"), "8 to 20 digits"),
        (offline(&ticket.qr.replace("v=1", "v=2"), &ticket.password), "newer version"),
        (desktop.try_run(&["activate", &ticket.qr, "--pin-fd", "0"], &[PIN]), "--offline"),
        (desktop.try_run(&["activate", "--offline", &ticket.qr, "x", "--pin-fd", "0"], &[PIN]), "one ticket"),
        (desktop.try_run(&["activate", "--classic", "--offline", "12", "--code-fd", "0"], &["1"]), "serial number"),
        (
            desktop.try_run(&["activate", "--classic", "--offline", &online.serial, "--code-fd", "0"], &["1"]),
            "16 to 32 digits",
        ),
    ] {
        assert_eq!(outcome.exit, Some(2), "{}", outcome.message);
        assert!(outcome.message.contains(says), "{says}: {}", outcome.message);
    }
    let late = offline(&ticket.qr.replace("&e=1", "&e="), &ticket.password);
    assert_eq!(late.exit, Some(1));
    assert!(late.message.contains("expired"), "{}", late.message);
    assert!(desktop.run(&["list"], &[])["tokens"].as_array().unwrap().is_empty());
}
