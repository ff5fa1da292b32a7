//! `admin administrator …`

use clap::Subcommand;
use serde::Serialize;
use symbolon_core::text::Name;

use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output};
use crate::service::Service;
use crate::service::administrators::{
    AdministratorChange, AdministratorLink, AdministratorState, AdministratorView, NewAdministrator,
};
use crate::storage::Role;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Add an administrator and show the link for the first sign-in, this once.
    Add {
        /// The name to sign in with.
        name: Name,
        /// owner: everything; help-desk: users and tokens; auditor: look only.
        #[arg(long)]
        role: Role,
        /// The user whose soft token becomes the second factor.
        #[arg(long)]
        user: Option<Name>,
    },
    /// List administrators.
    List,
    /// Change what an administrator may do, or whose soft token is the second factor.
    Change {
        /// The administrator's name.
        name: Name,
        /// owner, help-desk or auditor.
        #[arg(long)]
        role: Option<Role>,
        /// The user whose soft token becomes the second factor.
        #[arg(long)]
        user: Option<Name>,
    },
    /// Give out another link: for a password that was forgotten, or a second factor that was lost.
    Link {
        /// The administrator's name.
        name: Name,
    },
    /// Sign an administrator out of every browser.
    SignOut {
        /// The administrator's name.
        name: Name,
    },
    /// Remove an administrator, who is signed out at once.
    Remove {
        /// The administrator's name.
        name: Name,
    },
}

#[derive(Serialize)]
struct OneAdministrator {
    administrator: AdministratorView,
}

#[derive(Serialize)]
struct ManyAdministrators {
    administrators: Vec<AdministratorView>,
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let link_lines = |link: &AdministratorLink| {
        format!("{}\nlink: {}\nIt works once, within 24 hours.", line(&link.administrator), link.link)
    };
    let one = |administrator| output.answer(&OneAdministrator { administrator }, |one| line(&one.administrator));
    match command {
        Command::Add { name, role, user } => {
            let added = service.add_administrator(ACTOR, NewAdministrator { name, role, user }).await?;
            output.answer(&added, link_lines)
        }
        Command::List => {
            let administrators = ManyAdministrators { administrators: service.administrators()? };
            output.answer(&administrators, |many| many.administrators.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Change { name, role, user } => {
            one(service.change_administrator(ACTOR, name, AdministratorChange { role, user }).await?)
        }
        Command::Link { name } => output.answer(&service.link_administrator(ACTOR, name).await?, link_lines),
        Command::SignOut { name } => one(service.sign_administrator_out(ACTOR, name).await?),
        Command::Remove { name } => {
            service.remove_administrator(ACTOR, name.clone()).await?;
            output.answer(&Deleted { deleted: name.into() }, Deleted::show)
        }
    }
}

fn line(administrator: &AdministratorView) -> String {
    let state = match administrator.state {
        AdministratorState::Invited => "has not signed in yet",
        AdministratorState::Active => "active",
        AdministratorState::Locked => "locked",
    };
    let factor = match &administrator.user {
        Some(user) => format!("  second factor: {user}"),
        None => String::new(),
    };
    format!("{}  {}  {state}{factor}", administrator.name, administrator.role.name())
}
