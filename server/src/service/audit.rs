//! The audit: what happened, who did it, and a chain of hashes that shows when an entry was changed, removed or moved.
//!
//! An entry is written in the transaction of what it tells of, so there is none without the other. In the same
//! transaction the outbox is filled for the webhooks that are told of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use symbolon_core::frame::FrameWriter;
use symbolon_core::keys::sha256;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;

use super::checkpoints::Checkpoint;
use super::{Service, ServiceError, statistics, webhooks};
use crate::storage::{ApplicationId, AuditHead, Challenge, Snapshot, StorageError, StoredEntry, Transaction};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// `symbolon-server admin` on the machine itself.
    CommandLine,
    /// An application, by the name that an administrator gave it.
    Application(Name),
    /// A person in the console, by the administrator's name.
    Administrator(Name),
    /// A user at `/me`.
    User(Name),
    /// A phone.
    Device,
    /// The server, by itself.
    Server,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Application(name) => write!(f, "application {name}"),
            Self::Administrator(name) => write!(f, "administrator {name}"),
            Self::User(name) => write!(f, "user {name}"),
            Self::Device => f.write_str("device"),
            Self::Server => f.write_str("server"),
        }
    }
}

/// An entry before it is written. No secret and no code ever goes into one.
#[derive(Debug, Clone)]
pub struct Entry {
    action: &'static str,
    user: Option<Name>,
    token: Option<SerialNumber>,
    details: BTreeMap<&'static str, serde_json::Value>,
    application: Option<ApplicationId>,
}

impl Entry {
    /// An entry about `action`, written `what.happened`.
    #[must_use]
    pub fn new(action: &'static str) -> Self {
        Self { action, user: None, token: None, details: BTreeMap::new(), application: None }
    }

    /// Whose.
    #[must_use]
    pub fn user(mut self, name: &Name) -> Self {
        self.user = Some(name.clone());
        self
    }

    /// Of which token.
    #[must_use]
    pub fn token(mut self, serial: SerialNumber) -> Self {
        self.token = Some(serial);
        self
    }

    /// Of which challenge; the endpoints of its application may learn of it.
    #[must_use]
    pub fn challenge(self, challenge: &Challenge) -> Self {
        Self { application: Some(challenge.application), ..self.detail("challenge", challenge.id.to_string()) }
    }

    /// Another fact.
    #[must_use]
    pub fn detail(mut self, key: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(key, value.into());
        self
    }

    /// Writes the entry at the end of the chain.
    ///
    /// # Errors
    /// [`ServiceError::ClockBehind`] when `now` lies before the latest entry: nothing may be decided then.
    pub fn append(self, transaction: &dyn Transaction, actor: &Actor, now: Timestamp) -> Result<(), ServiceError> {
        append_all(transaction, vec![(self, actor, now)])
    }

    /// Counts the entry for the dashboard, if it is of those that are counted.
    fn count(&self, transaction: &dyn Transaction, now: Timestamp) -> Result<(), StorageError> {
        let Some(detail) = statistics::counted(self.action) else { return Ok(()) };
        let kind = self.details.get(detail).and_then(serde_json::Value::as_str).unwrap_or_default();
        transaction.count(now, self.action, kind)
    }

    /// The entry as it is stored after `head`.
    fn chained(self, head: Option<&AuditHead>, actor: &Actor, now: Timestamp) -> Result<StoredEntry, ServiceError> {
        let (before, previous) = head.map_or((0, [0; 32]), |head| (head.sequence, head.hash));
        let sequence = before + 1;
        let entry = AuditEntry {
            sequence,
            time: now,
            actor: actor.to_string(),
            action: self.action.to_owned(),
            user: self.user.map(String::from),
            token: self.token,
            details: self.details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        };
        let entry = serde_json::to_string(&entry).map_err(|error| StorageError::Failed(error.to_string()))?;
        let hash = chain(&previous, &entry);
        Ok(StoredEntry { sequence, time: now, entry, hash })
    }
}

/// Writes entries at the end of the chain, in their order.
///
/// # Errors
/// As for [`Entry::append`].
pub fn append_all(transaction: &dyn Transaction, entries: Vec<Told<'_>>) -> Result<(), ServiceError> {
    entries.iter().try_for_each(|(_, _, now)| check_clock(transaction, *now))?;
    append_unchecked(transaction, entries)
}

/// An entry, who did it, and when.
type Told<'a> = (Entry, &'a Actor, Timestamp);

fn append_unchecked(transaction: &dyn Transaction, entries: Vec<Told<'_>>) -> Result<(), ServiceError> {
    let mut head = transaction.audit_head()?;
    let (mut stored, mut told) = (Vec::new(), Vec::new());
    for (entry, actor, now) in entries {
        let (action, application) = (entry.action, entry.application);
        entry.count(transaction, now)?;
        let entry = entry.chained(head.as_ref(), actor, now)?;
        head = Some(AuditHead { sequence: entry.sequence, time: entry.time, hash: entry.hash });
        told.push((action, entry.sequence, application, now));
        stored.push(entry);
    }
    transaction.append_entries(&stored)?;
    told.into_iter().try_for_each(|(action, sequence, application, now)| {
        webhooks::post(transaction, action, sequence, application, now)
    })
}

