//! A browser without a screen: it keeps cookies, says that its forms are its own site's, and follows nothing by itself.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Certificate, Client, redirect};

use crate::Server;

/// Somebody who looks at a server's pages.
pub struct Pages {
    client: Client,
    url: String,
    cookies: BTreeMap<String, String>,
    /// What the forms say of where they come from.
    pub site: &'static str,
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

    /// What stands behind the first `before`, up to the next quotation mark.
    #[track_caller]
    #[must_use]
    pub fn value(&self, before: &str) -> String {
        let (_, rest) = self.text.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.text));
        rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
    }
}

impl Pages {
    /// A browser with no cookies yet.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        // The wire has the cryptography made ready.
        let url = server.wire().url;
        let authority = std::fs::read(server.data_dir().join("authority.pem")).unwrap();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let client = client.tls_certs_only(Certificate::from_pem_bundle(&authority).unwrap()).build().unwrap();
        Self { client, url, cookies: BTreeMap::new(), site: "same-origin" }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for set in response.headers().get_all(SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            for needed in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
                assert!(attributes.contains(needed), "{attributes}");
            }
            let (name, value) = pair.split_once('=').unwrap();
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
        let mut all = vec![("form_token", token.as_str())];
        all.extend(fields);
        self.post(path, &all).await
    }
}
