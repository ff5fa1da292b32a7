//! `POST /v1/verify`: is this a code of that user's?

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::otp::Code;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use crate::api::extract::{Asking, Json};
use crate::api::{Api, Problem};
use crate::service::Actor;
use crate::service::verification::{Reason, Subject, Verdict};
use crate::storage::Scope;

/// Whose code is to be verified: `user` or `token`, not both.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyRequest {
    /// The user; any of the user's tokens may have made the code.
    #[schema(value_type = Option<String>, max_length = 100, example = "alice")]
    user: Option<Name>,
    /// The token, by its serial number or its maker's.
    #[schema(value_type = Option<String>, max_length = 64, example = "12345-67890")]
    token: Option<Text<64>>,
    /// The code; spaces and hyphens are passed over.
    #[schema(value_type = String, max_length = 32, example = "12345678")]
    code: Zeroizing<String>,
}

impl VerifyRequest {
    fn parse(self) -> Result<(Subject, Code), Problem> {
        let code = self.code.parse().map_err(|error| Problem::invalid("code", error))?;
        match (self.user, self.token) {
            (Some(user), None) => Ok((Subject::User(user), code)),
            (None, Some(token)) => Ok((Subject::Token(token), code)),
            (None, None) => Err(Problem::invalid("user", "either user or token must be given")),
            (Some(_), Some(_)) => Err(Problem::invalid("token", "user and token can't both be given")),
        }
    }
}

/// The answer: `accepted`, or `refused` with a reason.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(super) enum VerifyReply {
    /// The code was right, and is used now.
    Accepted {
        /// Whose token it was.
        #[schema(value_type = String, example = "12345-67890")]
        token: SerialNumber,
        /// Whose.
        #[schema(value_type = String, example = "alice")]
        user: Name,
        /// What was proven: `possession`, or `temporary` for a code that the help desk gave.
        factors: Vec<&'static str>,
        /// The same in the words of RFC 8176.
        amr: Vec<&'static str>,
    },
    /// The code does not count.
    Refused {
        /// Why.
        reason: Reason,
        /// When to try again, where a lock ends by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        retry_at: Option<Timestamp>,
    },
}

/// Verifies a code. A code counts once. A refusal is an answer, not an error.
#[utoipa::path(
    post, path = "/v1/verify", tag = "application", request_body = VerifyRequest, security(("key" = [])),
    responses(
        (status = 200, body = VerifyReply),
        (status = 400, body = Problem, description = "The request is not valid"),
        (status = 401, body = Problem, description = "No API key, or none of this server"),
        (status = 403, body = Problem, description = "The key does not have the scope `verify`"),
        (status = 429, body = Problem, description = "Too many wrong codes or keys"),
        (status = 503, body = Problem, description = "The server can't decide at present"),
    )
)]
pub(super) async fn verify(
    State(api): State<Api>,
    asking: Asking,
    request: Result<Json<VerifyRequest>, Problem>,
) -> Result<axum::Json<VerifyReply>, Problem> {
    let (subject, code) = match request.and_then(|Json(request)| request.parse()) {
        Ok(parsed) => parsed,
        Err(problem) => {
            // Only an application is told what is wrong with its request.
            let found = api.service.authenticate(asking.key_hash).await?;
            return Err(asking.admit(&api, found, Scope::Verify).err().unwrap_or(problem));
        }
    };
    let mut asked = api.service.look_up(Some(asking.key_hash), subject).await?;
    let application = asking.admit(&api, asked.application.take(), Scope::Verify)?;
    api.guards.refusals.admit(application.id)?;
    let verdict = api.service.verify_asked(Actor::Application(application.name), asked, code).await?;
    Ok(axum::Json(match verdict {
        Verdict::Accepted { token, user, temporary } => {
            api.metrics.verified("accepted");
            let factor = if temporary { "temporary" } else { "possession" };
            VerifyReply::Accepted { token, user, factors: vec![factor], amr: vec!["otp"] }
        }
        Verdict::Refused { reason, retry_at } => {
            api.metrics.verified(reason.name());
            api.guards.refusals.failed(application.id);
            VerifyReply::Refused { reason, retry_at }
        }
    }))
}
