//! `admin user …`

use clap::Subcommand;
use serde::Serialize;
use symbolon_core::text::Name;

use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output};
use crate::service::Service;
use crate::service::tokens::TokenView;
use crate::service::users::{NewUser, UserAction, UserState, UserView};
use crate::storage::Email;

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
    },
    /// List users by name.
    List {
        /// Only those whose name or address contains this.
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
}

#[derive(Serialize)]
struct ManyUsers {
    users: Vec<UserView>,
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let act = async |name: Name, action: UserAction| {
        let user = service.act_on_user(ACTOR, name, action).await?;
        output.answer(&OneUser { user, tokens: None }, |one| line(&one.user))
    };
    match command {
        Command::Add { name, email, group } => {
            let user = service.add_user(ACTOR, NewUser { name, email, group }).await?;
            output.answer(&OneUser { user, tokens: None }, |one| line(&one.user))
        }
        Command::List { search } => {
            let users = ManyUsers { users: all(service, search.as_deref())? };
            output.answer(&users, |many| many.users.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Show { name } => {
            let tokens = Some(service.tokens(&name)?);
            output.answer(&OneUser { user: service.user(&name)?, tokens }, |one| {
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
    let tokens = if user.tokens == 1 { "token" } else { "tokens" };
    format!("{}{email}  {state}  {} {tokens}", user.name, user.tokens)
}
