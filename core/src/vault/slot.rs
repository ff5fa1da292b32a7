//! Slots: each holds the vault key for one way of opening the vault, and its key passes through the phone's hardware.

use rand_core::CryptoRngCore;

use super::VaultError;
use super::stretching::Stretching;
use super::unlock::UnlockChallenge;
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::keys::{Label, SealingKey};
use crate::secret::{Secret, SecretBytes};
use crate::serial::SerialNumber;

/// The clear part of a slot, which says how its key is made.
pub(super) trait Lock: Sized {
    /// The slot's tag in the file.
    const KIND: &'static str;
    /// What its key is derived under.
    const LABEL: Label;

    fn write(&self, frame: FrameWriter) -> FrameWriter;
    fn read(reader: &mut FrameReader<'_>) -> Result<Self, FrameError>;
}

/// Opened by the PIN. Holds the vault key and the PIN factor key.
#[derive(Debug)]
pub(super) struct PinLock {
    /// How many digits the PIN has, for the keypad.
    pub(super) length: u8,
    pub(super) stretching: Stretching,
}

impl Lock for PinLock {
    const KIND: &'static str = "pin";
    const LABEL: Label = Label::VaultPin;

    fn write(&self, frame: FrameWriter) -> FrameWriter {
        self.stretching.write(frame.field(&[self.length]))
    }

    fn read(reader: &mut FrameReader<'_>) -> Result<Self, FrameError> {
        let [length] = *reader.array()?;
        Ok(Self { length, stretching: Stretching::read(reader)? })
    }
}

/// Opened by the server's unlock code. Holds the vault key, the next PIN factor key and the next unlock secret.
#[derive(Debug)]
pub(super) struct UnlockLock {
    pub(super) challenge: UnlockChallenge,
    pub(super) stretching: Stretching,
}

impl Lock for UnlockLock {
    const KIND: &'static str = "unlock";
    const LABEL: Label = Label::VaultUnlock;

    fn write(&self, frame: FrameWriter) -> FrameWriter {
        let (number, random) = self.challenge.numbers();
        self.stretching.write(frame.number(number).number(random))
    }

    fn read(reader: &mut FrameReader<'_>) -> Result<Self, FrameError> {
        let challenge = UnlockChallenge::from_numbers(reader.number()?, reader.number()?).ok_or(FrameError)?;
        Ok(Self { challenge, stretching: Stretching::read(reader)? })
    }
}

/// A slot that is sealed here, under a key that the hardware's pseudo-random function has given.
#[derive(Debug)]
pub(super) struct Slot<L> {
    pub(super) lock: L,
    pub(super) sealed: Vec<u8>,
}

impl<L: Lock> Slot<L> {
    pub(super) fn seal(
        lock: L,
        prf_output: &Secret<32>,
        serial: SerialNumber,
        secrets: &[&Secret<32>],
        rng: &mut dyn CryptoRngCore,
    ) -> Self {
        let plain = FrameWriter::with_capacity(secrets.len() * 36);
        let plain = secrets.iter().fold(plain, |frame, secret| frame.field(secret.expose()));
        let key = SealingKey::derive(prf_output, L::LABEL);
        let sealed = key.seal(rng, associated(&lock, serial).as_bytes(), plain.as_bytes());
        Self { lock, sealed }
    }

    /// What was sealed; `None` when the key is not the right one. Nothing else tells a wrong PIN from the right one.
    pub(super) fn open(&self, prf_output: &Secret<32>, serial: SerialNumber) -> Option<SecretBytes> {
        let key = SealingKey::derive(prf_output, L::LABEL);
        key.open(associated(&self.lock, serial).as_bytes(), &self.sealed).ok()
    }

    fn write(&self) -> FrameWriter {
        clear(&self.lock).field(&self.sealed)
    }

    fn read(reader: &mut FrameReader<'_>) -> Result<Self, FrameError> {
        Ok(Self { lock: L::read(reader)?, sealed: reader.field()?.to_vec() })
    }
}

fn clear<L: Lock>(lock: &L) -> FrameWriter {
    lock.write(FrameWriter::default().field(L::KIND.as_bytes()))
}

/// The token and the slot's own clear part, and nothing of the header: so the header can change without the PIN.
fn associated<L: Lock>(lock: &L, serial: SerialNumber) -> FrameWriter {
    FrameWriter::default()
        .field(b"symbolon/1/vault/slot")
        .field(serial.digits().as_bytes())
        .field(clear(lock).as_bytes())
}

const DEVICE: &str = "device";
const BIOMETRIC: &str = "biometric";

/// The slots of a vault, one of each kind at most.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// The vault key as the hardware sealed it.
    pub(super) device: Option<Vec<u8>>,
    pub(super) pin: Option<Slot<PinLock>>,
    pub(super) unlock: Option<Slot<UnlockLock>>,
    /// The vault key and the factor key of biometrics as the hardware sealed them.
    pub(super) biometric: Option<Vec<u8>>,
}

impl Slots {
    /// The slots, each as one field, in a fixed order.
    pub(super) fn write(&self) -> FrameWriter {
        let by_hardware = |kind: &str, sealed: &Vec<u8>| FrameWriter::default().field(kind.as_bytes()).field(sealed);
        let slots = [
            self.device.as_ref().map(|sealed| by_hardware(DEVICE, sealed)),
            self.pin.as_ref().map(Slot::write),
            self.unlock.as_ref().map(Slot::write),
            self.biometric.as_ref().map(|sealed| by_hardware(BIOMETRIC, sealed)),
        ];
        slots.iter().flatten().fold(FrameWriter::default(), |frame, slot| frame.field(slot.as_bytes()))
    }

    /// Reads slots in any order. A kind that this version does not know is refused and not carried along: a PIN change
    /// must be able to say that no other way into the vault is left.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, VaultError> {
        let mut slots = Self::default();
        let mut reader = FrameReader::new(bytes);
        while !reader.is_empty() {
            let mut slot = FrameReader::new(reader.field()?);
            let taken = match slot.field()? {
                kind if kind == DEVICE.as_bytes() => slots.device.replace(slot.field()?.to_vec()).is_some(),
                kind if kind == PinLock::KIND.as_bytes() => slots.pin.replace(Slot::read(&mut slot)?).is_some(),
                kind if kind == UnlockLock::KIND.as_bytes() => slots.unlock.replace(Slot::read(&mut slot)?).is_some(),
                kind if kind == BIOMETRIC.as_bytes() => slots.biometric.replace(slot.field()?.to_vec()).is_some(),
                _ => return Err(VaultError::LaterVersion),
            };
            slot.finish()?;
            if taken {
                return Err(VaultError::Damaged);
            }
        }
        // The device's key or a PIN, which biometrics fall back to; and a way out only where there is a PIN to forget.
        let consistent =
            slots.device.is_some() != slots.pin.is_some() && (slots.unlock.is_none() || slots.pin.is_some());
        if consistent { Ok(slots) } else { Err(VaultError::Damaged) }
    }
}
