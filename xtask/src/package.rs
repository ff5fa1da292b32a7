//! `cargo xtask package`: what an app's developer builds upon, and what a phone installs.

pub(crate) mod android;
mod ios;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;

/// Whose packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum System {
    /// An AAR with the SDK, and an APK with the app
    Android,
    /// An XCFramework, on a Mac
    Ios,
}

/// Makes the packages of a system anew, from what is in the tree.
pub(crate) fn run(workspace: &Workspace, system: System, signing_key: Option<PathBuf>) -> Result<ExitCode> {
    match system {
        System::Ios => return ios::make(workspace),
        System::Android => {
            android::compile(workspace)?;
            let packages = android::make(workspace, signing_key.as_deref())?;
            for path in [&packages.aar, &packages.apk] {
                println!("{} is written", workspace.shown(path));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
