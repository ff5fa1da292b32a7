//! What a phone is asked, and what it answers.

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use symbolon_core::access::{AccessReply, AccessRequest, AnswerReply, AnswerRequest, RequestsRequest};

use crate::api::extract::{Address, Json};
use crate::api::{Api, Problem};
use crate::listener::Parking;
use crate::service::challenges::ChallengeKind;

/// Exchanges a signed assertion (RFC 7523) for an access token.
#[utoipa::path(
    post, path = "/v1/device/access", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "The access token", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "No such active token here, not its key, or an assertion that is \
                                                      used or expired"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn access(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<AccessRequest>,
) -> Result<axum::Json<AccessReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.grant_access(&request).await?))
}

/// The signed requests that wait for this phone, newest first; with `wait`, as soon as there is one, or as soon as they are
/// others than those whose digest is `known`.
#[utoipa::path(
    post, path = "/v1/device/requests", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "The signed requests", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "The access token has expired, or its token is not active"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn requests(
    State(api): State<Api>,
    Address(address): Address,
    Extension(parking): Extension<Parking>,
    Json(request): Json<RequestsRequest>,
) -> Result<Response, Problem> {
    api.guards.device.admit(address)?;
    let reply = async move { api.service.pending_requests(&request).await.map(axum::Json).map_err(Problem::from) };
    Ok(parking.answer(async { reply.await.into_response() }).await)
}

/// Takes the person's decision, signed by the device. The same decision sent again gets the same answer.
#[utoipa::path(
    post, path = "/v1/device/answer", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "What became of the challenge", body = Object),
        (status = 400, body = Problem, description = "Not an answer"),
        (status = 403, body = Problem, description = "Not signed by an active token of this server, or short of policy"),
        (status = 404, body = Problem, description = "Nothing was asked that this answers"),
        (status = 409, body = Problem, description = "The approval has ended; `reason` says how"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn answer(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<AnswerRequest>,
) -> Result<axum::Json<AnswerReply>, Problem> {
    api.guards.device.admit(address)?;
    let status = api.service.answer_approval(&request).await?;
    api.metrics.challenge(ChallengeKind::Approval, status.name());
    Ok(axum::Json(AnswerReply { status: status.name().to_owned() }))
}
