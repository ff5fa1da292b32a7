//! A browser without a screen: it keeps cookies, says that its forms are its own site's, and follows nothing by itself.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Certificate, Client, redirect};
use symbolon_core::frame::FrameWriter;
use symbolon_core::keys::sha256;

use crate::Server;

/// Somebody who looks at a server's pages.
pub struct Pages {
    client: Client,
    url: String,
    cookies: BTreeMap<String, String>,
    /// What the forms say of where they come from.
    pub site: &'static str,
    /// The languages that it wants (`Accept-Language`).
    pub languages: &'static str,
}

/// A page that was answered.
#[derive(Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The HTML.
    pub text: String,
}

impl Page {
    /// Where it leads on to; empty when it does not.
    #[must_use]
    pub fn leads_to(&self) -> &str {
        self.headers.get(LOCATION).map(|to| to.to_str().unwrap()).unwrap_or_default()
    }

    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// What stands behind the first `before`, up to the next quotation mark.
    #[track_caller]
    #[must_use]
    pub fn value(&self, before: &str) -> String {
        let (_, rest) = self.text.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.text));
        rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
    }
}

/// What the console knows a session by.
const SESSION: &str = "__Host-symbolon";
/// What a user who signs in by an OpenID provider is known by when coming back from there.
const ATTEMPT: &str = "__Host-symbolon-openid";
/// What a user's visit is known by.
const VISIT: &str = "__Host-symbolon-me";

impl Pages {
    /// The password of all administrators here.
    pub const PASSWORD: &str = "correct horse battery staple";

    /// An administrator, who was just added and came in by the link.
    pub async fn administrator(server: &Server, name: &str, role: &str) -> Self {
        let link = server.admin(&["administrator", "add", name, "--role", role])["link"].as_str().unwrap().to_owned();
        let mut pages = Self::of(server);
        let page = pages.welcome(&link, Self::PASSWORD).await;
        assert_eq!((page.status, page.leads_to()), (303, "/console"), "{}", page.text);
        pages
    }

    /// Uses the link that lets an administrator in.
    pub async fn welcome(&mut self, link: &str, password: &str) -> Page {
        self.post("/console/welcome", &[("link", link), ("password", password), ("again", password)]).await
    }

    /// Signs in to the console.
    pub async fn sign_in(&mut self, name: &str, password: &str, code: &str) -> Page {
        self.post("/console/sign-in", &[("name", name), ("password", password), ("code", code)]).await
    }

    /// What the console knows this browser by.
    #[must_use]
    pub fn session(&self) -> &str {
        self.cookies.get(SESSION).map(String::as_str).unwrap_or_default()
    }

    /// Puts a session into the browser, as somebody does who could get at it.
    #[must_use]
    pub fn with_session(mut self, session: &str) -> Self {
        self.cookies.insert(SESSION.to_owned(), session.to_owned());
        self
    }

    /// What a user's visit is known by in this browser.
    #[must_use]
    pub fn visit(&self) -> &str {
        self.cookies.get(VISIT).map(String::as_str).unwrap_or_default()
    }

    /// What this browser keeps of its way to the OpenID provider.
    #[must_use]
    pub fn attempt(&self) -> &str {
        self.cookies.get(ATTEMPT).map(String::as_str).unwrap_or_default()
    }

    /// Puts such a thing into the browser.
    pub fn set_attempt(&mut self, attempt: &str) {
        self.cookies.insert(ATTEMPT.to_owned(), attempt.to_owned());
    }

    /// A browser with no cookies yet.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        // The wire has the cryptography made ready.
        let url = server.wire().url;
        let authority = std::fs::read(server.data_dir().join("authority.pem")).unwrap();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let client = client.tls_certs_only(Certificate::from_pem_bundle(&authority).unwrap()).build().unwrap();
        Self { client, url, cookies: BTreeMap::new(), site: "same-origin", languages: "en-GB,en;q=0.9" }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request
            .header("cookie", cookies.join("; "))
            .header("accept-language", self.languages)
            .send()
            .await
            .unwrap();
        for set in response.headers().get_all(SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let site = if name == ATTEMPT { "SameSite=Lax" } else { "SameSite=Strict" };
            for needed in ["Secure", "HttpOnly", site, "Path=/"] {
                assert!(attributes.contains(needed), "{name}: {attributes}");
            }
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Page { status, headers, text: response.text().await.unwrap() }
    }

    /// Looks at a page.
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Sends a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let escaped = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let request = self.client.post(format!("{}{path}", self.url)).header("sec-fetch-site", self.site);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"));
        self.send(request).await
    }

    /// Sends a form of `/me`, as its page has it.
    pub async fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.get("/me").await.value("name=\"form_token\" value=\"");
        self.post_with(&token, path, fields).await
    }

    /// Sends a form of the console, with what its pages carry.
    pub async fn administer(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let pass = BASE64URL_NOPAD.decode(self.session().as_bytes()).unwrap_or_default();
        let frame = FrameWriter::default().field(b"symbolon/1/form").field(&pass);
        let token = BASE64URL_NOPAD.encode(&sha256(frame.as_bytes()));
        self.post_with(&token, path, fields).await
    }

    async fn post_with(&mut self, token: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut all = vec![("form_token", token)];
        all.extend(fields);
        self.post(path, &all).await
    }
}
