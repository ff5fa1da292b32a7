//! Where a phone is woken.

use axum::extract::State;
use symbolon_core::push::{PushKeyReply, PushKeyRequest, PushReply, PushRequest};
use symbolon_core::signed::SigningKey;

use crate::api::extract::{Address, Json};
use crate::api::{Api, Problem};

/// Takes the phone's address, or that it has none any more, signed by the device. May be repeated.
#[utoipa::path(
    post, path = "/v1/device/push-address", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "Whether the server can wake the phone there", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "No such active token here, not its key, or older than what is \
                                                      known"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn update(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<PushRequest>,
) -> Result<axum::Json<PushReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.update_push_address(&request).await?))
}

/// The server's key for Web Push (RFC 8292), with which a phone makes its address.
#[utoipa::path(
    post, path = "/v1/device/push-key", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "The key; empty where no Web Push is sent", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn key(
    State(api): State<Api>,
    Address(address): Address,
    Json(PushKeyRequest {}): Json<PushKeyRequest>,
) -> Result<axum::Json<PushKeyReply>, Problem> {
    api.guards.device.admit(address)?;
    let key = api.service.push.web_push_key.as_ref();
    Ok(axum::Json(PushKeyReply { web_push_key: key.map(SigningKey::public_key) }))
}
