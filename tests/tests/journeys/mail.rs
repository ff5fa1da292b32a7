//! Mail, over a real mail server: what arrives is read by a MIME parser and acted on, as its reader would.

use std::time::Duration;

use serde_json::Value;
use symbolon_tests::{Desktop, Installation, MailServer, Server, skip};

const PIN: &str = "246813";

/// A server whose mail goes to a mail server; or nothing, where this machine has none.
fn start(test: &str, security: &'static str) -> Option<(MailServer, Server)> {
    let Some(mail) = MailServer::start(security) else {
        skip(test, "aiosmtpd is missing: apt-get install python3-aiosmtpd");
        return None;
    };
    let server = Server::with(mail.serve(Installation::new()));
    Some((mail, server))
}

/// The newest delivery of a mail, once it is in a state, or was tried.
async fn delivery(server: &Server, state: &str, tried: bool) -> Value {
    loop {
        let listed = server.admin(&["outbox", "list", "--kind", "mail"]);
        let newest = listed["deliveries"][0].clone();
        if newest["state"] == state && (!tried || newest["attempts"].as_u64() > Some(0)) {
            return newest;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What lies in the outbox of the content of mails, in bytes.
fn kept(server: &Server) -> i64 {
    server.number("SELECT coalesce(sum(length(sealed_content)), 0) FROM outbox WHERE kind = 'mail'")
}

#[tokio::test]
async fn a_token_is_activated_by_the_qr_of_its_mail_and_its_owner_hears_of_it() {
    let Some((mail, server)) = start("a_token_is_activated_by_the_qr_of_its_mail", "starttls") else { return };
    server.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    let added = server.admin(&["token", "add", "ana"]);
    assert_eq!(added["mailed_to"], "ana@example.org");

    let letter = mail.letter(1).await;
    assert_eq!(
        (letter.to().as_str(), letter.subject().as_str()),
        ("ana@example.org", "Your soft token for Examplé GmbH")
    );
    let (text, html) = (letter.text(), letter.html());
    for part in [text.as_str(), html.as_str()] {
        assert!(
            part.contains("Hello ana") && part.contains("Questions? Call 4711.") && part.contains(" UTC"),
            "{part}"
        );
    }
    let link = added["ticket"]["online"]["link"].as_str().unwrap();
    let code = added["ticket"]["classic"]["code"].as_str().unwrap();
    assert_eq!(letter.qr().as_deref(), Some(link));
    assert!(text.contains(code) && text.contains(added["token"]["serial"].as_str().unwrap()));
    // The page of the link is served by this server, but its password is to be typed: no server reads it.
    let page = letter.word("https://");
    assert!(page.contains("/activate#v=1") && !page.contains("&p="), "{page}");
    assert!(!text.contains(&code.replace(' ', "")) && !html.contains(&code.replace(' ', "")));

    let desktop = Desktop::new();
    desktop.run(&["activate", &letter.qr().unwrap(), "--pin-fd", "0"], &[PIN]);
    let news = mail.letter(2).await;
    assert!(news.subject().contains("is active"), "{}", news.subject());
    assert_eq!(news.qr(), None);

    server.admin(&["token", "disable", added["token"]["serial"].as_str().unwrap()]);
    assert!(mail.letter(3).await.subject().contains("was disabled"));
    assert_eq!(delivery(&server, "sent", false).await["subject"], "token_disabled");
    assert_eq!(kept(&server), 0, "what was sent is erased");
}

#[tokio::test]
async fn a_ticket_in_the_outbox_is_sealed_and_erased() {
    let Some((mail, mut server)) = start("a_ticket_in_the_outbox_is_sealed_and_erased", "tls") else { return };
    server.admin(&["user", "add", "later", "--email", "later@example.org"]);
    let added = server.admin(&["token", "add", "later"]);
    let waiting = delivery(&server, "waiting", true).await;
    assert_eq!((&waiting["to"], &waiting["subject"]), (&added["mailed_to"], &"activation".into()));
    assert!(waiting["problem"].as_str().unwrap().contains("try again later"), "{waiting}");

    let code = added["ticket"]["classic"]["code"].as_str().unwrap().replace(' ', "");
    assert!(kept(&server) > 0);
    server.ask_to_stop();
    server.ended();
    for file in std::fs::read_dir(server.own_data_dir()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(code.len()).any(|part| part == code.as_bytes()), "the ticket lies open");
    }
    assert!(!server.log().contains(&code) && !waiting.to_string().contains(&code));

    // A mailbox that is not there gets nothing, and nothing is left of what it should have got.
    server.start_again();
    let id = waiting["id"].as_str().unwrap();
    server.admin(&["outbox", "drop", id]);
    server.admin(&["user", "add", "nobody", "--email", "nobody@example.org"]);
    server.admin(&["token", "add", "nobody"]);
    let refused = delivery(&server, "given_up", false).await;
    assert!(refused["problem"].as_str().unwrap().contains("no such mailbox"), "{refused}");
    assert_eq!((kept(&server), mail.count()), (0, 0));
}

#[tokio::test]
async fn a_mail_waits_until_its_server_is_there_again() {
    let Some((mail, server)) = start("a_mail_waits_until_its_server_is_there_again", "starttls") else { return };
    drop(mail);
    server.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    server.admin(&["token", "add", "ana"]);
    assert!(delivery(&server, "waiting", true).await["problem"].as_str().is_some_and(|problem| !problem.is_empty()));
}

#[tokio::test]
async fn a_connection_that_can_be_read_along_is_made_to_this_machine_only() {
    let Some(mail) = MailServer::start("plain") else { return };
    // The server asks for encryption, which this one does not have.
    let demanding = Server::with(mail.serve(Installation::new()).configured("MAIL__SECURITY", "starttls"));
    demanding.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    demanding.admin(&["token", "add", "ana"]);
    delivery(&demanding, "waiting", true).await;
    assert_eq!(mail.count(), 0);

    let plain = Server::with(mail.serve(Installation::new()));
    plain.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    plain.admin(&["token", "add", "ana"]);
    mail.letter(1).await;

    let elsewhere = mail.serve(Installation::new()).configured("MAIL__SERVER", "192.0.2.1:25");
    let refused = Server::launch(&std::sync::Arc::new(elsewhere), "127.0.0.1:0").err().unwrap();
    assert!(refused.contains("mail.security"), "{refused}");
}

#[tokio::test]
async fn the_policy_gives_new_users_a_token_by_mail_or_shows_its_ticket() {
    let Some((mail, server)) = start("the_policy_gives_new_users_a_token", "starttls") else { return };
    server.admin(&["policy", "set", "automatic_assignment=true"]);
    let with = server.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    assert_eq!((&with["mailed_to"], &with["user"]["tokens"]), (&"ana@example.org".into(), &1.into()));
    assert_eq!(mail.letter(1).await.qr().as_deref(), with["ticket"]["online"]["link"].as_str());
    let without = server.admin(&["user", "add", "ben"]);
    assert!(without.get("mailed_to").is_none());
    let link = without["ticket"]["online"]["link"].as_str().unwrap();
    assert_eq!(Desktop::new().run(&["activate", link, "--pin-fd", "0"], &[PIN])["account"], "ben");
}

#[tokio::test]
async fn mails_are_in_the_language_of_the_organisation_and_names_are_only_names() {
    let Some(mail) = MailServer::start("starttls") else { return };
    let server = Server::with(mail.serve(Installation::new()).configured("MAIL__LANGUAGE", "de"));
    server.admin(&["user", "add", "<i>Bcc: eve@example.org</i>", "--email", "ana@example.org"]);
    server.admin(&["token", "add", "<i>Bcc: eve@example.org</i>"]);
    let letter = mail.letter(1).await;
    assert_eq!(letter.subject(), "Ihr Soft-Token für Examplé GmbH");
    assert!(letter.text().contains("Guten Tag <i>Bcc: eve@example.org</i>"));
    assert!(!letter.html().contains("<i>") && letter.message().bcc().is_none());
    for address in ["ana@example.org\r\nBcc: eve@example.org", "ana@example.org, eve@example.org", "<eve@example.org>"]
    {
        let refused = server.try_admin(&["user", "add", "eve", "--email", address]);
        assert_eq!(refused.exit, Some(2), "{address}: {}", refused.message);
    }
}

#[tokio::test]
async fn mails_are_in_the_language_of_their_reader() {
    let Some((mail, server)) = start("mails_are_in_the_language_of_their_reader", "starttls") else { return };
    server.admin(&["user", "add", "ana", "--email", "ana@example.org", "--language", "de"]);
    server.admin(&["token", "add", "ana"]);
    assert_eq!(mail.letter(1).await.subject(), "Ihr Soft-Token für Examplé GmbH");
    server.admin(&["user", "edit", "ana", "--no-language"]);
    server.admin(&["token", "add", "ana"]);
    assert_eq!(mail.letter(2).await.subject(), "Your soft token for Examplé GmbH");
}
