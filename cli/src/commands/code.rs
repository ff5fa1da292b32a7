//! `symbolon code`, and how a code is shown.

use jiff::Timestamp;
use serde::Serialize;
use symbolon_client::{Account, ShownCode};
use symbolon_core::activation::offline::RegistrationCode;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_code: Option<String>,
}

impl Shown {
    fn new(serial: SerialNumber, shown: &ShownCode, registration: Option<RegistrationCode>) -> Self {
        Self {
            serial,
            code: shown.code.to_string(),
            valid_until: Timestamp::from_second(shown.valid_until.as_second()).unwrap_or(shown.valid_until),
            registration_code: registration.map(|registration| registration.digits()),
        }
    }
}

/// Opens the account and shows its code.
pub(crate) async fn show(account: &Account, options: &Code, format: Format) -> Result<(), Failure> {
    let mut session = unlock(account, &mut Secrets::default(), options.pin_fd).await?;
    if options.contact {
        session.contact().await?;
    }
    let shown = session.code().await?;
    match session.registration() {
        Some(registration) => print_first(account.header().serial, &shown, registration, format),
        None => print(account.header().serial, &shown, format),
    }
    Ok(())
}

/// Prints a code of a token.
pub(super) fn print(serial: SerialNumber, shown: &ShownCode, format: Format) {
    format.result(&Shown::new(serial, shown, None), |_| line(shown));
}

/// Prints what completes an activation without a network: the registration code with a code.
pub(super) fn print_first(serial: SerialNumber, shown: &ShownCode, registration: RegistrationCode, format: Format) {
    format.result(&Shown::new(serial, shown, Some(registration)), |_| {
        format!(
            "Registration code  {}\nCode               {}\n\n\
             Give both to whoever gave you the ticket of token {serial}: they complete the activation. Once that is \
             done,\nthe code is all you need. Both can be shown again with: symbolon code",
            registration.grouped(),
            line(shown)
        )
    });
}

fn line(shown: &ShownCode) -> String {
    format!("{}   for {} s", shown.code.grouped(), shown.remaining.as_secs().max(1))
}
