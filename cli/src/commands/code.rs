//! `symbolon code`, and how a code is shown.

use jiff::Timestamp;
use serde::Serialize;
use symbolon_client::{Account, ShownCode};
use symbolon_core::serial::SerialNumber;

use super::unlock;
use crate::arguments::Code;
use crate::failure::Failure;
use crate::output::Format;
use crate::secrets::Secrets;

#[derive(Serialize)]
struct Shown {
    serial: SerialNumber,
    code: String,
    valid_until: Timestamp,
}

/// Opens the account and shows its code.
pub(crate) async fn show(account: &Account, options: &Code, format: Format) -> Result<(), Failure> {
    let mut session = unlock(account, &mut Secrets::default(), options.pin_fd).await?;
    if options.contact {
        session.contact().await?;
    }
    print(account.header().serial, &session.code().await?, format);
    Ok(())
}

/// Prints a code of a token.
pub(super) fn print(serial: SerialNumber, shown: &ShownCode, format: Format) {
    let valid_until = Timestamp::from_second(shown.valid_until.as_second()).unwrap_or(shown.valid_until);
    let result = Shown { serial, code: shown.code.to_string(), valid_until };
    format.result(&result, |_| format!("{}   for {} s", shown.code.grouped(), shown.remaining.as_secs().max(1)));
}
