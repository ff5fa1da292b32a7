//! The programs that run the crates' tests: one build for all of them, then each is started as `cargo test` would.
//!
//! `cargo test --package …` for one crate after the other would choose other features for what they share, and build
//! much of it again for each.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::style::Style;
use crate::workspace::{self, Built, Package, Workspace};

/// What was built.
pub(super) struct Programs(Built);

/// How many tests ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those that passed.
    pub(super) passed: u32,
    /// Those that failed.
    pub(super) failed: u32,
    /// Those that are marked to be run by name only.
    pub(super) ignored: u32,
}

impl Tally {
    /// Adds what a line of libtest's output says, if it is the closing one:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl Programs {
    /// Builds everything of `packages`; what does not compile is missing afterwards, the rest is there.
    pub(super) fn build(workspace: &Workspace, packages: &[&str]) -> Result<Self> {
        let mut command = workspace.cargo(["build", "--all-targets", "--keep-going"]);
        if workspace.packages.iter().all(|package| packages.contains(&package.name.as_str())) {
            command.arg("--workspace");
        } else {
            command.args(packages.iter().map(|name| format!("--package={name}")));
        }
        println!("\n{}", Style::of_stdout().heading("── building what the parts run"));
        Ok(Self(workspace::build(&mut command)?))
    }

    /// Makes sure that the program of a crate was built.
    pub(super) fn require(&self, workspace: &Workspace, name: &str) -> Result<()> {
        let package = find(workspace, name)?;
        let built = self.0.artifacts.iter().any(|artifact| {
            artifact.package_id == package.id && artifact.executable.is_some() && !artifact.profile.test
        });
        ensure!(self.0.complete || built, "{name} did not compile; see above");
        Ok(())
    }

    /// Runs the tests of a crate, all of them even where some fail.
    pub(super) fn run_tests(&self, workspace: &Workspace, name: &str) -> Result<Tally> {
        let package = find(workspace, name)?;
        let folder = package.manifest_path.parent().context("a crate without a folder")?;
        let mut tally = Tally::default();
        let mut broken = Vec::new();
        for target in package.targets.iter().filter(|target| target.test) {
            let artifact = self.0.artifacts.iter().find(|artifact| {
                artifact.package_id == package.id
                    && artifact.profile.test
                    && artifact.target.name == target.name
                    && artifact.target.kind == target.kind
            });
            let shown = format!("{} ({})", target.name, target.kind.join(", "));
            let Some(program) = artifact.and_then(|artifact| artifact.executable.as_ref()) else {
                broken.push(format!("{shown} did not compile"));
                continue;
            };
            println!("{}", Style::of_stdout().faint(&format!("$ {}", workspace.shown(program))));
            let mut command = Command::new(program);
            command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
            let outcome = run(&mut command, &mut tally)?;
            if !outcome.succeeded {
                broken.push(format!("{shown} failed\n  {}", outcome.failed.join("\n  ")).trim_end().to_owned());
            }
        }
        ensure!(broken.is_empty(), "{} tests passed, {} failed\n{}", tally.passed, tally.failed, broken.join("\n"));
        Ok(tally)
    }
}

fn find<'a>(workspace: &'a Workspace, name: &str) -> Result<&'a Package> {
    workspace.package(name).with_context(|| format!("the workspace has no crate {name}"))
}

/// What came of a program of tests.
struct Run {
    succeeded: bool,
    /// The names of the tests that failed.
    failed: Vec<String>,
}

/// Runs a program of tests, passes on what it says, and counts.
fn run(command: &mut Command, tally: &mut Tally) -> Result<Run> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting the tests")?;
    let mut failed = Vec::new();
    for line in BufReader::new(child.stdout.take().context("the tests' output")?).split(b'\n') {
        let line = line.context("reading the tests' output")?;
        let line = String::from_utf8_lossy(&line);
        tally.add(&line);
        failed.extend(failed_test(&line).map(str::to_owned));
        println!("{line}");
    }
    Ok(Run { succeeded: child.wait().context("waiting for the tests")?.success(), failed })
}

/// The name in libtest's line on a test that failed: `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_counted_and_no_other() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 13, failed: 2, ignored: 1 });
    }

    #[test]
    fn failed_tests_are_named() {
        assert_eq!(failed_test("test audit::a_hash ... FAILED"), Some("audit::a_hash"));
        assert_eq!(failed_test("test audit::a_hash ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 10 passed; 2 failed"), None);
    }
}
