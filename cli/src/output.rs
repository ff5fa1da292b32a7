//! The only place that prints: the result on standard output, everything else on standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where a command prints")]

use std::io::Write;

use serde::Serialize;

use crate::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

impl Format {
    /// Prints a result: in JSON all of it, in text what `text` makes of it.
    pub(crate) fn result<T: Serialize>(self, result: &T, text: impl FnOnce(&T) -> String) {
        let line = match self {
            Self::Text => text(result),
            Self::Json => serde_json::to_string(result).unwrap_or_default(),
        };
        // Whoever closed the pipe has read what they wanted.
        let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
    }

    /// Prints why a command failed.
    pub(crate) fn failure(self, failure: &Failure) {
        eprintln!("symbolon: {}", failure.message);
        if self == Self::Json {
            let document = serde_json::json!({
                "error": {"kind": failure.kind.name(), "message": failure.message},
            });
            println!("{document}");
        }
    }
}

/// Tells the person something besides the result.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Asks the person something; the answer is typed on the same line.
pub(crate) fn ask(question: &str) {
    eprint!("{question}");
    let _ = std::io::stderr().flush();
}

/// Prints text that is a file of its own, such as a completion script.
pub(crate) fn text(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}
