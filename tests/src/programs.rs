//! The two programs under test: found beside the running test, and built first where they are missing or stale; or
//! those in the folder that `SYMBOLON_TESTED_PROGRAMS` names, such as a package that was installed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

const PACKAGES: [&str; 2] = ["symbolon-server", "symbolon"];

/// The folder with the programs to test, where it is not the one that the tests were built in.
const ELSEWHERE: &str = "SYMBOLON_TESTED_PROGRAMS";

/// Where a program is.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(folder).as_ref().expect("the programs under test do not compile").join(name)
}

/// The folder with the programs: `target/debug`, seen from a test in `target/debug/deps`.
///
/// `cargo xtask test` builds them with everything else; under a plain `cargo test` nobody has.
fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(ELSEWHERE) {
        return Some(folder.into());
    }
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().to_owned();
    if PACKAGES.iter().all(|name| is_current(&folder.join(name))) {
        return Some(folder);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.arg("build").current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.args(PACKAGES.iter().map(|name| format!("--package={name}")));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    command.status().is_ok_and(|status| status.success()).then_some(folder)
}

/// Whether a program is there and no source of it has changed since: Cargo lists them beside it.
fn is_current(program: &Path) -> bool {
    let changed = |path: &Path| -> Option<SystemTime> { path.metadata().and_then(|about| about.modified()).ok() };
    let (Some(built), Ok(listed)) = (changed(program), std::fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    let Some((_, sources)) = listed.trim().split_once(": ") else { return false };
    // A space in a path is written with a backslash before it.
    let sources = sources.replace("\\ ", "\0");
    sources
        .split(' ')
        .all(|source| changed(Path::new(&source.replace('\0', " "))).is_some_and(|changed| changed <= built))
}
