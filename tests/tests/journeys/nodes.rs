//! Several nodes on one PostgreSQL: what one decides holds at all, what happens at one is heard at the others, and neither
//! a database that goes away nor a node that dies makes a false yes or loses what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use symbolon_core::approval::Decision;
use symbolon_tests::{Caller, Imported, Installation, Postgres, Server, Wire, accepted, reason, rounds, skip};

use crate::race::{CALLERS, one_winner, race};

/// No recovery takes longer, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An installation that takes the calls of many phones from the one address that they have in a test.
fn busy() -> Installation {
    Installation::new().configured("LIMITS__DEVICE_PER_SECOND", "100000").configured("LIMITS__DEVICE_BURST", "100000")
}

/// A PostgreSQL with two nodes on it.
struct Pair {
    // The nodes end first.
    first: Server,
    second: Server,
    database: String,
    postgres: Postgres,
}

impl Pair {
    fn start(test: &str) -> Option<Self> {
        let Some(postgres) = Postgres::start() else {
            skip(test, "PostgreSQL is not installed");
            return None;
        };
        let database = postgres.database();
        let first = Server::with(busy().configured("DATABASE", &database));
        let second = Server::with(Installation::another_node(&first));
        Some(Self { first, second, database, postgres })
    }

    fn nodes(&self) -> [&Server; 2] {
        [&self.first, &self.second]
    }

    /// The same application at each of the nodes.
    fn callers(&self) -> [Caller; 2] {
        let caller = self.first.caller("verify,challenge");
        let at_second = Caller::new(self.second.wire(), caller.key.clone());
        [caller, at_second]
    }

    fn number(&self, query: &str) -> i64 {
        self.postgres.query(&self.database, query).parse().unwrap()
    }
}

