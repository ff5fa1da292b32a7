//! `symbolon list`, `status` and `remove`

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;
use symbolon_client::{Account, AccountState, SoftToken};
use symbolon_core::activation::ServerAddress;
use symbolon_core::integrity::{Signals, Verdict};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;
use symbolon_core::vault::Server;

use crate::arguments::KeyStoreKind;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{self, Format};
use crate::secrets::{Secrets, confirm};

/// A token, as `list` and `activate` show it. What is not known of a damaged one is left out.
#[derive(Serialize)]
pub(crate) struct Token {
    pub(crate) serial: SerialNumber,
    issuer: Option<Name>,
    account: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Name>,
    server: Option<ServerAddress>,
    pub(crate) state: &'static str,
}

impl Token {
    pub(crate) fn of(account: &Account) -> Result<Self, Failure> {
        let header = account.header();
        Ok(Self {
            serial: header.serial,
            issuer: Some(header.issuer.clone()),
            account: Some(header.account.clone()),
            label: header.label.clone(),
            server: header.address().cloned(),
            state: account.status()?.state.name(),
        })
    }

    fn damaged(serial: SerialNumber) -> Self {
        Self { serial, issuer: None, account: None, label: None, server: None, state: "damaged" }
    }

    fn line(&self) -> String {
        let label = self.label.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
        let of = match (&self.issuer, &self.account, &self.server) {
            (Some(issuer), Some(account), Some(server)) => format!("{issuer}, {account}{label}, {}", server.host()),
            (Some(issuer), Some(account), None) => format!("{issuer}, {account}{label}"),
            _ => String::new(),
        };
        format!("{}  {:10}  {of}", self.serial, self.state)
    }
}

#[derive(Serialize)]
struct List {
    tokens: Vec<Token>,
}

/// Lists the tokens.
pub(crate) fn list(soft_token: &SoftToken, format: Format) -> Result<(), Failure> {
    let mut tokens: Vec<Token> = soft_token.accounts()?.iter().map(Token::of).collect::<Result<_, _>>()?;
    tokens.extend(soft_token.damaged_accounts()?.into_iter().map(|(serial, _)| Token::damaged(serial)));
    show(&List { tokens }, format);
    Ok(())
}

/// Lists the tokens where there is no home folder yet.
pub(crate) fn list_none(format: Format) -> Result<(), Failure> {
    show(&List { tokens: Vec::new() }, format);
    Ok(())
}

fn show(list: &List, format: Format) {
    format.result(list, |list| {
        if list.tokens.is_empty() {
            return "There is no token on this device yet; activate one with: symbolon activate".into();
        }
        list.tokens.iter().map(Token::line).collect::<Vec<_>>().join("\n")
    });
}

#[derive(Serialize)]
struct Status<'a> {
    home: String,
    key_store: KeyStoreKind,
    protection: &'static str,
    integrity: Integrity<'a>,
    tokens: Vec<TokenStatus>,
}

#[derive(Serialize)]
struct Integrity<'a> {
    secure: bool,
    signals: &'a Signals,
}

#[derive(Serialize)]
struct TokenStatus {
    #[serde(flatten)]
    token: Token,
    allowed_by_policy: bool,
    pin: bool,
    pin_tries_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_challenge: Option<String>,
    last_contact: Option<Timestamp>,
    last_failure: Option<String>,
    clock_offset_seconds: i64,
    policy_version: u64,
    /// Activated without a network.
    offline: bool,
    /// Until when the server completes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_before: Option<Timestamp>,
}

const PROTECTION: &str =
    "software: this device has no secure hardware; whoever can read the keys and this folder can use the tokens";

/// Shows how everything fares.
pub(crate) fn status(home: &Home, soft_token: &SoftToken, format: Format) -> Result<(), Failure> {
    let signals = soft_token.platform().integrity.signals();
    let tokens = soft_token.accounts()?.iter().map(token_status).collect::<Result<Vec<_>, Failure>>()?;
    let status = Status {
        home: home.path.display().to_string(),
        key_store: home.key_store,
        protection: PROTECTION,
        integrity: Integrity { secure: signals.is_empty(), signals: &signals },
        tokens,
    };
    format.result(&status, |status| status.text(&signals));
    Ok(())
}

fn token_status(account: &Account) -> Result<TokenStatus, Failure> {
    let status = account.status()?;
    Ok(TokenStatus {
        token: Token::of(account)?,
        allowed_by_policy: !matches!(status.integrity, Verdict::Refused(_)),
        pin: account.has_pin(),
        pin_tries_left: status.pin_tries_left,
        lock_challenge: status.lock_challenge.filter(|_| status.state == AccountState::Locked),
        last_contact: status.last_contact.map(|time| Timestamp::from_second(time.as_second()).unwrap_or(time)),
        last_failure: status.last_failure,
        clock_offset_seconds: (status.clock_offset + 500).div_euclid(1000),
        policy_version: account.header().policy_version.get(),
        offline: account.header().online().is_none(),
        complete_before: match &account.header().server {
            Server::Offline(offline) if status.state == AccountState::Activating => Some(offline.until),
            _ => None,
        },
    })
}

impl Status<'_> {
    fn text(&self, signals: &Signals) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a string never fails.
            let _ = writeln!(text, "{name:<14} {value}");
        };
        line("Home", &self.home);
        line("Key store", self.key_store.name());
        line("Protection", self.protection);
        if signals.is_empty() {
            line("Integrity", "no sign of tampering");
        }
        for signal in signals {
            line("Integrity", signal.sentence());
        }
        for token in &self.tokens {
            line("", "");
            line("Token", &token.token.line());
            match token.pin_tries_left {
                Some(0) => line("PIN", "locked: too many wrong ones; symbolon unlock"),
                Some(left) => line("PIN", &format!("{left} tries left")),
                None => line("PIN", "none"),
            }
            if let Some(challenge) = &token.lock_challenge {
                line("Challenge", challenge);
            }
            if let Some(until) = token.complete_before {
                let how = "unless the server knows it already, it takes the registration code and a code; \
                           symbolon code shows both";
                line("To complete", &format!("before {until}: {how}"));
            }
            if token.offline {
                line("Network", "activated without one: codes and answers to challenges, no approvals");
                continue;
            }
            let contact = token.last_contact.map_or_else(|| "never".into(), |time| time.to_string());
            line("Last contact", &contact);
            if let Some(failure) = &token.last_failure {
                line("", failure);
            }
            line(
                "Clock",
                &match token.clock_offset_seconds {
                    0 => "as the server's".to_owned(),
                    behind @ 1.. => format!("{behind} s behind the server's"),
                    ahead => format!("{} s ahead of the server's", ahead.unsigned_abs()),
                },
            );
        }
        text
    }
}

#[derive(Serialize)]
struct Removed {
    serial: SerialNumber,
    state: &'static str,
}

/// Removes a token, once the person at the terminal agrees.
pub(crate) async fn remove(
    soft_token: &SoftToken,
    serial: SerialNumber,
    yes: bool,
    format: Format,
) -> Result<(), Failure> {
    if !yes && Secrets::can_ask() {
        // One that is damaged can't be shown, and is removed all the same.
        if let Ok(account) = soft_token.account(Some(serial)) {
            output::note(&Token::of(&account)?.line());
        }
        if !confirm("Its keys can't be brought back: another activation takes a new ticket. Remove it?")? {
            return Err(Failure::refused("not removed"));
        }
    }
    soft_token.remove(serial).await?;
    format.result(&Removed { serial, state: "removed" }, |removed| {
        format!("Token {} is removed from this device. The server still has its half.", removed.serial)
    });
    Ok(())
}
