//! `symbolon unlock`

use serde::Serialize;
use symbolon_client::{Account, Error};
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::UnlockCode;

use super::pin::new_pin;
use crate::arguments::Unlock;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::secrets::Secrets;

#[derive(Serialize)]
struct Challenge {
    serial: SerialNumber,
    state: &'static str,
    lock_challenge: String,
}

#[derive(Serialize)]
struct Unlocked {
    serial: SerialNumber,
    state: &'static str,
    pin: &'static str,
}

/// Shows the challenge, takes the code for it, and sets a new PIN.
pub(crate) async fn unlock(account: &Account, options: &Unlock, format: Format) -> Result<(), Failure> {
    let serial = account.header().serial;
    let status = account.status()?;
    let lock_challenge = match status.lock_challenge {
        Some(challenge) => challenge,
        None if account.header().online().is_none() => {
            return Err(Failure::refused(format!(
                "token {serial} was activated without a network, so no unlock code opens it: ask for a ticket, remove the \
                 token and activate it anew"
            )));
        }
        None => return Err(Error::NoUnlockCode(serial).into()),
    };
    if options.code_fd.is_none() && !Secrets::can_ask() {
        let challenge = Challenge { serial, state: status.state.name(), lock_challenge };
        format.result(&challenge, |challenge| challenge.lock_challenge.clone());
        return Ok(());
    }
    let mut secrets = Secrets::default();
    if options.code_fd.is_none() {
        output::note(&format!("Tell your help desk: token {serial}, challenge {lock_challenge}"));
    }
    let typed = secrets.read(options.code_fd, "Unlock code", "--code-fd")?;
    let code = std::str::from_utf8(typed.expose()).unwrap_or_default().parse::<UnlockCode>()?;
    let unlocked = account.unlock_with_code(code).await?;
    let pin = new_pin(&mut secrets, options.pin_fd, unlocked.pin_length(), "--pin-fd")?;
    unlocked.set_pin(pin).await?;
    let state = account.status()?.state.name();
    format.result(&Unlocked { serial, state, pin: "changed" }, |_| format!("Token {serial} has its new PIN."));
    Ok(())
}
