//! The journey with the real soft token of the desktop, in a process of its own.

use std::path::Path;

use symbolon_tests::{Desktop, Server, Ticket, accepted, after, now_step, reason};

const PIN: &str = "246813";
const OTHER_PIN: &str = "975104";

fn code(desktop: &Desktop, pin: &str) -> String {
    let shown = desktop.run(&["code", "--pin-fd", "0"], &[pin]);
    shown["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_desktop_token_is_activated_by_its_link_and_its_codes_count_once() {
    let server = Server::start();
    let caller = server.caller("verify");
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    let activated = desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    assert_eq!(activated["serial"], ticket.serial);
    assert_eq!(activated["account"], "alice");
    assert_eq!(activated["state"], "active");
    assert_eq!(desktop.run(&["list"], &[])["tokens"][0]["serial"], ticket.serial);
    assert_eq!(desktop.run(&["status"], &[])["tokens"][0]["pin_tries_left"], 5);

    // The first code counts at once: the activation has not used it.
    let first = code(&desktop, PIN);
    assert!(accepted(&caller.verify("alice", &first).await));
    assert_eq!(reason(&caller.verify("alice", &first).await), "replayed");

    // The ticket is used; another device does not get in with it.
    let thief = Desktop::new().try_run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    assert_eq!(thief.exit, Some(1), "{}", thief.message);
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["device"]["platform"], "desktop");
}

#[tokio::test]
async fn a_desktop_token_is_activated_by_what_a_person_types() {
    let server = Server::start();
    let caller = server.caller("verify");
    let ticket = server.hand_out("bob");
    let desktop = Desktop::new();
    let wrong = ["activate", "--classic", &server.url, &ticket.serial, "--code-fd", "0", "--pin-fd", "0"];
    let refused = desktop.try_run(&wrong, &["1111222233334444", PIN]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    let activated = desktop.run(&wrong, &[&ticket.code, PIN]);
    assert_eq!(activated["serial"], ticket.serial);
    assert!(accepted(&caller.verify("bob", &code(&desktop, PIN)).await));
}

#[test]
fn wrong_pins_are_counted_and_lock_the_vault_and_a_changed_pin_takes_over() {
    let server = Server::start();
    let desktop = Desktop::new();
    desktop.run(&["activate", &server.hand_out("carol").link, "--pin-fd", "0"], &[PIN]);
    desktop.run(&["pin", "change", "--pin-fd", "0", "--new-pin-fd", "0"], &[PIN, OTHER_PIN]);
    assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[PIN]).exit, Some(1));
    let _ = code(&desktop, OTHER_PIN);
    assert_eq!(desktop.run(&["status"], &[])["tokens"][0]["pin_tries_left"], 5, "a right PIN starts anew");
    for left in (0..5).rev() {
        assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[PIN]).exit, Some(1));
        assert_eq!(desktop.run(&["status"], &[])["tokens"][0]["pin_tries_left"], left);
    }
    let locked = desktop.try_run(&["code", "--pin-fd", "0"], &[OTHER_PIN]);
    assert_eq!(locked.exit, Some(1));
    assert!(locked.message.contains("locked"), "{}", locked.message);
}

#[test]
fn trivial_pins_are_refused_and_the_ticket_stays_good() {
    let server = Server::start();
    let ticket = server.hand_out("dora");
    let desktop = Desktop::new();
    for pin in ["123456", "000000", "12345", "12345a"] {
        let refused = desktop.try_run(&["activate", &ticket.link, "--pin-fd", "0"], &[pin]);
        assert!(matches!(refused.exit, Some(1 | 2)), "{pin}: {}", refused.message);
    }
    assert_eq!(desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN])["state"], "active");
}

#[test]
fn what_can_t_be_reached_or_read_has_its_exit_code() {
    let desktop = Desktop::new();
    assert_eq!(desktop.try_run(&["activate", "nonsense", "--pin-fd", "0"], &[PIN]).exit, Some(2));
    assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[PIN]).exit, Some(2), "there is no token yet");
    let nowhere = desktop.home().join("nowhere");
    let home = nowhere.to_str().unwrap();
    assert_eq!(desktop.run(&["list", "--home", home], &[])["tokens"].as_array().unwrap().len(), 0);
    assert_eq!(desktop.try_run(&["code", "--home", home, "--pin-fd", "0"], &[PIN]).exit, Some(2));
    assert!(!nowhere.exists(), "a look makes nothing");
    let many = desktop.try_run(&["sign", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"], &[]);
    assert_eq!(many.exit, Some(2));
    assert!(many.message.contains("1 to 10"), "{}", many.message);
    let mut server = Server::start();
    let ticket = server.hand_out("erin");
    server.kill();
    let unreachable = desktop.try_run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    assert_eq!(unreachable.exit, Some(3), "{}", unreachable.message);
}

/// All bytes of all files below a folder.
fn content(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { content(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

/// The end of the journey: guesses lock, an unlock frees, the next code counts.
#[tokio::test]
async fn wrong_codes_lock_a_desktop_token_and_an_unlock_frees_it() {
    let server = Server::start();
    let caller = server.caller("verify");
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    let step = now_step();
    let first = code(&desktop, PIN);
    assert!(accepted(&caller.verify("alice", &first).await));
    for _ in 0..5 {
        // Right at one of the window's steps with a chance of one in a million.
        let wrong = if first.starts_with('4') { "51515151" } else { "41414141" };
        assert_eq!(reason(&caller.verify("alice", wrong).await), "wrong_code");
    }
    // A new code, so that it is the lock that refuses. It may take half a minute until there is one.
    after(step).await;
    let next = code(&desktop, PIN);
    let locked = caller.verify("alice", &next).await;
    assert_eq!(reason(&locked), "locked");
    assert!(locked["retry_at"].is_string());
    server.admin(&["token", "unlock", &ticket.serial]);
    let verdict = caller.verify("alice", &next).await;
    // Where the step changed between two lines above, the first code was of the same step.
    assert!(accepted(&verdict) || next == first, "{verdict}");
    desktop.run(&["code", "--contact", "--pin-fd", "0"], &[PIN]);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);

    let kept = content(desktop.home());
    for secret in [PIN, &ticket.code.replace(' ', ""), &first, &next] {
        assert!(!kept.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret lies in a file");
    }
}

#[test]
fn a_locked_vault_is_replaced_by_a_new_activation() {
    let server = Server::start();
    server.admin(&["policy", "set", "pin_tries=3"]);
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    for _ in 0..3 {
        assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[OTHER_PIN]).exit, Some(1));
    }
    assert_eq!(desktop.try_run(&["code", "--pin-fd", "0"], &[PIN]).exit, Some(1), "the right PIN comes too late");
    let active = server.admin(&["token", "show", &ticket.serial]);
    assert_eq!(active["token"]["state"], "active", "a locked vault is the phone's own affair");
    let again = Ticket::read(&server.admin(&["token", "reactivate", &ticket.serial]));
    desktop.run(&["remove", &ticket.serial, "--yes"], &[]);
    desktop.run(&["activate", &again.link, "--pin-fd", "0"], &[OTHER_PIN]);
    assert_eq!(code(&desktop, OTHER_PIN).len(), 8);
}
