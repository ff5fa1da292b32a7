//! Activation without a network: the person carries what the phone shows to the server.

use std::sync::Arc;

use serde_json::{Value, json};
use symbolon_tests::{Caller, Desktop, Installation, Outcome, Phone, Server, Ticket, accepted, after, now_step, reason};

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
        server.try_admin(&["user", "add", user]);
        Self::read(&server.admin(&["token", "add", user, "--method", "offline"]))
    }

    /// On a device of its own.
    fn activate(&self, desktop: &Desktop, password: &str) -> Outcome {
        let command = ["activate", "--offline", &self.qr, "--password-fd", "0", "--pin-fd", "0"];
        desktop.try_run(&command, &[password, PIN])
    }

    /// What the phone shows for the server.
    fn shown(&self, desktop: &Desktop, password: &str) -> Shown {
        Shown::read(&self.activate(desktop, password).done())
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
            return accepted(&caller.verify(user, answer["code"].as_str().unwrap()).await);
        }
        after(step).await;
        step = now_step();
    }
}

#[tokio::test]
async fn a_token_is_activated_by_qr_and_password_without_a_network() {
    let mut server = Server::start();
    let caller = server.caller("verify,challenge");
    let ticket = Offline::hand_out(&server, "alice");
    assert!(!ticket.qr.contains(&ticket.password.replace(' ', "")));
    assert_eq!(ticket.password.replace(' ', "").len(), 12);

    // Nobody answers while the phone is at it.
    server.kill();
    let desktop = Desktop::new();
    let shown = ticket.shown(&desktop, &ticket.password);
    assert_eq!((shown.registration.len(), shown.code.len()), (10, 8));
    let again = Shown::again(&desktop);
    assert_eq!(again.registration, shown.registration, "a lost registration code is shown again");
    assert_eq!(desktop.run(&["list"], &[])["tokens"][0]["state"], "activating");
    assert_eq!(desktop.run(&["status"], &[])["tokens"][0]["offline"], true);

    let server = server.start_again();
    let token = complete(&server, &ticket.serial, &again).done();
    assert_eq!(token["token"]["state"], "active");
    // The code was told to somebody, so it is used up.
    assert_eq!(reason(&caller_of(&server, &caller).verify("alice", &again.code).await), "replayed");
    assert!(next_code_counts(&caller_of(&server, &caller), "alice", &desktop, &again.code).await);
    assert_eq!(server.number("SELECT count(*) FROM ticket"), 0, "the password is kept no longer than it is needed");
    assert_eq!(server.count_of("token.activated"), 1);
}
