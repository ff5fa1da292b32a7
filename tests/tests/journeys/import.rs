//! Tokens of other makers, imported from CSV.

use serde_json::json;
use symbolon_tests::{Imported, Server, Wire, accepted, reason};

fn tokens() -> [Imported; 5] {
    [
        Imported::hotp("alice", "YK-0001"),
        Imported::totp("bob", "SW-60", "sha1", 6, 60),
        Imported::totp("bob", "SW-256", "sha256", 8, 30),
        Imported::totp("carol", "SW-512", "sha512", 8, 30),
        Imported::totp("dave", "APP-1", "sha1", 6, 30),
    ]
}

#[tokio::test]
async fn imported_tokens_verify_by_either_serial_number() {
    let server = Server::start();
    let caller = server.caller("verify");
    let tokens = tokens();
    let report = server.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    assert_eq!(report, json!({"dry_run": false, "tokens": 5, "users": 4, "errors": [], "warnings": []}));

    for token in &tokens {
        let shown = server.admin(&["token", "show", &token.serial]);
        let ours = shown["token"]["serial"].as_str().unwrap().to_owned();
        assert_eq!(shown["token"]["maker_serial"], token.serial);
        assert_eq!(shown["token"]["origin"], "imported");
        assert_eq!(shown["token"]["state"], "active");
        let code = |step: i64| match shown["token"]["type"].as_str() {
            Some("hotp") => token.code_of_event(step.unsigned_abs()),
            _ => token.code_at(step),
        };
        let verdict = caller.verify_token(&token.serial, &code(0)).await;
        assert!(accepted(&verdict), "{}: {verdict}", token.serial);
        assert_eq!(verdict["token"], ours);
        assert_eq!(reason(&caller.verify_token(&ours, &code(0)).await), "replayed");
        assert!(accepted(&caller.verify_token(&ours, &code(2)).await));
        assert!(accepted(&caller.verify(&token.user, &code(3)).await));
    }
}

#[tokio::test]
async fn an_event_token_that_was_pressed_too_often_is_outside_the_window() {
    let server = Server::start();
    let caller = server.caller("verify");
    let token = Imported::hotp("erin", "YK-0002");
    let _ = server.import(Imported::csv(std::slice::from_ref(&token)).as_bytes(), &[]).done();
    assert!(accepted(&caller.verify("erin", &token.code_of_event(9)).await));
    assert_eq!(reason(&caller.verify("erin", &token.code_of_event(5)).await), "replayed");
    assert_eq!(reason(&caller.verify("erin", &token.code_of_event(25)).await), "outside_window");
    assert!(accepted(&caller.verify("erin", &token.code_of_event(10)).await));
}

#[tokio::test]
async fn a_dry_run_names_bad_lines_and_an_import_with_one_imports_nothing() {
    let server = Server::start();
    let good = Imported::totp("alice", "GOOD-1", "sha1", 6, 30);
    let secret = good.secret_hex();
    let mut file = Imported::csv(std::slice::from_ref(&good)).into_bytes();
    let lines = [
        format!("bob,B-1,{secret},totp,md5,6,30\n"),
        format!("bob,B-2,{secret},totp,sha1,5,30\n"),
        format!("bob,B-3,{secret},totp,sha1,6,0\n"),
        format!("bob,B-4,{secret},clock,sha1,6,30\n"),
        "bob,B-5,xyz,totp,sha1,6,30\n".to_owned(),
        "bob,B-6,00,totp,sha1,6,30\n".to_owned(),
        format!(",B-7,{secret},totp,sha1,6,30\n"),
        format!("bob,,{secret},totp,sha1,6,30\n"),
        format!("bob,B-9,{secret},totp,sha1,6\n"),
        format!("bob,GOOD-1,{secret},totp,sha1,6,30\n"),
        format!("bob,B-11,{secret},hotp,sha1,6,99999999999999999999\n"),
    ];
    for line in &lines {
        file.extend(line.as_bytes());
    }
    file.extend(b"bob,B-\xff,00112233445566778899,totp,sha1,6,30\n");

    for flags in [&["--dry-run"][..], &[]] {
        let outcome = server.import(&file, flags);
        assert_eq!(outcome.exit, Some(2), "{}", outcome.output);
        let errors = outcome.document["errors"].as_array().unwrap();
        let named: Vec<u64> = errors.iter().map(|error| error["line"].as_u64().unwrap()).collect();
        assert_eq!(named, (3..=14).collect::<Vec<u64>>(), "{}", outcome.output);
        let fields = ["algorithm", "digits", "period_or_counter", "type", "secret_hex", "secret_hex", "user", "serial"];
        for (error, field) in errors.iter().zip(fields) {
            assert!(error["message"].as_str().unwrap().starts_with(field), "{error}");
        }
        assert!(!outcome.output.contains(&secret) && !outcome.message.contains(&secret), "a secret is shown");
        assert_eq!(server.number("SELECT count(*) FROM token") + server.number("SELECT count(*) FROM user"), 0);
    }

    let csv = Imported::csv(&[good]);
    let would = server.import(csv.as_bytes(), &["--dry-run"]).done();
    assert_eq!(would, json!({"dry_run": true, "tokens": 1, "users": 1, "errors": [], "warnings": []}));
    assert_eq!(server.number("SELECT count(*) FROM token"), 0);
    let _ = server.import(csv.as_bytes(), &[]).done();
    let twice = server.import(csv.as_bytes(), &[]);
    assert_eq!(twice.exit, Some(2));
    assert!(twice.output.contains("GOOD-1 already"), "{}", twice.output);
}

