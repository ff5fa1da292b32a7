//! Restored databases: each starts an epoch. What happened after the backup is not known here, so a code that was used
//! then must not count again, nothing that was under way goes on, and a device that may have been taken away from its
//! token approves nothing before an administrator has looked.

use std::collections::BTreeSet;
use std::collections::hash_map::{self, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use symbolon_core::otp::TimeStep;
use symbolon_core::policy::Policy;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};

use super::audit::{self, AuditEntry, ChainReport, Entry};
use super::{Actor, Service, ServiceError, policies, tokens};
use crate::storage::{Counter, Snapshot, StorageError, Token, TokenId, Transaction, User};

/// What a database holds.
#[derive(Debug, Serialize)]
pub struct Holdings {
    /// The time of the latest entry of its audit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_entry_at: Option<Timestamp>,
    /// How many tokens there are.
    pub tokens: u64,
    /// The audit, walked along.
    pub audit: ChainReport,
}

/// A token that waits to be confirmed.
#[derive(Debug, Serialize)]
pub struct Unconfirmed {
    /// Its serial number.
    pub serial: SerialNumber,
    /// Whose it is.
    pub user: Name,
    /// What it waits for: `confirm`, or `reset` for a token that counts events.
    pub needs: &'static str,
    /// What was done to it or its user after the backup, as the copy of the audit says that was kept elsewhere.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub since: BTreeSet<String>,
}

/// What takes something away: done after the backup, it is undone.
const TAKEN_AWAY: [&str; 14] = [
    "administrator.changed",
    "administrator.password_set",
    "administrator.removed",
    "application.old_key_ended",
    "application.removed",
    "application.rotated",
    "policy.changed",
    "token.deleted",
    "token.disabled",
    "token.ticket_revoked",
    "user.deleted",
    "user.disabled",
    "webhook.removed",
    "webhook.rotated",
];

/// The number of the last entry of the audit that the backup had.
const BACKUP_HEAD: &str = "backup_head";

/// How many tokens are read at a time.
const PORTION: u32 = 1000;

impl Service {
    /// What the database holds, for whoever is to trust it.
    ///
    /// # Errors
    /// The store's.
    pub fn holdings(&self) -> Result<Holdings, ServiceError> {
        self.store.read(|snapshot| {
            let mut tokens = 0;
            each_token(snapshot, |_| {
                tokens += 1;
                Ok(())
            })?;
            let last_entry_at = snapshot.audit_head()?.map(|head| head.time);
            Ok(Holdings { last_entry_at, tokens, audit: audit::verify(snapshot, &[])? })
        })
    }

    /// Starts an epoch in a database that comes from a backup.
    ///
    /// # Errors
    /// [`ServiceError::ClockBehind`] when the backup is of a time that is still to come; the store's.
    pub async fn begin_epoch(&self, actor: Actor) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let head = transaction.audit_head()?.map_or(0, |head| head.sequence);
                transaction.set_meta(BACKUP_HEAD, &head.to_be_bytes())?;
                transaction.void_unfinished()?;
                let mut known = HashMap::new();
                each_token(transaction, |token| suspend(transaction, token, &mut known, now))?;
                Entry::new("backup.restored").append(transaction, &actor, now)
            })
            .await
    }

    /// The tokens that wait to be confirmed, with what `later` says of them: entries of an audit that was kept elsewhere.
    ///
    /// # Errors
    /// The store's.
    pub fn unconfirmed(&self, later: &[AuditEntry]) -> Result<Vec<Unconfirmed>, ServiceError> {
        self.store.read(|snapshot| {
            let backup = backup_head(snapshot)?;
            let later: Vec<&AuditEntry> = later.iter().filter(|entry| entry.sequence > backup).collect();
            let show = |id: TokenId| -> Result<Unconfirmed, ServiceError> {
                let token = snapshot.token(id)?.ok_or(StorageError::Damaged("token"))?;
                let user = snapshot.user(token.user)?.ok_or(StorageError::Damaged("user"))?;
                let concerns = |entry: &&&AuditEntry| {
                    entry.token == Some(token.serial)
                        || (entry.token.is_none() && entry.user.as_deref() == Some(user.name.as_str()))
                };
                let since = later.iter().filter(concerns).map(|entry| entry.action.clone()).collect();
                Ok(Unconfirmed { serial: token.serial, user: user.name, needs: needs(&token), since })
            };
            snapshot.unconfirmed()?.into_iter().map(show).collect()
        })
    }

    /// What a token waits for since a backup was restored, if it waits.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; the store's.
    pub fn waits_for(&self, serial: &Text<64>) -> Result<Option<&'static str>, ServiceError> {
        self.store.read(|snapshot| {
            let (token, _) = tokens::find(snapshot, serial)?;
            Ok(snapshot.is_unconfirmed(token.id)?.then(|| needs(&token)))
        })
    }

    /// What was taken away after the backup and is back, such as an application's key or an administrator, as `later` says:
    /// entries of an audit that was kept elsewhere.
    ///
    /// # Errors
    /// The store's.
    pub fn taken_away(&self, later: Vec<AuditEntry>) -> Result<Vec<AuditEntry>, ServiceError> {
        let backup = self.store.read(|snapshot| backup_head(snapshot))?;
        let counts = |entry: &AuditEntry| entry.sequence > backup && TAKEN_AWAY.contains(&entry.action.as_str());
        Ok(later.into_iter().filter(counts).collect())
    }

    /// Lets tokens approve again: those that are named, or all that wait and need no reset. Answers their serial numbers.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Refused`] for a token that does not wait, or that needs a reset.
    pub async fn confirm_restored(
        &self,
        actor: Actor,
        serials: Option<Vec<Text<64>>>,
    ) -> Result<Vec<SerialNumber>, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let mut confirmed = Vec::new();
                for (token, user) in named(transaction, serials.as_deref())? {
                    if !transaction.is_unconfirmed(token.id)? {
                        return Err(ServiceError::Refused(format!("token {} waits for no confirmation", token.serial)));
                    }
                    if needs(&token) != CONFIRMATION {
                        let serial = token.serial;
                        return Err(ServiceError::Refused(format!(
                            "token {serial} counts events, and may have counted on since the backup: reset it with \
                             `token reset {serial} CODE CODE`"
                        )));
                    }
                    transaction.set_unconfirmed(token.id, false)?;
                    Entry::new("token.confirmed").user(&user.name).token(token.serial).append(
                        transaction,
                        &actor,
                        now,
                    )?;
                    confirmed.push(token.serial);
                }
                Ok(confirmed)
            })
            .await
    }
}

