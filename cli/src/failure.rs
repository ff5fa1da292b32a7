//! Why a command failed, and with which exit code.

use symbolon_client::{Error, ErrorKind};
use symbolon_core::vault::{PinChoiceError, PinFormError, UnlockCodeError};

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Decides the exit code.
    pub(crate) kind: ErrorKind,
    /// What a person can do.
    pub(crate) message: String,
}

impl Failure {
    /// What was given can't be right.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Input, message: message.into() }
    }

    /// A rule or the person says no.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Refused, message: message.into() }
    }

    /// The person said no.
    pub(crate) fn declined() -> Self {
        Self { kind: ErrorKind::Refused, message: "not activated; the ticket can still be used".into() }
    }

    /// Something is broken.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Internal, message: message.into() }
    }
}

impl From<PinFormError> for Failure {
    fn from(error: PinFormError) -> Self {
        Error::from(error).into()
    }
}

impl From<PinChoiceError> for Failure {
    fn from(error: PinChoiceError) -> Self {
        Error::from(error).into()
    }
}

impl From<UnlockCodeError> for Failure {
    fn from(error: UnlockCodeError) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::Locked(_) => " (symbolon unlock)",
            Error::PinMustBeSet => " (symbolon pin change)",
            Error::NoToken => " (symbolon activate)",
            Error::AlreadyActive(_) | Error::KeysLost(_) | Error::Damaged(_) => " (symbolon remove)",
            Error::PinNeeded => "; give it with --pin-fd, or at a terminal",
            _ => "",
        };
        Self { kind: error.kind(), message: format!("{error}{hint}") }
    }
}
