//! A phone asks for the time and the policy.

use axum::extract::State;
use symbolon_core::contact::{ContactReply, ContactRequest};

use crate::api::extract::{Address, Json};
use crate::api::{Api, Problem};

/// Answers with the time and the policy, signed for the token that asked.
#[utoipa::path(
    post, path = "/v1/device/contact", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "The signed answer", body = Object),
        (status = 400, body = Problem, description = "Not a question"),
        (status = 403, body = Problem, description = "No such token here, or not its key"),
        (status = 409, body = Problem, description = "The server's identity key has changed, and the phone was not told in time"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn contact(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<ContactRequest>,
) -> Result<axum::Json<ContactReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.contact(&request).await?))
}
