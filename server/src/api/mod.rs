//! HTTP: it reads requests into types, asks a service, and shows what the service answered. It decides nothing.

pub mod admin;
pub mod application;
pub mod device;
mod document;
mod extract;
mod limits;
mod problem;
mod status;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
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
    service: Arc<Service>,
    guards: Arc<Guards>,
    metrics: Arc<Metrics>,
    readiness: Arc<status::Readiness>,
}

impl Api {
    /// The API over `service`.
    #[must_use]
    pub fn new(service: Service, guards: Arc<Guards>, metrics: Metrics) -> Self {
        Self { service: Arc::new(service), guards, metrics: Arc::new(metrics), readiness: Arc::default() }
    }
}

impl axum::extract::FromRef<Api> for Arc<Guards> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.guards)
    }
}

/// The groups of routes, each with its part of the document.
fn groups() -> impl Iterator<Item = OpenApiRouter<Api>> {
    let groups: [fn() -> OpenApiRouter<Api>; 3] = [status::routes, application::routes, device::routes];
    groups.into_iter().chain(admin::GROUPS).map(|group| group())
}

/// The OpenAPI document, as pretty JSON.
///
/// # Errors
/// When the document has no JSON form.
pub fn openapi() -> serde_json::Result<String> {
    let parts = OpenApiRouter::with_openapi(Document::openapi());
    let mut document = groups().fold(parts, OpenApiRouter::merge).into_openapi();
    document::complete(&mut document);
    document.to_pretty_json().map(|json| json + "\n")
}

/// A server at rest holds the document only after somebody asked for it.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi().unwrap_or_default());

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// A request waits no longer for its answer.
const LONGEST: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes an id away that no program would choose: it stands in the log and in the answer.
fn with_plain_id(mut request: Request) -> Request {
    let is_plain = |id: &HeaderValue| {
        id.len() <= 64 && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    if request.headers().get(&REQUEST_ID).is_some_and(|id| !is_plain(id)) {
        request.headers_mut().remove(&REQUEST_ID);
    }
    request
}

/// All routes, and the pages of the console, with what surrounds them.
pub fn router(api: Api, pages: Router) -> Router {
    // Each group's part of the document goes before the next one comes.
    let router = groups().fold(Router::new(), |router, group| router.merge(group));
    router
        .route("/openapi.json", get(document))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not-found", "There is nothing at this address"))
        .method_not_allowed_fallback(async || {
            let detail = "This address does not take this method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        })
        .with_state(api)
        .merge(pages)
        .layer(
            ServiceBuilder::new()
                .map_request(with_plain_id)
                .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
                .layer(axum::middleware::from_fn(problem::log_failures))
                .layer(PropagateRequestIdLayer::new(REQUEST_ID))
                .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LONGEST))
                .layer(CatchPanicLayer::custom(problem::panicked)),
        )
}
