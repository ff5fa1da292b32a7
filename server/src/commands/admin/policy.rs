//! `admin policy …`

use clap::Subcommand;
use serde::Serialize;
use symbolon_core::policy::{Policy, PolicyPatch, SETTINGS};
use symbolon_core::text::Name;

use super::ACTOR;
use crate::commands::output::{Failure, Output};
use crate::service::Service;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show every setting with its value.
    Show {
        /// As it is for the members of a group.
        #[arg(long)]
        group: Option<Name>,
    },
    /// Change settings; those that are not named stay.
    Set {
        /// For example code_length=6 lockout_time=600.
        #[arg(value_name = "KEY=VALUE", required = true)]
        settings: Vec<String>,
        /// Only for the members of a group.
        #[arg(long)]
        group: Option<Name>,
    },
}

#[derive(Serialize)]
struct OnePolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Name>,
    policy: Policy,
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let (group, policy) = match command {
        Command::Show { group } => {
            let policy = service.policy(group.as_ref())?;
            (group, policy)
        }
        Command::Set { settings, group } => {
            let mut changes = PolicyPatch::default();
            for setting in &settings {
                let (key, value) = setting
                    .split_once('=')
                    .ok_or_else(|| Failure::usage(format!("{setting}: a setting is written KEY=VALUE")))?;
                changes.set(key.trim(), value.trim()).map_err(Failure::usage)?;
            }
            let policy = service.set_policy(ACTOR, group.clone(), changes).await?;
            (group, policy)
        }
    };
    output.answer(&OnePolicy { group, policy }, |one| {
        let line = |setting: &symbolon_core::policy::Setting| format!("{}={}", setting.key, setting.text(&one.policy));
        SETTINGS.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
