//! `/v1/admin/applications`.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use symbolon_core::text::Name;

use crate::api::extract::{Administrator, Json, Path, Query};
use crate::api::{Api, Problem};
use crate::service::applications::{ApplicationKey, ApplicationView, NewApplication};

/// All applications.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyApplications {
    applications: Vec<ApplicationView>,
}

/// All applications, by name.
#[utoipa::path(
    get, path = "/v1/admin/applications", tag = "admin", security(("key" = [])),
    responses((status = 200, body = ManyApplications))
)]
pub(super) async fn list(State(api): State<Api>, _: Administrator) -> Result<axum::Json<ManyApplications>, Problem> {
    Ok(axum::Json(ManyApplications { applications: api.service.applications()? }))
}

/// Adds an application; its key is shown this once.
#[utoipa::path(
    post, path = "/v1/admin/applications", tag = "admin", request_body = NewApplication, security(("key" = [])),
    responses((status = 201, body = ApplicationKey), (status = 400, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(new): Json<NewApplication>,
) -> Result<(StatusCode, axum::Json<ApplicationKey>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(api.service.add_application(actor, new).await?)))
}

/// For how long the old key goes on.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Rotation {
    /// For so many seconds, at most 2592000 (30 days); when left out the old key ends at once.
    #[serde(default)]
    overlap: u32,
}

/// Gives an application another key, which is shown this once; the old one ends at once, or goes on for some seconds.
#[utoipa::path(
    post, path = "/v1/admin/applications/{name}/rotate", tag = "admin", params(("name" = String, Path), Rotation),
    security(("key" = [])),
    responses((status = 200, body = ApplicationKey), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn rotate(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
    Query(rotation): Query<Rotation>,
) -> Result<axum::Json<ApplicationKey>, Problem> {
    Ok(axum::Json(api.service.rotate_application(actor, name, rotation.overlap).await?))
}

/// Ends an application's old key before its time.
#[utoipa::path(
    delete, path = "/v1/admin/applications/{name}/old-key", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])),
    responses(
        (status = 200, body = ApplicationView),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It has no old key"),
    )
)]
pub(super) async fn end_old_key(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
) -> Result<axum::Json<ApplicationView>, Problem> {
    Ok(axum::Json(api.service.end_old_key(actor, name).await?))
}

/// Removes an application; its keys end at once.
#[utoipa::path(
    delete, path = "/v1/admin/applications/{name}", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])), responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
) -> Result<StatusCode, Problem> {
    api.service.remove_application(actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
