//! Signing in and out: the first visit by a one-time link, then by name, password and code; the cookie.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use symbolon_core::otp::Code;
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::Console;
use super::fields::{FieldErrors, Sent};
use super::guess::Guess;
use super::layout::{Failure, Frame, Section, Visit, html, page, see};
use crate::service::passwords::Password;
use crate::service::sessions::{Pass, SignInError, SignedIn};

/// The prefix makes browsers refuse one that another host, or a page without encryption, has set.
const COOKIE: &str = "__Host-symbolon";

/// A browser in which somebody is signed in.
pub(super) struct Session {
    pub(super) pass: Pass,
    pub(super) by: SignedIn,
}

impl Session {
    /// The session of a request's cookie, if it has one that counts.
    pub(super) async fn find(console: &Console, headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(pass) = cookie(headers, COOKIE) else { return Ok(None) };
        let by = console.service.signed_in(&pass).await?;
        Ok(by.map(|by| Self { pass, by }))
    }
}

/// The pass in a cookie.
pub(super) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<Pass> {
    cookie_text(headers, wanted)?.parse().ok()
}

/// What a cookie holds.
pub(super) fn cookie_text(headers: &HeaderMap, wanted: &str) -> Option<Zeroizing<String>> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| Zeroizing::new(value.to_owned()))
}

fn set_cookie(response: &mut Response, value: &str, more: &str) {
    set_named_cookie(response, COOKIE, value, more);
}

