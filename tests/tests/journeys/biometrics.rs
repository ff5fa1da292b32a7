//! Biometrics: turned on by a phone, proven in its answers, and what attackers, faults and policy make of them.

use jiff::{SignedDuration, Timestamp};
use rand_core::OsRng;
use serde_json::{Value, json};
use symbolon_core::approval::{Decision, Opened};
use symbolon_core::biometrics::{BiometricsOn, BiometricsUpdate, seal_factor_key};
use symbolon_core::keys::FactorKey;
use symbolon_core::moving::Proven;
use symbolon_core::secret::Secret;
use symbolon_core::signed::SigningKey;
use symbolon_tests::{Asked, Caller, Phone, Reply, Server, Ticket, Token};

/// The phone of a token, by hand: what it says of biometrics, and the factor key that it has.
struct Finger<'t> {
    token: &'t Token,
    key: FactorKey,
}

impl<'t> Finger<'t> {
    fn of(token: &'t Token) -> Self {
        Self { token, key: FactorKey::generate(&mut OsRng) }
    }

    fn on(&self, face: bool) -> Option<BiometricsOn> {
        let key = seal_factor_key(self.token.factor_later(), self.token.serial.parse().unwrap(), &self.key, &mut OsRng);
        Some(BiometricsOn { key, face })
    }

    fn update(&self, on: Option<BiometricsOn>) -> BiometricsUpdate {
        let update = BiometricsUpdate {
            aud: self.token.identity().clone(),
            serial: self.token.serial.parse().unwrap(),
            on,
            time: Timestamp::now(),
            opened: Opened::Pin,
            factor: None,
        };
        self.proven(update, &self.token.pin_factor())
    }

    fn proven(&self, mut update: BiometricsUpdate, key: &FactorKey) -> BiometricsUpdate {
        update.factor = Some(update.prove(key, &self.token.device_key().public_key()));
        update
    }

    async fn tell(&self, update: &BiometricsUpdate) -> Reply {
        self.tell_signed(&self.token.device_key(), update).await
    }

    async fn tell_signed(&self, device: &SigningKey, update: &BiometricsUpdate) -> Reply {
        let message = json!({"serial": self.token.serial, "update": device.sign_object(update).unwrap()});
        self.token.wire().post("/v1/device/biometrics", &message).await
    }

