//! What can go wrong, in words that a person can act on.

use std::io;
use std::path::PathBuf;

use jiff::SignedDuration;
use symbolon_core::activation::TicketError;
use symbolon_core::activation::offline::OfflineTicketError;
use symbolon_core::activation::online::OnlineError;
use symbolon_core::biometrics::BiometricsOff;
use symbolon_core::integrity::{Signal, Signals};
use symbolon_core::moving::ComparisonCode;
use symbolon_core::otp::DetailsError;
use symbolon_core::serial::SerialNumber;
use symbolon_core::vault::{PinChoiceError, PinFormError, UnlockCodeError};

use crate::platform::KeysError;

/// Why a soft token did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ticket can't be read.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The activation code is wrong or used up, or the server is another one.
    #[error(transparent)]
    Handshake(#[from] OnlineError),
    /// The server refused the activation. It never says why: that would tell strangers who exists.
    #[error("the server refused the activation: the ticket was used already or has expired; ask for a new one")]
    ActivationRefused,
    /// The server refused with a reason.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The server has given up an activation that this device had begun.
    #[error("the server no longer knows the activation of token {0}, so it can't be completed; ask for a new ticket")]
    Withdrawn(SerialNumber),
    /// The server does not take the device's key, or the token is disabled there.
    #[error("token {0} is not active at the server: it was disabled, deleted or given to another device")]
    NotActive(SerialNumber),
    /// The server has another identity key, which this device was not told of while the one before was in force.
    #[error(
        "the server has a new identity key, and this device was not told of it in time: codes go on, and for anything \
         else remove the token and activate it anew with a new ticket"
    )]
    ServerKeyChanged,
    /// The token takes the place of one on another phone, which has not agreed yet.
    #[error("the old phone has not agreed yet: type there {}", digits(.0.as_ref()))]
    MoveWaits(Option<ComparisonCode>),
    /// The digits are not those of the phone that has used the ticket.
    #[error(
        "these are not the digits of the phone that has used this ticket; if you typed what your new phone shows, \
         somebody else has used it: cancel the move"
    )]
    OtherPhone,
    /// Too many requests.
    #[error("the server has had too many requests from here; try again {}", later(*.retry_after))]
    TooManyRequests {
        /// In how many seconds to try again.
        retry_after: Option<u64>,
    },
    /// This device has this token already.
    #[error("token {0} is active on this device already; to activate it anew, remove it first")]
    AlreadyActive(SerialNumber),
    /// This device has this token already, from an activation without a network that may not be complete yet.
    #[error(
        "token {0} is on this device already and waits for the server to be told its registration code, which is shown \
         with its code; to begin anew, remove it first"
    )]
    NotCompleted(SerialNumber),
    /// The device shows signs of tampering, and the policy allows no such devices.
    #[error("this organisation does not allow tokens on an unsecure device: {}", sentences(.0))]
    UnsecureDevice(Signals),
    /// The PIN does not open the vault.
    #[error("the PIN is wrong; {}", tries(*.tries_left))]
    WrongPin {
        /// How many more may be tried.
        tries_left: u32,
    },
    /// Every PIN try is used up.
    #[error("token {0} is locked: too many wrong PINs; ask your help desk for an unlock code")]
    Locked(SerialNumber),
    /// The unlock code is not the one for the account's challenge.
    #[error("the unlock code is wrong, or is one that was used; ask for one for the challenge that is shown now")]
    WrongUnlockCode,
    /// The account has no PIN that could be forgotten.
    #[error("token {0} has no PIN, so no unlock code opens it")]
    NoUnlockCode(SerialNumber),
    /// A wrong PIN was tried a moment ago: the wait grows with each.
    #[error("after a wrong PIN the token waits; try again in {} s", .0.as_secs().max(1))]
    Wait(SignedDuration),
    /// The policy has come to require a PIN, or a longer one than there is.
    #[error("the organisation now requires a PIN, or a longer one; set a new PIN first")]
    PinMustBeSet,
    /// The token is stored, but the server has not said that it knows.
    #[error("token {serial} is stored but not active yet, it will be when its code is first asked for: {cause}")]
    NotConfirmed {
        /// The token.
        serial: SerialNumber,
        /// Why the server has not.
        cause: Box<Error>,
    },
    /// Another process is using the account.
    #[error("another program is using this token at the moment; try again")]
    Busy,
    /// The system's key store lost the keys, or destroyed them.
    #[error(
        "the keys of token {0} are gone from the key store: it can't be used any more; remove it and activate it anew"
    )]
    KeysLost(SerialNumber),

    /// The person was asked by the system and said no.
    #[error("cancelled")]
    Cancelled,
    /// The system asks no more for biometrics, after too many failed matches.
    #[error("the system has locked biometrics; unlock the device with its own PIN or password, or use the token's PIN")]
    BiometricsLocked,

    /// Biometrics open no account here: by the policy, or by what the device can do.
    #[error(transparent)]
    BiometricsNotAllowed(#[from] BiometricsOff),
    /// Biometrics were not turned on, or were turned off since.
    #[error("biometrics are off for token {0}; use the PIN")]
    BiometricsOff(SerialNumber),
    /// The system destroyed the key of biometrics, as it does when a finger or face was added.
    #[error(
        "a fingerprint or face was added to this device, so token {0} takes the PIN; biometrics can be turned on again"
    )]
    BiometricsLost(SerialNumber),

    /// No PIN at all.
    #[error(transparent)]
    PinForm(#[from] PinFormError),
    /// A PIN that may not be chosen.
    #[error(transparent)]
    PinChoice(#[from] PinChoiceError),
    /// No unlock code at all.
    #[error(transparent)]
    UnlockCodeForm(#[from] UnlockCodeError),
    /// The vault opens with a PIN only.
    #[error("the PIN is needed")]
    PinNeeded,
    /// The person must match a value first.
    #[error("the page where this was asked shows a value; it must be given to confirm")]
    MutualChallengeNeeded,
    /// Details that can't be signed.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// The QR of an offline activation can't be read.
    #[error(transparent)]
    OfflineTicket(#[from] OfflineTicketError),
    /// What only a token can do that was activated online.
    #[error(
        "token {0} was activated without a network, so it has codes and answers to challenges and nothing else; for \
         more, ask for a ticket to activate it online"
    )]
    Offline(SerialNumber),
    /// A QR for another token.
    #[error("this QR is not for token {0}")]
    OtherToken(SerialNumber),
    /// What a QR asked could be answered until a time that is over.
    #[error("this QR has expired; ask for a new one")]
    TooLate,

    /// No account has this serial number.
    #[error("there is no token {0} on this device")]
    NoSuchToken(SerialNumber),
    /// There is no account at all.
    #[error("there is no token on this device yet; activate one first")]
    NoToken,
    /// Several accounts, and none was named.
    #[error("there are several tokens on this device; name one by its serial number")]
    WhichToken,

    /// The server does not answer.
    #[error("{server} can't be reached: {reason}")]
    Unreachable {
        /// Its host.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Whoever answers is not known to be the server.
    #[error("{server} does not prove to be the server of this token: {reason}")]
    Untrusted {
        /// Its host.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Something else answers there.
    #[error("{0} does not answer like a Symbolon server; check the address")]
    NotAServer(String),
    /// The key store can't be used.
    #[error("{0}")]
    KeyStore(String),
    /// The push service gives no address now.
    #[error("the push service gives no address: {0}")]
    PushService(String),

    /// The disk.
    #[error("{}: {source}", .path.display())]
    Storage {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that is not what was written.
    #[error("{} is damaged; remove the token and activate it anew", .0.display())]
    Damaged(PathBuf),
    /// A file of a later version.
    #[error("{} was written by a newer version of this app; use that one", .0.display())]
    Later(PathBuf),
    /// A signed answer that does not fit its question, or a message that can't be written.
    #[error("the server and this app do not understand each other: {0}")]
    Protocol(&'static str),
}

/// What an error means to whoever called: the exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A rule says no; trying the same again will not help.
    Refused,
    /// What was given can't be right.
    Input,
    /// Somebody did not answer; trying again may help.
    Unreachable,
    /// Something is broken.
    Internal,
}

impl ErrorKind {
    /// The word for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Input => "input",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }

    /// The exit code of a command that ends with it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Input => 2,
            Self::Unreachable => 3,
            Self::Internal => 4,
        }
    }
}

impl Error {
    /// What it means when the token is stored, and its server is being told.
    pub(crate) fn while_confirming(self, serial: SerialNumber) -> Self {
        match self {
            Self::Withdrawn(_) => self,
            cause => Self::NotConfirmed { serial, cause: Box::new(cause) },
        }
    }

    /// What it means to whoever called.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Handshake(_)
            | Self::ActivationRefused
            | Self::Refused(_)
            | Self::Withdrawn(_)
            | Self::NotActive(_)
            | Self::ServerKeyChanged
            | Self::MoveWaits(_)
            | Self::OtherPhone
            | Self::TooManyRequests { .. }
            | Self::AlreadyActive(_)
            | Self::NotCompleted(_)
            | Self::Offline(_)
            | Self::UnsecureDevice(_)
            | Self::WrongPin { .. }
            | Self::Locked(_)
            | Self::WrongUnlockCode
            | Self::NoUnlockCode(_)
            | Self::Wait(_)
            | Self::PinMustBeSet
            | Self::Busy
            | Self::Cancelled
            | Self::BiometricsLocked
            | Self::BiometricsNotAllowed(_)
            | Self::BiometricsOff(_)
            | Self::BiometricsLost(_)
            | Self::OtherToken(_)
            | Self::TooLate
            | Self::KeysLost(_) => ErrorKind::Refused,
            Self::Ticket(_)
            | Self::OfflineTicket(_)
            | Self::PinForm(_)
            | Self::PinChoice(_)
            | Self::UnlockCodeForm(_)
            | Self::PinNeeded
            | Self::MutualChallengeNeeded
            | Self::Details(_)
            | Self::NoSuchToken(_)
            | Self::NoToken
            | Self::WhichToken => ErrorKind::Input,
            Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::NotAServer(_)
            | Self::KeyStore(_)
            | Self::PushService(_) => ErrorKind::Unreachable,
            Self::NotConfirmed { cause, .. } => cause.kind(),
            Self::Storage { .. } | Self::Damaged(_) | Self::Later(_) | Self::Protocol(_) => ErrorKind::Internal,
        }
    }

    /// For `map_err` on what the key store of a token says.
    pub(crate) fn of_keys(serial: SerialNumber) -> impl Fn(KeysError) -> Self {
        move |error| match error {
            KeysError::Missing | KeysError::NotSealedHere => Self::KeysLost(serial),
            KeysError::Cancelled => Self::Cancelled,
            KeysError::LockedOut => Self::BiometricsLocked,
            KeysError::Unavailable(reason) => Self::KeyStore(reason),
        }
    }
}

fn tries(left: u32) -> String {
    match left {
        0 => "the token is locked now".into(),
        1 => "one more try, then the token locks".into(),
        left => format!("{left} more tries"),
    }
}

fn sentences(signals: &Signals) -> String {
    signals.iter().map(Signal::sentence).collect::<Vec<_>>().join("; ")
}

fn digits(code: Option<&ComparisonCode>) -> String {
    code.map_or_else(|| "the digits that this one shows".into(), |code| code.grouped())
}

fn later(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "later".into(), |seconds| format!("in {seconds} s"))
}
