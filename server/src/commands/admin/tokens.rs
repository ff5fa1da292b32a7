//! `admin token …`

use std::convert::Infallible;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use symbolon_core::activation::offline::RegistrationCode;
use symbolon_core::otp::Code;
use symbolon_core::policy::ActivationMethod;
use symbolon_core::secret::SecretBytes;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output, counted};
use crate::service::Service;
use crate::service::import::{self, Credential, ImportReport};
use crate::service::tokens::{NewTemporaryCodes, TemporaryCodes};
use crate::service::tokens::{NewToken, TokenAction, TokenView, TokenWithTicket, UnlockLeave};

type Serial = Text<64>;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Hand out a token: add it and show the ticket that activates it, this once.
    Add {
        /// The user's name.
        user: Name,
        /// A way to activate it; may be given more than once. Those of the policy when left out.
        #[arg(long = "method", value_enum)]
        methods: Vec<AddMethod>,
        /// What the user calls it.
        #[arg(long)]
        label: Option<Name>,
        /// For how many hours temporary codes count: 1 to 72.
        #[arg(long)]
        hours: Option<u32>,
        /// How many temporary codes there are: 1 to 20.
        #[arg(long)]
        uses: Option<u32>,
    },
    /// List a user's tokens.
    List {
        /// The user's name.
        user: Name,
    },
    /// Show a token.
    Show {
        /// Its serial number, or its maker's.
        serial: Serial,
    },
    /// Give a token another label, or none.
    Label {
        /// Its serial number, or its maker's.
        serial: Serial,
        /// What the user calls it; without one it has none.
        label: Option<Name>,
    },
    /// Give out a ticket for a token that is new or whose ticket expired.
    Activate {
        /// Its serial number.
        serial: Serial,
        /// A way to activate it; may be given more than once.
        #[arg(long = "method", value_enum)]
        methods: Vec<Method>,
    },
    /// Give out another ticket; whatever held the token before is refused from now on.
    Reactivate {
        /// Its serial number.
        serial: Serial,
        /// A way to activate it; may be given more than once.
        #[arg(long = "method", value_enum)]
        methods: Vec<Method>,
    },
    /// Complete an activation without a network by what the phone shows; five wrong tries end the ticket.
    Complete {
        /// Its serial number.
        serial: Serial,
        /// The ten digits that the phone shows as its registration code.
        #[arg(long, value_name = "R")]
        registration_code: RegistrationCode,
        /// The code that the phone shows with it.
        #[arg(long, value_name = "C")]
        code: Code,
    },
    /// Take a ticket back; the token is new again.
    Revoke {
        /// Its serial number.
        serial: Serial,
    },
    /// Let a token's codes count again.
    Enable {
        /// Its serial number, or its maker's.
        serial: Serial,
    },
    /// Refuse a token's codes.
    Disable {
        /// Its serial number, or its maker's.
        serial: Serial,
    },
    /// End the lock that stops a token's codes: its own, and its user's.
    Unlock {
        /// Its serial number, or its maker's.
        serial: Serial,
    },
    /// Make the code that opens a soft token whose PIN was forgotten, for a new PIN.
    ///
    /// Make sure that you speak to the owner: whoever has the phone and this code has the token.
    UnlockPin {
        /// Its serial number.
        serial: Serial,
        /// What the locked soft token shows, as in 0000-1234-5678-90.
        lock_challenge: Text<64>,
    },
    /// Re-synchronise a token with two consecutive codes that it shows.
    Reset {
        /// Its serial number, or its maker's.
        serial: Serial,
        /// The first code.
        first: Code,
        /// The one that it shows next.
        second: Code,
    },
    /// Remove a token. The audit stays.
    Delete {
        /// Its serial number, or its maker's.
        serial: Serial,
    },
    /// Import tokens of other makers: all of a file or nothing.
    ///
    /// CSV columns: user,serial,secret_hex,type,algorithm,digits,period_or_counter; type is totp or hotp. An otpauth list
    /// has a link a line; the account is the user. PSKC takes the user from a key's UserId, or from its serial number.
    Import {
        /// How the file is written.
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// The file.
        file: PathBuf,
        /// The key of an encrypted PSKC file, in hexadecimal. Other programs of this machine may see it.
        #[arg(long, value_name = "HEX", value_parser = wiped)]
        key: Option<Zeroizing<String>>,
        /// The file descriptor with the password of an encrypted PSKC file, in a line.
        #[arg(long, value_name = "N", conflicts_with = "key")]
        password_fd: Option<u32>,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
}

/// A way to activate.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Method {
    /// A link, or its QR.
    Online,
    /// A QR and a password that goes another way.
    Offline,
    /// Address, serial number and code, to be typed.
    Classic,
}

impl From<Method> for ActivationMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Online => Self::Online,
            Method::Offline => Self::Offline,
            Method::Classic => Self::Classic,
        }
    }
}

/// What `token add` gives out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AddMethod {
    Activation(Method),
    Temporary,
}

