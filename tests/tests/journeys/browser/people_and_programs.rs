//! What owners and the help desk do beside tokens: people by the file, administrators, webhooks; and what they are told
//! before anything is refused.

use jiff::tz::Offset;
use symbolon_tests::{Browser, Installation, Look, Pages, Phone, Prepared, Receiver, Server, calling_receivers};

use super::{Desk, can_browse};

#[tokio::test]
async fn people_are_imported_all_of_a_file_or_none_after_it_was_tried() {
    let Some(desk) = Desk::set_up("people_are_imported", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    let file = server.beside("people.csv");
    let import = async |lines: &str, words: &str| {
        std::fs::write(&file, lines).unwrap();
        browser.open("/console/users/import").await;
        browser.choose_file("#file", &file).await;
        browser.press(words).await;
    };
    let users = || server.number("SELECT count(*) FROM \"user\"");
    let bad = "name,email,group,language\nana,ana@example.org,,\nbo,nowhere,,\ncy,,,fr\nana,,,\n";
    for words in ["Try it, add nobody", "Import"] {
        import(bad, words).await;
        browser.says("Nobody was added").await;
        for line in ["Line 3: ", "Line 4: ", "Line 5: "] {
            browser.says(line).await;
        }
        assert!(!browser.text(".alert").await.contains("Line 2"));
        assert_eq!(users(), 0, "none of them");
    }
    browser.is_sound("a file with bad lines").await;
    let good = "name,email,group,language\nana,ana@example.org,finance,de\n\"=cmd|'/c calc'!A1\",,,\n<b>bo</b>,,,\n";
    import(good, "Try it, add nobody").await;
    browser.says("The file is good: 3 users would be added").await;
    assert_eq!(users(), 0, "nobody yet");
    import(good, "Import").await;
    browser.says("3 users are added").await;
    browser.is_sound("a file that was imported").await;
    assert_eq!(users(), 3);
    browser.press("See them").await;
    browser.says("<b>bo</b>").await;
    import(good, "Import").await;
    browser.says("Nobody was added").await;
}

#[tokio::test]
async fn administrators_are_added_changed_signed_out_and_removed() {
    let Some(desk) = Desk::set_up("administrators_are_added", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    let add = async |name: &str, user: &str| {
        browser.open("/console/administrators").await;
        browser.fill("#name", name).await;
        browser.fill("#user", user).await;
        browser.press("Add and show the link").await;
    };
    browser.open("/console/administrators").await;
    browser.fill("#name", "ben").await;
    browser.click("#role option[value=auditor]").await;
    browser.fill("#user", "nobody").await;
    browser.press("Add and show the link").await;
    browser.says("There is no user nobody").await;
    assert_eq!(browser.value("#role").await, "auditor", "what was chosen stays");
    assert_eq!(browser.script("return document.activeElement.id").await, "user");
    assert!(browser.script("return document.title").await.as_str().unwrap().starts_with("Error: "));
    assert_eq!(browser.attribute("#user", "aria-describedby").await.as_deref(), Some("error-user user-hint"));
    assert_eq!(browser.attribute("#user", "aria-invalid").await.as_deref(), Some("true"));
    browser.is_sound("an administrator who can't be").await;
    add("ana", "").await;
    browser.says("ana already").await;
    add("ben", "").await;
    browser.says("Link for ben").await;
    browser.is_sound("an administrator's link").await;
    let link = browser.text("[data-copy='the link']").await;
    let mut ben = Pages::of(server);
    assert_eq!(ben.welcome(&link, Pages::PASSWORD).await.leads_to(), "/console");
    assert_eq!(ben.get("/console/user/token?name=ana").await.status, 404, "the help desk hands out tokens");

    browser.open("/console/administrators").await;
    browser.press("Change role of ben").await;
    browser.says("Change the role of ben?").await;
    assert_eq!(browser.value("#role").await, "help-desk", "the present role is chosen");
    browser.is_sound("before a role is changed").await;
    browser.click("#role option[value=auditor]").await;
    browser.press("Change the role").await;
    browser.says("The role is changed").await;
    browser.says("ben auditor active").await;
    assert_eq!(ben.get("/console/user/token?name=ana").await.status, 403, "an auditor looks only");
    let act = async |link: &str, words: &str| {
        browser.open("/console/administrators").await;
        browser.press(link).await;
        browser.press(words).await;
    };
    act("Sign out ben", "Sign out everywhere").await;
    browser.says("signed out everywhere").await;
    assert!(ben.get("/console").await.leads_to().starts_with("/console/sign-in?why=ended"));
    assert_eq!(ben.sign_in("ben", Pages::PASSWORD, "").await.leads_to(), "/console");
    act("New link for ben", "Make the link").await;
    let link = browser.text("[data-copy='the link']").await;
    assert_eq!(Pages::of(server).welcome(&link, "another long password").await.leads_to(), "/console");
    assert_eq!(ben.get("/console").await.status, 303, "the link ends what was before it");
    act("Remove ben", "Remove this administrator").await;
    browser.says("The administrator is removed").await;
    assert!(!browser.text("table").await.contains("ben"));
    browser.press("Change role of ana").await;
    browser.click("#role option[value=auditor]").await;
    browser.press("Change the role").await;
    assert_eq!(browser.attribute("#role", "aria-describedby").await.as_deref(), Some("error-role"));
    browser.is_sound("a role that can't be").await;
    act("Remove ana", "Remove this administrator").await;
    browser.says("Not done").await;
    browser.is_sound("the last owner stays").await;
}

#[tokio::test]
async fn a_webhook_is_added_tried_given_another_secret_and_removed() {
    let test = "a_webhook_is_added";
    if !can_browse(test) {
        return;
    }
    let receiver = Receiver::start();
    let server = Server::with(calling_receivers(Installation::new()));
    let Some(desk) = Desk::on(test, server, Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    drop(server.caller("challenge"));
    browser.open("/console/webhooks").await;
    browser.says("No webhook yet").await;
    browser.is_sound("no webhook").await;
    browser.fill("#url", "http://example.org").await;
    browser.press("Add and show the secret").await;
    browser.says("Must be an address such as https://").await;
    assert_eq!(browser.attribute("#url", "aria-describedby").await.as_deref(), Some("error-url url-hint"));
    browser.fill("#url", &format!("{}/hook", receiver.url)).await;
    browser.press("Choose events").await;
    browser.click("[value='challenge.ended']").await;
    browser.press("Add and show the secret").await;
    browser.says("is its application's own affair").await;
    browser.is_sound("events that can't be").await;
    browser.click("[value='challenge.ended']").await;
    browser.click("[value='user.added']").await;
    browser.press("Add and show the secret").await;
    browser.says("This is shown once").await;
    browser.is_sound("a webhook's secret").await;
    let secret = browser.text("[data-copy='the secret']").await;
    assert!(secret.starts_with("whsec_"));
    browser.press("Back to the webhooks").await;
    assert!(!browser.text("body").await.contains(&secret));
    browser.is_sound("a webhook").await;
    server.admin(&["user", "add", "alice"]);
    assert_eq!(receiver.next().await.json()["type"], "user.added");

    receiver.prepare(Prepared::status(500));
    browser.press("Send a test to webhook 1").await;
    browser.says("The event webhook.tested is on its way").await;
    assert_eq!(receiver.next().await.json()["type"], "webhook.tested");
    browser.press("New secret for webhook 1").await;
    browser.says("Choose at once if somebody else may have it").await;
    browser.is_sound("before a secret is replaced").await;
    browser.click("[value='3600']").await;
    browser.press("Make the new secret").await;
    browser.says("it is signed with the old one, too").await;
    assert_ne!(browser.text("[data-copy='the secret']").await, secret);
    browser.press("Back to the webhooks").await;
    browser.says("the old one counts until").await;
    let listed = server.admin(&["webhook", "list"])["webhooks"][0].clone();
    assert!(listed["old_secret_ends_at"].is_string(), "{listed}");
    server.admin(&["webhook", "rotate", "1", "--overlap", "0"]);
    browser.open("/console/webhooks").await;
    assert!(!browser.text("body").await.contains("the old one counts"));
    browser.press("Remove webhook 1").await;
    browser.says("is told of nothing any more").await;
    browser.press("Remove this webhook").await;
    browser.says("The webhook is removed").await;
    browser.says("No webhook yet").await;
    for action in ["webhook.added", "webhook.tested", "webhook.removed"] {
        assert_eq!(server.count_of(action), 1, "{action}");
    }
    assert_eq!(server.count_of("webhook.rotated"), 2);
}

#[tokio::test]
async fn what_the_settings_refuse_is_shown_before_it_is_sent() {
    let Some(desk) = Desk::set_up("what_the_settings_refuse", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    server.admin(&["user", "add", "alice", "--group", "finance"]);
    server.admin(&["policy", "set", "require_attestation=true", "--group", "finance"]);
    browser.open("/console/user/token?name=alice").await;
    browser.says("Only a phone that is activated online brings it").await;
    browser.is_sound("ways that are refused").await;
    for (method, allowed) in [("online", true), ("classic", false), ("offline", false)] {
        assert_eq!(browser.has(&format!("[value={method}]:enabled")).await, allowed, "{method}");
    }
    browser.press("Hand out and show the ticket").await;
    browser.says("Scan or open").await;
    assert!(!browser.text("body").await.contains("Activation code"));
    // Whoever sends it all the same is refused, with words at the field.
    browser.open("/console/user/token?name=alice").await;
    browser.script("for (const way of document.querySelectorAll('[name=method]')) { way.disabled = false }").await;
    browser.click("[value=offline]").await;
    browser.press("Hand out and show the ticket").await;
    browser.says("offline tickets carry none").await;
    browser.is_sound("a way that was refused").await;
}

#[tokio::test]
async fn times_are_in_the_readers_zone_and_wide_tables_stay_within_a_narrow_screen() {
    let Some(desk) = Desk::set_up("times_are_in_the_readers_zone", Look::WIDE).await else { return };
    let Desk { server, browser } = &desk;
    let long = format!("{}@{}.example", "a-long-address-".repeat(4), "and-its-domain".repeat(4));
    server.admin(&["user", "add", "alice", "--email", &long, "--group", &"group".repeat(20)]);
    let name = "x".repeat(100);
    server.admin(&["application", "add", &name]);
    Phone::new(server, &server.hand_out_another("alice")).activate().await;
    // The reader lives in São Paulo, three hours behind UTC all year.
    browser.open("/console/user?name=alice").await;
    // Browsers keep the time of day together by a narrow space.
    let shown = browser.text("main time").await.replace('\u{202f}', " ");
    let stated = browser.attribute("main time", "datetime").await.unwrap();
    let at: jiff::Timestamp = stated.parse().unwrap();
    let there = Offset::constant(-3).to_datetime(at);
    assert_eq!(shown, there.strftime("%b %-d, %Y, %-I:%M %p").to_string());
    let title = browser.attribute("main time", "title").await.unwrap();
    assert_eq!(title, Offset::UTC.to_datetime(at).strftime("%-d %b %Y, %H:%M UTC").to_string());

    browser.look(Look::NARROW).await;
    let mut scrolled = 0;
    for page in ["/console/users", "/console/applications", "/console/administrators"] {
        browser.open(page).await;
        assert!(browser.fits_its_window().await, "{page}");
        // What does not fit scrolls in its own place, and whose row it is stays in sight.
        let script = "const table = document.querySelector('.scroll'), head = table.querySelector('tbody th');
            table.scrollLeft = table.scrollWidth;
            return [table.scrollLeft > 0, head.getBoundingClientRect().left - table.getBoundingClientRect().left]";
        let seen = browser.script(script).await;
        scrolled += usize::from(seen[0] == true);
        assert!(seen[1].as_f64().unwrap() >= 0.0, "{page}: {seen}");
    }
    assert!(scrolled >= 2, "the tables are wide");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_named_on_the_dashboard() {
    let test = "a_certificate_that_ends_soon";
    if !can_browse(test) {
        return;
    }
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5 * 24);
    let date = Offset::UTC.to_datetime(ends).date();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs());
    let certificate = params.self_signed(&key).unwrap();
    let installation = Installation::new();
    let (chain, private) = (installation.beside("chain.pem"), installation.beside("private.pem"));
    std::fs::write(&chain, certificate.pem()).unwrap();
    std::fs::write(&private, key.serialize_pem()).unwrap();
    let installation = installation
        .configured("TLS__CERTIFICATE", chain.to_str().unwrap())
        .configured("TLS__KEY", private.to_str().unwrap());
    let Some(desk) = Desk::on(test, Server::with(installation), Look::WIDE).await else { return };
    let browser: &Browser = &desk.browser;
    browser.open("/console").await;
    browser.says("The TLS certificate of this server ends").await;
    browser.is_sound("a certificate that ends soon").await;
}
