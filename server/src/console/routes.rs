//! Which address is whose: every page is added here with the roles that may ask for it, and goes through the one guard
//! that looks at the session, at the role, and at where a form comes from.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use super::fields::{Fields, Size};
use super::layout::{Failure, Visit, see};
use super::sessions::{self, Session};
use super::{
    Console, activation, administrators, applications, assets, attempts, audit, dashboard, deliveries, language, me,
    openid, settings, tokens, users, webhooks,
};
use crate::openid::CALLBACK;
use crate::service::sessions::SignedIn;
use crate::storage::Role;

/// Who may ask for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Also people who are not signed in.
    Anyone,
    /// Administrators with one of these roles.
    Signed(&'static [Role]),
}

/// Everybody who is signed in.
const EVERY_ROLE: Who = Who::Signed(&Role::ALL);
/// Whoever may change users and tokens.
const HELPERS: Who = Who::Signed(&[Role::Owner, Role::HelpDesk]);
/// Whoever may change everything.
const OWNERS: Who = Who::Signed(&[Role::Owner]);

/// One row of the table role × route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) who: Who,
}

/// Pages with who may ask for them.
pub(super) struct Pages {
    console: Console,
    router: Router<Console>,
    table: Vec<Route>,
}

impl Pages {
    /// All pages of the console.
    pub(super) fn all(console: Console) -> Self {
        Self { console, router: Router::new(), table: Vec::new() }
            .get("/console/static/{file}", Who::Anyone, assets::serve)
            .get("/activate", Who::Anyone, activation::form)
            .post("/activate/again", Who::Anyone, activation::again)
            .get("/.well-known/assetlinks.json", Who::Anyone, activation::asset_links)
            .get("/.well-known/apple-app-site-association", Who::Anyone, activation::apple_links)
            .get("/", Who::Anyone, async || see("/me"))
            .get("/me", Who::Anyone, me::start)
            .post("/me/ask", Who::Anyone, me::ask)
            .get("/me/link", Who::Anyone, me::link)
            .post("/me/link", Who::Anyone, me::use_link)
            .get("/me/openid", Who::Anyone, openid::begin)
            .get(CALLBACK, Who::Anyone, openid::back)
            .post("/me/sign-out", Who::Anyone, me::sign_out)
            .post("/me/confirm", Who::Anyone, me::confirm)
            .post("/me/approval", Who::Anyone, me::ask_approval)
            .get("/me/approval/status", Who::Anyone, me::approval_status)
            .post("/me/approved", Who::Anyone, me::approved)
            .post("/me/unlock", Who::Anyone, me::unlock)
            .post("/me/add", Who::Anyone, me::add)
            .post("/me/complete", Who::Anyone, me::complete)
            .post("/me/label", Who::Anyone, me::label)
            .post("/me/reset", Who::Anyone, me::reset)
            .get("/me/disable", Who::Anyone, me::ask_disable)
            .post("/me/disable", Who::Anyone, me::disable)
            .post("/me/concern", Who::Anyone, me::concern)
            .post("/me/language", Who::Anyone, me::choose_language)
            .get("/console/sign-in", Who::Anyone, sessions::form)
            .post("/console/sign-in", Who::Anyone, sessions::sign_in)
            .get("/console/welcome", Who::Anyone, sessions::welcome)
            .post("/console/welcome", Who::Anyone, sessions::use_link)
            .get("/console/sign-out", EVERY_ROLE, sessions::ask_out)
            .post("/console/sign-out", EVERY_ROLE, sessions::sign_out)
            .get("/console", EVERY_ROLE, dashboard::show)
            .get("/console/users", EVERY_ROLE, users::list)
            .get("/console/users/new", HELPERS, users::ask_new)
            .post("/console/users/new", HELPERS, users::add)
            .get("/console/users/import", HELPERS, users::ask_import)
            .post_file("/console/users/import", HELPERS, users::import)
            .get("/console/user", EVERY_ROLE, users::show)
            .get("/console/user/edit", HELPERS, users::ask_edit)
            .post("/console/user/edit", HELPERS, users::edit)
            .get("/console/user/confirm", HELPERS, users::confirm)
            .post("/console/user/act", HELPERS, users::act)
            .post("/console/user/delete", HELPERS, users::delete)
            .get("/console/user/token", HELPERS, tokens::ask_new)
            .post("/console/user/token", HELPERS, tokens::add)
            .get("/console/token", EVERY_ROLE, tokens::show)
            .get("/console/token/confirm", HELPERS, tokens::confirm)
            .post("/console/token/act", HELPERS, tokens::act)
            .post("/console/token/label", HELPERS, tokens::label)
            .get("/console/settings", EVERY_ROLE, settings::show)
            .post("/console/settings/preview", OWNERS, settings::preview)
            .post("/console/settings/save", OWNERS, settings::save)
            .get("/console/applications", EVERY_ROLE, applications::list)
            .post("/console/applications", OWNERS, applications::add)
            .get("/console/applications/confirm", OWNERS, applications::confirm)
            .post("/console/applications/act", OWNERS, applications::act)
            .get("/console/webhooks", EVERY_ROLE, webhooks::list)
            .post("/console/webhooks", OWNERS, webhooks::add)
            .get("/console/webhooks/confirm", OWNERS, webhooks::confirm)
            .post("/console/webhooks/act", OWNERS, webhooks::act)
            .get("/console/deliveries", EVERY_ROLE, deliveries::list)
            .get("/console/deliveries/confirm", HELPERS, deliveries::confirm)
            .post("/console/deliveries/act", HELPERS, deliveries::act)
            .get("/console/audit", EVERY_ROLE, audit::list)
            .get("/console/audit/export", EVERY_ROLE, audit::export)
            .post("/console/audit/verify", EVERY_ROLE, audit::verify)
            .get("/console/try", HELPERS, attempts::show)
            .post("/console/try/code", HELPERS, attempts::verify)
            .post("/console/try/approval", HELPERS, attempts::send)
            .get("/console/try/approval", HELPERS, attempts::watch)
            .get("/console/try/status", HELPERS, attempts::status)
            .get("/console/administrators", EVERY_ROLE, administrators::list)
            .post("/console/administrators", OWNERS, administrators::add)
            .post("/console/administrators/change", OWNERS, administrators::change)
            .get("/console/administrators/confirm", OWNERS, administrators::confirm)
            .post("/console/administrators/act", OWNERS, administrators::act)
    }

