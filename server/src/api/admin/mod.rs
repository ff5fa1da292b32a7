//! The admin API: what `symbolon-server admin` does, one file per resource.

mod administrators;
mod applications;
mod audit;
mod clock;
mod keys;
mod outbox;
mod policy;
mod statistics;
mod tokens;
mod users;
mod webhooks;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

/// The routes, in portions: what makes the document is gone before the next one comes.
pub(super) const GROUPS: [fn() -> OpenApiRouter<Api>; 6] = [
    || {
        OpenApiRouter::new()
            .routes(routes!(users::list, users::add))
            .routes(routes!(users::show, users::edit, users::delete))
            .routes(routes!(users::act))
            .routes(routes!(users::import))
    },
    || {
        OpenApiRouter::new()
            .routes(routes!(tokens::list, tokens::add))
            .routes(routes!(tokens::show, tokens::label, tokens::delete))
            .routes(routes!(tokens::act))
            .routes(routes!(tokens::import))
            .routes(routes!(tokens::add_temporary))
    },
    || {
        OpenApiRouter::new()
            .routes(routes!(applications::list, applications::add))
            .routes(routes!(applications::remove))
            .routes(routes!(applications::rotate))
            .routes(routes!(applications::end_old_key))
            .routes(routes!(administrators::list, administrators::add))
            .routes(routes!(administrators::change, administrators::remove))
            .routes(routes!(administrators::link))
            .routes(routes!(administrators::sign_out))
    },
    || {
        OpenApiRouter::new()
            .routes(routes!(webhooks::list, webhooks::add))
            .routes(routes!(webhooks::remove))
            .routes(routes!(webhooks::rotate))
            .routes(routes!(webhooks::test))
            .routes(routes!(outbox::list))
            .routes(routes!(outbox::retry))
            .routes(routes!(outbox::discard))
    },
    || {
        OpenApiRouter::new()
            .routes(routes!(policy::show, policy::change))
            .routes(routes!(policy::unset))
            .routes(routes!(policy::preview))
            .routes(routes!(policy::show_of_group, policy::change_of_group))
            .routes(routes!(policy::unset_of_group))
            .routes(routes!(policy::preview_of_group))
            .routes(routes!(policy::show_of_user))
            .routes(routes!(policy::groups))
    },
    || {
        OpenApiRouter::new()
            .routes(routes!(statistics::show))
            .routes(routes!(audit::export))
            .routes(routes!(audit::search))
            .routes(routes!(audit::verify))
            .routes(routes!(audit::checkpoint))
            .routes(routes!(clock::accept))
            .routes(routes!(keys::show))
            .routes(routes!(keys::rotate))
            .routes(routes!(keys::finish))
    },
];
