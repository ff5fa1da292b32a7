//! Import of other makers' tokens, so that an organisation can move in without a flag day. All of a file or nothing; a
//! dry run names each bad line.
//!
//! Each format has a module that reads a file into a `Reading`: what was understood, and what is wrong, by line. What
//! becomes of it is the same for all of them.

mod csv;
mod otpauth;
mod pskc;
mod users;

use std::collections::{HashMap, HashSet};
use std::hash::Hash as Hashed;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::otp::{Digits, Hash};
use symbolon_core::secret::SecretBytes;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use super::audit::Entry;
use super::keyring::{Place, StoredKeys};
use super::users::{NewUser, insert as insert_users};
use super::{Actor, Service, ServiceError, audit, tokens};
use crate::storage::{Counter, LockState, Origin, StorageError, Token, TokenId, TokenState, Transaction, UserId};

pub use users::{UserImportReport, examine as examine_users};

/// No file is longer, in bytes: room for a hundred thousand tokens and more.
pub const LONGEST: usize = 64 * 1024 * 1024;

/// So many rows are looked up and added at once, which counts on a database that is far.
const AT_ONCE: usize = 1000;

/// At most so many bad lines are named.
const NAMED: usize = 100;

/// The largest counter of an event-based token that the store holds, with room for the next one.
const LAST_EVENT: u64 = i64::MAX.unsigned_abs() - 1;

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values: `user,serial,secret_hex,type,algorithm,digits,period_or_counter`.
    #[default]
    Csv,
    /// A text file with an `otpauth://` link on each line.
    Otpauth,
    /// A key container (PSKC, RFC 6030).
    Pskc,
}

/// What opens an encrypted key container.
#[derive(Debug, PartialEq, Eq)]
pub enum Credential {
    /// The key that was agreed upon beforehand.
    Key(SecretBytes),
    /// A password, from which the container's own parameters make the key.
    Password(SecretBytes),
}

/// What came of an import, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ImportReport {
    /// Whether this was only a trial.
    pub dry_run: bool,
    /// How many tokens were added, or would be.
    pub tokens: usize,
    /// How many users were added, or would be.
    pub users: usize,
    /// What is wrong, by line; with anything here nothing was added.
    pub errors: Vec<LineError>,
    /// What an administrator should know of tokens that were added, or would be, by line.
    pub warnings: Vec<LineError>,
}

/// What is wrong with a line, or to be known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LineError {
    /// Counts from one. In CSV the heading is line one; in PSKC it is the line where the key begins.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// A token of a file.
#[derive(Debug)]
struct Parsed {
    line: u64,
    user: Name,
    serial: Text<64>,
    secret: SecretBytes,
    hash: Hash,
    digits: Digits,
    counter: Counter,
    label: Option<Name>,
    /// Its codes are not to count until an administrator says so.
    disabled: bool,
}

/// What a format's reader made of a file.
#[derive(Debug, Default)]
struct Reading {
    parsed: Vec<Parsed>,
    errors: Vec<LineError>,
    warnings: Vec<LineError>,
}

impl Reading {
    /// Files an entry away under its line.
    fn take(&mut self, line: u64, entry: Result<Parsed, String>) {
        match entry {
            Ok(parsed) => self.parsed.push(parsed),
            Err(message) => self.errors.push(LineError { line, message }),
        }
    }
}

/// Reads a file into tokens and what is wrong with it.
fn read(
    format: Format,
    bytes: &[u8],
    credential: Option<&Credential>,
    now: Timestamp,
) -> Result<Reading, ServiceError> {
    if credential.is_some() && format != Format::Pskc {
        return Err(ServiceError::invalid("key", "only the format pskc takes a key or a password"));
    }
    let (reading, what) = match format {
        Format::Csv => (csv::read(bytes)?, "lines below its heading"),
        Format::Otpauth => (otpauth::read(bytes), "otpauth links"),
        Format::Pskc => (pskc::read(bytes, credential, now)?, "keys"),
    };
    if reading.parsed.is_empty() && reading.errors.is_empty() {
        return Err(ServiceError::invalid("file", format!("has no {what}")));
    }
    Ok(reading)
}

