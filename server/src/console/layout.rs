//! What all pages have in common: the frame around them, how times are written, and how failures look.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::sessions::Session;
use super::{Console, assets};
use crate::service::sessions::SignedIn;
use crate::service::{Actor, Service, ServiceError};
use crate::storage::{Language, Role, StorageError};
use crate::texts::Texts;

/// A page that somebody who is signed in asks for.
pub(super) struct Visit {
    pub(super) service: Service,
    pub(super) by: SignedIn,
    form_token: String,
}

impl Visit {
    pub(super) fn of(console: &Console, session: Session) -> Self {
        let form_token = session.pass.form_token();
        Self { service: console.service.clone(), by: session.by, form_token }
    }

    /// Who it is, as the audit names them.
    pub(super) fn actor(&self) -> Actor {
        Actor::from(&self.by)
    }

    /// The frame of a page of one section.
    pub(super) fn frame(&self, section: Section, title: impl Into<String>) -> Frame {
        Frame {
            title: title.into(),
            issuer: self.service.identity.issuer.to_string(),
            section,
            home: "/console",
            by: Some(self.by.clone()),
            form_token: self.form_token.clone(),
            notice: None,
            language: Language::English,
        }
    }
}

impl FromRequestParts<Console> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let session = parts.extensions.get::<Arc<Session>>();
        let session = session.ok_or_else(|| Failure::forbidden("Sign in first."))?;
        let form_token = session.pass.form_token();
        Ok(Self { service: console.service.clone(), by: session.by.clone(), form_token })
    }
}

/// Shows another page after something was done; `path` is one of ours.
pub(super) fn see(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// The parts of the console, in the order of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Dashboard,
    Users,
    Settings,
    Applications,
    Webhooks,
    Deliveries,
    Administrators,
    Audit,
    Attempt,
    /// None of them.
    Outside,
}

/// One entry of the navigation.
pub(super) struct Entry {
    pub(super) section: Section,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
}

const fn entry(section: Section, path: &'static str, name: &'static str) -> Entry {
    Entry { section, path, name }
}

const NAVIGATION: [Entry; 9] = [
    entry(Section::Dashboard, "/console", "Dashboard"),
    entry(Section::Users, "/console/users", "Users"),
    entry(Section::Settings, "/console/settings", "Settings"),
    entry(Section::Applications, "/console/applications", "Applications"),
    entry(Section::Webhooks, "/console/webhooks", "Webhooks"),
    entry(Section::Deliveries, "/console/deliveries", "Deliveries"),
    entry(Section::Administrators, "/console/administrators", "Administrators"),
    entry(Section::Audit, "/console/audit", "Audit"),
    entry(Section::Attempt, "/console/try", "Try it"),
];

/// What surrounds a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) issuer: String,
    pub(super) section: Section,
    /// Where the name at the top leads.
    pub(super) home: &'static str,
    pub(super) by: Option<SignedIn>,
    pub(super) form_token: String,
    pub(super) notice: Option<Cow<'static, str>>,
    /// The console's is English.
    pub(super) language: Language,
}

impl Frame {
    /// A page for people who are not signed in.
    pub(super) fn outside(console: &Console, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            issuer: console.service.identity.issuer.to_string(),
            section: Section::Outside,
            home: "/console",
            by: None,
            form_token: String::new(),
            notice: None,
            language: Language::English,
        }
    }

    /// A page for the owners of tokens, in their language; the title is a text of theirs.
    pub(super) fn of_owners(console: &Console, language: Language, title: &str) -> Self {
        let title = Texts::of(language).say(title, &[]);
        Self { home: "/me", language, ..Self::outside(console, title) }
    }

    /// A text in the reader's language.
    pub(super) fn say(&self, id: &str) -> String {
        Texts::of(self.language).say(id, &[])
    }

    /// A text with a value.
    pub(super) fn say_of(&self, id: &str, name: &str, value: &dyn fmt::Display) -> String {
        Texts::of(self.language).say(id, &[(name, value)])
    }

    /// A text of a family, such as that of a state.
    pub(super) fn say_in(&self, family: &str, member: &str) -> String {
        self.say(&format!("{family}-{member}"))
    }

    /// A time as the reader's language writes it.
    pub(super) fn moment(&self, time: &Timestamp) -> Moment {
        Moment(*time, self.language)
    }

    /// Says at the top that something was done.
    pub(super) fn notice(mut self, notice: Option<&'static str>) -> Self {
        self.notice = notice.map(Cow::Borrowed);
        self
    }

    /// Whether the reader has one of the roles that change things here.
    pub(super) fn is(&self, role: Role) -> bool {
        self.by.as_ref().is_some_and(|by| by.role == role)
    }

    /// Whether the reader may change users and tokens.
    pub(super) fn helps(&self) -> bool {
        self.is(Role::Owner) || self.is(Role::HelpDesk)
    }

    /// Whether the reader may change everything.
    pub(super) fn owns(&self) -> bool {
        self.is(Role::Owner)
    }

    /// The parts that the reader may see.
    pub(super) fn navigation(&self) -> impl Iterator<Item = &'static Entry> {
        NAVIGATION.iter().filter(|entry| entry.section != Section::Attempt || self.helps())
    }

    pub(super) fn style(&self) -> &'static str {
        assets::style()
    }

    pub(super) fn script(&self) -> &'static str {
        assets::script()
    }

    pub(super) fn icon(&self) -> &'static str {
        assets::icon()
    }
}

