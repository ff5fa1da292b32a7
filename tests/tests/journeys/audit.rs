//! The audit shows tampering: whoever can write to the database can change an entry, but not unnoticed.

use rusqlite::Connection;
use serde_json::Value;
use symbolon_tests::{Installation, Outcome, Server, Wire};

/// A server with a dozen entries.
fn server() -> Server {
    let server = Server::start();
    for user in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
        server.admin(&["user", "add", user]);
    }
    server
}

/// Tampers, and answers the first bad entry that is named.
#[track_caller]
fn named_after(tamper: impl FnOnce(&Connection)) -> Value {
    let server = server();
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
    tamper(&server.database());
    let outcome = server.try_admin(&["audit", "verify"]);
    assert_eq!(outcome.exit, Some(1), "{}", outcome.output);
    assert_eq!(outcome.document["intact"], false);
    assert!(outcome.document["broken"]["reason"].is_string());
    outcome.document["broken"]["sequence"].clone()
}

fn execute(connection: &Connection, sql: &str) {
    assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
}

#[test]
fn a_changed_byte_is_named() {
    let named = named_after(|database| {
        execute(database, "UPDATE audit SET entry = replace(entry, '\"e\"', '\"x\"') WHERE sequence = 5");
    });
    assert_eq!(named, 5);
}

#[test]
fn a_change_with_a_hash_that_fits_is_named_at_the_next_entry() {
    let named = named_after(|database| {
        let hash = "(SELECT hash FROM audit WHERE sequence = 4)";
        execute(database, &format!("UPDATE audit SET hash = {hash} WHERE sequence = 5"));
    });
    assert_eq!(named, 5);
}

#[test]
fn a_dropped_entry_is_named() {
    assert_eq!(named_after(|database| execute(database, "DELETE FROM audit WHERE sequence = 7")), 7);
}

#[test]
fn a_dropped_first_entry_is_named() {
    assert_eq!(named_after(|database| execute(database, "DELETE FROM audit WHERE sequence = 1")), 1);
}

#[test]
fn dropping_an_entry_and_closing_the_gap_is_named() {
    let named = named_after(|database| {
        execute(database, "DELETE FROM audit WHERE sequence = 7");
        database.execute("UPDATE audit SET sequence = sequence - 1 WHERE sequence > 7", []).unwrap();
    });
    assert_eq!(named, 7);
}

#[test]
fn two_entries_that_changed_places_are_named() {
    let named = named_after(|database| {
        execute(database, "UPDATE audit SET sequence = 100 WHERE sequence = 3");
        execute(database, "UPDATE audit SET sequence = 3 WHERE sequence = 4");
        execute(database, "UPDATE audit SET sequence = 4 WHERE sequence = 100");
    });
    assert_eq!(named, 3);
}

#[test]
fn a_shortened_hash_is_named() {
    assert_eq!(named_after(|database| execute(database, "UPDATE audit SET hash = x'00' WHERE sequence = 6")), 6);
}

#[test]
fn a_changed_time_is_named() {
    let named = named_after(|database| execute(database, "UPDATE audit SET time = time - 60000 WHERE sequence = 9"));
    assert_eq!(named, 9);
}

#[test]
fn an_inserted_entry_is_named() {
    let named = named_after(|database| {
        let columns = "SELECT 13, time, replace(entry, '12', '13'), hash FROM audit WHERE sequence = 12";
        execute(database, &format!("INSERT INTO audit {columns}"));
    });
    assert_eq!(named, 13);
}

/// Writes a file of checkpoints, and answers what a walk along the chain says with it.
fn verify_with(server: &Server, checkpoints: &str) -> Outcome {
    let file = server.beside("kept.jws");
    std::fs::write(&file, checkpoints).unwrap();
    server.try_admin(&["audit", "verify", "--checkpoint", file.to_str().unwrap()])
}

fn checkpoint(server: &Server) -> String {
    server.admin(&["audit", "checkpoint"])["checkpoint"].as_str().unwrap().to_owned()
}

#[test]
fn a_cut_off_end_is_found_with_a_checkpoint_that_was_kept_elsewhere() {
    let server = server();
    let kept = checkpoint(&server);
    server.admin(&["user", "add", "m"]);
    assert_eq!(verify_with(&server, &kept).done()["intact"], true, "the audit has grown since");
    server.database().execute("DELETE FROM audit WHERE sequence > 10", []).unwrap();
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true, "without a checkpoint nothing shows it");
    let outcome = verify_with(&server, &kept);
    assert_eq!(outcome.exit, Some(1), "{}", outcome.output);
    assert_eq!(outcome.document["broken"]["sequence"], 11);
    assert!(outcome.document["broken"]["reason"].as_str().unwrap().contains("12 entries"), "{}", outcome.output);
    // Filled up again, the entries are others.
    for user in ["x", "y", "z"] {
        server.admin(&["user", "add", user]);
    }
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
    let outcome = verify_with(&server, &kept);
    assert_eq!(
        (outcome.exit, &outcome.document["broken"]["sequence"]),
        (Some(1), &Value::from(12)),
        "{}",
        outcome.output
    );
}

