//! `symbolon pin change`, and how a new PIN is chosen.

use serde::Serialize;
use symbolon_client::Account;
use symbolon_core::policy::PinLength;
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::{ChosenPin, Pin};

use super::unlock;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::secrets::Secrets;

#[derive(Serialize)]
struct Changed {
    serial: SerialNumber,
    pin: &'static str,
}

/// Opens the account and sets another PIN.
pub(crate) async fn change(
    account: &Account,
    pin_fd: Option<u32>,
    new_pin_fd: Option<u32>,
    format: Format,
) -> Result<(), Failure> {
    let mut secrets = Secrets::default();
    let session = unlock(account, &mut secrets, pin_fd).await?;
    let length = session.account().header().policy.pin_length;
    let pin = new_pin(&mut secrets, new_pin_fd, length, "--new-pin-fd")?;
    session.change_pin(pin).await?;
    let result = Changed { serial: account.header().serial, pin: "changed" };
    format.result(&result, |result| format!("The PIN of token {} is changed.", result.serial));
    Ok(())
}

/// A new PIN, from a file descriptor if there is one, else by asking.
pub(super) fn new_pin(
    secrets: &mut Secrets,
    descriptor: Option<u32>,
    length: PinLength,
    option: &str,
) -> Result<ChosenPin, Failure> {
    match descriptor {
        Some(descriptor) => Ok(Pin::from_ascii(secrets.line(descriptor)?.expose())?.choose(length)?),
        None => choose(secrets, length, option),
    }
}

/// Asks for a new PIN, twice, until it is one that may be chosen.
pub(crate) fn choose(secrets: &mut Secrets, length: PinLength, option: &str) -> Result<ChosenPin, Failure> {
    loop {
        let first = secrets.read(None, &format!("New PIN, {} digits", length.get()), option)?;
        let chosen = Pin::from_ascii(first.expose()).map_err(|error| error.to_string());
        match chosen.and_then(|pin| pin.choose(length).map_err(|error| error.to_string())) {
            Err(reason) => output::note(&format!("Not this one: {reason}.")),
            Ok(pin) if secrets.read(None, "The same PIN again", option)? == first => return Ok(pin),
            Ok(_) => output::note("The two are not the same."),
        }
    }
}
