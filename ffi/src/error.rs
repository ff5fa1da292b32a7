//! What can go wrong, told apart as far as an app does something else about it.

use std::time::Duration;

use symbolon_client::Error;
use symbolon_core::vault::PinChoiceError;

use crate::platform::{BiometricsObstacle, Signal};

/// Why something was not done. Where there is a `reason`, it is an English sentence for whoever is curious; an app has words
/// of its own for each case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SymbolonError {
    /// The link, the QR, or what was typed is none. Ask for it again.
    #[error("{reason}")]
    Input {
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not take the ticket: it was used or has expired, the code is wrong, or there is no such token. It
    /// never says which. Ask for a new ticket.
    #[error("{reason}")]
    ActivationRefused {
        /// The same in words.
        reason: String,
    },
    /// The server says no, and why.
    #[error("the server refused: {reason}")]
    Refused {
        /// In the server's words.
        reason: String,
    },
    /// The server gave up an activation that this phone had begun; nothing of it is left here. Ask for a new ticket.
    #[error("the server no longer knows this activation")]
    Withdrawn,
    /// The token was disabled, deleted, or given to another phone. Remove it here.
    #[error("the token is not active at the server")]
    NotActive,
    /// The token is stored, and not confirmed to the server yet: that is done when it is next unlocked.
    #[error("not confirmed yet: {reason}")]
    NotConfirmed {
        /// Why not.
        reason: String,
    },
    /// The token moves here, and the old phone has not agreed yet: the person types these digits there.
    #[error("the old phone has not agreed yet")]
    MoveWaits {
        /// The digits, in two groups.
        digits: Option<String>,
    },
    /// The digits are not those of the phone that has used the ticket: mistyped, or somebody else has used it.
    #[error("these are not the digits of the new phone")]
    OtherPhone,
    /// This phone has this token already.
    #[error("the token is on this phone already")]
    AlreadyActive,
    /// The phone shows signs of tampering, and the policy allows no such phones.
    #[error("the organisation allows no unsecure device")]
    UnsecureDevice {
        /// Which signs.
        signals: Vec<Signal>,
    },
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    WrongPin {
        /// How many more may be tried; with 0 the token is locked now.
        tries_left: u32,
    },
    /// Every PIN try is used up: only the help desk's unlock code helps.
    #[error("the token is locked")]
    Locked,
    /// A wrong PIN was tried a moment ago.
    #[error("the next PIN must wait")]
    Wait {
        /// For so long.
        left: Duration,
    },
    /// The unlock code is wrong, or was used.
    #[error("the unlock code is wrong")]
    WrongUnlockCode,
    /// The token has no PIN, so no code unlocks it.
    #[error("the token has no PIN")]
    NoUnlockCode,
    /// It takes the PIN.
    #[error("the PIN is needed")]
    PinNeeded,
    /// The policy has come to require a PIN, or a longer one: set it first.
    #[error("a new PIN must be set")]
    PinMustBeSet,
    /// No PIN has so few digits.
    #[error("a PIN has 4 to 12 digits")]
    PinForm,
    /// The PIN may not be chosen.
    #[error("{reason}")]
    PinChoice {
        /// Why.
        weakness: PinWeakness,
        /// The same in words.
        reason: String,
    },
    /// The system lost this token's keys, or destroyed them. It can't be used any more: remove it and activate it anew.
    #[error("the keys are gone from the phone's hardware")]
    KeysLost,
    /// The person said no when the system asked.
    #[error("cancelled")]
    Cancelled,
    /// The system asks for no biometrics now, after too many failed matches: take the PIN.
    #[error("the system has locked biometrics")]
    BiometricsLocked,
    /// Biometrics open nothing here.
    #[error("{reason}")]
    BiometricsNotAllowed {
        /// Why not.
        obstacle: BiometricsObstacle,
        /// The same in words.
        reason: String,
    },
    /// Biometrics were not turned on, or were turned off since: take the PIN.
    #[error("biometrics are off")]
    BiometricsOff,
    /// The system destroyed the key of biometrics, since a finger or face was added: take the PIN, and offer to turn them on
    /// again.
    #[error("the key of biometrics is gone")]
    BiometricsLost,
    /// The value of the mutual challenge is needed to confirm.
    #[error("the value that the page shows is needed")]
    MutualChallengeNeeded,
    /// A token that was activated without a network has no server to ask.
    #[error("the token was activated without a network")]
    Offline,
    /// A QR for other tokens.
    #[error("the QR is not for this token")]
    OtherToken,
    /// Too late: the QR or the ticket has expired.
    #[error("it has expired")]
    TooLate,
    /// There is no such account.
    #[error("there is no such token on this phone")]
    NoSuchToken,
    /// Too many requests.
    #[error("too many requests")]
    TooManyRequests {
        /// When to try again, if the server said so.
        retry_after: Option<Duration>,
    },
    /// The push service gives no address now: the server is told later.
    #[error("the push service gives no address: {reason}")]
    PushService {
        /// Why.
        reason: String,
    },
    /// The server does not answer. Trying again may help.
    #[error("{server} can't be reached: {reason}")]
    Unreachable {
        /// Its host.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Whoever answers does not prove to be the server. Do not go on in this network.
    #[error("{server} does not prove to be the server: {reason}")]
    Untrusted {
        /// Its host.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Something else answers at that address.
    #[error("{server} does not answer like a Symbolon server")]
    NotAServer {
        /// Its host.
        server: String,
    },
    /// The account is being used elsewhere at this moment. Try again.
    #[error("the token is being used at the moment")]
    Busy,
    /// The session was closed, or was not used for too long. Unlock again.
    #[error("the session is closed")]
    Closed,
    /// A file is not what was written, or was written by a newer app.
    #[error("{reason}")]
    Damaged {
        /// Which, and what to do.
        reason: String,
    },
    /// The phone's hardware or its storage does not work now, or this is a mistake in the app or the server.
    #[error("{reason}")]
    Internal {
        /// What happened.
        reason: String,
    },
}

/// Why a PIN may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PinWeakness {
    /// Another length than the policy's.
    Length,
    /// Each digit follows from the one before in the same way.
    Run,
    /// The same few digits over again.
    Repetition,
    /// A day, or a year.
    Date,
    /// One that very many people have.
    WellKnown,
}

impl SymbolonError {
    /// For what is no link, no code, no number.
    pub(crate) fn input(error: impl ToString) -> Self {
        Self::Input { reason: error.to_string() }
    }
}

impl From<Error> for SymbolonError {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::Ticket(_)
            | Error::OfflineTicket(_)
            | Error::UnlockCodeForm(_)
            | Error::Details(_)
            | Error::WhichToken => Self::Input { reason },
            Error::Handshake(_) | Error::ActivationRefused => Self::ActivationRefused { reason },
            Error::Refused(reason) => Self::Refused { reason },
            Error::ServerKeyChanged => Self::Refused { reason },
            Error::Withdrawn(_) => Self::Withdrawn,
            Error::NotActive(_) => Self::NotActive,
            Error::NotConfirmed { cause, .. } => match *cause {
                cause @ Error::MoveWaits(_) => cause.into(),
                cause => Self::NotConfirmed { reason: cause.to_string() },
            },
            Error::MoveWaits(code) => Self::MoveWaits { digits: code.map(|code| code.grouped()) },
            Error::OtherPhone => Self::OtherPhone,
            Error::TooManyRequests { retry_after } => {
                Self::TooManyRequests { retry_after: retry_after.map(Duration::from_secs) }
            }
            Error::AlreadyActive(_) | Error::NotCompleted(_) => Self::AlreadyActive,
            Error::UnsecureDevice(signals) => {
                Self::UnsecureDevice { signals: signals.iter().map(Signal::from).collect() }
            }
            Error::WrongPin { tries_left } => Self::WrongPin { tries_left },
            Error::Locked(_) => Self::Locked,
            Error::WrongUnlockCode => Self::WrongUnlockCode,
            Error::NoUnlockCode(_) => Self::NoUnlockCode,
            Error::Wait(left) => Self::Wait { left: left.unsigned_abs() },
            Error::PinMustBeSet => Self::PinMustBeSet,
            Error::Busy => Self::Busy,
            Error::KeysLost(_) => Self::KeysLost,
            Error::Cancelled => Self::Cancelled,
            Error::BiometricsLocked => Self::BiometricsLocked,
            Error::BiometricsNotAllowed(obstacle) => Self::BiometricsNotAllowed { obstacle: obstacle.into(), reason },
            Error::BiometricsOff(_) => Self::BiometricsOff,
            Error::BiometricsLost(_) => Self::BiometricsLost,
            Error::PinForm(_) => Self::PinForm,
            Error::PinChoice(choice) => choice.into(),
            Error::PinNeeded => Self::PinNeeded,
            Error::MutualChallengeNeeded => Self::MutualChallengeNeeded,
            Error::Offline(_) => Self::Offline,
            Error::OtherToken(_) => Self::OtherToken,
            Error::TooLate => Self::TooLate,
            Error::NoSuchToken(_) | Error::NoToken => Self::NoSuchToken,
            Error::PushService(reason) => Self::PushService { reason },
            Error::Unreachable { server, reason } => Self::Unreachable { server, reason },
            Error::Untrusted { server, reason } => Self::Untrusted { server, reason },
            Error::NotAServer(server) => Self::NotAServer { server },
            Error::Damaged(_) | Error::Later(_) => Self::Damaged { reason },
            _ => Self::Internal { reason },
        }
    }
}

impl From<PinChoiceError> for SymbolonError {
    fn from(error: PinChoiceError) -> Self {
        let weakness = match error {
            PinChoiceError::Length(_) => PinWeakness::Length,
            PinChoiceError::Run => PinWeakness::Run,
            PinChoiceError::Repetition => PinWeakness::Repetition,
            PinChoiceError::Date => PinWeakness::Date,
            PinChoiceError::WellKnown => PinWeakness::WellKnown,
        };
        Self::PinChoice { weakness, reason: error.to_string() }
    }
}
