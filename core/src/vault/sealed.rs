//! A closed vault, and the two steps that open it: what was typed is stretched, then the hardware answers.

use std::fmt;

use rand_core::CryptoRngCore;

use super::contents::{Activated, Contents, secret};
use super::open::{OpenVault, UnlockedVault};
use super::pin::Pin;
use super::slot::Slots;
use super::tries::PinPermit;
use super::unlock::{UnlockChallenge, UnlockCode, UnlockSecret};
use super::{Header, MAX_FILE, VERSION, VaultError};
use crate::approval::Opened;
use crate::biometrics::Biometric;
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::keys::{FactorKey, Label, SealingKey};
use crate::secret::{Secret, SecretBytes};

/// A vault as it lies on disk, read but not opened.
pub struct SealedVault {
    pub(super) header: Header,
    pub(super) slots: Slots,
    /// Every byte of the file before the body.
    associated: Vec<u8>,
    body: Vec<u8>,
}

impl SealedVault {
    /// Reads a vault's file. What the header says is proven only when the vault opens.
    ///
    /// # Errors
    /// [`VaultError::LaterVersion`] or [`VaultError::Damaged`].
    pub fn parse(file: &[u8]) -> Result<Self, VaultError> {
        let (version, fields) = file.split_first().filter(|_| file.len() <= MAX_FILE).ok_or(VaultError::Damaged)?;
        match *version {
            0 => return Err(VaultError::Damaged),
            VERSION => {}
            _ => return Err(VaultError::LaterVersion),
        }
        let mut reader = FrameReader::new(fields);
        let (header, slots, body) = (reader.field()?, reader.field()?, reader.field()?);
        reader.finish()?;
        Ok(Self {
            header: Header::from_json(header)?,
            slots: Slots::read(slots)?,
            associated: clear(header, slots),
            body: body.to_vec(),
        })
    }

    /// What the vault says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many digits the PIN has that opens it, which may be another number than the policy asks of new PINs; `None`
    /// when it is opened by the device's key alone.
    #[must_use]
    pub fn pin_length(&self) -> Option<u8> {
        self.slots.pin.as_ref().map(|slot| slot.lock.length)
    }

    /// The vault key as the hardware's key has sealed it; `None` when a PIN opens the vault.
    #[must_use]
    pub fn device_slot(&self) -> Option<&[u8]> {
        self.slots.device.as_deref()
    }

    /// The vault key and the factor key as the hardware's key of biometrics has sealed them; `None` when they are off.
    #[must_use]
    pub fn biometric_slot(&self) -> Option<&[u8]> {
        self.slots.biometric.as_deref()
    }

    /// What to show to whoever forgot the PIN; `None` when no unlock slot was written.
    #[must_use]
    pub fn unlock_challenge(&self) -> Option<UnlockChallenge> {
        self.slots.unlock.as_ref().map(|slot| slot.lock.challenge)
    }

    /// Opens the vault with what the hardware made of [`SealedVault::device_slot`].
    ///
    /// # Errors
    /// [`VaultError::NoSuchSlot`] when the vault has a PIN, [`VaultError::Damaged`] when this is not its key or the
    /// file was changed.
    pub fn open_with_device(self, opened: &SecretBytes) -> Result<OpenVault, VaultError> {
        if self.slots.device.is_none() {
            return Err(VaultError::NoSuchSlot);
        }
        let key = Secret::from_slice(opened.expose()).ok_or(VaultError::Damaged)?;
        self.open(key, Opened::Device, None)
    }

    /// Opens the vault with what the hardware made of [`SealedVault::biometric_slot`], once it had recognised the person on
    /// a device that takes each of `kinds`.
    ///
    /// # Errors
    /// [`VaultError::NoSuchSlot`] when biometrics are off; [`VaultError::Damaged`] when this is not its key or the file was
    /// changed; [`VaultError::Biometrics`] when the policy, which is authentic now, does not admit them.
    pub fn open_with_biometrics(self, opened: &SecretBytes, kinds: &[Biometric]) -> Result<OpenVault, VaultError> {
        if self.slots.biometric.is_none() {
            return Err(VaultError::NoSuchSlot);
        }
        let (key, factor) = read_key_and_factor(opened)?;
        let vault = self.open(key, Opened::Biometric, factor)?;
        vault.header.policy.admit_biometrics(kinds)?;
        Ok(vault)
    }

    /// Begins to try a PIN: takes Argon2's time and memory. The permit comes from a try that was counted.
    ///
    /// # Errors
    /// [`VaultError::NoSuchSlot`] when the vault has no PIN.
    ///
    /// ```compile_fail,E0382
    /// # use symbolon_core::vault::{Pin, PinPermit, SealedVault};
    /// # fn once(one: SealedVault, other: SealedVault, pin: &Pin, permit: PinPermit) {
    /// let _ = one.attempt_pin(pin, permit);
    /// let _ = other.attempt_pin(pin, permit); // a permit is for one try
    /// # }
    /// ```
    pub fn attempt_pin(self, pin: &Pin, _permit: PinPermit) -> Result<PinAttempt, VaultError> {
        let slot = self.slots.pin.as_ref().ok_or(VaultError::NoSuchSlot)?;
        let prf_input = slot.lock.stretching.stretch(pin.digits());
        Ok(PinAttempt { vault: self, prf_input })
    }

    /// Begins to try an unlock code. It needs no permit: nobody guesses 80 bits.
    ///
    /// # Errors
    /// [`VaultError::NoSuchSlot`] when no unlock slot was written.
    pub fn attempt_unlock(self, code: &UnlockCode) -> Result<UnlockAttempt, VaultError> {
        let slot = self.slots.unlock.as_ref().ok_or(VaultError::NoSuchSlot)?;
        let prf_input = slot.lock.stretching.stretch(code.secret().expose());
        Ok(UnlockAttempt { vault: self, prf_input })
    }

