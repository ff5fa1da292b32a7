//! What is kept, as plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::activation::online::{DeviceDescription, SessionId};
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Hash, Period, TimeStep};
use symbolon_core::policy::PolicyPatch;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;
use symbolon_core::text::{Name, Text};

/// A user's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// A token's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenId(pub i64);

/// An application's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicationId(pub i64);

/// A person known to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The row.
    pub id: UserId,
    /// The name by which applications know the user; unique.
    pub name: Name,
    /// Where mail goes.
    pub email: Option<Email>,
    /// The group whose policy applies; at most one.
    pub group: Option<Name>,
    /// The language of the user's mails; the configured one where there is none.
    pub language: Option<Language>,
    /// Whether an administrator lets the user in.
    pub enabled: bool,
    /// When the user was added.
    pub created_at: Timestamp,
    /// Failures of all the user's tokens, where policy counts by user.
    pub lock: LockState,
}

/// An e-mail address, as far as a server can know without sending to it: something, an at sign, a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Email(Text<254>);

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as ana@example.org")]
pub struct EmailError;

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::str::FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text: Text<254> = text.parse().map_err(|_| EmailError)?;
        let (local, domain) = text.as_str().rsplit_once('@').ok_or(EmailError)?;
        let plain = |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !"<>,;\"".contains(c));
        if plain(local) && plain(domain) && !domain.starts_with('.') && !domain.ends_with('.') {
            Ok(Self(text))
        } else {
            Err(EmailError)
        }
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0.into()
    }
}

impl TryFrom<String> for Email {
    type Error = EmailError;

    fn try_from(text: String) -> Result<Self, EmailError> {
        text.parse()
    }
}

/// What stops guessing: the failures of a token or a user, and the lock that they led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockState {
    /// Failures since the last success.
    pub failures: u32,
    /// The lock.
    pub lock: Lock,
    /// How many locks in a row there were: each is twice as long as the one before.
    pub locks: u32,
    /// Failures since `slow_since`, whatever succeeded in between.
    pub slow_failures: u32,
    /// When the slow count began.
    pub slow_since: Option<Timestamp>,
}

/// Whether codes are refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lock {
    /// They are not.
    #[default]
    Open,
    /// They are, until then.
    Until(Timestamp),
    /// They are, until someone unlocks.
    UntilUnlocked,
}

/// One account on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The row.
    pub id: TokenId,
    /// The serial number that this server gave it.
    pub serial: SerialNumber,
    /// The maker's own serial number, for imported tokens.
    pub maker_serial: Option<Text<64>>,
    /// Whose token it is.
    pub user: UserId,
    /// What the user calls it.
    pub label: Option<Name>,
    /// How far it is.
    pub state: TokenState,
    /// Where its secret came from.
    pub origin: Origin,
    /// What its codes count.
    pub counter: Counter,
    /// The hash of its codes.
    pub hash: Hash,
    /// The length of its codes.
    pub digits: Digits,
    /// Its secrets, sealed; empty before the activation.
    pub keys: Vec<u8>,
    /// Steps, or counters, whose codes were named as outside the window: nobody may use them later.
    pub spent: Vec<TimeStep>,
    /// Its failures, where policy counts by token.
    pub lock: LockState,
    /// The device that holds it, once one does.
    pub device: Option<EnrolledDevice>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last became active; a token that was reactivated keeps it, since somebody has held it.
    pub activated_at: Option<Timestamp>,
    /// When a code of it was last accepted.
    pub last_used_at: Option<Timestamp>,
    /// When it ends, for temporary ones.
    pub expires_at: Option<Timestamp>,
}

/// A right code that waits to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Accept<'a> {
    /// The token, as it was read.
    pub token: &'a Token,
    /// Its user, as read.
    pub user: &'a User,
    /// What the code stands for.
    pub taken: Taken,
    /// When.
    pub now: Timestamp,
}

/// What an accepted code takes from its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A time step, and how the token's clock goes then.
    Step {
        /// The step.
        step: TimeStep,
        /// The drift after it.
        drift: i64,
    },
    /// An event.
    Event(u64),
}

/// How far a token is. `locked` and `expired` are seen from the lock and the ticket; they are no states of their own
/// here, since time alone enters and leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// Assigned, without a live ticket.
    New,
    /// A ticket is out.
    Activating,
    /// Its codes count.
    Active,
    /// An administrator or the user has switched it off.
    Disabled,
}

/// Where a token's secret came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Activated here.
    Activated,
    /// Imported from another maker.
    Imported,
    /// A few codes that the help desk gave a person without a phone.
    Temporary,
}

/// What a token's codes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Time (TOTP).
    Time {
        /// The length of its steps.
        period: Period,
        /// What was accepted, and how its clock goes.
        state: TimeState,
    },
    /// Events (HOTP).
    Event {
        /// The counter of the next code.
        next: u64,
    },
    /// Each of so many codes once, in any order; those that were used are among the spent.
    Listed {
        /// How many there are.
        codes: u64,
    },
}

