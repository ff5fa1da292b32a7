//! Takes the pictures of the documentation: a real server with some people on it, in a real browser. `cargo xtask
//! screenshots` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what goes wrong is told and ends it"
)]

use std::path::{Path, PathBuf};

use symbolon_tests::{Browser, Caller, Installation, Look, MailServer, Pages, Phone, Server, Ticket, Token};

const WIDE: Look = Look::WIDE;
const NARROW: Look = Look::NARROW;

/// Where pictures are taken, and where they go.
struct Studio {
    server: Server,
    browser: Browser,
    folder: PathBuf,
}

impl Studio {
    async fn take(&self, name: &str, look: Look) {
        self.browser.look(look).await;
        self.browser.settle().await;
        std::fs::write(self.folder.join(format!("{name}.png")), self.browser.picture().await).unwrap();
    }

    /// By day and by night.
    async fn take_both(&self, name: &str, look: Look) {
        self.take(&format!("{name}-light"), look).await;
        self.take(&format!("{name}-dark"), look.in_the_dark()).await;
    }

    async fn activate(&self, user: &str, email: &str, model: &str) -> Token {
        self.server.admin(&["user", "add", user, "--email", email, "--group", "Payments"]);
        let label = if model == "Pixel 8" { "Work phone" } else { "My phone" };
        let methods = ["--method", "online", "--method", "classic"];
        let added = self.server.admin(&[&["token", "add", user, "--label", label][..], &methods].concat());
        Phone::new(&self.server, &Ticket::read(&added)).of_model(model).activate().await
    }

    /// A day and a month as an organisation of some hundred people has them.
    fn with_history(&self) {
        let mut insert = String::from("BEGIN;");
        let now = jiff::Timestamp::now().as_millisecond();
        for back in 1..720 {
            let hour = now / 3_600_000 - back;
            let (of_day, of_week) = (hour.rem_euclid(24), (hour.div_euclid(24) + 4).rem_euclid(7));
            let busy = [2, 1, 1, 1, 2, 9, 26, 71, 118, 96, 74, 61, 55, 68, 72, 60, 44, 31, 18, 12, 9, 7, 5, 3];
            let at_work = if of_week > 4 { 5 } else { 1 };
            let accepted = (busy[usize::try_from(of_day).unwrap()] * (80 + hour * 7919 % 41) / 100) / at_work;
            for (event, detail, count) in [
                ("code.accepted", "", accepted),
                ("code.refused", "wrong_code", accepted / 17),
                ("code.refused", "replayed", accepted / 40),
                ("code.refused", "outside_window", accepted / 55),
                ("challenge.ended", "confirmed", accepted / 2),
                ("challenge.ended", "expired", accepted / 19),
                ("challenge.ended", "cancelled", accepted / 31),
            ] {
                let hour = hour * 3_600_000;
                insert += &format!(
                    "INSERT INTO hour_count (hour, event, detail, count) VALUES ({hour}, '{event}', '{detail}', {count})
                     ON CONFLICT DO UPDATE SET count = excluded.count;"
                );
            }
        }
        self.server.database().execute_batch(&(insert + "COMMIT")).unwrap();
    }

