//! The command line, and what its help says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use symbolon_core::approval::MutualValue;
use symbolon_core::otp::TypedChallenge;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::KeyHash;

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
  symbolon activate --offline 'symbolon://offline?v=1&…'    without a network; the password is asked for
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
    /// By the link of an activation e-mail, by the text of a QR, or with --classic by what a person types. With --offline
    /// no network is used: the token shows a registration code, which whoever gave out the ticket enters at the server.
    Activate(Activate),
    /// List the tokens on this device
    List,
    /// Show where things are kept, how they are protected, and how each token fares
    Status,
    /// Remove a token and its keys from this device; the server keeps its half
    Remove {
        /// The token, written 12345-67890 or 1234567890
        serial: SerialNumber,

        /// Don't ask; nothing is asked either where there is no terminal
        #[arg(long)]
        yes: bool,
    },
    /// Manage the PIN
    #[command(subcommand)]
    Pin(Pin),
    /// Open a token whose PIN was forgotten by a code of the help desk, and set a new PIN
    ///
    /// Shows a challenge. The help desk makes a code for it, which works once, on this device. Without a code, and where
    /// there is no terminal, the challenge is all that is printed.
    Unlock(Unlock),
    /// Show a code
    ///
    /// At most once a day this asks the server for its time and policy; --contact asks now.
    Code(Code),
    /// Answer digits that a page shows with a code
    Respond {
        /// The 8 digits; spaces and hyphens are passed over
        challenge: TypedChallenge,

        #[command(flatten)]
        token: OpenToken,
    },
    /// Sign details, such as an amount and an account, with a code
    Sign {
        /// The values, in the order of the page, at most 10; “--” stands before one that begins with a hyphen
        #[arg(value_name = "VALUE", required = true, allow_negative_numbers = true)]
        values: Vec<String>,

        #[command(flatten)]
        token: OpenToken,
    },
    /// Approve what a QR holds with a code, without a network
    Scan {
        /// The text of the QR, or “-” for standard input
        #[arg(value_name = "QR-TEXT")]
        qr: String,

        #[command(flatten)]
        token: OpenToken,
    },
    /// Show what the server asks
    Requests {
        /// Wait for something for at most this many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=86_400))]
        wait: u64,

        /// Ask for this token only
        #[arg(long)]
        serial: Option<SerialNumber>,
    },
    /// Say yes to what the server asks
    Confirm(Decide),
    /// Say that someone else asked: the organisation is told
    Concern(Decide),
    /// Say no to what the server asks
    Cancel(Decide),
    /// Show what the server asks as it comes, and answer it
    ///
    /// At a terminal each request is shown and can be answered at once. With --json each is a line, and nothing is asked.
    Watch {
        /// Watch this token only
        #[arg(long)]
        serial: Option<SerialNumber>,
    },
    /// Show what was asked of a token here, and how it was answered
    ///
    /// The last 200 decisions that were made on this device, newest first. They are sealed, so the PIN is asked for.
    History {
        /// The token; may be left out when there is one
        serial: Option<SerialNumber>,

        /// Read the PIN from this file descriptor, its first line; 0 is standard input
        #[arg(long, value_name = "N")]
        pin_fd: Option<u32>,
    },
    /// Move a token to a new phone
    ///
    /// Shows a ticket for the new phone, asks for the six digits that the new phone shows then, and agrees to it. The token
    /// here works until the new one is active, and is removed then. With --json each step is a line.
    Move(MoveToken),
    /// Look at receipts of approvals
    #[command(subcommand)]
    Receipt(Receipt),
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
                      symbolon activate [OPTIONS] --offline <QR-TEXT|->\n       \
                      symbolon activate [OPTIONS] --classic <ADDRESS> <SERIAL>\n       \
                      symbolon activate [OPTIONS] --classic --offline [ADDRESS] <SERIAL>",
    after_help = "A ticket is a secret, and other people on this machine may see command lines: “-” reads it from\n\
                  standard input. With --pin-fd nothing is asked: the token is activated at once.\n\n\
                  Examples:\n  \
                  symbolon activate -\n  \
                  symbolon activate --classic symbolon.example:8443 12345-67890 --code-fd 3 --pin-fd 4 3<code 4<pin\n  \
                  symbolon activate --offline - --password-fd 3 --pin-fd 4 <qr 3<password 4<pin"
)]
pub(crate) struct Activate {
    /// The link, the text of the QR, or “-” for standard input; with --classic the server's address and the serial
    /// number, of which --offline needs the latter only
    #[arg(value_name = "TICKET", required = true, num_args = 1..=2)]
    pub(crate) ticket: Vec<String>,

    /// Type the server's address and the serial number; the activation code is asked for
    #[arg(long)]
    pub(crate) classic: bool,

    /// Read the activation code from this file descriptor, its first line
    #[arg(long, value_name = "N", requires = "classic")]
    pub(crate) code_fd: Option<u32>,

    /// Use no network: the token shows a registration code for whoever gave out the ticket
    #[arg(long)]
    pub(crate) offline: bool,

    /// Read the password that goes with an offline QR from this file descriptor, its first line
    #[arg(long, value_name = "N", requires = "offline", conflicts_with = "classic")]
    pub(crate) password_fd: Option<u32>,

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
pub(crate) struct Unlock {
    /// The token; may be left out when there is one
    pub(crate) serial: Option<SerialNumber>,

    /// Read the unlock code from this file descriptor, its first line; 0 is standard input
    #[arg(long, value_name = "N")]
    pub(crate) code_fd: Option<u32>,

    /// Read the new PIN from this file descriptor; when it is the same one, the code is its first line and the new PIN
    /// the second
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,
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

/// Which token to open, and how.
#[derive(Debug, Args)]
pub(crate) struct OpenToken {
    /// The token; may be left out when there is one
    #[arg(long)]
    pub(crate) serial: Option<SerialNumber>,

    /// Read the PIN from this file descriptor, its first line; 0 is standard input
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct MoveToken {
    /// The token; may be left out when there is one
    pub(crate) serial: Option<SerialNumber>,

    /// Read the PIN from this file descriptor, its first line; 0 is standard input
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,

    /// Read the digits that the new phone shows from this file descriptor; when it is that of the PIN, they are its
    /// second line
    #[arg(long, value_name = "N")]
    pub(crate) digits_fd: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The request, as `symbolon requests` names it; its beginning is enough
    #[arg(allow_hyphen_values = true)] // it is random, and may begin with one
    pub(crate) id: String,

    /// The value that the page shows, for `confirm`
    #[arg(long, value_name = "VALUE")]
    pub(crate) mutual_challenge: Option<MutualValue>,

    /// Read the PIN from this file descriptor, its first line; 0 is standard input
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Receipt {
    /// Check a receipt: every signature, and that its parts belong together
    ///
    /// The server is not asked. Without --identity a receipt proves only what the keys in it signed.
    Verify {
        /// The file with the receipt in JSON, or “-” for standard input
        file: PathBuf,

        /// The SHA-256 of the server's identity key in base64url, as `k` in an activation link
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)] // base64url may begin with one
        identity: Option<KeyHash>,
    },
}
