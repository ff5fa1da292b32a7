//! The soft token itself, shared by the phones and the desktop: activation, the vault on disk, codes and contact.
//!
//! What only a platform has comes in through traits: [`platform`] (keys in hardware, the person's finger or face, signs
//! of tampering), [`files`] (what is on disk, and what is left of it after a power loss), [`network`] (HTTPS to one
//! server). [`environment`] brings the time and randomness. Each has an implementation here that a desktop uses.
//!
//! One starts with [`SoftToken::open`], then [`SoftToken::activate`] or [`SoftToken::accounts`]:
//!
//! ```text
//! Ticket ── SoftToken::activate ──► Activation::Proposed ── accept(PIN) ──► Account (active)
//!                                                        └─ decline
//! QR, password ── SoftToken::activate_offline ──► offline::Proposed ── accept(PIN) ──► Session (registration code)
//! Account ── unlock(PIN) ──► Session ── code()
//!                                    └─ begin_move() ──► Move ── agree(digits)
//!         │                          └─ turn_on_biometrics(), then Account ── unlock_with_biometrics() ──► Session
//!         └─ requests(), then Session ── answer(decision)
//! SoftToken ── events() ──► Events ── next() ──► Event
//!          └─ renew_push_addresses(), at each start and when the push service says so
//! ```
//!
//! Everything that ends a step early (no network, no power, no process) leaves a token that works or a ticket that
//! still does; [`activation`] says how.

#![forbid(unsafe_code)]

mod account;
pub mod activation;
pub mod environment;
mod error;
mod events;
pub mod files;
pub mod network;
pub mod platform;
mod soft_token;
mod store;

pub use account::{
    Account, AccountState, AccountStatus, Biometrics, Move, Pending, Session, ShownCode, UnlockedAccount,
};
pub use activation::Activation;
pub use error::{Error, ErrorKind};
pub use events::{Ending, Event, Events, News};
pub use soft_token::SoftToken;
pub use store::Store;
