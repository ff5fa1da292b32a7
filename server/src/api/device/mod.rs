//! The device API: the protocol of `core/docs/protocol.md` over HTTP.

mod activation;
mod approvals;
mod biometrics;
mod contact;
mod moving;
mod push;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(activation::start))
        .routes(routes!(activation::finish))
        .routes(routes!(activation::confirm))
        .routes(routes!(contact::contact))
        .routes(routes!(push::update))
        .routes(routes!(push::key))
        .routes(routes!(approvals::access))
        .routes(routes!(approvals::requests))
        .routes(routes!(approvals::answer))
        .routes(routes!(biometrics::update))
        .routes(routes!(moving::offer))
        .routes(routes!(moving::look))
        .routes(routes!(moving::agree))
        .routes(routes!(moving::cancel))
}
