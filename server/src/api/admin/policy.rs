//! `/v1/admin/policy`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use symbolon_core::policy::{PolicyChange, PolicyPatch, Setting};
use symbolon_core::text::Name;

use crate::api::extract::{Administrator, Json, Path};
use crate::api::{Api, Problem};
use crate::service::policies::{AppliedPolicy, GroupView, PolicyEdit};

/// Settings to leave alone again.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unset {
    /// The names of the settings.
    keys: Vec<String>,
}

/// A change to look at before it is made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposed {
    /// What is to be set.
    #[serde(default)]
    #[schema(value_type = Object)]
    set: PolicyPatch,
    /// The names of the settings that are to be left alone again.
    #[serde(default)]
    unset: Vec<String>,
}

/// What a change would make of a policy.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Preview {
    changes: Vec<PreviewedChange>,
}

/// What would become of one setting.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct PreviewedChange {
    /// The setting.
    key: &'static str,
    /// Its value now, as `policy set` takes it.
    before: String,
    /// Its value then.
    after: String,
    /// When that holds, in words.
    takes_effect: String,
    /// Why it weakens security, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

fn previewed(api: &Api, group: Option<&Name>, Proposed { set, unset }: Proposed) -> Result<Preview, Problem> {
    let preview = api.service.preview_policy(group, PolicyEdit { set, unset })?;
    let change = |change: PolicyChange| {
        let setting = Setting::find(change.key).map_err(|error| Problem::invalid("set", error))?;
        Ok(PreviewedChange {
            key: change.key,
            before: change.before,
            after: change.after,
            takes_effect: setting.takes_effect.to_string(),
            warning: preview.after.weakness(setting),
        })
    };
    let changes = preview.before.diff(&preview.after).into_iter().map(change);
    Ok(Preview { changes: changes.collect::<Result<_, Problem>>()? })
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

/// Says what a change would make of the policy for everyone, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/policy/preview", tag = "admin", request_body = Proposed, security(("key" = [])),
    responses((status = 200, body = Preview), (status = 400, body = Problem))
)]
pub(super) async fn preview(
    State(api): State<Api>,
    _: Administrator,
    Json(proposed): Json<Proposed>,
) -> Result<axum::Json<Preview>, Problem> {
    Ok(axum::Json(previewed(&api, None, proposed)?))
}

/// Says what a change would make of the policy for a group, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/policy/groups/{group}/preview", tag = "admin", params(("group" = String, Path)),
    request_body = Proposed, security(("key" = [])),
    responses((status = 200, body = Preview), (status = 400, body = Problem))
)]
pub(super) async fn preview_of_group(
    State(api): State<Api>,
    _: Administrator,
    Path(group): Path<Name>,
    Json(proposed): Json<Proposed>,
) -> Result<axum::Json<Preview>, Problem> {
    Ok(axum::Json(previewed(&api, Some(&group), proposed)?))
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
    Ok(axum::Json(ManyGroups { groups: api.service.groups().await? }))
}
