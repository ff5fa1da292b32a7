//! What is kept of users who help themselves in a browser: the links that were mailed to them, and where they are signed
//! in.

use jiff::Timestamp;
use symbolon_core::approval::ChallengeId;

use super::{StorageError, TokenId, UserId};

/// A link that signs a user in, once, in the browser that asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitLink {
    /// The SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Whom it signs in.
    pub user: UserId,
    /// The SHA-256 of the secret of the browser that asked.
    pub browser: [u8; 32],
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// A browser in which a user is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The SHA-256 of the secret in the browser's cookie.
    pub hash: [u8; 32],
    /// Who.
    pub user: UserId,
    /// The token of the user that has confirmed it, while it is there.
    pub confirmed_by: Option<TokenId>,
    /// The approval that was last asked for to confirm it.
    pub challenge: Option<ChallengeId>,
    /// When it began.
    pub created_at: Timestamp,
}

/// Visits, read.
pub trait Visits {
    /// The link whose secret has this hash.
    fn visit_link(&self, hash: &[u8; 32]) -> Result<Option<VisitLink>, StorageError>;
    /// The visit whose secret has this hash.
    fn visit(&self, hash: &[u8; 32]) -> Result<Option<Visit>, StorageError>;
}

/// Visits, written.
pub trait WriteVisits {
    /// Adds a link.
    fn insert_visit_link(&self, link: &VisitLink) -> Result<(), StorageError>;
    /// Ends all links of a user.
    fn delete_visit_links(&self, user: UserId) -> Result<(), StorageError>;
    /// Begins a visit.
    fn insert_visit(&self, visit: &Visit) -> Result<(), StorageError>;
    /// Writes down that a token has confirmed a visit.
    fn confirm_visit(&self, hash: &[u8; 32], token: TokenId) -> Result<(), StorageError>;
    /// Writes down which approval is to confirm a visit.
    fn set_visit_challenge(&self, hash: &[u8; 32], challenge: &ChallengeId) -> Result<(), StorageError>;
    /// Ends a visit.
    fn delete_visit(&self, hash: &[u8; 32]) -> Result<(), StorageError>;
    /// Drops links that expired before `now`, and visits that began before `created`.
    fn sweep_visits(&self, now: Timestamp, created: Timestamp) -> Result<(), StorageError>;
}
