//! The part `ios`: the Swift package, with Apple's frameworks stood in for, the host's build of the library and a real server
//! process.

mod names;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::programs::Tally;
use super::swift::Toolchain;
use crate::workspace::{Line, Workspace};

/// Has Swift run the package's tests against the library and the server, which are built; answers how many ran.
pub(super) fn check(workspace: &Workspace) -> Result<Tally> {
    let built = workspace.target.join("debug");
    let toolchain = Toolchain::find().context("the Swift toolchain is gone")?;
    let mut test = toolchain.command("test", &built)?;
    // There is one simulated phone.
    test.current_dir(workspace.root.join("ios")).args(["--no-parallel", "--scratch-path"]);
    test.arg(workspace.target.join("ios")).env("SYMBOLON_TARGET", &built);
    println!("$ swift test --no-parallel");
    test.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = test.spawn().with_context(|| format!("`{}` can't be started", Line(&test)))?;
    let mut tally = Tally::default();
    for line in BufReader::new(child.stdout.take().context("the tests' output")?).lines() {
        let line = line.context("reading the tests' output")?;
        tally.passed += count(&line);
        println!("{line}");
    }
    let status = child.wait().context("waiting for the tests")?;
    ensure!(status.success(), "`swift test` ended with {status}");
    ensure!(tally.passed > 0, "Swift ran no test");
    println!("{} names of Apple's are as in its headers", names::check(workspace)?);
    tally.passed += 1;
    Ok(tally)
}

/// The number in the closing line of Swift's tests: `✔ Test run with 34 tests passed after 71.2 seconds.`
fn count(line: &str) -> u32 {
    let number = line.split_once("Test run with ").and_then(|(_, rest)| rest.split_once(" test"));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_counted_and_no_other() {
        assert_eq!(count("✔ Test run with 34 tests passed after 71.2 seconds."), 34);
        assert_eq!(count("✔ Test run with 1 test passed after 0.2 seconds."), 1);
        assert_eq!(count("✔ Test aLink() passed after 0.2 seconds."), 0);
    }
}