/// What a file holds by itself, whatever users and tokens are here.
///
/// # Errors
/// [`ServiceError::Invalid`] when it is not of that format; bad lines are in the report.
pub fn examine(
    format: Format,
    bytes: &[u8],
    credential: Option<&Credential>,
    now: Timestamp,
) -> Result<ImportReport, ServiceError> {
    let Reading { parsed, errors, warnings } = read(format, bytes, credential, now)?;
    Ok(ImportReport { dry_run: true, tokens: parsed.len(), users: 0, errors, warnings })
}

impl Service {
    /// Imports tokens of other makers: all of a file, or none when a line of it is bad. Users that are not there are
    /// added.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] when the file is not of that format; bad lines are in the report.
    pub async fn import_tokens(
        &self,
        actor: Actor,
        format: Format,
        bytes: Zeroizing<Vec<u8>>,
        credential: Option<Credential>,
        dry_run: bool,
    ) -> Result<ImportReport, ServiceError> {
        if bytes.len() > LONGEST {
            return Err(ServiceError::invalid("file", "must not be larger than 64 MiB"));
        }
        let now = self.clock.now();
        // A large file, or a password's many iterations, must not hold up those who sign in.
        let reading = tokio::task::spawn_blocking(move || read(format, &bytes, credential.as_ref(), now)).await;
        let reading = reading.map_err(|error| StorageError::Failed(format!("reading an import: {error}")))??;
        let service = self.clone();
        let outcome =
            self.store
                .write(move |transaction| {
                    let report = service.import(transaction, &actor, reading, now)?;
                    if dry_run || !report.errors.is_empty() {
                        return Err(Undone::Report(ImportReport { dry_run, ..report }));
                    }
                    Entry::new("tokens.imported")
                        .detail("tokens", report.tokens)
                        .detail("users", report.users)
                        .append(transaction, &actor, now)?;
                    Ok(report)
                })
                .await;
        match outcome {
            Ok(report) | Err(Undone::Report(report)) => Ok(report),
            Err(Undone::Failed(error)) => Err(error),
        }
    }

    fn import(
        &self,
        transaction: &dyn Transaction,
        actor: &Actor,
        reading: Reading,
        now: Timestamp,
    ) -> Result<ImportReport, ServiceError> {
        let mut report = ImportReport::default();
        let Reading { parsed, mut errors, warnings } = reading;
        for rows in in_parts(parsed) {
            let serials: Vec<_> = rows.iter().map(|row| row.serial.as_str()).collect();
            let known = transaction.are_maker_serials(&serials)?;
            let refused = |row: Parsed| LineError {
                line: row.line,
                message: format!("serial: there is a token {} already", row.serial),
            };
            let (rows, known) = without_known(rows, known, |row| row.serial.clone(), refused);
            errors.extend(known);
            let (users, added) = holders(transaction, actor, &rows, now)?;
            report.users += added;
            report.tokens += self.add_imported(transaction, actor, rows, &users, now)?;
        }
        report.errors = named(errors);
        report.warnings = named(warnings);
        Ok(report)
    }

    /// Adds the tokens of these rows; answers how many.
    fn add_imported(
        &self,
        transaction: &dyn Transaction,
        actor: &Actor,
        rows: Vec<Parsed>,
        users: &HashMap<Name, UserId>,
        now: Timestamp,
    ) -> Result<usize, ServiceError> {
        let mut serials = tokens::free_serials(transaction, rows.len())?;
        let (mut tokens, mut entries) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows {
            let serial = serials.pop().map_or_else(|| tokens::free_serial(transaction), Ok)?;
            let user = users.get(&row.user).ok_or(StorageError::Damaged("user"))?;
            let entry = Entry::new("token.imported").user(&row.user).token(serial);
            entries.push((entry.detail("maker_serial", row.serial.as_str()), actor, now));
            let keys = StoredKeys::imported(&row.secret);
            tokens.push(Token {
                id: TokenId(0),
                serial,
                maker_serial: Some(row.serial),
                user: *user,
                label: row.label,
                state: if row.disabled { TokenState::Disabled } else { TokenState::Active },
                origin: Origin::Imported,
                counter: row.counter,
                hash: row.hash,
                digits: row.digits,
                keys: self.keyring.seal(Place::TokenKeys(serial), keys.as_bytes()),
                spent: Vec::new(),
                lock: LockState::default(),
                device: None,
                created_at: now,
                activated_at: Some(now),
                last_used_at: None,
                expires_at: None,
            });
        }
        transaction.insert_tokens(&tokens)?;
        audit::append_all(transaction, entries)?;
        Ok(tokens.len())
    }
}

