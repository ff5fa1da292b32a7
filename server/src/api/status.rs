//! Whether the server lives, and whether it can decide.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, Problem};
use crate::service::{ServiceError, audit};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// Of those who ask in this time one takes a writer's turn: nobody needs a key to ask.
const SHARED: Duration = Duration::from_secs(1);

/// What was last found out about a database on another machine.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), Problem>)>>);

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
    let (service, now) = (&api.service, api.service.clock.now());
    let checked = if service.store.is_far() {
        let mut last = api.readiness.0.lock().await;
        match &*last {
            Some((at, checked)) if at.elapsed() < SHARED => checked.clone(),
            _ => {
                // Whether it can be written to shows when the writers' turn comes.
                let checked = service.store.write(move |transaction| audit::check_clock(transaction, now)).await;
                let checked = checked.map_err(unready);
                *last = Some((Instant::now(), checked.clone()));
                checked
            }
        }
    } else {
        service.store.read(|snapshot| audit::check_clock(snapshot, now)).map_err(unready)
    };
    checked.map(|()| Json(Status { status: "ok" }))
}

fn unready(error: ServiceError) -> Problem {
    match error {
        ServiceError::Storage(error) => {
            tracing::error!(%error, "not ready");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage", "The database does not answer")
        }
        error => error.into(),
    }
}
