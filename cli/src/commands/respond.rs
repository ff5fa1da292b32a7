//! `symbolon respond`, `sign` and `scan`: codes that answer what a page shows.

use std::fmt::Write;

use symbolon_client::{Error, Session, SoftToken};
use symbolon_core::approval::Transaction;
use symbolon_core::approval::offline::OfflineRequest;
use symbolon_core::otp::{TypedChallenge, details_challenge};

use super::{code, unlock};
use crate::arguments::OpenToken;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::secrets::{Secrets, confirm};

/// Answers digits.
pub(crate) async fn respond(
    soft_token: &SoftToken,
    challenge: &TypedChallenge,
    token: &OpenToken,
    format: Format,
) -> Result<(), Failure> {
    let session = open(soft_token, token).await?;
    code::print(session.account().header().serial, &session.respond(challenge)?, format);
    Ok(())
}

/// Signs details.
pub(crate) async fn sign(
    soft_token: &SoftToken,
    values: &[String],
    token: &OpenToken,
    format: Format,
) -> Result<(), Failure> {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    // What can't be signed is said before the PIN is asked for.
    details_challenge(&values).map_err(Error::from)?;
    let session = open(soft_token, token).await?;
    code::print(session.account().header().serial, &session.sign_details(&values)?, format);
    Ok(())
}

/// Shows what a QR asks, and makes the code that approves it.
pub(crate) async fn scan(soft_token: &SoftToken, qr: &str, token: &OpenToken, format: Format) -> Result<(), Failure> {
    let mut secrets = Secrets::default();
    let line = if qr == "-" { Some(secrets.line(0)?) } else { None };
    let text = line.as_ref().map_or(Ok(qr), |line| std::str::from_utf8(line.expose()));
    let text = text.map_err(|_| Failure::input("what was given is no text"))?;
    let request: OfflineRequest = text.parse().map_err(|error| Failure::input(format!("{error}")))?;
    // The QR names the tokens that may answer; mostly one of them is here.
    let here = soft_token.accounts()?.into_iter().map(|account| account.header().serial);
    let serial = token.serial.or_else(|| here.into_iter().find(|serial| request.serials.contains(serial)));
    let account = soft_token.account(serial)?;
    let header = account.header();
    output::note(&format!("{}, {}\n{}", header.issuer, header.account, shown(&request.transaction)));
    if token.pin_fd.is_none() && Secrets::can_ask() && !confirm("Make the code that approves this?")? {
        return Err(Failure::refused("not approved"));
    }
    let session = unlock(&account, &mut secrets, token.pin_fd).await?;
    code::print(header.serial, &session.approve_offline(&request).await?, format);
    Ok(())
}

async fn open(soft_token: &SoftToken, token: &OpenToken) -> Result<Session, Failure> {
    unlock(&soft_token.account(token.serial)?, &mut Secrets::default(), token.pin_fd).await
}

/// A transaction as a person reads it.
pub(super) fn shown(transaction: &Transaction) -> String {
    let mut text = transaction.summary.to_string();
    for detail in transaction.details.as_slice() {
        // Writing to a string never fails.
        let _ = write!(text, "\n  {}: {}", detail.name, detail.value);
    }
    text
}
