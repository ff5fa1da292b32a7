//! The part `android`: SDK and app on Android's own framework, on the JVM, with the host's build of the library and a real
//! server process. Maven fetches what it needs, Android's framework among it.

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
    compile_for_phones(workspace)?;
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

/// Compiles the library for phones, without linking it, where the toolchain has their target: linking needs Google's NDK. The C in
/// ring is compiled with clang against the headers of musl.
fn compile_for_phones(workspace: &Workspace) -> Result<()> {
    let target = "aarch64-linux-android";
    let mut rustup = Command::new("rustup");
    let installed = rustup.args(["target", "list", "--installed"]);
    if !workspace::capture(installed).is_ok_and(|list| list.lines().any(|line| line == target)) {
        println!("not compiled for {target}: `rustup target add {target}` adds it");
        return Ok(());
    }
    let mut check = workspace.cargo(["check", "--quiet", "--package=symbolon-ffi", "--target", target]);
    check.env("CC_aarch64_linux_android", "clang").env(
        "CFLAGS_aarch64_linux_android",
        "--target=aarch64-linux-android30 -isystem /usr/include/x86_64-linux-musl",
    );
    workspace::run(&mut check)
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
