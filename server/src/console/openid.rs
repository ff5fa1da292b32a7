//! Signing in at `/me` by the organisation's OpenID provider: the way there, and the way back. Other sites' links bring no
//! `SameSite=Strict` cookie along, and the way back is one, so it has a cookie of its own, and ends on a page of ours that
//! leads on.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::Console;
use super::layout::{Failure, Frame, page};
use super::me::{VISIT, sign_in_page};
use super::sessions::{cookie_text, set_lax_cookie, set_named_cookie};
use crate::api::Address;
use crate::openid::{OpenIdError, Returned};
use crate::service::openid::LONGEST;
use crate::service::visits::VisitError;

/// What the browser keeps of its way to the provider.
const ATTEMPT: &str = "__Host-symbolon-openid";

#[derive(Template)]
#[template(path = "me-onward.html")]
struct OnwardPage {
    frame: Frame,
}

/// Sends the browser to the provider.
pub(super) async fn begin(State(console): State<Console>, Address(address): Address) -> Result<Response, Failure> {
    // Beginning costs questions to the provider, so it is limited as guesses are.
    console.guards.sign_ins.admit(&address).map_err(|_| Failure::too_many())?;
    console.guards.sign_ins.failed(&address);
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
        Err(error) => Ok(refused(&console, &error)),
    }
}

/// Takes the browser back. Whatever comes of it, this attempt has ended.
pub(super) async fn back(
    State(console): State<Console>,
    Address(address): Address,
    Query(returned): Query<Returned>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    console.guards.sign_ins.admit(&address).map_err(|_| Failure::too_many())?;
    let mut response = match sign_in(&console, returned, &headers).await {
        Ok(response) => response,
        Err(failure) => {
            console.guards.sign_ins.failed(&address);
            failure?
        }
    };
    set_lax_cookie(&mut response, ATTEMPT, "", 0);
    Ok(response)
}

/// The page that leads on, or how it is said that nobody was signed in.
async fn sign_in(
    console: &Console,
    returned: Returned,
    headers: &HeaderMap,
) -> Result<Response, Result<Response, Failure>> {
    let (Some(openid), Some(own)) = (&console.openid, &console.service.identity.address) else {
        return Err(Err(Failure::missing("way to sign in")));
    };
    let kept = cookie_text(headers, ATTEMPT);
    let attempt = kept.and_then(|kept| console.service.open_attempt(&kept, &returned.state)).ok_or_else(|| {
        let told = "This sign-in was not begun in this browser, was used before, or has expired. Begin anew here.";
        Ok(sign_in_page(console, StatusCode::BAD_REQUEST, told))
    })?;
    let now = console.service.clock.now();
    let named = openid.finish(own, attempt, returned, now).await.map_err(|error| Ok(refused(console, &error)))?;
    match console.service.begin_visit_of(named).await {
        Ok(pass) => {
            let mut response = page(&OnwardPage { frame: Frame::of_owners(console, "Signed in") });
            set_named_cookie(&mut response, VISIT, &pass.text(), "");
            Ok(response)
        }
        Err(VisitError::Service(error)) => Err(Err(error.into())),
        Err(error) => Err(Ok(sign_in_page(console, StatusCode::FORBIDDEN, &error.to_string()))),
    }
}

fn refused(console: &Console, error: &OpenIdError) -> Response {
    tracing::warn!(%error, "nobody was signed in by the OpenID provider");
    let (status, told) = match error {
        OpenIdError::Away(_) => (
            StatusCode::BAD_GATEWAY,
            "Your organisation's sign-in does not answer at present. Try again in a minute, or have a link mailed.",
        ),
        OpenIdError::Declined(_) => (StatusCode::FORBIDDEN, "Your organisation's sign-in has not signed you in."),
        OpenIdError::Unbelieved(_) => (
            StatusCode::BAD_REQUEST,
            "What came back from your organisation's sign-in does not fit what was asked. Begin anew here.",
        ),
        OpenIdError::Unnamed => (
            StatusCode::FORBIDDEN,
            "Your organisation's sign-in does not say who you are here. Ask the help desk.",
        ),
    };
    sign_in_page(console, status, told)
}