#[test]
fn only_checkpoints_that_this_server_signed_are_believed() {
    let (server, other) = (server(), server());
    let kept = checkpoint(&server);
    let foreign = checkpoint(&other);
    let mut forged = kept.clone();
    let end = forged.pop().unwrap();
    forged.push(if end == 'A' { 'Q' } else { 'A' });
    let two = format!("{kept}\n\n{foreign}\n");
    for wrong in ["", "\n", "nonsense", &foreign, &forged, &two] {
        assert_eq!(verify_with(&server, wrong).exit, Some(2), "{wrong}");
    }
    assert_eq!(verify_with(&server, &format!("{kept}\n{kept}\n")).exit, Some(0));
    assert_eq!(server.try_admin(&["audit", "verify", "--checkpoint", "/nowhere/at all"]).exit, Some(2));
}

#[tokio::test]
async fn checkpoints_go_to_the_folder_and_to_the_log_at_each_start_and_as_the_audit_grows() {
    let installation = Installation::new();
    let folder = installation.beside("elsewhere");
    let installation = installation
        .configured("AUDIT__CHECKPOINTS", folder.to_str().unwrap())
        .configured("AUDIT__CHECKPOINT_EVERY", "1");
    let mut server = Server::with(installation);
    let file = folder.join("checkpoints.jws");
    let lines = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
    let grown = async |least: usize| {
        for _ in 0..300 {
            if lines() >= least {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{} checkpoints, expected {least}", lines());
    };
    server.admin(&["user", "add", "a"]);
    grown(1).await;
    server.admin(&["user", "add", "b"]);
    grown(2).await;
    server.kill();
    server.start_again();
    grown(3).await;
    let by_hand = server.admin(&["audit", "checkpoint"]);
    assert_eq!(by_hand["file"], file.to_str().unwrap());
    let by_api = Wire::send(server.caller("admin").request("POST", "/v1/admin/audit/checkpoint")).await.json();
    assert!(by_api["sequence"].as_u64() >= by_hand["sequence"].as_u64());
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(server.log().contains(kept.lines().next().unwrap()), "the log has them, too");
    let all = format!("{kept}{}", by_api["checkpoint"].as_str().unwrap());
    assert_eq!(verify_with(&server, &all).done()["checkpoints"], all.lines().count());
}

#[test]
fn a_spreadsheet_finds_no_formula_in_the_export() {
    let server = Server::start();
    for user in ["=1+1", "@sum", "-2", "+3", "plain, \"quoted\""] {
        server.admin(&["user", "add", "--", user]);
    }
    let export = server.try_admin(&["audit", "export", "--format", "csv"]);
    assert_eq!(export.exit, Some(0), "{}", export.message);
    let lines: Vec<&str> = export.output.lines().collect();
    assert_eq!(lines[0], "sequence,time,actor,action,user,token,details");
    let users: Vec<&str> = lines[1..].iter().map(|line| line.split("user.added,").nth(1).unwrap()).collect();
    assert_eq!(users, ["'=1+1,,", "'@sum,,", "'-2,,", "'+3,,", "\"plain, \"\"quoted\"\"\",,"]);
}

#[test]
fn the_export_is_one_entry_a_line_in_order() {
    let server = server();
    let entries = server.audit();
    let numbers: Vec<u64> = entries.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<u64>>());
    assert!(entries.iter().all(|entry| entry["actor"] == "command line" && entry["action"] == "user.added"));
    let from = entries[6]["time"].as_str().unwrap();
    let later = server.try_admin(&["audit", "export", "--from", from]);
    assert_eq!(later.output.lines().count(), 6, "{}", later.output);
    let export = |bounds: &[&str]| server.try_admin(&[&["audit", "export"], bounds].concat());
    let day = from.split('T').next().unwrap();
    for (bounds, count) in [(["--from", day], 12), (["--to", day], 0)] {
        assert_eq!(export(&bounds).output.lines().count(), count, "{bounds:?}");
    }
    let backwards = export(&["--from", from, "--to", day]);
    assert_eq!(backwards.exit, Some(2), "{}", backwards.message);
    let wrong = export(&["--from", "30.11.2026"]);
    assert_eq!(wrong.exit, Some(2));
    assert!(wrong.message.contains("2026-11-30"), "{}", wrong.message);
}
