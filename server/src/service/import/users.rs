//! Users as comma-separated values: `name,email,group,language`, under a heading. All of a file or nothing.

use csv::{ReaderBuilder, StringRecord, Trim};
use serde::{Deserialize, Serialize};
use symbolon_core::text::Name;

use super::{LONGEST, LineError, Undone, in_parts, named, without_known};
use crate::service::audit::Entry;
use crate::service::users::{self, NewUser};
use crate::service::{Actor, Service, ServiceError};
use crate::storage::StorageError;

/// What came of an import of users, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UserImportReport {
    /// Whether this was only a trial.
    pub dry_run: bool,
    /// How many users were added, or would be.
    pub users: usize,
    /// What is wrong, by line; with anything here nobody was added.
    pub errors: Vec<LineError>,
}

/// A line, as text.
#[derive(Deserialize)]
struct Row<'r> {
    name: &'r str,
    #[serde(default)]
    email: &'r str,
    #[serde(default)]
    group: &'r str,
    #[serde(default)]
    language: &'r str,
}

const COLUMNS: [&str; 4] = ["name", "email", "group", "language"];

impl Service {
    /// Adds the users of a file: all of them, or none when a line is bad.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] when the file has no such heading; bad lines are in the report.
    pub async fn import_users(
        &self,
        actor: Actor,
        bytes: Vec<u8>,
        dry_run: bool,
    ) -> Result<UserImportReport, ServiceError> {
        if bytes.len() > LONGEST {
            return Err(ServiceError::invalid("file", "must not be larger than 64 MiB"));
        }
        let now = self.clock.now();
        let service = self.clone();
        let read = tokio::task::spawn_blocking(move || read(&bytes)).await;
        let (rows, mut errors) =
            read.map_err(|error| StorageError::Failed(format!("reading an import: {error}")))??;
        let outcome = self
            .store
            .write(move |transaction| {
                let mut users = 0;
                for rows in in_parts(rows) {
                    let names: Vec<_> = rows.iter().map(|(_, user)| &user.name).collect();
                    let known: Vec<_> = transaction.users_by_names(&names)?.iter().map(Option::is_some).collect();
                    let refused = |(line, user): (u64, NewUser)| {
                        let error = ServiceError::Exists { kind: "user", name: user.name.into() };
                        LineError { line, message: format!("name: {error}") }
                    };
                    let (new, known) = without_known(rows, known, |(_, user)| user.name.clone(), refused);
                    errors.extend(known);
                    let new = new.into_iter().map(|(_, user)| user).collect();
                    let added = users::insert(transaction, &actor, now, new)?;
                    service.assign_unseen(transaction, &added, now)?;
                    users += added.len();
                }
                let report = UserImportReport { dry_run, users, errors: named(errors) };
                if dry_run || !report.errors.is_empty() {
                    return Err(Undone::Report(report));
                }
                Entry::new("users.imported").detail("users", users).append(transaction, &actor, now)?;
                Ok(report)
            })
            .await;
        match outcome {
            Ok(report) | Err(Undone::Report(report)) => Ok(report),
            Err(Undone::Failed(error)) => Err(error),
        }
    }
}

/// What a file of users holds by itself, whoever is here.
///
/// # Errors
/// [`ServiceError::Invalid`] when it has no such heading; bad lines are in the report.
pub fn examine(bytes: &[u8]) -> Result<UserImportReport, ServiceError> {
    let (rows, errors) = read(bytes)?;
    Ok(UserImportReport { dry_run: true, users: rows.len(), errors: named(errors) })
}

type Lines = (Vec<(u64, NewUser)>, Vec<LineError>);

fn read(bytes: &[u8]) -> Result<Lines, ServiceError> {
    let invalid = |message: String| ServiceError::invalid("file", message);
    // Spreadsheets begin a file in UTF-8 with this mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
    let heading = reader.headers().map_err(|error| invalid(error.to_string()))?.clone();
    let expected = format!("columns: {}", COLUMNS.join(","));
    if !heading.iter().any(|column| column == "name") {
        return Err(invalid(format!("line 1: the column name is missing; {expected}")));
    }
    let mut seen = std::collections::BTreeSet::new();
    if let Some(other) = heading.iter().find(|column| !COLUMNS.contains(column) || !seen.insert(*column)) {
        return Err(invalid(format!("line 1: {other:?} is no column, or is there twice; {expected}")));
    }
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    let mut record = StringRecord::new();
    loop {
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(0, csv::Position::line);
        match read {
            Ok(false) => break,
            Ok(true) => match parse(&record, &heading) {
                Ok(row) => rows.push((line, row)),
                Err(message) => errors.push(LineError { line, message }),
            },
            Err(error) => {
                let line = error.position().map_or(line, csv::Position::line);
                let message = format!("not a line of UTF-8 with {} fields", heading.len());
                errors.push(LineError { line, message });
                if matches!(error.kind(), csv::ErrorKind::Io(_)) {
                    break;
                }
            }
        }
    }
    if rows.is_empty() && errors.is_empty() {
        return Err(invalid("has no lines below its heading".into()));
    }
    Ok((rows, errors))
}

fn parse(record: &StringRecord, heading: &StringRecord) -> Result<NewUser, String> {
    let row: Row<'_> = record.deserialize(Some(heading)).map_err(|error| error.to_string())?;
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let group = some(row.group).map(|group| group.parse::<Name>()).transpose();
    Ok(NewUser {
        name: row.name.parse().map_err(|error| format!("name: {error}"))?,
        email: some(row.email).map(|email| email.parse()).transpose().map_err(|error| format!("email: {error}"))?,
        group: group.map_err(|error| format!("group: {error}"))?,
        language: some(row.language)
            .map(|language| language.parse())
            .transpose()
            .map_err(|error| format!("language: {error}"))?,
    })
}
