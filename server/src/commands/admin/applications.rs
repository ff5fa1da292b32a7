//! `admin application …`

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;
use symbolon_core::text::Name;

use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output};
use crate::service::Service;
use crate::service::applications::{ApplicationKey, ApplicationView, NewApplication};
use crate::storage::Scope;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Add an application and show its API key, this once.
    Add {
        /// Its name, which users see when it asks for an approval.
        name: Name,
        /// What it may do: verify, challenge, admin. verify,challenge when left out.
        #[arg(long = "scope", value_delimiter = ',')]
        scopes: Vec<Scope>,
    },
    /// List applications.
    List,
    /// Give an application another key and show it, this once.
    Rotate {
        /// The application's name.
        name: Name,
        /// For how many seconds the old key goes on, at most 2592000 (30 days); without it the old key ends at once.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        overlap: u32,
    },
    /// End an application's old key before its time.
    EndOldKey {
        /// The application's name.
        name: Name,
    },
    /// Remove an application; its keys end at once.
    Remove {
        /// The application's name.
        name: Name,
    },
}

#[derive(Serialize)]
struct ManyApplications {
    applications: Vec<ApplicationView>,
}

#[derive(Serialize)]
struct OneApplication {
    application: ApplicationView,
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let key_lines =
        |key: &ApplicationKey| format!("{}\nkey: {}\nIt is shown this once.", line(&key.application), key.key);
    match command {
        Command::Add { name, scopes } => {
            let added = service.add_application(ACTOR, NewApplication { name, scopes }).await?;
            output.answer(&added, key_lines)
        }
        Command::List => {
            let applications = ManyApplications { applications: service.applications()? };
            output.answer(&applications, |many| many.applications.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Rotate { name, overlap } => {
            output.answer(&service.rotate_application(ACTOR, name, overlap).await?, key_lines)
        }
        Command::EndOldKey { name } => {
            let application = OneApplication { application: service.end_old_key(ACTOR, name).await? };
            output.answer(&application, |one| line(&one.application))
        }
        Command::Remove { name } => {
            service.remove_application(ACTOR, name.clone()).await?;
            output.answer(&Deleted { deleted: name.into() }, Deleted::show)
        }
    }
}

fn line(application: &ApplicationView) -> String {
    let scopes: Vec<&str> = application.scopes.iter().map(|scope| scope.name()).collect();
    let used = |at: Option<Timestamp>| at.map_or_else(|| "not used yet".to_owned(), |at| format!("last used {at}"));
    let old = application.old_key.map(|old| format!("; old key until {}, {}", old.ends_at, used(old.last_used_at)));
    let last = used(application.last_used_at);
    format!("{}  {}  {last}{}", application.name, scopes.join(","), old.unwrap_or_default())
}
