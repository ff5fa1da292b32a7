//! The journey with the real soft token of the desktop, in a process of its own.

use symbolon_tests::{Desktop, Server, accepted, reason};

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
    let mut server = Server::start();
    let ticket = server.hand_out("erin");
    server.kill();
    let unreachable = desktop.try_run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    assert_eq!(unreachable.exit, Some(3), "{}", unreachable.message);
}
