//! What each command does.

use std::time::Duration;

use clap::CommandFactory;
use jiff::SignedDuration;
use symbolon_client::{Account, Error, Session};
use symbolon_core::approval::Decision;
use symbolon_core::vault::Pin;

use crate::arguments::{Arguments, Command, Pin as PinCommand, Receipt};
use crate::failure::Failure;
use crate::home::{self, Home};
use crate::output::{self, Format};
use crate::secrets::Secrets;

mod activate;
mod activate_offline;
mod approvals;
mod code;
mod history;
mod moving;
mod pin;
mod receipt;
mod respond;
mod tokens;
mod unlocking;

/// Runs a command.
pub(crate) async fn run(arguments: Arguments, format: Format) -> Result<(), Failure> {
    if let Command::Completions { shell } = arguments.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "symbolon", &mut script);
        output::text(&script);
        return Ok(());
    }
    if let Command::Receipt(Receipt::Verify { file, identity }) = arguments.command {
        return receipt::verify(&file, identity.as_ref(), format);
    }
    let place = home::place(arguments.home)?;
    if !place.exists() {
        match arguments.command {
            Command::List => return tokens::list_none(format),
            // One shows where things are to be kept, the other keeps them there.
            Command::Status | Command::Activate(_) => {}
            _ => return Err(Error::NoToken.into()),
        }
    }
    let home = Home::open(place, arguments.key_store)?;
    let soft_token = home.soft_token().await?;
    match arguments.command {
        Command::Activate(options) if options.offline => {
            activate_offline::activate(&home, &soft_token, options, format).await
        }
        Command::Activate(options) => activate::activate(&home, &soft_token, options, format).await,
        Command::List => tokens::list(&soft_token, format),
        Command::Status => tokens::status(&home, &soft_token, format),
        Command::Remove { serial, yes } => tokens::remove(&soft_token, serial, yes, format).await,
        Command::Pin(PinCommand::Change { serial, pin_fd, new_pin_fd }) => {
            pin::change(&soft_token.account(serial)?, pin_fd, new_pin_fd, format).await
        }
        Command::Unlock(options) => unlocking::unlock(&soft_token.account(options.serial)?, &options, format).await,
        Command::Code(options) => code::show(&soft_token.account(options.serial)?, &options, format).await,
        Command::Respond { challenge, token } => respond::respond(&soft_token, &challenge, &token, format).await,
        Command::Sign { values, token } => respond::sign(&soft_token, &values, &token, format).await,
        Command::Scan { qr, token } => respond::scan(&soft_token, &qr, &token, format).await,
        Command::Requests { wait, serial } => approvals::requests(&soft_token, serial, wait, format).await,
        Command::Confirm(options) => approvals::decide(&soft_token, options, Decision::Confirm, format).await,
        Command::Concern(options) => approvals::decide(&soft_token, options, Decision::Concern, format).await,
        Command::Cancel(options) => approvals::decide(&soft_token, options, Decision::Cancel, format).await,
        Command::Watch { serial } => approvals::watch(&soft_token, serial, format).await,
        Command::History { serial, pin_fd } => history::show(&soft_token.account(serial)?, pin_fd, format).await,
        Command::Move(options) => moving::to_new_phone(&soft_token, options, format).await,
        Command::Completions { .. } | Command::Receipt(_) => Ok(()),
    }
}

/// After a wrong PIN, a command waits for this long at most until the next one may be tried.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Opens an account, with its PIN where it has one.
async fn unlock(account: &Account, secrets: &mut Secrets, pin_fd: Option<u32>) -> Result<Session, Failure> {
    let pin = if account.has_pin() {
        let typed = secrets.read(pin_fd, "PIN", "--pin-fd")?;
        Some(Pin::from_ascii(typed.expose())?)
    } else {
        None
    };
    wait_for_next_try(account).await?;
    Ok(account.unlock(pin).await?)
}

async fn wait_for_next_try(account: &Account) -> Result<(), Failure> {
    let status = account.status()?;
    let wait = status.pin_wait;
    // Where no try is left, waiting brings none.
    if status.pin_tries_left != Some(0) && wait.is_positive() && wait <= PATIENCE {
        output::note(&format!("After a wrong PIN the token waits for {} s.", wait.as_secs() + 1));
        tokio::time::sleep(Duration::try_from(wait).unwrap_or_default() + Duration::from_millis(1)).await;
    }
    Ok(())
}
