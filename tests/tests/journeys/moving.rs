//! Moving to a new phone: the two people's journey with the real soft token, and what attackers and faults make of it
//! with simulated phones.

use jiff::Timestamp;
use rand_core::{OsRng, RngCore};
use serde_json::{Value, json};
use symbolon_core::activation::online::phone::Registered;
use symbolon_core::approval::Opened;
use symbolon_core::moving::{
    Ask, Cancel, ComparisonCode, Consent, Look, Newcomer, Offer, OfferReply, Progress, Proven, View, ViewReply,
};
use symbolon_core::signed::{Signed, verify};
use symbolon_tests::{Caller, Clock, Desktop, Installation, Phone, Reply, Server, Token, accepted, skip};

const PIN: &str = "246813";

/// The old phone of a move, by hand.
struct Old<'t>(&'t Token);

impl Old<'_> {
    async fn post<T: Signed>(&self, path: &str, name: &str, object: &T) -> Reply {
        let jws = self.0.device_key().sign_object(object).unwrap();
        self.0.wire().post(&format!("/v1/device/move/{path}"), &json!({"serial": self.0.serial, name: jws})).await
    }

    fn ask(&self) -> Ask {
        let mut nonce = [0; 16];
        OsRng.fill_bytes(&mut nonce);
        let mut ask = Ask {
            aud: self.0.identity().clone(),
            serial: self.0.serial.parse().unwrap(),
            nonce: nonce.into(),
            time: Timestamp::now(),
            opened: Opened::Pin,
            factor: None,
        };
        ask.factor = Some(ask.prove(&self.0.pin_factor(), &self.0.device_key().public_key()));
        ask
    }

    async fn send_ask(&self, ask: &Ask) -> Reply {
        self.post("offer", "ask", ask).await
    }

    async fn begin(&self) -> Offer {
        let reply: OfferReply = self.send_ask(&self.ask()).await.read();
        verify(&reply.offer, self.0.identity_key()).unwrap()
    }

    async fn progress(&self) -> Progress {
        let (aud, serial) = (self.0.identity().clone(), self.0.serial.parse().unwrap());
        let look = Look { aud, serial, nonce: [5; 16].into() };
        let reply: ViewReply = self.post("look", "look", &look).await.read();
        let view: View = verify(&reply.view, self.0.identity_key()).unwrap();
        assert_eq!((view.aud.to_string(), view.nonce), (self.0.serial.clone(), look.nonce));
        view.progress
    }

    async fn newcomer(&self) -> Newcomer {
        match self.progress().await {
            Progress::Found(newcomer) => newcomer,
            other => panic!("{other:?}"),
        }
    }

    fn consent(&self, newcomer: &Newcomer) -> Consent {
        let consent = Consent {
            aud: self.0.identity().clone(),
            serial: self.0.serial.parse().unwrap(),
            to: newcomer.serial,
            session: newcomer.session.clone(),
            device_key: newcomer.device_key.hash(),
            transcript: newcomer.transcript.clone(),
            time: Timestamp::now(),
            opened: Opened::Pin,
            factor: None,
        };
        self.proven(consent)
    }

    fn proven(&self, mut consent: Consent) -> Consent {
        consent.factor = Some(consent.prove(&self.0.pin_factor(), &self.0.device_key().public_key()));
        consent
    }

    async fn send_consent(&self, consent: &Consent) -> Reply {
        self.post("agree", "consent", consent).await
    }

    async fn cancel(&self, to: &str) -> Reply {
        let (aud, serial) = (self.0.identity().clone(), self.0.serial.parse().unwrap());
        self.post("cancel", "cancel", &Cancel { aud, serial, to: to.parse().unwrap() }).await
    }

    /// What the old phone computes for whoever has used the ticket.
    fn digits(&self, newcomer: &Newcomer) -> ComparisonCode {
        let old = self.0.device_key().public_key().hash();
        ComparisonCode::derive(self.0.identity(), &old, &newcomer.device_key.hash(), &newcomer.transcript)
    }
}

/// The new phone's confirmation, and the token that it stores.
async fn confirm(phone: &Phone, registered: &Registered) -> (Token, Reply) {
    let (token, request) = phone.store(registered);
    let reply = phone.send("confirm", &request).await;
    (token, reply)
}

fn state(server: &Server, serial: &str) -> Value {
    server.try_admin(&["token", "show", serial]).document["token"]["state"].clone()
}

