//! The application API: for programs that verify users.

mod challenges;
mod keys;
mod verify;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(verify::verify))
        .routes(routes!(challenges::create))
        .routes(routes!(challenges::show, challenges::withdraw))
        .routes(routes!(challenges::answer))
        .routes(routes!(keys::keys))
}