/// Waits until a node says that it can decide, or that it can't.
async fn until_ready(node: &Server, ready: bool) {
    let until = Instant::now() + PATIENCE;
    let expected = if ready { 200 } else { 503 };
    while node.wire().get("/readyz").await.status != expected {
        assert!(Instant::now() < until, "it does not get {}", if ready { "ready" } else { "unready" });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_clients_at_two_nodes_with_one_code_one_is_accepted() {
    let Some(pair) = Pair::start("of_64_clients_at_two_nodes_with_one_code_one_is_accepted") else { return };
    let token = Imported::hotp("hal", "HOTP-1");
    let _ = pair.first.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let at_nodes = pair.callers();
    let callers: Vec<Caller> = (0..CALLERS).map(|number| at_nodes[number % 2].anew()).collect();
    for caller in &callers {
        assert_eq!(caller.get("/healthz").await.status, 200);
    }
    let rounds = rounds(5, 50) as u64;
    for counter in 0..rounds {
        assert_eq!(race(&callers, "hal", &token.code_of_event(counter)).await, one_winner(), "code {counter}");
    }
    assert_eq!(pair.number("SELECT next_event FROM token").unsigned_abs(), rounds);
    assert_eq!(pair.second.admin(&["user", "show", "hal"])["user"]["state"], "active", "nobody was locked by it");
    assert_eq!(pair.second.admin(&["audit", "verify"])["intact"], true);
    let timed = pair.first.activated("tim").await;
    assert_eq!(race(&callers, "tim", &timed.code()).await, one_winner());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_codes_at_two_nodes_get_no_more_tries() {
    let Some(pair) = Pair::start("wrong_codes_at_two_nodes_get_no_more_tries") else { return };
    let token = pair.first.activated("kim").await;
    let at_nodes = pair.callers();
    let callers: Vec<Caller> = (0..CALLERS).map(|number| at_nodes[number % 2].anew()).collect();
    let answers = race(&callers, "kim", &token.wrong_code()).await;
    assert_eq!(answers, [("wrong_code".to_owned(), 5), ("locked".to_owned(), CALLERS - 5)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_approval_is_asked_at_one_node_and_answered_at_the_other() {
    let Some(pair) = Pair::start("an_approval_is_asked_at_one_node_and_answered_at_the_other") else { return };
    let mut token = pair.first.activated("alice").await;
    token.reconnect(&pair.second);
    let [caller, _] = pair.callers();
    let question = json!({"user": "alice", "kind": "approval", "context": {"application": "Web mail"}});
    for _ in 0..rounds(2, 20) {
        let asking = async {
            // The phone waits at the second node by now.
            tokio::time::sleep(Duration::from_millis(500)).await;
            caller.challenge(&question).await
        };
        let (mut requests, asked) = tokio::join!(token.requests(30), asking);
        let request = requests.pop().expect("the phone hears of it");
        let answering = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let value = asked["mutual_challenge"].as_str();
            token.send_answer(&token.answer(&request, Decision::Confirm, value)).await
        };
        let (seen, answered) = tokio::join!(caller.look(&asked, 30), answering);
        assert_eq!(answered.json()["status"], "confirmed", "{}", answered.text());
        assert_eq!(seen["status"], "confirmed", "the application that waits at the first node hears of it");
    }
}

/// A caller that verifies one code after the other at both nodes, each until it is decided.
struct Load {
    token: Imported,
    /// The next event.
    next: u64,
    /// Events whose acceptance was acknowledged.
    acknowledged: Vec<u64>,
}

impl Load {
    async fn run(mut self, callers: Vec<Caller>, stop: Arc<AtomicBool>) -> Self {
        for turn in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let code = self.token.code_of_event(self.next);
            match callers[turn % callers.len()].try_verify(&self.token.user, &code).await {
                Ok(reply) if reply.status == 200 => {
                    let verdict = reply.json();
                    // Where the answer before it was lost, nobody knows whether it counted.
                    if accepted(&verdict) {
                        self.acknowledged.push(self.next);
                    } else {
                        assert_eq!(reason(&verdict), "replayed");
                    }
                    self.next += 1;
                }
                Ok(reply) => {
                    assert_eq!(reply.status, 503, "{}", reply.text());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        self
    }
}

/// Puts load on both nodes, does something to them meanwhile, and looks whether everything that was acknowledged is there.
async fn under_load(pair: &mut Pair, harm: impl AsyncFnOnce(&mut Pair)) {
    let users: Vec<String> = (0..8).map(|number| format!("user-{number}")).collect();
    let tokens: Vec<Imported> = users.iter().map(|user| Imported::hotp(user, &format!("LOAD-{user}"))).collect();
    let _ = pair.first.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    let callers = pair.callers();
    let stop = Arc::new(AtomicBool::new(false));
    let running: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let callers = callers.iter().map(Caller::anew).collect();
            tokio::spawn(Load { token, next: 0, acknowledged: Vec::new() }.run(callers, Arc::clone(&stop)))
        })
        .collect();
    harm(pair).await;
    for node in pair.nodes() {
        until_ready(node, true).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let audit = pair.second.audit();
    for load in running {
        let load = load.await.unwrap();
        let user = &load.token.user;
        assert!(!load.acknowledged.is_empty(), "{user} got nowhere");
        for event in load.acknowledged.iter().rev().take(8) {
            let verdict = callers[1].verify(user, &load.token.code_of_event(*event)).await;
            assert_eq!(reason(&verdict), "replayed", "a code of {user} counts again");
        }
        let told = audit.iter().filter(|entry| entry["action"] == "code.accepted" && entry["user"] == **user);
        let (told, counted) = (told.count() as u64, load.acknowledged.len() as u64);
        assert!(told >= counted.saturating_sub(1) && told <= load.next, "{told} of {counted} are told");
        let serial = &load.token.serial;
        let next = pair.number(&format!("SELECT next_event FROM token WHERE maker_serial = '{serial}'"));
        let last = load.acknowledged.last().map_or(0, |event| event + 1);
        assert!((last..=load.next + 1).contains(&next.unsigned_abs()), "{next} after {last}");
        let user = pair.second.admin(&["user", "show", user]);
        assert_eq!(user["user"]["state"], "active", "nobody was locked by it");
    }
    assert_eq!(pair.second.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_cut_under_load_make_no_false_yes() {
    let Some(mut pair) = Pair::start("connections_that_are_cut_under_load_make_no_false_yes") else { return };
    under_load(&mut pair, async |pair| {
        for _ in 0..rounds(5, 50) {
            tokio::time::sleep(Duration::from_millis(300)).await;
            pair.postgres.cut(&pair.database);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_postgresql_is_away_nothing_is_decided_and_its_return_mends_it() {
    let Some(mut pair) = Pair::start("while_postgresql_is_away_nothing_is_decided_and_its_return_mends_it") else {
        return;
    };
    under_load(&mut pair, async |pair| {
        for _ in 0..rounds(1, 10) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            pair.postgres.stop();
            for node in pair.nodes() {
                until_ready(node, false).await;
                assert_eq!(node.wire().get("/healthz").await.status, 200);
            }
            let unreachable = pair.first.try_admin(&["user", "list"]);
            assert_eq!(unreachable.exit, Some(3), "{}", unreachable.message);
            pair.postgres.start_again();
            for node in pair.nodes() {
                until_ready(node, true).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_is_killed_under_load_takes_nothing_with_it() {
    let Some(mut pair) = Pair::start("a_node_that_is_killed_under_load_takes_nothing_with_it") else { return };
    under_load(&mut pair, async |pair| {
        for _ in 0..rounds(2, 50) {
            tokio::time::sleep(Duration::from_millis(300)).await;
            pair.first.kill();
            until_ready(&pair.second, true).await;
            pair.first.start_again();
        }
    })
    .await;
}

/// What one node does to the keys holds at the other with the next request, and its certificates follow.
#[tokio::test]
async fn keys_that_are_changed_at_one_node_are_changed_at_all() {
    let Some(pair) = Pair::start("keys_that_are_changed_at_one_node_are_changed_at_all") else { return };
    let admin = pair.first.caller("admin");
    let call = async |step: &str| admin.call("POST", &format!("/v1/admin/keys/{step}"), &json!({})).await.json();
    let published = async || pair.second.wire().get("/v1/keys").await.json()["keys"].clone();
    let next = call("identity/rotate").await["identity"]["next"]["hash"].clone();
    let keys = published().await;
    assert_eq!((&keys[1]["kid"], &keys[1]["state"]), (&next, &json!("next")));
    call("identity/finish").await;
    assert_eq!(published().await[0]["kid"], next);
    let token = pair.second.activated("alice").await;
    assert_eq!(json!(token.identity().to_string()), next);
    let mut at_first = token;
    at_first.reconnect(&pair.first);
    assert_eq!(at_first.wire().post("/v1/device/contact", &at_first.question()).await.status, 200);

    let old = std::fs::read(pair.second.data_dir().join("authority.pem")).unwrap();
    call("tls/rotate").await;
    call("tls/finish").await;
    let until = Instant::now() + PATIENCE;
    loop {
        let shown = std::fs::read(pair.second.data_dir().join("authority.pem")).unwrap();
        let request = pair.second.wire().request("GET", "/healthz");
        if shown != old && Wire::try_send(request).await.is_ok_and(|reply| reply.status == 200) {
            break;
        }
        assert!(Instant::now() < until, "the second node keeps its certificate");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_node_without_the_master_key_is_refused() {
    let Some(pair) = Pair::start("a_node_without_the_master_key_is_refused") else { return };
    let stranger = Arc::new(Installation::new().configured("DATABASE", &pair.database));
    let log = Server::launch(&stranger, "127.0.0.1:0").err().unwrap();
    assert!(log.contains("master key"), "{log}");
    assert!(!stranger.own_data_dir().join("master.key").exists(), "it made one that opens nothing");
}

#[tokio::test]
async fn a_node_goes_on_beside_the_next_version_and_no_further() {
    let Some(pair) = Pair::start("a_node_goes_on_beside_the_next_version_and_no_further") else { return };
    pair.postgres.query(&pair.database, "UPDATE symbolon SET version = 2");
    assert_eq!(pair.first.try_admin(&["user", "add", "alice"]).exit, Some(0));
    until_ready(&pair.first, true).await;
    pair.postgres.query(&pair.database, "UPDATE symbolon SET version = 3, oldest = 2");
    let refused = pair.first.try_admin(&["user", "add", "ben"]);
    assert_eq!(refused.exit, Some(4));
    assert!(refused.message.contains("later version"), "{}", refused.message);
    until_ready(&pair.first, false).await;
}

#[tokio::test]
async fn an_installation_moves_from_sqlite_with_all_that_it_has() {
    let Some(postgres) = Postgres::start() else {
        return skip("an_installation_moves_from_sqlite_with_all_that_it_has", "PostgreSQL is not installed");
    };
    let database = postgres.database();
    let mut server = Server::start();
    let token = server.activated("alice").await;
    let caller = server.caller("verify,challenge");
    let imported: Vec<_> =
        (0..700).map(|number| Imported::hotp(&format!("u{number}"), &format!("M-{number}"))).collect();
    let _ = server.import(Imported::csv(&imported).as_bytes(), &[]).done();
    server.admin(&["policy", "set", "lockout_count=7"]);
    let used = imported[0].code_of_event(0);
    assert!(accepted(&caller.verify("u0", &used).await));
    caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;

    let busy = server.try_command(&["migrate", "--to", &database]);
    assert_eq!(busy.exit, Some(1), "a server runs on it: {}", busy.message);
    server.kill();
    let moved = server.try_command(&["migrate", "--to", &database]).done();
    for table in ["user", "token", "audit", "policy", "application", "challenge", "request", "meta"] {
        let here = server.number(&format!("SELECT count(*) FROM \"{table}\""));
        let there: i64 = postgres.query(&database, &format!("SELECT count(*) FROM \"{table}\"")).parse().unwrap();
        assert_eq!((here, json!(here)), (there, moved["moved"][table].clone()), "{table}");
    }
    assert_eq!(moved["audit"]["intact"], true);
    let again = server.try_command(&["migrate", "--to", &database]);
    assert_eq!(again.exit, Some(1), "it is not empty: {}", again.message);

    let node = Installation::another_node(&server).configured("DATABASE", &database);
    let node = Server::with(node);
    let caller = Caller::new(node.wire(), caller.key);
    assert!(accepted(&caller.verify("alice", &token.code()).await), "the phone's token goes on");
    assert_eq!(reason(&caller.verify("u0", &used).await), "replayed");
    assert!(accepted(&caller.verify("u699", &imported[699].code_of_event(0)).await));
    assert_eq!(node.admin(&["policy", "show"])["policy"]["lockout_count"], 7);
    // Numbers go on where they were.
    node.admin(&["user", "add", "ben"]);
    let fresh = node.activated("cid").await;
    assert!(accepted(&caller.verify("cid", &fresh.code()).await));
    assert_eq!(node.admin(&["audit", "verify"])["intact"], true);
}

/// Everything at once, on users who are the same for all.
async fn mixed_load(nodes: &[&Server]) {
    let admin = nodes[0].application("mixed", "verify,challenge,admin");
    let callers: Vec<Caller> = nodes.iter().map(|node| Caller::new(node.wire(), admin.clone())).collect();
    let tokens: Vec<Imported> =
        (0..4).map(|number| Imported::hotp(&format!("m{number}"), &format!("MIX-{number}"))).collect();
    let _ = nodes[0].import(Imported::csv(&tokens).as_bytes(), &[]).done();
    let phone = Arc::new(nodes[0].activated("m-phone").await);
    let until = Instant::now() + Duration::from_secs(rounds(5, 600) as u64);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..24_usize {
        let (caller, phone) = (callers[client % callers.len()].anew(), Arc::clone(&phone));
        let token = Imported::hotp(&format!("m{}", client % 4), &format!("MIX-{}", client % 4));
        clients.spawn(async move {
            let mut done = 0_u64;
            while Instant::now() < until {
                let user = &token.user;
                let reply = match (client / 4 + usize::try_from(done).unwrap()) % 6 {
                    0 | 1 => caller.try_verify(user, &token.code_of_event(done)).await.unwrap(),
                    2 => caller.try_verify(user, "00000000").await.unwrap(),
                    3 => {
                        let path = format!("/v1/admin/users/{user}/actions");
                        caller.call("POST", &path, &json!({"action": "unlock"})).await
                    }
                    4 => {
                        let body = json!({"user": "m-phone", "kind": "approval",
                            "context": {"address": format!("192.0.2.{client}")}});
                        caller.call("POST", "/v1/challenges", &body).await
                    }
                    _ => {
                        let asked = phone.requests(0).await;
                        let Some(asked) = asked.first() else { continue };
                        phone.send_answer(&phone.answer(asked, Decision::Cancel, None)).await
                    }
                };
                assert!(reply.status < 500, "{}: {}", reply.status, reply.text());
                done += 1;
            }
            done
        });
    }
    while let Some(done) = clients.join_next().await {
        assert!(done.unwrap() > 0);
    }
    assert_eq!(nodes[0].admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_mixed_load_two_nodes_never_wait_for_each_other_for_good() {
    let Some(pair) = Pair::start("under_mixed_load_two_nodes_never_wait_for_each_other_for_good") else { return };
    mixed_load(&pair.nodes()).await;
    assert_eq!(pair.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_mixed_load_one_server_on_sqlite_answers_everything() {
    mixed_load(&[&Server::with(busy())]).await;
}