/// Sets a cookie that only this server's own pages send back.
pub(super) fn set_named_cookie(response: &mut Response, name: &str, value: &str, more: &str) {
    add_cookie(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{more}"));
}

/// Sets a cookie that a browser also sends back when another site's page leads here; for so many seconds.
pub(super) fn set_lax_cookie(response: &mut Response, name: &str, value: &str, seconds: i64) {
    add_cookie(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"));
}

fn add_cookie(response: &mut Response, cookie: &str) {
    if let Ok(mut cookie) = HeaderValue::from_str(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// A place in the console to come back to: one of our own paths and nothing that a browser takes for another host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Destination(String);

impl Destination {
    const START: &'static str = "/console";

    fn read(text: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~%?=&".contains(c);
        let inside = text.strip_prefix(Self::START).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let fits = inside && text.len() <= 500 && text.chars().all(plain) && !text.contains("//");
        Self(if fits { text } else { Self::START }.to_owned())
    }
}

/// Sends whoever is not signed in to the page where one signs in, and back later.
pub(super) fn ask_to_sign_in(request: &Request) -> Response {
    let why = if cookie(request.headers(), COOKIE).is_some() { "ended" } else { "needed" };
    let to = match *request.method() {
        Method::GET => request.uri().path_and_query().map_or(Destination::START, |path| path.as_str()),
        _ => Destination::START,
    };
    let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
    let mut response = see(&format!("/console/sign-in?why={why}&to={to}"));
    if why == "ended" {
        set_cookie(&mut response, "", "; Max-Age=0");
    }
    response
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    frame: Frame,
    name: String,
    to: String,
    error: Option<String>,
}

/// Where from, and why.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    why: String,
    #[serde(default)]
    to: String,
}

/// The page where one signs in.
pub(super) async fn form(State(console): State<Console>, Query(asked): Query<Asked>) -> Response {
    let notice = match asked.why.as_str() {
        "ended" => Some("Your session has ended. Sign in to go on; what you sent last was not taken."),
        "out" => Some("You are signed out."),
        _ => None,
    };
    let frame = Frame::outside(&console, "Sign in").notice(notice);
    page(&SignInPage { frame, name: String::new(), to: Destination::read(&asked.to).0, error: None })
}

/// Signs in.
pub(super) async fn sign_in(
    State(console): State<Console>,
    guess: Guess,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    let to = Destination::read(fields.text("to")).0;
    let again = |error: String| {
        let frame = Frame::outside(&console, "Sign in");
        let name = fields.text("name").chars().take(100).collect();
        html(StatusCode::UNAUTHORIZED, &SignInPage { frame, name, to: to.clone(), error: Some(error) })
    };
    let code = match fields.text("code").trim() {
        "" => None,
        code => match code.parse::<Code>() {
            Ok(code) => Some(code),
            Err(error) => return Ok(again(format!("The code {error}."))),
        },
    };
    let outcome = match fields.text("name").parse::<Name>() {
        Ok(name) => console.service.sign_in(name, Password::typed(fields.secret("password")), code).await,
        Err(_) => Err(SignInError::Refused),
    };
    match outcome {
        Ok(pass) => {
            guess.was_right();
            let mut response = see(&to);
            set_cookie(&mut response, &pass.text(), "");
            Ok(response)
        }
        Err(SignInError::Service(error)) => Err(error.into()),
        Err(error) => Ok(again(error.to_string())),
    }
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    frame: Frame,
    errors: FieldErrors,
    link: String,
    shortest: usize,
}

/// The page that a one-time link leads to. The link's secret is in the fragment, which only the browser sees.
pub(super) async fn welcome(State(console): State<Console>) -> Response {
    let frame = Frame::outside(&console, "Welcome");
    page(&WelcomePage { frame, errors: FieldErrors::default(), link: String::new(), shortest: Password::SHORTEST })
}

/// Uses a one-time link: sets the password and signs in.
pub(super) async fn use_link(
    State(console): State<Console>,
    guess: Guess,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    let mut errors = FieldErrors::default();
    // Whoever pastes the whole link means its end.
    let secret = fields.text("link").rsplit('#').next().unwrap_or_default();
    let link = secret.parse::<Pass>().map_err(|error| errors.add("link", format!("The link {error}"))).ok();
    let password = Password::chosen(fields.secret("password"));
    let password = password.map_err(|error| errors.add("password", format!("A password {error}"))).ok();
    if fields.text("password") != fields.text("again") {
        errors.add("again", "The two passwords are not the same");
    }
    if let (Some(link), Some(password), true) = (link, password, errors.is_empty()) {
        match console.service.use_link(&link, password).await {
            Ok(pass) => {
                guess.was_right();
                let mut response = see(Destination::START);
                set_cookie(&mut response, &pass.text(), "");
                return Ok(response);
            }
            Err(SignInError::Service(error)) => return Err(error.into()),
            Err(error) => errors.add("link", error),
        }
    }
    let frame = Frame::outside(&console, "Welcome");
    let link = secret.chars().take(100).collect();
    Ok(html(StatusCode::BAD_REQUEST, &WelcomePage { frame, errors, link, shortest: Password::SHORTEST }))
}

#[derive(Template)]
#[template(path = "sign-out.html")]
struct SignOutPage {
    frame: Frame,
}

/// Asks how to sign out.
pub(super) async fn ask_out(visit: Visit) -> Response {
    page(&SignOutPage { frame: visit.frame(Section::Outside, "Sign out") })
}

/// Signs out, here or everywhere.
pub(super) async fn sign_out(
    axum::Extension(session): axum::Extension<Arc<Session>>,
    visit: Visit,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    visit.service.sign_out(&session.pass, fields.text("everywhere") == "yes").await?;
    let mut response = see("/console/sign-in?why=out").into_response();
    set_cookie(&mut response, "", "; Max-Age=0");
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for inside in ["/console", "/console/users?search=a%40b&after=x", "/console/tokens/12345-67890"] {
            assert_eq!(Destination::read(inside).0, inside);
        }
        let elsewhere = [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/console//evil.example",
            "/consoles",
            "/console\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            "/console/\u{202e}",
            "",
            "/console@evil.example",
        ];
        for outside in elsewhere {
            assert_eq!(Destination::read(outside).0, "/console", "{outside:?}");
        }
    }
}