#[test]
fn a_person_moves_a_token_from_one_device_to_another() {
    let server = Server::start();
    let (old, new) = (Desktop::new(), Desktop::new());
    let ticket = server.hand_out("alice");
    old.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);

    let mut moving = old.begin(&["move", "--pin-fd", "0", "--digits-fd", "0"]);
    moving.say(PIN);
    let offered = moving.hear();
    assert_eq!(offered["state"], "offered");
    let mut activating = new.begin(&["activate", offered["link"].as_str().unwrap(), "--pin-fd", "0"]);
    activating.say("135792");
    let shown = activating.hear();
    assert_eq!(shown["state"], "waiting");
    assert_eq!(moving.hear()["state"], "found");
    assert_eq!(old.run(&["code", "--pin-fd", "0"], &[PIN])["serial"], ticket.serial.as_str(), "the old one works");
    moving.say(shown["digits"].as_str().unwrap());
    let moved = moving.hear();
    assert_eq!((&moved["state"], &moved["from"]), (&json!("moved"), &json!(ticket.serial)));
    assert_eq!(moving.end(), Some(0));
    let activated = activating.hear();
    assert_eq!((&activated["state"], &activated["serial"]), (&json!("active"), &offered["serial"]));
    assert_eq!(activating.end(), Some(0));

    assert_eq!(old.run(&["list"], &[])["tokens"], json!([]));
    let code = new.run(&["code", "--pin-fd", "0"], &["135792"]);
    assert_eq!(code["serial"], offered["serial"]);
    assert_eq!(state(&server, code["serial"].as_str().unwrap()), "active");
    assert_eq!(state(&server, &ticket.serial), Value::Null, "the old one is gone");
    for action in ["token.move_offered", "token.move_used", "token.move_agreed", "token.moved"] {
        assert_eq!(server.count_of(action), 1, "{action}");
    }
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[test]
fn wrong_digits_move_nothing() {
    let server = Server::start();
    let (old, new) = (Desktop::new(), Desktop::new());
    let ticket = server.hand_out("alice");
    old.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    let mut moving = old.begin(&["move", "--pin-fd", "0", "--digits-fd", "0"]);
    moving.say(PIN);
    let offered = moving.hear();
    let mut activating = new.begin(&["activate", offered["link"].as_str().unwrap(), "--pin-fd", "0"]);
    activating.say("135792");
    let shown = activating.hear();
    assert_eq!(moving.hear()["state"], "found");
    moving.say(if shown["digits"] == "123456" { "654321" } else { "123456" });
    assert_eq!(moving.hear()["error"]["kind"], "refused");
    assert_eq!(moving.end(), Some(1));
    assert_eq!(activating.hear()["error"]["kind"], "refused", "the new phone is told that it was given up");
    assert_eq!(activating.end(), Some(1));
    assert_eq!(new.run(&["list"], &[])["tokens"], json!([]));
    assert_eq!(old.run(&["code", "--pin-fd", "0"], &[PIN])["serial"], ticket.serial.as_str());
    assert_eq!(server.count_of("token.move_cancelled"), 1);
}

#[tokio::test]
async fn nothing_is_active_before_the_old_phone_has_agreed_and_then_only_the_new_one() {
    let server = Server::start();
    let caller = server.caller("verify,challenge");
    let token = server.activated("alice").await;
    let old = Old(&token);
    assert_eq!(old.progress().await, Progress::Ended, "there is none");
    let offer = old.begin().await;
    assert_eq!(old.progress().await, Progress::Waiting);
    let phone = Phone::shown(&server, &offer.ticket);
    let registered = phone.register().await;
    let (new, reply) = confirm(&phone, &registered).await;
    reply.problem(409, "move-waits");
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    assert!(!accepted(&caller.verify("alice", &new.code()).await));

    let newcomer = old.newcomer().await;
    assert_eq!(newcomer.model.as_str(), "Simulated 1");
    assert_eq!(Some(old.digits(&newcomer)), registered.comparison, "both phones show the same digits");
    let consent = old.consent(&newcomer);
    assert_eq!(old.send_consent(&consent).await.status, 200);
    assert_eq!(old.send_consent(&consent).await.status, 200, "its answer was lost, and it is sent again");
    assert_eq!(old.progress().await, Progress::Agreed);
    assert!(accepted(&caller.verify("alice", &token.code()).await), "the old one works until the new one does");
    let (new, reply) = confirm(&phone, &registered).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(old.progress().await, Progress::Moved, "the old phone hears of it, though its token is gone");
    assert!(!accepted(&caller.verify("alice", &token.code()).await));
    assert!(accepted(&caller.verify("alice", &new.code()).await));
    let again = phone.store(&registered).1;
    assert_eq!(phone.send("confirm", &again).await.status, 200, "its answer was lost");
    old.send_consent(&consent).await.problem(403, "activation-refused");
    assert_eq!(server.count_of("token.moved"), 1);
}

