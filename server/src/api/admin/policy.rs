//! `/v1/admin/policy`.

use axum::extract::State;
use serde::Serialize;
use symbolon_core::policy::{Policy, PolicyPatch};
use symbolon_core::text::Name;

use crate::api::extract::{Administrator, Json, Path};
use crate::api::{Api, Problem};

/// A policy in force.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OnePolicy {
    /// The group, where it is that of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    group: Option<Name>,
    /// Every setting with its value.
    #[schema(value_type = Object)]
    policy: Policy,
}

/// The policy for everyone.
#[utoipa::path(
    get, path = "/v1/admin/policy", tag = "admin", security(("key" = [])),
    responses((status = 200, body = OnePolicy))
)]
pub(super) async fn show(State(api): State<Api>, _: Administrator) -> Result<axum::Json<OnePolicy>, Problem> {
    Ok(axum::Json(OnePolicy { group: None, policy: api.service.policy(None)? }))
}

/// Changes settings for everyone; those that are left out stay.
#[utoipa::path(
    patch, path = "/v1/admin/policy", tag = "admin", request_body = Object, security(("key" = [])),
    responses((status = 200, body = OnePolicy), (status = 400, body = Problem))
)]
pub(super) async fn change(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Json(changes): Json<PolicyPatch>,
) -> Result<axum::Json<OnePolicy>, Problem> {
    let policy = api.service.set_policy(actor, None, changes).await?;
    Ok(axum::Json(OnePolicy { group: None, policy }))
}

/// The policy for a group: its own settings over those for everyone.
#[utoipa::path(
    get, path = "/v1/admin/policy/groups/{group}", tag = "admin", params(("group" = String, Path)),
    security(("key" = [])), responses((status = 200, body = OnePolicy))
)]
pub(super) async fn show_of_group(
    State(api): State<Api>,
    _: Administrator,
    Path(group): Path<Name>,
) -> Result<axum::Json<OnePolicy>, Problem> {
    let policy = api.service.policy(Some(&group))?;
    Ok(axum::Json(OnePolicy { group: Some(group), policy }))
}

/// Changes settings for a group; those that are left out stay.
#[utoipa::path(
    patch, path = "/v1/admin/policy/groups/{group}", tag = "admin", params(("group" = String, Path)),
    request_body = Object, security(("key" = [])),
    responses((status = 200, body = OnePolicy), (status = 400, body = Problem))
)]
pub(super) async fn change_of_group(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(group): Path<Name>,
    Json(changes): Json<PolicyPatch>,
) -> Result<axum::Json<OnePolicy>, Problem> {
    let policy = api.service.set_policy(actor, Some(group.clone()), changes).await?;
    Ok(axum::Json(OnePolicy { group: Some(group), policy }))
}
