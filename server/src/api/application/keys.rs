//! The identity keys, for whoever checks receipts.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::api::extract::Address;
use crate::api::{Api, Problem};
use crate::service::rotation::JwkSet;

/// The keys by which this server has signed receipts, signs them and will: a JWK Set (RFC 7517). Each `kid` is the hash
/// that applications pin and `symbolon receipt verify --identity` takes. No key is needed to ask.
#[utoipa::path(
    get, path = "/v1/keys", tag = "application",
    responses(
        (status = 200, body = JwkSet, content_type = "application/jwk-set+json"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn keys(State(api): State<Api>, Address(address): Address) -> Result<impl IntoResponse, Problem> {
    api.guards.device.admit(address)?;
    let set = axum::Json(api.service.jwk_set()?);
    Ok(([(header::CONTENT_TYPE, "application/jwk-set+json")], set))
}
