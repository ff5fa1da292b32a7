//! The rules: who may do what, which code counts, what a ticket opens. No SQL and no HTTP; time and randomness come in
//! as parameters of the service, so that a test decides both.

pub mod access;
pub mod activation;
pub mod administrators;
pub mod applications;
pub mod attempts;
pub mod attestation;
pub mod audit;
pub mod bells;
pub mod biometrics;
pub mod challenges;
pub mod checkpoints;
pub mod contact;
pub mod enrolled;
pub mod epochs;
pub mod identities;
pub mod import;
pub mod installation;
pub mod keyring;
pub mod lockout;
pub mod look_up;
pub mod mail;
pub mod moving;
pub mod offline;
pub mod openid;
pub mod outbox;
pub mod passwords;
pub mod policies;
pub mod push;
pub mod rotation;
pub mod sessions;
pub mod statistics;
pub mod tokens;
pub mod turns;
pub mod users;
pub mod verification;
pub mod visits;
pub mod webhooks;

use std::sync::Arc;

use jiff::Timestamp;
use symbolon_core::activation::ServerAddress;
use symbolon_core::serial::SerialNumberError;
use symbolon_core::text::Name;

use crate::storage::{StorageError, Store};
pub use audit::Actor;
use bells::Bells;
pub use keyring::Keyring;
use push::PushServices;

/// Where the services get the time.
pub trait Clock: Send + Sync + 'static {
    /// The time, in whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// The services over one installation. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// Everything that is kept.
    pub store: Store,
    /// The installation's own keys.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What tickets say of this server.
    pub identity: Arc<ServerIdentity>,
    /// Who waits for what.
    pub bells: Arc<Bells>,
    /// By which services phones are woken.
    pub push: Arc<PushServices>,
    /// What is believed of phones' hardware.
    pub trust: Arc<attestation::Trust>,
    /// The language of mails; `None` where no mail server is configured.
    pub mail: Option<mail::Language>,
    /// What is asked and decided together with others of its kind.
    pub gathered: Arc<Gathered>,
}

/// Questions that come by the thousand, and share the price of the database's answer.
#[derive(Default)]
pub struct Gathered {
    look_ups: Arc<look_up::LookUps>,
    rights: Arc<verification::Rights>,
}

/// What tickets and activated tokens are told of this server.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    /// The organisation's name.
    pub issuer: Name,
    /// The address that phones use; `None` when no server has run yet and none is configured.
    pub address: Option<ServerAddress>,
    /// When its TLS certificate ends, where that comes from files.
    pub certificate_ends_at: Option<Timestamp>,
}

/// Why a service did not do what it was asked. The texts are for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A value that is not what its field takes.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as the API and the command line name it.
        field: String,
        /// What it takes.
        message: String,
    },
    /// No such user, token or application.
    #[error("there is no {kind} {name}")]
    NotFound {
        /// `user`, `token`, `application` or `group`.
        kind: &'static str,
        /// How it was named.
        name: String,
    },
    /// It is there already.
    #[error("another {kind} is named {name} already")]
    Exists {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The state of a token or user does not allow the action.
    #[error("{subject} is {state}: {action} is not possible; possible: {}", possible.join(", "))]
    State {
        /// The token or user.
        subject: String,
        /// Its state.
        state: &'static str,
        /// What was asked.
        action: &'static str,
        /// What could be asked instead.
        possible: Vec<&'static str>,
    },
    /// A rule says no; the text says which, and what to do.
    #[error("{0}")]
    Refused(String),
    /// A rule of challenges says no, for a reason that programs read.
    #[error("{}", .0.sentence())]
    Challenge(challenges::Refusal),
    /// The clock is behind what the server has stored.
    #[error(
        "the clock stands at {now}, before {stored}, when this server last wrote: set the clock, or accept it with \
         `symbolon-server admin clock accept`"
    )]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// The time of the latest entry of the audit.
        stored: Timestamp,
    },
    /// Something that was sealed here can't be opened.
    #[error("a stored secret can't be opened: the database and the master key do not belong together")]
    Sealed,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ServiceError {
    /// A field that does not hold what it should.
    pub fn invalid(field: impl Into<String>, message: impl ToString) -> Self {
        Self::Invalid { field: field.into(), message: message.to_string() }
    }

    /// Something that is not there.
    pub fn not_found(kind: &'static str, name: impl ToString) -> Self {
        Self::NotFound { kind, name: name.to_string() }
    }
}

impl From<SerialNumberError> for ServiceError {
    fn from(error: SerialNumberError) -> Self {
        Self::invalid("serial", error)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use symbolon_core::secret::Secret;

    use super::*;
    use crate::storage::sqlite::Sqlite;

    /// A service over an empty database in `folder`.
    pub(crate) async fn service(folder: &std::path::Path) -> Service {
        let store = Store::new(Sqlite::open(&folder.join("symbolon.db")).unwrap());
        let master = keyring::MasterKey::new(&Secret::generate(&mut rand_core::OsRng));
        let keyring = Arc::new(Keyring::open(&store, master).await.unwrap());
        let address = Some("https://symbolon.example".parse().unwrap());
        let identity = ServerIdentity { issuer: "Example".parse().unwrap(), address, certificate_ends_at: None };
        let (clock, bells) = (Arc::new(SystemClock), Arc::default());
        Service {
            store,
            keyring,
            clock,
            identity: Arc::new(identity),
            bells,
            trust: Arc::default(),
            push: Arc::default(),
            mail: None,
            gathered: Arc::default(),
        }
    }
}
