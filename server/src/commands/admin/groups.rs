//! `admin group …`

use clap::Subcommand;
use serde::Serialize;

use crate::commands::output::{Failure, Output, counted};
use crate::service::Service;
use crate::service::policies::GroupView;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the groups that users are in, or that have a policy of their own.
    List,
}

#[derive(Serialize)]
struct ManyGroups {
    groups: Vec<GroupView>,
}

pub(super) async fn run(command: &Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let Command::List = command;
    let groups = ManyGroups { groups: service.groups().await? };
    output.answer(&groups, |many| many.groups.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn line(group: &GroupView) -> String {
    format!("{}  {}", group.name, counted(group.users, "user", "users"))
}
