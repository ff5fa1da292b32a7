//! `cargo xtask bench`: builds the server and the program that measures it as they are shipped, and runs the latter.
//!
//! What is measured, and how, is in `benches/performance`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::workspace::{self, FOR_PHONES, Profile, Workspace};

const PROGRAM: &str = "performance";

/// Measures everything, or what `only` names, with so many tokens; writes the results to `json` too.
pub(crate) fn run(workspace: &Workspace, only: &[String], tokens: u32, json: Option<&Path>) -> Result<ExitCode> {
    println!("Building the server and the benchmarks with all optimisations; the first time takes some minutes.");
    let program = build(workspace)?;
    let mut command = Command::new(program);
    command.arg("--server").arg(workspace.program(Profile::Release, "symbolon-server"));
    command.arg("--library").arg(library(workspace)?).arg("--start").arg(start(workspace)?);
    command.arg("--folder").arg(&workspace.target);
    command.arg("--tokens").arg(tokens.to_string());
    if only.is_empty() {
        command.arg("--page").arg(workspace.root.join("docs/performance.md"));
    } else {
        command.arg("--only").arg(only.join(","));
    }
    if let Some(json) = json {
        command.arg("--json").arg(json);
    }
    workspace::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// The library that an app loads.
fn library(workspace: &Workspace) -> Result<PathBuf> {
    workspace::run(&mut workspace.library_for_phones("cdylib"))?;
    let name = format!("{}symbolon_ffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(workspace.target.join("phone").join(name))
}

/// The program that starts a soft token.
fn start(workspace: &Workspace) -> Result<PathBuf> {
    workspace::run(&mut workspace.cargo([
        "build",
        FOR_PHONES,
        "--quiet",
        "--package=symbolon-client",
        "--example=start",
    ]))?;
    Ok(workspace.target.join("phone/examples").join(format!("start{}", std::env::consts::EXE_SUFFIX)))
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let arguments = ["build", "--release", "--package=symbolon-server", "--package=xtask", "--bin=symbolon-server"];
    let mut command = workspace.cargo(arguments);
    command.arg(format!("--bench={PROGRAM}"));
    let built = workspace::build(&mut command)?;
    anyhow::ensure!(built.complete, "the build failed");
    let program = built.artifacts.into_iter().find(|artifact| artifact.target.name == PROGRAM);
    program.and_then(|artifact| artifact.executable).context("cargo named no program for the benchmarks")
}
