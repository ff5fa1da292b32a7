//! Webhooks: what endpoints are told, how it is signed, and what happens when they don't take it. The signatures are
//! checked by the reference library of Standard Webhooks.

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use symbolon_core::approval::Decision;
use symbolon_tests::{Arrived, Installation, Pages, Prepared, Receiver, Server, calling_receivers, until};

fn server() -> Server {
    Server::with(calling_receivers(Installation::new()))
}

/// Adds an endpoint; answers its number and its secret.
fn add(server: &Server, url: &str, more: &[&str]) -> (String, String) {
    let mut arguments = vec!["webhook", "add", url];
    arguments.extend(more);
    let added = server.admin(&arguments);
    (added["webhook"]["id"].to_string(), added["secret"].as_str().unwrap().to_owned())
}

/// Checks the signature and answers what is said.
#[track_caller]
fn verified(arrived: &Arrived, secret: &str) -> Value {
    Webhook::new(secret).unwrap().verify(&arrived.body, &arrived.headers).unwrap();
    arrived.json()
}

/// The deliveries of an endpoint, the newest first, once the newest is in a state.
async fn deliveries(server: &Server, webhook: &str, state: &str) -> Vec<Value> {
    let listed = async || {
        let listed = server.admin(&["outbox", "list", "--webhook", webhook]);
        let deliveries = listed["deliveries"].as_array().unwrap().clone();
        deliveries.first().is_some_and(|delivery| delivery["state"] == state).then_some(deliveries)
    };
    until(state, listed).await
}

