//! What was asked on this phone and what its person decided.

use std::time::SystemTime;

use symbolon_core::vault::{Noted, NotedKind};

use crate::approval::{Decision, Outcome};
use crate::time::system_time;

/// A decision that was made on this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HistoryEntry {
    /// The name of the request.
    pub id: String,
    /// When the person decided.
    pub time: SystemTime,
    /// What kind of question it was.
    pub kind: HistoryKind,
    /// Who asked; a QR does not say.
    pub application: Option<String>,
    /// What was to be approved; `None` for a sign-in.
    pub summary: Option<String>,
    /// What the person decided.
    pub decision: Decision,
    /// What the server made of it; `None` when its answer never came, or when it is not asked.
    pub outcome: Option<Outcome>,
}

/// Kinds of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum HistoryKind {
    /// A sign-in.
    SignIn,
    /// A transaction.
    Transaction,
    /// A transaction in a QR, approved by a code.
    OfflineQr,
}

impl From<Noted> for HistoryEntry {
    fn from(noted: Noted) -> Self {
        Self {
            id: noted.id.to_string(),
            time: system_time(noted.time),
            kind: match noted.kind {
                NotedKind::SignIn => HistoryKind::SignIn,
                NotedKind::Transaction => HistoryKind::Transaction,
                NotedKind::OfflineQr => HistoryKind::OfflineQr,
            },
            application: noted.application.map(|application| application.to_string()),
            summary: noted.summary.map(|summary| summary.to_string()),
            decision: noted.decision.into(),
            outcome: noted.outcome.map(|outcome| Outcome::named(outcome.to_string())),
        }
    }
}
