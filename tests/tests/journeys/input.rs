//! Bad input: whatever comes in gets a clear 4xx that names the field, and nothing that was given comes back.

use rand_core::{OsRng, RngCore as _};
use serde_json::json;
use symbolon_tests::{Installation, Server, Wire, accepted, reason};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What stands in for a code, and must never come back.
const CODE: &str = "97531864";

fn deep(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn bodies_that_are_no_verification_are_refused_and_the_field_is_named() {
    let server = Server::start();
    let caller = server.caller("verify");
    let fields: [(String, &str); 22] = [
        (format!(r#"{{"user": 5, "code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": "", "code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": "{}", "code": "{CODE}"}}"#, "a".repeat(101)), "user"),
        (format!(r#"{{"user": "a\u0000b", "code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": "a\nb", "code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": "a\u202eb", "code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": {{"name": "a"}}, "code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": {}, "code": "{CODE}"}}"#, deep(20)), "user"),
        (format!(r#"{{"token": "{}", "code": "{CODE}"}}"#, "1".repeat(65)), "token"),
        (format!(r#"{{"token": ["1"], "code": "{CODE}"}}"#), "token"),
        (format!(r#"{{"user": "a", "token": "b", "code": "{CODE}"}}"#), "token"),
        (format!(r#"{{"code": "{CODE}"}}"#), "user"),
        (format!(r#"{{"user": "a", "code": {CODE}}}"#), "code"),
        (format!(r#"{{"user": "a", "code": {CODE}.5e3}}"#), "code"),
        (format!(r#"{{"user": "a", "code": ["{CODE}"]}}"#), "code"),
        (format!(r#"{{"user": "a", "code": {{"{CODE}": 1}}}}"#), "code"),
        (r#"{"user": "a", "code": null}"#.into(), "code"),
        (r#"{"user": "a", "code": true}"#.into(), "code"),
        (r#"{"user": "a", "code": ""}"#.into(), "code"),
        (r#"{"user": "a", "code": "97531"}"#.into(), "code"),
        (format!(r#"{{"user": "a", "code": "{CODE}{CODE}"}}"#), "code"),
        (format!(r#"{{"user": "a", "code": "{CODE}x"}}"#), "code"),
    ];
    for (body, field) in fields {
        let reply = caller.verify_bytes(body.clone()).await;
        assert!(!reply.text().contains("97531"), "{body} comes back: {}", reply.text());
        let problem = reply.invalid(field);
        assert!(!problem["errors"][0]["message"].as_str().unwrap().is_empty(), "{problem}");
    }
    for (body, named) in [
        (format!(r#"{{"user": "a", "code": "{CODE}", "code": "{CODE}"}}"#), "code"),
        (format!(r#"{{"user": "a", "user": "b", "code": "{CODE}"}}"#), "user"),
        (r#"{"user": "a"}"#.to_owned(), "code"),
        (format!(r#"{{"user": "a", "code": "{CODE}", "more": 1}}"#), "more"),
    ] {
        let reply = caller.verify_bytes(body.clone()).await;
        assert!(!reply.text().contains(CODE), "{body} comes back: {}", reply.text());
        reply.problem(400, "invalid");
        assert!(reply.text().contains(named), "{body}: {}", reply.text());
    }
    assert_eq!(server.count_of("code.refused"), 0, "none of this was a guess");
}

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused() {
    let server = Server::start();
    let caller = server.caller("verify");
    let right = format!(r#"{{"user": "a", "code": "{CODE}"}}"#);
    let not_utf8 = [br#"{"user": "a"#.as_slice(), &[0xff, 0xfe], br#"", "code": "97531864"}"#].concat();
    let lone_surrogate = format!(r#"{{"user": "\ud800", "code": "{CODE}"}}"#);
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "5",
        "\"text\"",
        "[]",
        "{",
        "}",
        "{]",
        "nonsense",
        "\u{feff}{}",
        "{'user': 'a'}",
        "{\"user\": \"a\",}",
    ]
    .iter()
    .map(|body| body.as_bytes().to_vec())
    .collect();
    bodies.extend([
        not_utf8,
        lone_surrogate.into_bytes(),
        format!(r#"["a", null, "{CODE}"]"#).into_bytes(),
        format!("{right}{right}").into_bytes(),
        format!("{right} trailing").into_bytes(),
        deep(50_000).into_bytes(),
        format!(r#"{{"user": {}}}"#, deep(30_000)).into_bytes(),
        format!("{}{}", "{\"user\":".repeat(10_000), "}".repeat(10_000)).into_bytes(),
    ]);
    for length in 1..right.len() {
        bodies.push(right.as_bytes()[..length].to_vec());
    }
    for body in bodies {
        let reply = caller.verify_bytes(body.clone()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!((reply.status, reply.content_type.as_str()), (400, "application/problem+json"), "{shown}");
        assert!(!reply.text().contains("97531"), "{shown} comes back: {}", reply.text());
    }
    assert_eq!(reason(&caller.verify_bytes(right).await.read()), "no_active_token");
}

#[tokio::test]
async fn oversized_bodies_are_refused_with_413() {
    let server = Server::start();
    let caller = server.caller("verify,admin");
    for size in [200_000, 3_000_000] {
        let body = format!(r#"{{"user": "{}", "code": "{CODE}"}}"#, "a".repeat(size));
        caller.verify_bytes(body).await.problem(413, "too-large");
    }
    let import = caller.request("POST", "/v1/admin/tokens/import").header("content-type", "text/csv");
    match Wire::try_send(import.body(vec![b'a'; 65 * 1024 * 1024])).await {
        Ok(reply) => drop(reply.problem(413, "too-large")),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    assert_eq!(server.wire().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn other_content_types_methods_and_paths_are_refused() {
    let server = Server::start();
    let caller = server.caller("verify,admin");
    let body = format!(r#"{{"user": "a", "code": "{CODE}"}}"#);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", "", "\u{e9}"] {
        let request = caller.request("POST", "/v1/verify").header("content-type", content_type.as_bytes());
        Wire::send(request.body(body.clone())).await.problem(415, "media-type");
    }
    let request = caller.request("POST", "/v1/verify");
    Wire::send(request.body(body.clone())).await.problem(415, "media-type");
    for content_type in ["application/json; charset=utf-8", "APPLICATION/JSON"] {
        let request = caller.request("POST", "/v1/verify").header("content-type", content_type);
        assert_eq!(Wire::send(request.body(body.clone())).await.status, 200, "{content_type}");
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        Wire::send(caller.request(method, "/v1/verify")).await.problem(405, "method-not-allowed");
    }
    for path in
        ["/v1", "/v1/verify/", "/v1/verify/97531864", "/v2/verify", "/v1/%76erify/..", "/%00", "/%ff", "//v1/verify"]
    {
        let reply = caller.get(path).await;
        reply.problem(404, "not-found");
        assert!(!reply.text().contains("97531"), "{}", reply.text());
    }
}

#[tokio::test]
async fn the_admin_api_names_what_is_wrong() {
    let server = Server::start();
    let admin = server.caller("admin");
    let policy = async |body: &str| {
        let request = admin.request("PATCH", "/v1/admin/policy").header("content-type", "application/json");
        Wire::send(request.body(body.to_owned())).await
    };
    for (body, named) in [
        (r#"{"code_length": 7}"#, "code_length"),
        (r#"{"code_length": "8"}"#, "code_length"),
        (r#"{"code_lenght": 8}"#, "code_lenght"),
        (r#"{"lockout_count": 0}"#, "lockout_count"),
        (r#"{"lockout_count": 21}"#, "lockout_count"),
        (r#"{"lockout_count": -1}"#, "lockout_count"),
        (r#"{"lockout_count": 1.5}"#, "lockout_count"),
        (r#"{"lockout_count": 1e100}"#, "lockout_count"),
        (r#"{"lockout_count": 99999999999999999999999999}"#, "lockout_count"),
        (r#"{"lockout_count": null}"#, "lockout_count"),
        (r#"{"lockout_count": 3, "lockout_count": 4}"#, "lockout_count"),
        (r#"{"hash": "md5"}"#, "hash"),
        (r#"{"pin_required": "yes"}"#, "pin_required"),
        (r#"{"email_activation_methods": []}"#, "email_activation_methods"),
        (r#"{"email_activation_methods": ["pigeon"]}"#, "email_activation_methods"),
        (r#"{"lockout_scope": "world"}"#, "lockout_scope"),
    ] {
        let reply = policy(body).await;
        assert_eq!(
            (reply.status, reply.content_type.as_str()),
            (400, "application/problem+json"),
            "{body}: {}",
            reply.text()
        );
        assert!(reply.text().contains(named), "{body}: {}", reply.text());
    }
    assert_eq!(server.count_of("policy.changed"), 0);
    assert_eq!(policy("{}").await.status, 200);

    admin.call("POST", "/v1/admin/users", &json!({"name": "a", "email": "nowhere"})).await.invalid("email");
    admin.call("POST", "/v1/admin/users", &json!({"name": " "})).await.invalid("name");
    admin.call("POST", "/v1/admin/applications", &json!({"name": "a", "scopes": ["root"]})).await.invalid("scopes[0]");
    admin.call("POST", "/v1/admin/users", &json!({"name": "a"})).await;
    let tokens = "/v1/admin/users/a/tokens";
    admin.call("POST", tokens, &json!({"methods": ["pigeon"]})).await.invalid("methods[0]");
    admin.call("POST", "/v1/admin/users/a/actions", &json!({"action": "explode"})).await.invalid("action");
    for query in ["limit=0", "limit=1001", "limit=x", "limit=-1", "nonsense=1", "limit=1&limit=2"] {
        let reply = admin.get(&format!("/v1/admin/users?{query}")).await;
        assert_eq!(
            (reply.status, reply.content_type.as_str()),
            (400, "application/problem+json"),
            "{query}: {}",
            reply.text()
        );
    }
    for query in ["sequence=99999999999999999999", "sequence=18446744073709551615", "sequence=-1"] {
        assert_eq!(admin.get(&format!("/v1/admin/audit?{query}")).await.status, 400, "{query}");
    }
    for path in ["users/%ff", "users/%00", "users/a%0ab", "tokens/%20", "policy/groups/%e2%80%ae"] {
        let reply = admin.get(&format!("/v1/admin/{path}")).await;
        assert!((400..500).contains(&reply.status), "{path}: {}", reply.text());
        assert_eq!(reply.content_type, "application/problem+json", "{path}");
    }
    // Search words are no patterns, and no SQL.
    for search in ["%25", "_", "'", "\\", "a' OR '1'='1"] {
        let found = admin.get(&format!("/v1/admin/users?search={search}")).await;
        assert_eq!(found.json()["users"].as_array().unwrap().len(), 0, "{search}: {}", found.text());
    }
}

#[tokio::test]
async fn bytes_changed_at_random_never_make_the_server_fail() {
    let server = Server::start();
    let caller = server.caller("verify,admin");
    server.admin(&["user", "add", "alice"]);
    let phone = symbolon_tests::Phone::new(&server, &server.hand_out_another("alice"));
    let started = serde_json::to_vec(phone.begin().request()).unwrap();
    let finishing = serde_json::to_vec(phone.answer(phone.prove().await).request()).unwrap();
    let verify = format!(r#"{{"user": "alice", "code": "{CODE}"}}"#).into_bytes();
    let policy = br#"{"lockout_count": 20, "hash": "sha256", "email_activation_methods": ["online"]}"#.to_vec();
    let targets = [
        ("POST", "/v1/verify", verify, 150),
        ("PATCH", "/v1/admin/policy", policy, 100),
        ("POST", "/v1/device/activation/start", started, 60),
        ("POST", "/v1/device/activation/finish", finishing, 60),
    ];
    for (method, path, body, times) in targets {
        for _ in 0..times {
            let mut changed = body.clone();
            for _ in 0..1 + OsRng.next_u32() % 3 {
                let place = OsRng.next_u32() as usize % changed.len().max(1);
                match OsRng.next_u32() % 4 {
                    0 if !changed.is_empty() => changed[place] = OsRng.next_u32().to_le_bytes()[0],
                    1 if !changed.is_empty() => drop(changed.remove(place)),
                    2 => changed.insert(place, b"\"{}[],:0\\"[OsRng.next_u32() as usize % 9]),
                    _ => changed.truncate(place + 1),
                }
            }
            let request = caller.request(method, path).header("content-type", "application/json");
            let reply = Wire::send(request.body(changed.clone())).await;
            let shown = String::from_utf8_lossy(&changed).into_owned();
            assert!(reply.status < 500, "{path}: {shown}: {}", reply.text());
        }
    }
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

/// Writes bytes to the socket of a server without TLS, and reads the answer to its end.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    // The server may hang up before it has read everything.
    drop(socket.write_all(bytes).await);
    drop(socket.shutdown().await);
    let mut answer = Vec::new();
    drop(socket.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn floods_of_headers_and_broken_requests_end_their_own_connection_only() {
    let server = Server::with(Installation::new().over_plain_http());
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    let many: String = (0..2000).map(|number| format!("x-{number}: {number}\r\n")).collect();
    let long = "a".repeat(1_000_000);
    let requests = [
        format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("POST /v1/verify HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {long}\r\n\r\n"),
        "GET /healthz HTTP/9.9\r\n\r\n".into(),
        "nonsense\r\n\r\n".into(),
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".into(),
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".into(),
        "GET /healthz HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n".into(),
        "\0\0\0\0\r\n\r\n".into(),
    ];
    for request in requests {
        let answer = raw(&server, request.as_bytes()).await;
        let shown = &request[..request.len().min(60)];
        // Nothing at all is an answer, too: the connection is closed.
        assert!(matches!(status(&answer), 0 | 400..=499), "{shown:?}: {answer}");
    }
    // A body that ends before it should, and two lengths that smugglers like.
    let head = format!("POST /v1/verify HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n", caller.key);
    let json = "content-type: application/json\r\n";
    let cut = format!("{head}{json}content-length: 500\r\n\r\n{{\"user\": \"alice\"");
    let answer = raw(&server, cut.as_bytes()).await;
    assert!(matches!(status(&answer), 0 | 400..=499), "{answer}");
    let smuggled =
        format!("{head}{json}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    let answer = raw(&server, smuggled.as_bytes()).await;
    assert!(matches!(status(&answer), 0 | 400..=499), "{answer}");

    // A body whose length is not said beforehand has the same limit.
    let chunks = format!("2710\r\n{}\r\n", " ".repeat(10_000)).repeat(100);
    let endless = format!("{head}{json}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let answer = raw(&server, endless.as_bytes()).await;
    assert!(matches!(status(&answer), 0 | 413), "{answer}");

    // A caller may name its request, in plain letters.
    for (id, kept) in [("trace-1.a", true), ("forged\"} {\"level\": \"ERROR", false), (&"a".repeat(65), false)] {
        let mut socket = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        let request = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("x-request-id: ") && answer.contains(id) == kept, "{answer}");
    }

    assert!(accepted(&caller.verify("alice", &token.code()).await), "everybody else goes on");
    assert_eq!(server.count_of("code.refused"), 0);
}

#[test]
fn configuration_with_a_typing_error_is_refused_and_the_key_is_named() {
    for (key, value, named) in [
        ("LISEN", "127.0.0.1:0", "lisen"),
        ("LIMITS__DEVICE_PER_SECONDS", "5", "device_per_seconds"),
        ("LISTEN", "nowhere", "listen"),
        ("ISSUER", "", "issuer"),
        ("LOG__FILTER", "=!=", "filter"),
        ("LOG__FILTER", "inof", "inof"),
        ("LIMITS__DEVICE_BURST", "0", "limits.device_burst"),
        ("TLS", r#"{ certificate = "/nowhere.pem", key = "/nowhere.pem" }"#, "/nowhere.pem"),
        ("MASTER_KEY", r#"{ file = "/nowhere/master.key" }"#, "/nowhere/master.key"),
    ] {
        let installation = std::sync::Arc::new(Installation::new().configured(key, value));
        let log = Server::launch(&installation, "127.0.0.1:0").err().unwrap_or_else(|| panic!("{key} is taken"));
        assert!(log.starts_with("exit status: 2") && log.contains(named), "{key}: {log}");
    }
}
