//! `/activate` and `/me`: what people do for themselves, from the mail in their mailbox to the phone in their hand.

use symbolon_tests::{Browser, Desktop, Installation, Look, MailServer, Server, accepted, skip};

use super::{Desk, can_browse};

const PIN: &str = "246813";

/// A server whose mail arrives, with ana, who has a mailbox, and her browser.
async fn start(test: &str, look: Look) -> Option<(MailServer, Server, Browser)> {
    let Some(mail) = MailServer::start("starttls") else {
        skip(test, "aiosmtpd is missing: apt-get install python3-aiosmtpd");
        return None;
    };
    if !can_browse(test) {
        return None;
    }
    let server = Server::with(mail.serve(Installation::new()));
    server.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    let browser = Browser::start(&server.url, look).await;
    Some((mail, server, browser))
}

/// Asks for a link, and opens the one that the `nth` mail brings.
async fn sign_in(mail: &MailServer, browser: &Browser, nth: usize) {
    browser.open("/me").await;
    browser.fill("#name", "ana").await;
    browser.press("Send the link").await;
    browser.says("Look into your mailbox").await;
    browser.open(&mail.letter(nth).await.word("https://")).await;
    if browser.value("#link").await.is_empty() {
        browser.fill("#link", &mail.letter(nth).await.word("https://")).await;
    }
    browser.press("Sign in").await;
    browser.says("Signed in as ana").await;
}

