//! `doctor`: an installation that is well, and what is said of one that is not.

use serde_json::Value;
use symbolon_tests::{Installation, MailServer, Outcome, Server, skip};

fn doctor(installation: &Installation) -> Outcome {
    installation.try_command(&["doctor"])
}

/// What was found by one check.
fn found<'a>(report: &'a Value, check: &str) -> &'a Value {
    let found = report["checks"].as_array().unwrap().iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {report}"))
}

#[tokio::test]
async fn an_installation_that_is_well_is_left_as_it_is() {
    let new = Installation::new();
    let outcome = doctor(&new);
    assert_eq!(outcome.exit, Some(1), "{}", outcome.message);
    assert_eq!(found(&outcome.document, "database")["result"], "bad", "{}", outcome.document);
    assert!(!new.own_data_dir().exists(), "it makes nothing");
    // A directory that can't be looked into is not taken for a good one.
    std::fs::write(new.own_data_dir(), "").unwrap();
    let files = found(&doctor(&new).document, "files").clone();
    assert_eq!(files["result"], "bad", "{files}");
    assert!(files["finding"].as_str().unwrap().contains("can't be looked at"), "{files}");

    let server = Server::start();
    let entries = server.audit().len();
    let report = doctor(&server).done();
    assert_eq!(report["healthy"], true);
    for check in ["certificate", "files", "database", "clock", "attestation"] {
        assert_eq!(found(&report, check)["result"], "good", "{report}");
    }
    assert_eq!(server.audit().len(), entries);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = Server::start();
    let key = server.data_dir().join("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let outcome = doctor(&server);
    assert_eq!(outcome.exit, Some(1), "{}", outcome.message);
    let files = found(&outcome.document, "files");
    assert_eq!(files["result"], "bad");
    assert_eq!(files["advice"], format!("chmod go= {}", key.display()));
    assert_eq!(found(&outcome.document, "database")["result"], "good");

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, data_encoding::BASE64.encode(&[7; 32])).unwrap();
    let outcome = doctor(&server);
    assert_eq!(outcome.exit, Some(1), "another master key");
    assert_eq!(found(&outcome.document, "database")["result"], "bad", "{}", outcome.document);

    // Nobody listens there; a server that phones can't call; a list that is not there; a certificate that is none.
    let broken = Installation::new()
        .configured("MAIL__FROM", "Example <token@example.org>")
        .configured("MAIL__SERVER", "127.0.0.1:9")
        .configured("MAIL__SECURITY", "none")
        .configured("LISTEN", "0.0.0.0:8443")
        .configured("TLS__CERTIFICATE", "/nonexistent.pem")
        .configured("TLS__KEY", "/nonexistent.pem");
    let outcome = doctor(&broken);
    assert_eq!(outcome.exit, Some(1), "{}", outcome.message);
    for (check, says) in [("mail", "connect"), ("address", "public_url"), ("certificate", "/nonexistent.pem")] {
        let finding = found(&outcome.document, check);
        assert_eq!(finding["result"], "bad", "{finding}");
        assert!(finding["finding"].as_str().unwrap().to_lowercase().contains(says), "{finding}");
        assert!(finding["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{finding}");
    }

    let elsewhere = Installation::new().configured("PUBLIC_URL", "https://symbolon.example");
    let outcome = doctor(&elsewhere);
    let address = found(&outcome.document, "address");
    assert_eq!(address["result"], "warning", "{address}");
    assert!(address["finding"].as_str().unwrap().contains("8443"), "{address}");

    let misspelt = Installation::new().configured("LISSEN", "127.0.0.1:1");
    let outcome = doctor(&misspelt);
    assert_eq!(outcome.exit, Some(2), "{}", outcome.message);
    assert!(outcome.message.contains("lissen"), "{}", outcome.message);
}

#[tokio::test]
async fn a_mail_server_that_answers_is_good() {
    let Some(mail) = MailServer::start("starttls") else {
        return skip("a_mail_server_that_answers_is_good", "aiosmtpd is missing: apt-get install python3-aiosmtpd");
    };
    let report = doctor(&Server::with(mail.serve(Installation::new()))).done();
    assert_eq!(found(&report, "mail")["result"], "good", "{report}");
}
