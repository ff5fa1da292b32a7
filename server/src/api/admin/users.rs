//! `/v1/admin/users`.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use symbolon_core::text::Name;

use crate::api::extract::{Administrator, Json, Path, Query, read_body};
use crate::api::{Api, Problem};
use crate::service::import::{self, UserImportReport};
use crate::service::users::{AddedUser, NewUser, UserAction, UserChanges, UserView};

/// One user.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OneUser {
    user: UserView,
}

/// A page of users.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyUsers {
    users: Vec<UserView>,
}

/// Which users.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The beginning of a word of the name or of the address, or of several that follow each other.
    search: Option<String>,
    /// The last name of the page before.
    #[param(value_type = Option<String>)]
    after: Option<Name>,
    /// How many, at most 1000.
    limit: Option<u32>,
}

/// What to do.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActOnUser {
    action: UserAction,
}

/// How to import.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Import {
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// Users by name, a page at a time.
#[utoipa::path(
    get, path = "/v1/admin/users", tag = "admin", params(Page), security(("key" = [])),
    responses((status = 200, body = ManyUsers), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Api>,
    _: Administrator,
    Query(page): Query<Page>,
) -> Result<axum::Json<ManyUsers>, Problem> {
    let limit = page.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", "must be 1 to 1000"));
    }
    let users = api.service.users(page.search.as_deref(), page.after.as_ref(), limit)?;
    Ok(axum::Json(ManyUsers { users }))
}

/// Adds a user.
#[utoipa::path(
    post, path = "/v1/admin/users", tag = "admin", request_body = NewUser, security(("key" = [])),
    responses((status = 201, body = AddedUser), (status = 400, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, axum::Json<AddedUser>), Problem> {
    let added = api.service.add_user(actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(added)))
}

/// One user.
#[utoipa::path(
    get, path = "/v1/admin/users/{name}", tag = "admin", params(("name" = String, Path)), security(("key" = [])),
    responses((status = 200, body = OneUser), (status = 404, body = Problem))
)]
pub(super) async fn show(
    State(api): State<Api>,
    _: Administrator,
    Path(name): Path<Name>,
) -> Result<axum::Json<OneUser>, Problem> {
    Ok(axum::Json(OneUser { user: api.service.user(&name)? }))
}

/// Changes a user. What is left out stays; `null` removes it.
#[utoipa::path(
    patch, path = "/v1/admin/users/{name}", tag = "admin", params(("name" = String, Path)),
    request_body = UserChanges, security(("key" = [])),
    responses((status = 200, body = OneUser), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn edit(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
    Json(changes): Json<UserChanges>,
) -> Result<axum::Json<OneUser>, Problem> {
    Ok(axum::Json(OneUser { user: api.service.edit_user(actor, name, changes).await? }))
}

/// Adds the users of a CSV file, `name,email,group,language`: all of them, or none when a line is bad.
#[utoipa::path(
    post, path = "/v1/admin/users/import", tag = "admin", security(("key" = [])), params(Import),
    request_body(content((String = "text/csv"))),
    responses((status = 200, body = UserImportReport), (status = 400, body = Problem), (status = 413, body = Problem))
)]
pub(super) async fn import(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Query(Import { dry_run }): Query<Import>,
    request: Request,
) -> Result<axum::Json<UserImportReport>, Problem> {
    let body = read_body(request, import::LONGEST).await?;
    Ok(axum::Json(api.service.import_users(actor, body, dry_run).await?))
}

/// Enables, disables or unlocks a user.
#[utoipa::path(
    post, path = "/v1/admin/users/{name}/actions", tag = "admin", params(("name" = String, Path)),
    request_body = ActOnUser, security(("key" = [])),
    responses((status = 200, body = OneUser), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn act(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
    Json(act): Json<ActOnUser>,
) -> Result<axum::Json<OneUser>, Problem> {
    let user = api.service.act_on_user(actor, name, act.action).await?;
    Ok(axum::Json(OneUser { user }))
}

/// Removes a user and the user's tokens.
#[utoipa::path(
    delete, path = "/v1/admin/users/{name}", tag = "admin", params(("name" = String, Path)), security(("key" = [])),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
) -> Result<StatusCode, Problem> {
    api.service.delete_user(actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
