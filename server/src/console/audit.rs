//! The audit: looked through, exported, and its chain verified.

use std::io;

use askama::Template;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use futures_util::future::ready;
use futures_util::stream::{once, try_unfold};
use jiff::Timestamp;
use serde::Deserialize;

use super::layout::{Failure, Frame, Section, Visit, page};
use crate::audit_csv;
use crate::service::ServiceError;
use crate::service::audit::{self, AuditEntry, AuditFilter, ChainReport};
use crate::storage::StorageError;

/// So many entries on a page.
const PAGE: u32 = 50;
/// So many in one portion of an export.
const PORTION: u32 = 1000;

/// Which entries.
#[derive(Deserialize, Default, Clone)]
pub(super) struct Asked {
    #[serde(default)]
    user: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    before: Option<u64>,
    #[serde(default)]
    format: String,
}

impl Asked {
    fn filter(&self) -> Result<AuditFilter, Failure> {
        fn read<T: std::str::FromStr>(text: &str, what: &str) -> Result<Option<T>, Failure> {
            match text.trim() {
                "" => Ok(None),
                text => text.parse().map(Some).map_err(|_| Failure::bad(format!("{what} can't be read."))),
            }
        }
        let text = |text: &str| Some(text.trim().chars().take(200).collect::<String>()).filter(|text| !text.is_empty());
        Ok(AuditFilter {
            user: read(&self.user, "The name of the user")?,
            token: read(&self.token, "The serial number")?,
            action: text(&self.action),
            actor: text(&self.actor),
            from: read_day(&self.from)?,
            to: read_day(&self.to)?,
        })
    }

    /// The query of this selection, without where the page begins.
    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("user", &self.user),
            ("token", &self.token),
            ("action", &self.action),
            ("actor", &self.actor),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    fn is_filtered(&self) -> bool {
        !self.query().is_empty()
    }
}

/// A time, or the beginning of a day in UTC.
fn read_day(text: &str) -> Result<Option<Timestamp>, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = format!("{text}T00:00:00Z");
    let time = text.parse().or_else(|_| day.parse());
    time.map(Some).map_err(|_| Failure::bad("A day is written like 2026-11-25."))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    asked: Asked,
    entries: Vec<AuditEntry>,
    next: Option<u64>,
}

/// Entries, latest first.
pub(super) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let found = visit.service.find_entries(asked.filter()?, asked.before, PAGE).await?;
    let frame = visit.frame(Section::Audit, "Audit");
    Ok(page(&AuditPage { frame, asked, entries: found.entries, next: found.next }))
}

/// The details of an entry, each with its name.
pub(super) fn details(entry: &AuditEntry) -> Vec<(String, String)> {
    let mut details = Vec::new();
    if let Some(token) = &entry.token {
        details.push(("token".to_owned(), token.to_string()));
    }
    for (name, value) in &entry.details {
        let value = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) if name == "changes" => {
                let text = |item: &serde_json::Value, key: &str| {
                    item.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
                };
                let change = |item| format!("{} {} → {}", text(item, "key"), text(item, "before"), text(item, "after"));
                items.iter().map(change).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        details.push((name.replace('_', " "), value));
    }
    details
}

/// The whole selection as a file, latest first, read a portion at a time while it is sent.
pub(super) async fn export(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let filter = asked.filter()?;
    let is_csv = asked.format == "csv";
    let (name, content_type) = match is_csv {
        true => ("audit.csv", "text/csv; charset=utf-8"),
        false => ("audit.jsonl", "application/jsonl; charset=utf-8"),
    };
    let service = visit.service.clone();
    let heading = if is_csv { format!("{}\r\n", audit_csv::HEADING) } else { String::new() };
    let line = move |entry: &AuditEntry| match is_csv {
        true => audit_csv::line(entry).map(|line| line + "\r\n"),
        false => Ok(serde_json::to_string(entry)? + "\n"),
    };
    // Where the next portion begins; nothing is read before the reader has taken the last one.
    let portions = try_unfold(Some(None), move |begin: Option<Option<u64>>| {
        let (service, filter) = (service.clone(), filter.clone());
        async move {
            let Some(before) = begin else { return Ok::<_, ServiceError>(None) };
            let found = service.find_entries(filter, before, PORTION).await?;
            let lines = found.entries.iter().map(line).collect::<io::Result<String>>();
            let lines = lines.map_err(|error| StorageError::Failed(error.to_string()))?;
            Ok(Some((lines, found.next.map(Some))))
        }
    });
    let body = Body::from_stream(once(ready(Ok(heading))).chain(portions));
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response())
}

#[derive(Template)]
#[template(path = "audit-chain.html")]
struct ChainPage {
    frame: Frame,
    report: ChainReport,
}

/// Walks along the whole chain.
pub(super) async fn verify(visit: Visit) -> Result<Response, Failure> {
    let report = visit.service.store.read_much(|snapshot| audit::verify(snapshot, &[])).await?;
    Ok(page(&ChainPage { frame: visit.frame(Section::Audit, "The audit's chain"), report }))
}
