//! `cargo xtask package`: what an app's developer builds upon, and what a phone installs.

pub(crate) mod android;
mod ios;

use std::path::Path;
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

/// Reads the name of a host, such as `token.example.org`.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if text.contains('.') && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("this is no host".into())
    }
}

/// Makes the packages of a system anew, from what is in the tree.
pub(crate) fn run(
    workspace: &Workspace,
    system: System,
    signing_key: Option<&Path>,
    link_host: Option<&str>,
) -> Result<ExitCode> {
    match system {
        System::Ios => return ios::make(workspace),
        System::Android => {
            android::compile(workspace, link_host)?;
            let packages = android::make(workspace, signing_key)?;
            for path in [&packages.aar, &packages.apk] {
                println!("{} is written", workspace.shown(path));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
