//! The attackers of the design's table, as far as their parts exist.

use std::sync::Arc;

use serde_json::json;
use symbolon_core::activation::online::OnlineError;
use symbolon_core::encoding::Bytes;
use symbolon_tests::{
    Caller, Desktop, Imported, Installation, Middleman, Phone, Server, Ticket, Wire, accepted, reason,
};

const PIN: &str = "246813";

/// The ticket as somebody between phone and server would have it: their address, all else the same.
fn through(middle: &Middleman, ticket: &Ticket) -> String {
    let address = |url: &str| url.replace(':', "%3A").replace('/', "%2F");
    let link = ticket.link.replace(&address(&ticket.address), &address(&middle.url));
    assert_ne!(link, ticket.link);
    link
}

#[tokio::test(flavor = "multi_thread")]
async fn a_middleman_with_an_authority_of_their_own_sees_nothing_of_a_link_s_activation() {
    let server = Server::start();
    let middle = Middleman::before(server.wire()).await;
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    let refused = desktop.try_run(&["activate", "--pin-fd", "0", &through(&middle, &ticket)], &[PIN]);
    assert_eq!(refused.exit, Some(3), "{}", refused.message);
    assert!(refused.message.contains("does not prove to be the server"), "{}", refused.message);
    assert_eq!(middle.seen().len(), 0, "the phone spoke to somebody whose key the ticket does not pin");
    let activated = desktop.run(&["activate", "--pin-fd", "0", &ticket.link], &[PIN]);
    assert_eq!(activated["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_middleman_of_a_typed_ticket_carries_messages_and_learns_no_secret() {
    let server = Server::start();
    let caller = server.caller("verify");
    let middle = Middleman::before(server.wire()).await;
    let ticket = server.hand_out("alice");
    let phone = Phone::typed(&middle.url, &ticket.serial, &ticket.code);
    let token = phone.activate().await;
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    assert_eq!(middle.seen().len(), 6);
    let code = ticket.code.replace(' ', "");
    let secret: Bytes<1, 64> = Bytes::new(token.secret.clone()).unwrap();
    for message in middle.seen() {
        let text = String::from_utf8(message).unwrap();
        assert!(!text.contains(&code) && !text.contains(&ticket.code), "the password travels");
        assert!(!text.contains(&secret.to_string()), "the key travels");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_middleman_changes_is_noticed_and_the_ticket_stays_good() {
    let server = Server::start();
    let ticket = server.hand_out("alice");
    let fields = [
        (true, "start", "ke1"),
        (true, "start", "encapsulation_key"),
        (false, "start", "session"),
        (false, "start", "ke2"),
        (false, "start", "ciphertext"),
        (false, "start", "identity_key"),
        (false, "start", "time"),
    ];
    for (to_server, step, field) in fields {
        let middle = Middleman::changing(server.wire(), move |request, path, bytes| {
            if request != to_server || !path.ends_with(step) {
                return bytes;
            }
            let mut message: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            message[field] = match (field, message[field].as_str().unwrap()) {
                ("time", _) => json!("2030-01-01T00:00:00Z"),
                // Another point of the curve, another element of the group: valid, and somebody else's.
                ("identity_key", _) => {
                    let key = symbolon_core::signed::SigningKey::generate(&mut rand_core::OsRng).public_key();
                    json!(key)
                }
                ("ke1", _) => {
                    let other = Phone::typed("https://127.0.0.1:1", "00000-00001", "1234567890123456");
                    json!(other.begin().request().ke1)
                }
                ("encapsulation_key", _) => {
                    let other = Phone::typed("https://127.0.0.1:1", "00000-00001", "1234567890123456");
                    json!(other.begin().request().encapsulation_key)
                }
                (_, text) => json!(format!("{}{}", if text.starts_with('A') { "B" } else { "A" }, &text[1..])),
            };
            serde_json::to_vec(&message).unwrap()
        })
        .await;
        let phone = Phone::typed(&middle.url, &ticket.serial, &ticket.code);
        let error = phone.try_prove().await.unwrap_err();
        // Changed bits may also make something that is no point of the curve.
        assert!(matches!(error, OnlineError::WrongPassword | OnlineError::Message), "{field}: {error}");
    }
    // What message 2 seals for the server itself is refused by the server.
    let middle = Middleman::changing(server.wire(), |request, path, bytes| {
        if request || !path.ends_with("start") {
            return bytes;
        }
        let mut message: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        message["state"] = json!(format!("AAAA{}", &message["state"].as_str().unwrap()[4..]));
        serde_json::to_vec(&message).unwrap()
    })
    .await;
    let phone = Phone::typed(&middle.url, &ticket.serial, &ticket.code);
    let finishing = phone.answer(phone.prove().await);
    phone.send("finish", finishing.request()).await.problem(403, "activation-refused");

    let token = Phone::new(&server, &ticket).activate().await;
    assert!(accepted(&server.caller("verify").verify("alice", &token.code()).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_typed_activation_the_desktop_pins_the_real_server_and_shuns_the_middleman() {
    let server = Server::start();
    let middle = Middleman::before(server.wire()).await;
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    let address = middle.url.trim_start_matches("https://");
    let arguments = ["activate", "--classic", address, &ticket.serial, "--code-fd", "0", "--pin-fd", "0"];
    let activated = desktop.try_run(&arguments, &[&ticket.code, PIN]);
    let passed = middle.seen().len();
    // It may refuse already to confirm through them; it must not once it has the pin.
    if activated.exit == Some(0) {
        let asked = desktop.try_run(&["code", "--contact", "--pin-fd", "0"], &[PIN]);
        assert_eq!(asked.exit, Some(3), "{}", asked.message);
        assert_eq!(middle.seen().len(), passed, "nothing more goes through the middleman");
    } else {
        assert_eq!(activated.exit, Some(3), "{}", activated.message);
    }
}

#[tokio::test]
async fn a_thief_of_the_database_can_open_nothing() {
    let mut server = Server::start();
    let caller = server.caller("verify,admin");
    let ticket = server.hand_out("alice");
    let token = Phone::new(&server, &ticket).activate().await;
    assert!(accepted(&caller.verify("alice", &token.code()).await));
    let waiting = server.hand_out("bob");
    let pending = Phone::new(&server, &waiting);
    let registered = pending.register().await;
    let imported = Imported::totp("carol", "M-1", "sha1", 6, 30);
    let _ = server.import(Imported::csv(std::slice::from_ref(&imported)).as_bytes(), &[]).done();
    let wrong = token.wrong_code();
    assert_eq!(reason(&caller.verify("alice", &wrong).await), "wrong_code");
    server.kill();

    // Everything that lies on the disk but the master key.
    let stolen = server.beside("stolen");
    std::fs::create_dir(&stolen).unwrap();
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(server.data_dir()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "master.key" {
            std::fs::copy(entry.path(), stolen.join(entry.file_name())).unwrap();
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"alice"), "the scan finds what is there");
    let groups = |code: &str| code.replace(' ', "");
    let digits = imported.secret_hex();
    let raw = data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap();
    for (what, secret) in [
        ("an API key", caller.key.as_bytes()),
        ("the random part of an API key", &caller.key.as_bytes()[4..]),
        ("a used activation code", groups(&ticket.code).as_bytes()),
        ("a live activation code", groups(&waiting.code).as_bytes()),
        ("a token's key", &token.secret),
        ("a key of a handshake", registered.keys.code.expose()),
        ("another key of a handshake", registered.keys.unlock.expose()),
        ("an imported key", &raw),
        ("an imported key in hexadecimal", digits.as_bytes()),
        ("a private key", b"PRIVATE KEY"),
        ("a wrong code", wrong.as_bytes()),
    ] {
        assert!(!holds(secret), "{what} lies in the database");
    }
    for (name, mode) in [("", 0o700), ("symbolon.db", 0o600), ("symbolon.db-wal", 0o600), ("master.key", 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        if let Ok(about) = server.data_dir().join(name).metadata() {
            assert_eq!(about.permissions().mode() & 0o777, mode, "{name}");
        }
    }

    // Without the master key nothing starts, and no new one is made; with another one neither.
    let refused = server.admin_on(&stolen, &["user", "list"]);
    assert_eq!(refused.exit, Some(2), "{}", refused.message);
    assert!(refused.message.contains("master.key"), "{}", refused.message);
    assert!(!stolen.join("master.key").exists());
    std::fs::write(stolen.join("master.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let refused = server.admin_on(&stolen, &["user", "list"]);
    assert_eq!(refused.exit, Some(4), "{}", refused.message);
    assert!(refused.message.contains("do not belong together"), "{}", refused.message);
}

#[test]
fn a_server_without_its_master_key_does_not_start_and_makes_no_new_one() {
    let mut server = Server::start();
    server.admin(&["user", "add", "alice"]);
    server.kill();
    let key = server.data_dir().join("master.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let log = Server::launch(server.installation(), "127.0.0.1:0").err().unwrap();
    assert!(log.contains("master.key"), "{log}");
    assert!(!key.exists());
    std::fs::write(&key, kept).unwrap();
    server.start_again();
    assert_eq!(server.admin(&["user", "list"])["users"][0]["name"], "alice");
}

/// Whoever runs another server that the same phone is activated with, and whoever holds that server's tokens.
#[tokio::test]
async fn another_server_can_do_nothing_with_this_one_s_tokens() {
    let server = Server::start();
    let other = Server::start();
    let here = server.activated("alice").await;
    let there = other.activated("alice").await;
    let caller = server.caller("verify");
    assert_eq!(reason(&caller.verify("alice", &there.code()).await), "wrong_code");
    assert_eq!(reason(&other.caller("verify").verify_token(&here.serial, &here.code()).await), "no_active_token");

    // A question that was signed for one server, carried to the other.
    other.wire().post("/v1/device/contact", &here.question()).await.problem(403, "activation-refused");
    let mut carried = there.question();
    carried.serial = here.serial.parse().unwrap();
    server.wire().post("/v1/device/contact", &carried).await.problem(403, "activation-refused");

    // A link of this server that was made to lead to the other one.
    let ticket = server.hand_out("bob");
    let misled = Wire::trusting_anybody(&other.url);
    let phone = Phone::new(&server, &ticket);
    let started = phone.begin();
    let reply = misled.post("/v1/device/activation/start", started.request()).await;
    assert_eq!(started.prove(&mut rand_core::OsRng, &reply.read()).unwrap_err(), OnlineError::OtherServer);
    // Typed, it has no pin: the password decides.
    let typed = Phone::typed(&other.url, &ticket.serial, &ticket.code);
    assert_eq!(typed.try_prove().await.unwrap_err(), OnlineError::WrongPassword);

    // Message 3 of a handshake here means nothing there.
    let finishing = phone.answer(phone.prove().await);
    misled.post("/v1/device/activation/finish", finishing.request()).await.problem(403, "activation-refused");
    assert_eq!(phone.send("finish", finishing.request()).await.status, 200);

    // An API key neither.
    let stray = Caller::new(other.wire(), caller.key.clone());
    assert_eq!(stray.try_verify("alice", "12345678").await.unwrap().status, 401);
}

#[tokio::test]
async fn an_api_key_opens_its_own_scopes_and_nothing_else() {
    let server = Server::start();
    let verifier = server.caller("verify");
    let admin = server.caller("admin");
    let challenger = server.caller("challenge");
    let token = server.activated("alice").await;
    let paths = [
        ("GET", "/v1/admin/users"),
        ("POST", "/v1/admin/users"),
        ("DELETE", "/v1/admin/users/alice"),
        ("POST", "/v1/admin/users/alice/actions"),
        ("POST", "/v1/admin/users/alice/tokens"),
        ("GET", "/v1/admin/tokens/0000000000"),
        ("POST", "/v1/admin/tokens/0000000000/actions"),
        ("DELETE", "/v1/admin/tokens/0000000000"),
        ("POST", "/v1/admin/tokens/import"),
        ("GET", "/v1/admin/applications"),
        ("POST", "/v1/admin/applications"),
        ("POST", "/v1/admin/applications/x/rotate"),
        ("DELETE", "/v1/admin/applications/x"),
        ("GET", "/v1/admin/policy"),
        ("PATCH", "/v1/admin/policy"),
        ("PATCH", "/v1/admin/policy/groups/x"),
        ("GET", "/v1/admin/audit"),
        ("POST", "/v1/admin/audit/verify"),
        ("POST", "/v1/admin/clock/accept"),
        ("GET", "/v1/admin/keys"),
        ("POST", "/v1/admin/keys/identity/rotate"),
        ("POST", "/v1/admin/keys/tls/finish"),
    ];
    for (method, path) in paths {
        for caller in [&verifier, &challenger] {
            caller.call(method, path, &json!({})).await.problem(403, "scope");
        }
        let nobody = Wire::send(server.wire().request(method, path).json(&json!({}))).await;
        nobody.problem(401, "unauthorized");
    }
    let code = token.code();
    for caller in [&admin, &challenger] {
        caller.try_verify("alice", &code).await.unwrap().problem(403, "scope");
    }
    assert!(accepted(&verifier.verify("alice", &code).await));
    assert_eq!(server.admin(&["audit", "verify"])["entries"], 7, "a refused caller writes nothing");
}

#[tokio::test]
async fn wrong_removed_and_rotated_keys_are_refused_alike() {
    let server = Server::start();
    let caller = server.caller("verify");
    let name = server.admin(&["application", "list"])["applications"][0]["name"].as_str().unwrap().to_owned();
    let token = server.activated("alice").await;
    let ask = async |authorization: Option<String>| {
        let request =
            server.wire().request("POST", "/v1/verify").json(&json!({"user": "alice", "code": token.code_at(0)}));
        let reply = Wire::send(match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        })
        .await;
        assert!(reply.headers.contains(&"www-authenticate".to_owned()));
        reply.problem(401, "unauthorized")
    };
    let key = &caller.key;
    let first = ask(None).await;
    let almost = format!("{}{}", &key[..key.len() - 1], if key.ends_with('A') { "B" } else { "A" });
    for wrong in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Basic {key}"),
        key.clone(),
        format!("Bearer {almost}"),
        format!("Bearer {key}{key}"),
        format!("Bearer {}", key.to_uppercase()),
        "Bearer ' OR 1=1 --".into(),
    ] {
        assert_eq!(ask(Some(wrong)).await, first);
    }
    let rotated = server.admin(&["application", "rotate", &name])["key"].as_str().unwrap().to_owned();
    assert_eq!(ask(Some(format!("Bearer {key}"))).await, first);
    let renewed = Caller::new(server.wire(), rotated.clone());
    assert!(accepted(&renewed.verify("alice", &token.code()).await));
    server.admin(&["application", "remove", &name]);
    assert_eq!(ask(Some(format!("Bearer {rotated}"))).await, first);
}

#[tokio::test]
async fn an_old_api_key_goes_on_for_its_time_and_each_says_when_it_was_used() {
    let server = Server::start();
    let admin = server.caller("admin");
    let old = server.application("shop", "verify");
    let shop = || server.admin(&["application", "list"])["applications"][1].clone();
    assert_eq!((&shop()["name"], shop().get("last_used_at"), shop().get("old_key")), (&json!("shop"), None, None));
    let opens = async |key: &str| {
        let reply = Caller::new(server.wire(), key.to_owned()).try_verify("nobody", "00000000").await.unwrap();
        assert!([200, 401].contains(&reply.status), "{}", reply.text());
        reply.status == 200
    };
    assert!(opens(&old).await && shop()["last_used_at"].is_string());

    let rotate = async |seconds: &str| {
        let path = format!("/v1/admin/applications/shop/rotate?overlap={seconds}");
        admin.call("POST", &path, &json!({})).await
    };
    for wrong in ["2592001", "-1", "day"] {
        rotate(wrong).await.problem(400, "invalid");
    }
    let rotated = rotate("86400").await.json();
    let new = rotated["key"].as_str().unwrap();
    assert_eq!(rotated["application"].get("last_used_at"), None, "nobody has the new one yet");
    assert!(rotated["application"]["old_key"]["last_used_at"].is_string());
    assert!(opens(&old).await && opens(new).await);
    // Its time ends by itself.
    server.database().execute("UPDATE api_key SET ends_at = 1 WHERE ends_at IS NOT NULL", []).unwrap();
    assert!(!opens(&old).await && opens(new).await);
    assert_eq!(shop().get("old_key"), None);

    // Or before it, by hand; and no third key goes on.
    let newer = server.admin(&["application", "rotate", "shop", "--overlap", "3600"])["key"].clone();
    let newest = server.admin(&["application", "rotate", "shop", "--overlap", "3600"])["key"].clone();
    let (newer, newest) = (newer.as_str().unwrap(), newest.as_str().unwrap());
    assert!(!opens(new).await && opens(newer).await && opens(newest).await);
    let ended = server.admin(&["application", "end-old-key", "shop"]);
    assert_eq!(ended["application"].get("old_key"), None);
    assert!(!opens(newer).await && opens(newest).await);
    admin.call("DELETE", "/v1/admin/applications/shop/old-key", &json!({})).await.problem(409, "refused");
    let stored = std::fs::read(server.data_dir().join("symbolon.db")).unwrap();
    assert!(!stored.windows(newest.len()).any(|part| part == newest.as_bytes()), "keys are kept as hashes");
    assert_eq!((server.count_of("application.rotated"), server.count_of("application.old_key_ended")), (3, 1));
}

#[tokio::test]
async fn guesses_at_api_keys_codes_and_tickets_meet_a_limit() {
    let slow = |name: &str, burst: &str| {
        let installation = Installation::new().configured(&format!("LIMITS__{name}_PER_SECOND"), "1");
        installation.configured(&format!("LIMITS__{name}_BURST"), burst)
    };
    let too_many = |reply: &symbolon_tests::Reply| {
        reply.problem(429, "too-many");
        assert!(reply.headers.contains(&"retry-after".to_owned()), "{:?}", reply.headers);
    };

    let server = Server::with(slow("BAD_KEYS", "5"));
    let stranger = Caller::new(server.wire(), "sym_guess".into());
    let mut last = stranger.try_verify("alice", "12345678").await.unwrap();
    for _ in 0..50 {
        if last.status == 429 {
            break;
        }
        last = stranger.try_verify("alice", "12345678").await.unwrap();
    }
    too_many(&last);

    let server = Server::with(slow("REFUSALS", "5"));
    let caller = server.caller("verify");
    let other = server.caller("verify");
    let mut last = caller.try_verify("nobody", "12345678").await.unwrap();
    for _ in 0..50 {
        if last.status == 429 {
            break;
        }
        last = caller.try_verify("nobody", "12345678").await.unwrap();
    }
    too_many(&last);
    assert_eq!(other.try_verify("nobody", "12345678").await.unwrap().status, 200, "another application goes on");

    let server = Server::with(slow("DEVICE", "5"));
    let ticket = server.hand_out("alice");
    let guesser = Phone::new(&server, &ticket).guessing("1111 1111 1111 1111");
    let mut statuses = Vec::new();
    let begun = guesser.begin();
    for _ in 0..30 {
        let reply = guesser.send("start", begun.request()).await;
        if reply.status == 429 {
            too_many(&reply);
        }
        statuses.push(reply.status);
    }
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!(statuses.contains(&429));
    assert_eq!(server.number("SELECT guesses FROM ticket"), i64::try_from(answered).unwrap());
}

#[tokio::test]
async fn nobody_forges_where_a_request_comes_from() {
    let installation = Installation::new().configured("LIMITS__DEVICE_PER_SECOND", "1");
    let server = Server::with(installation.configured("LIMITS__DEVICE_BURST", "3"));
    let ticket = server.hand_out("alice");
    let begun = Phone::new(&server, &ticket).begin();
    let wire = server.wire();
    let mut statuses = Vec::new();
    for request in 0..20 {
        let post = wire.request("POST", "/v1/device/activation/start").json(begun.request());
        let forged = post.header("x-forwarded-for", format!("192.0.2.{request}")).header("forwarded", "for=192.0.2.1");
        statuses.push(Wire::send(forged).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn http_without_tls_is_served_to_this_machine_only() {
    let installation = Arc::new(Installation::new().over_plain_http());
    let log = Server::launch(&installation, "0.0.0.0:0").err().unwrap();
    assert!(log.contains("loopback"), "{log}");
    let server = Server::on(&installation);
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    assert_eq!(server.tls_pin, None);
}

#[tokio::test]
async fn old_tls_and_plain_text_are_not_served() {
    let server = Server::start();
    let plain = Wire::plain(&server.url.replace("https://", "http://"));
    assert!(Wire::try_send(plain.request("GET", "/healthz")).await.is_err());
    // A client that knows another authority only.
    let other = Server::start();
    let stranger = Wire::trusting(&server.url, &std::fs::read(other.data_dir().join("authority.pem")).unwrap());
    assert!(Wire::try_send(stranger.request("GET", "/healthz")).await.is_err());
    assert_eq!(server.wire().get("/healthz").await.status, 200);
}