#[tokio::test]
async fn a_long_file_is_one_import_and_a_serial_number_is_in_it_once() {
    let server = Server::start();
    let caller = server.caller("verify");
    // Far more than are added at once; everyone has several.
    let name = |number: usize| format!("user-{}", number % 700);
    let tokens: Vec<_> =
        (0..2500).map(|number| Imported::totp(&name(number), &format!("T-{number}"), "sha1", 6, 30)).collect();
    let file = Imported::csv(&tokens);
    for (twice, line) in [("T-3", 2502), ("T-2499", 2502)] {
        let again = Imported::totp("eve", twice, "sha1", 6, 30);
        let outcome = server.import(format!("{file}{}", again.line()).as_bytes(), &[]);
        assert_eq!(outcome.exit, Some(2), "{}", outcome.output);
        let expected = json!([{"line": line, "message": format!("serial: there is a token {twice} already")}]);
        assert_eq!(outcome.document["errors"], expected);
        assert_eq!(server.number("SELECT count(*) FROM token") + server.number("SELECT count(*) FROM user"), 0);
    }
    let report = server.import(file.as_bytes(), &[]).done();
    assert_eq!(report, json!({"dry_run": false, "tokens": 2500, "users": 700, "errors": [], "warnings": []}));
    for token in [&tokens[0], &tokens[999], &tokens[1000], &tokens[2499]] {
        assert!(accepted(&caller.verify(&token.user, &token.code_at(0)).await), "{}", token.serial);
    }
    let entries = server.number("SELECT count(*) FROM audit WHERE entry LIKE '%\"token.imported\"%'");
    assert_eq!(entries, 2500);
    let _ = server.admin(&["audit", "verify"]);
}

#[tokio::test]
async fn files_that_are_no_csv_of_tokens_are_refused() {
    let server = Server::start();
    for bytes in [
        &b""[..],
        b"\xff\xfe\x00",
        b"user,serial\nalice,1\n",
        b"user,serial,secret_hex,type,algorithm,digits,period_or_counter\n",
    ] {
        let outcome = server.import(bytes, &[]);
        assert_eq!(outcome.exit, Some(2), "{bytes:?}: {}{}", outcome.output, outcome.message);
    }
}

#[tokio::test]
async fn the_admin_api_imports_as_the_command_does() {
    let server = Server::start();
    let admin = server.caller("admin");
    let tokens = tokens();
    let post = async |query: &str, body: String| {
        let request = admin.request("POST", &format!("/v1/admin/tokens/import{query}"));
        Wire::send(request.header("content-type", "text/csv").body(body)).await
    };
    let dry = post("?dry_run=true", Imported::csv(&tokens)).await;
    assert_eq!(dry.json(), json!({"dry_run": true, "tokens": 5, "users": 4, "errors": [], "warnings": []}));
    let done = post("", Imported::csv(&tokens)).await;
    assert_eq!(done.json(), json!({"dry_run": false, "tokens": 5, "users": 4, "errors": [], "warnings": []}));
    let again = post("", Imported::csv(&tokens)).await.json();
    assert_eq!(again["errors"].as_array().unwrap().len(), 5);
    assert_eq!(server.number("SELECT count(*) FROM token"), 5);
}
