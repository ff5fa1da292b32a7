//! The audit shows tampering: whoever can write to the database can change an entry, but not unnoticed.

use rusqlite::Connection;
use serde_json::Value;
use symbolon_tests::Server;

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

/// Without a checkpoint from outside nothing can show that an end was cut off; the head that was noted does.
#[test]
fn a_cut_off_end_shows_in_the_head_that_was_kept_elsewhere() {
    let server = server();
    let before = server.admin(&["audit", "verify"]);
    server.database().execute("DELETE FROM audit WHERE sequence > 10", []).unwrap();
    let after = server.admin(&["audit", "verify"]);
    assert_eq!((&before["head"]["sequence"], &after["head"]["sequence"]), (&12.into(), &10.into()));
    assert_ne!(before["head"]["hash"], after["head"]["hash"]);
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
}