    async fn turn_on(&self) {
        let reply = self.tell(&self.update(self.on(false))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Confirms what waits, with the proof of `key` that a finger opened the vault.
    async fn confirm_by(&self, key: &FactorKey) -> Reply {
        let asked: Asked = self.token.requests(10).await.remove(0);
        let answer = self.token.unproven(&asked, Decision::Confirm, None, Opened::Biometric);
        self.token.send_answer(&answer.proven_by(key, &self.token.device_key().public_key())).await
    }

    async fn confirm(&self) -> Reply {
        self.confirm_by(&self.key).await
    }
}

fn sign_in() -> Value {
    json!({"user": "alice", "kind": "approval", "context": {"address": "192.0.2.7"}})
}

async fn journey() -> (Server, Caller, Token) {
    let server = Server::start();
    server.admin(&["policy", "set", "mutual_challenge=off"]);
    let token = server.activated("alice").await;
    let caller = server.caller("challenge");
    (server, caller, token)
}

#[tokio::test]
async fn a_finger_proves_biometry_also_after_the_server_was_killed() {
    let (mut server, caller, token) = journey().await;
    let finger = Finger::of(&token);
    let update = finger.update(finger.on(false));
    for _ in 0..2 {
        assert_eq!(finger.tell(&update).await.status, 200, "sent again since the answer was lost");
    }
    assert_eq!(server.count_of("token.biometrics_on"), 1);
    server.kill();
    server.start_again();
    let asked = caller.challenge(&sign_in()).await;
    assert_eq!(finger.confirm().await.json()["status"], "confirmed");
    let ended = caller.look(&asked, 0).await;
    assert_eq!(ended["factors"], json!(["possession", "biometry"]));

    // Off again: the same proof counts no more, and the PIN does.
    let off = BiometricsUpdate { opened: Opened::Biometric, ..finger.update(None) };
    assert_eq!(finger.tell(&finger.proven(off, &finger.key)).await.status, 200);
    assert_eq!(server.count_of("token.biometrics_off"), 1);
    caller.challenge(&sign_in()).await;
    finger.confirm().await.problem(403, "short-of-policy");
    let asked = token.requests(10).await.remove(0);
    assert_eq!(token.send_answer(&token.answer(&asked, Decision::Confirm, None)).await.json()["status"], "confirmed");
}

#[tokio::test]
async fn nobody_passes_for_a_finger_or_turns_one_on_without_the_open_vault() {
    let (server, caller, token) = journey().await;
    let mallory = server.activated("mallory").await;
    let finger = Finger::of(&token);
    caller.challenge(&sign_in()).await;
    finger.confirm().await.problem(403, "short-of-policy");

    let right = finger.update(finger.on(false));
    let refused = |reply: Reply| reply.problem(403, "activation-refused");
    refused(finger.tell_signed(&mallory.device_key(), &right).await);
    refused(finger.tell(&BiometricsUpdate { factor: None, ..right.clone() }).await);
    refused(finger.tell(&BiometricsUpdate { aud: [9; 32].into(), ..right.clone() }).await);
    refused(finger.tell(&finger.proven(right.clone(), &mallory.pin_factor())).await);
    // The device's key alone has no vault open, and so nothing to seal with.
    let guess = seal_factor_key(&Secret::generate(&mut OsRng), right.serial, &finger.key, &mut OsRng);
    let bare = BiometricsUpdate {
        on: Some(BiometricsOn { key: guess, face: false }),
        opened: Opened::Device,
        factor: None,
        ..right.clone()
    };
    refused(finger.tell(&bare).await);
    server.admin(&["policy", "set", "pin_required=false"]);
    refused(finger.tell(&bare).await);
    server.admin(&["policy", "set", "pin_required=true"]);
    // With the vault open, but without the PIN that the policy asks for.
    let unproven = BiometricsUpdate { opened: Opened::Device, factor: None, ..right.clone() };
    finger.tell(&unproven).await.problem(403, "activation-policy");
    // A proof of one update serves for no other.
    refused(finger.tell(&BiometricsUpdate { on: finger.on(false), ..right.clone() }).await);
    // Not of now.
    for minutes in [-6, 6] {
        let late = BiometricsUpdate { time: right.time + SignedDuration::from_mins(minutes), ..right.clone() };
        refused(finger.tell(&finger.proven(late, &token.pin_factor())).await);
    }
    assert_eq!(server.count_of("token.biometrics_on"), 0);

    finger.turn_on().await;
    // What was said before is played again; a finger turns another on.
    refused(finger.tell(&right).await);
    let again = BiometricsUpdate { opened: Opened::Biometric, ..finger.update(finger.on(false)) };
    finger.tell(&finger.proven(again, &finger.key)).await.problem(403, "activation-policy");
    // The PIN's key proves no finger. Whoever has read the database has the finger's, and not the device's.
    finger.confirm_by(&token.pin_factor()).await.problem(403, "short-of-policy");
    let asked = token.requests(10).await.remove(0);
    let forged = token.unproven(&asked, Decision::Confirm, None, Opened::Biometric);
    let forged = forged.proven_by(&finger.key, &token.device_key().public_key());
    let forged = mallory.device_key().sign_object(&forged).unwrap();
    token.send_signed(&forged).await.problem(403, "answer-refused");
    assert_eq!(finger.confirm().await.json()["status"], "confirmed");
}

#[tokio::test]
async fn the_policy_decides_over_fingers_and_faces_at_once() {
    let (server, caller, token) = journey().await;
    let finger = Finger::of(&token);
    finger.tell(&finger.update(finger.on(true))).await.problem(403, "activation-policy");
    assert_eq!(server.count_of("token.biometrics_refused"), 1);
    server.admin(&["policy", "set", "facial_recognition_allowed=true"]);
    assert_eq!(finger.tell(&finger.update(finger.on(true))).await.status, 200);
    for setting in ["facial_recognition_allowed", "device_biometrics_allowed"] {
        caller.challenge(&sign_in()).await;
        assert_eq!(finger.confirm().await.json()["status"], "confirmed");
        server.admin(&["policy", "set", &format!("{setting}=false")]);
        caller.challenge(&sign_in()).await;
        let problem = finger.confirm().await.problem(403, "short-of-policy");
        assert!(problem["detail"].as_str().unwrap().contains("does not allow"), "{problem}");
        server.admin(&["policy", "set", &format!("{setting}=true")]);
    }
    server.admin(&["policy", "set", "device_biometrics_allowed=false"]);
    finger.tell(&finger.update(finger.on(false))).await.problem(403, "activation-policy");
}

#[tokio::test]
async fn a_new_activation_begins_without_biometrics() {
    let (server, caller, token) = journey().await;
    let finger = Finger::of(&token);
    finger.turn_on().await;
    let ticket = Ticket::read(&server.admin(&["token", "reactivate", &token.serial]));
    let anew = Phone::new(&server, &ticket).activate().await;
    caller.challenge(&sign_in()).await;
    let stale = Finger { token: &anew, key: FactorKey::from_secret(finger.key.secret().duplicate()) };
    stale.confirm().await.problem(403, "short-of-policy");
    finger.tell(&finger.update(finger.on(false))).await.problem(403, "activation-refused");
    assert_eq!(stale.confirm_by(&anew.pin_factor()).await.status, 403);
}
