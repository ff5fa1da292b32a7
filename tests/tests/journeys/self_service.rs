//! `/activate` and `/me`: what people do for themselves, over a real mail server; and who gets nothing out of it.

use symbolon_core::approval::Decision;
use symbolon_tests::{Desktop, Installation, MailServer, Pages, Phone, Server, accepted, skip};

const PIN: &str = "246813";

fn start(test: &str) -> Option<(MailServer, Server)> {
    let Some(mail) = MailServer::start("starttls") else {
        skip(test, "aiosmtpd is missing: apt-get install python3-aiosmtpd");
        return None;
    };
    let server = Server::with(mail.serve(Installation::new()));
    server.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    Some((mail, server))
}

/// Asks for a link and answers its secret: that of the mail which is the `nth` with a link, whatever else is sent.
async fn asked(mail: &MailServer, pages: &mut Pages, nth: usize) -> String {
    assert_eq!(pages.post("/me/ask", &[("name", "ana")]).await.status, 200);
    let (mut number, mut found) = (0, 0);
    loop {
        number += 1;
        let text = mail.letter(number).await.text();
        if let Some((_, rest)) = text.split_once("/me/link#") {
            found += 1;
            if found == nth {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
        }
    }
}

async fn signed_in(mail: &MailServer, server: &Server, nth: usize) -> Pages {
    let mut pages = Pages::of(server);
    let link = asked(mail, &mut pages, nth).await;
    let page = pages.post("/me/link", &[("link", &link)]).await;
    assert_eq!((page.status, page.leads_to()), (303, "/me"), "{}", page.text);
    pages
}

fn code(desktop: &Desktop) -> String {
    desktop.run(&["code", "--pin-fd", "0"], &[PIN])["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_gives_the_first_token_and_a_further_one_takes_a_code() {
    let Some((mail, server)) = start("a_link_gives_the_first_token") else { return };
    let mut pages = signed_in(&mail, &server, 1).await;
    let shown = pages.act("/me/add", &[("label", "My phone")]).await;
    let desktop = Desktop::new();
    desktop
        .run(&["activate", &shown.value("href=\"symbolon://").replacen("", "symbolon://", 1), "--pin-fd", "0"], &[PIN]);

    // From now on the mailbox alone is not enough.
    let refused = pages.act("/me/add", &[("label", "")]).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("needs a code or an approval"));
    let wrong = pages.act("/me/confirm", &[("code", "00000000")]).await;
    assert!(wrong.status == 400 && wrong.text.contains("does not count"));
    assert_eq!(pages.act("/me/confirm", &[("code", &code(&desktop))]).await.leads_to(), "/me?done=confirm");
    let shown = pages.act("/me/add", &[("label", "Another")]).await;
    assert!(shown.text.contains("symbolon://activate"), "{}", shown.text);
    assert_eq!(server.admin(&["token", "list", "ana"])["tokens"].as_array().unwrap().len(), 2);

    // A lost one is disabled by the link alone, after a question; and what happened is there to be seen.
    let mut later = signed_in(&mail, &server, 2).await;
    let serial = server.admin(&["token", "list", "ana"])["tokens"][0]["serial"].as_str().unwrap().to_owned();
    let question = later.get(&format!("/me/disable?serial={serial}")).await;
    assert!(question.text.contains("Disable this token"), "{}", question.text);
    assert_eq!(
        later.act("/me/label", &[("serial", &serial), ("label", "Old phone")]).await.leads_to(),
        "/me?done=label"
    );
    assert_eq!(later.act("/me/disable", &[("serial", &serial)]).await.leads_to(), "/me?done=disable");
    assert!(!accepted(&server.caller("verify").verify("ana", &code(&desktop)).await));
    let page = later.get("/me").await;
    assert!(page.text.contains("A token was disabled") && page.text.contains("Old phone"));
    let refused = later.act("/me/add", &[("label", "")]).await;
    assert_eq!(refused.status, 400, "a token that was lost still counts as one");
    let reported = later.act("/me/concern", &[("text", "<b>not me</b>")]).await;
    assert!(reported.status == 200 && server.count_of("user.concern") == 1);
    assert_eq!(later.act("/me/sign-out", &[]).await.leads_to(), "/me");
    assert!(later.get("/me").await.text.contains("Send the link"));
}

/// How many mails of an occasion were written.
fn mails(server: &Server, occasion: &str) -> usize {
    let outbox = server.admin(&["outbox", "list", "--kind", "mail"]);
    outbox["deliveries"].as_array().unwrap().iter().filter(|mail| mail["subject"] == occasion).count()
}

#[tokio::test]
async fn a_phone_confirms_by_an_approval_and_a_thief_of_the_mailbox_gets_no_second_factor() {
    let Some((mail, server)) = start("a_phone_confirms_by_an_approval") else { return };
    server.admin(&["policy", "set", "temporary_codes=true", "pin_tries=2"]);
    let phone = Phone::new(&server, &server.hand_out_another("ana")).activate().await;
    let mut ana = signed_in(&mail, &server, 1).await;
    let mut thief = signed_in(&mail, &server, 2).await;

    // Whoever is signed in by the link alone can have the phone asked, and gets nothing of the owner's answer to another.
    assert_eq!(ana.act("/me/approved", &[]).await.status, 400, "no phone was asked");
    let asked = ana.act("/me/approval", &[]).await;
    let (_, rest) = asked.text.split_once("class=\"secret\">").unwrap();
    let value = rest.split_once('<').unwrap().0;
    assert!(ana.act("/me/approved", &[]).await.text.contains("it is pending"));
    let on_phone = phone.requests(10).await.pop().unwrap();
    assert_eq!(on_phone.request.application.as_str(), "Self-service");
    assert_eq!(on_phone.request.context.as_ref().unwrap().address.as_ref().unwrap().as_str(), "127.0.0.1");
    let answer = phone.answer(&on_phone, Decision::Confirm, Some(value));
    assert_eq!(phone.send_answer(&answer).await.json()["status"], "confirmed");
    assert!(ana.get("/me/approval/status").await.text.contains("\"ended\":true"));
    assert_eq!(ana.act("/me/approved", &[]).await.leads_to(), "/me?done=confirm");
    assert_eq!(thief.act("/me/approved", &[]).await.status, 400);
    let refused = thief.act("/me/add", &[("label", "")]).await;
    assert!(refused.status == 400 && refused.text.contains("needs a code or an approval"), "{}", refused.text);
    // Temporary codes are the help desk's word and no token; their owner is told, without them.
    let given = server.admin(&["token", "add", "ana", "--method", "temporary", "--hours", "1", "--uses", "1"]);
    let temporary = given["codes"][0].as_str().unwrap();
    assert_eq!(thief.act("/me/confirm", &[("code", temporary)]).await.status, 400);
    assert_eq!(mails(&server, "temporary_codes"), 1);

    // What a confirmed visit was shown is not mailed to whoever asks once it has expired.
    let shown = ana.act("/me/add", &[("label", "Laptop")]).await;
    let link = shown.value("href=\"symbolon://").replacen("", "symbolon://", 1);
    let tokens = server.admin(&["token", "list", "ana"]);
    let find = |label: &str| tokens["tokens"].as_array().unwrap().iter().find(|token| token["label"] == label).cloned();
    let serial = find("Laptop").unwrap()["serial"].as_str().unwrap().to_owned();
    let expires = |at: &str| {
        server.database().execute(&format!("UPDATE ticket SET expires_at = {at}"), []).unwrap();
    };
    expires("1");
    let before = mails(&server, "activation");
    thief.post("/activate/again", &[("serial", &serial)]).await;
    assert_eq!(mails(&server, "activation"), before);
    expires("4102444800000");

    // The PIN of the laptop is forgotten: the phone vouches for its owner, the laptop not for itself, the mailbox for nobody.
    let laptop = Desktop::new();
    laptop.run(&["activate", &link, "--pin-fd", "0"], &[PIN]);
    for _ in 0..2 {
        assert_eq!(laptop.try_run(&["code", "--pin-fd", "0"], &["864209"]).exit, Some(1));
    }
    let challenge = laptop.run(&["status"], &[])["tokens"][0]["lock_challenge"].as_str().unwrap().to_owned();
    let fields = [("serial", serial.as_str()), ("lock_challenge", challenge.as_str())];
    let refused = thief.act("/me/unlock", &fields).await;
    assert!(refused.status == 400 && refused.text.contains("needs another token"), "{}", refused.text);
    let itself = ana.act("/me/unlock", &[("serial", &phone.serial), ("lock_challenge", &challenge)]).await;
    assert!(itself.status == 400 && itself.text.contains("needs another token"), "{}", itself.text);
    let shown = ana.act("/me/unlock", &fields).await;
    let (_, rest) = shown.text.split_once("data-copy=\"the unlock code\">").unwrap_or_else(|| panic!("{}", shown.text));
    let code = rest.split_once('<').unwrap().0;
    let unlocked = laptop.try_run(&["unlock", "--code-fd", "0", "--pin-fd", "0"], &[code, "975104"]);
    assert_eq!(unlocked.exit, Some(0), "{}", unlocked.message);
    assert_eq!(mails(&server, "unlock_code"), 1, "its owner is told");

    // A token that is lost vouches for nobody any more.
    assert_eq!(ana.act("/me/disable", &[("serial", &phone.serial)]).await.leads_to(), "/me?done=disable");
    assert_eq!(ana.act("/me/add", &[("label", "")]).await.status, 400);
    let listed = server.admin(&["application", "list"]);
    assert_eq!(listed["applications"], serde_json::json!([]), "the server's own application is nobody's business");
    for own in [&["application", "add", "Self-service"][..], &["application", "rotate", "Self-service"]] {
        assert_eq!(server.try_admin(own).exit, Some(1));
    }
}

#[tokio::test]
async fn a_mailbox_takes_over_no_ticket_that_goes_another_way() {
    let Some((mail, server)) = start("a_mailbox_takes_over_no_ticket") else { return };
    let phone = Phone::new(&server, &server.hand_out_another("ana")).activate().await;
    server.admin(&["token", "reactivate", &phone.serial, "--method", "online", "--method", "classic"]);
    let mut thief = signed_in(&mail, &server, 1).await;
    let refused = thief.act("/me/add", &[("label", "")]).await;
    assert!(refused.status == 400 && refused.text.contains("needs a code or an approval"), "{}", refused.text);
    assert_eq!(server.count_of("token.ticket_issued"), 0);
}

#[tokio::test]
async fn a_link_works_once_in_the_browser_that_asked_and_tells_nobody_who_exists() {
    let Some((mail, server)) = start("a_link_works_once") else { return };
    let mut pages = Pages::of(&server);
    let link = asked(&mail, &mut pages, 1).await;
    // A program that looks into mails, and a thief of the mailbox.
    let mut thief = Pages::of(&server);
    assert_eq!(thief.get("/me/link").await.status, 200);
    let page = thief.post("/me/link", &[("link", &link)]).await;
    assert!(page.status == 400 && page.text.contains("in the browser in which you asked"), "{}", page.text);
    thief.post("/me/ask", &[("name", "somebody else")]).await;
    assert_eq!(thief.post("/me/link", &[("link", &link)]).await.status, 400);
    // A form of another site.
    pages.site = "cross-site";
    assert_eq!(pages.post("/me/link", &[("link", &link)]).await.status, 403);
    pages.site = "same-origin";
    assert_eq!(pages.post("/me/link", &[("link", &link)]).await.leads_to(), "/me");
    assert_eq!(pages.post("/me/add", &[("label", "x")]).await.status, 403, "a form needs the session's mark");
    let again = pages.post("/me/link", &[("link", &link)]).await;
    assert!(again.status == 400 && again.text.contains("used before, or has expired"));

    // Other people's tokens are not there.
    let others = server.hand_out("ben").serial;
    assert_eq!(pages.act("/me/disable", &[("serial", &others)]).await.status, 404);
    assert_eq!(pages.act("/me/label", &[("serial", &others), ("label", "x")]).await.status, 404);

    let mut anybody = Pages::of(&server);
    let known = anybody.post("/me/ask", &[("name", "ana")]).await;
    let unknown = anybody.post("/me/ask", &[("name", "nobody at all")]).await;
    let without = anybody.post("/me/ask", &[("name", "ben")]).await;
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    assert_eq!((known.status, &known.text), (without.status, &without.text));
    mail.letter(2).await;
    // Nobody's mailbox is filled: what is asked for too often is answered alike and not sent.
    for _ in 0..5 {
        assert_eq!(anybody.post("/me/ask", &[("name", "ana")]).await.text, known.text);
    }
    mail.letter(3).await;
    assert_eq!(server.admin(&["outbox", "list", "--kind", "mail"])["deliveries"].as_array().unwrap().len(), 3);
    // Links are kept as hashes.
    assert!(
        !std::fs::read(server.data_dir().join("symbolon.db"))
            .unwrap()
            .windows(20)
            .any(|part| part == &link.as_bytes()[..20])
    );
}

#[tokio::test]
async fn the_page_of_a_ticket_keeps_it_in_the_browser_and_renews_what_has_expired() {
    let Some((mail, server)) = start("the_page_of_a_ticket_keeps_it_in_the_browser") else { return };
    let mut pages = Pages::of(&server);
    let page = pages.get("/activate").await;
    assert!(page.status == 200 && page.text.contains("<noscript>"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && policy.contains("default-src 'none'"), "{policy}");

    let serial = server.admin(&["token", "add", "ana"])["token"]["serial"].as_str().unwrap().to_owned();
    mail.letter(1).await;
    let live = pages.post("/activate/again", &[("serial", &serial)]).await;
    let unknown = pages.post("/activate/again", &[("serial", "00000-00000")]).await;
    assert_eq!((live.status, &live.text), (200, &unknown.text));
    server.database().execute("UPDATE ticket SET expires_at = 1", []).unwrap();
    let expired = pages.post("/activate/again", &[("serial", &serial)]).await;
    assert_eq!(expired.text, live.text);
    let letter = mail.letter(2).await;
    Desktop::new().run(&["activate", &letter.qr().unwrap(), "--pin-fd", "0"], &[PIN]);
    // What is active now is nothing that a stranger could have renewed.
    assert_eq!(pages.post("/activate/again", &[("serial", &serial)]).await.text, live.text);
    assert!(accepted_state(&server, &serial));
}

#[tokio::test]
async fn whoever_is_not_signed_in_reads_what_their_browser_wants() {
    let Some((_mail, server)) = start("whoever_is_not_signed_in_reads") else { return };
    let mut pages = Pages::of(&server);
    pages.languages = "fr;q=0.9, de-CH;q=0.8, en;q=0.1";
    assert_eq!(pages.get("/").await.leads_to(), "/me");
    for (path, says) in [
        ("/me", "Geben Sie Ihren Benutzernamen ein"),
        ("/me/link", "Fügen Sie den ganzen Link der Mail ein"),
        ("/activate", "Aktivieren Sie Ihren Soft-Token"),
        ("/me/openid", "Diese Seite gibt es nicht"),
    ] {
        let page = pages.get(path).await;
        assert!(page.text.contains(says) && page.text.contains("<html lang=\"de\">"), "{path}: {}", page.text);
    }
    let asked = pages.post("/me/ask", &[("name", "ana")]).await;
    assert!(asked.text.contains("Sehen Sie in Ihr Postfach"), "{}", asked.text);
    let wrong = pages.post("/activate/again", &[("serial", "")]).await;
    assert!(wrong.status == 400 && wrong.text.contains("zehn Ziffern"), "{}", wrong.text);
    pages.site = "cross-site";
    let forged = pages.post("/me/ask", &[("name", "ana")]).await;
    assert!(forged.status == 403 && forged.text.contains("von einer anderen Website"), "{}", forged.text);
    // The console is English, and what is no language of ours is read as the organisation writes.
    assert!(pages.get("/console/sign-in").await.text.contains("<html lang=\"en\">"));
    pages.languages = "fr";
    assert!(pages.get("/me").await.text.contains("Enter your user name"));
}

fn accepted_state(server: &Server, serial: &str) -> bool {
    server.admin(&["token", "show", serial])["token"]["state"] == "active"
}

#[tokio::test]
async fn phones_are_told_which_apps_are_built_for_this_domain() {
    let server = Server::start();
    let signer = "0a".repeat(32);
    let android = format!("android_apps=org.example.token/{signer}");
    server.admin(&["policy", "set", &android, "ios_apps=ABCDE12345.org.example.token"]);
    let wire = server.wire();
    let links = wire.get("/.well-known/assetlinks.json").await;
    assert_eq!(links.content_type, "application/json");
    let target = &links.json()[0]["target"];
    assert_eq!(target["package_name"], "org.example.token");
    assert_eq!(target["sha256_cert_fingerprints"][0].as_str().unwrap(), vec!["0A"; 32].join(":"));
    let apple = wire.get("/.well-known/apple-app-site-association").await;
    assert_eq!(apple.content_type, "application/json");
    assert_eq!(apple.json()["applinks"]["details"][0]["appIDs"][0], "ABCDE12345.org.example.token");
    let none = Server::start().wire().get("/.well-known/assetlinks.json").await;
    assert_eq!(none.json(), serde_json::json!([]));
}
