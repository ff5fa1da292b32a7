//! `symbolon requests`, `confirm`, `concern`, `cancel` and `watch`

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use symbolon_client::{Account, Error, ErrorKind, Pending, SoftToken};
use symbolon_core::approval::{ChallengeId, Context, Decision, MutualPrompt, MutualValue, Transaction};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;
use tokio::sync::mpsc;

use super::respond::shown;
use super::unlock;
use crate::arguments::Decide;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::secrets::{Secrets, line};

/// A request, as `requests` and `watch` show it.
#[derive(Serialize)]
struct Shown {
    id: ChallengeId,
    serial: SerialNumber,
    issuer: Name,
    account: Name,
    application: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Transaction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutual_challenge: Option<MutualPrompt>,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

impl Shown {
    fn of(pending: &Pending) -> Self {
        let request = pending.request().clone();
        Self {
            id: request.id,
            serial: request.aud,
            issuer: request.issuer,
            account: request.account,
            application: request.application,
            context: request.context,
            transaction: request.transaction,
            mutual_challenge: request.mutual_challenge,
            issued_at: request.issued_at,
            expires_at: request.expires_at,
        }
    }

    /// Who, where, what: in this order.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, value: &str| {
            // Writing to a string never fails.
            let _ = writeln!(text, "{name:<12} {value}");
        };
        add("Request", &self.id.to_string());
        add("Issuer", self.issuer.as_str());
        add("Account", self.account.as_str());
        add("Asked by", self.application.as_str());
        if let Some(context) = &self.context {
            let says = [
                ("Signing in to", context.application.as_ref().map(symbolon_core::text::Text::as_str)),
                ("From", context.address.as_ref().map(symbolon_core::text::Text::as_str)),
                ("Place", context.place.as_ref().map(symbolon_core::text::Text::as_str)),
                ("Device", context.user_agent.as_ref().map(symbolon_core::text::Text::as_str)),
            ];
            for (name, value) in says.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))) {
                add(name, &format!("{value} (as {} says)", self.application));
            }
        }
        add("What", &self.transaction.as_ref().map_or_else(|| "a sign-in".into(), shown));
        match &self.mutual_challenge {
            Some(MutualPrompt::Enter { length, .. }) => {
                add("To confirm", &format!("enter the {length} characters that the page shows"));
            }
            Some(MutualPrompt::Pick { choices }) => {
                let choices: Vec<&str> = choices.iter().map(MutualValue::as_str).collect();
                add("To confirm", &format!("pick what the page shows: {}", choices.join("  ")));
            }
            None => {}
        }
        text
    }
}

#[derive(Serialize)]
struct List {
    requests: Vec<Shown>,
}

