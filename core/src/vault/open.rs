//! A vault that is open: a session with the token's keys, and every change of the vault.
//!
//! A change answers with the new file and the session as it then is ([`Rewritten`]). The file is written beside the old
//! one, flushed and renamed into place, and only then is the session used again; so after a power loss, or when the
//! disk or the hardware fails, the old file still opens as before.

use std::fmt;

use rand_core::CryptoRngCore;

use super::contents::{Activated, Contents};
use super::header::UpdateError;
use super::pin::ChosenPin;
use super::sealed::seal_file;
use super::slot::{Lock, PinLock, Slot, Slots, UnlockLock};
use super::stretching::Stretching;
use super::unlock::UnlockChallenge;
use super::{Cost, Header, VaultError};
use crate::activation::offline::RegistrationCode;
use crate::approval::Opened;
use crate::biometrics::{Biometric, SealedFactorKey, seal_factor_key};
use crate::frame::FrameWriter;
use crate::keys::{FactorKey, OfflineKeys, TokenKeys};
use crate::otp::{CodeFormat, OtpKey};
use crate::secret::{Secret, SecretBytes};

/// A vault that no file holds yet: it must be given a PIN or the device's key first.
#[derive(Debug)]
#[must_use]
pub struct NewVault(OpenVault);

impl NewVault {
    /// A vault for a token that was just activated online, under a new random vault key.
    pub fn generate(header: Header, format: CodeFormat, keys: TokenKeys, rng: &mut dyn CryptoRngCore) -> Self {
        Self::with_contents(header, Contents::online(format, keys), rng)
    }

    /// A vault for a token that was just activated without a network. It keeps the registration code, to be shown again.
    /// It has no PIN factor key and no unlock slot: what could check one would check guesses at the password.
    pub fn generate_offline(
        header: Header,
        format: CodeFormat,
        keys: OfflineKeys,
        registration: RegistrationCode,
        rng: &mut dyn CryptoRngCore,
    ) -> Self {
        Self::with_contents(header, Contents::offline(format, keys, registration), rng)
    }

    fn with_contents(header: Header, contents: Contents, rng: &mut dyn CryptoRngCore) -> Self {
        let key = Secret::generate(rng);
        Self(OpenVault { header, slots: Slots::default(), key, way: Opened::Device, factor: None, contents })
    }

    /// Has the vault opened by a PIN. Takes Argon2's time and memory.
    pub fn with_pin(self, pin: &ChosenPin, cost: Cost, rng: &mut dyn CryptoRngCore) -> PinSetting {
        self.0.begin_pin(pin, cost, rng)
    }

    /// Has the vault opened by the device's key alone.
    ///
    /// # Errors
    /// [`VaultError::PinRequired`] when the policy asks for a PIN.
    pub fn with_device(self) -> Result<DeviceSetting, VaultError> {
        if self.0.header.policy.pin_required { Err(VaultError::PinRequired) } else { Ok(DeviceSetting(self.0)) }
    }
}

/// An open vault: a session with the token's keys, which are wiped when it is dropped.
pub struct OpenVault {
    pub(super) header: Header,
    pub(super) slots: Slots,
    pub(super) key: Secret<32>,
    /// Which slot it was opened by.
    pub(super) way: Opened,
    /// The factor key that this slot holds.
    pub(super) factor: Option<FactorKey>,
    pub(super) contents: Contents,
}

/// A change of a vault. `file` must be on disk for good before `vault` is used; when it can't be written, both are
/// dropped.
#[derive(Debug)]
#[must_use]
pub struct Rewritten {
    /// The session as it goes on.
    pub vault: OpenVault,
    /// The whole new file.
    pub file: Vec<u8>,
}

impl OpenVault {
    /// What the vault says of itself; proven, now that it is open.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How the token makes its codes.
    #[must_use]
    pub fn code_format(&self) -> CodeFormat {
        self.contents.format
    }

    /// The key of time-based codes, ready for use.
    #[must_use]
    pub fn otp_key(&self) -> OtpKey {
        self.contents.otp_key()
    }