    fn get<H: Handler<T, Console>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add(Method::GET, path, who, Size::Words, handler)
    }

    fn post<H: Handler<T, Console>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        let size = if who == Who::Anyone { Size::Words } else { Size::Lists };
        self.add(Method::POST, path, who, size, handler)
    }

    fn post_file<H: Handler<T, Console>, T: 'static>(self, path: &'static str, who: Who, handler: H) -> Self {
        self.add(Method::POST, path, who, Size::File, handler)
    }

    /// The only way to add a page: without saying who may ask for it, there is none.
    fn add<H: Handler<T, Console>, T: 'static>(
        mut self,
        method: Method,
        path: &'static str,
        who: Who,
        size: Size,
        handler: H,
    ) -> Self {
        let filter = if method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
        let guarded = on(filter, handler).layer(from_fn_with_state((self.console.clone(), who, size), guard));
        self.router = self.router.route(path, guarded);
        self.table.push(Route { method, path, who });
        self
    }

    pub(super) fn into_router(self) -> Router {
        let console = self.console;
        self.router
            .route("/console/{*nothing}", axum::routing::any(async || Failure::missing("page")))
            .layer(from_fn_with_state(console.clone(), frame_failures))
            .with_state(console)
    }
}

/// Lets in who may come in, and nobody else.
async fn guard(State((console, who, size)): State<(Console, Who, Size)>, mut request: Request, next: Next) -> Response {
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if changes && !is_from_here(request.headers()) {
        return Failure::forbidden("This form was sent by another site, so it was not taken.").into_response();
    }
    let session = match Session::find(&console, request.headers()).await {
        Ok(session) => session,
        Err(failure) => return failure.into_response(),
    };
    if let Who::Signed(roles) = who {
        let Some(session) = &session else { return sessions::ask_to_sign_in(&request) };
        if !roles.contains(&session.by.role) {
            return Failure::role(session.by.role, roles).into_response();
        }
    }
    if changes {
        let fields = match Fields::read(&mut request, size).await {
            Ok(fields) => fields,
            Err(failure) => return failure.into_response(),
        };
        if let (Who::Signed(_), Some(session)) = (who, &session)
            && !session.pass.fits(fields.text("form_token"))
        {
            let told = "This form belongs to an earlier sign-in, so it was not taken. Go back, load the page anew and \
                        send it again.";
            return Failure::forbidden(told).into_response();
        }
        request.extensions_mut().insert(Arc::new(fields));
    }
    if let Some(session) = session {
        request.extensions_mut().insert(Arc::new(session));
    }
    next.run(request).await
}

/// Whether a form was sent by one of our own pages. Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; a
/// sender that says neither is no browser that shows these pages.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, origin)| origin == host),
        _ => false,
    }
}