/// An entry as it is exported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Counts from one.
    pub sequence: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// Who.
    pub actor: String,
    /// What, as `what.happened`.
    pub action: String,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Of which token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub token: Option<SerialNumber>,
    /// The rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub details: BTreeMap<String, serde_json::Value>,
}

/// The hash of an entry: over the hash before it and the entry's own bytes.
fn chain(previous: &[u8; 32], entry: &str) -> [u8; 32] {
    let frame =
        FrameWriter::with_capacity(entry.len() + 64).field(b"symbolon/1/audit").field(previous).field(entry.as_bytes());
    sha256(frame.as_bytes())
}

/// A clock may be so much behind the latest entry: other machines' clocks, and small corrections.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Refuses to decide anything when the clock has jumped back: codes that were used would count again.
///
/// # Errors
/// [`ServiceError::ClockBehind`].
pub fn check_clock(snapshot: &dyn Snapshot, now: Timestamp) -> Result<(), ServiceError> {
    match snapshot.audit_head()? {
        Some(head) if now + TOLERANCE < head.time => Err(ServiceError::ClockBehind { now, stored: head.time }),
        _ => Ok(()),
    }
}

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ChainReport {
    /// Whether every entry is where and what it was.
    pub intact: bool,
    /// How many entries are there.
    pub entries: u64,
    /// The number and the hash of the last entry, to be kept elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<ChainHead>,
    /// The first bad entry, and what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<ChainBreak>,
}

impl ChainReport {
    fn broken(sequence: u64, reason: String) -> Self {
        let broken = Some(ChainBreak { sequence, reason });
        Self { intact: false, entries: sequence - 1, head: None, broken }
    }
}

/// The last entry of an intact chain.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ChainHead {
    /// Its number.
    pub sequence: u64,
    /// Its hash in hexadecimal.
    pub hash: String,
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ChainBreak {
    /// The number of the first bad entry.
    pub sequence: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Entries are read in portions of this size.
const PORTION: u32 = 2000;

/// Walks along the whole chain, and looks whether it still is the one that checkpoints tell of.
///
/// # Errors
/// The store's.
pub fn verify(snapshot: &dyn Snapshot, checkpoints: &[Checkpoint]) -> Result<ChainReport, StorageError> {
    let mut previous = [0; 32];
    let mut expected = 1;
    loop {
        let portion = snapshot.audit_entries(expected, PORTION)?;
        for stored in &portion {
            let told = checkpoints.iter().find(|checkpoint| checkpoint.sequence == expected);
            let other = told.filter(|checkpoint| *checkpoint.hash.as_slice() != stored.hash).map(|checkpoint| {
                format!("it is not the entry of the checkpoint of {}: the chain was made anew", checkpoint.time)
            });
            if let Some(reason) = fault(stored, expected, &previous).map(str::to_owned).or(other) {
                return Ok(ChainReport::broken(expected, reason));
            }
            previous = stored.hash;
            expected += 1;
        }
        if portion.len() < PORTION as usize {
            if let Some(checkpoint) =
                checkpoints.iter().filter(|checkpoint| checkpoint.sequence >= expected).max_by_key(|c| c.sequence)
            {
                let reason = format!(
                    "the end was cut off: the checkpoint of {} tells of {} entries",
                    checkpoint.time, checkpoint.sequence
                );
                return Ok(ChainReport::broken(expected, reason));
            }
            let entries = expected - 1;
            let hash = data_encoding::HEXLOWER.encode(&previous);
            let head = (entries > 0).then_some(ChainHead { sequence: entries, hash });
            return Ok(ChainReport { intact: true, entries, head, broken: None });
        }
    }
}

fn fault(stored: &StoredEntry, expected: u64, previous: &[u8; 32]) -> Option<&'static str> {
    if stored.sequence != expected {
        return Some("the entry is missing");
    }
    if chain(previous, &stored.entry) != stored.hash {
        return Some("the entry was changed, or entries were removed or moved before it");
    }
    match serde_json::from_str::<AuditEntry>(&stored.entry) {
        Ok(entry) if entry.sequence == expected && entry.time == stored.time => None,
        _ => Some("the entry's number or time was changed"),
    }
}

