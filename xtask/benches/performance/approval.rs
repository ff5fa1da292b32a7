//! Approvals through the whole path: an application asks, a phone that waits is woken, checks what is asked, signs its
//! answer, and the application that waits hears of it. And phones that wait: how soon they hear, and what they cost.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand_core::OsRng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use symbolon_core::access::{AnswerReply, RequestsReply};
use symbolon_core::contact::Question;
use symbolon_core::signed::{SigningKey, verify};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::activation::activated;
use crate::load::{self, Connection, DURATION, Outcome, WARM_UP};
use crate::phone::{Token, get, post, post_request};
use crate::report::Report;
use crate::server::{Database, Server};

/// Phones that approve at the same time.
const PHONES: usize = 64;

/// Phones that wait at the same time.
const WAITING: usize = 10_000;

/// So many of them are woken, one after the other.
const WOKEN: usize = 200;

/// The most approvals that their signatures allow.
const SIGNATURES: &str = "approval_signatures_alone";

/// What one phone's waiting is, in seconds: the longest that there is.
const LONGEST: u8 = 50;

/// Measures all of it, on a database of its own.
pub(crate) fn measure(report: &mut Report, program: &Path, folder: PathBuf) -> Result<()> {
    let database = Database::new(program, folder);
    let server = database.start()?;
    let waiting = report.wants("waiting");
    let count = if waiting { WAITING } else { PHONES };
    report.progress(&format!("{count} phones are activated"));
    let (tokens, _) = activated(&database, server.address, "approval", count)?;
    let key = database.add_application("bench")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tokens: Vec<Arc<Token>> = tokens.into_iter().map(Arc::new).collect();

    if report.wants("wake_up") {
        report.progress("one phone waits and is woken");
        let token = tokens.first().context("a phone")?;
        let outcome = runtime.block_on(wake_one(&server, &key, token))?;
        report.add("wake_up_p50", outcome.percentile(0.50), "ms");
        report.add("wake_up_p99", outcome.percentile(0.99), "ms");
    }
    if report.wants("approval") || report.wants("es256") {
        let before = signatures(report)?;
        report.progress(&format!("approvals, {PHONES} phones at the same time"));
        let outcome = runtime.block_on(approve_all(&server, &key, tokens.get(..PHONES).context("phones")?))?;
        // What the machine can do differs from one minute to the next, so this is the mean of before and after.
        report.add(SIGNATURES, f64::midpoint(before, approvals_signed()?), "1/s");
        report.add_load("approval_c64", &outcome, Some(SIGNATURES));
    }
    server.stop()?;
    if waiting {
        measure_waiting(report, &database, &key, &tokens)?;
    }
    Ok(())
}

/// Signatures alone: how many a second one processor checks, and how many approvals all of them could sign and check.
fn signatures(report: &mut Report) -> Result<f64> {
    report.progress("signatures alone");
    let (key, question) = statement()?;
    let (signed, public) = (key.sign_object(&question)?, key.public_key());
    let (begun, mut checked) = (Instant::now(), 0_u32);
    while begun.elapsed() < Duration::from_secs(1) {
        black_box(verify::<Question>(&signed, &public)?);
        checked += 1;
    }
    report.add("es256_verify", f64::from(checked) / begun.elapsed().as_secs_f64(), "1/s");
    approvals_signed()
}

/// Something small that is signed.
fn statement() -> Result<(SigningKey, Question)> {
    let key = SigningKey::generate(&mut OsRng);
    let aud = key.public_key().hash();
    Ok((key, Question { aud, serial: "12345-67890".parse()?, nonce: [7; 16].into(), keys: None }))
}

