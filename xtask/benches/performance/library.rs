//! The soft token as an app has it: how large its library is, and how soon it can show its accounts.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::report::Report;

/// The size of the library without its symbols, in megabytes.
pub(crate) fn measure_size(report: &mut Report, library: &Path, folder: &Path) -> Result<()> {
    report.progress("the size of the library for apps");
    let stripped = folder.join("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(library).status();
    ensure!(status.context("strip, of binutils, is not there")?.success(), "strip failed");
    let bytes = std::fs::metadata(&stripped)?.len();
    #[expect(clippy::cast_precision_loss, reason = "a library is far below 2^52 bytes long")]
    report.add("phone_library", bytes as f64 / 1e6, "MB");
    Ok(())
}

/// How long the soft token takes to start, by a program that is built as for phones.
pub(crate) fn measure_start(report: &mut Report, program: &Path, folder: &Path) -> Result<()> {
    report.progress("the start of the soft token");
    let output =
        Command::new(program).arg(folder).output().with_context(|| format!("running {}", program.display()))?;
    ensure!(output.status.success(), "it failed: {}", String::from_utf8_lossy(&output.stderr));
    report.add("phone_start", String::from_utf8_lossy(&output.stdout).trim().parse()?, "ms");
    Ok(())
}
