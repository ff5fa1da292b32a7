//! `/v1/admin/keys`: the keys by which phones know the server.

use axum::extract::State;
use serde::Deserialize;

use crate::api::extract::{Administrator, Path, Query};
use crate::api::{Api, Problem};
use crate::service::rotation::{KeysView, RotatedKey};

/// The keys by which phones know the server, and how far a change of them is.
#[utoipa::path(
    get, path = "/v1/admin/keys", tag = "admin", security(("key" = [])), responses((status = 200, body = KeysView))
)]
pub(super) async fn show(State(api): State<Api>, _: Administrator) -> Result<axum::Json<KeysView>, Problem> {
    Ok(axum::Json(api.service.keys()?))
}

/// Makes the key that is to follow the one in force: phones hear of an identity key from now on; a TLS authority lies
/// beside the one in use.
#[utoipa::path(
    post, path = "/v1/admin/keys/{key}/rotate", tag = "admin", params(("key" = RotatedKey, Path)),
    security(("key" = [])),
    responses(
        (status = 200, body = KeysView),
        (status = 409, body = Problem, description = "A change of it is under way, or there is no such key"),
    )
)]
pub(super) async fn rotate(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(key): Path<RotatedKey>,
) -> Result<axum::Json<KeysView>, Problem> {
    Ok(axum::Json(api.service.begin_rotation(actor, key).await?))
}

/// Whether tokens may be left behind.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Finish {
    /// Although tokens are left behind, which must be activated anew then, or tickets end that are out.
    #[serde(default)]
    force: bool,
}

/// Takes the key that was to follow into force.
#[utoipa::path(
    post, path = "/v1/admin/keys/{key}/finish", tag = "admin", params(("key" = RotatedKey, Path), Finish),
    security(("key" = [])),
    responses(
        (status = 200, body = KeysView),
        (status = 409, body = Problem, description = "None was to follow, or somebody would be left behind"),
    )
)]
pub(super) async fn finish(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(key): Path<RotatedKey>,
    Query(finish): Query<Finish>,
) -> Result<axum::Json<KeysView>, Problem> {
    Ok(axum::Json(api.service.finish_rotation(actor, key, finish.force).await?))
}