/// What surrounds every answer: failures become pages of whoever is signed in, and headers keep the browser strict.
async fn frame_failures(State(console): State<Console>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let path = request.uri().path();
    let (is_asset, is_console) = (path.starts_with("/console/static/"), path.starts_with("/console"));
    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = if is_console {
            let session = Session::find(&console, &headers).await.ok().flatten();
            let visit = session.map(|session| Visit::of(&console, session));
            failure.page(&console, visit.as_ref())
        } else {
            failure.page_of_owners(&console, language::wanted_by(&console, &headers))
        };
    }
    let headers = response.headers_mut();
    for (name, value) in STRICT {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !is_asset {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Nothing from elsewhere, nothing inline, no frames, no guessing, no telling.
const STRICT: [(header::HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Who sent a request, as the audit names them.
impl From<&SignedIn> for crate::service::Actor {
    fn from(by: &SignedIn) -> Self {
        Self::Administrator(by.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;
    use crate::api::Guards;
    use crate::config::Config;
    use crate::service::administrators::NewAdministrator;
    use crate::service::sessions::Pass;
    use crate::service::{Actor, Service};
    use crate::storage::{Session, StorageError, Transaction};

    /// A session of an administrator of this role.
    async fn session(service: &Service, role: Role) -> Pass {
        let new = NewAdministrator { name: role.name().parse().unwrap(), role, user: None };
        service.add_administrator(Actor::CommandLine, new).await.unwrap();
        let (pass, now) = (Pass::generate(), service.clock.now());
        let hash = pass.hash();
        let begin = move |transaction: &dyn Transaction| {
            let administrator = transaction.administrator_by_name(&role.name().parse().unwrap())?.unwrap().id;
            transaction.insert_session(&Session { hash, administrator, created_at: now, used_at: now })
        };
        service.store.write(begin).await.unwrap();
        pass
    }

    fn request(route: &Route, pass: Option<&Pass>, site: Option<&str>, form: String) -> Request {
        let path = route.path.replace("{file}", "none");
        let mut request = Request::builder().method(route.method.clone()).uri(path);
        if let Some(pass) = pass {
            request = request.header(header::COOKIE, format!("__Host-symbolon={}", *pass.text()));
        }
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(Body::from(form)).unwrap()
    }

    /// The table role × route, walked whole: nobody without a session, no role beyond its own, no form of another site
    /// or of another session gets past the guard.
    #[tokio::test]
    async fn every_route_lets_in_its_roles_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let service = crate::service::tests::service(folder.path()).await;
        let console = Console::new(service.clone(), Arc::new(Guards::new(&Config::default())));
        let pages = Pages::all(console);
        let table = pages.table.clone();
        let router = pages.into_router();
        let ask = async |request: Request| router.clone().oneshot(request).await.unwrap();
        let is_sign_in = |response: &Response| {
            let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
            response.status() == StatusCode::SEE_OTHER && to.starts_with("/console/sign-in")
        };
        assert!(table.len() > 10);
        for role in Role::ALL {
            for route in &table {
                let Who::Signed(roles) = route.who else { continue };
                let named = format!("{} {} as {}", route.method, route.path, role.name());
                let stranger = ask(request(route, None, Some("same-origin"), String::new())).await;
                assert!(is_sign_in(&stranger), "{named} without a session");
                let forged = ask(request(route, Some(&Pass::generate()), Some("same-origin"), String::new())).await;
                assert!(is_sign_in(&forged), "{named} with an invented session");
                // A page may end the session, or its administrator's: each has its own.
                let (own, other) = (session(&service, role).await, Pass::generate());
                if route.method == Method::POST {
                    let told = |site, token: String| request(route, Some(&own), site, format!("form_token={token}"));
                    for (site, token) in [
                        (Some("cross-site"), own.form_token()),
                        (Some("same-site"), own.form_token()),
                        (None, own.form_token()),
                        (Some("same-origin"), other.form_token()),
                        (Some("same-origin"), String::new()),
                    ] {
                        assert_eq!(ask(told(site, token)).await.status(), StatusCode::FORBIDDEN, "{named}: {site:?}");
                    }
                }
                let form = format!("form_token={}", own.form_token());
                let answer = ask(request(route, Some(&own), Some("same-origin"), form)).await;
                let refused = answer.status() == StatusCode::FORBIDDEN;
                assert_eq!(refused, !roles.contains(&role), "{named}: {}", answer.status());
                assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{named}");
                for (name, value) in STRICT {
                    assert_eq!(answer.headers()[name], value, "{named}");
                }
                service.store.write(|transaction| forget(transaction)).await.unwrap();
            }
        }
    }

    /// Removes all administrators, so that the next round begins with new ones.
    fn forget(transaction: &dyn Transaction) -> Result<(), StorageError> {
        transaction.administrators()?.iter().try_for_each(|other| transaction.delete_administrator(other.id))
    }
}
