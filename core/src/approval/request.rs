//! The request of an approval: everything that the phone shows, signed by the server.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MutualPrompt;
use super::{Context, Transaction};
use crate::encoding::Bytes;
use crate::serial::SerialNumber;
use crate::signed::Signed;
use crate::text::Name;

/// Names a challenge; random.
pub type ChallengeId = Bytes<16>;

/// What the server signs with its identity key. The phone shows nothing that is not in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The token that is asked.
    pub aud: SerialNumber,
    /// The challenge.
    pub id: ChallengeId,
    /// The organisation's name.
    pub issuer: Name,
    /// Whose token it is.
    pub account: Name,
    /// The name that an administrator gave the application.
    pub application: Name,
    /// When it was asked.
    pub issued_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// Where the question comes from, in the application's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// What is to be approved; none for a sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// The mutual challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_challenge: Option<MutualPrompt>,
}

impl Signed for Request {
    const TYP: &'static str = "symbolon-approval-request+jws";
}
