//! Administrators: who they are, what each may do, and a link for whoever can't get in.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use symbolon_core::text::Name;

use super::fields::{FieldErrors, Named, Sent};
use super::layout::{Confirmation, Failure, Frame, Section, Visit, html, page, see};
use crate::service::ServiceError;
use crate::service::administrators::{
    AdministratorChange, AdministratorLink, AdministratorState, AdministratorView, NewAdministrator,
};
use crate::storage::Role;

#[derive(Template)]
#[template(path = "administrators.html")]
struct AdministratorsPage {
    frame: Frame,
    administrators: Vec<AdministratorView>,
    errors: FieldErrors,
    name: String,
    role: Role,
    user: String,
}

/// What a role may do, in words.
pub(super) const fn role_words(role: &Role) -> &'static str {
    match role {
        Role::Owner => "owner: everything",
        Role::HelpDesk => "help-desk: users and tokens",
        Role::Auditor => "auditor: looks only",
    }
}

impl AdministratorView {
    fn shown_state(&self) -> &'static str {
        match self.state {
            AdministratorState::Invited => "invited",
            AdministratorState::Active => "active",
            AdministratorState::Locked => "locked",
        }
    }
}

/// All administrators, and a form for another.
pub(super) async fn list(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let administrators = visit.service.administrators()?;
    let notice = match named.done.as_str() {
        "role" => Some("The role is changed. It holds from the next page that this administrator asks for."),
        "sign-out" => Some("This administrator is signed out everywhere."),
        "remove" => Some("The administrator is removed."),
        _ => None,
    };
    let frame = visit.frame(Section::Administrators, "Administrators").notice(notice);
    let (errors, name, user) = (FieldErrors::default(), String::new(), String::new());
    Ok(page(&AdministratorsPage { frame, administrators, errors, name, role: Role::HelpDesk, user }))
}

#[derive(Template)]
#[template(path = "administrator-link.html")]
struct LinkPage {
    frame: Frame,
    issued: AdministratorLink,
}

fn show_link(visit: &Visit, issued: AdministratorLink) -> Response {
    let frame = visit.frame(Section::Administrators, format!("Link for {}", issued.administrator.name));
    page(&LinkPage { frame, issued })
}

/// Adds an administrator and shows the link, this once.
pub(super) async fn add(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let mut errors = FieldErrors::default();
    let name = fields.parsed::<Name>("name", &mut errors);
    let role = fields.parsed::<Role>("role", &mut errors);
    let user = fields.optional::<Name>("user", &mut errors);
    if let (Some(name), Some(role), true) = (name, role, errors.is_empty()) {
        match visit.service.add_administrator(visit.actor(), NewAdministrator { name, role, user }).await {
            Ok(issued) => return Ok(show_link(&visit, issued)),
            Err(error @ ServiceError::Exists { .. }) => errors.add("name", error),
            Err(error @ ServiceError::NotFound { .. }) => errors.add("user", error),
            Err(error) => return Err(error.into()),
        }
    }
    let administrators = visit.service.administrators()?;
    let frame = visit.frame(Section::Administrators, "Administrators");
    let (name, user) = (fields.text("name").to_owned(), fields.text("user").to_owned());
    let role = role.unwrap_or(Role::HelpDesk);
    Ok(html(StatusCode::BAD_REQUEST, &AdministratorsPage { frame, administrators, errors, name, role, user }))
}

#[derive(Template)]
#[template(path = "administrator-role.html")]
struct RolePage {
    frame: Frame,
    name: Name,
    role: Role,
    errors: FieldErrors,
}

fn role_page(visit: &Visit, name: Name, role: Role, errors: FieldErrors) -> RolePage {
    let frame = visit.frame(Section::Administrators, format!("Change the role of {name}?"));
    RolePage { frame, name, role, errors }
}

/// Changes what an administrator may do.
pub(super) async fn change(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let name = fields.named("name", "administrator")?;
    let role = fields.text("role").parse::<Role>().map_err(|error| Failure::bad(format!("{error}.")))?;
    let change = AdministratorChange { role: Some(role), user: None };
    match visit.service.change_administrator(visit.actor(), name.clone(), change).await {
        Ok(_) => Ok(see("/console/administrators?done=role")),
        Err(error @ ServiceError::Refused(_)) => {
            let mut errors = FieldErrors::default();
            errors.add("role", error);
            Ok(html(StatusCode::CONFLICT, &role_page(&visit, name, role, errors)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What is asked before something is done to an administrator.
pub(super) async fn confirm(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let name = named.name("administrator")?;
    if named.action == "role" {
        let found = visit.service.administrators()?.into_iter().find(|one| one.name == name);
        let role = found.ok_or_else(|| Failure::missing("administrator"))?.role;
        return Ok(page(&role_page(&visit, name, role, FieldErrors::default())));
    }
    let (title, text, button, is_harsh) = match named.action.as_str() {
        "link" => (
            format!("New link for {name}?"),
            "The link works once, within 24 hours. When it is used, the password is chosen anew, the code of the soft \
             token is no longer asked for until its next use, a lock ends, and every session ends. Earlier links end now.",
            "Make the link",
            false,
        ),
        "sign-out" => (
            format!("Sign {name} out everywhere?"),
            "Every browser in which this administrator is signed in has to sign in again.",
            "Sign out everywhere",
            false,
        ),
        "remove" => (
            format!("Remove {name}?"),
            "This administrator is signed out at once and can't sign in again. What the audit says of this person stays.",
            "Remove this administrator",
            true,
        ),
        _ => return Err(Failure::missing("action")),
    };
    Ok(page(&Confirmation {
        frame: visit.frame(Section::Administrators, title),
        text: text.to_owned(),
        post: "/console/administrators/act",
        fields: vec![("name", name.to_string()), ("action", named.action)],
        button: button.into(),
        is_harsh,
        back: "/console/administrators".to_owned(),
    }))
}

/// Does it.
pub(super) async fn act(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let name = fields.named("name", "administrator")?;
    match fields.text("action") {
        "link" => return Ok(show_link(&visit, visit.service.link_administrator(visit.actor(), name).await?)),
        "sign-out" => drop(visit.service.sign_administrator_out(visit.actor(), name).await?),
        "remove" => visit.service.remove_administrator(visit.actor(), name).await?,
        _ => return Err(Failure::missing("action")),
    }
    Ok(see(&format!("/console/administrators?done={}", fields.text("action"))))
}
