//! `admin audit …`

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::audit_csv;
use crate::checkpoints;
use crate::commands::output::{Failure, Output, counted};
use crate::config::Audit;
use crate::service::audit::{self, AuditEntry, AuditFilter, ChainReport};
use crate::service::checkpoints::{Checkpoint, SignedCheckpoint};
use crate::service::{self, Service, ServiceError};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print entries as JSON, one a line, or as CSV for spreadsheets.
    Export {
        /// From this time on (RFC 3339), or from the beginning of this day in UTC.
        #[arg(long, value_name = "TIME", value_parser = time)]
        from: Option<Timestamp>,
        /// Until before this time (RFC 3339), or before this day in UTC.
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Option<Timestamp>,
        /// How to write them.
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
    /// Walk along the chain and name the first bad entry.
    Verify {
        /// A file of signed checkpoints that was kept elsewhere: with it a cut-off end is found.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Sign where the audit ends now, to be kept elsewhere; also written to the configured folder.
    Checkpoint,
}

/// A time, or the beginning of a day in UTC.
fn time(text: &str) -> Result<Timestamp, &'static str> {
    const EXAMPLES: &str = "a time looks like 2026-11-30T08:00:00Z, a day like 2026-11-30";
    // What is longer is a time; its day alone would be another one.
    let day = (text.len() == "2026-11-30".len()).then(|| text.parse::<jiff::civil::Date>().ok()).flatten();
    let time = match day {
        Some(day) => jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)),
        None => text.parse(),
    };
    time.map_err(|_| EXAMPLES)
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A JSON object a line.
    Json,
    /// Comma-separated values with a heading. No cell begins like a formula.
    Csv,
}

/// What the walk along the chain has found.
#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    report: ChainReport,
    /// How many signed checkpoints fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoints: Option<usize>,
}

#[derive(Serialize)]
struct Written {
    #[serde(flatten)]
    checkpoint: SignedCheckpoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

pub(super) fn run(command: &Command, service: &Service, config: &Audit, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Export { from: Some(from), to: Some(to), .. } if from > to => {
            Err(Failure::usage(format!("--from {from} is after --to {to}")))
        }
        Command::Export { from, to, format } => {
            let filter = AuditFilter { from: *from, to: *to, ..AuditFilter::default() };
            let within = |entry: &AuditEntry| filter.holds(entry.time);
            export(service, within, *format, output)
        }
        Command::Verify { checkpoint } => {
            let checkpoints = checkpoint.as_deref().map(|file| read(file, service)).transpose()?.unwrap_or_default();
            let report =
                service.store.read(|snapshot| Ok::<_, ServiceError>(audit::verify(snapshot, &checkpoints)?))?;
            let fitting = (checkpoint.is_some() && report.intact).then_some(checkpoints.len());
            let verified = Verified { report, checkpoints: fitting };
            output.answer(&verified, lines)?;
            if verified.report.intact { Ok(()) } else { Err(Failure::already_said()) }
        }
        Command::Checkpoint => {
            let written = checkpoints::write(service, config)?;
            let (checkpoint, file) = written.ok_or_else(|| Failure::refused("there is nothing in the audit yet"))?;
            output.answer(&Written { checkpoint, file }, |written| written.checkpoint.checkpoint.clone())
        }
    }
}

fn read(file: &Path, service: &Service) -> Result<Vec<Checkpoint>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{} can't be read: {error}", file.display())))?;
    let identities = service.store.read(|snapshot| service.keyring.identities(snapshot))?;
    // In the order in which they came, the one in force first; what an earlier one has signed stays signed.
    Ok(service::checkpoints::read(&text, identities.all_public())?)
}

fn export(
    service: &Service,
    within: impl Fn(&AuditEntry) -> bool,
    format: Format,
    output: &Output,
) -> Result<(), Failure> {
    if format == Format::Csv {
        output.text(audit_csv::HEADING)?;
    }
    let mut next = 1;
    loop {
        let page = service.audit_page(next, 1000)?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.sequence + 1;
        for entry in page.iter().filter(|entry| within(entry)) {
            output.text(&match format {
                Format::Json => serde_json::to_string(entry).map_err(Failure::internal)?,
                Format::Csv => audit_csv::line(entry).map_err(Failure::internal)?,
            })?;
        }
    }
}

fn lines(Verified { report, checkpoints }: &Verified) -> String {
    let fitting = |count: &usize| format!("; {}", counted(*count, "checkpoint fits", "checkpoints fit"));
    let fitting = checkpoints.as_ref().map(fitting).unwrap_or_default();
    match (&report.broken, &report.head) {
        (Some(broken), _) => format!("broken at entry {}: {}", broken.sequence, broken.reason),
        (None, Some(head)) => {
            let entries = counted(head.sequence, "entry", "entries");
            format!("intact: {entries}, the last one's hash is {}{fitting}", head.hash)
        }
        (None, None) => format!("intact: no entries yet{fitting}"),
    }
}
