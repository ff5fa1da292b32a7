//! What commands print: one JSON document on standard output, or lines for people; everything else on standard error.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::config::ConfigError;
use crate::service::ServiceError;
use crate::storage::StorageError;

/// Where a command's answer goes.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Shows an answer: its JSON, or `lines` for people.
    pub(super) fn answer<T: Serialize>(&self, answer: &T, lines: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        if self.json {
            self.text(&serde_json::to_string(answer).map_err(Failure::internal)?)
        } else {
            match lines(answer).trim_end() {
                "" => Self::note("there is nothing to list"),
                lines => return self.text(lines),
            }
            Ok(())
        }
    }

    /// Says something besides the answer, on standard error. Nobody may read there, which is no failure.
    pub(super) fn note(text: &str) {
        drop(writeln!(std::io::stderr(), "symbolon-server: {text}"));
    }

    /// Prints text on standard output. A reader that has gone is no failure.
    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::internal(error)),
            _ => Ok(()),
        }
    }

    /// Says what failed, and gives the exit code.
    pub(super) fn failure(&self, failure: &Failure) -> ExitCode {
        if self.json && !failure.said {
            let document = serde_json::json!({ "error": { "kind": failure.kind.name(), "message": failure.message } });
            drop(self.text(&document.to_string()));
        }
        if !failure.message.is_empty() {
            drop(writeln!(std::io::stderr(), "symbolon-server: {}", failure.message));
        }
        ExitCode::from(failure.kind as u8)
    }
}

/// How many there are of what `one` and `several` name.
pub(super) fn counted(count: impl TryInto<u64>, one: &str, several: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    message: String,
    /// Whether standard output has its document already.
    said: bool,
}

/// The kinds of failure are the exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    Internal = 4,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Usage => "input",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }
}

impl Failure {
    pub(super) fn refused(message: impl ToString) -> Self {
        Self { kind: Kind::Refused, message: message.to_string(), said: false }
    }

    /// Refused, and the answer on standard output has said why.
    pub(super) fn already_said() -> Self {
        Self { kind: Kind::Refused, message: String::new(), said: true }
    }

    /// Bad input, and the answer on standard output has said what is bad in it.
    pub(super) fn bad_input(message: impl ToString) -> Self {
        Self { kind: Kind::Usage, message: message.to_string(), said: true }
    }

    pub(super) fn usage(message: impl ToString) -> Self {
        Self { kind: Kind::Usage, message: message.to_string(), said: false }
    }

    pub(super) fn internal(error: impl ToString) -> Self {
        Self { kind: Kind::Internal, message: error.to_string(), said: false }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Invalid { .. } => Self::usage(error),
            ServiceError::Storage(error) => error.into(),
            ServiceError::Sealed => Self::internal(error),
            // Commands are written with a hyphen where the API has an underscore.
            ServiceError::State { subject, state, action, possible } => {
                let [action, possible] = [action.to_owned(), possible.join(", ")].map(|names| names.replace('_', "-"));
                Self::refused(format!("{subject} is {state}: {action} is not possible; possible: {possible}"))
            }
            _ => Self::refused(error),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let kind = match error {
            StorageError::Unreachable(_) => Kind::Unreachable,
            StorageError::Elsewhere => Kind::Refused,
            _ => Kind::Internal,
        };
        Self { kind, message: error.to_string(), said: false }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(format!("{error:#}"))
    }
}
