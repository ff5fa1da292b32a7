//! What is kept of administrators: who may do what, how they sign in, and where they are signed in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::text::Name;

use super::{LockState, StorageError, UserId};

/// An administrator's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdministratorId(pub i64);

/// A person who administers in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The row.
    pub id: AdministratorId,
    /// The name to sign in with; unique.
    pub name: Name,
    /// What the person may do.
    pub role: Role,
    /// The user whose soft token is the second factor.
    pub user: Option<UserId>,
    /// Whether a code was asked for at a sign-in before: from then on one is.
    pub second_factor: bool,
    /// The password, stretched, as a PHC string; `None` until a link was used.
    pub password: Option<String>,
    /// The link that lets the person in once.
    pub link: Option<SignInLink>,
    /// Failed sign-ins.
    pub lock: LockState,
    /// When the administrator was added.
    pub created_at: Timestamp,
    /// When the administrator last signed in.
    pub signed_in_at: Option<Timestamp>,
}

/// What is kept of a one-time link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInLink {
    /// The SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// What an administrator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Users and their tokens.
    HelpDesk,
    /// Look at everything, and change nothing.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Owner, Self::HelpDesk, Self::Auditor];

    /// The name in the API and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::HelpDesk => "help-desk",
            Self::Auditor => "auditor",
        }
    }
}

/// A name that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of owner, help-desk, auditor")]
pub struct RoleError;

impl std::str::FromStr for Role {
    type Err = RoleError;

    fn from_str(name: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or(RoleError)
    }
}

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The SHA-256 of the secret in the browser's cookie.
    pub hash: [u8; 32],
    /// Who.
    pub administrator: AdministratorId,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When a page was last asked for, to the minute.
    pub used_at: Timestamp,
}

/// Administrators and their sessions, read.
pub trait Administrators {
    /// The administrator with this name.
    fn administrator_by_name(&self, name: &Name) -> Result<Option<Administrator>, StorageError>;
    /// The administrator of this row.
    fn administrator(&self, id: AdministratorId) -> Result<Option<Administrator>, StorageError>;
    /// The administrator whose link has this hash.
    fn administrator_by_link(&self, hash: &[u8; 32]) -> Result<Option<Administrator>, StorageError>;
    /// All administrators, by name.
    fn administrators(&self) -> Result<Vec<Administrator>, StorageError>;
    /// The session whose secret has this hash.
    fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, StorageError>;
}

/// Administrators and their sessions, written.
pub trait WriteAdministrators {
    /// Adds an administrator; `id` is given anew and answered.
    fn insert_administrator(&self, administrator: &Administrator) -> Result<AdministratorId, StorageError>;
    /// Writes all fields of an administrator.
    fn update_administrator(&self, administrator: &Administrator) -> Result<(), StorageError>;
    /// Removes an administrator with the sessions.
    fn delete_administrator(&self, id: AdministratorId) -> Result<(), StorageError>;
    /// Begins a session.
    fn insert_session(&self, session: &Session) -> Result<(), StorageError>;
    /// Writes when a session was last used.
    fn touch_session(&self, hash: &[u8; 32], used_at: Timestamp) -> Result<(), StorageError>;
    /// Ends a session.
    fn delete_session(&self, hash: &[u8; 32]) -> Result<(), StorageError>;
    /// Ends all sessions of an administrator.
    fn delete_sessions(&self, administrator: AdministratorId) -> Result<(), StorageError>;
    /// Drops sessions that began before `created`, and those that were last used before `used`.
    fn sweep_sessions(&self, created: Timestamp, used: Timestamp) -> Result<(), StorageError>;
}
