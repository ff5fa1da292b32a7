//! Other keys in the place of those by which phones know the server: who gets on, who is told that it does not, and what
//! an old key is still worth.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use symbolon_tests::{Caller, Clock, Desktop, Installation, Server, Ticket, Token, Wire, accepted, skip};

const PIN: &str = "246813";

/// A desktop with an active token of a new user.
fn desktop_of(server: &Server, user: &str) -> (Desktop, String) {
    let (desktop, ticket) = (Desktop::new(), server.hand_out(user));
    desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    (desktop, ticket.serial)
}

fn contact(desktop: &Desktop) -> symbolon_tests::Outcome {
    desktop.try_run(&["code", "--contact", "--pin-fd", "0"], &[PIN])
}

/// Asks the user of a desktop for an approval, which its person confirms; answers with the receipt.
async fn approved(caller: &Caller, user: &str, desktop: &Desktop) -> Value {
    let asked = caller.challenge(&json!({"user": user, "kind": "approval"})).await;
    let shown = desktop.run(&["requests", "--wait", "20"], &[]);
    assert_eq!(shown["requests"][0]["id"], asked["id"]);
    let value = asked["mutual_challenge"].as_str().unwrap();
    let id = asked["id"].as_str().unwrap();
    let done = desktop.run(&["confirm", id, "--mutual-challenge", value, "--pin-fd", "0"], &[PIN]);
    assert_eq!(done["status"], "confirmed");
    caller.look(&asked, 0).await["receipt"].clone()
}

