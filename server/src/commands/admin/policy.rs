//! `admin policy …`

use clap::Subcommand;
use symbolon_core::policy::{PolicyPatch, SETTINGS, Setting};
use symbolon_core::text::Name;

use super::ACTOR;
use crate::commands::output::{Failure, Output};
use crate::service::Service;
use crate::service::policies::{AppliedPolicy, Source};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show every setting with its value.
    Show {
        /// As it is for the members of a group.
        #[arg(long)]
        group: Option<Name>,
        /// As it is for a user.
        #[arg(long, value_name = "NAME", conflicts_with = "group")]
        user: Option<Name>,
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
    /// Leave settings alone again: the defaults hold, or for a group what holds for everyone.
    Unset {
        /// For example code_length.
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
        /// Only for the members of a group.
        #[arg(long)]
        group: Option<Name>,
    },
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    if let Command::Show { group: Some(group), .. }
    | Command::Set { group: Some(group), .. }
    | Command::Unset { group: Some(group), .. } = &command
        && !service.groups().await?.iter().any(|known| known.name == *group && known.users > 0)
    {
        Output::note(&format!("no user is in the group {group}"));
    }
    let applied = match command {
        Command::Show { user: Some(user), .. } => service.policy_of_user(&user)?,
        Command::Show { group, user: None } => service.policy(group)?,
        Command::Unset { keys, group } => service.unset_policy(ACTOR, group, keys).await?,
        Command::Set { settings, group } => {
            let mut changes = PolicyPatch::default();
            for setting in &settings {
                let (key, value) = setting
                    .split_once('=')
                    .ok_or_else(|| Failure::usage(format!("{setting}: a setting is written KEY=VALUE")))?;
                changes.set(key.trim(), value.trim()).map_err(Failure::usage)?;
            }
            service.set_policy(ACTOR, group, changes).await?
        }
    };
    output.answer(&applied, lines)
}

fn lines(applied: &AppliedPolicy) -> String {
    let line = |setting: &Setting| {
        let value = format!("{}={}", setting.key, setting.text(&applied.policy));
        match applied.sources.get(setting.key) {
            None | Some(Source::Default) => value,
            Some(source) => format!("{value:<48} ({})", source.name()),
        }
    };
    SETTINGS.iter().map(line).collect::<Vec<_>>().join("\n")
}
