//! What is asked, as it is shown, and the decision.

use std::time::SystemTime;

use symbolon_client::Pending;
use symbolon_core::approval::{self as core, offline};
use symbolon_core::policy::MutualChallengeAlphabet;

use crate::time::system_time;

/// Something that the server asks, whose signature was checked.
#[derive(Debug, uniffi::Object)]
pub struct Approval(pub(crate) Pending);

#[uniffi::export]
impl Approval {
    /// All that may be shown.
    #[must_use]
    pub fn request(&self) -> Request {
        let request = self.0.request();
        Request {
            id: request.id.to_string(),
            issuer: request.issuer.to_string(),
            account: request.account.to_string(),
            application: request.application.to_string(),
            issued_at: system_time(request.issued_at),
            expires_at: system_time(request.expires_at),
            context: request.context.as_ref().map(|context| Context {
                application: context.application.as_ref().map(ToString::to_string),
                address: context.address.as_ref().map(ToString::to_string),
                place: context.place.as_ref().map(ToString::to_string),
                user_agent: context.user_agent.as_ref().map(ToString::to_string),
            }),
            transaction: request.transaction.as_ref().map(Transaction::from),
            mutual_challenge: request.mutual_challenge.as_ref().map(MutualPrompt::from),
        }
    }
}

/// What the phone shows of an approval, in the order who, where, what.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Request {
    /// Its name.
    pub id: String,
    /// The organisation.
    pub issuer: String,
    /// Whose token is asked.
    pub account: String,
    /// Who asks: the name that an administrator gave the application.
    pub application: String,
    /// When it was asked, by the server's clock.
    pub issued_at: SystemTime,
    /// Until when it can be answered, by the server's clock.
    pub expires_at: SystemTime,
    /// Where the question comes from, as the application claims.
    pub context: Option<Context>,
    /// What is to be approved; `None` for a sign-in.
    pub transaction: Option<Transaction>,
    /// What the person must match before they can confirm.
    pub mutual_challenge: Option<MutualPrompt>,
}

/// Where a question comes from, in the words of the application that asks.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Context {
    /// What the person is signing in to.
    pub application: Option<String>,
    /// The network address.
    pub address: Option<String>,
    /// Where that is.
    pub place: Option<String>,
    /// The browser or device.
    pub user_agent: Option<String>,
}

/// The facts that the person approves.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Transaction {
    /// One sentence.
    pub summary: String,
    /// The details, in their order.
    pub details: Vec<Detail>,
}

/// A named fact.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Detail {
    /// What it is.
    pub name: String,
    /// The fact.
    pub value: String,
}

impl From<&core::Transaction> for Transaction {
    fn from(transaction: &core::Transaction) -> Self {
        let detail = |detail: &core::Detail| Detail { name: detail.name.to_string(), value: detail.value.to_string() };
        Self {
            summary: transaction.summary.to_string(),
            details: transaction.details.as_slice().iter().map(detail).collect(),
        }
    }
}

/// What the person must match.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum MutualPrompt {
    /// One of these is on the page.
    Pick {
        /// The values, in the order in which they are shown.
        choices: Vec<String>,
    },
    /// The person types what is on the page.
    Enter {
        /// How many characters it has.
        length: u8,
        /// Which characters it may have: the keys that are shown.
        characters: String,
        /// Whether these are digits.
        is_numeric: bool,
    },
}

impl From<&core::MutualPrompt> for MutualPrompt {
    fn from(prompt: &core::MutualPrompt) -> Self {
        match prompt {
            core::MutualPrompt::Pick { choices } => {
                Self::Pick { choices: choices.iter().map(|choice| choice.as_str().to_owned()).collect() }
            }
            core::MutualPrompt::Enter { length, alphabet } => Self::Enter {
                length: *length,
                characters: alphabet.characters().to_owned(),
                is_numeric: *alphabet == MutualChallengeAlphabet::Digits,
            },
        }
    }
}

/// What the person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Decision {
    /// It is me, and this is what I want.
    Confirm,
    /// I did not ask for this: someone else did.
    Concern,
    /// Not now, or not this.
    Cancel,
}

impl From<Decision> for core::Decision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Confirm => Self::Confirm,
            Decision::Concern => Self::Concern,
            Decision::Cancel => Self::Cancel,
        }
    }
}

impl From<core::Decision> for Decision {
    fn from(decision: core::Decision) -> Self {
        match decision {
            core::Decision::Confirm => Self::Confirm,
            core::Decision::Concern => Self::Concern,
            core::Decision::Cancel => Self::Cancel,
        }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// It was confirmed.
    Confirmed,
    /// It was refused, and the organisation knows that somebody else asked.
    Concern,
    /// It was refused.
    Cancelled,
    /// The value was not the one on the page: nothing was confirmed, and the application must ask anew.
    MutualChallengeFailed,
    /// Something else, in the API's word: `expired`, ….
    Other {
        /// The word.
        status: String,
    },
}

impl Outcome {
    pub(crate) fn named(status: String) -> Self {
        match status.as_str() {
            "confirmed" => Self::Confirmed,
            "concern" => Self::Concern,
            "cancelled" => Self::Cancelled,
            "mutual_challenge_failed" => Self::MutualChallengeFailed,
            _ => Self::Other { status },
        }
    }
}

/// What a QR asks of a phone without a network. Nobody signed it: it is the code that proves what was approved.
#[derive(Debug, uniffi::Object)]
pub struct OfflineApproval(pub(crate) offline::OfflineRequest);

#[uniffi::export]
impl OfflineApproval {
    /// What it holds.
    #[must_use]
    pub fn request(&self) -> OfflineRequest {
        OfflineRequest {
            issuer: self.0.issuer.to_string(),
            serials: self.0.serials.iter().map(ToString::to_string).collect(),
            expires_at: system_time(self.0.expires_at),
            transaction: (&self.0.transaction).into(),
        }
    }
}

/// What the phone shows of a QR.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OfflineRequest {
    /// The organisation, as the QR calls it.
    pub issuer: String,
    /// The tokens, any of which may answer.
    pub serials: Vec<String>,
    /// Until when it can be answered.
    pub expires_at: SystemTime,
    /// What is to be approved.
    pub transaction: Transaction,
}