    /// The key of time-based codes itself.
    #[must_use]
    pub fn code_key(&self) -> &SecretBytes {
        &self.contents.code
    }

    /// The key that answers challenges.
    #[must_use]
    pub fn challenge_response_key(&self) -> &Secret<32> {
        &self.contents.challenge_response
    }

    /// The parent of what seals factor keys that are made later; `None` when the token was activated without a network.
    #[must_use]
    pub fn factor_later(&self) -> Option<&Secret<32>> {
        match &self.contents.activated {
            Activated::Online { factor_later, .. } => Some(factor_later),
            Activated::Offline { .. } => None,
        }
    }

    /// The registration code; `None` when the token was activated online.
    #[must_use]
    pub fn registration(&self) -> Option<RegistrationCode> {
        match &self.contents.activated {
            Activated::Online { .. } => None,
            Activated::Offline { registration } => Some(*registration),
        }
    }

    /// How this session was opened, as far as that can be proven.
    #[must_use]
    pub fn opened(&self) -> Opened {
        if self.factor.is_some() { self.way } else { Opened::Device }
    }

    /// The key that proves [`OpenVault::opened`]; `None` when it was the device's key alone, or when the server has no such
    /// key since the token was activated without a network.
    #[must_use]
    pub fn factor(&self) -> Option<&FactorKey> {
        self.factor.as_ref()
    }

    /// Whether biometrics opened this session, be it to be proven or not.
    #[must_use]
    pub fn is_by_biometrics(&self) -> bool {
        self.way == Opened::Biometric
    }

    /// Whether there is a slot that biometrics open.
    #[must_use]
    pub fn has_biometrics(&self) -> bool {
        self.slots.biometric.is_some()
    }

    /// Whether the policy asks for a PIN, or for a longer one than there is.
    #[must_use]
    pub fn must_set_pin(&self) -> bool {
        let length = self.slots.pin.as_ref().map_or(0, |slot| u32::from(slot.lock.length));
        self.header.policy.pin_required && length < self.header.policy.pin_length.get()
    }

    /// Whether the unlock slot is still to be written: after a PIN was first set, and after each unlock.
    #[must_use]
    pub fn needs_unlock_slot(&self) -> bool {
        self.slots.pin.is_some() && self.contents.unlock().is_some()
    }

    /// Replaces the header (another policy, a new name, a confirmed activation); answers with the new file. The slots
    /// stay as they are, so no PIN is needed. If the file can't be written, the old one is still good, and the next
    /// file has the new header.
    ///
    /// # Errors
    /// [`UpdateError`]: another token, or an older policy. Then nothing has changed.
    pub fn update(&mut self, header: Header, rng: &mut dyn CryptoRngCore) -> Result<Vec<u8>, UpdateError> {
        self.header.admits(&header)?;
        self.header = header;
        Ok(self.seal(rng))
    }

    /// Sets the first PIN or another one. Vault key and factor key stay as they are. Takes Argon2's time and memory.
    ///
    /// A vault that the device's key opened loses that slot; the caller destroys that key once the new file is written,
    /// since a copy of the old file would still open with it. Biometrics stay as they are.
    ///
    /// # Errors
    /// [`VaultError::PinNeeded`] when biometrics opened a vault that has a PIN: they don't yield what its slot holds.
    pub fn set_pin(self, pin: &ChosenPin, cost: Cost, rng: &mut dyn CryptoRngCore) -> Result<PinSetting, VaultError> {
        if self.lacks_pin() { Err(VaultError::PinNeeded) } else { Ok(self.begin_pin(pin, cost, rng)) }
    }

    /// Whether there is a PIN, and it was not what opened this session.
    fn lacks_pin(&self) -> bool {
        self.slots.pin.is_some() && self.way != Opened::Pin
    }

    fn begin_pin(self, pin: &ChosenPin, cost: Cost, rng: &mut dyn CryptoRngCore) -> PinSetting {
        let stretching = Stretching::generate(cost, rng);
        let prf_input = stretching.stretch(pin.pin().digits());
        // A PIN has at most twelve digits.
        let length = u8::try_from(pin.pin().len()).unwrap_or(u8::MAX);
        PinSetting { vault: self, lock: PinLock { length, stretching }, prf_input }
    }