/// Whether a receipt holds for whoever trusts the identity key with this hash.
fn holds(desktop: &Desktop, receipt: &Value, identity: &str) -> bool {
    let file = desktop.home().join("receipt.json");
    std::fs::write(&file, receipt.to_string()).unwrap();
    // In one word: a hash may begin with a hyphen.
    let identity = format!("--identity={identity}");
    desktop.try_run(&["receipt", "verify", file.to_str().unwrap(), &identity], &[]).exit == Some(0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The states of the published keys, by their hashes.
async fn published(server: &Server) -> Vec<(String, String)> {
    let reply = server.wire().get("/v1/keys").await;
    assert_eq!(reply.content_type, "application/jwk-set+json");
    let keys = reply.json()["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

#[tokio::test]
async fn an_identity_key_is_announced_heard_of_and_takes_over_while_everybody_goes_on() {
    let mut server = Server::start();
    let caller = server.caller("verify,challenge");
    let (alice, serial) = desktop_of(&server, "alice");
    let before = approved(&caller, "alice", &alice).await;
    let checkpoint = text(&server.admin(&["audit", "checkpoint"])["checkpoint"]);
    let old = text(&server.admin(&["key", "show"])["keys"]["identity"]["current"]);
    assert_eq!(published(&server).await, [(old.clone(), "current".into())]);

    let begun = server.admin(&["key", "rotate", "identity"]);
    assert_eq!((&begun["rotated"], &begun["finished"]), (&json!("identity"), &json!(false)));
    let identity = &begun["keys"]["identity"];
    let new = text(&identity["next"]["hash"]);
    assert_eq!((&identity["current"], &identity["former"]), (&json!(old), &json!([])));
    assert_eq!(identity["next"]["waits_for"], json!({"tokens": 1, "serials": [serial], "tickets": 0}));
    assert_eq!(published(&server).await, [(old.clone(), "current".into()), (new.clone(), "next".into())]);
    assert_eq!(server.try_admin(&["key", "rotate", "identity"]).exit, Some(1), "one at a time");
    let early = server.try_admin(&["key", "rotate", "identity", "--finish"]);
    assert_eq!(early.exit, Some(1));
    assert!(
        early.message.contains("have not heard of the next key, and would have to be activated anew: 1;"),
        "{}",
        early.message
    );

    // The one before signs on, for whoever has heard of the next one, too.
    assert!(holds(&alice, &approved(&caller, "alice", &alice).await, &old));
    assert_eq!(contact(&alice).exit, Some(0));
    let waits = || server.admin(&["key", "show"])["keys"]["identity"]["next"]["waits_for"].clone();
    assert_eq!(waits(), json!({"tokens": 0, "serials": [], "tickets": 0}));
    assert!(holds(&alice, &approved(&caller, "alice", &alice).await, &old));

    // A ticket that is out, and an approval that waits, are of the key before.
    let ticket = server.hand_out("bob");
    assert_eq!(waits()["tickets"], 1);
    let waiting = caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;
    assert_eq!(server.try_admin(&["key", "rotate", "identity", "--finish"]).exit, Some(1));
    let finished = server.admin(&["key", "rotate", "identity", "--finish", "--force"]);
    assert_eq!(finished["keys"]["identity"]["current"], json!(new));
    assert_eq!(finished["keys"]["identity"]["former"][0]["hash"], json!(old));
    assert_eq!(caller.look(&waiting, 0).await["status"], "expired");
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "new");
    let refused = Desktop::new().try_run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    assert_eq!(published(&server).await, [(new.clone(), "current".into()), (old.clone(), "former".into())]);

    // Without another contact the desktop takes what the new one signs, and answers it.
    let after = approved(&caller, "alice", &alice).await;
    assert!(holds(&alice, &after, &new) && !holds(&alice, &after, &old));
    assert!(holds(&alice, &before, &old) && !holds(&alice, &before, &new), "what was signed stays signed");
    assert_eq!(contact(&alice).exit, Some(0));
    assert!(holds(&alice, &approved(&caller, "alice", &alice).await, &new));
    let again = Ticket::read(&server.admin(&["token", "activate", &ticket.serial]));
    let bob = Desktop::new();
    bob.run(&["activate", &again.link, "--pin-fd", "0"], &[PIN]);
    assert!(holds(&bob, &approved(&caller, "bob", &bob).await, &new));

    // Checkpoints of before are this server's still, and a start finds the keys as they are.
    let file = server.beside("checkpoints");
    let later = text(&server.admin(&["audit", "checkpoint"])["checkpoint"]);
    std::fs::write(&file, format!("{checkpoint}\n{later}\n")).unwrap();
    let verified = server.admin(&["audit", "verify", "--checkpoint", file.to_str().unwrap()]);
    assert_eq!(verified["intact"], true);
    assert_eq!((server.count_of("key.rotation_begun"), server.count_of("key.rotated")), (1, 1));
    server.kill();
    server.start_again();
    let caller = Caller::new(server.wire(), caller.key);
    assert!(holds(&alice, &approved(&caller, "alice", &alice).await, &new));

    // Another one: the chain goes on.
    server.admin(&["key", "rotate", "identity"]);
    for desktop in [&alice, &bob] {
        assert_eq!(contact(desktop).exit, Some(0));
    }
    let third = server.admin(&["key", "rotate", "identity", "--finish"]);
    let third = text(&third["keys"]["identity"]["current"]);
    assert!(holds(&bob, &approved(&caller, "bob", &bob).await, &third));
    assert_eq!(published(&server).await.len(), 3);
}

#[tokio::test]
async fn who_was_not_told_in_time_is_told_so_and_activates_anew() {
    let server = Server::start();
    let caller = server.caller("verify,challenge");
    let (late, serial) = desktop_of(&server, "alice");
    // A phone of before: it does not say what it has heard.
    let old: Token = server.activated("bob").await;
    server.admin(&["key", "rotate", "identity"]);
    assert_eq!(old.wire().post("/v1/device/contact", &old.question()).await.status, 200);
    let waits = server.admin(&["key", "show"])["keys"]["identity"]["next"]["waits_for"].clone();
    assert_eq!(waits["tokens"], 2);
    server.admin(&["key", "rotate", "identity", "--finish", "--force"]);

    old.wire().post("/v1/device/contact", &old.question()).await.problem(409, "server-key-changed");
    old.wire().post("/v1/device/access", &old.assertion([1; 16])).await.problem(409, "server-key-changed");
    assert!(accepted(&caller.verify("bob", &old.code()).await), "codes have nothing to do with it");
    for arguments in [&["code", "--contact", "--pin-fd", "0"][..], &["requests"]] {
        let refused = late.try_run(arguments, &[PIN]);
        assert_eq!(refused.exit, Some(1), "{arguments:?}");
        assert!(refused.message.contains("has a new identity key"), "{}", refused.message);
    }
    let code = text(&late.run(&["code", "--pin-fd", "0"], &[PIN])["code"]);
    assert!(accepted(&caller.verify("alice", &code).await));

    let again = Ticket::read(&server.admin(&["token", "reactivate", &serial]));
    late.run(&["remove", &serial], &[]);
    late.run(&["activate", &again.link, "--pin-fd", "0"], &[PIN]);
    let receipt = approved(&caller, "alice", &late).await;
    assert!(holds(&late, &receipt, &text(&server.admin(&["key", "show"])["keys"]["identity"]["current"])));
}

/// Both phones of a move compute their digits with the key that its ticket names, whichever the old phone pins.
#[test]
fn a_phone_that_has_heard_of_a_key_moves_its_token_once_that_has_taken_over() {
    let server = Server::start();
    let (old, serial) = desktop_of(&server, "alice");
    server.admin(&["key", "rotate", "identity"]);
    assert_eq!(contact(&old).exit, Some(0));
    server.admin(&["key", "rotate", "identity", "--finish"]);
    let new = Desktop::new();
    let mut moving = old.begin(&["move", "--pin-fd", "0", "--digits-fd", "0"]);
    moving.say(PIN);
    let offered = moving.hear();
    let mut activating = new.begin(&["activate", offered["link"].as_str().unwrap(), "--pin-fd", "0"]);
    activating.say(PIN);
    let shown = activating.hear();
    assert_eq!(moving.hear()["state"], "found");
    moving.say(shown["digits"].as_str().unwrap());
    let moved = moving.hear();
    assert_eq!((&moved["state"], &moved["from"]), (&json!("moved"), &json!(serial)));
    assert_eq!(activating.hear()["state"], "active");
    assert_eq!((moving.end(), activating.end()), (Some(0), Some(0)));
}

/// What is restored from before the change is not believed by who has come further; taken up again, it is by who has heard.
#[tokio::test]
async fn a_backup_of_between_the_steps_goes_on_to_the_second() {
    let mut server = Server::start();
    let (alice, serial) = desktop_of(&server, "alice");
    server.admin(&["key", "rotate", "identity"]);
    assert_eq!(contact(&alice).exit, Some(0));
    let backup = server.beside("between.db");
    server.admin(&["backup", "create", backup.to_str().unwrap()]);
    server.admin(&["key", "rotate", "identity", "--finish"]);
    assert_eq!(contact(&alice).exit, Some(0));
    server.kill();
    server.admin(&["backup", "restore", backup.to_str().unwrap()]);
    server.start_again();
    assert_ne!(contact(&alice).exit, Some(0), "the key before signs nothing for it any more");
    server.admin(&["key", "rotate", "identity", "--finish"]);
    assert_eq!(contact(&alice).exit, Some(0));
    server.admin(&["backup", "confirm", &serial]);
    let caller = server.caller("challenge");
    approved(&caller, "alice", &alice).await;
}

/// Waits until the server shows certificates that whoever trusts only `authority` takes.
async fn shown_under(server: &Server, authority: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let wire = Wire::trusting(&server.url, authority.as_bytes());
        if Wire::try_send(wire.request("GET", "/healthz")).await.is_ok_and(|reply| reply.status == 200) {
            return;
        }
        assert!(Instant::now() < until, "the server does not come under it");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn certificates(server: &Server) -> Vec<String> {
    let text = std::fs::read_to_string(server.data_dir().join("authority.pem")).unwrap();
    text.split_inclusive("-----END CERTIFICATE-----\n").map(str::to_owned).collect()
}

/// Waits until so many certificates are laid out.
async fn laid_out(server: &Server, number: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(60);
    while certificates(server).len() != number {
        assert!(Instant::now() < until, "{} certificates", certificates(server).len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    certificates(server)
}

#[tokio::test]
async fn another_authority_takes_over_by_the_word_of_the_one_before_and_that_one_is_forgotten() {
    let mut server = Server::start();
    let caller = server.caller("challenge");
    let [(alice, _), (late, _)] = ["alice", "late"].map(|user| desktop_of(&server, user));
    let backup = server.beside("before.db");
    server.admin(&["backup", "create", backup.to_str().unwrap()]);
    let [first] = laid_out(&server, 1).await.try_into().unwrap();

    let begun = server.admin(&["key", "rotate", "tls"]);
    let [_, second] = laid_out(&server, 2).await.try_into().unwrap();
    assert_eq!(server.try_admin(&["key", "rotate", "tls"]).exit, Some(1), "one at a time");
    let ticket = server.hand_out("bob");
    shown_under(&server, &first).await;
    let finished = server.admin(&["key", "rotate", "tls", "--finish"]);
    assert_eq!(finished["keys"]["tls"]["current"], begun["keys"]["tls"]["next"]["hash"]);
    assert_eq!(finished["keys"]["tls"]["behind"], 2, "they get on, and do not know it yet");
    shown_under(&server, &second).await;
    assert_eq!(laid_out(&server, 1).await, [second]);
    assert!(server.hand_out("carol").link.contains(&text(&finished["keys"]["tls"]["current"])));

    // Who trusts the one before gets on: a program, a ticket, a token that has heard of nothing.
    shown_under(&server, &first).await;
    let bob = Desktop::new();
    bob.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    approved(&caller, "bob", &bob).await;
    assert_eq!(contact(&alice).exit, Some(0));
    approved(&caller, "alice", &alice).await;
    assert_eq!(server.admin(&["key", "show"])["keys"]["tls"]["behind"], 1);

    // Once more, that one would be too far behind.
    server.admin(&["key", "rotate", "tls"]);
    let refused = server.try_admin(&["key", "rotate", "tls", "--finish"]);
    assert_eq!(refused.exit, Some(1));
    assert!(
        refused.message.contains("have not heard of the authority in use since it was changed last: 1."),
        "{}",
        refused.message
    );
    server.kill();
    server.start_again();
    assert_eq!(contact(&late).exit, Some(0));
    server.admin(&["key", "rotate", "tls", "--finish"]);
    let [third] = loop {
        if let Ok(one) = <[String; 1]>::try_from(certificates(&server)) {
            break one;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    shown_under(&server, &third).await;
    assert_eq!(contact(&alice).exit, Some(0));

    // Whoever has the first authority's key, here a restored server, is not let in by who has heard of another.
    server.kill();
    server.admin(&["backup", "restore", backup.to_str().unwrap()]);
    server.start_again();
    let refused = contact(&alice);
    assert_eq!(refused.exit, Some(3), "{}", refused.message);
    assert!(refused.message.contains("does not prove"), "{}", refused.message);
}

#[tokio::test]
async fn programs_change_keys_and_the_doctor_names_what_was_forgotten() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("programs_change_keys_and_the_doctor_names_what_was_forgotten", "libfaketime is not installed");
        return;
    };
    let server = Server::with(installation);
    let admin = server.caller("admin");
    let call = async |method: &str, path: &str| admin.call(method, &format!("/v1/admin/keys{path}"), &json!({})).await;
    let first = admin.get("/v1/admin/keys").await.json();
    assert_eq!((&first["version"], first["identity"].get("next")), (&json!(0), None));
    call("POST", "/identity/finish").await.problem(409, "refused");
    for wrong in ["/master/rotate", "/identity/finish?force=perhaps"] {
        assert_eq!(call("POST", wrong).await.status, 400, "{wrong}");
    }
    let next = call("POST", "/identity/rotate").await.json()["identity"]["next"]["hash"].clone();
    call("POST", "/tls/rotate").await.json()["tls"]["next"]["hash"].as_str().unwrap();
    let doctor = || server.try_command(&["doctor"]).done();
    let keys = |report: &Value| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|finding| finding["check"] == "keys").unwrap().clone()
    };
    assert_eq!(keys(&doctor())["result"], "good");
    clock.moved(31 * 86_400);
    let named = keys(&doctor());
    assert_eq!(named["result"], "warning");
    assert!(named["advice"].as_str().unwrap().contains("key rotate identity --finish"), "{named}");
    clock.moved(0);
    for key in ["identity", "tls"] {
        assert_eq!(call("POST", &format!("/{key}/finish")).await.status, 200);
    }
    assert_eq!(admin.get("/v1/admin/keys").await.json()["identity"]["current"], next);
    assert_eq!(keys(&doctor())["finding"], "no change of a key is under way");

    let behind_a_proxy = Server::with(Installation::new().over_plain_http());
    let refused = behind_a_proxy.try_admin(&["key", "rotate", "tls"]);
    assert_eq!(refused.exit, Some(1));
    assert!(refused.message.contains("no TLS authority of its own in use"), "{}", refused.message);
    assert!(behind_a_proxy.admin(&["key", "show"])["keys"].get("tls").is_none());
}
