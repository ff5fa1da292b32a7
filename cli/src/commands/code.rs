//! `symbolon code`

use jiff::Timestamp;
use serde::Serialize;
use symbolon_client::Account;
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
    let shown = session.code().await?;
    let result = Shown {
        serial: account.header().serial,
        code: shown.code.to_string(),
        valid_until: Timestamp::from_second(shown.valid_until.as_second()).unwrap_or(shown.valid_until),
    };
    format.result(&result, |_| format!("{}   for {} s", shown.code.grouped(), shown.remaining.as_secs().max(1)));
    Ok(())
}
