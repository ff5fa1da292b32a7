//! The keypad: each digit of a PIN crosses alone, and no PIN comes back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use symbolon_core::policy::PinLength;
use symbolon_core::vault::{self, Pin, PinEntry};

use crate::SymbolonError;

/// A PIN that is being typed. Whatever takes it empties it.
#[derive(Debug, Default, uniffi::Object)]
pub struct PinPad(Mutex<PinEntry>);

#[uniffi::export]
impl PinPad {
    /// An empty one.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a digit, 0 to 9; answers whether it was taken: a PIN has 12 digits at most.
    pub fn push(&self, digit: u8) -> bool {
        self.entry().push(digit).is_ok()
    }

    /// Takes the last digit back, if there is one.
    pub fn pop(&self) {
        self.entry().pop();
    }

    /// How many digits were typed: as many dots are shown.
    #[must_use]
    pub fn length(&self) -> u8 {
        u8::try_from(self.entry().len()).unwrap_or(u8::MAX)
    }

    /// Forgets what was typed.
    pub fn clear(&self) {
        *self.entry() = PinEntry::default();
    }

    /// Takes what was typed for a new PIN of `length` digits, which the person then repeats.
    ///
    /// # Errors
    /// [`SymbolonError::PinForm`], [`SymbolonError::PinChoice`].
    pub fn choose(&self, length: u8) -> Result<ChosenPin, SymbolonError> {
        Ok(ChosenPin(Mutex::new(Some(self.chosen(length)?))))
    }
}

impl PinPad {
    /// The PIN that was typed; the pad is empty then.
    pub(crate) fn take(&self) -> Result<Pin, SymbolonError> {
        std::mem::take(&mut *self.entry()).finish().map_err(|_| SymbolonError::PinForm)
    }

    fn chosen(&self, length: u8) -> Result<vault::ChosenPin, SymbolonError> {
        let pin = self.take()?;
        let length = PinLength::try_from(u32::from(length)).map_err(|_| SymbolonError::PinForm)?;
        Ok(pin.choose(length)?)
    }

    fn entry(&self) -> MutexGuard<'_, PinEntry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A PIN that may be set. It is set once; then, or when setting it failed, the person types it anew.
#[derive(Debug, uniffi::Object)]
pub struct ChosenPin(Mutex<Option<vault::ChosenPin>>);

#[uniffi::export]
impl ChosenPin {
    /// Whether the person typed the same again; empties the pad.
    #[must_use]
    pub fn is_repeated_by(&self, pad: &PinPad) -> bool {
        let typed = pad.take();
        let chosen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chosen.as_ref().zip(typed.ok()).is_some_and(|(chosen, typed)| chosen.is(&typed))
    }
}

impl ChosenPin {
    /// Takes the PIN out.
    pub(crate) fn take(&self) -> Result<vault::ChosenPin, SymbolonError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(SymbolonError::PinNeeded)
    }
}
