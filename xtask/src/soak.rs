//! `cargo xtask soak`: the proofs that take too long for every run of the tests.
//!
//! They are tests like the others, which do more rounds when they are asked to.

use std::process::ExitCode;

use anyhow::Result;

use crate::fuzz;
use crate::style::Style;
use crate::workspace::{self, Workspace};

/// The variable that asks for the long forms.
const LONG: &str = "SYMBOLON_SOAK";

/// What has a long form, by the beginning of its name.
const PROOFS: [&str; 3] = ["nodes::", "faults::killed_under_load", "race::"];

/// So many changed inputs each parser is given: ten million in all.
const CHANGED: u32 = 500_000;

/// Runs the long forms, one after the other, so that none takes the machine from another.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    println!("{}", Style::of_stdout().heading("── soak: about three quarters of an hour"));
    workspace::run(&mut workspace.cargo(["build", "--package=symbolon-server", "--package=symbolon"]))?;
    let mut command = workspace.cargo(["test", "--package=symbolon-tests", "--test=journeys", "--"]);
    command.args(["--test-threads=1", "--nocapture"]).args(PROOFS).env(LONG, "1");
    workspace::run(&mut command)?;
    fuzz::run(workspace, &[], fuzz::Length::Runs(CHANGED))
}
