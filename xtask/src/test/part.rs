//! The parts of the test command, cheap ones first, and what each of them runs.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::programs::{Programs, Tally};
use crate::generated::{self, Document};
use crate::workspace::{self, Workspace};
use crate::{bindings, demo};

/// One row of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// rustfmt
    Format,
    /// clippy
    Lint,
    /// The tests of symbolon-core
    Core,
    /// The tests of symbolon-client
    Client,
    /// The tests of symbolon
    Cli,
    /// The tests of symbolon-ffi
    Ffi,
    /// The tests of symbolon-server
    Server,
    /// Whole journeys over real processes
    Journeys,
    /// The tests of these commands
    Xtask,
    /// The documentation, and the examples in it
    Docs,
    /// Whether generated files are current
    Generated,
    /// SDK and app of Android
    Android,
    /// SDK and app of iOS
    Ios,
    /// Whether the library compiles for phones
    Phones,
    /// The demo, once
    Demo,
}

impl Part {
    /// All parts, in the order in which they run.
    pub(crate) const ALL: [Self; 15] = [
        Self::Format,
        Self::Lint,
        Self::Xtask,
        Self::Core,
        Self::Client,
        Self::Cli,
        Self::Ffi,
        Self::Server,
        Self::Docs,
        Self::Generated,
        Self::Journeys,
        Self::Android,
        Self::Ios,
        Self::Phones,
        Self::Demo,
    ];

    /// The name on the command line and in the summary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Lint => "lint",
            Self::Core => "core",
            Self::Client => "client",
            Self::Cli => "cli",
            Self::Ffi => "ffi",
            Self::Server => "server",
            Self::Journeys => "journeys",
            Self::Xtask => "xtask",
            Self::Docs => "docs",
            Self::Generated => "generated",
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Phones => "phones",
            Self::Demo => "demo",
        }
    }

    /// What is checked, in a few words.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Format => "the code is as rustfmt writes it",
            Self::Lint => "clippy has nothing to say",
            Self::Core => "what both halves must agree on",
            Self::Client => "the soft token",
            Self::Cli => "the soft token on the desktop",
            Self::Ffi => "the soft token as Kotlin and Swift see it",
            Self::Server => "the verification server",
            Self::Journeys => "whole journeys over real processes",
            Self::Xtask => "these commands",
            Self::Docs => "the documentation has no dead link, and its examples run",
            Self::Generated => "generated files are current",
            Self::Android => "SDK and app, on Android's framework with the real library and a real server",
            Self::Ios => "library and app, with Apple's frameworks stood in for, the real library and a real server",
            Self::Phones => "the library compiles for Android and iOS",
            Self::Demo => "the demo goes as it is told",
        }
    }

    /// The crate whose tests the part is.
    fn tested(self) -> Option<&'static str> {
        match self {
            Self::Core => Some("symbolon-core"),
            Self::Client => Some("symbolon-client"),
            Self::Cli => Some("symbolon"),
            Self::Ffi => Some("symbolon-ffi"),
            Self::Server => Some("symbolon-server"),
            Self::Journeys => Some("symbolon-tests"),
            Self::Xtask => Some("xtask"),
            Self::Format
            | Self::Lint
            | Self::Docs
            | Self::Generated
            | Self::Android
            | Self::Ios
            | Self::Phones
            | Self::Demo => None,
        }
    }

    /// Whether it runs the two programs.
    fn needs_programs(self) -> bool {
        matches!(self, Self::Ffi | Self::Journeys | Self::Generated | Self::Android | Self::Ios | Self::Demo)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The two programs that the project is about.
const PROGRAMS: [&str; 2] = ["symbolon-server", "symbolon"];

/// One run of the test command: what was built is kept from part to part.
pub(super) struct Session<'a> {
    workspace: &'a Workspace,
    parts: Vec<Part>,
    programs: Option<Programs>,
}

impl<'a> Session<'a> {
    pub(super) fn new(workspace: &'a Workspace, parts: Vec<Part>) -> Self {
        Self { workspace, parts, programs: None }
    }

    /// Builds what the parts of this run need, once and all with the same features, when `part` is the first of them
    /// that needs it; answers how long that took.
    pub(super) fn build_for(&mut self, part: Part) -> Result<Option<Duration>> {
        if self.programs.is_some() || (part.tested().is_none() && !part.needs_programs()) {
            return Ok(None);
        }
        let mut packages: Vec<&str> = self.parts.iter().filter_map(|part| part.tested()).collect();
        if self.parts.iter().any(|part| part.needs_programs()) {
            packages.extend(PROGRAMS);
        }
        if self.parts.contains(&Part::Android) || self.parts.contains(&Part::Ios) {
            // Its library is what the tests in Kotlin and Swift load.
            packages.push("symbolon-ffi");
        }
        packages.sort_unstable();
        packages.dedup();
        let begun = Instant::now();
        self.programs = Some(Programs::build(self.workspace, &packages)?);
        Ok(Some(begun.elapsed()))
    }

    /// Runs a part; answers how many tests ran, where it counts any.
    pub(super) fn check(&self, part: Part) -> Result<Option<Tally>> {
        let workspace = self.workspace;
        if part.needs_programs() {
            for program in PROGRAMS {
                self.programs()?.require(workspace, program)?;
            }
        }
        match part {
            Part::Format => {
                let outcome = self.cargo(&["fmt", "--all", "--check", "--", "--files-with-diff"]);
                outcome.context("the files above are formatted otherwise; `cargo fmt --all` puts it right")
            }
            Part::Lint => {
                self.cargo(&["clippy", "--workspace", "--all-targets", "--keep-going", "--", "--deny=warnings"])
            }
            Part::Docs => self.document(),
            Part::Generated => {
                // All of them are looked at, so that one run names every stale one.
                let mut stale: Vec<String> = Document::ALL
                    .into_iter()
                    .filter_map(|document| generated::check(workspace, document).err())
                    .map(|error| format!("{error:#}"))
                    .collect();
                stale.extend(bindings::check(workspace).err().map(|error| format!("{error:#}")));
                anyhow::ensure!(stale.is_empty(), "{}", stale.join("\n"));
                Ok(None)
            }
            Part::Android => super::android::check(workspace).map(Some),
            Part::Ios => super::ios::check(workspace).map(Some),
            Part::Phones => super::phones::check(workspace).map(Some),
            Part::Demo => demo::check(workspace).map(|()| None),
            Part::Core | Part::Client | Part::Cli | Part::Ffi | Part::Server | Part::Journeys | Part::Xtask => {
                let package = part.tested().context("a part without tests")?;
                self.programs()?.run_tests(workspace, package).map(Some)
            }
        }
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Option<Tally>> {
        workspace::run(&mut self.workspace.cargo(arguments))?;
        Ok(None)
    }

    fn document(&self) -> Result<Option<Tally>> {
        let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
        let mut document = self.workspace.cargo(["doc", "--workspace", "--no-deps", "--keep-going"]);
        document.env("RUSTDOCFLAGS", format!("{flags} --deny=warnings"));
        let documented = workspace::run(&mut document);
        // The examples run even where a link is dead.
        self.cargo(&["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"])?;
        documented.map(|()| None)
    }

    fn programs(&self) -> Result<&Programs> {
        self.programs.as_ref().context("nothing was built")
    }
}