/// The device of an activated token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledDevice {
    /// Its key.
    pub key: PublicKey,
    /// What it said of itself.
    pub description: DeviceDescription,
}

/// What is kept of a ticket. The record is enough to check its password and not enough to use it; the halves hold what
/// they are checked by, and are kept no longer than they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRecord {
    /// The token that it activates.
    pub token: TokenId,
    /// Tells it from the token's earlier tickets; random.
    pub number: u64,
    /// The OPAQUE record, sealed; `None` when it is for activations without a network only.
    pub record: Option<Vec<u8>>,
    /// What completes an activation without a network, sealed; `None` when it is for activations online only, and once
    /// it has ended.
    pub halves: Option<Vec<u8>>,
    /// Until when it can be begun.
    pub expires_at: Timestamp,
    /// Guesses that were answered and not given back.
    pub guesses: u32,
    /// Wrong completions of an activation without a network.
    pub tries: u32,
    /// Whether it was mailed to its owner. Only then is another one mailed in its place to whoever asks.
    pub mailed: bool,
}

/// A handshake whose phone has shown that it knows the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Its name.
    pub session: SessionId,
    /// The token.
    pub token: TokenId,
    /// The hash of the message 3 that made it.
    pub request: [u8; 32],
    /// The message 4 that answered it.
    pub reply: Vec<u8>,
    /// The hash of the token's codes, as policy had it then.
    pub hash: Hash,
    /// The length of the token's codes, as policy had it then.
    pub digits: Digits,
    /// The token's secrets, sealed.
    pub keys: Vec<u8>,
    /// The device.
    pub device: EnrolledDevice,
    /// Until when its messages may be repeated.
    pub expires_at: Timestamp,
    /// When it made the token active, if it was the one.
    pub confirmed_at: Option<Timestamp>,
    /// What the device's hardware stated.
    pub attested: Option<Attested>,
}

/// A statement of a device's hardware, and what it must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// The statement, in its platform's own form.
    pub statement: Vec<u8>,
    /// The challenge that was made for it.
    pub challenge: [u8; 32],
    /// When it was received.
    pub at: Timestamp,
    /// App Attest: where the counter of assertions stands.
    pub counter: u32,
}

/// The statement of an active token's device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttestation {
    /// The statement.
    pub attested: Attested,
    /// What was last made of it, as JSON.
    pub verdict: String,
}

/// A language that the server writes to people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
}

/// A text that names no language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be en or de")]
pub struct LanguageError;

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The tag (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What it calls itself.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }
}

impl std::str::FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        Self::ALL.into_iter().find(|language| language.tag() == text).ok_or(LanguageError)
    }
}

/// A program that has an API key, and while it gets another one two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The row.
    pub id: ApplicationId,
    /// The name that an administrator gave it.
    pub name: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// An application's API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKey {
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// Whose it is.
    pub application: ApplicationId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, once another takes its place.
    pub ends_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// What an application's key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// `POST /v1/verify`.
    Verify,
    /// `/v1/challenges`.
    Challenge,
    /// `/v1/admin`: everything that `symbolon-server admin` does.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Verify, Self::Challenge, Self::Admin];

    /// The name in the API and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Challenge => "challenge",
            Self::Admin => "admin",
        }
    }
}

/// A name that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is one of verify, challenge, admin")]
pub struct ScopeError;

impl std::str::FromStr for Scope {
    type Err = ScopeError;

    fn from_str(name: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.name() == name).ok_or(ScopeError)
    }
}

/// The settings that an administrator has changed, for everyone or for a group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredPolicy {
    /// The settings that differ from what lies under them.
    pub patch: PolicyPatch,
    /// Counts the changes of any policy; never goes down.
    pub version: u64,
}

/// An entry of the audit, as it is stored: the bytes that are hashed, and the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Counts from one.
    pub sequence: u64,
    /// When, in milliseconds since 1970; also in the entry itself.
    pub time: Timestamp,
    /// The entry as JSON.
    pub entry: String,
    /// The hash over the entry and everything before it.
    pub hash: [u8; 32],
}

/// Where the audit's chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of entries.
    pub sequence: u64,
    /// When the last one was written.
    pub time: Timestamp,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What is stored of some API keys and users; nothing is in any order but a user's tokens, the oldest of which is first.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// The keys that are there, each with whose it is.
    pub keys: Vec<(ApiKey, Application)>,
    /// The users who are there.
    pub users: Vec<User>,
    /// Their tokens.
    pub tokens: Vec<Token>,
    /// What was changed of the policy for everyone, and for their groups.
    pub policies: Vec<(Option<Name>, PolicyPatch)>,
}
