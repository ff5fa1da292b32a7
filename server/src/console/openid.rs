//! Signing in at `/me` by the organisation's OpenID provider: the way there, and the way back. Other sites' links bring no
//! `SameSite=Strict` cookie along, and the way back is one, so it has a cookie of its own, and ends on a page of ours that
//! leads on.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::Console;
use super::guess::Guess;
use super::language::Reads;
use super::layout::{Failure, Frame, page};
use super::me::{VISIT, sign_in_page};
use super::sessions::{cookie_text, set_lax_cookie, set_named_cookie};
use crate::openid::{OpenIdError, Returned};
use crate::service::openid::LONGEST;
use crate::service::visits::VisitError;
use crate::storage::Language;

/// What the browser keeps of its way to the provider.
const ATTEMPT: &str = "__Host-symbolon-openid";

#[derive(Template)]
#[template(path = "me-onward.html")]
struct OnwardPage {
    frame: Frame,
}

/// Sends the browser to the provider.
pub(super) async fn begin(
    State(console): State<Console>,
    // Beginning costs questions to the provider, so it is limited as guesses are.
    _guess: Guess,
    Reads(language): Reads,
) -> Result<Response, Failure> {
    let (Some(openid), Some(own)) = (&console.openid, &console.service.identity.address) else {
        return Err(Failure::missing("way to sign in"));
    };
    match openid.begin(own, console.service.clock.now()).await {
        Ok((provider, attempt)) => {
            let mut response = Redirect::to(&provider).into_response();
            let kept = console.service.seal_attempt(&attempt);
            set_lax_cookie(&mut response, ATTEMPT, &kept, LONGEST.as_secs());
            Ok(response)
        }
        Err(error) => Ok(refused(&console, language, &error)),
    }
}

/// Takes the browser back. Whatever comes of it, this attempt has ended.
pub(super) async fn back(
    State(console): State<Console>,
    guess: Guess,
    Reads(language): Reads,
    Query(returned): Query<Returned>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let mut response = match sign_in(&console, language, returned, &headers).await {
        Ok(response) => {
            guess.was_right();
            response
        }
        Err(failure) => failure?,
    };
    set_lax_cookie(&mut response, ATTEMPT, "", 0);
    Ok(response)
}

/// The page that leads on, or how it is said that nobody was signed in.
async fn sign_in(
    console: &Console,
    language: Language,
    returned: Returned,
    headers: &HeaderMap,
) -> Result<Response, Result<Response, Failure>> {
    let (Some(openid), Some(own)) = (&console.openid, &console.service.identity.address) else {
        return Err(Err(Failure::missing("way to sign in")));
    };
    let kept = cookie_text(headers, ATTEMPT);
    let attempt = kept
        .and_then(|kept| console.service.open_attempt(&kept, &returned.state))
        .ok_or_else(|| Ok(sign_in_page(console, language, StatusCode::BAD_REQUEST, "openid-attempt")))?;
    let now = console.service.clock.now();
    let named = openid.finish(own, attempt, returned, now).await;
    let named = named.map_err(|error| Ok(refused(console, language, &error)))?;
    match console.service.begin_visit_of(named).await {
        Ok(pass) => {
            let mut response = page(&OnwardPage { frame: Frame::of_owners(console, language, "me-onward-title") });
            set_named_cookie(&mut response, VISIT, &pass.text(), "");
            Ok(response)
        }
        Err(VisitError::Service(error)) => Err(Err(error.into())),
        Err(_) => Err(Ok(sign_in_page(console, language, StatusCode::FORBIDDEN, "openid-unknown"))),
    }
}

fn refused(console: &Console, language: Language, error: &OpenIdError) -> Response {
    tracing::warn!(%error, "nobody was signed in by the OpenID provider");
    let (status, told) = match error {
        OpenIdError::Away(_) => (StatusCode::BAD_GATEWAY, "openid-away"),
        OpenIdError::Declined(_) => (StatusCode::FORBIDDEN, "openid-declined"),
        OpenIdError::Unbelieved(_) => (StatusCode::BAD_REQUEST, "openid-unbelieved"),
        OpenIdError::Unnamed => (StatusCode::FORBIDDEN, "openid-unnamed"),
    };
    sign_in_page(console, language, status, told)
}
