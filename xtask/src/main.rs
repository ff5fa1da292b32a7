//! What a developer does, as commands: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`, `cargo xtask fuzz`.
//!
//! One file per command. What they share is the [`workspace`] (where things are, how cargo is run) and the [`style`] of
//! what they print.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these commands speak to the person at the terminal")]

mod bench;
mod bindings;
mod demo;
mod fuzz;
mod generated;
mod package;
mod screenshots;
mod soak;
mod style;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::style::Style;
use crate::workspace::Workspace;

/// What a developer of Symbolon does.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a real server and a real soft token, and tells step by step what they do with each other
    Demo {
        /// Ends when the story ends, leaves nothing running, and fails when a step did not go as told
        #[arg(long)]
        once: bool,
    },
    /// Runs every check, and installs what they need
    Test {
        /// Only these parts
        #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
        only: Vec<test::Part>,
    },
    /// Runs the long forms of the proofs: fifty kills, fifty races, ten minutes of mixed load on each database
    Soak,
    /// Measures on this machine, prints a table and writes docs/performance.md
    Bench {
        /// Only results whose names begin so; docs/performance.md is left as it is then
        #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
        only: Vec<String>,
        /// How many tokens the server knows meanwhile
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        tokens: u32,
        /// Writes the results here too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Writes the Kotlin or the Swift of the soft token anew, and ffi/surface.txt
    Bindings {
        /// For which language
        #[arg(value_enum)]
        language: bindings::Language,
    },
    /// Makes what an app's developer builds upon and what a phone installs: for Android in target/android, for iOS on a Mac
    Package {
        /// Whose packages
        #[arg(value_enum)]
        system: package::System,
        /// The key store that the app is signed with; its password is asked for, or is in SYMBOLON_SIGNING_PASSWORD
        #[arg(long, value_name = "FILE")]
        signing_key: Option<PathBuf>,
        /// The server whose mailed links open the app: for an organisation's own build, which the server names in `android_apps`
        #[arg(long, value_name = "HOST", value_parser = package::host)]
        link_host: Option<String>,
    },
    /// Looks for inputs that make a reader fail, with libFuzzer
    Fuzz {
        /// Only these inputs
        #[arg(value_name = "INPUT")]
        only: Vec<String>,
        /// For how long at each
        #[arg(long, value_name = "N", default_value_t = 60)]
        seconds: u32,
        /// How many times each, instead
        #[arg(long, value_name = "N", conflicts_with = "seconds")]
        runs: Option<u32>,
    },
    /// Writes docs/openapi.json anew
    Openapi,
    /// Takes the pictures of the pages in docs/screenshots anew
    Screenshots,
    /// Writes docs/commands.md anew, from what the programs say with --help
    HelpDocs,
}

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    let outcome = Workspace::locate().and_then(|workspace| match command {
        Command::Demo { once } => demo::run(&workspace, once),
        Command::Test { only } => test::run(&workspace, &only),
        Command::Soak => soak::run(&workspace),
        Command::Bench { only, tokens, json } => bench::run(&workspace, &only, tokens, json.as_deref()),
        Command::Bindings { language } => bindings::write(&workspace, language),
        Command::Package { system, signing_key, link_host } => {
            package::run(&workspace, system, signing_key.as_deref(), link_host.as_deref())
        }
        Command::Fuzz { only, seconds, runs } => {
            fuzz::run(&workspace, &only, runs.map_or(fuzz::Length::Seconds(seconds), fuzz::Length::Runs))
        }
        Command::Openapi => generated::write(&workspace, generated::Document::OpenApi),
        Command::Screenshots => screenshots::run(&workspace),
        Command::HelpDocs => generated::write(&workspace, generated::Document::Commands),
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{} {error:#}", Style::of_stderr().bad("failed:"));
            ExitCode::FAILURE
        }
    }
}
