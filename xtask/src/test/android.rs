//! The part `android`: SDK and app on Android's own framework, on the JVM, with the host's build of the library and a real
//! server process. Maven fetches what it needs, Android's framework among it.

mod packages;
mod public_api;

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::programs::Tally;
use crate::workspace::{self, Workspace};

/// Has Maven run the tests against the library and the server, which are built; answers how many ran.
pub(super) fn check(workspace: &Workspace) -> Result<Tally> {
    let mut maven = Command::new("mvn");
    maven.current_dir(workspace.root.join("android")).args(["--batch-mode", "--no-transfer-progress", "install"]);
    maven.arg(format!("-Dsymbolon.target={}", workspace.target.join("debug").display()));
    workspace::run(&mut maven)?;
    let mut tally = Tally::default();
    for module in ["sdk", "app"] {
        let reports = workspace.root.join("android").join(module).join("target/surefire-reports");
        for entry in std::fs::read_dir(&reports).with_context(|| format!("reading {}", reports.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                let report = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
                count(&mut tally, &report);
            }
        }
    }
    ensure!(tally.passed > 0, "Maven ran no test");
    public_api::check(workspace)?;
    tally.passed += 1;
    tally.passed += packages::check(workspace).context("the packages")?;
    Ok(tally)
}

/// Adds what a report of Surefire says: `Tests run: 6, Failures: 0, Errors: 0, Skipped: 0, …`.
fn count(tally: &mut Tally, report: &str) {
    let Some(line) = report.lines().find(|line| line.starts_with("Tests run: ")) else { return };
    let mut numbers = line.split(", ").filter_map(|part| part.split_once(": ")?.1.trim().parse::<u32>().ok());
    let mut next = || numbers.next().unwrap_or(0);
    let (run, failures, errors, skipped) = (next(), next(), next(), next());
    tally.failed += failures + errors;
    tally.ignored += skipped;
    tally.passed += run.saturating_sub(failures + errors + skipped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_surefire_is_counted() {
        let mut tally = Tally::default();
        count(
            &mut tally,
            "---\nTest set: a.B\n---\nTests run: 6, Failures: 1, Errors: 1, Skipped: 1, Time elapsed: 50.55 s\n",
        );
        count(&mut tally, "nothing\n");
        assert_eq!(tally, Tally { passed: 3, failed: 2, ignored: 1 });
    }
}