    /// What administrators see.
    async fn console(&self) {
        let link = self.server.admin(&["administrator", "add", "ana", "--role", "owner"]);
        self.browser.open(link["link"].as_str().unwrap()).await;
        self.browser.fill("#password", Pages::PASSWORD).await;
        self.browser.fill("#again", Pages::PASSWORD).await;
        self.browser.press("Set the password and sign in").await;
        self.browser.says("The last 24 hours").await;

        let alice = self.activate("Alice Moreau", "alice.moreau@example.org", "Pixel 8").await;
        let caller = Caller::new(self.server.wire(), self.server.application("Online banking", "verify"));
        caller.verify("Alice Moreau", &alice.code()).await;
        caller.verify("Alice Moreau", &alice.wrong_code()).await;
        for (user, email, model) in [
            ("Bogdan Ilić", "bogdan.ilic@example.org", "Galaxy S24"),
            ("Carla Neri", "carla.neri@example.org", "iPhone 15"),
            ("Dimitri Papadakis", "dimitri.papadakis@example.org", "Pixel 7a"),
            ("Elif Demir", "elif.demir@example.org", "Xperia 5 V"),
        ] {
            let token = self.activate(user, email, model).await;
            caller.verify(user, &token.code()).await;
        }
        for (user, email) in [("Farid Haddad", "farid.haddad@example.org"), ("Greta Lund", "greta.lund@example.org")] {
            self.server.admin(&["user", "add", user, "--email", email]);
        }
        self.server.admin(&["user", "disable", "Farid Haddad"]);
        self.with_history();

        self.browser.open("/console").await;
        self.take_both("dashboard-wide", WIDE).await;
        self.browser.open("/console/user?name=Alice%20Moreau").await;
        self.take("user-wide-light", WIDE).await;
        self.take_both("user-narrow", NARROW).await;
        self.browser.open("/console/user/token?name=Greta%20Lund").await;
        self.browser.press("Hand out and show the ticket").await;
        self.browser.says("This is shown once").await;
        self.take("ticket-wide-light", WIDE).await;
        self.server.admin(&["webhook", "add", "https://bank.example/symbolon", "--application", "Online banking"]);
        self.server.admin(&["webhook", "add", "https://siem.example/events", "--event", "user.locked,token.locked"]);
        self.server.admin(&["webhook", "rotate", "2"]);
        self.browser.open("/console/webhooks").await;
        self.take("webhooks-wide-light", WIDE).await;
        self.browser.open("/console/settings").await;
        self.take("settings-wide-light", WIDE).await;
        self.browser.fill("#max_time_steps", "40").await;
        self.browser.click("input[name=code_length][value='6']").await;
        self.browser.press("Look at the changes").await;
        self.browser.says("Save these settings?").await;
        self.take("preview-wide-light", WIDE).await;
    }

    /// What people see who look after their own tokens.
    async fn own_tokens(&self, mail: &MailServer) {
        // The mails before were those of the console.
        let before = mail.count();
        self.server.admin(&["user", "add", "Hanna Weiss", "--email", "hanna.weiss@example.org"]);
        self.browser.open("/me").await;
        self.take_both("sign-in-narrow", NARROW).await;
        self.browser.fill("#name", "Hanna Weiss").await;
        self.browser.press("Send the link").await;
        self.browser.says("Look into your mailbox").await;
        self.browser.open(&mail.letter(before + 1).await.word("https://")).await;
        self.browser.press("Sign in").await;
        self.browser.says("Signed in as Hanna Weiss").await;
        self.browser.fill("#label", "My phone").await;
        self.browser.press("Show the ticket").await;
        self.browser.says("is shown this once").await;
        let link = self.browser.attribute("a[href^='symbolon:']", "href").await.unwrap();
        Phone::shown(&self.server, &link).of_model("Pixel 8").activate().await;
        self.browser.press("Done").await;
        self.browser.says("active").await;
        self.take("my-tokens-narrow-dark", NARROW.in_the_dark()).await;
        self.take("my-tokens-wide-light", WIDE).await;
        self.browser.click("#language option[value=de]").await;
        self.browser.press("Save the language").await;
        self.browser.says("Ihre Soft-Tokens").await;
        self.take("my-tokens-narrow-light-german", NARROW).await;

        let added = self.server.admin(&["token", "add", "Hanna Weiss", "--method", "online", "--method", "classic"]);
        let link = added["ticket"]["online"]["link"].as_str().unwrap();
        let fragment = link.split_once('?').unwrap().1;
        self.browser.open(&format!("/activate#{fragment}")).await;
        self.browser.says("Scan this with the app").await;
        self.take("activate-narrow-light", NARROW).await;
    }
}

#[tokio::main]
async fn main() {
    let folder = std::env::args().nth(1).expect("name the folder for the pictures");
    assert!(symbolon_tests::has_browser(), "no browser: `cargo xtask test --only journeys` installs what is needed");
    let mail = MailServer::start("starttls").expect("no mail server: install python3-aiosmtpd");
    let installation = mail.serve(Installation::new()).configured("ISSUER", "Example Bank");
    // Its button is shown; nobody signs in by it here.
    let installation = installation
        .configured("OPENID__ISSUER", "https://login.example.org")
        .configured("OPENID__CLIENT_ID", "symbolon")
        .configured("OPENID__USER_CLAIM", "preferred_username");
    let server = Server::with(installation);
    let browser = Browser::start(&server.url, WIDE).await;
    let folder = Path::new(&folder).to_owned();
    std::fs::create_dir_all(&folder).unwrap();
    let studio = Studio { server, browser, folder };
    studio.own_tokens(&mail).await;
    studio.console().await;
}