/// A time on a page: in UTC, and in the reader's zone where a script runs.
pub(super) struct Moment(pub(super) Timestamp, Language);

/// A time to the second, as the audit keeps it.
pub(super) struct Second(Timestamp);

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(shown) = jiff::fmt::strtime::format("%-d %b %Y, %H:%M:%S UTC", self.0) else { return Ok(()) };
        write!(f, "<time datetime=\"{}\" data-seconds>{shown}</time>", self.0)
    }
}

impl askama::filters::HtmlSafe for Second {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.1 {
            Language::English => "%-d %b %Y, %H:%M UTC",
            Language::German => "%-d.%-m.%Y, %H:%M UTC",
        };
        let Ok(shown) = jiff::fmt::strtime::format(form, self.0) else { return Ok(()) };
        write!(f, "<time datetime=\"{}\">{shown}</time>", self.0)
    }
}

impl askama::filters::HtmlSafe for Moment {}

/// A time on a page, as templates ask for it.
pub(super) fn moment(time: &Timestamp) -> Moment {
    Moment(*time, Language::English)
}

/// A time to the second, as templates ask for it.
pub(super) fn second(time: &Timestamp) -> Second {
    Second(*time)
}

/// Makes a page of a template.
pub(super) fn html(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that is all right.
pub(super) fn page(template: &impl Template) -> Response {
    html(StatusCode::OK, template)
}

/// A page that says what will happen, and asks whether it shall.
#[derive(Template)]
#[template(path = "confirmation.html")]
pub(super) struct Confirmation {
    pub(super) frame: Frame,
    pub(super) text: String,
    /// Where the form goes, and what it carries.
    pub(super) post: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) button: Cow<'static, str>,
    /// Whether it can't be undone.
    pub(super) is_harsh: bool,
    pub(super) back: String,
}

/// Why there is no page of what was asked for. It becomes one on its way out, in the frame of whoever is signed in.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    status: StatusCode,
    kind: Kind,
    text: String,
}

/// A kind of failure: by its name the pages of users say it in their language, and by its title the console does.
type Kind = (&'static str, &'static str);

const MISSING: Kind = ("failure-missing", "Not found");
const FORBIDDEN: Kind = ("failure-forbidden", "Not allowed");
const BAD: Kind = ("failure-bad", "Not understood");
const TOO_LARGE: Kind = ("failure-too-large", "Too large");
const TOO_MANY: Kind = ("failure-too-many", "Wait a minute");
const REFUSED: Kind = ("failure-refused", "Not done");
const CLOCK: Kind = ("failure-clock", "The clock is behind");
const BUSY: Kind = ("failure-busy", "Not possible now");
const FAILED: Kind = ("failure-failed", "That failed");

impl Failure {
    fn new(status: StatusCode, kind: Kind, text: impl Into<String>) -> Self {
        Self { status, kind, text: text.into() }
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, MISSING, format!("There is no such {what}."))
    }

    pub(super) fn forbidden(text: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, FORBIDDEN, text)
    }

    pub(super) fn role(role: Role, roles: &[Role]) -> Self {
        let needed: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let text = format!("Your role is {}. This needs the role {}.", role.name(), needed.join(" or "));
        Self::new(StatusCode::FORBIDDEN, FORBIDDEN, text)
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD, text)
    }

    pub(super) fn too_large(bytes: usize) -> Self {
        let text = format!("What was sent is larger than {} KiB.", bytes / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE, text)
    }

    pub(super) fn too_many() -> Self {
        let text = "Too many tries from this address. Wait a minute and try again.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, TOO_MANY, text)
    }

    pub(super) fn page(&self, console: &Console, visit: Option<&Visit>) -> Response {
        let frame = match visit {
            Some(visit) => visit.frame(Section::Outside, self.kind.1),
            None => Frame::outside(console, self.kind.1),
        };
        html(self.status, &FailurePage { frame, text: &self.text })
    }

    /// The same on a page of users.
    pub(super) fn page_of_owners(&self, console: &Console, language: Language) -> Response {
        let (id, _) = self.kind;
        let frame = Frame::of_owners(console, language, &format!("{id}-title"));
        let text = frame.say(id);
        html(self.status, &FailurePage { frame, text: &text })
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    frame: Frame,
    text: &'a str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let text = sentence(&error);
        match error {
            ServiceError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, MISSING, text),
            ServiceError::Invalid { .. } => Self::new(StatusCode::BAD_REQUEST, BAD, text),
            ServiceError::Exists { .. }
            | ServiceError::State { .. }
            | ServiceError::Refused(_)
            | ServiceError::Challenge(_) => Self::new(StatusCode::CONFLICT, REFUSED, text),
            ServiceError::ClockBehind { .. } => {
                let text = "The server's clock stands before what it has stored; it decides nothing until that is \
                            mended on the server.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, CLOCK, text)
            }
            ServiceError::Storage(StorageError::Busy | StorageError::Full | StorageError::ReadOnly) => {
                let text = "The server can't write at present. Nothing was changed.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, BUSY, text)
            }
            _ => {
                tracing::error!(%error, "a page failed");
                let text = "The server could not do this; its log says why.";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, FAILED, text)
            }
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        ServiceError::from(error).into()
    }
}

/// An error as a sentence.
pub(super) fn sentence(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
