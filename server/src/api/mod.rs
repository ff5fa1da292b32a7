//! HTTP: it reads requests into types, asks a service, and shows what the service answered. It decides nothing.

pub mod admin;
pub mod application;
pub mod device;
mod document;
mod extract;
mod limits;
mod problem;
mod status;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use crate::metrics::Metrics;
use crate::service::Service;
use document::Document;
pub(crate) use extract::{Address, read_body};
pub use limits::Guards;
pub use problem::Problem;

/// What handlers share.
#[derive(Clone)]
pub struct Api {
    service: Service,
    guards: Arc<Guards>,
    metrics: Metrics,
}

impl Api {
    /// The API over `service`.
    #[must_use]
    pub fn new(service: Service, guards: Arc<Guards>, metrics: Metrics) -> Self {
        Self { service, guards, metrics }
    }
}

impl axum::extract::FromRef<Api> for Arc<Guards> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.guards)
    }
}

fn routes() -> (Router<Api>, utoipa::openapi::OpenApi) {
    let routes = OpenApiRouter::with_openapi(Document::openapi())
        .merge(status::routes())
        .merge(application::routes())
        .merge(device::routes())
        .merge(admin::routes());
    let (router, mut document) = routes.split_for_parts();
    document::complete(&mut document);
    (router, document)
}

/// The OpenAPI document, as pretty JSON.
///
/// # Errors
/// When the document has no JSON form.
pub fn openapi() -> serde_json::Result<String> {
    routes().1.to_pretty_json().map(|json| json + "\n")
}

/// A request waits no longer for its answer.
const LONGEST: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes, and the pages of the console, with what surrounds them.
pub fn router(api: Api, pages: Router) -> Router {
    let (router, document) = routes();
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let serve_document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) };
    router
        .route("/openapi.json", get(serve_document))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not-found", "There is nothing at this address"))
        .method_not_allowed_fallback(async || {
            let detail = "This address does not take this method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        })
        .with_state(api)
        .merge(pages)
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
                .layer(axum::middleware::from_fn(problem::log_failures))
                .layer(PropagateRequestIdLayer::new(REQUEST_ID))
                .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LONGEST))
                .layer(CatchPanicLayer::custom(problem::panicked)),
        )
}