/// Which entries are looked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this user.
    pub user: Option<Name>,
    /// Of this token.
    pub token: Option<SerialNumber>,
    /// With an action that begins so: `token.` or `code.refused`.
    pub action: Option<String>,
    /// By whom, as the audit writes it: `administrator ana`.
    pub actor: Option<String>,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Until before this time.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether an entry of this time is within `from` and `to`.
    pub(crate) fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// What the stored text of an entry must hold: no text within a string can look like this, since its quotes would
    /// be escaped.
    pub(super) fn parts(&self) -> [String; 4] {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let field = |name: &str, text: Option<&str>| text.map(|text| format!("\"{name}\":{}", json(text)));
        // The action's end is left open.
        let action = field("action", self.action.as_deref()).map(|part| part.trim_end_matches('"').to_owned());
        let serial = self.token.map(|serial| serial.to_string());
        let parts = [
            field("user", self.user.as_ref().map(Name::as_str)),
            field("token", serial.as_deref()),
            field("actor", self.actor.as_deref()),
            action,
        ];
        parts.map(Option::unwrap_or_default)
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AuditFindings {
    /// The entries, latest first.
    pub entries: Vec<AuditEntry>,
    /// Where to go on looking; none when all was looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// So many entries are looked through at a time.
pub(super) const LOOKED_THROUGH: u64 = 10_000;

/// The number of the entry that took the clock as it was for the last time.
const CLOCK_ACCEPTED: &str = "audit.clock_accepted";

/// The number of the first entry from `low` on that is not before `time`, where times rise with the numbers.
fn sequence_at(snapshot: &dyn Snapshot, time: Timestamp, mut low: u64, head: u64) -> Result<u64, StorageError> {
    let mut high = head + 1;
    while low < high {
        let middle = low.midpoint(high);
        match snapshot.audit_entries(middle, 1)?.first() {
            Some(entry) if entry.time < time => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

impl Service {
    /// Entries from `sequence` on, at most `limit`.
    ///
    /// # Errors
    /// The store's.
    pub fn audit_page(&self, sequence: u64, limit: u32) -> Result<Vec<AuditEntry>, ServiceError> {
        self.store.read(|snapshot| {
            let stored = snapshot.audit_entries(sequence, limit)?;
            stored
                .iter()
                .map(|stored| {
                    serde_json::from_str(&stored.entry).map_err(|_| StorageError::Damaged("audit entry").into())
                })
                .collect()
        })
    }

    /// Entries that fit `filter`, latest first, at most `limit`, before the entry `before`. Looks through a portion of
    /// the audit at a time: where nothing is found the answer says where to go on.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_entries(
        &self,
        filter: AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<AuditFindings, ServiceError> {
        let find = move |snapshot: &dyn Snapshot| {
            let head = snapshot.audit_head()?.map_or(0, |head| head.sequence);
            // From there on times rise with the numbers, but for the tolerance; what lies before may be of any time.
            let accepted = snapshot.meta(CLOCK_ACCEPTED)?.and_then(|number| number.try_into().ok());
            let accepted = accepted.map(u64::from_be_bytes);
            let end = match filter.to {
                Some(to) => {
                    let to = to.checked_add(TOLERANCE).unwrap_or(Timestamp::MAX);
                    sequence_at(snapshot, to, accepted.unwrap_or(1), head)?
                }
                None => head + 1,
            };
            let first = match (filter.from, accepted) {
                (Some(from), None) => {
                    let from = from.checked_sub(TOLERANCE).unwrap_or(Timestamp::MIN);
                    sequence_at(snapshot, from, 1, head)?
                }
                _ => 1,
            };
            let before = before.unwrap_or(end).min(end);
            let from = before.saturating_sub(LOOKED_THROUGH).max(first);
            let stored = snapshot.find_entries(&filter.parts(), from, before, limit)?;
            let full = stored.len() >= limit as usize;
            let searched = if full { stored.last().map_or(from, |entry| entry.sequence) } else { from };
            let entries = stored.iter().map(|stored| serde_json::from_str(&stored.entry));
            let entries = entries.collect::<Result<Vec<AuditEntry>, _>>();
            let mut entries = entries.map_err(|_| StorageError::Damaged("audit entry"))?;
            entries.retain(|entry| filter.holds(entry.time));
            Ok(AuditFindings { entries, next: Some(searched).filter(|searched| *searched > first) })
        };
        self.store.read_much(find).await
    }

    /// Takes the clock as it is, though it lies before the latest entry.
    ///
    /// # Errors
    /// The store's.
    pub async fn accept_clock(&self, actor: Actor) -> Result<Timestamp, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let entry = Entry::new("clock.accepted");
                let entry = match transaction.audit_head()? {
                    Some(head) => entry.detail("latest_entry", head.time.to_string()),
                    None => entry,
                };
                append_unchecked(transaction, vec![(entry, &actor, now)])?;
                let head = transaction.audit_head()?.map_or(1, |head| head.sequence);
                transaction.set_meta(CLOCK_ACCEPTED, &head.to_be_bytes())?;
                Ok(now)
            })
            .await
    }
}
