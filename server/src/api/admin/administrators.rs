//! `/v1/admin/administrators`.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use symbolon_core::text::Name;

use crate::api::extract::{Administrator, Json, Path};
use crate::api::{Api, Problem};
use crate::service::administrators::{AdministratorChange, AdministratorLink, AdministratorView, NewAdministrator};

/// One administrator.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OneAdministrator {
    administrator: AdministratorView,
}

/// All administrators.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyAdministrators {
    administrators: Vec<AdministratorView>,
}

/// All administrators, by name.
#[utoipa::path(
    get, path = "/v1/admin/administrators", tag = "admin", security(("key" = [])),
    responses((status = 200, body = ManyAdministrators))
)]
pub(super) async fn list(State(api): State<Api>, _: Administrator) -> Result<axum::Json<ManyAdministrators>, Problem> {
    Ok(axum::Json(ManyAdministrators { administrators: api.service.administrators()? }))
}

/// Adds an administrator. The answer has the link for the first sign-in, which is shown this once.
#[utoipa::path(
    post, path = "/v1/admin/administrators", tag = "admin", request_body = NewAdministrator, security(("key" = [])),
    responses((status = 201, body = AdministratorLink), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(new): Json<NewAdministrator>,
) -> Result<(StatusCode, axum::Json<AdministratorLink>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(api.service.add_administrator(actor, new).await?)))
}

/// Changes what an administrator may do, or whose soft token is the second factor; what is left out stays.
#[utoipa::path(
    patch, path = "/v1/admin/administrators/{name}", tag = "admin", params(("name" = String, Path)),
    request_body = AdministratorChange, security(("key" = [])),
    responses((status = 200, body = OneAdministrator), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn change(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
    Json(change): Json<AdministratorChange>,
) -> Result<axum::Json<OneAdministrator>, Problem> {
    let administrator = api.service.change_administrator(actor, name, change).await?;
    Ok(axum::Json(OneAdministrator { administrator }))
}

/// Gives out another link; the password, a lock and the second factor end when it is used.
#[utoipa::path(
    post, path = "/v1/admin/administrators/{name}/link", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])), responses((status = 200, body = AdministratorLink), (status = 404, body = Problem))
)]
pub(super) async fn link(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
) -> Result<axum::Json<AdministratorLink>, Problem> {
    Ok(axum::Json(api.service.link_administrator(actor, name).await?))
}

/// Signs an administrator out of every browser.
#[utoipa::path(
    post, path = "/v1/admin/administrators/{name}/sign-out", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])), responses((status = 200, body = OneAdministrator), (status = 404, body = Problem))
)]
pub(super) async fn sign_out(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
) -> Result<axum::Json<OneAdministrator>, Problem> {
    let administrator = api.service.sign_administrator_out(actor, name).await?;
    Ok(axum::Json(OneAdministrator { administrator }))
}

/// Removes an administrator, who is signed out at once.
#[utoipa::path(
    delete, path = "/v1/admin/administrators/{name}", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
) -> Result<StatusCode, Problem> {
    api.service.remove_administrator(actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
