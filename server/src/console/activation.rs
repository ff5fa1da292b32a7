//! `/activate`, where the link of an activation mail leads: the browser makes a `symbolon://` button and a QR of what
//! stands in the fragment, which no server sees. And the two files by which phones know the apps that are built for this
//! server's domain.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXUPPER;
use serde_json::{Value, json};
use symbolon_core::text::Text;

use super::fields::Sent;
use super::guess::Guess;
use super::language::Reads;
use super::layout::{Failure, Frame, html, page};
use super::{Console, assets};

#[derive(Template)]
#[template(path = "activate.html")]
struct ActivatePage {
    frame: Frame,
    encoder: &'static str,
    script: &'static str,
}

/// A page that says something and leads back.
#[derive(Template)]
#[template(path = "told.html")]
pub(super) struct Told {
    pub(super) frame: Frame,
    pub(super) text: String,
    pub(super) back: &'static str,
}

/// The page of a ticket's link.
pub(super) async fn form(State(console): State<Console>, Reads(language): Reads) -> Response {
    let frame = Frame::of_owners(&console, language, "activate-title");
    page(&ActivatePage { frame, encoder: assets::encoder(), script: assets::activate() })
}

/// Asks for a new mail in the place of a ticket that has expired. What is answered tells nothing of who exists.
pub(super) async fn again(
    State(console): State<Console>,
    _guess: Guess,
    Reads(language): Reads,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    let Ok(serial) = fields.text("serial").parse::<Text<64>>() else {
        let frame = Frame::of_owners(&console, language, "failure-bad-title");
        let text = frame.say("activate-wrong-serial");
        return Ok(html(StatusCode::BAD_REQUEST, &Told { frame, text, back: "/activate" }));
    };
    let digits: String = serial.as_str().chars().filter(char::is_ascii_digit).collect();
    if console.guards.mails.admit(digits).is_ok() {
        console.service.renew_ticket(serial).await?;
    }
    let frame = Frame::of_owners(&console, language, "activate-sent-title");
    let text = frame.say("activate-sent");
    Ok(page(&Told { frame, text, back: "/activate" }))
}

/// Android's list of the apps that open links of this domain (Digital Asset Links).
pub(super) async fn asset_links(State(console): State<Console>) -> Result<Response, Failure> {
    let policy = console.service.policy(None)?.policy;
    let apps = policy.android_apps.iter().map(|app| {
        let fingerprint: Vec<String> = app.signer().iter().map(|byte| HEXUPPER.encode(&[*byte])).collect();
        json!({
            "relation": ["delegate_permission/common.handle_all_urls"],
            "target": {
                "namespace": "android_app",
                "package_name": app.package(),
                "sha256_cert_fingerprints": [fingerprint.join(":")],
            },
        })
    });
    Ok(Json(Value::Array(apps.collect())).into_response())
}

/// Apple's.
pub(super) async fn apple_links(State(console): State<Console>) -> Result<Response, Failure> {
    let policy = console.service.policy(None)?.policy;
    let apps: Vec<String> = policy.ios_apps.iter().map(|app| format!("{}.{}", app.team(), app.bundle())).collect();
    let details = match apps.is_empty() {
        true => json!([]),
        false => json!([{"appIDs": apps, "components": [{"/": "/activate"}]}]),
    };
    Ok(Json(json!({"applinks": {"details": details}})).into_response())
}