#[tokio::test]
async fn an_application_is_told_how_its_own_challenges_end() {
    let server = server();
    let token = server.activated("alice").await;
    let (own, others, organisation) = (Receiver::start(), Receiver::start(), Receiver::start());
    let caller = server.caller("challenge");
    let (_, secret) = add(&server, &format!("{}/ended", own.url), &["--application", "challenge 0"]);
    server.application("other", "challenge");
    add(&server, &others.url, &["--application", "other"]);
    let (_, organisation_secret) = add(&server, &organisation.url, &[]);

    let asked = caller.challenge(&json!({"user": "alice", "kind": "approval"})).await;
    let on_phone = token.requests(10).await.pop().unwrap();
    let answer = token.answer(&on_phone, Decision::Concern, None);
    assert_eq!(token.send_answer(&answer).await.status, 200);
    let (first, second) = (own.next().await, own.next().await);
    assert_eq!(first.path, "/ended");
    let mut told = [verified(&first, &secret), verified(&second, &secret)];
    told.sort_by_key(|told| told["type"].as_str().unwrap().to_owned());
    let [concern, ended] = told;
    assert_eq!((&concern["type"], &concern["data"]["challenge"]), (&json!("approval.concern"), &asked["id"]));
    assert_eq!(ended["type"], "challenge.ended");
    assert_eq!(ended["data"]["challenge"], asked["id"]);
    assert_eq!(ended["data"]["status"], "concern");
    assert_eq!(ended["data"]["user"], "alice");
    assert_eq!(ended["data"]["token"], token.serial);
    assert!(ended["timestamp"].is_string());
    assert_ne!(first.header("webhook-id"), second.header("webhook-id"));

    // A challenge is its application's affair; a concern is the organisation's too.
    let concern = verified(&organisation.next().await, &organisation_secret);
    assert_eq!(concern["type"], "approval.concern");
    server.admin(&["token", "disable", &token.serial]);
    assert_eq!(verified(&organisation.next().await, &organisation_secret)["type"], "token.disabled");
    assert!(others.arrived().is_empty(), "another application's challenge");
    assert_eq!(own.arrived().len(), 2, "a token is not an application's affair");
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_can_be_repeated() {
    let server = server();
    let endpoint = Receiver::start();
    let (number, secret) = add(&server, &endpoint.url, &["--event", "user.added"]);
    endpoint.prepare(Prepared::status(503).header("retry-after", 1));
    endpoint.prepare(Prepared::status(302).header("location", format!("{}/elsewhere", endpoint.url)));
    server.admin(&["user", "add", "bob"]);
    let attempts = [endpoint.next().await, endpoint.next().await, endpoint.next().await];
    for attempt in &attempts {
        assert_eq!(verified(attempt, &secret)["data"]["user"], "bob");
        assert_eq!(attempt.header("webhook-id"), attempts[0].header("webhook-id"), "by which repeats are told");
        assert_eq!(attempt.path, "/", "redirects are not followed");
    }
    let sent = deliveries(&server, &number, "sent").await.remove(0);
    assert_eq!((&sent["subject"], &sent["attempts"], &sent["to"]), (&json!("user.added"), &json!(3), &json!(number)));
    assert_eq!(sent["id"], attempts[0].header("webhook-id"));

    let id = sent["id"].as_str().unwrap();
    server.admin(&["outbox", "retry", id]);
    assert_eq!(endpoint.next().await.header("webhook-id"), id);
    deliveries(&server, &number, "sent").await;

    // Both secrets sign for a day after a new one was made.
    let rotated = server.admin(&["webhook", "rotate", &number]);
    server.admin(&["webhook", "test", &number]);
    let tested = endpoint.next().await;
    assert_eq!(verified(&tested, &secret)["type"], "webhook.tested");
    assert_eq!(verified(&tested, rotated["secret"].as_str().unwrap())["type"], "webhook.tested");

    // One that says that it is gone is not tried again, and the audit tells of it.
    endpoint.prepare(Prepared::status(410));
    server.admin(&["user", "add", "carol"]);
    let given_up = deliveries(&server, &number, "given_up").await.remove(0);
    assert!(given_up["problem"].as_str().unwrap().contains("410"), "{given_up}");
    assert_eq!(server.count_of("delivery.given_up"), 1);
    server.admin(&["outbox", "drop", given_up["id"].as_str().unwrap()]);
    assert_eq!(server.count_of("delivery.dropped"), 1);

    let metrics = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"symbolon_deliveries_total{kind="webhook",result="given_up"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"symbolon_outbox{kind="webhook"} 0"#), "{metrics}");
    server.admin(&["webhook", "remove", &number]);
    assert_eq!(server.admin(&["outbox", "list"])["deliveries"], json!([]));
}

#[tokio::test]
async fn what_was_written_before_a_kill_is_sent_after_the_restart() {
    let mut server = server();
    let endpoint = Receiver::start();
    let (number, secret) = add(&server, &endpoint.url, &["--event", "user.added"]);
    // Nobody sends while no server runs: the commit is there, and nothing else.
    server.kill();
    server.admin(&["user", "add", "bob"]);
    assert!(endpoint.arrived().is_empty());
    server.start_again();
    assert_eq!(verified(&endpoint.next().await, &secret)["data"]["user"], "bob");
    deliveries(&server, &number, "sent").await;

    // A stop waits for what is under way and writes down what came of it.
    server.admin(&["user", "add", "carol"]);
    endpoint.next().await;
    server.ask_to_stop();
    assert!(server.ended().success());
    let listed = server.admin(&["outbox", "list", "--state", "waiting"]);
    assert_eq!(listed["deliveries"], json!([]));
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_up_no_other() {
    let server = server();
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Receiver::start();
    add(&server, &format!("https://{}", silent.local_addr().unwrap()), &["--event", "user.added"]);
    let (_, secret) = add(&server, &endpoint.url, &["--event", "user.added"]);
    for number in 0..20 {
        server.admin(&["user", "add", &format!("user-{number}")]);
    }
    for _ in 0..20 {
        verified(&endpoint.next().await, &secret);
    }
    // The last one that arrived may not be noted yet.
    let waiting = || server.admin(&["outbox", "list", "--state", "waiting"])["deliveries"].as_array().unwrap().len();
    until("20 deliveries wait", async || (waiting() == 20).then_some(())).await;
}

#[tokio::test]
async fn endpoints_lead_to_public_addresses_only_and_secrets_are_shown_once() {
    let server = Server::start();
    let endpoint = Receiver::start();
    let port = endpoint.url.rsplit(':').next().unwrap();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let (number, _) = add(&server, &format!("https://{host}:{port}/"), &[]);
        server.admin(&["webhook", "test", &number]);
        let problem = async || {
            let listed = server.admin(&["outbox", "list", "--webhook", &number]);
            listed["deliveries"][0]["problem"].as_str().map(str::to_owned)
        };
        let problem = until("the delivery has a problem", problem).await;
        assert!(problem.contains("no public address"), "{host}: {problem}");
    }
    assert!(endpoint.arrived().is_empty());
    for url in ["http://example.org/", "https://ana:secret@example.org/", "ftp://example.org/", "example.org"] {
        assert_eq!(server.try_admin(&["webhook", "add", url]).exit, Some(2), "{url}");
    }
    let events = server.try_admin(&["webhook", "add", "https://example.org/", "--event", "challenge.ended"]);
    assert_eq!(events.exit, Some(2), "{}", events.message);
    let unreachable = server.try_admin(&["webhook", "add", "https://10.1.2.3/"]);
    assert!(unreachable.message.contains("outbound.networks"), "{}", unreachable.message);
    server.admin(&["webhook", "remove", &unreachable.done()["webhook"]["id"].to_string()]);
    assert_eq!(server.try_admin(&["webhook", "remove", "99"]).exit, Some(1));
    assert_eq!(server.try_admin(&["outbox", "retry", "msg_AAAAAAAAAAAAAAAAAAAAAA"]).exit, Some(1));
    assert_eq!(server.try_admin(&["outbox", "retry", "nonsense"]).exit, Some(2));

    let admin = server.caller("admin");
    let added = admin.call("POST", "/v1/admin/webhooks", &json!({"url": "https://example.org/a"})).await.json();
    let secret = added["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap().to_owned();
    let listed = admin.get("/v1/admin/webhooks").await;
    assert_eq!(listed.json()["webhooks"].as_array().unwrap().len(), 6);
    assert!(!listed.text().contains(&secret));
    let bytes = data_encoding::BASE64.decode(secret.as_bytes()).unwrap();
    let database = std::fs::read(server.data_dir().join("symbolon.db-wal")).unwrap();
    assert!(!database.windows(bytes.len()).any(|window| window == bytes), "sealed at rest");
    admin.call("POST", "/v1/admin/webhooks", &json!({"url": "http://example.org/"})).await.invalid("url");
    admin.get("/v1/admin/outbox?limit=0").await.invalid("limit");
}

#[tokio::test]
async fn the_console_shows_what_was_given_up_and_sends_it_again() {
    let server = server();
    let password = "a long enough password";
    let added = server.admin(&["administrator", "add", "root", "--role", "owner"]);
    let mut root = Pages::of(&server);
    let chosen = [("link", added["link"].as_str().unwrap()), ("password", password), ("again", password)];
    assert_eq!(root.post("/console/welcome", &chosen).await.status, 303);
    assert!(!root.get("/console").await.text.contains("To look after"));

    let endpoint = Receiver::start();
    let (number, secret) = add(&server, &endpoint.url, &["--event", "user.added"]);
    endpoint.prepare(Prepared::status(410));
    server.admin(&["user", "add", "bob"]);
    let given_up = deliveries(&server, &number, "given_up").await.remove(0);
    endpoint.next().await;
    let start = root.get("/console").await;
    assert!(start.text.contains("To look after") && start.text.contains("webhook: 1 given up"), "{}", start.text);
    let page = root.get("/console/deliveries?state=given_up&kind=webhook").await;
    assert!(page.text.contains("410") && page.text.contains("user.added"), "{}", page.text);
    assert!(root.get("/console/deliveries?kind=mail").await.text.contains("Nothing here"));
    assert_eq!(root.get("/console/deliveries?kind=pigeon").await.status, 404);

    let token = page.value("name=\"form_token\" value=\"");
    let id = given_up["id"].as_str().unwrap();
    let fields = [("form_token", token.as_str()), ("id", id), ("action", "retry")];
    assert_eq!(root.post("/console/deliveries/act", &fields).await.leads_to(), "/console/deliveries?done=retry");
    assert_eq!(verified(&endpoint.next().await, &secret)["data"]["user"], "bob");
    deliveries(&server, &number, "sent").await;
    assert!(root.get(&format!("/console/deliveries/confirm?id={id}")).await.text.contains("Drop this delivery"));
    let fields = [("form_token", token.as_str()), ("id", id), ("action", "drop")];
    assert_eq!(root.post("/console/deliveries/act", &fields).await.leads_to(), "/console/deliveries?done=drop");
    assert_eq!(root.post("/console/deliveries/act", &fields).await.status, 404);
}
