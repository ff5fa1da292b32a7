//! The pages in a real browser: what people do on them, and what goes wrong. axe-core looks at each.

mod administering;
mod every_page;
mod keyboard;
mod organisation;
mod own_tokens;
mod people_and_programs;

use symbolon_tests::{Browser, Installation, Look, Pages, Server, Token, accepted, has_browser, skip};

/// A server, and a browser in which ana, an owner, is signed in.
struct Desk {
    server: Server,
    browser: Browser,
}

/// Whether this machine has a browser; says so when it has none.
fn can_browse(test: &str) -> bool {
    let can = has_browser();
    if !can {
        skip(test, "chromium, chromedriver or axe-core is missing; `cargo xtask test` installs them");
    }
    can
}

impl Desk {
    /// `None` where there is no browser.
    async fn set_up(test: &str, look: Look) -> Option<Self> {
        Self::on(test, Server::with(Installation::new().configured("ISSUER", "Example Bank")), look).await
    }

    async fn on(test: &str, server: Server, look: Look) -> Option<Self> {
        if !can_browse(test) {
            return None;
        }
        let browser = Browser::start(&server.url, look).await;
        let link =
            server.admin(&["administrator", "add", "ana", "--role", "owner"])["link"].as_str().unwrap().to_owned();
        browser.open(&link).await;
        if look.scripts {
            browser.is_sound("the page of an administrator's link").await;
            assert_eq!(browser.path().await, "/console/welcome", "the secret stays in no address line");
        } else {
            browser.fill("#link", &link).await;
        }
        browser.fill("#password", Pages::PASSWORD).await;
        browser.fill("#again", Pages::PASSWORD).await;
        browser.press("Set the password and sign in").await;
        browser.says("The last 24 hours").await;
        Some(Self { server, browser })
    }

    /// Users, tokens, verifications and refusals, so that no page is empty.
    async fn with_life(&self) -> Token {
        let server = &self.server;
        let caller = server.caller("verify,challenge");
        let token = server.activated("alice").await;
        assert!(accepted(&caller.verify("alice", &token.code()).await));
        for _ in 0..2 {
            caller.verify("alice", &token.wrong_code()).await;
        }
        caller.verify("nobody", "00000000").await;
        server.admin(&["user", "add", "bo", "--email", "bo@example.org", "--group", "finance"]);
        server.hand_out_another("bo");
        server.admin(&["user", "disable", "bo"]);
        server.admin(&["policy", "set", "lockout_count=3", "--group", "finance"]);
        token
    }
}
