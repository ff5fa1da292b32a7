//! Backups: made while the server decides, looked at, restored; what a restored server still believes; another master
//! key.

use serde_json::{Value, json};
use symbolon_core::otp::details_challenge;
use symbolon_tests::{Caller, Clock, Imported, Installation, Server, accepted, reason, skip};

#[tokio::test]
async fn a_restored_server_takes_no_code_twice_and_trusts_no_device_before_somebody_looked() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("a_restored_server_takes_no_code_twice", "libfaketime is not installed");
        return;
    };
    let mut server = Server::with(installation);
    let caller = server.caller("verify,challenge");
    let alice = server.activated("alice").await;
    let imported = [Imported::totp("bob", "SW-1", "sha256", 8, 30), Imported::hotp("carol", "YK-1")];
    let [bob, carol] = &imported;
    let _ = server.import(Imported::csv(&imported).as_bytes(), &[]).done();
    assert!(accepted(&caller.verify("carol", &carol.code_of_event(3)).await));
    let waiting = server.hand_out("dave");

    let file = server.beside("backup.db");
    let path = file.to_str().unwrap();
    let made = server.admin(&["backup", "create", path]);
    assert_eq!((&made["tokens"], &made["audit"]["intact"]), (&json!(4), &json!(true)));
    assert_eq!(server.admin(&["backup", "verify", path]), made);
    assert_eq!(server.try_admin(&["backup", "create", path]).exit, Some(1), "no file is written over");
    let nowhere = server.beside("nowhere").join("backup.db");
    assert_eq!(server.try_admin(&["backup", "create", nowhere.to_str().unwrap()]).exit, Some(2));

    // After the backup: codes are used, also by a token whose clock is far ahead, details are signed, a token is given to
    // another phone.
    let used = bob.code_at(9);
    assert!(accepted(&caller.verify("bob", &used).await));
    server.admin(&["token", "reset", "SW-1", &bob.code_at(100), &bob.code_at(101)]);
    let far_ahead = bob.code_at(105);
    assert!(accepted(&caller.verify("bob", &far_ahead).await));
    let details = [("To", "ES91 2100 0418"), ("Amount", "12.50 EUR")];
    let payment = json!({"user": "alice", "kind": "typed", "transaction": {"summary": "Pay 12.50 EUR", "details":
        details.map(|(name, value)| json!({"name": name, "value": value}))}});
    let signature = alice.respond(&details_challenge(&details.map(|(_, value)| value)).unwrap().to_string());
    let signed = caller.challenge(&payment).await;
    assert_eq!(caller.answer(&signed, &signature).await.read::<Value>()["status"], "confirmed");
    assert!(accepted(&caller.verify("carol", &carol.code_of_event(6)).await));
    server.admin(&["token", "reactivate", &alice.serial]);
    server.admin(&["application", "remove", "verify,challenge 0"]);
    let later = server.beside("audit.jsonl");
    let audit: Vec<String> = server.audit().iter().map(Value::to_string).collect();
    std::fs::write(&later, audit.join("\n")).unwrap();

    let refused = server.try_admin(&["backup", "restore", path]);
    assert_eq!(refused.exit, Some(1), "a server runs: {}", refused.message);
    server.kill();
    let restored = server.admin(&["backup", "restore", path]);
    assert!(std::path::Path::new(restored["replaced"].as_str().unwrap()).exists(), "what was there is kept");
    server.start_again();
    let caller = Caller::new(server.wire(), caller.key);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
    assert_eq!(server.count_of("backup.restored"), 1);

    // Nothing that was used, or may have been, counts again.
    for step in 8..=20 {
        assert_eq!(reason(&caller.verify("bob", &bob.code_at(step)).await), "replayed", "step {step}");
    }
    assert_eq!(server.admin(&["token", "show", &waiting.serial])["token"]["state"], "new", "its ticket is void");
    let signed = caller.challenge(&payment).await;
    assert_eq!(caller.answer(&signed, &signature).await.read::<Value>()["status"], "pending");
    clock.moved(100 * 30);
    assert_eq!(reason(&caller.verify("bob", &far_ahead).await), "replayed");
    clock.moved(143 * 30);
    assert!(accepted(&caller.verify("bob", &bob.code_at(144)).await));
    assert_eq!(reason(&caller.verify("carol", &carol.code_of_event(6)).await), "outside_window");
    server.admin(&["token", "reset", "YK-1", &carol.code_of_event(7), &carol.code_of_event(8)]);
    assert!(accepted(&caller.verify("carol", &carol.code_of_event(9)).await));

    // Its device was taken away after the backup, which this database does not know.
    let approval = json!({"user": "alice", "kind": "approval"});
    let none = caller.call("POST", "/v1/challenges", &approval).await.problem(409, "challenge");
    assert_eq!(none["reason"], "no_capable_token");
    assert_eq!(server.admin(&["token", "show", &alice.serial])["waits_for"], "confirm");
    let restored = |report: &Value| {
        report["checks"].as_array().unwrap().iter().find(|finding| finding["check"] == "restored").cloned()
    };
    let warned = restored(&server.try_command(&["doctor"]).done()).unwrap();
    assert_eq!(warned["result"], "warning", "{warned}");
    assert!(warned["finding"].as_str().unwrap().ends_with(": 1 token"), "{warned}");
    let waiting = server.admin(&["backup", "waiting", "--audit", later.to_str().unwrap()]);
    assert_eq!(
        waiting["waiting"],
        json!([{"serial": alice.serial, "user": "alice", "needs": "confirm",
            "since": ["challenge.created", "challenge.ended", "token.reactivated"]}])
    );
    let back = waiting["taken_away"].as_array().unwrap();
    assert_eq!(back.iter().map(|entry| &entry["action"]).collect::<Vec<_>>(), ["application.removed"]);
    assert_eq!(server.try_admin(&["backup", "confirm", "YK-1"]).exit, Some(1), "it waits for nothing any more");
    assert_eq!(server.admin(&["backup", "confirm", "--all"])["confirmed"], json!([alice.serial]));
    assert_eq!(caller.challenge(&approval).await["status"], "pending");
    assert_eq!(restored(&server.try_command(&["doctor"]).done()), None);
    assert_eq!(server.admin(&["token", "show", &alice.serial]).get("waits_for"), None);
}

