//! `/v1/challenges`: asking a user's tokens, and learning what they answer.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use symbolon_core::access::Wait;
use symbolon_core::approval::ChallengeId;
use symbolon_core::otp::Code;
use zeroize::Zeroizing;

use crate::api::extract::{Challenger, Idempotency, Json, Path, Query};
use crate::api::{Api, Problem};
use crate::service::challenges::{ChallengeView, NewChallenge};
use crate::storage::ChallengeStatus;

/// Asks. For an approval the phones of the user are woken; else the answer says what to show.
#[utoipa::path(
    post, path = "/v1/challenges", tag = "application", request_body = NewChallenge, security(("key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and request get the same answer for a day")),
    responses(
        (status = 201, body = ChallengeView),
        (status = 400, body = Problem, description = "The request is not valid"),
        (status = 401, body = Problem, description = "No API key, or none of this server"),
        (status = 403, body = Problem, description = "The key does not have the scope `challenge`"),
        (status = 409, body = Problem, description = "Refused; `reason` says why: no_capable_token, paused, queue_full, \
                                                      idempotency_key_reused"),
        (status = 503, body = Problem, description = "The server can't decide at present"),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    Challenger(application): Challenger,
    Idempotency(key): Idempotency,
    Json(new): Json<NewChallenge>,
) -> Result<(StatusCode, axum::Json<ChallengeView>), Problem> {
    let kind = new.kind;
    let view = api.service.create_challenge(&application, new, key).await?;
    api.metrics.challenge(kind, "created");
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// How to look at a challenge.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Look {
    /// Seconds to wait for its end, at most 50.
    #[serde(default)]
    #[param(value_type = u8, maximum = 50)]
    wait: Wait,
}

/// One challenge of the application's own.
#[utoipa::path(
    get, path = "/v1/challenges/{id}", tag = "application", security(("key" = [])),
    params(("id" = String, Path, description = "The challenge"), Look),
    responses(
        (status = 200, body = ChallengeView),
        (status = 400, body = Problem, description = "The request is not valid"),
        (status = 401, body = Problem, description = "No API key, or none of this server"),
        (status = 403, body = Problem, description = "The key does not have the scope `challenge`"),
        (status = 404, body = Problem, description = "No such challenge of this application"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Challenger(application): Challenger,
    Path(id): Path<String>,
    Query(look): Query<Look>,
) -> Result<axum::Json<ChallengeView>, Problem> {
    Ok(axum::Json(api.service.challenge(application.id, read_id(&id)?, look.wait.duration()).await?))
}

/// The code that the person reads from the token.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerWithCode {
    /// The code; spaces and hyphens are passed over.
    #[schema(value_type = String, max_length = 32, example = "12345678")]
    code: Zeroizing<String>,
}

/// Answers a typed challenge or an offline QR. Three wrong codes end it; each counts like any other wrong code.
#[utoipa::path(
    post, path = "/v1/challenges/{id}/answer", tag = "application", request_body = AnswerWithCode,
    security(("key" = [])), params(("id" = String, Path, description = "The challenge")),
    responses(
        (status = 200, body = ChallengeView, description = "What became of it; `pending` after a wrong code"),
        (status = 400, body = Problem, description = "The request is not valid"),
        (status = 401, body = Problem, description = "No API key, or none of this server"),
        (status = 403, body = Problem, description = "The key does not have the scope `challenge`"),
        (status = 404, body = Problem, description = "No such challenge of this application"),
        (status = 409, body = Problem, description = "Refused; `reason` says why: locked, no_capable_token"),
        (status = 429, body = Problem, description = "Too many wrong codes or keys"),
        (status = 503, body = Problem, description = "The server can't decide at present"),
    )
)]
pub(super) async fn answer(
    State(api): State<Api>,
    Challenger(application): Challenger,
    Path(id): Path<String>,
    Json(request): Json<AnswerWithCode>,
) -> Result<axum::Json<ChallengeView>, Problem> {
    api.guards.refusals.admit(application.id)?;
    let code: Code = request.code.parse().map_err(|error| Problem::invalid("code", error))?;
    let view = api.service.answer_challenge(&application, read_id(&id)?, code).await?;
    if view.status == ChallengeStatus::Confirmed {
        api.metrics.challenge(view.kind, view.status.name());
    } else {
        api.guards.refusals.failed(application.id);
    }
    Ok(axum::Json(view))
}

/// Withdraws a challenge that is pending; one that has ended stays as it is.
#[utoipa::path(
    delete, path = "/v1/challenges/{id}", tag = "application", security(("key" = [])),
    params(("id" = String, Path, description = "The challenge")),
    responses(
        (status = 200, body = ChallengeView),
        (status = 401, body = Problem, description = "No API key, or none of this server"),
        (status = 403, body = Problem, description = "The key does not have the scope `challenge`"),
        (status = 404, body = Problem, description = "No such challenge of this application"),
        (status = 503, body = Problem, description = "The server can't decide at present"),
    )
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    Challenger(application): Challenger,
    Path(id): Path<String>,
) -> Result<axum::Json<ChallengeView>, Problem> {
    Ok(axum::Json(api.service.withdraw_challenge(&application, read_id(&id)?).await?))
}

/// A text that is no name of a challenge names none.
fn read_id(text: &str) -> Result<ChallengeId, Problem> {
    let detail = format!("there is no challenge {}", text.chars().take(64).collect::<String>());
    text.parse().map_err(|_| Problem::new(StatusCode::NOT_FOUND, "not-found", detail))
}
