//! Many callers, one code.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use symbolon_tests::{Caller, Imported, Server, accepted, reason};
use tokio::sync::Barrier;

pub(crate) const CALLERS: usize = 64;

/// Sends one code from all callers at once; answers how often which answer came.
pub(crate) async fn race(callers: &[Caller], user: &str, code: &str) -> HashMap<String, usize> {
    let barrier = Arc::new(Barrier::new(callers.len()));
    let racers: Vec<_> = callers
        .iter()
        .map(|caller| {
            let (caller, barrier) = (caller.clone(), Arc::clone(&barrier));
            let (user, code) = (user.to_owned(), code.to_owned());
            tokio::spawn(async move {
                barrier.wait().await;
                caller.verify(&user, &code).await
            })
        })
        .collect();
    let mut answers = HashMap::new();
    for racer in racers {
        let verdict = racer.await.unwrap();
        let answer = if accepted(&verdict) { "accepted" } else { reason(&verdict) };
        *answers.entry(answer.to_owned()).or_default() += 1;
    }
    answers
}

pub(crate) fn one_winner() -> HashMap<String, usize> {
    HashMap::from([("accepted".to_owned(), 1), ("replayed".to_owned(), CALLERS - 1)])
}

/// Opens every connection, so that the race is about the code.
async fn connected(caller: &Caller) -> Vec<Caller> {
    let callers: Vec<Caller> = (0..CALLERS).map(|_| caller.anew()).collect();
    for caller in &callers {
        assert_eq!(caller.get("/healthz").await.status, 200);
    }
    callers
}

fn user(answer: &Value) -> &Value {
    &answer["user"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_clients_with_one_code_one_is_accepted_and_nobody_is_locked() {
    let server = Server::start();
    let callers = connected(&server.caller("verify")).await;
    for name in ["ann", "ben", "cat"] {
        let token = server.activated(name).await;
        for _ in 0..2 {
            assert_eq!(race(&callers, name, &token.code()).await, one_winner());
        }
        assert_eq!(user(&server.admin(&["user", "show", name]))["state"], "active");
    }
    assert_eq!(server.count_of("code.accepted"), 6);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_clients_with_one_event_code_one_is_accepted() {
    let server = Server::start();
    let token = Imported::hotp("hal", "HOTP-1");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    let callers = connected(&server.caller("verify")).await;
    for counter in 0..4 {
        assert_eq!(race(&callers, "hal", &token.code_of_event(counter)).await, one_winner());
    }
    assert_eq!(server.number("SELECT next_event FROM token"), 4);
    assert_eq!(user(&server.admin(&["user", "show", "hal"]))["state"], "active");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_is_refused() {
    let server = Server::start();
    let log = Server::launch(server.installation(), "127.0.0.1:0").err().unwrap();
    assert!(log.contains("a server runs on"), "{log}");
    assert_eq!(server.wire().get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_codes_from_many_clients_at_once_get_no_more_tries() {
    let server = Server::start();
    let callers = connected(&server.caller("verify")).await;
    let token = server.activated("kim").await;
    let answers = race(&callers, "kim", &token.wrong_code()).await;
    assert_eq!(answers, HashMap::from([("wrong_code".to_owned(), 5), ("locked".to_owned(), CALLERS - 5)]));
}
