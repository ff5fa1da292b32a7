//! Whole journeys over real processes: what the tests in `tests/journeys` are played with.
//!
//! The server is the real `symbolon-server` ([`Server`]), administered by its real `admin` commands ([`Installation`]).
//! Its callers are an application ([`Caller`]), a simulated phone that is built on the protocol's own code ([`Phone`]),
//! the real desktop soft token ([`Desktop`]), and those who mean no good ([`Middleman`]). Whom it calls itself is a
//! [`Receiver`], and its mails go to a [`MailServer`]; an [`OpenIdProvider`] says who people are. Its pages are looked at in a real [`Browser`], and by somebody who
//! sends what no browser would ([`Pages`]).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test's helper fails the test, and says why a test can't be played on this machine"
)]

mod browser;
mod caller;
mod clock;
mod desktop;
pub mod hardware;
pub mod inputs;
mod installation;
mod mail_server;
mod middleman;
mod otp;
mod pages;
mod patience;
mod phone;
mod port;
mod postgres;
mod programs;
mod provider;
mod qr;
mod receiver;
mod server;
mod wire;

pub use browser::{Browser, Key, Look, has_browser};
pub use caller::{Caller, accepted, reason};
pub use clock::Clock;
pub use desktop::{Desktop, Dialogue};
pub use installation::{Installation, Outcome};
pub use mail_server::{Letter, MailServer};
pub use middleman::Middleman;
pub use otp::Imported;
pub use pages::{Page, Pages};
pub use patience::until;
pub use phone::{Asked, Phone, Token, after, now_step};
pub use postgres::Postgres;
pub use programs::program;
pub use provider::{Lie, LyingProvider, OpenIdProvider, Signed};
pub use receiver::{Arrived, Prepared, Receiver, calling_receivers};
pub use server::{Server, Ticket};
pub use wire::{Reply, Wire};

/// How often something is done: the short form in the tests, the long one in `cargo xtask soak`.
#[must_use]
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("SYMBOLON_SOAK").is_some() { long } else { short }
}

/// Says why a test does nothing on this machine. It is seen with `--nocapture`; where `CI` is set, the test fails.
pub fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test} can't run here: {why}");
    eprintln!("SKIPPED {test}: {why}");
}