/// Rows in parts that are looked up and added at once.
fn in_parts<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || Some(rows.by_ref().take(AT_ONCE).collect::<Vec<_>>()).filter(|part| !part.is_empty()))
}

/// Rows whose key is not known, nor that of a row before; and what is wrong with the others.
fn without_known<R, K: Eq + Hashed>(
    rows: Vec<R>,
    known: impl IntoIterator<Item = bool>,
    key: impl Fn(&R) -> K,
    refused: impl Fn(R) -> LineError,
) -> (Vec<R>, Vec<LineError>) {
    let mut seen = HashSet::with_capacity(rows.len());
    let (mut fresh, mut errors) = (Vec::with_capacity(rows.len()), Vec::new());
    for (row, known) in rows.into_iter().zip(known) {
        if known || !seen.insert(key(&row)) {
            errors.push(refused(row));
        } else {
            fresh.push(row);
        }
    }
    (fresh, errors)
}

/// Whose tokens these are: those who are not here are added, and counted.
fn holders(
    transaction: &dyn Transaction,
    actor: &Actor,
    rows: &[Parsed],
    now: Timestamp,
) -> Result<(HashMap<Name, UserId>, usize), ServiceError> {
    let mut named = HashSet::with_capacity(rows.len());
    let names: Vec<_> = rows.iter().map(|row| &row.user).filter(|name| named.insert(*name)).collect();
    let found = transaction.users_by_names(&names)?;
    let (mut new, mut users) = (Vec::new(), Vec::with_capacity(names.len()));
    for (name, found) in names.into_iter().zip(found) {
        match found {
            Some(user) => users.push(user),
            None => new.push(NewUser { name: name.clone(), email: None, group: None, language: None }),
        }
    }
    let added = insert_users(transaction, actor, now, new)?;
    let count = added.len();
    Ok((users.into_iter().chain(added).map(|user| (user.name, user.id)).collect(), count))
}

/// The first of them, by line.
fn named(mut lines: Vec<LineError>) -> Vec<LineError> {
    lines.sort_by_key(|line| line.line);
    lines.truncate(NAMED);
    lines
}

/// A whole number within `range`.
fn number(field: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.trim().parse::<u64>().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{field}: must be a number from {} to {}", range.start(), range.end()))
}

/// A secret that is long enough to be one: 80 bits, which is what the shortest apps use, to 1024.
fn checked_secret(field: &str, secret: SecretBytes) -> Result<SecretBytes, String> {
    if (10..=128).contains(&secret.expose().len()) {
        Ok(secret)
    } else {
        Err(format!("{field}: must be 10 to 128 bytes long"))
    }
}

/// The hash that an algorithm's name means: `SHA256`, `sha-256`, `HMAC-SHA256`, `HmacSHA256`.
fn hash(name: &str) -> Option<Hash> {
    let plain: String = name.trim().to_ascii_lowercase().replace(['-', '_'], "");
    plain.strip_prefix("hmac").unwrap_or(&plain).parse().ok()
}

/// Why an import's transaction is rolled back.
enum Undone<R> {
    Report(R),
    Failed(ServiceError),
}

impl<R> From<ServiceError> for Undone<R> {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error)
    }
}

impl<R> From<StorageError> for Undone<R> {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.into())
    }
}