    /// Begins to write the slot that the next unlock code opens. Takes Argon2's time and memory. `None`, and the
    /// session ends, when [`OpenVault::needs_unlock_slot`] is false.
    #[must_use]
    pub fn write_unlock_slot(self, cost: Cost, rng: &mut dyn CryptoRngCore) -> Option<UnlockSetting> {
        let unlock = self.contents.unlock().filter(|_| self.needs_unlock_slot())?;
        let challenge = UnlockChallenge::generate(unlock.number(), rng);
        let code = unlock.code(self.header.serial, challenge).ok()?;
        let stretching = Stretching::generate(cost, rng);
        let prf_input = stretching.stretch(code.secret().expose());
        Some(UnlockSetting { vault: self, lock: UnlockLock { challenge, stretching }, prf_input })
    }

    /// Begins to turn biometrics on, on a device that takes each of `kinds`: makes a new factor key, for the hardware to seal
    /// with the vault key and for the server to be told.
    ///
    /// # Errors
    /// [`VaultError::Biometrics`] by the policy; [`VaultError::PinNeeded`] when there is a PIN and it was not what opened
    /// this session.
    pub fn offer_biometrics(
        &self,
        kinds: &[Biometric],
        rng: &mut dyn CryptoRngCore,
    ) -> Result<BiometricOffer, VaultError> {
        self.header.policy.admit_biometrics(kinds)?;
        if self.lacks_pin() {
            return Err(VaultError::PinNeeded);
        }
        let frame = FrameWriter::with_capacity(72).field(self.key.expose());
        Ok(match self.factor_later() {
            Some(factor_later) => {
                let factor = FactorKey::generate(rng);
                let sent = seal_factor_key(factor_later, self.header.serial, &factor, rng);
                let plain = SecretBytes::from_slice(frame.field(factor.secret().expose()).as_bytes());
                BiometricOffer { plain, sent: Some(sent) }
            }
            None => BiometricOffer { plain: SecretBytes::from_slice(frame.as_bytes()), sent: None },
        })
    }

    /// Writes the slot with what the hardware made of a [`BiometricOffer`]; answers with the new file. If that can't be
    /// written, [`OpenVault::turn_off_biometrics`] undoes it.
    pub fn turn_on_biometrics(&mut self, sealed: Vec<u8>, rng: &mut dyn CryptoRngCore) -> Vec<u8> {
        self.slots.biometric = Some(sealed);
        self.seal(rng)
    }

    /// Leaves the slot of biometrics out; answers with the new file. The caller destroys the hardware's key once that is
    /// written, since a copy of the old file would still open with it. If it can't be written, the old one is still good,
    /// and the next file has no such slot.
    pub fn turn_off_biometrics(&mut self, rng: &mut dyn CryptoRngCore) -> Vec<u8> {
        self.slots.biometric = None;
        self.seal(rng)
    }

    fn seal(&self, rng: &mut dyn CryptoRngCore) -> Vec<u8> {
        seal_file(&self.header.to_json(), &self.slots, &self.key, &self.contents, rng)
    }

    fn rewrite(self, rng: &mut dyn CryptoRngCore) -> Rewritten {
        Rewritten { file: self.seal(rng), vault: self }
    }

    fn seal_slot<L: Lock>(
        &self,
        lock: L,
        prf_output: &Secret<32>,
        secrets: &[&Secret<32>],
        rng: &mut dyn CryptoRngCore,
    ) -> Slot<L> {
        Slot::seal(lock, prf_output, self.header.serial, secrets, rng)
    }
}

impl fmt::Debug for OpenVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenVault").field("serial", &self.header.serial).finish_non_exhaustive()
    }
}

/// A vault that an unlock code has opened: it can be given a new PIN, and nothing else.
#[derive(Debug)]
#[must_use]
pub struct UnlockedVault(pub(super) OpenVault);

