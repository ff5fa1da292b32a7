//! Callers who wait, over a line in memory.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::oneshot;

use super::*;

const WAIT: &[u8] = b"POST /wait HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
const QUICK: &[u8] = b"GET /quick HTTP/1.1\r\n\r\n";

/// Nothing here takes longer unless it never ends.
const LONG: Duration = Duration::from_secs(20);

/// What a caller waits for: the next of these.
type Waiting = Arc<Mutex<Vec<oneshot::Receiver<&'static str>>>>;

async fn wait(State(waiting): State<Waiting>, Extension(parking): Extension<Parking>, _: String) -> Response {
    let next = waiting.lock().unwrap().pop().unwrap();
    parking.answer(async { next.await.unwrap().into_response() }).await
}

/// A caller's end of a line to a server, by which what it waits for is told, and by which the server is told to stop.
fn call() -> (DuplexStream, oneshot::Sender<&'static str>, Stop) {
    call_over(64 * 1024)
}

/// The same over a line that holds so many bytes on their way.
fn call_over(bytes: usize) -> (DuplexStream, oneshot::Sender<&'static str>, Stop) {
    let (tell, told) = oneshot::channel();
    let router = Router::new()
        .route("/wait", post(wait))
        .route("/quick", get(async || "quick"))
        .with_state(Waiting::new(Mutex::new(vec![told])))
        .layer(middleware::map_response(async |mut response: Response| {
            response.headers_mut().insert("x-layer", HeaderValue::from_static("kept"));
            response
        }));
    let (caller, server) = tokio::io::duplex(bytes);
    let stop = Stop::new();
    tokio::spawn(converse(server, SocketAddr::from(([192, 0, 2, 1], 7)), router, stop.hearer()));
    (caller, tell, stop)
}

/// One answer, whose body ends with `end`.
async fn read_until(caller: &mut DuplexStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(timeout(LONG, caller.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(read).unwrap()
}

/// Everything until the server hangs up.
async fn read_all(caller: &mut DuplexStream) -> String {
    let mut read = String::new();
    timeout(LONG, caller.read_to_string(&mut read)).await.unwrap().unwrap();
    read
}

/// Lets the server come to where it waits for somebody else.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_waits_is_answered_on_the_same_line_and_goes_on() {
    let (mut caller, tell, _stop) = call();
    caller.write_all(WAIT).await.unwrap();
    settle().await;
    tell.send("news").unwrap();
    let answer = read_until(&mut caller, "news").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for line in ["x-layer: kept", "content-length: 4", "content-type: text/plain; charset=utf-8"] {
        assert_eq!(answer.matches(&format!("\r\n{line}\r\n")).count(), 1, "{answer}");
    }
    assert!(answer.contains("\r\ndate: ") && !answer.contains("connection:"), "{answer}");
    caller.write_all(QUICK).await.unwrap();
    read_until(&mut caller, "quick").await;
}

#[tokio::test]
async fn what_is_known_at_once_is_answered_at_once() {
    let (mut caller, tell, _stop) = call();
    tell.send("news").unwrap();
    caller.write_all(&[WAIT, QUICK].concat()).await.unwrap();
    read_until(&mut caller, "news").await;
    read_until(&mut caller, "quick").await;
}

#[tokio::test]
async fn what_was_answered_before_arrives_whole() {
    let (mut caller, tell, _stop) = call_over(100);
    caller.write_all(&[QUICK, WAIT].concat()).await.unwrap();
    settle().await;
    tell.send("news").unwrap();
    let before = read_until(&mut caller, "\r\n\r\nquick").await;
    assert_eq!(before.matches("HTTP/1.1").count(), 1, "{before}");
    read_until(&mut caller, "\r\n\r\nnews").await;
}

#[tokio::test]
async fn nobody_works_for_who_has_hung_up() {
    let (mut caller, mut tell, _stop) = call();
    caller.write_all(WAIT).await.unwrap();
    settle().await;
    drop(caller);
    timeout(LONG, tell.closed()).await.unwrap();
}

#[tokio::test]
async fn what_comes_before_the_answer_is_not_heard() {
    for (first, then) in [([WAIT, QUICK].concat(), &b""[..]), (WAIT.to_vec(), QUICK)] {
        let (mut caller, tell, _stop) = call();
        caller.write_all(&first).await.unwrap();
        settle().await;
        caller.write_all(then).await.unwrap();
        settle().await;
        tell.send("news").unwrap();
        let answer = read_all(&mut caller).await;
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("\r\n\r\nnews"), "{answer}");
    }
}

#[tokio::test]
async fn who_asks_for_the_last_time_is_hung_up_on() {
    let old = "POST /wait HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}";
    let last = "POST /wait HTTP/1.1\r\nconnection: keep-alive, Close\r\ncontent-length: 2\r\n\r\n{}";
    for (request, version) in [(old, "HTTP/1.0"), (last, "HTTP/1.1")] {
        let (mut caller, tell, _stop) = call();
        caller.write_all(request.as_bytes()).await.unwrap();
        settle().await;
        tell.send("news").unwrap();
        let answer = read_all(&mut caller).await;
        assert!(answer.starts_with(version) && answer.ends_with("\r\n\r\nnews"), "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_stops_answers_who_waits() {
    let (mut caller, tell, stop) = call();
    caller.write_all(WAIT).await.unwrap();
    settle().await;
    let stopped = tokio::spawn(async move { stop.tell(LONG).await });
    settle().await;
    assert!(!stopped.is_finished());
    tell.send("news").unwrap();
    assert!(read_all(&mut caller).await.ends_with("\r\n\r\nnews"));
    timeout(LONG, stopped).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_an_answer_is_given_up() {
    for (pause, whole) in [(59, true), (61, false)] {
        let (mut caller, _tell, _stop) = call_over(32);
        caller.write_all(b"GET /quick HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let answer = read_all(&mut caller).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nquick") == whole, "{answer}");
    }
}