/// Shows what the server asks.
pub(crate) async fn requests(
    soft_token: &SoftToken,
    serial: Option<SerialNumber>,
    wait: u64,
    format: Format,
) -> Result<(), Failure> {
    let accounts = asked(soft_token, serial)?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    let found = loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        // Several accounts are asked in turn, each for a moment.
        let each = if accounts.len() == 1 { left } else { left.min(Duration::from_secs(2)) };
        let mut found = Vec::new();
        for account in &accounts {
            let pause = if found.is_empty() { each } else { Duration::ZERO };
            found.extend(account.requests(pause).await?);
        }
        if !found.is_empty() || left.is_zero() {
            break found;
        }
    };
    let list = List { requests: found.iter().map(Shown::of).collect() };
    format.result(&list, |list| {
        if list.requests.is_empty() {
            return "Nothing is asked.".into();
        }
        list.requests.iter().map(Shown::text).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

#[derive(Serialize)]
struct Decided {
    id: ChallengeId,
    serial: SerialNumber,
    status: String,
}

/// With fewer characters of its name, a request is not meant surely enough to be decided.
const SHORTEST: usize = 4;

/// Sends the person's decision.
pub(crate) async fn decide(
    soft_token: &SoftToken,
    options: Decide,
    decision: Decision,
    format: Format,
) -> Result<(), Failure> {
    if options.id.len() < SHORTEST {
        return Err(Failure::input(format!(
            "give at least {SHORTEST} characters of the request's name, as `symbolon requests` shows it"
        )));
    }
    let mut found = Vec::new();
    for account in asked(soft_token, None)? {
        let pending = account.requests(Duration::ZERO).await?;
        let named = pending.into_iter().filter(|pending| pending.request().id.to_string().starts_with(&options.id));
        found.extend(named.map(|pending| (account.clone(), pending)));
    }
    let (account, pending) = match (found.pop(), found.is_empty()) {
        (Some(found), true) => found,
        (Some(_), false) => return Err(Failure::input("several requests begin like this; give more of the name")),
        (None, _) => return Err(Failure::refused(format!("nothing is asked under the name {}", options.id))),
    };
    let secrets = &mut Secrets::default();
    answer(&account, &pending, decision, options.mutual_challenge, options.pin_fd, secrets, format).await
}

async fn answer(
    account: &Account,
    pending: &Pending,
    decision: Decision,
    value: Option<MutualValue>,
    pin_fd: Option<u32>,
    secrets: &mut Secrets,
    format: Format,
) -> Result<(), Failure> {
    let request = pending.request();
    let value = match (&request.mutual_challenge, value) {
        (Some(_), None) if decision == Decision::Confirm && pin_fd.is_none() && Secrets::can_ask() => {
            Some(line("What the page shows: ")?.parse().map_err(|error| Failure::input(format!("{error}")))?)
        }
        (_, value) => value,
    };
    // What can't be on the page is a slip, and would end the request for good.
    if let (Decision::Confirm, Some(prompt), Some(value)) = (decision, &request.mutual_challenge, &value) {
        fits(prompt, value)?;
    }
    let session = unlock(account, secrets, pin_fd).await?;
    let status = session.answer(pending, decision, value).await?;
    let decided = Decided { id: request.id.clone(), serial: request.aud, status };
    format.result(&decided, |decided| match decided.status.as_str() {
        "mutual_challenge_failed" => "The value is not the one on the page, so the request has failed.".into(),
        status => format!("The request is {}.", status.replace('_', " ")),
    });
    if decision == Decision::Confirm && decided.status != "confirmed" {
        return Err(Failure::refused("it is not confirmed"));
    }
    Ok(())
}

/// Whether the page may show this value.
fn fits(prompt: &MutualPrompt, value: &MutualValue) -> Result<(), Failure> {
    match prompt {
        MutualPrompt::Pick { choices } if choices.contains(value) => Ok(()),
        MutualPrompt::Pick { choices } => {
            let choices: Vec<&str> = choices.iter().map(MutualValue::as_str).collect();
            Err(Failure::input(format!("the page shows one of these: {}", choices.join("  "))))
        }
        MutualPrompt::Enter { length, alphabet } => {
            let typed = value.as_str();
            let known = typed.chars().all(|character| alphabet.characters().contains(character));
            if typed.len() == usize::from(*length) && known {
                return Ok(());
            }
            let of = alphabet.characters();
            Err(Failure::input(format!("the value on the page has {length} characters out of {of}; nothing was sent")))
        }
    }
}

/// After a network failure, asks again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// Shows requests as they come, and at a terminal lets the person answer them.
pub(crate) async fn watch(soft_token: &SoftToken, serial: Option<SerialNumber>, format: Format) -> Result<(), Failure> {
    let (sender, mut receiver) = mpsc::channel(16);
    for account in asked(soft_token, serial)? {
        tokio::spawn(listen(account, sender.clone()));
    }
    drop(sender);
    output::note("Waiting for requests; Ctrl-C ends.");
    let mut seen = BTreeSet::new();
    while let Some(event) = receiver.recv().await {
        let (account, pending) = event?;
        if !seen.insert(pending.request().id.to_string()) {
            continue;
        }
        format.result(&Shown::of(&pending), Shown::text);
        if format == Format::Text && Secrets::can_ask() {
            let decision = match line("confirm, concern, cancel, or nothing to leave it: ")?.as_str() {
                "confirm" => Decision::Confirm,
                "concern" => Decision::Concern,
                "cancel" => Decision::Cancel,
                _ => continue,
            };
            let secrets = &mut Secrets::default();
            if let Err(failure) = answer(&account, &pending, decision, None, None, secrets, format).await {
                format.failure(&failure);
            }
        }
    }
    Ok(())
}

/// Asks for one account again and again, until nobody listens or asking makes no sense.
async fn listen(account: Account, events: mpsc::Sender<Result<(Account, Pending), Error>>) {
    let mut known = BTreeSet::new();
    loop {
        match account.requests(Duration::from_secs(if known.is_empty() { 30 } else { 0 })).await {
            Ok(found) => {
                let ids: BTreeSet<_> = found.iter().map(|pending| pending.request().id.to_string()).collect();
                // What waits already answers at once each time; then a pause stands for the server's.
                let pause = !ids.is_empty() && ids == known;
                for pending in found.into_iter().filter(|pending| !known.contains(&pending.request().id.to_string())) {
                    if events.send(Ok((account.clone(), pending))).await.is_err() {
                        return;
                    }
                }
                known = ids;
                if pause {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            }
            Err(error) if error.kind() == ErrorKind::Unreachable || matches!(error, Error::TooManyRequests { .. }) => {
                output::note(&format!("{error}; trying again"));
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                // Nobody hears it when the command has ended.
                let _ = events.send(Err(error)).await;
                return;
            }
        }
    }
}

/// The accounts that can be asked for: the named one, or all.
fn asked(soft_token: &SoftToken, serial: Option<SerialNumber>) -> Result<Vec<Account>, Failure> {
    match serial {
        Some(_) => Ok(vec![soft_token.account(serial)?]),
        None => {
            let mut accounts = soft_token.accounts()?;
            let any = accounts.first().map(|account| account.header().serial);
            // Those that were activated without a network are asked nothing.
            accounts.retain(|account| account.header().online().is_some());
            match any {
                None => Err(Error::NoToken.into()),
                Some(serial) if accounts.is_empty() => Err(Error::Offline(serial).into()),
                Some(_) => Ok(accounts),
            }
        }
    }
}
