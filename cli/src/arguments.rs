//! The command line, and what its help says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use symbolon_core::serial::SerialNumber;

/// The soft token on the desktop: activates tokens and shows their codes.
///
/// A desktop has no secure hardware: the keys are software, kept in the operating system's key store or in files.
/// Whoever can read them, and the home folder, can use the token. A phone protects a token better.
#[derive(Debug, Parser)]
#[command(name = "symbolon", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Where the tokens are kept [default: $XDG_DATA_HOME/symbolon or ~/.local/share/symbolon]
    #[arg(long, value_name = "DIR", env = "SYMBOLON_HOME", global = true)]
    pub(crate) home: Option<PathBuf>,

    /// Where new keys are kept; remembered by the home folder [default: system]
    #[arg(long, value_enum, value_name = "WHERE", global = true)]
    pub(crate) key_store: Option<KeyStoreKind>,

    /// Print one JSON document on standard output, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  symbolon activate 'symbolon://activate?v=1&…'    the link of an e-mail, or the text of a QR
  symbolon activate --classic symbolon.example 12345-67890
  symbolon code
  symbolon code --json --pin-fd 3 3<pin            for scripts: the PIN is never an argument

Exit codes: 0 done, 1 refused by a rule, 2 wrong usage or bad input, 3 unreachable, 4 internal.";

/// Where keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyStoreKind {
    /// The operating system's key store: Secret Service, Keychain, Credential Manager
    System,
    /// Files in the home folder that only their owner can read, for machines without a key store
    File,
}

impl KeyStoreKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::File => "file",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Activate a token
    ///
    /// By the link of an activation e-mail, by the text of a QR, or with --classic by what a person types.
    Activate(Activate),
    /// List the tokens on this device
    List,
    /// Show where things are kept, how they are protected, and how each token fares
    Status,
    /// Remove a token and its keys from this device; the server keeps its half
    Remove {
        /// The token, written 12345-67890 or 1234567890
        serial: SerialNumber,
    },
    /// Manage the PIN
    #[command(subcommand)]
    Pin(Pin),
    /// Show a code
    ///
    /// At most once a day this asks the server for its time and policy; --contact asks now.
    Code(Code),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  symbolon completions bash > ~/.local/share/bash-completion/completions/symbolon"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(
    override_usage = "symbolon activate [OPTIONS] <LINK|QR-TEXT|->\n       \
                      symbolon activate [OPTIONS] --classic <ADDRESS> <SERIAL>",
    after_help = "A ticket is a secret, and other people on this machine may see command lines: “-” reads it from\n\
                  standard input. With --pin-fd nothing is asked: the token is activated at once.\n\n\
                  Examples:\n  \
                  symbolon activate -\n  \
                  symbolon activate --classic symbolon.example:8443 12345-67890 --code-fd 3 --pin-fd 4 3<code 4<pin"
)]
pub(crate) struct Activate {
    /// The link, the text of the QR, or “-” for standard input; with --classic the server's address and the serial
    /// number
    #[arg(value_name = "TICKET", required = true, num_args = 1..=2)]
    pub(crate) ticket: Vec<String>,

    /// Type the server's address and the serial number; the activation code is asked for
    #[arg(long)]
    pub(crate) classic: bool,

    /// Read the activation code from this file descriptor, its first line
    #[arg(long, value_name = "N", requires = "classic")]
    pub(crate) code_fd: Option<u32>,

    /// Read the new PIN from this file descriptor, its first line; 0 is standard input
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pin {
    /// Change the PIN, or set one where there is none
    Change {
        /// The token; may be left out when there is one
        serial: Option<SerialNumber>,

        /// Read the PIN from this file descriptor, its first line; 0 is standard input
        #[arg(long, value_name = "N")]
        pin_fd: Option<u32>,

        /// Read the new PIN from this file descriptor; when it is the same one, the PIN is its first line and the new
        /// PIN the second
        #[arg(long, value_name = "N")]
        new_pin_fd: Option<u32>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Code {
    /// The token; may be left out when there is one
    pub(crate) serial: Option<SerialNumber>,

    /// Read the PIN from this file descriptor, its first line; 0 is standard input
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,

    /// Ask the server for its time and policy first, and fail when it can't be reached
    #[arg(long)]
    pub(crate) contact: bool,
}
