//! What this device was asked and what its person decided: a file beside the vault, sealed under a key of the vault's. It
//! proves nothing to others; it helps the person to remember.

use std::collections::VecDeque;

use jiff::Timestamp;
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};

use super::OpenVault;
use crate::approval::offline::OfflineRequest;
use crate::approval::{ChallengeId, Decision, Request};
use crate::frame::FrameWriter;
use crate::keys::{Label, SealingKey};
use crate::text::{Name, Text};

/// What was asked, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The challenge.
    pub id: ChallengeId,
    /// When the person decided, by the server's clock as far as it was known.
    pub time: Timestamp,
    /// What kind of question it was.
    pub kind: NotedKind,
    /// Who asked: the name that an administrator gave the application. A QR does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Name>,
    /// What was to be approved; none for a sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text<200>>,
    /// What the person decided.
    pub decision: Decision,
    /// What the server made of it, in the words of the API; none when its answer never came, or when it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Text<40>>,
}

/// Kinds of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotedKind {
    /// An approval without a transaction.
    SignIn,
    /// An approval of a transaction.
    Transaction,
    /// A transaction in a QR, approved by a code.
    OfflineQr,
}

impl NotedKind {
    /// The name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Transaction => "transaction",
            Self::OfflineQr => "offline_qr",
        }
    }
}

impl Noted {
    /// A decision on an approval.
    #[must_use]
    pub fn decided(request: &Request, decision: Decision, outcome: Option<&str>, time: Timestamp) -> Self {
        let transaction = request.transaction.as_ref();
        Self {
            id: request.id.clone(),
            time,
            kind: if transaction.is_some() { NotedKind::Transaction } else { NotedKind::SignIn },
            application: Some(request.application.clone()),
            summary: transaction.map(|transaction| transaction.summary.clone()),
            decision,
            outcome: outcome.and_then(|outcome| outcome.parse().ok()),
        }
    }

    /// A code that approves what a QR holds.
    #[must_use]
    pub fn approved_offline(request: &OfflineRequest, time: Timestamp) -> Self {
        Self {
            id: request.id.clone(),
            time,
            kind: NotedKind::OfflineQr,
            application: None,
            summary: Some(request.transaction.summary.clone()),
            decision: Decision::Confirm,
            outcome: None,
        }
    }
}

/// The last [`History::LONGEST`] decisions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(VecDeque<Noted>);

impl History {
    /// How many decisions are kept.
    pub const LONGEST: usize = 200;

    /// The decisions, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Noted> {
        self.0.iter().rev()
    }

    /// Notes a decision, in the place of what was noted of the same question before.
    pub fn note(&mut self, noted: Noted) {
        self.0.retain(|other| other.id != noted.id);
        self.0.push_back(noted);
        while self.0.len() > Self::LONGEST {
            self.0.pop_front();
        }
    }
}

impl OpenVault {
    /// The file of a history.
    pub fn seal_history(&self, history: &History, rng: &mut dyn CryptoRngCore) -> Vec<u8> {
        let plain = serde_json::to_vec(history).unwrap_or_else(|_| unreachable!("texts and times have a JSON form"));
        self.history_key().seal(rng, self.history_place().as_bytes(), &plain)
    }

    /// Reads the file of a history; `None` when it is not what this vault has sealed.
    #[must_use]
    pub fn open_history(&self, file: &[u8]) -> Option<History> {
        let plain = self.history_key().open(self.history_place().as_bytes(), file).ok()?;
        let mut history: History = serde_json::from_slice(plain.expose()).ok()?;
        history.0.truncate(History::LONGEST);
        Some(history)
    }

    fn history_key(&self) -> SealingKey {
        SealingKey::derive(&self.key, Label::VaultHistory)
    }

    fn history_place(&self) -> FrameWriter {
        let serial = self.header.serial.digits();
        FrameWriter::default().field(b"symbolon/1/vault/history").field(serial.as_bytes())
    }
}
