//! Reading requests: bodies, parts of the address, keys, and where a request comes from. What does not fit is a problem
//! that names the field.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Api, Guards, Problem};
use crate::service::challenges::IdempotencyKey;
use crate::service::{Actor, applications};
use crate::storage::{Application, Scope};

/// No JSON is longer, in bytes: the largest is message 3 with its attestation.
const LONGEST_JSON: usize = 128 * 1024;

/// A JSON body. It may hold a code, so it is wiped.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            let detail = "The body must be JSON, with Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail));
        }
        let body = Zeroizing::new(read_body(request, LONGEST_JSON).await?);
        parse(&body).map(Self)
    }
}

/// Whoever sends too much is told so, but hears it only when it has been heard out; within this many bytes it is.
const HEARD_OUT: usize = 4 * 1024 * 1024;

/// A whole body of at most `limit` bytes.
pub(crate) async fn read_body(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut body = request.into_body();
    let mut read = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "body", "The body could not be read"))?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            read.extend_from_slice(&data);
        } else if length > limit.saturating_add(HEARD_OUT) {
            break;
        }
    }
    if length > limit {
        let detail = format!("The body must not be larger than {} KiB", limit / 1024);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    Ok(read)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would also fill a structure from an array, by position.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "json", "The body is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.inner();
        if inner.is_data() {
            Problem::invalid(if field == "." { String::new() } else { field }, describe(inner))
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "json", format!("The body is not JSON: {}", describe(inner)))
        }
    })?;
    deserializer
        .end()
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "json", "The body has more after its JSON value"))?;
    Ok(parsed)
}

/// What serde says, without the value that was given, which may be a code, and without a place that the field names.
fn describe(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    if error.is_data()
        && let Some(at) = message.rfind(" at line ")
    {
        message.truncate(at);
    }
    let given = ["invalid type: ", "invalid value: "].into_iter().find(|prefix| message.starts_with(prefix));
    match (given, message.find(", expected ")) {
        (Some(_), Some(at)) => message.get(at + 2..).unwrap_or_default().to_owned(),
        _ => message,
    }
}

/// Parameters of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, api)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| Problem::invalid("path", rejection.body_text()))
    }
}

/// Parameters of the query; unknown ones are refused where their type says so.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        axum::extract::Query::from_request_parts(parts, api)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| match parameter(&rejection) {
                Some((name, error)) => Problem::invalid(name, error),
                None => Problem::invalid("query", rejection.body_text()),
            })
    }
}

/// The parameter that does not fit, and why, where it is one.
fn parameter(rejection: &QueryRejection) -> Option<(String, String)> {
    let mut error: &dyn std::error::Error = rejection;
    loop {
        if let Some(found) = error.downcast_ref::<serde_path_to_error::Error<serde::de::value::Error>>() {
            let name = found.path().to_string();
            return Some((name, found.inner().to_string())).filter(|(name, _)| name != ".");
        }
        error = error.source()?;
    }
}

/// Where a request comes from: the peer, or what a trusted proxy says.
pub(crate) struct Address(pub(crate) IpAddr);

impl<S> FromRequestParts<S> for Address
where
    S: Send + Sync,
    Arc<Guards>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let forwarded = parts.headers.get_all("x-forwarded-for");
        let hops = forwarded.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let hops: Vec<&str> = hops.map(str::trim).collect();
        Ok(Self(<Arc<Guards>>::from_ref(state).origin(peer, &hops)))
    }
}

/// Whoever asks with a key of which nobody has looked up yet whose it is.
pub(super) struct Asking {
    address: IpAddr,
    /// The hash of the key.
    pub(super) key_hash: [u8; 32],
}

/// An application that may ask for answers.
pub(super) struct Challenger(pub(super) Application);

/// Whoever may administer through the API.
pub(super) struct Administrator(pub(super) Actor);

impl FromRequestParts<Api> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Address(address) = Address::from_request_parts(parts, api).await?;
        api.guards.bad_keys.admit(address)?;
        let key_hash = bearer(parts).map(applications::hash).ok_or_else(|| unauthorized(api, &address))?;
        Ok(Self { address, key_hash })
    }
}

impl Asking {
    /// The application that was found, if there is one and its key opens `scope`.
    pub(super) fn admit(&self, api: &Api, found: Option<Application>, scope: Scope) -> Result<Application, Problem> {
        let application = found.ok_or_else(|| unauthorized(api, &self.address))?;
        if !application.scopes.contains(&scope) {
            let detail = format!("This API key does not have the scope {}", scope.name());
            return Err(Problem::new(StatusCode::FORBIDDEN, "scope", detail));
        }
        Ok(application)
    }
}

fn unauthorized(api: &Api, address: &IpAddr) -> Problem {
    api.guards.bad_keys.failed(*address);
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "An API key is needed: Authorization: Bearer KEY")
}

impl FromRequestParts<Api> for Challenger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        authorize(parts, api, Scope::Challenge).await.map(Self)
    }
}

/// The key by which a request may be repeated, if it has one.
pub(super) struct Idempotency(pub(super) Option<IdempotencyKey>);

impl FromRequestParts<Api> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let key = value.to_str().unwrap_or_default().parse();
        key.map(|key| Self(Some(key))).map_err(|error| Problem::invalid("Idempotency-Key", error))
    }
}

/// What follows `Bearer` in the header that says who asks.
fn bearer(parts: &Parts) -> Option<&str> {
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|given| given.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    given.map(|(_, value)| value.trim())
}

impl FromRequestParts<Api> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let application = authorize(parts, api, Scope::Admin).await?;
        Ok(Self(Actor::Application(application.name)))
    }
}

/// Finds the application of a request's key, and checks that its key opens `scope`.
async fn authorize(parts: &mut Parts, api: &Api, scope: Scope) -> Result<Application, Problem> {
    let asking = Asking::from_request_parts(parts, api).await?;
    let found = api.service.authenticate(asking.key_hash).await?;
    asking.admit(api, found, scope)
}
