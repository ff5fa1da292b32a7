//! The console: pages by which administrators do in a browser what the admin API and the commands do too, through the
//! same services. Pages are made on the server and work without scripts; a script only adds comfort.

mod activation;
mod administrators;
mod applications;
mod assets;
mod attempts;
mod audit;
mod dashboard;
mod deliveries;
mod fields;
mod guess;
mod language;
mod layout;
mod me;
mod openid;
mod qr;
mod routes;
mod sessions;
mod settings;
mod tokens;
mod users;
mod webhooks;

use std::sync::Arc;

use axum::Router;

use crate::api::Guards;
use crate::openid::OpenId;
use crate::service::Service;

/// What pages share.
#[derive(Clone)]
pub struct Console {
    service: Service,
    guards: Arc<Guards>,
    openid: Option<Arc<OpenId>>,
}

impl Console {
    /// The console over `service`, with the limits on callers that the API has too.
    #[must_use]
    pub fn new(service: Service, guards: Arc<Guards>) -> Self {
        Self { service, guards, openid: None }
    }

    /// Lets users sign in by an OpenID provider, too.
    #[must_use]
    pub(crate) fn with_openid(self, openid: Option<OpenId>) -> Self {
        Self { openid: openid.map(Arc::new), ..self }
    }
}

impl axum::extract::FromRef<Console> for Arc<Guards> {
    fn from_ref(console: &Console) -> Self {
        Self::clone(&console.guards)
    }
}

/// All pages.
pub fn router(console: Console) -> Router {
    routes::Pages::all(console).into_router()
}