/// Nothing but the signatures of approvals, on all processors: the server signs the request and its statement in the
/// receipt and checks the answer; the phone checks the request and signs the answer.
fn approvals_signed() -> Result<f64> {
    let threads = available_parallelism().map_or(1, usize::from);
    let begun = Instant::now();
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let (key, question) = statement()?;
                let public = key.public_key();
                let mut approvals = 0_u32;
                while begun.elapsed() < Duration::from_secs(2) {
                    let signed = key.sign_object(&question)?;
                    black_box((key.sign_object(&question)?, key.sign_object(&question)?));
                    black_box((verify::<Question>(&signed, &public)?, verify::<Question>(&signed, &public)?));
                    approvals += 1;
                }
                anyhow::Ok(approvals)
            })
        })
        .collect();
    let mut approvals = 0;
    for thread in threads {
        approvals += thread.join().map_err(|_| anyhow::anyhow!("a thread failed"))??;
    }
    Ok(f64::from(approvals) / begun.elapsed().as_secs_f64())
}

/// Every phone approves what its application asks, again and again.
async fn approve_all(server: &Server, key: &str, tokens: &[Arc<Token>]) -> Result<Outcome> {
    let mut tasks = JoinSet::new();
    let mut pairs = Vec::new();
    for token in tokens {
        pairs.push(Pair::open(server, key, token).await?);
    }
    let counted_from = Instant::now() + WARM_UP;
    for pair in pairs {
        tasks.spawn(pair.approve_until(counted_from));
    }
    let mut latencies = Vec::new();
    while let Some(taken) = tasks.join_next().await {
        latencies.extend(taken.context("a pair's task")??);
    }
    Ok(Outcome::new(latencies, DURATION))
}

/// An application and a phone.
struct Pair {
    application: Connection,
    phone: Connection,
    key: String,
    token: Arc<Token>,
    access_token: String,
}

impl Pair {
    async fn open(server: &Server, key: &str, token: &Arc<Token>) -> Result<Self> {
        let (application, mut phone) =
            (Connection::open(server.address).await?, Connection::open(server.address).await?);
        let access_token = token.access(&mut phone).await?;
        Ok(Self { application, phone, key: key.to_owned(), token: Arc::clone(token), access_token })
    }

    async fn approve_until(mut self, counted_from: Instant) -> Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let begun = Instant::now();
            self.approve().await?;
            let ended = Instant::now();
            if ended >= counted_from + DURATION {
                return Ok(latencies);
            }
            if ended >= counted_from {
                latencies.push(ended.duration_since(begun));
            }
        }
    }

    async fn approve(&mut self) -> Result<()> {
        let Self { application, phone, key, token, access_token } = self;
        let asking = async {
            let asked: Value = post(application, "/v1/challenges", Some(key), &question(token)).await?;
            let id = asked.get("id").and_then(Value::as_str).context("a challenge's id")?;
            get(application, &format!("/v1/challenges/{id}?wait=30"), key).await
        };
        let answering = async {
            let fetch = json!({"access_token": access_token, "wait": LONGEST});
            let reply: RequestsReply = post(phone, "/v1/device/requests", None, &fetch).await?;
            let answer = token.confirm(reply.requests.first().context("a request")?)?;
            post::<AnswerReply>(phone, "/v1/device/answer", None, &answer).await
        };
        let (heard, _) = tokio::try_join!(asking, answering)?;
        let confirmed =
            heard.get("status").and_then(Value::as_str) == Some("confirmed") && heard.get("receipt").is_some();
        ensure!(confirmed, "an approval was not confirmed: {heard}");
        Ok(())
    }
}

/// What an application asks.
fn question(token: &Token) -> Value {
    let transaction = json!({"summary": "Pay 12.50 EUR", "details": [{"name": "To", "value": "ES91 2100 0418"}]});
    json!({"user": token.user, "kind": "approval", "transaction": transaction})
}

