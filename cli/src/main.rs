//! `symbolon`, the soft token on the desktop: the commands of `docs` over the engine that the phones use too.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod failure;
mod home;
mod key_store;
mod output;
mod secrets;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as UsageErrorKind;
use symbolon_client::ErrorKind;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Format;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(given()) {
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

/// The command line. A value to sign such as `-12.50 EUR` would be taken for an option, so it gets a space before it: white
/// space around a value is not signed, and no option begins with a hyphen and a digit.
fn given() -> Vec<OsString> {
    let mut given: Vec<OsString> = std::env::args_os().collect();
    let sign = given.iter().position(|word| word == "sign").unwrap_or(given.len());
    for value in given.iter_mut().skip(sign) {
        let is_amount = |text: &&str| {
            text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        if let Some(text) = value.to_str().filter(is_amount) {
            *value = format!(" {text}").into();
        }
    }
    given
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
