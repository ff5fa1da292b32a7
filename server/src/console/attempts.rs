//! Try it: an administrator verifies a code or sends a test approval, to see that it works.

use askama::Template;
use axum::Json;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use symbolon_core::access::Wait;
use symbolon_core::approval::ChallengeId;
use symbolon_core::otp::Code;
use symbolon_core::text::{Name, Text};

use super::fields::{FieldErrors, Sent};
use super::layout::{Failure, Frame, Section, Visit, html, page};
use crate::service::ServiceError;
use crate::service::challenges::ChallengeView;
use crate::service::verification::{Subject, Verdict};
use crate::storage::Scope;

/// How a code was judged.
struct Judged {
    accepted: bool,
    text: String,
}

#[derive(Template)]
#[template(path = "try.html")]
struct TryPage {
    frame: Frame,
    user: String,
    summary: String,
    applications: Vec<Name>,
    judged: Option<Judged>,
    errors: FieldErrors,
    approval_errors: FieldErrors,
}

fn try_page(visit: &Visit) -> Result<TryPage, Failure> {
    let mut applications = visit.service.applications()?;
    applications.retain(|application| application.scopes.contains(&Scope::Challenge));
    Ok(TryPage {
        frame: visit.frame(Section::Attempt, "Try it"),
        user: String::new(),
        summary: "Test of the soft token".to_owned(),
        applications: applications.into_iter().map(|application| application.name).collect(),
        judged: None,
        errors: FieldErrors::default(),
        approval_errors: FieldErrors::default(),
    })
}

/// The page.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    Ok(page(&try_page(&visit)?))
}

/// Verifies a code, as an application would. It is used then.
pub(super) async fn verify(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let mut shown = try_page(&visit)?;
    shown.user = fields.text("user").to_owned();
    let user = fields.parsed::<Name>("user", &mut shown.errors);
    let code = fields.parsed::<Code>("code", &mut shown.errors);
    let (Some(user), Some(code)) = (user, code) else {
        return Ok(html(StatusCode::BAD_REQUEST, &shown));
    };
    let verdict = visit.service.verify(visit.actor(), Subject::User(user), code).await?;
    shown.judged = Some(match verdict {
        Verdict::Accepted { token, .. } => {
            Judged { accepted: true, text: format!("Accepted: a code of token {token}. It is used now.") }
        }
        Verdict::Refused { reason, retry_at } => {
            let until = retry_at.map(|until| format!(" until {until}")).unwrap_or_default();
            Judged { accepted: false, text: format!("Refused: {}{until}.", reason.name().replace('_', " ")) }
        }
    });
    Ok(page(&shown))
}

#[derive(Template)]
#[template(path = "try-approval.html")]
struct ApprovalPage {
    frame: Frame,
    application: Name,
    challenge: ChallengeView,
}

impl ApprovalPage {
    fn status(&self) -> String {
        self.challenge.status.name().replace('_', " ")
    }
}

/// Sends a test approval, in the name of an application.
pub(super) async fn send(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let mut shown = try_page(&visit)?;
    shown.user = fields.text("user").to_owned();
    shown.summary = fields.text("summary").to_owned();
    let user = fields.parsed::<Name>("user", &mut shown.approval_errors);
    let application = fields.parsed::<Name>("application", &mut shown.approval_errors);
    let summary = fields.parsed::<Text<200>>("summary", &mut shown.approval_errors);
    let (Some(user), Some(application), Some(summary)) = (user, application, summary) else {
        return Ok(html(StatusCode::BAD_REQUEST, &shown));
    };
    match visit.service.try_approval(visit.actor(), application.clone(), user, summary).await {
        Ok(challenge) => {
            let frame = visit.frame(Section::Attempt, "Test approval");
            Ok(page(&ApprovalPage { frame, application, challenge }))
        }
        Err(error @ (ServiceError::Challenge(_) | ServiceError::NotFound { .. })) => {
            shown.approval_errors.add("user", error);
            Ok(html(StatusCode::CONFLICT, &shown))
        }
        Err(error) => Err(error.into()),
    }
}

/// Which approval.
#[derive(Deserialize)]
pub(super) struct Watched {
    application: String,
    id: String,
    #[serde(default)]
    wait: Wait,
}

impl Watched {
    fn read(&self) -> Result<(Name, ChallengeId), Failure> {
        let missing = || Failure::missing("approval");
        Ok((self.application.parse().map_err(|_| missing())?, self.id.parse().map_err(|_| missing())?))
    }
}

/// A test approval as it stands.
pub(super) async fn watch(visit: Visit, Query(watched): Query<Watched>) -> Result<Response, Failure> {
    let (application, id) = watched.read()?;
    let challenge = visit.service.tried_approval(&application, id, std::time::Duration::ZERO).await?;
    Ok(page(&ApprovalPage { frame: visit.frame(Section::Attempt, "Test approval"), application, challenge }))
}

/// The status alone, for the script; answers when it changes.
pub(super) async fn status(visit: Visit, Query(watched): Query<Watched>) -> Result<Json<serde_json::Value>, Failure> {
    let (application, id) = watched.read()?;
    let challenge = visit.service.tried_approval(&application, id, watched.wait.duration()).await?;
    let status = challenge.status.name();
    Ok(Json(serde_json::json!({ "status": status, "words": status.replace('_', " "), "ended": status != "pending" })))
}
