//! Faults: killed under load, a full disk, a disk that can't be written to, told to stop, callers that never end what they
//! began. Never a false yes, and nothing that was acknowledged is lost.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand_core::{OsRng, RngCore as _};
use symbolon_tests::{Caller, Imported, Installation, Phone, Server, accepted, program, reason, rounds, skip, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A caller that verifies one code after the other until there is no answer.
struct Load {
    token: Imported,
    /// The next event.
    next: u64,
    /// Events whose acceptance was acknowledged.
    acknowledged: Vec<u64>,
}

impl Load {
    async fn run(mut self, caller: Caller) -> Self {
        loop {
            let code = self.token.code_of_event(self.next);
            let Ok(reply) = caller.try_verify(&self.token.user, &code).await else { return self };
            let verdict = reply.read();
            // After a kill nobody knows whether the last one counted.
            if accepted(&verdict) {
                self.acknowledged.push(self.next);
            } else {
                assert_eq!(reason(&verdict), "replayed");
            }
            self.next += 1;
        }
    }
}

/// What a kill leaves: whatever a client was told is still there, and no code counts twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_under_load_it_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start();
    let users: Vec<String> = (0..8).map(|number| format!("user-{number}")).collect();
    let tokens: Vec<Imported> = users.iter().map(|user| Imported::hotp(user, &format!("KILL-{user}"))).collect();
    let _ = server.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    let caller = server.caller("verify");
    let mut loads: Vec<Load> =
        tokens.into_iter().map(|token| Load { token, next: 0, acknowledged: Vec::new() }).collect();
    for round in 0..rounds(5, 50) {
        let running: Vec<_> = loads.drain(..).map(|load| tokio::spawn(load.run(caller.anew()))).collect();
        tokio::time::sleep(Duration::from_millis(u64::from(100 + OsRng.next_u32() % 400))).await;
        server.kill();
        for load in running {
            loads.push(load.await.unwrap());
        }
        server.start_again();
        let report = server.admin(&["audit", "verify"]);
        assert_eq!(report["intact"], true, "round {round}: {report}");
        let audit = server.audit();
        let caller = caller.anew();
        for load in &loads {
            let user = &load.token.user;
            for event in load.acknowledged.iter().rev().take(8) {
                let verdict = caller.verify(user, &load.token.code_of_event(*event)).await;
                assert_eq!(reason(&verdict), "replayed", "round {round}: a code of {user} counts again");
            }
            let told = audit.iter().filter(|entry| entry["action"] == "code.accepted" && entry["user"] == **user);
            let (told, counted) = (told.count(), load.acknowledged.len());
            assert!((counted..=counted + 1 + round).contains(&told), "round {round}: {told} of {counted} are told");
            let serial = &load.token.serial;
            let next = server.number(&format!("SELECT next_event FROM token WHERE maker_serial = '{serial}'"));
            let last = load.acknowledged.last().map_or(0, |event| event + 1);
            assert!((last..=load.next + 1).contains(&next.unsigned_abs()), "round {round}: {next} after {last}");
        }
    }
    for load in &loads {
        assert!(!load.acknowledged.is_empty(), "{} got nowhere", load.token.user);
        let user = server.admin(&["user", "show", &load.token.user]);
        assert_eq!(user["user"]["state"], "active", "nobody was locked by it");
    }
}