#[test]
fn what_is_no_whole_backup_of_this_installation_is_refused_and_changes_nothing() {
    let mut server = Server::start();
    server.admin(&["user", "add", "alice"]);
    let file = server.beside("backup.db");
    let path = file.to_str().unwrap();
    server.admin(&["backup", "create", path]);
    server.kill();
    let whole = std::fs::read(&file).unwrap();
    let state = server.audit();
    let bad = server.beside("bad.db");
    let path_of_bad = bad.to_str().unwrap();
    let refuses = |bytes: &[u8], exit: i32, what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        for command in ["verify", "restore"] {
            let outcome = server.try_admin(&["backup", command, path_of_bad]);
            assert_eq!(outcome.exit, Some(exit), "{what}, {command}: {outcome:?}");
            assert!(outcome.message.is_empty() || outcome.message.contains(path_of_bad), "{}", outcome.message);
        }
        assert_eq!(server.audit(), state, "{what}");
    };
    refuses(b"", 1, "an empty file");
    refuses(b"no database at all", 2, "a text");
    refuses(&whole[..whole.len() / 2], 1, "half of it");
    let mut changed = whole.clone();
    let entry = whole.windows(10).position(|bytes| bytes == b"user.added").unwrap();
    changed[entry] ^= 1;
    refuses(&changed, 1, "an entry of its audit that was changed");

    let other = Server::start();
    let elsewhere = other.beside("elsewhere.db");
    other.admin(&["backup", "create", elsewhere.to_str().unwrap()]);
    refuses(&std::fs::read(&elsewhere).unwrap(), 2, "another installation's, under another master key");
    let said = server.try_admin(&["backup", "verify", path_of_bad]).message;
    assert!(said.contains("another master key"), "{said}");
    assert_eq!(server.try_admin(&["backup", "verify", "/no/such/file"]).exit, Some(2));

    // Whatever was in the database's place is kept, however often one is restored.
    let kept: Vec<Value> = (0..3).map(|_| server.admin(&["backup", "restore", path])["replaced"].clone()).collect();
    for number in 1..=3 {
        let name = server.data_dir().join(format!("symbolon.db.replaced-{number}"));
        assert_eq!(kept[number - 1], name.to_str().unwrap());
        assert!(name.exists());
    }
    assert_eq!(server.admin(&["user", "show", "alice"])["user"]["name"], "alice");
}

#[tokio::test]
async fn the_master_key_is_changed_while_the_server_runs() {
    let mut server = Server::start();
    let token = server.activated("alice").await;
    let caller = server.caller("verify");
    let file = server.data_dir().join("master.key");
    let old = std::fs::read(&file).unwrap();
    let backup = server.beside("before.db");
    server.admin(&["backup", "create", backup.to_str().unwrap()]);
    let rotated = server.admin(&["key", "rotate", "master"]);
    let new = std::fs::read(&file).unwrap();
    assert_ne!(old, new);
    let kept = std::path::Path::new(rotated["old_key"].as_str().unwrap());
    assert_eq!(std::fs::read(kept).unwrap(), old, "it opens the backups made before");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept.metadata().unwrap().permissions()) & 0o777, 0o600);
    assert_eq!(server.try_admin(&["backup", "verify", backup.to_str().unwrap()]).exit, Some(2));
    assert!(accepted(&caller.verify("alice", &token.code()).await), "it goes on");
    server.kill();
    server.start_again();
    let caller = Caller::new(server.wire(), caller.key);
    assert!(accepted(&caller.verify("alice", &token.code()).await));

    // The power failed between the database and the file: the new key lies beside the old one.
    server.kill();
    std::fs::rename(&file, file.with_extension("key.next")).unwrap();
    std::fs::write(&file, &old).unwrap();
    server.start_again();
    assert_eq!(std::fs::read(&file).unwrap(), new);
    server.kill();
    std::fs::write(&file, &old).unwrap();
    let refused = Server::launch(server.installation(), "127.0.0.1:0").err().unwrap();
    assert!(refused.contains("do not belong together"), "{refused}");
    assert_eq!(server.try_admin(&["backup", "verify", backup.to_str().unwrap()]).exit, Some(0), "the old one's backup");
    std::fs::write(&file, &new).unwrap();
    server.start_again();
    assert_eq!(server.count_of("key.rotated"), 1);
}
