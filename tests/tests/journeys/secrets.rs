//! Nothing secret is in the log, the audit, the metrics or the database.

use symbolon_tests::{Desktop, Installation, Server, accepted, reason};

#[tokio::test]
async fn no_secret_is_logged_audited_counted_or_stored_in_clear() {
    const PIN: &str = "246813";
    let server = Server::with(Installation::new().configured("LOG__FILTER", "trace"));
    let caller = server.caller("verify");
    let ticket = server.hand_out("alice");
    let desktop = Desktop::new();
    desktop.run(&["activate", &ticket.link, "--pin-fd", "0"], &[PIN]);
    let shown = desktop.run(&["code", "--pin-fd", "0"], &[PIN]);
    let code = shown["code"].as_str().unwrap().to_owned();
    assert!(accepted(&caller.verify("alice", &code).await));
    assert_eq!(reason(&caller.verify("alice", &code).await), "replayed");
    let wrong = "13579024";
    assert_eq!(reason(&caller.verify("alice", wrong).await), "wrong_code");
    let _ = caller.verify_bytes(format!(r#"{{"user": "alice", "code": {wrong}}}"#)).await;

    let metrics = reqwest::get(&server.metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("symbolon_verifications_total"), "{metrics}");
    let audit = server.try_admin(&["audit", "export"]).output;
    let log = server.log();
    let password: String = ticket.code.chars().filter(char::is_ascii_digit).collect();
    let secrets = [caller.key.as_str(), &code, wrong, &password, &ticket.code, &ticket.link];
    for secret in secrets {
        for (place, text) in [("log", &log), ("audit", &audit), ("metrics", &metrics)] {
            assert!(!text.contains(secret), "{secret} is in the {place}");
        }
    }
    for name in ["alice", &ticket.serial] {
        assert!(!metrics.contains(name), "{name} is in the metrics");
    }
    for file in ["symbolon.db", "symbolon.db-wal"] {
        let bytes = std::fs::read(server.data_dir().join(file)).unwrap_or_default();
        for secret in [caller.key.as_str(), &password] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in {file}");
        }
    }
}
