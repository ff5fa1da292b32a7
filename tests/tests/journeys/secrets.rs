//! Nothing secret is in the log, however much is logged, nor in the audit or the metrics.

use serde_json::json;
use symbolon_tests::{Desktop, Imported, Installation, Phone, Server, Ticket, Wire, accepted, reason};

const PIN: &str = "864213";

#[tokio::test]
async fn no_secret_is_logged_audited_or_counted() {
    for filter in ["debug", "trace"] {
        let mut server = Server::with(Installation::new().configured("LOG__FILTER", filter));
        let caller = server.caller("verify");
        let admin = server.caller("admin");
        let mut secrets = vec![caller.key.clone(), admin.key.clone()];
        secrets.push(std::fs::read_to_string(server.data_dir().join("master.key")).unwrap().trim().to_owned());

        // A whole life of a token: ticket, activation, right, wrong and replayed codes, a lock, an unlock.
        let ticket = server.hand_out("alice");
        let token = Phone::new(&server, &ticket).activate().await;
        let (right, wrong) = (token.code(), token.wrong_code());
        assert!(accepted(&caller.verify("alice", &right).await));
        assert_eq!(reason(&caller.verify("alice", &right).await), "replayed");
        for _ in 0..6 {
            let _ = caller.verify("alice", &wrong).await;
        }
        server.admin(&["user", "unlock", "alice"]);
        let far = token.code_at(60);
        assert_eq!(reason(&caller.verify("alice", &far).await), "outside_window");
        let odd = "13579135791";
        caller.try_verify("alice", odd).await.unwrap().invalid("code");
        let as_number = caller.call("POST", "/v1/verify", &json!({"user": "alice", "code": 24_682_468})).await;
        as_number.invalid("code");
        secrets.extend([right, wrong, far, odd.to_owned(), "24682468".to_owned()]);
        secrets.push(data_encoding::HEXLOWER.encode(&token.secret));

        // The admin API, with a ticket and a key in its answers, and an import in its body.
        let handed_out = admin.call("POST", "/v1/admin/users/alice/tokens", &json!({})).await;
        assert_eq!(handed_out.status, 201, "{}", handed_out.text());
        let other = Ticket::read(&handed_out.json());
        let added = admin.call("POST", "/v1/admin/applications", &json!({"name": "shop"})).await;
        secrets.push(added.json()["key"].as_str().unwrap().to_owned());
        let imported = Imported::totp("carol", "M-1", "sha1", 6, 30);
        let import = admin.request("POST", "/v1/admin/tokens/import").header("content-type", "text/csv");
        assert_eq!(Wire::send(import.body(Imported::csv(std::slice::from_ref(&imported)))).await.status, 200);
        secrets.push(imported.secret_hex());

        // The desktop, and a guess at its ticket.
        let guesser = Phone::new(&server, &other).guessing("1357 1357 2468 2468");
        assert!(guesser.try_prove().await.is_err());
        secrets.push("1357135724682468".to_owned());
        let desktop = Desktop::new();
        desktop.run(&["activate", "--pin-fd", "0", &other.link], &[PIN]);
        let shown = desktop.run(&["code", "--contact", "--pin-fd", "0"], &[PIN]);
        let code = shown["code"].as_str().unwrap().to_owned();
        assert!(accepted(&caller.verify("alice", &code).await));
        secrets.push(code);
        for ticket in [&ticket, &other] {
            secrets.extend([ticket.code.clone(), ticket.code.replace(' ', ""), ticket.link.clone()]);
        }
        let metrics = Wire::plain(&server.metrics).get("").await.text();
        assert!(metrics.contains("symbolon_verifications_total"), "{metrics}");
        for name in ["alice", &ticket.serial, "shop"] {
            assert!(!metrics.contains(name), "{name} is in the metrics");
        }
        server.ask_to_stop();
        assert!(server.ended().success());

        let log = server.log();
        let audit = server.try_admin(&["audit", "export"]).output;
        assert!(log.contains("/v1/verify") && audit.contains("alice"), "{filter}: the scan finds what is there");
        for secret in &secrets {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{filter}: {secret} is logged");
            assert!(!audit.contains(secret.as_str()), "{secret} is in the audit");
            assert!(!metrics.contains(secret.as_str()), "{secret} is in the metrics");
        }
    }
}
