//! `/v1/admin/clock`.

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;

use crate::api::extract::Administrator;
use crate::api::{Api, Problem};

/// The clock as it was accepted.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Clock {
    /// The time from which the server goes on.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
}

/// Takes the machine's clock as it is, though it stands before what the server has stored.
#[utoipa::path(
    post, path = "/v1/admin/clock/accept", tag = "admin", security(("key" = [])),
    responses((status = 200, body = Clock))
)]
pub(super) async fn accept(
    State(api): State<Api>,
    Administrator(actor): Administrator,
) -> Result<axum::Json<Clock>, Problem> {
    Ok(axum::Json(Clock { time: api.service.accept_clock(actor).await? }))
}
