//! Signing in by the organisation's OpenID provider: a real one, with pages of its own.

use symbolon_tests::{Browser, Desktop, Installation, Look, OpenIdProvider, Server, skip};

use super::can_browse;

const PIN: &str = "246813";

/// A provider, a server that believes it, and a browser.
async fn start(test: &str, user_claim: &str, look: Look) -> Option<(OpenIdProvider, Server, Browser)> {
    if !can_browse(test) {
        return None;
    }
    let Some(mut provider) = OpenIdProvider::start() else {
        skip(test, "node or oidc-provider is missing; `cargo xtask test` installs them");
        return None;
    };
    let server = Server::with(provider.serve(Installation::new(), user_claim));
    provider.know(&server.url);
    server.admin(&["user", "add", "ana", "--email", "ana@example.org"]);
    server.admin(&["user", "add", "newcomer", "--email", "newcomer@example.org"]);
    let browser = Browser::start(&server.url, look).await;
    Some((provider, server, browser))
}

/// Signs in at the provider's own pages.
async fn sign_in(browser: &Browser, name: &str) {
    browser.open("/me").await;
    browser.press("Sign in with Example ID").await;
    browser.fill("input[name=login]", name).await;
    browser.fill("input[name=password]", "whatever").await;
    browser.click("button[type=submit]").await;
    browser.click("button[autofocus]").await;
    // The provider's own page is none of ours.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|complaint| complaint.contains("/interaction/")), "{complaints:#?}");
}

#[tokio::test]
async fn a_person_signs_in_by_the_organisations_provider_and_confirms_by_a_token_as_soon_as_there_is_one() {
    let test = "a_person_signs_in_by_the_organisations_provider";
    let Some((_provider, server, browser)) = start(test, "preferred_username", Look::WIDE).await else { return };
    browser.open("/me").await;
    browser.is_sound("two ways to sign in").await;
    sign_in(&browser, "ana").await;
    browser.says("Signed in as ana").await;
    assert_eq!(browser.path().await, "/me", "neither code nor state stays in the address line");
    browser.press("Show the ticket").await;
    let link = browser.attribute("a[href^='symbolon:']", "href").await.unwrap();
    let desktop = Desktop::new();
    desktop.run(&["activate", &link, "--pin-fd", "0"], &[PIN]);
    browser.press("Done").await;
    // The organisation's sign-in is no second factor either.
    browser.says("Another phone needs a code of a token that you have").await;
    let code = desktop.run(&["code", "--pin-fd", "0"], &[PIN])["code"].as_str().unwrap().to_owned();
    browser.fill("#code", &code).await;
    browser.press("Confirm").await;
    browser.says("What you call it").await;
    browser.fill("form[action='/me/add'] #label", "Another").await;
    browser.press("Show the ticket").await;
    browser.says("is shown this once").await;
    assert_eq!(server.admin(&["token", "list", "ana"])["tokens"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn whom_the_provider_does_not_vouch_for_stays_outside() {
    let test = "whom_the_provider_does_not_vouch_for";
    // Nothing of it needs scripts.
    let look = Look::NARROW.without_scripts();
    let Some((_provider, server, browser)) = start(test, "email", look).await else { return };
    sign_in(&browser, "newcomer").await;
    browser.says("does not say who you are here").await;
    assert_eq!(server.count_of("user.signed_in"), 0);
}