#[tokio::test]
async fn the_server_may_die_between_any_two_messages_of_an_activation() {
    let mut server = Server::start();
    let ticket = server.hand_out("alice");
    let mut phone = Phone::new(&server, &ticket);
    let again = |server: &mut Server, phone: &mut Phone| {
        server.kill();
        server.start_again();
        phone.reconnect(server);
    };
    let proven = phone.prove().await;
    again(&mut server, &mut phone);
    let finishing = phone.answer(proven);
    let answered = phone.send("finish", finishing.request()).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
    again(&mut server, &mut phone);
    assert_eq!(phone.send("finish", finishing.request()).await.body, answered.body);
    let registered = finishing.open(&answered.read()).unwrap();
    again(&mut server, &mut phone);
    let (token, confirmation) = phone.store(&registered);
    let confirmed = phone.send("confirm", &confirmation).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    again(&mut server, &mut phone);
    assert_eq!(phone.send("confirm", &confirmation).await.body, confirmed.body);
    assert!(accepted(&server.caller("verify").verify("alice", &token.code()).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_beside_a_busy_server_lose_nothing_and_break_nothing() {
    let server = Server::start();
    let token = Imported::hotp("busy", "BUSY-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let caller = server.caller("verify");
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let load = tokio::spawn(async move {
        let mut event = 0;
        while !told.load(Ordering::Relaxed) {
            assert!(accepted(&caller.verify("busy", &token.code_of_event(event)).await));
            event += 1;
        }
        event
    });
    let shells: Vec<_> = (0..3)
        .map(|shell| {
            let installation = Arc::clone(server.installation());
            tokio::task::spawn_blocking(move || {
                for number in 0..8 {
                    installation.admin(&["user", "add", &format!("u-{shell}-{number}")]);
                }
            })
        })
        .collect();
    for shell in shells {
        shell.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let events = load.await.unwrap();
    assert!(events > 0);
    assert_eq!(server.count_of("code.accepted") as u64, events);
    assert_eq!(server.number("SELECT count(*) FROM user"), 25);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

/// Verifies until the server can write no more; answers the first event that was refused for that.
async fn until_nothing_can_be_written(caller: &Caller, token: &Imported) -> u64 {
    for event in 0..3000 {
        let reply = caller.try_verify(&token.user, &token.code_of_event(event)).await.unwrap();
        if reply.status != 200 {
            reply.problem(503, "storage");
            return event;
        }
        // As long as there is room in the log, a yes is durable and true.
        assert!(accepted(&reply.json()));
    }
    panic!("three thousand codes were accepted on a disk without room");
}

/// Checks a server that can't write for a while.
async fn assert_no_false_yes(server: &Server, caller: &Caller, token: &Imported, mend: impl FnOnce()) {
    let refused = until_nothing_can_be_written(caller, token).await;
    let ask = async |event: u64| caller.try_verify(&token.user, &token.code_of_event(event)).await.unwrap();
    for _ in 0..3 {
        ask(refused).await.problem(503, "storage");
        ask(refused + 1).await.problem(503, "storage");
    }
    assert_eq!(caller.get("/healthz").await.status, 200);
    mend();
    if let Some(last) = refused.checked_sub(1) {
        assert_eq!(reason(&ask(last).await.read()), "replayed");
    }
    assert!(accepted(&ask(refused).await.read()), "what was not decided is not used");
    assert_eq!(reason(&ask(refused).await.read()), "replayed");
    assert!(accepted(&ask(refused + 1).await.read()));
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

/// A program that mounts something in a namespace of its own, and becomes what is named after it there. No privilege is
/// needed where the system lets people have namespaces, and nothing is left mounted.
fn mounting<'a>(mount: &'a str, folder: &'a str) -> Option<[&'a str; 7]> {
    let wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, folder];
    let possible = Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    possible.is_ok_and(|output| output.status.success()).then_some(wrapper)
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_accepted_and_room_mends_it() {
    let installation = Installation::new();
    let data = installation.own_data_dir();
    std::fs::create_dir(&data).unwrap();
    let mount = "mount -t tmpfs -o size=3m,mode=700 tmpfs \"$0\" && exec \"$@\"";
    let Some(wrapper) = mounting(mount, data.to_str().unwrap()) else {
        return skip("on_a_full_disk_nothing_is_accepted_and_room_mends_it", "nothing can be mounted here");
    };
    let server = Server::with(installation.started_by(&wrapper));
    let token = Imported::hotp("alice", "FULL-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let caller = server.caller("verify");
    let filling = server.data_dir().join("filling");
    let mut file = std::fs::File::create(&filling).unwrap();
    while file.write(&[0; 512]).is_ok_and(|written| written > 0) {}
    drop(file);
    assert_no_false_yes(&server, &caller, &token, || std::fs::remove_file(filling).unwrap()).await;
}

#[tokio::test]
async fn when_a_write_fails_nothing_is_accepted_and_the_server_recovers() {
    // A limit on the size of files fails the write itself; the signal that comes with it is not to kill.
    let installation = Installation::new().started_by(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let server = Server::with(installation);
    let token = Imported::hotp("alice", "LIMIT-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let caller = server.caller("verify");
    let process = server.process().to_string();
    let limit = |size: &str| {
        let size = format!("--fsize={size}:");
        Command::new("prlimit").args(["--pid", &process, &size]).status().is_ok_and(|status| status.success())
    };
    let size = server.data_dir().join("symbolon.db-wal").metadata().unwrap().len();
    if !limit(&size.to_string()) {
        return skip("when_a_write_fails_nothing_is_accepted_and_the_server_recovers", "prlimit is not there");
    }
    assert_no_false_yes(&server, &caller, &token, || assert!(limit("unlimited"))).await;
}

#[test]
fn a_read_only_disk_is_named_at_the_start() {
    let mut server = Server::start();
    server.admin(&["user", "add", "alice"]);
    server.kill();
    let data = server.own_data_dir();
    let mount = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let Some(wrapper) = mounting(mount, data.to_str().unwrap()) else {
        return skip("a_read_only_disk_is_named_at_the_start", "nothing can be mounted here");
    };
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(program("symbolon-server"));
    let output = command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(message.to_lowercase().contains("read-only"), "{message}");
    assert!(output.stdout.is_empty(), "it said that it is ready");
    server.start_again();
    assert_eq!(server.admin(&["user", "list"])["users"][0]["name"], "alice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn told_to_stop_under_load_it_leaves_a_whole_database() {
    let mut server = Server::start();
    let caller = server.caller("verify");
    let tokens: Vec<Imported> =
        (0..24).map(|n| Imported::totp(&format!("s{n}"), &format!("s-{n}"), "sha256", 8, 30)).collect();
    let _ = server.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    let mut clients = tokio::task::JoinSet::new();
    for token in &tokens {
        let (caller, user, code) = (caller.anew(), token.user.clone(), token.code_at(0));
        clients.spawn(async move { caller.try_verify(&user, &code).await.is_ok_and(|reply| accepted(&reply.json())) });
    }
    // One was answered, so the others are under way.
    let first = clients.join_next().await.unwrap().unwrap();
    server.ask_to_stop();
    let others = clients.join_all().await;
    let yes = others.into_iter().chain([first]).filter(|accepted| *accepted).count();
    assert!(server.ended().success());
    assert!(!server.data_dir().join("symbolon.db-wal").exists(), "the log was brought into the database");
    assert!(yes > 0 && server.count_of("code.accepted") >= yes);
    server.start_again();
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_under_way_and_takes_nothing_new() {
    let mut server = Server::with(Installation::new().over_plain_http());
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let body = serde_json::json!({"user": "alice", "code": token.code()}).to_string();
    let (first, rest) = body.split_at(10);
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/verify HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{first}",
        caller.key,
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Until the request is under way for certain.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.ask_to_stop();
    until("no connection is taken", async || TcpStream::connect(&address).await.err()).await;
    assert!(server.runs(), "it waits for the request");
    socket.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"accepted\""), "{answer}");
    assert!(server.ended().success());
    server.start_again();
    assert_eq!(server.count_of("code.accepted"), 1);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

/// Else a few hundred of them, from anywhere, keep everybody out.
#[tokio::test]
async fn a_caller_that_never_ends_its_request_is_hung_up_on() {
    let server = Server::with(Installation::new().over_plain_http());
    let mut socket = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(75), socket.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection is still held");
}

#[tokio::test]
async fn more_phones_may_wait_than_a_process_has_files_when_it_starts() {
    let few = ["sh", "-c", "ulimit -Sn 128 && exec \"$@\"", "sh"];
    let server = Server::with(Installation::new().started_by(&few));
    let address = server.url.strip_prefix("https://").unwrap().to_owned();
    let waiting: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    assert_eq!(server.wire().get("/readyz").await.status, 200);
    drop(waiting);
}