    fn open(self, key: Secret<32>, way: Opened, factor: Option<FactorKey>) -> Result<OpenVault, VaultError> {
        let plain = SealingKey::derive(&key, Label::VaultBody).open(&self.associated, &self.body);
        let contents = Contents::read(plain.map_err(|_| VaultError::Damaged)?.expose())?;
        let is_online = matches!(contents.activated, Activated::Online { .. });
        if is_online != self.header.online().is_some() {
            return Err(VaultError::Damaged);
        }
        Ok(OpenVault { header: self.header, slots: self.slots, key, way, factor, contents })
    }
}

impl fmt::Debug for SealedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedVault").field("serial", &self.header.serial).finish_non_exhaustive()
    }
}

/// A PIN that waits for the hardware's answer.
#[derive(Debug)]
#[must_use]
pub struct PinAttempt {
    pub(super) vault: SealedVault,
    pub(super) prf_input: Secret<32>,
}

/// Says that a counted try tested no PIN: see [`Tries::give_back`](super::Tries::give_back).
#[derive(Debug)]
#[must_use]
pub struct Untested(());

impl PinAttempt {
    /// What the hardware's pseudo-random function is to be asked for.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Opens the vault with the hardware's answer.
    ///
    /// # Errors
    /// [`VaultError::WrongPin`]; [`VaultError::Damaged`] when the PIN is right but the file was changed.
    ///
    /// ```compile_fail,E0382
    /// # use symbolon_core::{secret::Secret, vault::PinAttempt};
    /// # fn twice(attempt: PinAttempt, answer: Secret<32>, another: Secret<32>) {
    /// let _ = attempt.finish(answer);
    /// let _ = attempt.finish(another); // an attempt has one answer
    /// # }
    /// ```
    pub fn finish(self, prf_output: Secret<32>) -> Result<OpenVault, VaultError> {
        let Self { vault, prf_input: _ } = self;
        let slot = vault.slots.pin.as_ref().ok_or(VaultError::NoSuchSlot)?;
        let plain = slot.open(&prf_output, vault.header.serial).ok_or(VaultError::WrongPin)?;
        let (key, factor) = read_key_and_factor(&plain)?;
        vault.open(key, Opened::Pin, factor)
    }

    /// Ends the attempt when the hardware gave no answer. No PIN was tested, so the try may be given back.
    pub fn abandon(self) -> (SealedVault, Untested) {
        (self.vault, Untested(()))
    }
}

/// An unlock code that waits for the hardware's answer.
#[derive(Debug)]
#[must_use]
pub struct UnlockAttempt {
    pub(super) vault: SealedVault,
    pub(super) prf_input: Secret<32>,
}

impl UnlockAttempt {
    /// What the hardware's pseudo-random function is to be asked for.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Opens the vault with the hardware's answer, for a new PIN to be set.
    ///
    /// # Errors
    /// [`VaultError::WrongUnlockCode`]; [`VaultError::Damaged`] when the code is right but the file was changed.
    pub fn finish(self, prf_output: Secret<32>) -> Result<UnlockedVault, VaultError> {
        let Self { vault, prf_input: _ } = self;
        let slot = vault.slots.unlock.as_ref().ok_or(VaultError::NoSuchSlot)?;
        let number = slot.lock.challenge.number();
        let plain = slot.open(&prf_output, vault.header.serial).ok_or(VaultError::WrongUnlockCode)?;
        let (key, factor, next) =
            read_secrets(&plain, |reader| Ok((secret(reader)?, secret(reader)?, secret(reader)?)))?;
        let mut open = vault.open(key, Opened::Pin, Some(FactorKey::from_secret(factor)))?;
        open.slots.unlock = None;
        // Only a token that was activated online has such a slot.
        let Activated::Online { unlock, .. } = &mut open.contents.activated else { return Err(VaultError::Damaged) };
        *unlock = Some(UnlockSecret::after(number, next));
        Ok(UnlockedVault(open))
    }
}

/// The vault key, and the factor key; a token that was activated without a network has no such key.
fn read_key_and_factor(plain: &SecretBytes) -> Result<(Secret<32>, Option<FactorKey>), VaultError> {
    read_secrets(plain, |reader| {
        let key = secret(reader)?;
        let factor = if reader.is_empty() { None } else { Some(secret(reader)?) };
        Ok((key, factor.map(FactorKey::from_secret)))
    })
}

fn read_secrets<T>(
    plain: &SecretBytes,
    read: impl FnOnce(&mut FrameReader<'_>) -> Result<T, FrameError>,
) -> Result<T, VaultError> {
    let mut reader = FrameReader::new(plain.expose());
    let secrets = read(&mut reader)?;
    reader.finish()?;
    Ok(secrets)
}

/// The file's first part: the version, the header and the slots.
fn clear(header: &[u8], slots: &[u8]) -> Vec<u8> {
    let frame = FrameWriter::default().field(header).field(slots);
    [&[VERSION], frame.as_bytes()].concat()
}

/// The bytes of a whole file.
pub(super) fn seal_file(
    header: &[u8],
    slots: &Slots,
    key: &Secret<32>,
    contents: &Contents,
    rng: &mut dyn CryptoRngCore,
) -> Vec<u8> {
    let clear = clear(header, slots.write().as_bytes());
    let body = SealingKey::derive(key, Label::VaultBody).seal(rng, &clear, contents.write().as_bytes());
    [clear.as_slice(), FrameWriter::default().field(&body).as_bytes()].concat()
}
