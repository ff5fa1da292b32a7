//! A clock that jumps back: used codes would count again, so nothing is decided until a person has looked.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use symbolon_core::frame::FrameWriter;
use symbolon_core::keys::sha256;
use symbolon_tests::{Clock, Installation, Phone, Server, Ticket, accepted, reason, skip};

/// Appends an entry that was written in the future, well chained: what a server finds whose clock has jumped back.
fn write_in_the_future(server: &Server, ahead: SignedDuration) {
    let database = server.database();
    let head = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";
    let (sequence, previous): (i64, Vec<u8>) =
        database.query_row(head, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let time = Timestamp::from_millisecond((Timestamp::now() + ahead).as_millisecond()).unwrap();
    let entry = json!({"sequence": sequence + 1, "time": time, "actor": "server", "action": "test.future"}).to_string();
    let frame = FrameWriter::default().field(b"symbolon/1/audit").field(&previous).field(entry.as_bytes());
    let row = rusqlite::params![sequence + 1, time.as_millisecond(), entry, sha256(frame.as_bytes())];
    database.execute("INSERT INTO audit (sequence, time, entry, hash) VALUES (?, ?, ?, ?)", row).unwrap();
}

#[tokio::test]
async fn a_clock_that_jumped_back_stops_all_decisions_until_it_is_accepted() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("a_clock_that_jumped_back_stops_all_decisions_until_it_is_accepted", "libfaketime is not installed");
        return;
    };
    let server = Server::with(installation);
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    let used = token.code();
    assert!(accepted(&caller.verify("alice", &used).await));

    // Small corrections are no jump.
    clock.moved(-3);
    assert_eq!(caller.get("/readyz").await.status, 200);

    clock.moved(-90);
    caller.get("/readyz").await.problem(503, "clock-behind");
    let next = token.code();
    caller.try_verify("alice", &next).await.unwrap().problem(503, "clock-behind");
    caller.try_verify("alice", &used).await.unwrap().problem(503, "clock-behind");
    assert_eq!(caller.get("/healthz").await.status, 200);
    let refused = server.try_admin(&["user", "add", "bob"]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    assert!(refused.message.contains("admin clock accept"), "{}", refused.message);

    server.admin(&["clock", "accept"]);
    assert_eq!(caller.get("/readyz").await.status, 200);
    assert_eq!(reason(&caller.verify("alice", &used).await), "replayed", "a used code stays used");
    assert!(accepted(&caller.verify("alice", &next).await));
    assert_eq!(server.count_of("clock.accepted"), 1);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

/// The same on a machine whose clock no test can move: the database says what the clock was.
#[tokio::test]
async fn a_clock_that_stands_before_the_last_entry_is_noticed_by_everything_that_decides() {
    let server = Server::start();
    let caller = server.caller("verify");
    let waiting = server.hand_out("dan");
    let token = server.activated("alice").await;
    let (used, unused) = (token.code(), token.code());
    assert!(accepted(&caller.verify("alice", &used).await));

    write_in_the_future(&server, SignedDuration::from_secs(4));
    assert_eq!(caller.get("/readyz").await.status, 200, "five seconds are nothing");
    write_in_the_future(&server, SignedDuration::from_hours(1));
    caller.get("/readyz").await.problem(503, "clock-behind");
    for user in ["alice", "dan", "nobody"] {
        caller.try_verify(user, &unused).await.unwrap().problem(503, "clock-behind");
    }
    let phone = Phone::new(&server, &waiting);
    phone.send("start", phone.begin().request()).await.problem(503, "clock-behind");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);

    assert!(server.admin(&["clock", "accept"])["time"].is_string());
    assert_eq!(caller.get("/readyz").await.status, 200);
    assert_eq!(reason(&caller.verify("alice", &used).await), "replayed");
    assert!(accepted(&caller.verify("alice", &unused).await), "what was not decided is not used");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);

    // Times do not rise with the numbers any more, and each entry is found by its own.
    let admin = server.caller("admin");
    let find = async |bound: &str, ahead: SignedDuration| {
        let time = Timestamp::now() + ahead;
        let found = admin.get(&format!("/v1/admin/audit/search?limit=1000&{bound}={time}")).await.json();
        let entries = found["entries"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("from", SignedDuration::from_mins(30)).await, ["test.future"]);
    let earlier = find("to", SignedDuration::from_mins(1)).await;
    assert!(earlier.contains(&"clock.accepted".into()) && earlier.contains(&"user.added".into()), "{earlier:?}");
    assert!(
        earlier.iter().filter(|action| *action == "test.future").count() == 1,
        "the one of four seconds: {earlier:?}"
    );
}

/// What it would sign is a time that phones believe.
#[tokio::test]
async fn a_server_whose_clock_jumped_back_tells_no_phone_the_time() {
    let server = Server::start();
    let token = server.activated("alice").await;
    write_in_the_future(&server, SignedDuration::from_hours(1));
    server.wire().post("/v1/device/contact", &token.question()).await.problem(503, "clock-behind");
    server.admin(&["clock", "accept"]);
    assert_eq!(server.wire().post("/v1/device/contact", &token.question()).await.status, 200);
}

#[tokio::test]
async fn no_step_before_a_used_one_counts_after_a_jump() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        return skip("no_step_before_a_used_one_counts_after_a_jump", "libfaketime is not installed");
    };
    let server = Server::with(installation);
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    let early = token.code_at(0);
    clock.moved(240);
    let late = token.code_at(8);
    assert!(accepted(&caller.verify("alice", &late).await));
    clock.moved(0);
    caller.get("/readyz").await.problem(503, "clock-behind");
    clock.moved(241);
    assert_eq!(caller.get("/readyz").await.status, 200, "a clock that is mended is good again");
    clock.moved(0);
    server.admin(&["clock", "accept"]);
    for used in [late, early] {
        assert_eq!(reason(&caller.verify("alice", &used).await), "replayed");
    }
    assert!(accepted(&caller.verify("alice", &token.code_at(9)).await));
}

#[tokio::test]
async fn locks_and_tickets_end_by_themselves() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        return skip("locks_and_tickets_end_by_themselves", "libfaketime is not installed");
    };
    let server = Server::with(installation);
    let caller = server.caller("verify");
    let ticket = server.hand_out("bob");
    let token = server.activated("alice").await;
    let wrong = token.wrong_code();
    for _ in 0..5 {
        assert_eq!(reason(&caller.verify("alice", &wrong).await), "wrong_code");
    }
    clock.moved(840);
    assert_eq!(reason(&caller.verify("alice", &token.code_at(28)).await), "locked");
    assert_eq!(server.admin(&["token", "show", &ticket.serial])["token"]["state"], "expired");
    assert!(Phone::new(&server, &ticket).try_prove().await.is_err());
    clock.moved(960);
    assert_eq!(server.admin(&["user", "show", "alice"])["user"]["state"], "active");
    assert!(accepted(&caller.verify("alice", &token.code_at(32)).await));
    let again = Ticket::read(&server.admin(&["token", "activate", &ticket.serial]));
    assert!(Phone::new(&server, &again).try_prove().await.is_ok());
}
