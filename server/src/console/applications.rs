//! Applications: programs with an API key, which is shown once.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use symbolon_core::text::Name;

use super::fields::{FieldErrors, Named, Sent};
use super::layout::{Confirmation, Failure, Frame, Section, Visit, html, page, see};
use crate::service::ServiceError;
use crate::service::applications::{ApplicationKey, ApplicationView, NewApplication};
use crate::storage::Scope;

pub(super) fn scopes(application: &ApplicationView) -> String {
    application.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
}

#[derive(Template)]
#[template(path = "applications.html")]
struct ApplicationsPage {
    frame: Frame,
    applications: Vec<ApplicationView>,
    errors: FieldErrors,
    name: String,
}

fn list_page(visit: &Visit, errors: FieldErrors, name: String) -> Result<ApplicationsPage, Failure> {
    let (frame, applications) = (visit.frame(Section::Applications, "Applications"), visit.service.applications()?);
    Ok(ApplicationsPage { frame, applications, errors, name })
}

/// All applications, and a form for another.
pub(super) async fn list(visit: Visit) -> Result<Response, Failure> {
    Ok(page(&list_page(&visit, FieldErrors::default(), String::new())?))
}

#[derive(Template)]
#[template(path = "application-key.html")]
struct KeyPage {
    frame: Frame,
    issued: ApplicationKey,
}

impl KeyPage {
    fn scopes(&self) -> String {
        scopes(&self.issued.application)
    }
}

fn show_key(visit: &Visit, issued: ApplicationKey) -> Response {
    let frame = visit.frame(Section::Applications, format!("Key of {}", issued.application.name));
    page(&KeyPage { frame, issued })
}

/// Adds an application and shows its key, this once.
pub(super) async fn add(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let mut errors = FieldErrors::default();
    let name = fields.parsed::<Name>("name", &mut errors);
    let scopes: Result<Vec<Scope>, _> = fields.all("scope").map(str::parse).collect();
    let scopes = match scopes {
        Ok(scopes) if !scopes.is_empty() => scopes,
        _ => {
            errors.add("scope", "choose at least one scope");
            Vec::new()
        }
    };
    if let (Some(name), true) = (name, errors.is_empty()) {
        match visit.service.add_application(visit.actor(), NewApplication { name, scopes }).await {
            Ok(issued) => return Ok(show_key(&visit, issued)),
            Err(error @ ServiceError::Exists { .. }) => errors.add("name", error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(html(StatusCode::BAD_REQUEST, &list_page(&visit, errors, fields.text("name").to_owned())?))
}

#[derive(Template)]
#[template(path = "application-rotate.html")]
struct RotatePage {
    frame: Frame,
    name: Name,
}

/// What is asked before a key ends.
pub(super) async fn confirm(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let name = named.name("application")?;
    if named.action == "rotate" {
        let frame = visit.frame(Section::Applications, format!("New key for {name}?"));
        return Ok(page(&RotatePage { frame, name }));
    }
    let (title, text, button, is_harsh) = match named.action.as_str() {
        "end-old-key" => (
            format!("End the old key of {name}?"),
            "It ends at once: where the application still uses it, it is refused.",
            "End the old key",
            true,
        ),
        "remove" => (
            format!("Remove {name}?"),
            "Its keys end at once, and so do its challenges that wait. What the audit says of it stays.",
            "Remove this application",
            true,
        ),
        _ => return Err(Failure::missing("action")),
    };
    Ok(page(&Confirmation {
        frame: visit.frame(Section::Applications, title),
        text: text.to_owned(),
        post: "/console/applications/act",
        fields: vec![("name", name.to_string()), ("action", named.action)],
        button: button.into(),
        is_harsh,
        back: "/console/applications".to_owned(),
    }))
}

/// Does it.
pub(super) async fn act(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let name = fields.named("name", "application")?;
    match fields.text("action") {
        "rotate" => {
            let overlap = fields.text("overlap").parse().map_err(|_| Failure::bad("Choose when the old key ends."))?;
            Ok(show_key(&visit, visit.service.rotate_application(visit.actor(), name, overlap).await?))
        }
        "end-old-key" => {
            visit.service.end_old_key(visit.actor(), name).await?;
            Ok(see("/console/applications"))
        }
        "remove" => {
            visit.service.remove_application(visit.actor(), name).await?;
            Ok(see("/console/applications"))
        }
        _ => Err(Failure::missing("action")),
    }
}
