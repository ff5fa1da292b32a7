//! The vault: the sealed file in which a phone keeps one token, published in `docs/vault-format.md`.
//!
//! A random vault key seals the file's body. Each *slot* holds that key for one way of opening the vault, and the key
//! of every slot passes through the phone's hardware, so a copy of the file is of no use elsewhere. The hardware
//! answers in its own time, outside of this crate; so opening and changing a vault are values that consume themselves,
//! each waiting for one answer:
//!
//! ```text
//! NewVault ── with_pin ──► PinSetting ── finish(prf) ──┐
//!        └── with_device ► DeviceSetting ── finish ────┴─► Rewritten { vault: OpenVault, file }
//!
//! Tries::count ─► Counted ── (flush) stored ─► PinPermit
//! SealedVault ── attempt_pin(pin, permit) ► PinAttempt ── finish(prf) ► OpenVault ── set_pin ► PinSetting
//!           ├── attempt_unlock(code) ► UnlockAttempt ── finish(prf) ► UnlockedVault ── set_pin ► PinSetting
//!           └── open_with_device, open_with_biometrics ─────────────► OpenVault
//! OpenVault ── write_unlock_slot ► UnlockSetting ── finish(prf) ► Rewritten
//!          └── offer_biometrics ► BiometricOffer (the hardware seals it), then turn_on_biometrics ► file
//! ```

mod contents;
mod header;
mod history;
mod open;
mod pin;
#[cfg(test)]
mod pinned;
mod sealed;
mod slot;
mod stretching;
#[cfg(test)]
mod tests;
mod tries;
mod unlock;

pub use crate::stretching::Cost;
pub use header::{Header, Offline, Online, Server, UpdateError};
pub use history::{History, Noted, NotedKind};
pub use open::{
    BiometricOffer, DeviceSetting, NewVault, OpenVault, PinSetting, Rewritten, UnlockSetting, UnlockedVault,
};
pub use pin::{ChosenPin, Pin, PinChoiceError, PinEntry, PinFormError};
pub use sealed::{PinAttempt, SealedVault, UnlockAttempt, Untested};
pub use tries::{Counted, PinPermit, Tries, TriesError};
pub use unlock::{OtherNumber, UnlockChallenge, UnlockChallengeError, UnlockCode, UnlockCodeError, UnlockSecret};

use crate::biometrics::BiometricsOff;
use crate::frame::FrameError;

/// The format's version: the first byte of the file.
const VERSION: u8 = 1;

/// The longest file that is read, in bytes. A vault has one to two thousand.
const MAX_FILE: usize = 64 * 1024;

/// Why a vault does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// A version or a kind of slot that came after this one.
    #[error("the vault was written by a later version of the app; update the app")]
    LaterVersion,
    /// Not what was written, or not with this device's keys.
    #[error("the vault is damaged, was changed, or belongs to another device; remove the token and activate it anew")]
    Damaged,
    /// The vault does not open in this way.
    #[error("the vault does not open in this way")]
    NoSuchSlot,
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    WrongPin,
    /// The unlock code is wrong.
    #[error("the unlock code is wrong; compare the challenge and the serial number, and ask for the code again")]
    WrongUnlockCode,
    /// Biometrics opened the session, and this takes the PIN.
    #[error("the PIN is needed")]
    PinNeeded,
    /// Biometrics open no vault here.
    #[error(transparent)]
    Biometrics(#[from] BiometricsOff),
    /// The policy asks for a PIN.
    #[error("the organisation requires a PIN; set one")]
    PinRequired,
}

impl From<FrameError> for VaultError {
    fn from(_: FrameError) -> Self {
        Self::Damaged
    }
}
