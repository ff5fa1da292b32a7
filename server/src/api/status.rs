//! Whether the server lives, and whether it can decide.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, Problem};
use crate::service::{ServiceError, audit};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// A monitor's answer.
#[derive(Serialize, utoipa::ToSchema)]
struct Status {
    /// `ok`
    status: &'static str,
}

/// Answers while the process lives.
#[utoipa::path(get, path = "/healthz", tag = "status", responses((status = 200, body = Status)))]
async fn healthz() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Answers 200 while the server can decide: its database answers and its clock is not behind.
#[utoipa::path(
    get, path = "/readyz", tag = "status",
    responses((status = 200, body = Status), (status = 503, body = Problem, description = "It can't decide"))
)]
async fn readyz(State(api): State<Api>) -> Result<Json<Status>, Problem> {
    let now = api.service.clock.now();
    let store = &api.service.store;
    let checked = if store.is_far() {
        // Whether it can be written to shows when the writers' turn comes.
        store.write(move |transaction| audit::check_clock(transaction, now)).await
    } else {
        store.read(|snapshot| audit::check_clock(snapshot, now))
    };
    checked.map(|()| Json(Status { status: "ok" })).map_err(|error| match error {
        ServiceError::Storage(error) => {
            tracing::error!(%error, "not ready");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage", "The database does not answer")
        }
        error => error.into(),
    })
}
