//! Biometrics on a phone.

use axum::extract::State;
use symbolon_core::biometrics::{BiometricsReply, BiometricsRequest};

use crate::api::extract::{Address, Json};
use crate::api::{Api, Problem};

/// Takes that biometrics were turned on or off, signed by the device, and the factor key that proves them. May be repeated.
#[utoipa::path(
    post, path = "/v1/device/biometrics", tag = "device", request_body = Object,
    responses(
        (status = 200, description = "It is known", body = Object),
        (status = 400, body = Problem, description = "Not such a request"),
        (status = 403, body = Problem, description = "Not an active token's, not proven, older than what is known, or \
                                                      short of policy"),
        (status = 429, body = Problem, description = "Too many requests from this address"),
    )
)]
pub(super) async fn update(
    State(api): State<Api>,
    Address(address): Address,
    Json(request): Json<BiometricsRequest>,
) -> Result<axum::Json<BiometricsReply>, Problem> {
    api.guards.device.admit(address)?;
    Ok(axum::Json(api.service.update_biometrics(&request).await?))
}