impl ValueEnum for AddMethod {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [AddMethod; 4] = [
            AddMethod::Activation(Method::Online),
            AddMethod::Activation(Method::Offline),
            AddMethod::Activation(Method::Classic),
            AddMethod::Temporary,
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Activation(method) => method.to_possible_value(),
            Self::Temporary => Some(
                PossibleValue::new("temporary").help("No token: codes for a person without a phone, to be read out"),
            ),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a heading.
    Csv,
    /// A list of otpauth:// links.
    Otpauth,
    /// A key container (RFC 6030).
    Pskc,
}

impl From<Format> for import::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Otpauth => Self::Otpauth,
            Format::Pskc => Self::Pskc,
        }
    }
}

/// A secret from the command line. What is wrong with it is said later: clap would repeat it.
fn wiped(text: &str) -> Result<Zeroizing<String>, Infallible> {
    Ok(Zeroizing::new(text.to_owned()))
}

#[derive(Serialize)]
struct OneToken {
    token: TokenView,
}

#[derive(Serialize)]
struct ShownToken {
    token: TokenView,
    /// What it waits for since a backup was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<&'static str>,
}

#[derive(Serialize)]
struct OneUnlockCode {
    unlock_code: String,
}

#[derive(Serialize)]
struct ManyTokens {
    tokens: Vec<TokenView>,
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    let act =
        async |serial: Serial, action: TokenAction| match service.act_on_token(ACTOR, serial.clone(), action).await? {
            Some(token) => output.answer(&OneToken { token }, |one| line(&one.token)),
            None => output.answer(&Deleted { deleted: serial.into() }, Deleted::show),
        };
    let reissue = async |serial: Serial, action: TokenAction, methods: Vec<Method>| {
        let methods = methods.into_iter().map(ActivationMethod::from).collect();
        let issued = service.reissue_ticket(ACTOR, serial, action, methods).await?;
        output.answer(&issued, ticket_lines)
    };
    match command {
        Command::Add { user, methods, label, hours, uses } if methods.contains(&AddMethod::Temporary) => {
            let (Some(hours), Some(uses), [_], None) = (hours, uses, methods.as_slice(), label) else {
                return Err(Failure::usage("--method temporary goes alone, with --hours and --uses"));
            };
            let given = service.add_temporary_codes(ACTOR, user, NewTemporaryCodes { hours, uses }).await?;
            output.answer(&given, temporary_lines)
        }
        Command::Add { hours: None, uses: None, user, methods, label } => {
            let method = |method| match method {
                AddMethod::Activation(method) => Some(ActivationMethod::from(method)),
                AddMethod::Temporary => None,
            };
            let methods = methods.into_iter().filter_map(method).collect();
            let issued = service.add_token(ACTOR, user, NewToken { methods, label }).await?;
            output.answer(&issued, ticket_lines)
        }
        Command::Add { .. } => Err(Failure::usage("--hours and --uses go with --method temporary")),
        Command::List { user } => {
            let tokens = ManyTokens { tokens: service.tokens(&user)? };
            output.answer(&tokens, |many| many.tokens.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Show { serial } => {
            let shown = ShownToken { token: service.token(&serial)?, waits_for: service.waits_for(&serial)? };
            output.answer(&shown, |shown| match shown.waits_for {
                Some("reset") => {
                    format!("{}\n  since a backup was restored it waits for `token reset`", line(&shown.token))
                }
                Some(_) => {
                    format!("{}\n  since a backup was restored it waits for `backup confirm`", line(&shown.token))
                }
                None => line(&shown.token),
            })
        }
        Command::Label { serial, label } => {
            let token = service.label_token(ACTOR, serial, label).await?;
            output.answer(&OneToken { token }, |one| line(&one.token))
        }
        Command::Activate { serial, methods } => reissue(serial, TokenAction::Activate, methods).await,
        Command::Reactivate { serial, methods } => reissue(serial, TokenAction::Reactivate, methods).await,
        Command::Complete { serial, registration_code, code } => {
            let token = service.complete_token(ACTOR, serial, registration_code, code).await?;
            output.answer(&OneToken { token }, |one| line(&one.token))
        }
        Command::Revoke { serial } => act(serial, TokenAction::Revoke).await,
        Command::Enable { serial } => act(serial, TokenAction::Enable).await,
        Command::Disable { serial } => act(serial, TokenAction::Disable).await,
        Command::Unlock { serial } => act(serial, TokenAction::Unlock).await,
        Command::UnlockPin { serial, lock_challenge } => {
            let leave = UnlockLeave::of_administrator(ACTOR);
            let unlock_code = service.unlock_pin(leave, serial, lock_challenge).await?.grouped();
            output.answer(&OneUnlockCode { unlock_code }, |one| format!("the unlock code: {}", one.unlock_code))
        }
        Command::Reset { serial, first, second } => {
            let token = service.reset_token(ACTOR, serial, (first, second)).await?;
            output.answer(&OneToken { token }, |one| line(&one.token))
        }
        Command::Delete { serial } => act(serial, TokenAction::Delete).await,
        Command::Import { format, file, key, password_fd, dry_run } => {
            let bytes = std::fs::read(&file)
                .map_err(|error| Failure::usage(format!("{} can't be read: {error}", file.display())))?;
            let bytes = Zeroizing::new(bytes);
            if matches!(format, Format::Csv) {
                super::look_at_separator(&file, &bytes)?;
            }
            let credential = match (key, password_fd) {
                (Some(key), _) => Some(Credential::Key(hexadecimal(&key)?)),
                (None, Some(descriptor)) => Some(Credential::Password(first_line(descriptor)?)),
                (None, None) => None,
            };
            let report = service.import_tokens(ACTOR, format.into(), bytes, credential, dry_run).await?;
            output.answer(&report, import_lines)?;
            match report.errors.len() {
                0 => Ok(()),
                bad => {
                    let bad = counted(bad, "bad line", "bad lines");
                    Err(Failure::bad_input(format!("{bad}; nothing was imported")))
                }
            }
        }
    }
}

/// A token in a line.
pub(super) fn line(token: &TokenView) -> String {
    let label = token.label.as_ref().map_or(String::new(), |label| format!(" “{label}”"));
    let device = token.device.as_ref().map_or(String::new(), |device| format!("  {}", device.model));
    let until = token.locked_until.map_or(String::new(), |until| format!(" until {until}"));
    let state = token.state.name();
    format!("{}{label}  {}  {state}{until}{device}", token.serial, token.user)
}

pub(super) fn ticket_lines(issued: &TokenWithTicket) -> String {
    let ticket = &issued.ticket;
    let mut lines = vec![line(&issued.token), format!("Use it before {}. It is shown this once.", ticket.expires_at)];
    lines.extend(issued.mailed_to.as_ref().map(|email| format!("It was mailed to {}.", email.as_str())));
    if let Some(online) = &ticket.online {
        lines.push(format!("\nOpen this link on the phone, or scan it:\n  {}", online.link));
        lines.push(qr(&online.qr));
    }
    if let Some(classic) = &ticket.classic {
        lines.push("\nOr type into the app:".to_owned());
        lines.push(format!("  address        {}", classic.address));
        lines.push(format!("  serial number  {}", classic.serial));
        lines.push(format!("  code           {}", classic.code));
    }
    if let Some(offline) = &ticket.offline {
        lines.push("\nFor a phone without a network, scan this as an offline activation:".to_owned());
        lines.push(format!("  {}", offline.qr));
        lines.push(qr(&offline.qr));
        lines.push("and type this password, which must not travel with the QR:".to_owned());
        lines.push(format!("  password       {}", offline.password));
    }
    if ticket.offline.is_some() || ticket.classic.is_some() {
        lines.push(format!(
            "\nA phone without a network then shows a registration code and a code. Enter both with:\n  \
             token complete {} --registration-code … --code …",
            issued.token.serial
        ));
    }
    lines.join("\n")
}

/// A QR in half blocks, two modules a character. Light modules are drawn, since most terminals are dark.
fn qr(text: &str) -> String {
    use qrcode::render::unicode::Dense1x2;
    qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L)
        .map(|code| code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
        .unwrap_or_default()
}

fn hexadecimal(text: &str) -> Result<SecretBytes, Failure> {
    let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes());
    decoded.map(SecretBytes::take).map_err(|_| Failure::usage("--key: must be hexadecimal digits"))
}

/// The first line of a file descriptor, without its end.
fn first_line(descriptor: u32) -> Result<SecretBytes, Failure> {
    const LONGEST: usize = 4096;
    let cannot = |error: std::io::Error| Failure::usage(format!("--password-fd {descriptor} can't be read: {error}"));
    let file = File::open(format!("/dev/fd/{descriptor}")).map_err(cannot)?;
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_end(&mut text).map_err(cannot)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LONGEST {
        return Err(Failure::usage("--password-fd: the line is too long"));
    }
    Ok(SecretBytes::from_slice(line))
}

fn temporary_lines(given: &TemporaryCodes) -> String {
    let until = given.token.expires_at.map_or_else(String::new, |end| format!(", until {end}"));
    let heading = format!("Temporary codes of {}, each of which counts once{until}:", given.token.user);
    std::iter::once(heading.as_str()).chain(given.codes.iter().map(|code| code.as_str())).collect::<Vec<_>>().join("\n")
}

fn import_lines(report: &ImportReport) -> String {
    let warnings = report.warnings.iter().map(|warning| format!("line {}: note: {}", warning.line, warning.message));
    let errors = report.errors.iter().map(|error| format!("line {}: {}", error.line, error.message));
    let mut lines: Vec<String> = warnings.chain(errors).collect();
    let tokens = counted(report.tokens, "token", "tokens");
    let what = format!("{tokens} and {}", counted(report.users, "new user", "new users"));
    lines.push(match (report.errors.is_empty(), report.dry_run) {
        (false, _) => "nothing was imported".to_owned(),
        (true, true) => format!("would import {what}"),
        (true, false) => format!("imported {what}"),
    });
    lines.join("\n")
}
