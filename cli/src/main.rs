//! `symbolon`, the soft token on the desktop: the commands of `docs` over the engine that the phones use too.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod failure;
mod home;
mod key_store;
mod output;
mod secrets;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as UsageErrorKind;
use symbolon_client::ErrorKind;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Format;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let format = if arguments.json { Format::Json } else { Format::Text };
    // One thread is enough; what blocks has threads of its own.
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))
        .and_then(|runtime| runtime.block_on(commands::run(arguments, format)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            format.failure(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

/// Help and version, or what is wrong with the command line, as clap says it.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), UsageErrorKind::DisplayHelp | UsageErrorKind::DisplayVersion);
    if !asked && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let what = text.split("\n\nUsage").next().unwrap_or_default().trim_start_matches("error: ");
        let message = what.split_whitespace().collect::<Vec<_>>().join(" ");
        Format::Json.failure(&Failure { kind: ErrorKind::Input, message });
        return ExitCode::from(ErrorKind::Input.exit_code());
    }
    // Whoever closed the pipe has read what they wanted.
    let _ = error.print();
    if asked { ExitCode::SUCCESS } else { ExitCode::from(ErrorKind::Input.exit_code()) }
}