/// How long after the application began to ask the phone has the request, with nothing else going on.
async fn wake_one(server: &Server, key: &str, token: &Arc<Token>) -> Result<Outcome> {
    let mut pair = Pair::open(server, key, token).await?;
    let mut latencies = Vec::new();
    for _ in 0..WOKEN {
        let fetch = json!({"access_token": pair.access_token, "wait": LONGEST});
        let fetch = post_request("/v1/device/requests", None, &fetch)?;
        let phone = async {
            let body = pair.phone.exchange(&fetch).await?;
            let received = Instant::now();
            anyhow::Ok((serde_json::from_slice::<RequestsReply>(body)?, received))
        };
        let application = async {
            // By then the phone waits.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let begun = Instant::now();
            let _: Value = post(&mut pair.application, "/v1/challenges", Some(&pair.key), &question(token)).await?;
            Ok(begun)
        };
        let ((reply, received), begun) = tokio::try_join!(phone, application)?;
        latencies.push(received.duration_since(begun));
        let answer = token.confirm(reply.requests.first().context("a request")?)?;
        let _: AnswerReply = post(&mut pair.phone, "/v1/device/answer", None, &answer).await?;
    }
    Ok(Outcome::new(latencies, DURATION))
}

/// Many phones wait over TLS, each on a connection of its own: what they cost, and how soon one of them is woken.
fn measure_waiting(report: &mut Report, database: &Database, key: &str, tokens: &[Arc<Token>]) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .context("raising the limit of open files")?;
    let server = database.start_with_tls()?;
    let address = server.address;
    std::thread::sleep(Duration::from_secs(2));
    let before = server.memory("VmRSS")?;
    report.progress(&format!("{WAITING} phones begin to wait, over TLS"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (outcome, after) = runtime.block_on(async {
        let tls = load::trusting(&database.authority())?;
        let mut application = Connection::open_with_tls(server.address, &tls).await?;
        // Access first, so that nobody's time is over before the last one waits.
        let mut phones = Vec::new();
        for token in tokens {
            let fetch = json!({"access_token": token.access(&mut application).await?, "wait": LONGEST});
            phones.push((Arc::clone(token), post_request("/v1/device/requests", None, &fetch)?));
        }
        let at_once = Arc::new(Semaphore::new(PHONES));
        let (woken, mut wakings) = mpsc::unbounded_channel();
        let mut connecting = JoinSet::new();
        for (token, fetch) in phones {
            let (tls, at_once, woken) = (tls.clone(), Arc::clone(&at_once), woken.clone());
            connecting.spawn(async move {
                let _turn = at_once.acquire().await?;
                let mut phone = Connection::open_with_tls(address, &tls).await?;
                tokio::spawn(async move {
                    let reply = phone.exchange(&fetch).await.ok();
                    let reply = reply.and_then(|body| serde_json::from_slice::<RequestsReply>(body).ok());
                    let asked = reply.is_some_and(|reply| !reply.requests.is_empty());
                    // Whoever measures may have seen enough.
                    let _ = woken.send((token.user.clone(), asked, Instant::now()));
                    // The connection stays as it is.
                    std::future::pending::<()>().await;
                });
                anyhow::Ok(())
            });
        }
        while let Some(connected) = connecting.join_next().await {
            connected.context("a phone's task")??;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let after = server.memory("VmRSS")?;
        let mut latencies = Vec::new();
        for token in tokens.iter().step_by(tokens.len() / WOKEN) {
            let begun = Instant::now();
            let _: Value = post(&mut application, "/v1/challenges", Some(key), &question(token)).await?;
            let (user, asked, received) = wakings.recv().await.context("a phone")?;
            ensure!(asked && user == token.user, "another phone than the one that was asked has heard");
            latencies.push(received.duration_since(begun));
        }
        anyhow::Ok((Outcome::new(latencies, DURATION), after))
    })?;
    report.add("waiting_10000", after, "MB");
    report.add("waiting_each", (after - before) * 1024.0 / WAITING as f64, "kB");
    report.add("waiting_10000_wake_p50", outcome.percentile(0.50), "ms");
    report.add("waiting_10000_wake_p99", outcome.percentile(0.99), "ms");
    // The phones hang up first, or the server would wait for them.
    drop(runtime);
    server.stop()
}
