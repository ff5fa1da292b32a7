//! What is kept of challenges: what was asked, of whom, and what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::approval::{ChallengeId, Decision, Factor, RequestHash};
use symbolon_core::encoding::Bytes;
use symbolon_core::otp::TypedChallenge;

use super::{ApplicationId, TokenId, UserId};

/// Something that the server asked a user's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Its name; random.
    pub id: ChallengeId,
    /// Who asked; nobody else sees it.
    pub application: ApplicationId,
    /// Who is asked.
    pub user: UserId,
    /// What is asked.
    pub question: Question,
    /// The address that the question comes from, as the application says; empty when it says none.
    pub origin: String,
    /// What became of it. One that is pending past its time has expired; nobody writes that down.
    pub status: ChallengeStatus,
    /// How many wrong codes were given for an answer.
    pub wrong_codes: u32,
    /// When it was asked.
    pub created_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// When it ended otherwise.
    pub ended_at: Option<Timestamp>,
    /// The token that answered.
    pub token: Option<TokenId>,
    /// What the answer proved.
    pub factors: Vec<Factor>,
    /// The receipt of a confirmed approval, as JSON.
    pub receipt: Option<String>,
}

/// What a challenge asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Question {
    /// An approval on a phone.
    Approval {
        /// The mutual challenge's value, sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mutual_challenge: Option<Bytes<1, 256>>,
    },
    /// Digits that a person types into a token.
    Typed {
        /// The digits: random, or those that stand for the details.
        challenge: TypedChallenge,
        /// Whether they stand for details, which the person types instead.
        details: bool,
    },
    /// A QR that a phone without a network reads.
    OfflineQr {
        /// Its text, as [`OfflineRequest`](symbolon_core::approval::offline::OfflineRequest) reads it.
        qr: String,
    },
}

impl Question {
    /// The kind, as the API names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Approval { .. } => "approval",
            Self::Typed { .. } => "typed",
            Self::OfflineQr { .. } => "offline_qr",
        }
    }
}

/// What became of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeStatus {
    /// It waits for its answer.
    Pending,
    /// The person confirmed, or gave the right code.
    Confirmed,
    /// The person says that someone else asked.
    Concern,
    /// The person cancelled.
    Cancelled,
    /// The application withdrew it.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
    /// Three wrong codes.
    Failed,
    /// The value that was picked or entered was not the one on the page.
    MutualChallengeFailed,
    /// The same application asked again from the same address.
    Superseded,
}

impl ChallengeStatus {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Confirmed,
        Self::Concern,
        Self::Cancelled,
        Self::Withdrawn,
        Self::Expired,
        Self::Failed,
        Self::MutualChallengeFailed,
        Self::Superseded,
    ];

    /// The name in the API, the audit and the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Concern => "concern",
            Self::Cancelled => "cancelled",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::MutualChallengeFailed => "mutual_challenge_failed",
            Self::Superseded => "superseded",
        }
    }
}

/// How a challenge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeEnd {
    /// What became of it.
    pub status: ChallengeStatus,
    /// When.
    pub ended_at: Timestamp,
    /// The token that answered.
    pub token: Option<TokenId>,
    /// What the answer proved.
    pub factors: Vec<Factor>,
    /// The receipt, as JSON.
    pub receipt: Option<String>,
}

/// What one phone is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The challenge.
    pub challenge: ChallengeId,
    /// The phone.
    pub token: TokenId,
    /// The hash of the signed request.
    pub hash: RequestHash,
    /// The signed request.
    pub request: String,
    /// What this phone decided.
    pub decision: Option<Decision>,
}

/// Where approvals for a user come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalOrigin {
    /// The user.
    pub user: UserId,
    /// The application.
    pub application: ApplicationId,
    /// The address that it names; empty when it names none.
    pub address: String,
    /// When the user last confirmed one from there.
    pub confirmed_at: Option<Timestamp>,
    /// How many times it was paused in a row.
    pub pauses: u32,
    /// Until when it is paused.
    pub paused_until: Option<Timestamp>,
}

/// An answer that was given to a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotent {
    /// Whose key it is.
    pub application: ApplicationId,
    /// The key.
    pub key: String,
    /// The hash of the request.
    pub request: [u8; 32],
    /// The answer, sealed.
    pub response: Vec<u8>,
    /// Until when it is repeated.
    pub expires_at: Timestamp,
}
