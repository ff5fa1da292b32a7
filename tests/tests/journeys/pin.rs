//! A forgotten PIN: the vault locks, the help desk makes a code for its challenge, and the person sets a new PIN.

use serde_json::{Value, json};
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::UnlockChallenge;
use symbolon_tests::{Desktop, Imported, Server, accepted};

const PINS: [&str; 3] = ["246813", "975104", "730582"];
const WRONG: &str = "864209";

/// A server, and a desktop token of alice that locks after two wrong PINs.
fn activated() -> (Server, Desktop, String) {
    let server = Server::start();
    server.admin(&["policy", "set", "pin_tries=2"]);
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PINS[0]]);
    (server, desktop, ticket.serial)
}

/// Types wrong PINs until the vault locks, and answers its challenge.
fn lock(desktop: &Desktop) -> String {
    for _ in 0..2 {
        assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[WRONG]).exit, Some(1));
    }
    let status = desktop.run(&["status"], &[])["tokens"][0].clone();
    assert_eq!((&status["state"], &status["pin_tries_left"]), (&json!("locked"), &json!(0)));
    let shown = text(&status, "lock_challenge");
    assert_eq!(desktop.run(&["unlock"], &[])["lock_challenge"], shown, "without a code the challenge is all");
    shown
}

/// A challenge of some unlock, with check digits that fit.
fn challenge_of(serial: &str, number: u16) -> String {
    let serial: SerialNumber = serial.parse().unwrap();
    let mut challenges = (0..100).map(|check| format!("{number:04}-1234-5678-{check:02}"));
    challenges.find(|text| UnlockChallenge::parse(text, serial).is_ok()).unwrap()
}

fn text(document: &Value, key: &str) -> String {
    document[key].as_str().unwrap().to_owned()
}

fn unlock(desktop: &Desktop, code: &str, pin: &str) -> Option<i32> {
    desktop.try_run(&["unlock", "--code-fd", "0", "--pin-fd", "0"], &[code, pin]).exit
}

fn unlock_code(server: &Server, serial: &str, challenge: &str) -> String {
    text(&server.admin(&["token", "unlock-pin", serial, challenge]), "unlock_code")
}

#[tokio::test]
async fn a_locked_vault_is_opened_by_code_and_again_by_the_next_one() {
    let (server, desktop, serial) = activated();
    let caller = server.caller("verify");
    let mut used: Vec<String> = Vec::new();
    for (number, pin) in PINS.iter().enumerate().skip(1) {
        let challenge = lock(&desktop);
        assert!(challenge.starts_with(&format!("{:04}-", number - 1)), "{challenge}");
        for old in &used {
            assert_eq!(unlock(&desktop, old, pin), Some(1), "an old code");
        }
        assert_eq!(unlock(&desktop, "0000-0000-0000-0000", pin), Some(1), "a wrong code");
        assert_eq!(unlock(&desktop, "0000-0000-0000", pin), Some(2), "no code");
        let code = unlock_code(&server, &serial, &challenge);
        assert_eq!(unlock_code(&server, &serial, &challenge.replace('-', " ")), code, "it can be told again");
        assert_eq!(unlock(&desktop, &code, "123456"), Some(2), "a trivial PIN");
        assert_eq!(unlock(&desktop, &code.to_lowercase(), pin), Some(0));
        assert_eq!(unlock(&desktop, &code, pin), Some(1), "a code counts once");
        used.push(code);
        let status = desktop.run(&["status"], &[])["tokens"][0].clone();
        assert_eq!((&status["state"], &status["pin_tries_left"]), (&json!("active"), &json!(2)));
        assert_eq!(status.get("lock_challenge"), None);
        assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[PINS[number - 1]]).exit, Some(1), "the old PIN");
        let shown = desktop.run(&["code", "--pin-fd", "0"], &[pin]);
        if number == 1 {
            assert!(accepted(&caller.verify("alice", shown["code"].as_str().unwrap()).await));
        }
    }
    assert_ne!(used[0], used[1]);
    assert_eq!(server.count_of("token.unlock_code_given"), 4);
    let told = server.try_admin(&["audit", "export"]).output + &server.log();
    assert!(used.iter().all(|code| !told.contains(code.as_str())), "a code stands in the audit or the log");
}

#[tokio::test]
async fn the_pin_that_an_unlock_set_is_proven_to_the_server_and_ends_what_was_before() {
    let (server, desktop, serial) = activated();
    let shop = server.caller("challenge");
    let approve = async |pin: &str| {
        let asked =
            shop.challenge(&json!({"user": "alice", "kind": "approval", "transaction": {"summary": "Sign in"}})).await;
        let id = asked["id"].as_str().unwrap();
        let value = asked["mutual_challenge"].as_str().unwrap();
        desktop.run(&["confirm", id, "--mutual-challenge", value, "--pin-fd", "0"], &[pin]);
        shop.look(&asked, 0).await
    };
    let challenge = lock(&desktop);
    let code = unlock_code(&server, &serial, &challenge);
    assert_eq!(unlock(&desktop, &code, PINS[1]), Some(0));
    for _ in 0..2 {
        let confirmed = approve(PINS[1]).await;
        assert_eq!(confirmed["status"], "confirmed", "{confirmed}");
        assert_eq!(confirmed["factors"], json!(["possession", "knowledge"]));
    }
    assert_eq!(server.count_of("token.unlock_code_used"), 1, "it is learnt once");
    let again = server.try_admin(&["token", "unlock-pin", &serial, &challenge]);
    assert_eq!(again.exit, Some(1), "{}", again.message);

    let challenge = lock(&desktop);
    assert_eq!(unlock(&desktop, &unlock_code(&server, &serial, &challenge), PINS[2]), Some(0));
    assert_eq!(approve(PINS[2]).await["status"], "confirmed");
    assert_eq!(server.count_of("token.unlock_code_used"), 2);
}

#[tokio::test]
async fn no_code_is_made_for_a_challenge_that_the_phone_can_t_show() {
    let (server, desktop, serial) = activated();
    let admin = server.caller("admin");
    let challenge = lock(&desktop);
    let actions = format!("/v1/admin/tokens/{serial}/actions");
    let ask = async |challenge: Value| {
        admin.call("POST", &actions, &json!({"action": "unlock_pin", "lock_challenge": challenge})).await
    };
    // A digit that was misread; a challenge of the next unlock, with check digits that fit.
    let mut misread = challenge.clone();
    let last = misread.pop().unwrap();
    misread.push(if last == '0' { '1' } else { '0' });
    for wrong in [misread.as_str(), "", "0000-0000-0000", "nonsense"] {
        assert_eq!(server.try_admin(&["token", "unlock-pin", &serial, wrong]).exit, Some(2), "{wrong}");
        ask(json!(wrong)).await.problem(400, "invalid");
    }
    let next = challenge_of(&serial, 1);
    assert_eq!(server.try_admin(&["token", "unlock-pin", &serial, &next]).exit, Some(1));
    ask(json!(next)).await.problem(409, "refused");
    ask(json!(null)).await.problem(400, "invalid");
    assert_eq!(server.count_of("token.unlock_code_given"), 0);

    let given = ask(json!(challenge)).await.json();
    assert_eq!(unlock(&desktop, given["unlock_code"].as_str().unwrap(), PINS[1]), Some(0));

    let imported = Imported::hotp("bob", "HW-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&imported)).as_bytes(), &[]).done();
    let refused = server.try_admin(&["token", "unlock-pin", "HW-1", &challenge]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    assert!(refused.message.contains("active") && refused.message.contains("reset"), "{}", refused.message);
}
