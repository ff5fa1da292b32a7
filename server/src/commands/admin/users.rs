//! `admin user …`

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use symbolon_core::text::Name;

use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output, counted};
use crate::service::Service;
use crate::service::import::UserImportReport;
use crate::service::policies::AppliedPolicy;
use crate::service::tokens::TokenView;
use crate::service::users::{NewUser, UserAction, UserChanges, UserState, UserView};
use crate::storage::{Email, Language};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Add a user.
    Add {
        /// The name by which applications know the user.
        name: Name,
        /// Where mail goes.
        #[arg(long, value_name = "ADDR")]
        email: Option<Email>,
        /// The group whose policy applies.
        #[arg(long)]
        group: Option<Name>,
        /// The language of mails, en or de; the server's own when left out.
        #[arg(long)]
        language: Option<Language>,
    },
    /// Change a user's address, group or language.
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The user's name.
        name: Name,
        /// Where mail goes.
        #[arg(long, value_name = "ADDR", group = "change")]
        email: Option<Email>,
        /// Remove the address.
        #[arg(long, group = "change", conflicts_with = "email")]
        no_email: bool,
        /// The group whose policy applies.
        #[arg(long, group = "change")]
        group: Option<Name>,
        /// Take the user out of the group.
        #[arg(long, group = "change", conflicts_with = "group")]
        no_group: bool,
        /// The language of mails: en or de.
        #[arg(long, group = "change")]
        language: Option<Language>,
        /// Write mails in the server's own language.
        #[arg(long, group = "change", conflicts_with = "language")]
        no_language: bool,
    },
    /// Add the users of a file: all of them or none.
    ///
    /// CSV with a heading: name,email,group,language; all but the name may be empty or left out.
    Import {
        /// The file.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// List users by name.
    List {
        /// Only those whose name or address has a word that begins so.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show a user and the user's tokens.
    Show {
        /// The user's name.
        name: Name,
    },
    /// End the lock of a user and of the user's tokens.
    Unlock {
        /// The user's name.
        name: Name,
    },
    /// Let applications ask for approvals again from where a concern or a wrong value paused them.
    ResumeApprovals {
        /// The user's name.
        name: Name,
    },
    /// Refuse the codes of all of a user's tokens.
    Disable {
        /// The user's name.
        name: Name,
    },
    /// Let a user in again.
    Enable {
        /// The user's name.
        name: Name,
    },
    /// Remove a user with the user's tokens. The audit stays.
    Delete {
        /// The user's name.
        name: Name,
    },
}

#[derive(Serialize)]
struct OneUser {
    user: UserView,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<TokenView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<AppliedPolicy>,
}

#[derive(Serialize)]
struct ManyUsers {
    users: Vec<UserView>,
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let act = async |name: Name, action: UserAction| {
        let user = service.act_on_user(ACTOR, name, action).await?;
        one(output, user)
    };
    match command {
        Command::Add { name, email, group, language } => {
            let added = service.add_user(ACTOR, NewUser { name, email, group, language }).await?;
            output.answer(&added, |added| {
                let token = added.token.as_ref().map(super::tokens::ticket_lines);
                std::iter::once(line(&added.user)).chain(token).collect::<Vec<_>>().join("\n")
            })
        }
        Command::Edit { name, email, no_email, group, no_group, language, no_language } => {
            let changes = UserChanges {
                email: email.map(Some).or(no_email.then_some(None)),
                group: group.map(Some).or(no_group.then_some(None)),
                language: language.map(Some).or(no_language.then_some(None)),
            };
            one(output, service.edit_user(ACTOR, name, changes).await?)
        }
        Command::Import { file, dry_run } => {
            let bytes = std::fs::read(&file)
                .map_err(|error| Failure::usage(format!("{} can't be read: {error}", file.display())))?;
            super::look_at_separator(&file, &bytes)?;
            let report = service.import_users(ACTOR, bytes, dry_run).await?;
            output.answer(&report, import_lines)?;
            match report.errors.len() {
                0 => Ok(()),
                bad => Err(Failure::bad_input(format!("{}; nobody was added", counted(bad, "bad line", "bad lines")))),
            }
        }
        Command::List { search } => {
            let users = ManyUsers { users: all(service, search.as_deref())? };
            output.answer(&users, |many| many.users.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Show { name } => {
            let tokens = Some(service.tokens(&name)?);
            let policy = Some(service.policy_of_user(&name)?);
            output.answer(&OneUser { user: service.user(&name)?, tokens, policy }, |one| {
                let tokens = one.tokens.iter().flatten().map(super::tokens::line);
                std::iter::once(line(&one.user)).chain(tokens).collect::<Vec<_>>().join("\n  ")
            })
        }
        Command::Unlock { name } => act(name, UserAction::Unlock).await,
        Command::ResumeApprovals { name } => act(name, UserAction::ResumeApprovals).await,
        Command::Disable { name } => act(name, UserAction::Disable).await,
        Command::Enable { name } => act(name, UserAction::Enable).await,
        Command::Delete { name } => {
            service.delete_user(ACTOR, name.clone()).await?;
            output.answer(&Deleted { deleted: name.into() }, Deleted::show)
        }
    }
}

fn one(output: &Output, user: UserView) -> Result<(), Failure> {
    output.answer(&OneUser { user, tokens: None, policy: None }, |one| line(&one.user))
}

fn import_lines(report: &UserImportReport) -> String {
    let mut lines: Vec<String> =
        report.errors.iter().map(|error| format!("line {}: {}", error.line, error.message)).collect();
    lines.push(match (report.errors.is_empty(), report.dry_run) {
        (false, _) => "nobody was added".to_owned(),
        (true, true) => format!("would add {}", counted(report.users, "user", "users")),
        (true, false) => format!("added {}", counted(report.users, "user", "users")),
    });
    lines.join("\n")
}

/// All users, a page at a time.
fn all(service: &Service, search: Option<&str>) -> Result<Vec<UserView>, Failure> {
    let mut users: Vec<UserView> = Vec::new();
    loop {
        let after = users.last().map(|user| user.name.clone());
        let page = service.users(search, after.as_ref(), 1000)?;
        let last = page.len() < 1000;
        users.extend(page);
        if last {
            return Ok(users);
        }
    }
}

fn line(user: &UserView) -> String {
    let state = match (user.state, user.locked_until) {
        (UserState::Active, _) => "active".to_owned(),
        (UserState::Disabled, _) => "disabled".to_owned(),
        (UserState::Locked, Some(until)) => format!("locked until {until}"),
        (UserState::Locked, None) => "locked until unlocked".to_owned(),
    };
    let email = user.email.as_ref().map_or(String::new(), |email| format!(" <{}>", email.as_str()));
    let group = user.group.as_ref().map_or(String::new(), |group| format!("  group: {group}"));
    let language = user.language.map_or(String::new(), |language| format!("  language: {}", language.tag()));
    let tokens = counted(user.tokens, "token", "tokens");
    format!("{}{email}  {state}{group}{language}  {tokens}", user.name)
}
