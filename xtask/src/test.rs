//! `cargo xtask test`: every check, each as a part that passes or fails, and a summary at the end.
//!
//! Everything goes on after a failure, so that one run names all that is wrong. The last line is `N passed, N failed`.

mod android;
mod debian;
mod ios;
mod part;
mod phones;
mod programs;
mod summary;
mod swift;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

pub(crate) use self::part::Part;
use self::part::Session;
use self::summary::{Outcome, Summary};
use crate::style::Style;
use crate::workspace::Workspace;

/// Runs all parts, or those in `only`; fails when one of them does.
pub(crate) fn run(workspace: &Workspace, only: &[Part]) -> Result<ExitCode> {
    let style = Style::of_stdout();
    let parts: Vec<Part> = Part::ALL.into_iter().filter(|part| only.is_empty() || only.contains(part)).collect();
    let missing = tools::provide(&parts)?;
    let mut session = Session::new(workspace, parts.clone());
    let mut summary = Summary::new(is_ci());
    for part in parts {
        let lacking = missing.iter().find(|tool| tool.is_needed_by(part));
        if lacking.is_none()
            && let Some(duration) = session.build_for(part)?
        {
            summary.built_in(duration);
        }
        println!("\n{}", style.heading(&format!("── {part}: {}", part.what())));
        let started = Instant::now();
        let outcome = match lacking {
            Some(tool) => Outcome::LeftOut(format!("{} is missing; {}", tool.name, tool.advice())),
            None => session.check(part).map_or_else(|error| Outcome::Failed(format!("{error:#}")), Outcome::Passed),
        };
        if let Outcome::Failed(reason) = &outcome {
            println!("{} {reason}", style.bad("failed:"));
        }
        summary.add(part, outcome, started.elapsed());
    }
    summary.leave_out(left_out_checks(workspace)?);
    Ok(summary.print(style))
}

/// Whether a machine asked for this, and nobody is there to install anything or to read a warning.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// The variable that says where data of others is, which some tests read.
const TESTDATA: &str = "SYMBOLON_TESTDATA";

/// Checks inside a part that read data of others, and pass without a word where there is none.
fn left_out_checks(workspace: &Workspace) -> Result<Option<String>> {
    let beside = || workspace.root.join("../shared/testdata");
    let folder = std::env::var_os(TESTDATA).map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Ok(None);
    }
    let mut readers = Vec::new();
    for package in workspace.packages.iter().filter(|package| package.name != env!("CARGO_PKG_NAME")) {
        let tests = package.manifest_path.parent().map(Path::to_owned).unwrap_or_default();
        find_mentions(&tests, &mut readers)?;
    }
    let readers: Vec<String> = readers.iter().map(|reader| workspace.shown(reader)).collect();
    Ok((!readers.is_empty()).then(|| {
        format!(
            "what {} check against data of others: there is no {}; set {TESTDATA} to the folder that has it",
            readers.join(", "),
            folder.display()
        )
    }))
}

/// Finds the sources in a folder that name the variable.
fn find_mentions(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find_mentions(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(&path).is_ok_and(|text| text.contains(TESTDATA))
        {
            found.push(path);
        }
    }
    Ok(())
}
