//! What is kept of webhooks: the endpoints that are told of events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::push::Endpoint;

use super::{ApplicationId, StorageError, WebhookId};

type Result<T> = std::result::Result<T, StorageError>;

/// An endpoint that is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The row.
    pub id: WebhookId,
    /// The application whose it is, and which learns of its own challenges only; `None` for the organisation's own.
    pub application: Option<ApplicationId>,
    /// Where events are posted.
    pub url: Endpoint,
    /// Which events.
    pub events: Vec<Event>,
    /// What its deliveries are signed with, sealed.
    pub secrets: Vec<u8>,
    /// When it was added.
    pub created_at: Timestamp,
}

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What endpoints can be told of. Each is an entry of the audit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Event {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name, as the audit has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The event that an action of the audit is.
            #[must_use]
            pub fn of_action(action: &str) -> Option<Self> {
                match action {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

events! {
    /// A challenge was answered, withdrawn or superseded. For the endpoints of its application only.
    ChallengeEnded = "challenge.ended",
    /// A person says that someone else asked.
    ApprovalConcern = "approval.concern",
    /// A wrong value was given for a mutual challenge.
    ApprovalWrongValue = "approval.wrong_value",
    /// A token was added.
    TokenAdded = "token.added",
    /// A token became active.
    TokenActivated = "token.activated",
    /// A token was given a new ticket, and what held it before is refused.
    TokenReactivated = "token.reactivated",
    /// A token was enabled.
    TokenEnabled = "token.enabled",
    /// A token was disabled.
    TokenDisabled = "token.disabled",
    /// A token's codes were locked.
    TokenLocked = "token.locked",
    /// A token's codes were unlocked.
    TokenUnlocked = "token.unlocked",
    /// A token was re-synchronised.
    TokenReset = "token.reset",
    /// A token was deleted.
    TokenDeleted = "token.deleted",
    /// A user was added.
    UserAdded = "user.added",
    /// A user was enabled.
    UserEnabled = "user.enabled",
    /// A user was disabled.
    UserDisabled = "user.disabled",
    /// The codes of a user were locked.
    UserLocked = "user.locked",
    /// The codes of a user were unlocked.
    UserUnlocked = "user.unlocked",
    /// A user was deleted.
    UserDeleted = "user.deleted",
}

impl Event {
    /// Whether an application can be told of it, when it is about a challenge of its own.
    #[must_use]
    pub const fn is_of_challenges(self) -> bool {
        matches!(self, Self::ChallengeEnded | Self::ApprovalConcern | Self::ApprovalWrongValue)
    }

    /// Whether the organisation can be told of it: a challenge is its application's own affair, a concern is not.
    #[must_use]
    pub const fn is_of_organisation(self) -> bool {
        !matches!(self, Self::ChallengeEnded)
    }
}

/// A name that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", Event::ALL.iter().map(|event| event.name()).collect::<Vec<_>>().join(", "))]
pub struct EventError;

impl std::str::FromStr for Event {
    type Err = EventError;

    fn from_str(name: &str) -> std::result::Result<Self, EventError> {
        Self::of_action(name).ok_or(EventError)
    }
}

/// Webhooks, read.
pub trait Webhooks {
    /// The webhook with this number.
    fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>>;
    /// All webhooks, in the order in which they were added.
    fn webhooks(&self) -> Result<Vec<Webhook>>;
}

/// Webhooks, written.
pub trait WriteWebhooks {
    /// Adds a webhook; `id` is given anew and answered.
    fn insert_webhook(&self, webhook: &Webhook) -> Result<WebhookId>;
    /// Gives a webhook other secrets, sealed.
    fn set_webhook_secrets(&self, id: WebhookId, secrets: &[u8]) -> Result<()>;
    /// Removes a webhook and its deliveries.
    fn delete_webhook(&self, id: WebhookId) -> Result<()>;
}
