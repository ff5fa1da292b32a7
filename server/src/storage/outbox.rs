//! What is kept of the outbox: what is to leave the server, where it goes, and how far it is.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::encoding::Bytes;

use super::{Email, StorageError, TokenId};

type Result<T> = std::result::Result<T, StorageError>;

/// Names a delivery; random. Written `msg_…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliveryId(Bytes<16>);

impl DeliveryId {
    const PREFIX: &'static str = "msg_";

    /// The name.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes.into())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// A text that names no delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery is named as `admin outbox list` shows it: msg_ and 22 characters")]
pub struct DeliveryIdError;

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl FromStr for DeliveryId {
    type Err = DeliveryIdError;

    fn from_str(text: &str) -> std::result::Result<Self, DeliveryIdError> {
        let name = text.strip_prefix(Self::PREFIX).ok_or(DeliveryIdError)?;
        name.parse().map(Self).map_err(|_| DeliveryIdError)
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A webhook's row; its number is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebhookId(pub i64);

/// What leaves the server, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A phone is woken, wherever its push address is then. Nothing is said to it.
    Phone(TokenId),
    /// An endpoint is told of an event.
    Webhook {
        /// The endpoint.
        webhook: WebhookId,
        /// The number of the audit's entry that is the event: what is told is read from there.
        entry: u64,
    },
    /// A mail to this address.
    Mail(Email),
}

/// The kinds of destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// A phone is woken.
    WakeUp,
    /// An endpoint is told of an event.
    Webhook,
    /// A mail.
    Mail,
}

impl DeliveryKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WakeUp, Self::Webhook, Self::Mail];

    /// The name in the API, on the command line, in the audit and in the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WakeUp => "wake_up",
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be sent.
    Waiting,
    /// It was taken.
    Sent,
    /// It was tried in vain.
    GivenUp,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sent, Self::GivenUp];

    /// The name in the API and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
        }
    }
}

/// A name that is no kind, or no state, of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct DeliveryNameError(&'static str);

impl FromStr for DeliveryKind {
    type Err = DeliveryNameError;

    fn from_str(name: &str) -> std::result::Result<Self, DeliveryNameError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or(DeliveryNameError("wake_up, webhook, mail"))
    }
}

impl FromStr for DeliveryState {
    type Err = DeliveryNameError;

    fn from_str(name: &str) -> std::result::Result<Self, DeliveryNameError> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or(DeliveryNameError("waiting, sent, given_up"))
    }
}

impl Destination {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> DeliveryKind {
        match self {
            Self::Phone(_) => DeliveryKind::WakeUp,
            Self::Webhook { .. } => DeliveryKind::Webhook,
            Self::Mail(_) => DeliveryKind::Mail,
        }
    }

    /// The lane that it is sent on.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Phone(_) => Lane::WakeUps,
            Self::Webhook { webhook, .. } => Lane::Webhook(*webhook),
            Self::Mail(_) => Lane::Mail,
        }
    }
}

/// Deliveries of one lane wait for each other, those of different lanes never do: an endpoint that does not answer
/// holds up no phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// All phones.
    WakeUps,
    /// One endpoint.
    Webhook(WebhookId),
    /// All mail.
    Mail,
}

/// Something that is to leave the server, or has left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination: Destination,
    /// What it is about, for administrators: the event of a webhook, the occasion of a mail. Never a secret.
    pub subject: String,
    /// What a mail says, sealed; empty for all others, and once it was erased.
    pub content: Vec<u8>,
    /// How far it is.
    pub state: DeliveryState,
    /// How many times it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub problem: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is to be tried next.
    pub due_at: Timestamp,
    /// After this it is given up.
    pub expires_at: Timestamp,
    /// When it was sent or given up.
    pub ended_at: Option<Timestamp>,
}

/// Which deliveries are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Those of one state.
    pub state: Option<DeliveryState>,
    /// Those of one kind.
    pub kind: Option<DeliveryKind>,
    /// Those to one endpoint.
    pub webhook: Option<WebhookId>,
}

/// The outbox, read.
pub trait Outbox {
    /// All lanes, whether something waits on them or not.
    fn lanes(&self) -> Result<Vec<Lane>>;
    /// A delivery.
    fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>>;
    /// What waits on a lane, by the time at which it is due, at most `limit`.
    fn waiting_deliveries(&self, lane: Lane, limit: u32) -> Result<Vec<Delivery>>;
    /// Deliveries, the newest first, at most `limit`.
    fn deliveries(&self, filter: &DeliveryFilter, limit: u32) -> Result<Vec<Delivery>>;
    /// How many deliveries of a kind wait.
    fn outbox_depth(&self, kind: DeliveryKind) -> Result<u64>;
}

/// The outbox, written.
pub trait WriteOutbox {
    /// Adds a delivery.
    fn insert_delivery(&self, delivery: &Delivery) -> Result<()>;
    /// Writes all of a delivery that changes.
    fn update_delivery(&self, delivery: &Delivery) -> Result<()>;
    /// Removes a delivery.
    fn delete_delivery(&self, id: &DeliveryId) -> Result<()>;
    /// Drops some of the deliveries that ended before `ended`.
    fn sweep_deliveries(&self, ended: Timestamp) -> Result<()>;
}
