//! Users: looked for, added, looked at, and what can be done with one.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use symbolon_core::policy::SETTINGS;
use symbolon_core::text::Name;

use super::fields::{FieldErrors, Named, Sent};
use super::layout::{Confirmation, Failure, Frame, Section, Visit, html, page, see, sentence};
use super::{settings, tokens};
use crate::service::ServiceError;
use crate::service::audit::{AuditEntry, AuditFilter};
use crate::service::import::UserImportReport;
use crate::service::policies::{GroupView, Source};
use crate::service::tokens::TokenView;
use crate::service::users::{AddedUser, NewUser, UserAction, UserChanges, UserState, UserView};
use crate::storage::{Email, Language};

/// So many users on a page.
const PAGE: u32 = 50;

/// Which users.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    search: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    search: String,
    users: Vec<UserView>,
    is_first: bool,
    next: Option<Name>,
}

impl UserView {
    /// The state as a word.
    pub(super) const fn shown_state(&self) -> &'static str {
        match self.state {
            UserState::Active => "active",
            UserState::Locked => "locked",
            UserState::Disabled => "disabled",
        }
    }
}

/// The address of a user's page.
pub(super) fn address(name: &Name) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_str().as_bytes()).collect();
    format!("/console/user?name={name}")
}

/// Users by name, a page at a time.
pub(super) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let search = asked.search.trim().chars().take(100).collect::<String>();
    let after = asked.after.parse::<Name>().ok();
    let looked_for = Some(search.as_str()).filter(|search| !search.is_empty());
    let mut users = visit.service.users(looked_for, after.as_ref(), PAGE + 1)?;
    let more = users.len() > PAGE as usize;
    users.truncate(PAGE as usize);
    let next = users.last().filter(|_| more).map(|user| user.name.clone());
    let notice = (asked.done == "deleted").then_some("The user is deleted, with all tokens.");
    let frame = visit.frame(Section::Users, "Users").notice(notice);
    Ok(page(&UsersPage { frame, search, users, is_first: after.is_none(), next }))
}

#[derive(Template)]
#[template(path = "user-new.html")]
struct NewUserPage {
    frame: Frame,
    errors: FieldErrors,
    name: String,
    email: String,
    group: String,
    groups: Vec<GroupView>,
    language: String,
}

/// The form for another user.
pub(super) async fn ask_new(visit: Visit) -> Result<Response, Failure> {
    let frame = visit.frame(Section::Users, "Add a user");
    let (name, email, group, language) = Default::default();
    let groups = visit.service.groups().await?;
    Ok(page(&NewUserPage { frame, errors: FieldErrors::default(), name, email, group, groups, language }))
}

/// Adds a user.
pub(super) async fn add(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let mut errors = FieldErrors::default();
    let name = fields.parsed::<Name>("name", &mut errors);
    let email = fields.optional::<Email>("email", &mut errors);
    let group = fields.optional::<Name>("group", &mut errors);
    let language = fields.optional::<Language>("language", &mut errors);
    if let (Some(name), true) = (name, errors.is_empty()) {
        match visit.service.add_user(visit.actor(), NewUser { name: name.clone(), email, group, language }).await {
            Ok(AddedUser { token: Some(issued), .. }) => return tokens::show_ticket(&visit, &issued),
            Ok(_) => return Ok(see(&format!("{}&done=added", address(&name)))),
            Err(error @ ServiceError::Exists { .. }) => errors.add("name", error),
            Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
            Err(error) => return Err(error.into()),
        }
    }
    let frame = visit.frame(Section::Users, "Add a user");
    let text = |field| fields.text(field).to_owned();
    let (name, email, group, language) = (text("name"), text("email"), text("group"), text("language"));
    let groups = visit.service.groups().await?;
    Ok(html(StatusCode::BAD_REQUEST, &NewUserPage { frame, errors, name, email, group, groups, language }))
}

/// A setting that holds for a person, and why.
struct Applied {
    label: String,
    value: String,
    why: &'static str,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    frame: Frame,
    user: UserView,
    tokens: Vec<TokenView>,
    applied: Vec<Applied>,
    history: Vec<AuditEntry>,
}

impl UserPage {
    fn is_disabled(&self) -> bool {
        self.user.state == UserState::Disabled
    }

    fn is_locked(&self) -> bool {
        self.user.state == UserState::Locked
    }
}

/// One user.
pub(super) async fn show(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let name = named.name("user")?;
    let user = visit.service.user(&name)?;
    let tokens = visit.service.tokens(&name)?;
    let applied = applied(&visit, &name)?;
    let filter = AuditFilter { user: Some(name.clone()), ..AuditFilter::default() };
    let history = visit.service.find_entries(filter, None, 15).await?.entries;
    let notice = match named.done.as_str() {
        "added" => Some("The user is added. Hand out a token next."),
        "edited" => Some("The changes are saved."),
        "enable" => Some("The user is enabled: codes count again."),
        "disable" => Some("The user is disabled: no code counts."),
        "unlock" => Some("The lock is ended."),
        "resume_approvals" => Some("Applications may ask for approvals again."),
        "token-deleted" => Some("The token is deleted."),
        _ => None,
    };
    let frame = visit.frame(Section::Users, user.name.as_str()).notice(notice);
    Ok(page(&UserPage { frame, user, tokens, applied, history }))
}