#[tokio::test]
async fn a_thief_of_the_ticket_gets_nothing_without_the_old_phone() {
    let server = Server::start();
    let token = server.activated("alice").await;
    let old = Old(&token);
    let offer = old.begin().await;
    let (thief, mine) = (Phone::shown(&server, &offer.ticket), Phone::shown(&server, &offer.ticket));
    let stolen = thief.register().await;
    confirm(&thief, &stolen).await.1.problem(409, "move-waits");
    // The right phone comes second and is told so; it shows no digits that a person could type.
    let finishing = mine.answer(mine.prove().await);
    let refused = mine.send("finish", finishing.request()).await.problem(403, "activation-policy");
    assert!(refused["detail"].as_str().unwrap().contains("another device"), "{refused}");
    // Whoever else has a device key can't agree in the old phone's place, nor see or end the move.
    let mallory = server.activated("mallory").await;
    let newcomer = old.newcomer().await;
    let consent = old.consent(&newcomer);
    let forged = mallory.device_key().sign_object(&consent).unwrap();
    for serial in [&token.serial, &mallory.serial] {
        let message = json!({"serial": serial, "consent": forged});
        server.wire().post("/v1/device/move/agree", &message).await.problem(403, "activation-refused");
    }
    let own = Old(&mallory).consent(&newcomer);
    Old(&mallory).send_consent(&own).await.problem(409, "refused");
    assert_eq!(Old(&mallory).progress().await, Progress::Ended);
    assert_eq!(Old(&mallory).cancel(&offer.serial.to_string()).await.status, 200, "of their own there is none");
    assert_eq!(old.newcomer().await, newcomer, "it goes on");

    // The person sees a phone that is not theirs, and ends it.
    assert_eq!(old.cancel(&offer.serial.to_string()).await.status, 200);
    assert_eq!(old.progress().await, Progress::Ended);
    confirm(&thief, &stolen).await.1.problem(403, "activation-refused");
    assert_eq!(state(&server, &token.serial), "active");
    assert_eq!(server.count_of("token.activated"), 2, "alice's first one and mallory's");
}

#[tokio::test]
async fn a_move_is_asked_for_and_agreed_to_with_the_pin_and_once() {
    let server = Server::start();
    let token = server.activated("alice").await;
    let old = Old(&token);
    // With the device's key alone, with a proof of something else, for another server, late, and again.
    let bare = Ask { factor: None, ..old.ask() };
    old.send_ask(&bare).await.problem(403, "activation-refused");
    let possession = Ask { factor: None, opened: Opened::Device, ..old.ask() };
    old.send_ask(&possession).await.problem(403, "activation-policy");
    let moved = Ask { nonce: [1; 16].into(), ..old.ask() };
    old.send_ask(&moved).await.problem(403, "activation-refused");
    let mut elsewhere = Ask { aud: [9; 32].into(), ..old.ask() };
    elsewhere.factor = Some(elsewhere.prove(&token.pin_factor(), &token.device_key().public_key()));
    old.send_ask(&elsewhere).await.problem(403, "activation-refused");
    let mut late = Ask { time: Timestamp::now() - jiff::SignedDuration::from_secs(400), ..old.ask() };
    late.factor = Some(late.prove(&token.pin_factor(), &token.device_key().public_key()));
    old.send_ask(&late).await.problem(403, "activation-refused");
    let once = old.ask();
    assert_eq!(old.send_ask(&once).await.status, 200);
    old.send_ask(&once).await.problem(403, "activation-refused");

    // A later ask ends the earlier ticket.
    let (first, second) = (old.begin().await, old.begin().await);
    let early = Phone::shown(&server, &first.ticket);
    assert!(early.try_prove().await.is_err());
    let phone = Phone::shown(&server, &second.ticket);
    let registered = phone.register().await;
    let newcomer = old.newcomer().await;
    // A consent to another handshake, another key, or without the PIN.
    let right = old.consent(&newcomer);
    for wrong in [
        Consent { session: [1; 16].into(), ..right.clone() },
        Consent { transcript: [1; 32].into(), ..right.clone() },
        Consent { device_key: [1; 32].into(), ..right.clone() },
        Consent { to: first.serial, ..right.clone() },
    ] {
        old.send_consent(&wrong).await.problem(403, "activation-refused");
        old.send_consent(&old.proven(wrong)).await.problem(403, "activation-policy");
    }
    let possession = Consent { factor: None, opened: Opened::Device, ..right.clone() };
    old.send_consent(&possession).await.problem(403, "activation-policy");
    confirm(&phone, &registered).await.1.problem(409, "move-waits");
    assert_eq!(old.send_consent(&right).await.status, 200);
    assert_eq!(confirm(&phone, &registered).await.1.status, 200);
}