/// Those of `tokens` that need no confirmation: a device that may have been taken away from its token since the backup
/// approves nothing.
pub(super) fn confirmed(snapshot: &dyn Snapshot, tokens: Vec<Token>) -> Result<Vec<Token>, ServiceError> {
    let mut confirmed = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !snapshot.is_unconfirmed(token.id)? {
            confirmed.push(token);
        }
    }
    Ok(confirmed)
}

fn backup_head(snapshot: &dyn Snapshot) -> Result<u64, ServiceError> {
    Ok(snapshot.meta(BACKUP_HEAD)?.and_then(|head| head.try_into().ok()).map_or(0, u64::from_be_bytes))
}

const CONFIRMATION: &str = "confirm";

fn needs(token: &Token) -> &'static str {
    match token.counter {
        Counter::Time { .. } | Counter::Listed { .. } => CONFIRMATION,
        Counter::Event { .. } => "reset",
    }
}

/// The tokens that are named, or all that wait for a confirmation alone.
fn named(transaction: &dyn Transaction, serials: Option<&[Text<64>]>) -> Result<Vec<(Token, User)>, ServiceError> {
    if let Some(serials) = serials {
        return serials.iter().map(|serial| tokens::find(transaction, serial)).collect();
    }
    let mut found = Vec::new();
    for id in transaction.unconfirmed()? {
        let token = transaction.token(id)?.ok_or(StorageError::Damaged("token"))?;
        if needs(&token) == CONFIRMATION {
            let user = transaction.user(token.user)?.ok_or(StorageError::Damaged("user"))?;
            found.push((token, user));
        }
    }
    Ok(found)
}

/// Makes every code that may have been used by now worthless, and lets nothing else of the token count before somebody
/// has looked.
fn suspend(
    transaction: &dyn Transaction,
    mut token: Token,
    policies: &mut HashMap<Option<Name>, Policy>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    if let Counter::Time { period, state } = &mut token.counter {
        let user = transaction.user(token.user)?.ok_or(StorageError::Damaged("user"))?;
        let policy = match policies.entry(user.group) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(unknown) => {
                let policy = policies::effective(transaction, unknown.key().as_ref())?;
                unknown.insert(policy)
            }
        };
        let window = i64::from(policy.max_time_steps.get());
        // A reset after the backup may have found the token's clock as far off as policy lets it. A device asks the server for
        // the time, so its clock is where it was.
        let drift = match token.device {
            Some(_) => state.drift_at_reset,
            None => state.drift_at_reset.max(i64::from(policy.max_reset_time_steps.get())),
        };
        // The drift may have moved by a window since that reset, and a code may have been a window ahead of it.
        let latest = TimeStep::at(now, *period).moved(drift + 2 * window);
        state.last = state.last.max(Some(latest));
        transaction.update_token(&token)?;
        // Of signatures over details, too.
        transaction.accept_signature(token.id, latest)?;
    }
    if let Counter::Listed { .. } = token.counter {
        token.expires_at = Some(now);
        transaction.update_token(&token)?;
    }
    if token.device.is_some() || matches!(token.counter, Counter::Event { .. }) {
        transaction.set_unconfirmed(token.id, true)?;
    }
    Ok(())
}

fn each_token<S: Snapshot + ?Sized>(
    snapshot: &S,
    mut work: impl FnMut(Token) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    let mut after = None;
    loop {
        let portion = snapshot.tokens_after(after, PORTION)?;
        let Some(last) = portion.last() else { return Ok(()) };
        after = Some(last.id);
        portion.into_iter().try_for_each(&mut work)?;
    }
}
