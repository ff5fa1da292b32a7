//! The soft token as Kotlin and Swift see it: types for uniffi, conversions, and nothing else.
//!
//! Everything that can be decided is decided in `symbolon-client`. The phone brings what only it has, as a [`Platform`], and
//! draws what it is told:
//!
//! ```text
//! SoftToken.open ── activate… ──► Proposal ── accept(PIN) ──► Account
//!           ├────── accounts ───► Account ── unlock… ──► Session ── code, answer, turn_on_biometrics, begin_move, …
//!           │                            └── requests ─► Approval
//!           └────── events ─────► Events ── next ─► Event
//! ```
//!
//! **Secrets.** A PIN is typed into a [`PinPad`], digit by digit, and never comes out. Links and codes that activate or
//! unlock come in as bytes, which are wiped here; the caller wipes its own. A [`Session`] has the open vault: it closes when
//! it is told to, and by itself when it was not used for two minutes.
//!
//! **Threads.** Every method may be called from any thread. What waits for the hardware, the network, a person or Argon2 is
//! async, on a runtime of this library's own.

uniffi::setup_scaffolding!("symbolon");

mod account;
mod activation;
mod agreement;
mod approval;
mod error;
mod events;
mod history;
mod moving;
mod pin;
mod platform;
mod scan;
mod session;
mod soft_token;
mod time;
mod waking;

pub use account::{Account, AccountInfo, AccountState, AccountStatus, Biometrics, Policy, UnlockedAccount};
pub use activation::{Accepted, Activation, Proposal, ProposalInfo, UnconfirmedActivation};
pub use agreement::{agreement_output, agreement_point};
pub use approval::{
    Approval, Context, Decision, Detail, MutualPrompt, OfflineApproval, OfflineRequest, Outcome, Request, Transaction,
};
pub use error::{PinWeakness, SymbolonError};
pub use events::{Ending, Event, Events, News};
pub use history::{HistoryEntry, HistoryKind};
pub use moving::{Move, MoveProgress, MoveTicket, QrCode};
pub use pin::{ChosenPin, PinPad};
pub use platform::{
    Biometric, BiometricsObstacle, DeviceInfo, DeviceKey, HardwareKeys, IntegrityProbe, KeyAccess, KeyProtection,
    KeysError, LocalAuthentication, Platform, Signal,
};
pub use scan::{Scan, read_scan};
pub use session::{Code, Session};
pub use soft_token::{DamagedAccount, SoftToken};
pub use waking::{PushAddress, Wake, WakeError};
