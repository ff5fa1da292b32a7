//! `/v1/admin/statistics`.

use axum::extract::State;
use serde::Deserialize;

use crate::api::extract::{Administrator, Query};
use crate::api::{Api, Problem};
use crate::service::statistics::StatisticsView;

/// Of which time.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// The last so many hours, 1 to 720; 24 when left out.
    hours: Option<u16>,
}

/// How many there are of what, what waits and ends, and what happened by the hour.
#[utoipa::path(
    get, path = "/v1/admin/statistics", tag = "admin", params(Span), security(("key" = [])),
    responses((status = 200, body = StatisticsView), (status = 400, body = Problem))
)]
pub(super) async fn show(
    State(api): State<Api>,
    _: Administrator,
    Query(span): Query<Span>,
) -> Result<axum::Json<StatisticsView>, Problem> {
    let hours = span.hours.unwrap_or(24);
    if !(1..=720).contains(&hours) {
        return Err(Problem::invalid("hours", "must be 1 to 720"));
    }
    Ok(axum::Json(api.service.statistics(hours).await?))
}
