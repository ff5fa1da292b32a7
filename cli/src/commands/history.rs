//! `symbolon history`: what was asked here, and how it was answered.

use jiff::Timestamp;
use serde::Serialize;
use symbolon_client::Account;
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::Noted;

use super::unlock;
use crate::failure::Failure;
use crate::output::Format;
use crate::secrets::Secrets;

#[derive(Serialize)]
struct Shown {
    serial: SerialNumber,
    history: Vec<Noted>,
}

/// Opens the account and shows its history.
pub(crate) async fn show(account: &Account, pin_fd: Option<u32>, format: Format) -> Result<(), Failure> {
    let session = unlock(account, &mut Secrets::default(), pin_fd).await?;
    let whole = |noted: Noted| Noted { time: seconds(noted.time), ..noted };
    let history: Vec<Noted> = session.history()?.into_iter().map(whole).collect();
    format.result(&Shown { serial: account.header().serial, history }, |shown| {
        if shown.history.is_empty() {
            return "Nothing was decided on this device yet.".to_owned();
        }
        shown.history.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn line(noted: &Noted) -> String {
    let outcome = noted.outcome.as_ref().map_or_else(|| noted.decision.name(), |outcome| outcome.as_str());
    let application = noted.application.as_ref().map_or("by QR", |application| application.as_str());
    let summary = noted.summary.as_ref().map_or("sign-in", |summary| summary.as_str());
    format!("{}  {outcome:<10}  {application}: {summary}", noted.time)
}
