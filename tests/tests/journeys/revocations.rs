//! The list of revoked attestation certificates: fetched from whoever serves it, kept, fetched again, and what is made of
//! phones while there is none that can be relied on.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use symbolon_core::approval::Decision;
use symbolon_tests::hardware::{AndroidMaker, AppleMaker, Claim};
use symbolon_tests::{Caller, Installation, Phone, Prepared, Receiver, Server, Token, Wire, calling_receivers, until};

use super::attestation::{android, last, online, only, server_on, shown};

const HOUR: u64 = 3600;

const AGE: &str = r#"symbolon_revocation_list_age_seconds{platform="android"} "#;

/// A list as Google serves it, with the certificate of the default claim on it or without.
fn list(revoked: bool) -> Prepared {
    let mut entries = json!({"6681152659205225093": {"status": "REVOKED", "reason": "KEY_COMPROMISE", "comment": "x"}});
    if revoked {
        entries["4abcdef0"] = json!({"status": "REVOKED", "reason": "KEY_COMPROMISE", "expires": "2040-01-01"});
    }
    let served = json!({"entries": entries}).to_string();
    Prepared::status(200).header("Content-Type", "application/json; charset=utf-8").body(served)
}

/// An installation that fetches the list from `receiver`, and relies on one for two days.
fn fetching(installation: Installation, receiver: &Receiver) -> Installation {
    installation
        .configured("ATTESTATION__REVOCATION_URL", &format!("{}/attestation/status", receiver.url))
        .configured("ATTESTATION__REVOCATION_MAX_AGE", &(48 * HOUR).to_string())
}

/// Makes the list that lies on the server so many hours old.
fn aged(server: &Server, hours: u64) {
    let file = std::fs::File::options().write(true).open(server.data_dir().join("revocation-list.json")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * HOUR)).unwrap();
}

/// How old the list is, in seconds, as the metrics say.
async fn age(server: &Server) -> Option<i64> {
    let metrics = Wire::plain(&server.metrics).get("").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(AGE))?;
    Some(line.parse().unwrap())
}

/// Waits until the list is at least so many hours old, for the server.
async fn noticed(server: &Server, hours: std::ops::Range<i64>) {
    let is_noticed = async || age(server).await.filter(|seconds| hours.contains(&(seconds / 3600)));
    until("the list has an age", is_noticed).await;
}

/// Waits until the last change of a verdict is this one.
async fn judged(server: &Server, verdict: &str) {
    let is_judged = async || {
        let last = server.audit().into_iter().rfind(|entry| entry["action"] == "attestation.changed");
        last.filter(|entry| entry["details"]["after"] == verdict)
    };
    until(verdict, is_judged).await;
}

/// Asks for an approval and confirms it; answers the refusal, where there is one.
async fn approve(caller: &Caller, token: &Token, address: &str) -> Result<(), Value> {
    caller.challenge(&json!({"user": "alice", "kind": "approval", "context": {"address": address}})).await;
    let asked = only(token).await;
    let answered = token.send_answer(&token.answer(&asked, Decision::Confirm, None)).await;
    if answered.status == 200 {
        return Ok(());
    }
    let refused = answered.problem(403, "short-of-policy");
    // Whoever says that it was someone else is heard from any device; it also ends the challenge.
    assert_eq!(token.send_answer(&token.answer(&asked, Decision::Cancel, None)).await.status, 200);
    Err(refused)
}

#[tokio::test]
async fn the_list_is_fetched_kept_and_fetched_again_when_it_is_a_day_old() {
    let (maker, apple, google) = (AndroidMaker::new(), AppleMaker::new(), Receiver::answering(|_| list(false)));
    let installation = fetching(calling_receivers(Installation::new()), &google);
    let mut server = server_on(installation, &maker, &apple);
    let asked = google.next().await;
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/attestation/status"));
    noticed(&server, 0..1).await;
    let ticket = online(&server, "alice");
    let mut token = Phone::new(&server, &ticket).activate_stating(&android(&maker, Claim::default())).await;
    let caller = server.caller("challenge");
    assert_eq!(approve(&caller, &token, "192.0.2.1").await, Ok(()));

    // A server that starts again has it, and asks nobody while it is younger than a day.
    server.kill();
    aged(&server, 23);
    server.start_again();
    token.reconnect(&server);
    noticed(&server, 23..24).await;
    let caller = server.caller("challenge");
    assert_eq!(approve(&caller, &token, "192.0.2.2").await, Ok(()));
    assert_eq!(google.arrived().len(), 1);

    // After a day it is fetched anew. What is withdrawn by then is not believed any more.
    google.prepare(list(true));
    aged(&server, 24);
    google.next().await;
    judged(&server, "revoked").await;
    assert!(age(&server).await.unwrap() < 3600);
    let verdict = shown(&server, &ticket.serial);
    assert_eq!((&verdict["accepted"], &verdict["reason"]), (&json!(false), &json!("revoked")), "{verdict}");
    let refused = approve(&caller, &token, "192.0.2.3").await.unwrap_err();
    assert!(refused["detail"].as_str().unwrap().contains("the maker of this device has withdrawn"), "{refused}");
    let details = &last(&server, "approval.refused")["details"];
    assert_eq!(details["rule"], "revoked", "{details}");
    assert!(details["attestation"].as_str().unwrap().contains("4abcdef0 of the chain is revoked"), "{details}");
}

