//! Signing in at `/me` by the organisation's OpenID provider: what its word is worth, and whose it is not.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use symbolon_tests::{Installation, Lie, LyingProvider, Page, Pages, Prepared, Server, Signed};
use url::Url;

fn start(user_claim: &str) -> (LyingProvider, Server) {
    let provider = LyingProvider::start();
    let limits = Installation::new().configured("LIMITS__SIGN_INS_BURST", "1000");
    let server = Server::with(provider.serve(limits, user_claim));
    server.admin(&["user", "add", "ana", "--email", "Ana@Example.org"]);
    server.admin(&["user", "add", "ben", "--email", "ben@example.org"]);
    (provider, server)
}

/// What the server asks of the provider, through the browser.
struct Asked(BTreeMap<String, String>);

impl Asked {
    async fn by(pages: &mut Pages, provider: &LyingProvider) -> Self {
        let page = pages.get("/me/openid").await;
        assert_eq!(page.status, 303, "{}", page.text);
        let url: Url = page.leads_to().parse().unwrap();
        assert!(url.as_str().starts_with(&format!("{}/sign-in?", provider.url())), "{url}");
        Self(url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn back(&self, provider: &LyingProvider, code: &str) -> String {
        let issuer: String = url::form_urlencoded::byte_serialize(provider.url().as_bytes()).collect();
        format!("/me/openid/back?code={code}&state={}&iss={issuer}", self.0["state"])
    }
}

/// Goes to the provider and back, where it says what `lie` has it say.
async fn sign_in(provider: &LyingProvider, pages: &mut Pages, code: &str, lie: Lie) -> Page {
    let asked = Asked::by(pages, provider).await;
    provider.tell(&asked.0["nonce"], lie);
    pages.get(&asked.back(provider, code)).await
}

fn claims(claims: &[(&'static str, Value)]) -> Lie {
    Lie { claims: claims.to_vec(), ..Lie::default() }
}

#[tokio::test]
async fn whom_the_provider_names_is_signed_in_and_its_lies_are_not_believed() {
    let (provider, server) = start("preferred_username");
    let mut ana = Pages::of(&server);
    let asked = Asked::by(&mut ana, &provider).await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "symbolon"),
        ("code_challenge_method", "S256"),
        ("scope", "openid profile email"),
        ("redirect_uri", &format!("{}/me/openid/back", server.url)),
    ] {
        assert_eq!(asked.0[name], value);
    }
    let page = sign_in(&provider, &mut ana, "first", Lie::default()).await;
    assert!(page.status == 200 && page.text.contains("0; url=/me\""), "{}", page.text);
    assert!(ana.attempt().is_empty(), "an attempt ends with its answer");
    assert!(ana.get("/me").await.text.contains("Signed in as ana"));
    let entry = server.audit().into_iter().rfind(|entry| entry["action"] == "user.signed_in").unwrap();
    assert_eq!((&entry["user"], &entry["details"]["by"]), (&json!("ana"), &json!("openid")));

    let past = jiff::Timestamp::now().as_second() - 60;
    let by = |signed| Lie { signed, ..Lie::default() };
    let lies = [
        ("a nonce of another attempt", claims(&[("nonce", json!("another"))]), 400),
        ("no nonce", claims(&[("nonce", Value::Null)]), 400),
        ("another issuer", claims(&[("iss", json!("https://evil.example"))]), 400),
        ("for another client", claims(&[("aud", json!("shop"))]), 400),
        ("for another client, too", claims(&[("aud", json!(["symbolon", "shop"]))]), 400),
        ("expired", claims(&[("exp", json!(past))]), 400),
        ("never expires", claims(&[("exp", Value::Null)]), 400),
        ("another access token", claims(&[("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))]), 400),
        ("signed by another key", by(Signed::ByAnother), 400),
        ("signed by the client's secret", by(Signed::BySecret), 400),
        ("not signed", by(Signed::NotAtAll), 400),
        ("no token", Lie { answer: vec![("id_token", Value::Null)], ..Lie::default() }, 400),
        ("nobody here", claims(&[("preferred_username", json!("nobody"))]), 403),
        ("no name of a user", claims(&[("preferred_username", json!(["ana"]))]), 400),
    ];
    for (number, (name, lie, status)) in lies.into_iter().enumerate() {
        let mut pages = Pages::of(&server);
        let page = sign_in(&provider, &mut pages, &format!("lie-{number}"), lie).await;
        assert_eq!(page.status, status, "{name}: {}", page.text);
        assert!(page.text.contains("Sign in with Example ID") && pages.visit().is_empty(), "{name}");
    }
    // What the token leaves out, the provider may tell at another place, of the same person.
    let mut ben = Pages::of(&server);
    let page = sign_in(&provider, &mut ben, "told", claims(&[("preferred_username", Value::Null)])).await;
    assert!(page.status == 200 && ben.get("/me").await.text.contains("Signed in as ben"), "{}", page.text);
    let other = claims(&[("preferred_username", Value::Null), ("sub", json!("4712"))]);
    assert_eq!(sign_in(&provider, &mut Pages::of(&server), "other", other).await.status, 400);

    server.admin(&["user", "disable", "ana"]);
    let page = sign_in(&provider, &mut Pages::of(&server), "disabled", Lie::default()).await;
    assert_eq!(page.status, 403);
    assert_eq!(server.count_of("user.signed_in"), 2);
    assert!(provider.asked("/.well-known/openid-configuration") < 10, "a flood of beginnings is none of questions");
}

#[tokio::test]
async fn an_address_counts_when_the_provider_has_verified_it_and_one_user_has_it() {
    let (provider, server) = start("email");
    let mut ana = Pages::of(&server);
    assert_eq!(sign_in(&provider, &mut ana, "1", Lie::default()).await.status, 200);
    assert!(ana.get("/me").await.text.contains("Signed in as ana"));
    for (code, lie) in [
        ("2", claims(&[("email_verified", json!(false))])),
        ("3", claims(&[("email_verified", Value::Null)])),
        ("4", claims(&[("email_verified", json!("true"))])),
        ("5", claims(&[("email", json!("nobody@example.org"))])),
        ("6", claims(&[("email", json!("ana"))])),
    ] {
        let page = sign_in(&provider, &mut Pages::of(&server), code, lie).await;
        assert!(page.status == 403 || page.status == 400, "{code}: {} {}", page.status, page.text);
    }
    server.admin(&["user", "add", "another ana", "--email", "ana@example.org"]);
    assert_eq!(sign_in(&provider, &mut Pages::of(&server), "7", Lie::default()).await.status, 403);
    assert_eq!(server.count_of("user.signed_in"), 1);
}

#[tokio::test]
async fn a_way_back_is_for_the_browser_that_went_and_once() {
    let (provider, server) = start("preferred_username");
    // Somebody lets another's browser end the attempt that they have begun.
    let (mut thief, mut victim) = (Pages::of(&server), Pages::of(&server));
    let asked = Asked::by(&mut thief, &provider).await;
    provider.tell(&asked.0["nonce"], Lie::default());
    let back = asked.back(&provider, "thief");
    let told = "not begun in this browser, was used before, or has expired";
    let page = victim.get(&back).await;
    assert!(page.status == 400 && page.text.contains(told) && victim.visit().is_empty(), "{}", page.text);
    Asked::by(&mut victim, &provider).await;
    assert_eq!(victim.get(&back).await.status, 400, "nor in the midst of another attempt");

    // What a browser keeps is sealed: nobody makes it up, and a part of it opens nothing.
    for forged in [String::new(), "AAAA".repeat(60), thief.attempt()[4..].to_owned()] {
        let mut forger = Pages::of(&server);
        forger.set_attempt(&forged);
        assert_eq!(forger.get(&back).await.status, 400);
    }

    // A visit that was there before is not the one that is signed in.
    let mut ana = Pages::of(&server);
    assert_eq!(sign_in(&provider, &mut ana, "1", Lie::default()).await.status, 200);
    let before = ana.visit().to_owned();
    let asked = Asked::by(&mut ana, &provider).await;
    provider.tell(&asked.0["nonce"], Lie::default());
    let (attempt, back) = (ana.attempt().to_owned(), asked.back(&provider, "2"));
    assert_eq!(ana.get(&back).await.status, 200);
    assert_ne!(ana.visit(), before);
    assert_eq!(ana.get(&back).await.status, 400, "the same way back");
    ana.set_attempt(&attempt);
    assert_eq!(
        ana.get(&back).await.status,
        400,
        "and with what the browser had kept: the provider takes no code twice"
    );

    // An answer of another provider, one that names none, one that says no, and one without anything.
    for (of_it, status) in [
        ("code=3&iss=https%3A%2F%2Fevil.example", 400),
        ("code=3", 400),
        ("error=access_denied&iss=ISSUER", 403),
        ("error=%3Cscript%3E&iss=ISSUER", 403),
        ("iss=ISSUER", 400),
    ] {
        let asked = Asked::by(&mut ana, &provider).await;
        let back = format!("/me/openid/back?state={}&{}", asked.0["state"], of_it.replace("ISSUER", provider.url()));
        let page = ana.get(&back).await;
        assert!(page.status == status && !page.text.contains("<script>"), "{of_it}: {} {}", page.status, page.text);
    }
    // Nobody is led elsewhere.
    let page = ana.get("/me/openid?to=https://evil.example&redirect_uri=https://evil.example").await;
    assert!(page.leads_to().starts_with(provider.url()) && !page.leads_to().contains("evil.example"));
}

#[tokio::test]
async fn while_the_provider_is_away_links_are_mailed_and_without_one_nobody_is_sent_to_it() {
    let (provider, server) = start("preferred_username");
    let mut pages = Pages::of(&server);
    for answer in [
        Prepared::status(503),
        Prepared::status(200).header("content-type", "application/json").body("{}"),
        Prepared::status(302).header("location", "https://evil.example"),
        Prepared::status(200).header("content-type", "application/json").body(" ".repeat(2 * 1024 * 1024)),
    ] {
        provider.prepare(answer);
        let page = pages.get("/me/openid").await;
        assert_eq!(page.status, 502, "{}", page.text);
        assert!(page.text.contains("does not answer at present") && page.text.contains("Send the link"));
        // That it does not answer is remembered for a moment.
        tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    }
    let asked = Asked::by(&mut pages, &provider).await;
    provider.prepare(Prepared::status(500));
    let page = pages.get(&asked.back(&provider, "1")).await;
    assert!(page.status == 400 && pages.visit().is_empty(), "{} {}", page.status, page.text);

    let alone = Server::start();
    let mut pages = Pages::of(&alone);
    assert!(!pages.get("/me").await.text.contains("Sign in with"));
    assert_eq!(pages.get("/me/openid").await.status, 404);
    assert_eq!(pages.get("/me/openid/back?code=1&state=2").await.status, 404);
}
