//! What Xcode builds the app with: the library as an XCFramework, for phones and for the simulator.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::style::Style;
use crate::workspace::{self, Workspace};

/// Phones, and the simulator on a Mac of today.
const TARGETS: [&str; 2] = ["aarch64-apple-ios", "aarch64-apple-ios-sim"];

/// The oldest iOS that the package is for, as `ios/Package.swift` has it.
const OLDEST: &str = "16.0";

/// Where the package looks for it.
const FRAMEWORK: &str = "ios/SymbolonFFI.xcframework";

/// Makes the XCFramework, or says what is missing.
pub(crate) fn make(workspace: &Workspace) -> Result<ExitCode> {
    let missing = missing();
    if !missing.is_empty() {
        println!("{}", Style::of_stdout().heading("Missing on this machine:"));
        for lack in missing {
            println!("  {lack}");
        }
        return Ok(ExitCode::FAILURE);
    }
    let headers = workspace.target.join("ios/headers");
    fs::create_dir_all(&headers).with_context(|| format!("making {}", headers.display()))?;
    for file in ["SymbolonFFI.h", "module.modulemap"] {
        fs::copy(workspace.root.join("ios/Sources/SymbolonFFI").join(file), headers.join(file))?;
    }
    let framework = workspace.root.join(FRAMEWORK);
    if framework.exists() {
        fs::remove_dir_all(&framework)?;
    }
    let mut create = Command::new("xcodebuild");
    create.arg("-create-xcframework");
    for target in TARGETS {
        let mut build = workspace.library_for_phones("staticlib");
        workspace::run(build.args(["--target", target]).env("IPHONEOS_DEPLOYMENT_TARGET", OLDEST))?;
        let library = workspace.target.join(target).join("phone/libsymbolon_ffi.a");
        create.arg("-library").arg(library).arg("-headers").arg(&headers);
    }
    workspace::run(create.arg("-output").arg(&framework))?;
    println!("{FRAMEWORK} is written; `ios/Package.swift` finds it there");
    Ok(ExitCode::SUCCESS)
}

/// What this takes and the machine has not.
fn missing() -> Vec<String> {
    if !cfg!(target_os = "macos") {
        return vec!["a Mac with Xcode: Apple's linker and frameworks are nowhere else".into()];
    }
    let mut missing = Vec::new();
    if workspace::capture(Command::new("xcodebuild").arg("-version")).is_err() {
        missing.push("Xcode, from the App Store; then `sudo xcode-select --switch /Applications/Xcode.app`".into());
    }
    let installed =
        workspace::capture(Command::new("rustup").args(["target", "list", "--installed"])).unwrap_or_default();
    let lacking = TARGETS.into_iter().filter(|target| !installed.lines().any(|line| line == *target));
    missing.extend(lacking.map(|target| format!("Rust for {target}: `rustup target add {target}`")));
    missing
}
