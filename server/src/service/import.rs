//! Import of other makers' tokens, so that an organisation can move in without a flag day. All of a file or nothing; a
//! dry run names each bad line.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Hash, Period};
use symbolon_core::secret::SecretBytes;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use super::audit::Entry;
use super::keyring::{Place, StoredKeys};
use super::users::NewUser;
use super::{Actor, Service, ServiceError, tokens, users};
use crate::storage::{Counter, LockState, Origin, Token, TokenId, TokenState, Transaction};

/// No file is longer, in bytes: room for a hundred thousand tokens and more.
pub const LONGEST: usize = 64 * 1024 * 1024;

/// At most so many bad lines are named.
const NAMED: usize = 100;

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
}

/// A line that can't be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LineError {
    /// Counts from one; the heading is line one.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// A line of a CSV file, as text.
#[derive(Deserialize)]
struct Row {
    user: String,
    serial: String,
    secret_hex: Zeroizing<String>,
    #[serde(rename = "type")]
    kind: String,
    algorithm: String,
    digits: String,
    period_or_counter: String,
}

/// A line that was understood.
struct Parsed {
    line: u64,
    user: Name,
    serial: Text<64>,
    secret: SecretBytes,
    hash: Hash,
    digits: Digits,
    counter: Counter,
}

const COLUMNS: [&str; 7] = ["user", "serial", "secret_hex", "type", "algorithm", "digits", "period_or_counter"];

fn parse_row(line: u64, row: &Row) -> Result<Parsed, String> {
    let field = |name: &str, message: &dyn std::fmt::Display| format!("{name}: {message}");
    let secret = data_encoding::HEXLOWER_PERMISSIVE
        .decode(row.secret_hex.trim().as_bytes())
        .map(SecretBytes::take)
        .map_err(|_| "secret_hex: must be hexadecimal digits".to_owned())?;
    if !(10..=128).contains(&secret.expose().len()) {
        return Err("secret_hex: must be 10 to 128 bytes long".into());
    }
    let number = |range: std::ops::RangeInclusive<u64>, name: &str, text: &str| {
        let number = text.trim().parse::<u64>().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("{name}: must be a number from {} to {}", range.start(), range.end()))
    };
    let counter = match row.kind.trim().to_ascii_lowercase().as_str() {
        "totp" => {
            let seconds = number(1..=3600, "period_or_counter", &row.period_or_counter)?;
            let period = u16::try_from(seconds).ok().and_then(Period::from_seconds).unwrap_or(Period::STANDARD);
            Counter::Time { period, state: TimeState::NEW }
        }
        "hotp" => {
            let largest = i64::MAX.unsigned_abs() - 1;
            Counter::Event { next: number(0..=largest, "period_or_counter", &row.period_or_counter)? }
        }
        _ => return Err("type: must be totp or hotp".into()),
    };
    let digits = u8::try_from(number(6..=10, "digits", &row.digits)?).ok().and_then(Digits::new);
    Ok(Parsed {
        line,
        user: row.user.parse().map_err(|error| field("user", &error))?,
        serial: row.serial.parse().map_err(|error| field("serial", &error))?,
        secret,
        hash: row
            .algorithm
            .trim()
            .to_ascii_lowercase()
            .replace('-', "")
            .parse()
            .map_err(|error| field("algorithm", &error))?,
        digits: digits.ok_or("digits: must be a number from 6 to 10")?,
        counter,
    })
}

/// Reads a CSV file; answers the lines that were understood and those that were not.
fn parse_csv(bytes: &[u8]) -> Result<(Vec<Parsed>, Vec<LineError>), ServiceError> {
    let invalid = |message: String| ServiceError::invalid("file", message);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = reader.headers().map_err(|error| invalid(error.to_string()))?.clone();
    if let Some(missing) = COLUMNS.iter().find(|column| !headers.iter().any(|header| header == **column)) {
        return Err(invalid(format!("line 1: the column {missing} is missing; columns: {}", COLUMNS.join(","))));
    }
    let mut parsed = Vec::new();
    let mut errors = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(0, csv::Position::line);
        let row = match read {
            Ok(false) => break,
            Ok(true) => record.deserialize(Some(&headers)).map_err(|error| error.to_string()),
            Err(error) => {
                let line = error.position().map_or(line, csv::Position::line);
                errors.push(LineError { line, message: "not a line of UTF-8 with seven fields".into() });
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    break;
                }
                continue;
            }
        };
        match row.and_then(|row| parse_row(line, &row)) {
            Ok(row) => parsed.push(row),
            Err(message) => errors.push(LineError { line, message }),
        }
    }
    Ok((parsed, errors))
}

impl Service {
    /// Imports tokens from CSV with the columns `user,serial,secret_hex,type,algorithm,digits,period_or_counter`. Users
    /// that are not there are added.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] when the file is no such CSV; bad lines are in the report.
    pub async fn import_csv(
        &self,
        actor: Actor,
        bytes: Zeroizing<Vec<u8>>,
        dry_run: bool,
    ) -> Result<ImportReport, ServiceError> {
        if bytes.len() > LONGEST {
            return Err(ServiceError::invalid("file", "must not be larger than 64 MiB"));
        }
        let (parsed, errors) = parse_csv(&bytes)?;
        if parsed.is_empty() && errors.is_empty() {
            return Err(ServiceError::invalid("file", "has no lines below its heading"));
        }
        let now = self.clock.now();
        let service = self.clone();
        let outcome = self
            .store
            .write(move |transaction| {
                let report = service.import(transaction, &actor, parsed, errors, now)?;
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
        parsed: Vec<Parsed>,
        mut errors: Vec<LineError>,
        now: Timestamp,
    ) -> Result<ImportReport, ServiceError> {
        let mut report = ImportReport::default();
        for row in parsed {
            if transaction.token_by_maker_serial(row.serial.as_str())?.is_some() {
                let message = format!("serial: there is a token {} already", row.serial);
                errors.push(LineError { line: row.line, message });
                continue;
            }
            let user = match transaction.user_by_name(&row.user)? {
                Some(user) => user,
                None => {
                    report.users += 1;
                    users::add(transaction, actor, now, NewUser { name: row.user, email: None, group: None })?
                }
            };
            let serial = tokens::free_serial(transaction)?;
            let keys = StoredKeys::imported(&row.secret);
            transaction.insert_token(&Token {
                id: TokenId(0),
                serial,
                maker_serial: Some(row.serial),
                user: user.id,
                label: None,
                state: TokenState::Active,
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
            })?;
            report.tokens += 1;
        }
        errors.sort_by_key(|error| error.line);
        errors.truncate(NAMED);
        report.errors = errors;
        Ok(report)
    }
}

/// Why an import's transaction is rolled back.
enum Undone {
    Report(ImportReport),
    Failed(ServiceError),
}

impl From<ServiceError> for Undone {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error)
    }
}

impl From<crate::storage::StorageError> for Undone {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Failed(error.into())
    }
}