fn code(desktop: &Desktop) -> String {
    desktop.run(&["code", "--pin-fd", "0"], &[PIN])["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_gets_tokens_confirms_and_loses_one_at_their_own_page() {
    let Some((mail, server, browser)) = start("a_person_gets_tokens_at_their_own_page", Look::WIDE).await else {
        return;
    };
    browser.open("/me").await;
    browser.fill("#name", "ana").await;
    browser.press("Send the link").await;
    browser.says("Look into your mailbox").await;
    browser.is_sound("a link is on its way").await;
    browser.open(&mail.letter(1).await.word("https://")).await;
    assert_eq!(browser.path().await, "/me/link", "the secret stays in no address line");
    browser.press("Sign in").await;
    browser.says("You have no token yet").await;
    browser.is_sound("nothing yet").await;
    browser.fill("#label", "My phone").await;
    browser.press("Show the ticket").await;
    browser.says("is shown this once").await;
    browser.is_sound("a ticket of one's own").await;
    let link = browser.attribute("a[href^='symbolon:']", "href").await.unwrap();
    assert_eq!(browser.qr(".qr").await.as_deref(), Some(link.as_str()));
    let desktop = Desktop::new();
    desktop.run(&["activate", &link, "--pin-fd", "0"], &[PIN]);
    browser.press("Done").await;
    browser.says("active").await;
    browser.is_sound("one token").await;

    // Another one takes a code, and not just any.
    browser.says("needs a code of a token that you have").await;
    browser.fill("#code", "00000000").await;
    browser.press("Confirm").await;
    browser.says("This code does not count").await;
    browser.is_sound("a wrong code").await;
    assert_eq!(browser.value("#code").await, "", "what was looked at is not sent again");
    assert_eq!(browser.script("return document.activeElement.id").await, "code");
    browser.fill("#code", "0000").await;
    browser.press("Confirm").await;
    browser.says("A code has 6 or 8 digits").await;
    assert_eq!(browser.value("#code").await, "0000", "what was mistyped is there to be mended");
    browser.fill("#code", &code(&desktop)).await;
    browser.press("Confirm").await;
    browser.says("It is confirmed that it is you").await;
    browser.says("What you call it").await;
    browser.fill("form[action='/me/add'] #label", "Another").await;
    browser.press("Show the ticket").await;
    browser.says("is shown this once").await;
    browser.press("Done").await;
    browser.says("activating").await;
    let serial = server.admin(&["token", "list", "ana"])["tokens"][0]["serial"].as_str().unwrap().to_owned();
    browser.fill(&format!("#l{serial}"), "Old phone").await;
    browser.press(&format!("Save the name of {serial}")).await;
    browser.says("The name is saved").await;
    browser.says("Old phone").await;
    browser.press(&format!("Are its codes refused? {serial}")).await;
    browser.fill(&format!("#a{serial}"), "12").await;
    browser.fill(&format!("#b{serial}"), "34").await;
    browser.press(&format!("Re-synchronise {serial}")).await;
    browser.says("A code has 6 or 8 digits").await;
    assert!(browser.script("return document.title").await.as_str().unwrap().starts_with("Error: "));
    let error = format!("error-reset-{serial}");
    assert!(browser.has(&format!("details[open] [id='{error}']")).await, "the form is open, with its error");
    assert_eq!(browser.attribute(&format!("#a{serial}"), "aria-describedby").await, Some(error));
    assert_eq!(browser.value(&format!("#a{serial}")).await, "12");
    browser.is_sound("codes that can't be").await;
    for field in ["a", "b"] {
        browser.fill(&format!("#{field}{serial}"), "00000000").await;
    }
    browser.press(&format!("Re-synchronise {serial}")).await;
    browser.says("not two consecutive unused codes").await;
    assert_eq!(browser.value(&format!("#a{serial}")).await, "");

    browser.press(&format!("I have lost this phone {serial}")).await;
    browser.says("Only the help desk can enable it again").await;
    browser.is_sound("before a token is disabled").await;
    browser.press("Disable this token").await;
    browser.says("its codes don't count any more").await;
    assert!(!accepted(&server.caller("verify").verify("ana", &code(&desktop)).await));
    browser.says("A token was disabled").await;
    browser.fill("#text", "I was on a plane").await;
    browser.press("Report it").await;
    browser.says("It is written down for the administrators").await;
    browser.is_sound("a reported concern").await;
    assert_eq!(server.count_of("user.concern"), 1);
    browser.press("Back").await;
    browser.says("Signed in as ana").await;
    browser.press("Sign out").await;
    browser.says("Send the link").await;
}

#[tokio::test]
async fn a_person_chooses_the_language_of_their_page_and_of_their_mails() {
    let Some((mail, server, browser)) = start("a_person_chooses_the_language", Look::NARROW).await else { return };
    sign_in(&mail, &browser, 1).await;
    browser.says("As my browser wants it").await;
    browser.click("#language option[value=de]").await;
    browser.press("Save the language").await;
    browser.says("Angemeldet als ana").await;
    assert_eq!(browser.attribute("html", "lang").await.as_deref(), Some("de"));
    browser.says("Sie haben sich hier angemeldet").await;
    browser.is_sound("one's own page in German").await;
    browser.press("Ticket zeigen").await;
    browser.says("Es gilt einmal und wird nur dieses eine Mal gezeigt").await;
    browser.is_sound("a ticket in German").await;
    assert!(mail.letter(2).await.text().contains("Guten Tag ana"), "mails follow");
    let link = browser.attribute("a[href^='symbolon:']", "href").await.unwrap();
    Desktop::new().run(&["activate", &link, "--pin-fd", "0"], &[PIN]);
    browser.press("Fertig").await;
    browser.says("aktiv").await;
    browser.fill("#code", "00000000").await;
    browser.press("Bestätigen").await;
    browser.says("Dieser Code gilt nicht").await;
    let serial = server.admin(&["token", "list", "ana"])["tokens"][0]["serial"].as_str().unwrap().to_owned();
    browser.press(&format!("Ich habe dieses Telefon verloren {serial}")).await;
    browser.says("So lassen, wie es ist").await;
    browser.is_sound("before a token is disabled, in German").await;
    browser.press("Diesen Token abschalten").await;
    browser.says("abgeschaltet").await;
    browser.click("#language option[value='']").await;
    browser.press("Sprache speichern").await;
    browser.says("Signed in as ana").await;
    assert_eq!(server.admin(&["user", "show", "ana"])["user"].get("language"), None);
}

#[tokio::test]
async fn a_phone_without_a_network_is_activated_at_its_owners_page() {
    let Some((mail, server, browser)) = start("a_phone_without_a_network", Look::WIDE).await else { return };
    server.admin(&["policy", "set", "email_activation_methods=offline"]);
    sign_in(&mail, &browser, 1).await;
    browser.press("Show the ticket").await;
    browser.says("For a phone without a network").await;
    browser.is_sound("a ticket for a phone without a network").await;
    let (qr, password) = (browser.qr(".qr").await.unwrap(), browser.text("dd.secret").await);
    assert!(!qr.contains(&password.replace(' ', "")));
    let desktop = Desktop::new();
    let activate = ["activate", "--offline", &qr, "--password-fd", "0", "--pin-fd", "0"];
    let shown = desktop.run(&activate, &[&password, PIN]);
    browser.press("Done").await;
    browser.says("Does the phone have no network?").await;
    browser.is_sound("an activation to be completed").await;
    let serial = shown["serial"].as_str().unwrap().replace('-', "");
    let serial = format!("{}-{}", &serial[..5], &serial[5..]);
    let complete = async |registration: &str| {
        browser.fill(&format!("#r{serial}"), registration).await;
        browser.fill(&format!("#c{serial}"), shown["code"].as_str().unwrap()).await;
        browser.press(&format!("Complete the activation of {serial}")).await;
    };
    complete("12").await;
    browser.says("Enter the ten digits of the registration code").await;
    complete(shown["registration_code"].as_str().unwrap()).await;
    browser.says("I have lost this phone").await;
    assert_eq!(server.admin(&["token", "show", &serial])["token"]["state"], "active");
}

#[tokio::test]
async fn a_link_that_was_used_and_a_sign_in_that_has_ended_are_told() {
    // Nothing but `/activate` needs scripts.
    let look = Look::WIDE.without_scripts();
    let Some((mail, server, browser)) = start("a_link_that_was_used", look).await else { return };
    sign_in(&mail, &browser, 1).await;
    let used = mail.letter(1).await.word("https://");
    browser.open("/me/link").await;
    browser.fill("#link", &used).await;
    browser.press("Sign in").await;
    browser.says("used before, or has expired").await;
    browser.open("/me").await;
    browser.says("Signed in as ana").await;
    server.database().execute("UPDATE visit SET created_at = created_at - 1801000", []).unwrap();
    browser.fill("#label", "Too late").await;
    browser.press("Show the ticket").await;
    browser.says("Send the link").await;
    assert_eq!(server.admin(&["token", "list", "ana"])["tokens"].as_array().unwrap().len(), 0);
    browser.open("/activate").await;
    browser.says("This page needs JavaScript").await;
}

#[tokio::test]
async fn the_link_of_an_activation_mail_becomes_a_qr_in_the_browser_alone() {
    let Some((mail, server, browser)) = start("the_link_of_an_activation_mail", Look::NARROW).await else { return };
    let added = server.admin(&["token", "add", "ana"]);
    browser.open(&mail.letter(1).await.word("https://")).await;
    assert_eq!(browser.path().await, "/activate", "the ticket stays in no address line");
    browser.is_sound("the page of a ticket's link").await;
    browser.fill("#code", "12345").await;
    browser.press("Go on").await;
    browser.says("An activation code has 16 to 32 digits").await;
    browser.is_sound("an activation code that can't be").await;
    browser.fill("#code", added["ticket"]["classic"]["code"].as_str().unwrap()).await;
    browser.press("Go on").await;
    browser.says("Scan this with the app").await;
    browser.is_sound("a ticket that was put together").await;
    let link = added["ticket"]["online"]["link"].as_str().unwrap();
    assert_eq!(browser.attribute("#open", "href").await.as_deref(), Some(link));
    for look in Look::ALL {
        browser.look(look).await;
        assert_eq!(browser.qr("#qr").await.as_deref(), Some(link), "{look:?}");
    }
    Desktop::new().run(&["activate", &browser.qr("#qr").await.unwrap(), "--pin-fd", "0"], &[PIN]);

    // A link of another server's ticket, and one that was cut off.
    let foreign = format!("{}/activate#v=1&a=https%3A%2F%2Fevil.example&s=1234567890&k=x", server.url);
    for link in [foreign, format!("{}/activate#v=1", server.url)] {
        browser.open(&link).await;
        browser.says("This link is not complete").await;
        assert!(!browser.text("body").await.contains("Open the app"));
    }
    // What has expired is sent once more. The mail about the new token comes first.
    mail.letter(2).await;
    let late = server.admin(&["token", "add", "ana"]);
    let opened = mail.letter(3).await.word("https://");
    server.database().execute("UPDATE ticket SET expires_at = 1", []).unwrap();
    browser.open(&opened).await;
    assert_eq!(browser.value("#serial").await, late["token"]["serial"].as_str().unwrap());
    browser.press("Send a new mail").await;
    browser.says("a new one is on its way to the same address").await;
    browser.is_sound("a new mail was asked for").await;
    let again = mail.letter(4).await.qr().unwrap();
    Desktop::new().run(&["activate", &again, "--pin-fd", "0"], &[PIN]);
}

#[tokio::test]
async fn while_the_mail_server_is_away_a_ticket_is_handed_over_and_the_mail_waits() {
    let test = "while_the_mail_server_is_away";
    let Some(mail) = MailServer::start("starttls") else {
        return skip(test, "aiosmtpd is missing: apt-get install python3-aiosmtpd");
    };
    let server = Server::with(mail.serve(Installation::new()));
    drop(mail);
    let Some(desk) = Desk::on(test, server, Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    server.admin(&["policy", "set", "automatic_assignment=true"]);
    browser.open("/console/users/new").await;
    browser.fill("#name", "alice").await;
    browser.fill("#email", "alice@example.org").await;
    browser.press("Add this user").await;
    browser.says("A mail with it is on its way to alice@example.org").await;
    browser.is_sound("a ticket that is mailed").await;
    let link = browser.text("[data-copy='the link']").await;
    Desktop::new().run(&["activate", &link, "--pin-fd", "0"], &[PIN]);
    let deliveries = server.admin(&["outbox", "list", "--kind", "mail"])["deliveries"].clone();
    assert!(deliveries.as_array().unwrap().iter().all(|mail| mail["state"] == "waiting"), "{deliveries}");

    browser.open("/console/users/new").await;
    browser.fill("#name", "bo").await;
    browser.press("Add this user").await;
    browser.says("since bo has no e-mail address. Hand the ticket over yourself").await;
    browser.is_sound("a ticket that is not mailed").await;
    // Who asks for a link is told nothing of it.
    browser.open("/me").await;
    browser.fill("#name", "alice").await;
    browser.press("Send the link").await;
    browser.says("a link is on its way there").await;
}
