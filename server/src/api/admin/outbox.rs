//! `/v1/admin/outbox`.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::extract::{Administrator, Path, Query};
use crate::api::{Api, Problem};
use crate::service::outbox::DeliveryView;
use crate::storage::{DeliveryFilter, DeliveryId, DeliveryKind, DeliveryState, WebhookId};

/// Deliveries.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyDeliveries {
    deliveries: Vec<DeliveryView>,
}

/// Which deliveries.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only those of a state.
    state: Option<DeliveryState>,
    /// Only those of a kind.
    kind: Option<DeliveryKind>,
    /// Only those to the webhook with this number.
    webhook: Option<i64>,
    /// How many, at most 1000; 100 when left out.
    limit: Option<u32>,
}

/// Deliveries, the newest first: those that wait, and for a week those that were sent or given up.
#[utoipa::path(
    get, path = "/v1/admin/outbox", tag = "admin", params(Which), security(("key" = [])),
    responses((status = 200, body = ManyDeliveries), (status = 400, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Api>,
    _: Administrator,
    Query(which): Query<Which>,
) -> Result<axum::Json<ManyDeliveries>, Problem> {
    let limit = which.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", "must be 1 to 1000"));
    }
    let filter = DeliveryFilter { state: which.state, kind: which.kind, webhook: which.webhook.map(WebhookId) };
    Ok(axum::Json(ManyDeliveries { deliveries: api.service.deliveries(filter, limit).await? }))
}

/// Sends a delivery now: one that waits, one that was given up, or once more one of a webhook.
#[utoipa::path(
    post, path = "/v1/admin/outbox/{id}/retry", tag = "admin", params(("id" = String, Path)), security(("key" = [])),
    responses((status = 200, body = DeliveryView), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn retry(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(id): Path<String>,
) -> Result<axum::Json<DeliveryView>, Problem> {
    Ok(axum::Json(api.service.retry_delivery(actor, read_id(&id)?).await?))
}

/// Drops a delivery; one that is being sent may still arrive.
#[utoipa::path(
    delete, path = "/v1/admin/outbox/{id}", tag = "admin", params(("id" = String, Path)), security(("key" = [])),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn discard(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    api.service.drop_delivery(actor, read_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read_id(text: &str) -> Result<DeliveryId, Problem> {
    text.parse().map_err(|error| Problem::invalid("id", error))
}
