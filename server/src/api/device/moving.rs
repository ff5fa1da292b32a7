//! Moving a token to a new phone, from the old phone's side.

use axum::extract::State;
use symbolon_core::moving::{AskRequest, CancelRequest, ConsentRequest, DoneReply, LookRequest, OfferReply, ViewReply};

use crate::api::extract::{Address, Json};
use crate::api::{Api, Problem};

/// Gives the old phone a ticket for the new one.
#[utoipa::path(
    post, path = "/v1/device/move/offer", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "The signed ticket", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "Not an active token's, used before, or short of policy"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn offer(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<AskRequest>,
) -> Result<axum::Json<OfferReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.offer_move(&request).await?))
}

/// How far the move is; with `wait`, as soon as the old phone has something to do.
#[utoipa::path(
    post, path = "/v1/device/move/look", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "How far it is, signed", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "Not signed by an active token, nor by one that has moved"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn look(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<LookRequest>,
) -> Result<axum::Json<ViewReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.view_move(&request).await?))
}

/// The old phone agrees to the new one.
#[utoipa::path(
    post, path = "/v1/device/move/agree", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "It is agreed", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "Not an active token's, to another device, or short of policy"),
        (status = 409, body = Problem, description = "The move has ended"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn agree(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<ConsentRequest>,
) -> Result<axum::Json<DoneReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.agree_to_move(&request).await?))
}

/// The old phone ends the move.
#[utoipa::path(
    post, path = "/v1/device/move/cancel", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "It has ended", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "Not an active token's"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<CancelRequest>,
) -> Result<axum::Json<DoneReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.cancel_move(&request).await?))
}
