//! `admin audit …`

use clap::Subcommand;
use jiff::Timestamp;

use crate::commands::output::{Failure, Output};
use crate::service::audit::{self, ChainReport};
use crate::service::{Service, ServiceError};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print entries as JSON, one a line.
    Export {
        /// From this time on (RFC 3339).
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Until before this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        to: Option<Timestamp>,
    },
    /// Walk along the chain and name the first bad entry.
    Verify,
}

pub(super) fn run(command: &Command, service: &Service, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Export { from, to } => export(service, *from, *to, output),
        Command::Verify => {
            let report = service.store.read(|snapshot| Ok::<_, ServiceError>(audit::verify(snapshot)?))?;
            output.answer(&report, lines)?;
            if report.intact { Ok(()) } else { Err(Failure::already_said()) }
        }
    }
}

fn export(service: &Service, from: Option<Timestamp>, to: Option<Timestamp>, output: &Output) -> Result<(), Failure> {
    let mut next = 1;
    loop {
        let page = service.audit_page(next, 1000)?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.sequence + 1;
        for entry in page {
            if from.is_none_or(|from| entry.time >= from) && to.is_none_or(|to| entry.time < to) {
                output.text(&serde_json::to_string(&entry).map_err(Failure::internal)?)?;
            }
        }
    }
}

fn lines(report: &ChainReport) -> String {
    match (&report.broken, &report.head) {
        (Some(broken), _) => format!("broken at entry {}: {}", broken.sequence, broken.reason),
        (None, Some(head)) => format!("intact: {} entries, the last one's hash is {}", head.sequence, head.hash),
        (None, None) => "intact: no entries yet".to_owned(),
    }
}
