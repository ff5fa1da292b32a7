//! Where things are in this tree, and how cargo is run in it.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::style::Style;

/// The workspace that this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// Its crates.
    pub(crate) packages: Vec<Package>,
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// What cargo calls it in its messages.
    pub(crate) id: String,
    /// Where its Cargo.toml is.
    pub(crate) manifest_path: PathBuf,
    /// What is built from it.
    pub(crate) targets: Vec<Target>,
}

/// A library, program, test or benchmark of a crate.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench`, …
    pub(crate) kind: Vec<String>,
    /// Whether `cargo test` runs it.
    pub(crate) test: bool,
}

/// What has cargo build as for phones, into a folder `phone`.
pub(crate) const FOR_PHONES: &str = "--profile=phone";

/// How much the compiler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Built soon, runs well enough: dependencies are optimised, our own crates are not.
    Dev,
    /// What is shipped and measured.
    Release,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

impl Workspace {
    /// Asks cargo where things are.
    pub(crate) fn locate() -> Result<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            workspace_root: PathBuf,
            target_directory: PathBuf,
            packages: Vec<Package>,
        }
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(manifest);
        let metadata: Metadata = serde_json::from_str(&capture(&mut command)?).context("cargo metadata's answer")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory, packages: metadata.packages })
    }

    /// A cargo command in this workspace.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// A build of `symbolon-ffi` as an app loads it: a `cdylib`, or a `staticlib`. As one kind alone it is optimised as one
    /// with all that it depends on; cargo leaves that out for a crate of several kinds.
    pub(crate) fn library_for_phones(&self, kind: &str) -> Command {
        self.cargo(["rustc", FOR_PHONES, "--package=symbolon-ffi", "--lib", "--crate-type", kind])
    }

    /// Where a program of the workspace is once it is built.
    pub(crate) fn program(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.folder()).join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// `path` as it is written in a command that is run in the workspace's root.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
        let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
    }

    /// The crate of this name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

/// Cargo without the variables that `cargo run` set for this program: build scripts that watch them (ring's does)
/// would run again at each change between a nested and an ordinary cargo.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command whose output the person sees, and shows the command before.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("{}", Style::of_stdout().faint(&format!("$ {}", Line(command))));
    let status = command.status().with_context(|| format!("{} can't be started", Line(command)))?;
    ensure!(status.success(), "`{}` ended with {status}", Line(command));
    Ok(())
}

/// Runs a command quietly and answers what it wrote to standard output; its errors are part of the error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("`{}` can't be started", Line(command)))?;
    ensure!(
        output.status.success(),
        "`{}` ended with {}\n{}",
        Line(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote something that is not UTF-8", Line(command)))
}

/// What a build made.
pub(crate) struct Built {
    /// Everything that was built, or was there already.
    pub(crate) artifacts: Vec<Artifact>,
    /// Whether nothing is missing.
    pub(crate) complete: bool,
}

/// A library or program that cargo built, as its messages describe it.
#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    /// The crate.
    pub(crate) package_id: String,
    /// Which target of it.
    pub(crate) target: ArtifactTarget,
    /// How it was built.
    pub(crate) profile: ArtifactProfile,
    /// Where the program is, if it is one.
    pub(crate) executable: Option<PathBuf>,
}

/// The target of an artifact.
#[derive(Debug, Deserialize)]
pub(crate) struct ArtifactTarget {
    /// Its name.
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench`, …
    pub(crate) kind: Vec<String>,
}

/// How an artifact was built.
#[derive(Debug, Deserialize)]
pub(crate) struct ArtifactProfile {
    /// As a program that runs the target's tests.
    pub(crate) test: bool,
}

/// Runs a `cargo build` or the like, whose errors the person sees, and reads from its messages what it made.
pub(crate) fn build(command: &mut Command) -> Result<Built> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
    }
    println!("{}", Style::of_stdout().faint(&format!("$ {}", Line(command))));
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("`{}` can't be started", Line(command)))?;
    let mut artifacts = Vec::new();
    for line in BufReader::new(child.stdout.take().context("cargo's messages")?).lines() {
        let line = line.context("cargo's messages")?;
        let is_artifact =
            serde_json::from_str::<Message>(&line).is_ok_and(|message| message.reason == "compiler-artifact");
        if is_artifact {
            artifacts.push(serde_json::from_str(&line).context("cargo's message about an artifact")?);
        }
    }
    Ok(Built { artifacts, complete: child.wait().context("waiting for cargo")?.success() })
}

/// A command as a person would type it.
pub(crate) struct Line<'a>(pub(crate) &'a Command);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = Path::new(self.0.get_program());
        write!(f, "{}", program.file_name().unwrap_or(program.as_os_str()).to_string_lossy())?;
        for argument in self.0.get_args() {
            let argument = argument.to_string_lossy();
            if argument.contains([' ', '{', '"']) { write!(f, " '{argument}'")? } else { write!(f, " {argument}")? }
        }
        Ok(())
    }
}
