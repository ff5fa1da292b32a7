//! `/v1/admin/webhooks`.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::extract::{Administrator, Json, Path, Query};
use crate::api::{Api, Problem};
use crate::service::outbox::DeliveryView;
use crate::service::webhooks::{NewWebhook, USUAL_OVERLAP, WebhookSecret, WebhookView};
use crate::storage::WebhookId;

/// All webhooks.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyWebhooks {
    webhooks: Vec<WebhookView>,
}

/// All webhooks, in the order in which they were added.
#[utoipa::path(
    get, path = "/v1/admin/webhooks", tag = "admin", security(("key" = [])),
    responses((status = 200, body = ManyWebhooks))
)]
pub(super) async fn list(State(api): State<Api>, _: Administrator) -> Result<axum::Json<ManyWebhooks>, Problem> {
    Ok(axum::Json(ManyWebhooks { webhooks: api.service.webhooks()? }))
}

/// Adds an endpoint; the secret that its deliveries are signed with is shown this once.
#[utoipa::path(
    post, path = "/v1/admin/webhooks", tag = "admin", request_body = NewWebhook, security(("key" = [])),
    responses(
        (status = 201, body = WebhookSecret),
        (status = 400, body = Problem),
        (status = 404, body = Problem, description = "No such application"),
        (status = 409, body = Problem, description = "There are too many"),
    )
)]
pub(super) async fn add(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(new): Json<NewWebhook>,
) -> Result<(StatusCode, axum::Json<WebhookSecret>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(api.service.add_webhook(actor, new).await?)))
}

/// For how long the old secret counts, too.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Rotation {
    /// For so many seconds, at most 2592000 (30 days); with 0 the old secret ends at once, when left out after a day.
    #[serde(default = "Rotation::usual")]
    overlap: u32,
}

impl Rotation {
    const fn usual() -> u32 {
        USUAL_OVERLAP
    }
}

/// Makes another secret, which is shown this once. For a time deliveries are signed with the old one too.
#[utoipa::path(
    post, path = "/v1/admin/webhooks/{id}/rotate", tag = "admin", params(("id" = i64, Path), Rotation),
    security(("key" = [])),
    responses((status = 200, body = WebhookSecret), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn rotate(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(id): Path<i64>,
    Query(rotation): Query<Rotation>,
) -> Result<axum::Json<WebhookSecret>, Problem> {
    Ok(axum::Json(api.service.rotate_webhook(actor, WebhookId(id), rotation.overlap).await?))
}

/// Sends the event `webhook.tested`; the outbox shows what came of it.
#[utoipa::path(
    post, path = "/v1/admin/webhooks/{id}/test", tag = "admin", params(("id" = i64, Path)), security(("key" = [])),
    responses((status = 200, body = DeliveryView), (status = 404, body = Problem))
)]
pub(super) async fn test(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(id): Path<i64>,
) -> Result<axum::Json<DeliveryView>, Problem> {
    Ok(axum::Json(api.service.test_webhook(actor, WebhookId(id)).await?))
}

/// Removes a webhook and what waits for it.
#[utoipa::path(
    delete, path = "/v1/admin/webhooks/{id}", tag = "admin", params(("id" = i64, Path)), security(("key" = [])),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    api.service.remove_webhook(actor, WebhookId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