#[tokio::test]
async fn an_old_token_that_was_disabled_meanwhile_does_not_move() {
    let server = Server::start();
    let token = server.activated("alice").await;
    let old = Old(&token);
    let offer = old.begin().await;
    let phone = Phone::shown(&server, &offer.ticket);
    let registered = phone.register().await;
    assert_eq!(old.send_consent(&old.consent(&old.newcomer().await)).await.status, 200);
    server.admin(&["token", "disable", &token.serial]);
    confirm(&phone, &registered).await.1.problem(403, "activation-refused");
    assert_eq!(state(&server, &token.serial), "disabled");
    server.admin(&["token", "enable", &token.serial]);
    assert_eq!(confirm(&phone, &registered).await.1.status, 200, "it goes on where it was");
}

#[tokio::test]
async fn a_kill_at_each_point_leaves_the_old_one_or_the_new_one() {
    let mut server = Server::start();
    let key = server.application("shop", "verify");
    let mut token = server.activated("alice").await;
    let offer = Old(&token).begin().await;
    let mut phone = Phone::shown(&server, &offer.ticket);
    let restart = |server: &mut Server, token: &mut Token, phone: &mut Phone| {
        server.kill();
        *server = Server::on(server.installation());
        token.reconnect(server);
        phone.reconnect(server);
        Caller::new(server.wire(), key.clone())
    };
    restart(&mut server, &mut token, &mut phone);
    let registered = phone.register().await;
    let caller = restart(&mut server, &mut token, &mut phone);
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    confirm(&phone, &registered).await.1.problem(409, "move-waits");
    let newcomer = Old(&token).newcomer().await;
    assert_eq!(Old(&token).send_consent(&Old(&token).consent(&newcomer)).await.status, 200);
    let caller = restart(&mut server, &mut token, &mut phone);
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    let (new, reply) = confirm(&phone, &registered).await;
    assert_eq!(reply.status, 200);
    let caller = restart(&mut server, &mut token, &mut phone);
    assert_eq!(Old(&token).progress().await, Progress::Moved);
    assert!(accepted(&caller.verify("alice", &new.code()).await));
    assert!(!accepted(&caller.verify("alice", &token.code()).await));
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test]
async fn a_move_ends_with_its_ticket_and_leaves_nothing() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("a_move_ends_with_its_ticket_and_leaves_nothing", "libfaketime is not installed");
        return;
    };
    let server = Server::with(installation);
    let token = server.activated("alice").await;
    let old = Old(&token);
    let offer = old.begin().await;
    let phone = Phone::shown(&server, &offer.ticket);
    let registered = phone.register().await;
    let consent = old.consent(&old.newcomer().await);
    clock.moved(300 + 600 + 1);
    assert_eq!(old.progress().await, Progress::Ended);
    old.send_consent(&consent).await.problem(409, "refused");
    confirm(&phone, &registered).await.1.problem(403, "activation-refused");
    let mut ask = Ask { time: Timestamp::now() + jiff::SignedDuration::from_secs(901), ..old.ask() };
    ask.factor = Some(ask.prove(&token.pin_factor(), &token.device_key().public_key()));
    assert_eq!(old.send_ask(&ask).await.status, 200);
    assert_eq!(state(&server, &offer.serial.to_string()), Value::Null, "the first one is cleared away");
}
