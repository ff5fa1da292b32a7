//! `symbolon move`

use std::time::Duration;

use jiff::Timestamp;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde::Serialize;
use symbolon_client::{Error, Move, Session, SoftToken};
use symbolon_core::moving::{ComparisonCode, Newcomer, Progress};
use symbolon_core::serial::SerialNumber;

use super::unlock;
use crate::arguments::MoveToken;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::secrets::{Secrets, line};

/// How long one question to the server waits.
const WAIT: Duration = Duration::from_secs(30);

/// So many times the person may mistype the digits.
const TRIES: u32 = 3;

/// Each line of `move`, in its order.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Line<'a> {
    /// The ticket for the new phone.
    Offered { serial: SerialNumber, link: &'a str, qr: &'a str, expires_at: Timestamp },
    /// Who has used it.
    Found { serial: SerialNumber, platform: &'a str, model: &'a str, app: &'a str },
    /// The new token is active, and the one here is gone.
    Moved { serial: SerialNumber, from: SerialNumber },
}

impl Line<'_> {
    fn text(&self) -> String {
        match self {
            Self::Offered { link, qr, expires_at, .. } => {
                let drawn = QrCode::with_error_correction_level(qr, EcLevel::L);
                let drawn = drawn
                    .map(|code| code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
                    .unwrap_or_default();
                format!("{drawn}\nScan this on the new phone, or open the link there, before {expires_at}:\n{link}")
            }
            Self::Found { platform, model, app, .. } => format!("The new phone is: {model} ({platform}, {app})"),
            Self::Moved { serial, .. } => {
                format!("The new phone has token {serial} now. The token that was here is gone.")
            }
        }
    }
}

/// Moves a token to a new phone: shows the ticket, asks for the digits that the new phone shows, and agrees.
pub(crate) async fn to_new_phone(soft_token: &SoftToken, options: MoveToken, format: Format) -> Result<(), Failure> {
    if options.digits_fd.is_none() && !Secrets::can_ask() {
        return Err(Failure::input("there is no terminal to ask at; give the digits with --digits-fd"));
    }
    let account = soft_token.account(options.serial)?;
    let mut secrets = Secrets::default();
    let session = unlock(&account, &mut secrets, options.pin_fd).await?;
    agree(&session, &options, &mut secrets, format).await?;
    account.remove().await?;
    Ok(())
}

async fn agree(session: &Session, options: &MoveToken, secrets: &mut Secrets, format: Format) -> Result<(), Failure> {
    let moving = session.begin_move().await?;
    let (link, expires_at) = (moving.ticket(), moving.expires_at());
    format.result(&Line::Offered { serial: moving.serial(), link, qr: link, expires_at }, Line::text);
    let newcomer = loop {
        match progress(&moving).await? {
            Progress::Found(newcomer) => break newcomer,
            Progress::Ended | Progress::Moved => return Err(ended()),
            Progress::Waiting | Progress::Agreed => {}
        }
    };
    let (platform, model, app) = (newcomer.platform.as_str(), newcomer.model.as_str(), newcomer.app.as_str());
    format.result(&Line::Found { serial: newcomer.serial, platform, model, app }, Line::text);
    if let Err(failure) = compare(session, &moving, &newcomer, options.digits_fd, secrets).await {
        // The person is told why; that the move ends with its ticket anyway is enough where this fails.
        let _ = moving.cancel().await;
        return Err(failure);
    }
    loop {
        match progress(&moving).await? {
            Progress::Moved => break,
            Progress::Ended => return Err(ended()),
            Progress::Waiting | Progress::Agreed | Progress::Found(_) => {}
        }
    }
    let from = session.account().header().serial;
    format.result(&Line::Moved { serial: moving.serial(), from }, Line::text);
    Ok(())
}

/// Asks for the digits of the new phone until they are right, and agrees to it.
async fn compare(
    session: &Session,
    moving: &Move,
    newcomer: &Newcomer,
    digits_fd: Option<u32>,
    secrets: &mut Secrets,
) -> Result<(), Failure> {
    let tries = if digits_fd.is_some() { 1 } else { TRIES };
    let mut refusal = Failure::from(Error::OtherPhone);
    for _ in 0..tries {
        let typed = match digits_fd {
            Some(descriptor) => String::from_utf8_lossy(secrets.line(descriptor)?.expose()).into_owned(),
            None => line("The digits that it shows (nothing if it is not yours): ")?,
        };
        if typed.is_empty() {
            return Err(Failure::refused("not moved; this token is as it was"));
        }
        refusal = match typed.parse::<ComparisonCode>() {
            Err(error) => Failure::input(error.to_string()),
            Ok(digits) => match moving.agree(session, newcomer, digits).await {
                Err(Error::OtherPhone) => Error::OtherPhone.into(),
                other => return Ok(other?),
            },
        };
        if digits_fd.is_none() {
            output::note(&refusal.message);
        }
    }
    Err(refusal)
}

/// A network that fails for a moment does not end a move.
async fn progress(moving: &Move) -> Result<Progress, Failure> {
    let mut failures = 0;
    loop {
        match moving.progress(WAIT).await {
            Err(error @ (Error::Unreachable { .. } | Error::TooManyRequests { .. })) if failures < 10 => {
                failures += 1;
                output::note(&format!("{error}; trying again"));
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            other => return Ok(other?),
        }
    }
}

fn ended() -> Failure {
    Failure::refused("the move has ended: nobody took the ticket in time, or it was cancelled; this token is as it was")
}
