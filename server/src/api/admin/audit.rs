//! `/v1/admin/audit`.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};

use crate::api::extract::{Administrator, Query};
use crate::api::{Api, Problem};
use crate::service::ServiceError;
use crate::service::audit::{self, AuditEntry, AuditFilter, AuditFindings, ChainReport};
use crate::service::checkpoints::SignedCheckpoint;

/// A page of entries.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Entries {
    entries: Vec<AuditEntry>,
}

/// Which entries.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The number of the first.
    sequence: Option<u64>,
    /// How many, at most 1000.
    limit: Option<u32>,
}

/// Entries in order, a page at a time.
#[utoipa::path(
    get, path = "/v1/admin/audit", tag = "admin", params(Page), security(("key" = [])),
    responses((status = 200, body = Entries), (status = 400, body = Problem))
)]
pub(super) async fn export(
    State(api): State<Api>,
    _: Administrator,
    Query(page): Query<Page>,
) -> Result<axum::Json<Entries>, Problem> {
    let limit = page.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", "must be 1 to 1000"));
    }
    let sequence = page.sequence.unwrap_or(1);
    if i64::try_from(sequence).is_err() {
        return Err(Problem::invalid("sequence", "is too large"));
    }
    Ok(axum::Json(Entries { entries: api.service.audit_page(sequence, limit)? }))
}

/// Which entries are looked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those of this user.
    #[param(value_type = Option<String>)]
    user: Option<Name>,
    /// Only those of this token.
    #[param(value_type = Option<String>, example = "12345-67890")]
    token: Option<SerialNumber>,
    /// Only those whose action begins so: `token.` or `code.refused`.
    #[param(value_type = Option<String>)]
    action: Option<Text<100>>,
    /// Only those by this one, as the audit writes it: `administrator ana`.
    #[param(value_type = Option<String>)]
    actor: Option<Text<200>>,
    /// Only from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only until before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Only before this entry: `next` of the answer before.
    before: Option<u64>,
    /// How many, at most 1000; 100 when left out.
    limit: Option<u32>,
}

/// Looks for entries, the latest first. A part of the audit is looked through at a time: where there is a `next`, even with
/// no entries, go on with it as `before`.
#[utoipa::path(
    get, path = "/v1/admin/audit/search", tag = "admin", params(Wanted), security(("key" = [])),
    responses((status = 200, body = AuditFindings), (status = 400, body = Problem))
)]
pub(super) async fn search(
    State(api): State<Api>,
    _: Administrator,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<AuditFindings>, Problem> {
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", "must be 1 to 1000"));
    }
    let filter = AuditFilter {
        user: wanted.user,
        token: wanted.token,
        action: wanted.action.map(Into::into),
        actor: wanted.actor.map(Into::into),
        from: wanted.from,
        to: wanted.to,
    };
    Ok(axum::Json(api.service.find_entries(filter, wanted.before, limit).await?))
}

/// Walks along the whole chain and says whether it is intact.
#[utoipa::path(
    post, path = "/v1/admin/audit/verify", tag = "admin", security(("key" = [])),
    responses((status = 200, body = ChainReport))
)]
pub(super) async fn verify(State(api): State<Api>, _: Administrator) -> Result<axum::Json<ChainReport>, Problem> {
    let report = api.service.store.read_much(|snapshot| audit::verify(snapshot, &[])).await;
    Ok(axum::Json(report.map_err(ServiceError::from)?))
}

/// A signed checkpoint of the audit, to be kept elsewhere: with it a cut-off end is found.
#[utoipa::path(
    post, path = "/v1/admin/audit/checkpoint", tag = "admin", security(("key" = [])),
    responses((status = 200, body = SignedCheckpoint), (status = 409, body = Problem))
)]
pub(super) async fn checkpoint(
    State(api): State<Api>,
    _: Administrator,
) -> Result<axum::Json<SignedCheckpoint>, Problem> {
    let empty = || ServiceError::Refused("there is nothing in the audit yet".into());
    Ok(axum::Json(api.service.checkpoint()?.ok_or_else(empty)?))
}
