//! `admin application …`

use clap::Subcommand;
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
    /// Give an application another key; the old one ends at once.
    Rotate {
        /// The application's name.
        name: Name,
    },
    /// Remove an application; its key ends at once.
    Remove {
        /// The application's name.
        name: Name,
    },
}

#[derive(Serialize)]
struct ManyApplications {
    applications: Vec<ApplicationView>,
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
        Command::Rotate { name } => output.answer(&service.rotate_application(ACTOR, name).await?, key_lines),
        Command::Remove { name } => {
            service.remove_application(ACTOR, name.clone()).await?;
            output.answer(&Deleted { deleted: name.into() }, Deleted::show)
        }
    }
}

fn line(application: &ApplicationView) -> String {
    let scopes: Vec<&str> = application.scopes.iter().map(|scope| scope.name()).collect();
    format!("{}  {}", application.name, scopes.join(","))
}
