//! `cargo xtask fuzz`: libFuzzer over every input that somebody else chooses, on the stable toolchain. The inputs, and good
//! examples of them, are in `tests/src/inputs`; `cargo xtask test` reads some thousand changed examples of each as well.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::style::Style;
use crate::workspace::{self, Workspace};

/// How much is done for each input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// For so many seconds.
    Seconds(u32),
    /// So many times.
    Runs(u32),
}

/// What tells libFuzzer which ways a program has taken. No part of it is unstable, and the code under test is safe: what
/// can go wrong panics, so no sanitizer is needed.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Looks at the inputs that `only` names, or at all of them.
pub(crate) fn run(workspace: &Workspace, only: &[String], length: Length) -> Result<ExitCode> {
    let folder = workspace.target.join("fuzz");
    let program = build(workspace, &folder)?;
    let names = workspace::capture(&mut Command::new(&program))?;
    let names: Vec<&str> = names.lines().collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("{unknown} is no input; these are: {}", names.join(", "));
    }
    let style = Style::of_stdout();
    let mut failed = Vec::new();
    for name in names.into_iter().filter(|name| only.is_empty() || only.iter().any(|only| only == name)) {
        println!("\n{}", style.heading(&format!("── {name}")));
        if look(&program, &folder, name, length).is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        println!("\n{}", style.good("nothing was found"));
        return Ok(ExitCode::SUCCESS);
    }
    let found = workspace.shown(&folder.join("found"));
    println!("\n{} {}; what made them fail lies in {found}", style.bad("found something in:"), failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn look(program: &Path, folder: &Path, name: &str, length: Length) -> Result<()> {
    let (corpus, found) = (folder.join("corpus").join(name), folder.join("found"));
    for folder in [&corpus, &found] {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut command = Command::new(program);
    command.env("SYMBOLON_FUZZ_INPUT", name).env("SYMBOLON_FUZZ_CORPUS", &corpus);
    match length {
        Length::Seconds(seconds) => command.arg(format!("-max_total_time={seconds}")),
        Length::Runs(runs) => command.arg(format!("-runs={runs}")),
    };
    command.args(["-max_len=65536", "-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1", "-verbosity=0"]);
    command.arg(format!("-artifact_prefix={}/{name}-", found.display())).arg(&corpus);
    workspace::run(&mut command)
}

fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let has_compiler = Command::new("c++").arg("--version").output().is_ok_and(|output| output.status.success());
    ensure!(has_compiler, "libFuzzer is compiled with a C++ compiler: sudo apt-get install g++");
    // The same versions as everywhere else.
    let own = workspace.root.join("fuzz");
    std::fs::copy(workspace.root.join("Cargo.lock"), own.join("Cargo.lock")).context("fuzz/Cargo.lock")?;
    println!("Building with what libFuzzer needs to know; the first time takes some minutes.");
    // With a target of its own name, what runs during the build is built without those flags.
    let mut command = workspace.cargo(["build", "--target=host-tuple", "--manifest-path=fuzz/Cargo.toml"]);
    command.arg("--target-dir").arg(folder).env("RUSTFLAGS", COVERAGE);
    let built = workspace::build(&mut command)?;
    ensure!(built.complete, "the build failed");
    let program = built.artifacts.into_iter().find(|artifact| artifact.target.name == "symbolon-fuzz");
    program.and_then(|artifact| artifact.executable).context("cargo named no program for libFuzzer")
}
