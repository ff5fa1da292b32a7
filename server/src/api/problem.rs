//! Errors as `application/problem+json` (RFC 9457), and how service errors become them.

use std::any::Any;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::service::ServiceError;
use crate::service::activation::ActivationError;
use crate::service::challenges::approvals::ApprovalError;
use crate::storage::StorageError;

/// An error as callers see it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// What kind of error this is; stable.
    #[serde(rename = "type", serialize_with = "write_kind")]
    #[schema(value_type = String, example = "/problems/invalid")]
    kind: &'static str,
    /// The HTTP status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, for people.
    detail: Box<str>,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: Box<[FieldError]>,
    /// What could be asked instead of what was refused.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    possible: Box<[&'static str]>,
    /// Why, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// When to try again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retry_at: Option<Box<Timestamp>>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// A field that is wrong.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldError {
    /// Its path in the body, or its name in the address.
    field: String,
    /// What it takes.
    message: String,
}

impl Problem {
    /// A problem of a `kind` that stays.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, detail: impl ToString) -> Self {
        Self {
            kind,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.to_string().into(),
            errors: Box::default(),
            possible: Box::default(),
            reason: None,
            retry_at: None,
            retry_after: None,
        }
    }

    /// A field that does not hold what it should.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl ToString) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid", "The request is not valid");
        problem.errors = Box::new([FieldError { field: field.into(), message: message.to_string() }]);
        problem
    }

    /// Says when to try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX));
        self
    }

    /// Says why, for programs.
    #[must_use]
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Something is wrong here, and only the log says what.
    fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server could not do this; its log says why")
    }
}

/// Kinds are written as relative references, `/problems/…`.
fn write_kind<S: Serializer>(kind: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("/problems/{kind}"))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, headers, Json(self)).into_response()
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let detail = error.to_string();
        match error {
            ServiceError::Invalid { field, message } => Self::invalid(field, message),
            ServiceError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not-found", detail),
            ServiceError::Exists { .. } => Self::new(StatusCode::CONFLICT, "exists", detail),
            ServiceError::State { possible, .. } => {
                Self { possible: possible.into(), ..Self::new(StatusCode::CONFLICT, "state", detail) }
            }
            ServiceError::Refused(_) => Self::new(StatusCode::CONFLICT, "refused", detail),
            ServiceError::Challenge(refusal) => Self {
                retry_at: refusal.retry_at().map(Box::new),
                ..Self::new(StatusCode::CONFLICT, "challenge", detail).reason(refusal.reason())
            },
            ServiceError::ClockBehind { .. } => {
                tracing::error!(%detail, "the clock is behind");
                let detail =
                    "The server's clock stands before what it has stored; it decides nothing until that is mended";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "clock-behind", detail).retry_after(30)
            }
            ServiceError::Sealed => Self::internal(&detail),
            ServiceError::Storage(StorageError::Busy) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The server is busy; try again").retry_after(1)
            }
            ServiceError::Storage(StorageError::Exists) => Self::new(StatusCode::CONFLICT, "exists", detail),
            ServiceError::Storage(
                error @ (StorageError::Full
                | StorageError::ReadOnly
                | StorageError::Disk(_)
                | StorageError::Unreachable(_)),
            ) => {
                tracing::error!(%error, "nothing can be written");
                let detail = "The server can't write at present, so it decides nothing";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage", detail).retry_after(30)
            }
            ServiceError::Storage(error) => Self::internal(&error),
        }
    }
}

impl From<ActivationError> for Problem {
    fn from(error: ActivationError) -> Self {
        let detail = error.to_string();
        match error {
            ActivationError::Refused => Self::new(StatusCode::FORBIDDEN, "activation-refused", detail),
            ActivationError::Message(_) => Self::new(StatusCode::BAD_REQUEST, "activation-message", detail),
            ActivationError::Policy(_) => Self::new(StatusCode::FORBIDDEN, "activation-policy", detail),
            ActivationError::KeyChanged => Self::new(StatusCode::CONFLICT, "server-key-changed", detail),
            ActivationError::Waiting => Self::new(StatusCode::CONFLICT, "move-waits", detail),
            ActivationError::Service(error) => error.into(),
        }
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        let detail = error.to_string();
        match error {
            ApprovalError::Refused => Self::new(StatusCode::FORBIDDEN, "answer-refused", detail),
            ApprovalError::Unknown => Self::new(StatusCode::NOT_FOUND, "not-found", detail),
            ApprovalError::ShortOfPolicy(_) => Self::new(StatusCode::FORBIDDEN, "short-of-policy", detail),
            ApprovalError::Ended(status) => Self::new(StatusCode::CONFLICT, "ended", detail).reason(status.name()),
            ApprovalError::Service(error) => error.into(),
        }
    }
}

/// Answers for a handler that panicked.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::internal(&"a handler panicked").into_response()
}

/// Logs what failed, with its request id; never bodies, headers or queries.
pub(super) async fn log_failures(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let id = request.headers().get(super::REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE && !response.headers().contains_key(header::CONTENT_TYPE) {
        // The time limit knows no problems.
        response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "The answer took too long").into_response();
    }
    if response.status().is_server_error() {
        tracing::error!(%method, path, id, status = response.status().as_u16(), "request failed");
    } else {
        tracing::debug!(%method, path, id, status = response.status().as_u16(), "request");
    }
    response
}