impl UnlockedVault {
    /// What the vault says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Sets the new PIN. The slot that was opened goes with the same file; the next one is then still to be written
    /// ([`OpenVault::write_unlock_slot`]), and the counter of tries to be set to [`Tries::NONE`](super::Tries::NONE).
    pub fn set_pin(self, pin: &ChosenPin, cost: Cost, rng: &mut dyn CryptoRngCore) -> PinSetting {
        self.0.begin_pin(pin, cost, rng)
    }
}

/// A new PIN that waits for the hardware's answer. When there is none, this is dropped and the file stays as it was.
#[derive(Debug)]
#[must_use]
pub struct PinSetting {
    vault: OpenVault,
    lock: PinLock,
    prf_input: Secret<32>,
}

impl PinSetting {
    /// What the hardware's pseudo-random function is to be asked for.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Writes the PIN slot.
    pub fn finish(self, prf_output: Secret<32>, rng: &mut dyn CryptoRngCore) -> Rewritten {
        let Self { mut vault, lock, prf_input: _ } = self;
        // The factor key of a first PIN waits in the body. A token that was activated without a network has neither.
        let proven = if vault.way == Opened::Pin { vault.factor.take() } else { None };
        let factor = proven.or_else(|| vault.contents.take_factor_pin());
        let secrets: Vec<_> = std::iter::once(&vault.key).chain(factor.as_ref().map(FactorKey::secret)).collect();
        vault.slots.pin = Some(vault.seal_slot(lock, &prf_output, &secrets, rng));
        vault.slots.device = None;
        (vault.way, vault.factor) = (Opened::Pin, factor);
        vault.rewrite(rng)
    }
}

/// A new vault that waits for the hardware to seal its key.
#[derive(Debug)]
#[must_use]
pub struct DeviceSetting(OpenVault);

impl DeviceSetting {
    /// The vault key, for the hardware's key to seal.
    #[must_use]
    pub fn to_seal(&self) -> &Secret<32> {
        &self.0.key
    }

    /// Writes the device slot with what the hardware made of the vault key.
    pub fn finish(self, sealed: Vec<u8>, rng: &mut dyn CryptoRngCore) -> Rewritten {
        let Self(mut vault) = self;
        vault.slots.device = Some(sealed);
        vault.rewrite(rng)
    }
}

/// What the hardware is to seal for biometrics. Dropping it changes nothing.
#[derive(Debug)]
#[must_use]
pub struct BiometricOffer {
    plain: SecretBytes,
    sent: Option<SealedFactorKey>,
}

impl BiometricOffer {
    /// The vault key and the factor key, for a key of the hardware that asks for biometrics at each use.
    #[must_use]
    pub fn to_seal(&self) -> &SecretBytes {
        &self.plain
    }

    /// The factor key for the server, which must know it before the slot is written; `None` for a token that was activated
    /// without a network.
    #[must_use]
    pub fn to_send(&self) -> Option<&SealedFactorKey> {
        self.sent.as_ref()
    }
}

/// An unlock slot that waits for the hardware's answer. When there is none, this is dropped; the secret is still in the
/// vault, for the next time that it is open.
#[derive(Debug)]
#[must_use]
pub struct UnlockSetting {
    vault: OpenVault,
    lock: UnlockLock,
    prf_input: Secret<32>,
}

impl UnlockSetting {
    /// What the hardware's pseudo-random function is to be asked for.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Writes the unlock slot and erases the secret that it was made from.
    pub fn finish(self, prf_output: Secret<32>, rng: &mut dyn CryptoRngCore) -> Rewritten {
        let Self { mut vault, lock, prf_input: _ } = self;
        if let Some(unlock) = vault.contents.take_unlock() {
            let (factor, next) = (unlock.pin_factor(), unlock.next());
            let secrets = [&vault.key, factor.secret(), next.secret()];
            vault.slots.unlock = Some(vault.seal_slot(lock, &prf_output, &secrets, rng));
        }
        vault.rewrite(rng)
    }
}
