//! `cargo xtask screenshots`: the pictures of the pages in `docs/screenshots`, taken by the journeys' own browser.

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::{self, Workspace};

/// Takes the pictures anew.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut command = workspace.cargo(["run", "--quiet", "--package=symbolon-tests", "--example=screenshots", "--"]);
    command.arg(workspace.root.join("docs/screenshots"));
    workspace::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
