//! `/v1/admin/policy`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use symbolon_core::policy::PolicyPatch;
use symbolon_core::text::Name;

use crate::api::extract::{Administrator, Json, Path};
use crate::api::{Api, Problem};
use crate::service::policies::{AppliedPolicy, GroupView};

/// Settings to leave alone again.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unset {
    /// The names of the settings.
    keys: Vec<String>,
}

/// All groups.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyGroups {
    groups: Vec<GroupView>,
}

/// The policy for everyone.
#[utoipa::path(
    get, path = "/v1/admin/policy", tag = "admin", security(("key" = [])),
    responses((status = 200, body = AppliedPolicy))
)]
pub(super) async fn show(State(api): State<Api>, _: Administrator) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.policy(None)?))
}

/// Changes settings for everyone; those that are left out stay.
#[utoipa::path(
    patch, path = "/v1/admin/policy", tag = "admin", request_body = Object, security(("key" = [])),
    responses((status = 200, body = AppliedPolicy), (status = 400, body = Problem))
)]
pub(super) async fn change(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(changes): Json<PolicyPatch>,
) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.set_policy(actor, None, changes).await?))
}

/// The policy for a group: its own settings over those for everyone.
#[utoipa::path(
    get, path = "/v1/admin/policy/groups/{group}", tag = "admin", params(("group" = String, Path)),
    security(("key" = [])), responses((status = 200, body = AppliedPolicy))
)]
pub(super) async fn show_of_group(
    State(api): State<Api>,
    _: Administrator,
    Path(group): Path<Name>,
) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.policy(Some(group))?))
}

/// Changes settings for a group; those that are left out stay.
#[utoipa::path(
    patch, path = "/v1/admin/policy/groups/{group}", tag = "admin", params(("group" = String, Path)),
    request_body = Object, security(("key" = [])),
    responses((status = 200, body = AppliedPolicy), (status = 400, body = Problem))
)]
pub(super) async fn change_of_group(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(group): Path<Name>,
    Json(changes): Json<PolicyPatch>,
) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.set_policy(actor, Some(group), changes).await?))
}

/// Leaves settings alone again: their defaults hold.
#[utoipa::path(
    post, path = "/v1/admin/policy/unset", tag = "admin", request_body = Unset, security(("key" = [])),
    responses((status = 200, body = AppliedPolicy), (status = 400, body = Problem))
)]
pub(super) async fn unset(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(Unset { keys }): Json<Unset>,
) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.unset_policy(actor, None, keys).await?))
}

/// Leaves settings of a group alone again: those for everyone hold.
#[utoipa::path(
    post, path = "/v1/admin/policy/groups/{group}/unset", tag = "admin", params(("group" = String, Path)),
    request_body = Unset, security(("key" = [])),
    responses((status = 200, body = AppliedPolicy), (status = 400, body = Problem))
)]
pub(super) async fn unset_of_group(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(group): Path<Name>,
    Json(Unset { keys }): Json<Unset>,
) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.unset_policy(actor, Some(group), keys).await?))
}

/// The policy that applies to a user, and where each value comes from.
#[utoipa::path(
    get, path = "/v1/admin/users/{name}/policy", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])), responses((status = 200, body = AppliedPolicy), (status = 404, body = Problem))
)]
pub(super) async fn show_of_user(
    State(api): State<Api>,
    _: Administrator,
    Path(name): Path<Name>,
) -> Result<axum::Json<AppliedPolicy>, Problem> {
    Ok(axum::Json(api.service.policy_of_user(&name)?))
}

/// The groups that users are in, or that have a policy of their own, by name.
#[utoipa::path(
    get, path = "/v1/admin/groups", tag = "admin", security(("key" = [])),
    responses((status = 200, body = ManyGroups))
)]
pub(super) async fn groups(State(api): State<Api>, _: Administrator) -> Result<axum::Json<ManyGroups>, Problem> {
    Ok(axum::Json(ManyGroups { groups: api.service.groups()? }))
}
