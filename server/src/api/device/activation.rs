//! The three exchanges of an online activation.

use axum::extract::State;
use symbolon_core::activation::online::{
    ConfirmReply, ConfirmRequest, FinishReply, FinishRequest, StartReply, StartRequest,
};

use crate::api::extract::{Address, Json};
use crate::api::{Api, Problem};
use crate::service::activation::ActivationError;

fn counted<T>(api: &Api, step: &'static str, result: Result<T, ActivationError>) -> Result<axum::Json<T>, Problem> {
    api.metrics.activation(step, result.is_ok());
    Ok(axum::Json(result?))
}

/// Message 1. Looks the same for live, dead and unknown serial numbers.
#[utoipa::path(
    post, path = "/v1/device/activation/start", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "Message 2", body = Object),
        (status = 400, body = Problem, description = "Not a message 1"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn start(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<StartRequest>,
) -> Result<axum::Json<StartReply>, Problem> {
    api.guards.device.admit(address)?;
    let result = api.service.start_activation(request).await;
    counted(&api, "start", result)
}

/// Message 3. The same bytes get the same answer.
#[utoipa::path(
    post, path = "/v1/device/activation/finish", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "Message 4", body = Object),
        (status = 400, body = Problem, description = "Not a message 3"),
        (status = 403, body = Problem, description = "Wrong password, dead ticket, or a device that policy refuses"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn finish(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<FinishRequest>,
) -> Result<axum::Json<FinishReply>, Problem> {
    api.guards.device.admit(address)?;
    let result = api.service.finish_activation(request).await;
    counted(&api, "finish", result)
}

/// Message 5: the token is active from now on. May be repeated.
#[utoipa::path(
    post, path = "/v1/device/activation/confirm", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "Message 6", body = Object),
        (status = 400, body = Problem, description = "Not a message 5"),
        (status = 403, body = Problem, description = "No such handshake, wrong signature or wrong code"),
        (status = 409, body = Problem, description = "The token moves from another phone, which has not agreed yet"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn confirm(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<ConfirmRequest>,
) -> Result<axum::Json<ConfirmReply>, Problem> {
    api.guards.device.admit(address)?;
    let result = api.service.confirm_activation(request).await;
    counted(&api, "confirm", result)
}