/// What holds for a person, and where each value comes from; what somebody has set comes first.
fn applied(visit: &Visit, name: &Name) -> Result<Vec<Applied>, Failure> {
    let found = visit.service.policy_of_user(name)?;
    let mut applied: Vec<Applied> = SETTINGS
        .iter()
        .map(|setting| Applied {
            label: setting.label(),
            value: settings::shown(setting, &setting.text(&found.policy)),
            why: match found.sources.get(setting.key) {
                Some(Source::Group) => "set for the group",
                Some(Source::Everyone) => "set for everyone",
                _ => "default",
            },
        })
        .collect();
    applied.sort_by_key(|applied| applied.why == "default");
    Ok(applied)
}

#[derive(Template)]
#[template(path = "user-edit.html")]
struct EditPage {
    frame: Frame,
    name: Name,
    errors: FieldErrors,
    email: String,
    group: String,
    groups: Vec<GroupView>,
    language: String,
}

/// The form by which a user is changed.
pub(super) async fn ask_edit(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let user = visit.service.user(&named.name("user")?)?;
    let frame = visit.frame(Section::Users, format!("Change {}", user.name));
    let email = user.email.map(String::from).unwrap_or_default();
    let group = user.group.map(String::from).unwrap_or_default();
    let language = user.language.map(|language| language.tag().to_owned()).unwrap_or_default();
    let (groups, errors) = (visit.service.groups().await?, FieldErrors::default());
    Ok(page(&EditPage { frame, name: user.name, errors, email, group, groups, language }))
}

/// Changes a user.
pub(super) async fn edit(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let name = fields.named("name", "user")?;
    let mut errors = FieldErrors::default();
    let email = fields.optional::<Email>("email", &mut errors);
    let group = fields.optional::<Name>("group", &mut errors);
    let language = fields.optional::<Language>("language", &mut errors);
    if errors.is_empty() {
        let changes = UserChanges { email: Some(email), group: Some(group), language: Some(language) };
        match visit.service.edit_user(visit.actor(), name.clone(), changes).await {
            Ok(_) => return Ok(see(&format!("{}&done=edited", address(&name)))),
            Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
            Err(error) => return Err(error.into()),
        }
    }
    let frame = visit.frame(Section::Users, format!("Change {name}"));
    let text = |field| fields.text(field).to_owned();
    let (email, group, language) = (text("email"), text("group"), text("language"));
    let groups = visit.service.groups().await?;
    Ok(html(StatusCode::BAD_REQUEST, &EditPage { frame, name, errors, email, group, groups, language }))
}

#[derive(Template)]
#[template(path = "users-import.html")]
struct ImportPage {
    frame: Frame,
    report: Option<UserImportReport>,
    error: Option<String>,
}

/// The form for a file of users.
pub(super) async fn ask_import(visit: Visit) -> Response {
    page(&ImportPage { frame: visit.frame(Section::Users, "Import users"), report: None, error: None })
}

/// Tries a file, or adds its users: all of them or none.
pub(super) async fn import(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let dry_run = fields.text("act") != "import";
    let bytes = fields.text("file").as_bytes().to_vec();
    let frame = visit.frame(Section::Users, "Import users");
    match visit.service.import_users(visit.actor(), bytes, dry_run).await {
        Ok(report) => Ok(page(&ImportPage { frame, report: Some(report), error: None })),
        Err(ServiceError::Invalid { message, .. }) => {
            let error = Some(sentence(&format!("the file {message}")));
            Ok(html(StatusCode::BAD_REQUEST, &ImportPage { frame, report: None, error }))
        }
        Err(error) => Err(error.into()),
    }
}

fn read_action(text: &str) -> Result<UserAction, Failure> {
    match text {
        "enable" => Ok(UserAction::Enable),
        "disable" => Ok(UserAction::Disable),
        "unlock" => Ok(UserAction::Unlock),
        "resume_approvals" => Ok(UserAction::ResumeApprovals),
        _ => Err(Failure::missing("action")),
    }
}

/// Does something with a user.
pub(super) async fn act(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let name = fields.named("name", "user")?;
    let action = fields.text("action");
    visit.service.act_on_user(visit.actor(), name.clone(), read_action(action)?).await?;
    Ok(see(&format!("{}&done={action}", address(&name))))
}

/// What is asked before a user is disabled or deleted.
pub(super) async fn confirm(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let name = named.name("user")?;
    let user = visit.service.user(&name)?;
    let tokens = match user.tokens {
        0 => "This user has no tokens.".to_owned(),
        1 => "The user's token".to_owned(),
        many => format!("The user's {many} tokens"),
    };
    let (title, text, post, button, is_harsh) = match named.action.as_str() {
        "disable" => (
            format!("Disable {name}?"),
            "No code and no approval of this user counts until the user is enabled again. Tokens stay as they are."
                .to_owned(),
            "/console/user/act",
            "Disable this user",
            false,
        ),
        "delete" => (
            format!("Delete {name}?"),
            match user.tokens {
                0 => format!("{tokens} What the audit says of this user stays. This can't be undone."),
                _ => format!(
                    "{tokens} will be deleted too and refused from then on. What the audit says stays. This can't be undone."
                ),
            },
            "/console/user/delete",
            "Delete this user",
            true,
        ),
        _ => return Err(Failure::missing("action")),
    };
    Ok(page(&Confirmation {
        frame: visit.frame(Section::Users, title),
        text,
        post,
        fields: vec![("name", name.to_string()), ("action", named.action)],
        button: button.into(),
        is_harsh,
        back: address(&name),
    }))
}

/// Deletes a user.
pub(super) async fn delete(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let name = fields.named("name", "user")?;
    visit.service.delete_user(visit.actor(), name).await?;
    Ok(see("/console/users?done=deleted"))
}