#[tokio::test]
async fn while_nobody_serves_it_the_list_is_relied_on_for_as_long_as_is_configured() {
    let (maker, apple, google) = (AndroidMaker::new(), AppleMaker::new(), Receiver::answering(|_| list(false)));
    let mut server = server_on(fetching(calling_receivers(Installation::new()), &google), &maker, &apple);
    google.next().await;
    noticed(&server, 0..1).await;
    let ticket = online(&server, "alice");
    let mut token = Phone::new(&server, &ticket).activate_stating(&android(&maker, Claim::default())).await;

    // What comes instead of it, a failure, a page, another address, half a list, changes nothing.
    for answer in [
        Prepared::status(503),
        Prepared::status(200).body("<html>Sign in to this network</html>"),
        Prepared::status(302).header("Location", format!("{}/elsewhere", google.url)),
        Prepared::status(200).body(r#"{"entries": {"not hexadecimal": {"status": "REVOKED"}}}"#),
    ] {
        server.kill();
        aged(&server, 30);
        google.prepare(answer);
        server.start_again();
        assert_eq!(google.next().await.path, "/attestation/status");
        noticed(&server, 30..31).await;
        token.reconnect(&server);
        let caller = server.caller("challenge");
        assert_eq!(approve(&caller, &token, "192.0.2.1").await, Ok(()));
    }

    // Older than is configured, it vouches for nobody any more.
    server.kill();
    aged(&server, 49);
    google.prepare(Prepared::status(503));
    server.start_again();
    token.reconnect(&server);
    judged(&server, "revocation_list").await;
    assert!(age(&server).await.unwrap() >= 49 * 3600);
    let caller = server.caller("challenge");
    let refused = approve(&caller, &token, "192.0.2.2").await.unwrap_err();
    assert!(refused["detail"].as_str().unwrap().contains("can't check this device's hardware"), "{refused}");
    let details = &last(&server, "approval.refused")["details"];
    assert_eq!(details["attestation"], "the revocation list is too old", "{details}");
    let phone = Phone::new(&server, &online(&server, "bob"));
    let finishing = phone.answer_stating(phone.prove().await, &android(&maker, Claim::default()));
    phone.send("finish", finishing.request()).await.problem(403, "activation-policy");
    assert_eq!(last(&server, "activation.refused")["details"]["rule"], "revocation_list");

    // It is served again.
    server.kill();
    server.start_again();
    token.reconnect(&server);
    judged(&server, "accepted").await;
    assert_eq!(approve(&server.caller("challenge"), &token, "192.0.2.3").await, Ok(()));
}

#[tokio::test]
async fn no_list_is_taken_from_whom_no_authority_vouches_for() {
    let (maker, apple, google) = (AndroidMaker::new(), AppleMaker::new(), Receiver::answering(|_| list(false)));
    // The receiver's certificate is of an authority that this server does not know.
    let server = server_on(fetching(Installation::new(), &google), &maker, &apple);
    let failed = "the revocation list could not be fetched";
    until(failed, async || server.log().contains(failed).then_some(())).await;
    assert!(google.arrived().is_empty());
    assert_eq!(age(&server).await, None);
    let phone = Phone::new(&server, &online(&server, "alice"));
    let finishing = phone.answer_stating(phone.prove().await, &android(&maker, Claim::default()));
    phone.send("finish", finishing.request()).await.problem(403, "activation-policy");
    let details = &last(&server, "activation.refused")["details"];
    assert_eq!(details["attestation"], "the revocation list is missing", "{details}");

    let plain = Installation::new().configured("ATTESTATION__REVOCATION_URL", "http://127.0.0.1:1/status");
    let refused = plain.try_admin(&["user", "list"]);
    assert_eq!(refused.exit, Some(2), "{}", refused.message);
    assert!(refused.message.contains("https://"), "{}", refused.message);
}
