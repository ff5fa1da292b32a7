//! The vault: the sealed file in which a phone keeps one account. `docs/vault-format.md` is its specification.
//!
//! A random vault key seals the body. It is wrapped once for each way of opening the vault, in a *slot*; and every slot's
//! key passes through the phone's hardware, so a copy of the file is worth nothing elsewhere. Hardware answers when it
//! answers; so making, opening and changing a vault are states that hand out what the hardware is to work on, and take
//! back what it answered:
//!
//! - [`NewVault::protect_by_pin`] → [`PinProtection::finish`] → [`OpenVault`]
//! - [`SealedVault::try_pin`] → [`PinTry::finish`] → [`OpenVault`]
//! - [`OpenVault::change_pin`] → [`PinChange::finish`]

mod file;
mod pin;
mod tries;

#[cfg(test)]
mod tests;

use argon2::Argon2;
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};

pub use file::SealedVault;
use file::{Slot, slot_data};
pub use pin::{Pin, PinError};
pub use tries::{Counted, LockedError, PinPermit, Tries};

use crate::activation::ServerAddress;
use crate::activation::online::SessionId;
use crate::frame::{FrameReader, FrameWriter};
use crate::keys::{FactorKey, Label, SealingKey, TokenKeys};
use crate::otp::{Digits, Hash, OtpKey, Period};
use crate::policy::{PhonePolicy, PolicyVersion};
use crate::secret::{Secret, SecretBytes};
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey};
use crate::text::Name;

/// The clear part of a vault: what an app shows and needs before anything is unlocked. It is authenticated by the body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Where the server is.
    pub server: ServerAddress,
    /// The server's identity key.
    pub identity_key: PublicKey,
    /// The hash of the key of the server's own authority for TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<KeyHash>,
    /// The token.
    pub serial: SerialNumber,
    /// The organisation.
    pub issuer: Name,
    /// The user.
    pub account: Name,
    /// What the user calls the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Name>,
    /// The policy as the phone last heard of it.
    pub policy: PhonePolicy,
    /// Its version.
    pub policy_version: PolicyVersion,
    /// The handshake that is still to be confirmed; gone once the token is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<SessionId>,
}

/// The sealed part of a vault.
#[derive(Debug)]
pub struct Body {
    hash: Hash,
    digits: Digits,
    period: Period,
    code: SecretBytes,
    challenge_response: Secret<32>,
    factor_later: Secret<32>,
    /// Until the slot that it opens is written.
    unlock: Option<Secret<32>>,
}

/// What a Argon2id computation costs (RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    memory: u32,
    /// Passes over it.
    passes: u32,
}

impl Cost {
    /// 64 MiB and three passes: RFC 9106's second recommendation.
    pub const STANDARD: Self = Self { memory: 64 * 1024, passes: 3 };

    /// A cost of `memory` KiB (8 MiB to 256 MiB) and `passes` (1 to 10).
    #[must_use]
    pub const fn new(memory: u32, passes: u32) -> Option<Self> {
        let bounded = memory >= 8 * 1024 && memory <= 256 * 1024 && passes >= 1 && passes <= 10;
        if bounded { Some(Self { memory, passes }) } else { None }
    }
}

/// Why a vault can't be read or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The file is no vault, or was cut short or changed.
    #[error("the vault is damaged; restore the account by activating it again")]
    Damaged,
    /// Made by a later version of the app.
    #[error("the vault was written by a newer version of the app")]
    Later,
    /// The PIN does not open it, or this is not the device that it was made on.
    #[error("the PIN is wrong")]
    WrongPin,
    /// The device's hardware does not open it.
    #[error("this device can't open the vault; restore the account by activating it again")]
    WrongDevice,
    /// There is no such way of opening this vault.
    #[error("this vault is not opened in that way")]
    NoSlot,
}

/// Runs a PIN through Argon2id: what the hardware's keyed function is then applied to.
fn stretch(pin: &Pin, salt: &[u8; 16], cost: Cost) -> Result<Secret<32>, VaultError> {
    let params = argon2::Params::new(cost.memory, cost.passes, 1, Some(32)).map_err(|_| VaultError::Damaged)?;
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    Secret::fill_with(|output| argon2.hash_password_into(pin.digits(), salt, output)).map_err(|_| VaultError::Damaged)
}

/// A vault that is being made.
#[derive(Debug)]
pub struct NewVault {
    header: Header,
    body: Body,
    factor_pin: FactorKey,
    key: Secret<32>,
}

impl NewVault {
    /// Takes what an activation gave.
    pub fn new(
        rng: &mut dyn CryptoRngCore,
        header: Header,
        keys: TokenKeys,
        hash: Hash,
        digits: Digits,
        period: Period,
    ) -> Self {
        let body = Body {
            hash,
            digits,
            period,
            code: keys.code,
            challenge_response: keys.challenge_response,
            factor_later: keys.factor_later,
            unlock: Some(keys.unlock),
        };
        Self { header, body, factor_pin: keys.factor_pin, key: Secret::generate(rng) }
    }

    /// Begins a PIN slot. The PIN has passed [`Pin::check_new`].
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when there is not enough memory for Argon2id.
    pub fn protect_by_pin(
        self,
        rng: &mut dyn CryptoRngCore,
        pin: &Pin,
        cost: Cost,
    ) -> Result<PinProtection, VaultError> {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let prf_input = stretch(pin, &salt, cost)?;
        Ok(PinProtection { vault: self, salt, cost, prf_input })
    }

    /// Begins a device slot, for policies that ask for no PIN. The PIN's factor key is forgotten: nothing proves a PIN.
    #[must_use]
    pub fn protect_by_device(self) -> DeviceProtection {
        DeviceProtection { vault: self }
    }
}

/// A PIN slot waits for the hardware's keyed function.
#[derive(Debug)]
pub struct PinProtection {
    vault: NewVault,
    salt: [u8; 16],
    cost: Cost,
    prf_input: Secret<32>,
}

impl PinProtection {
    /// What the hardware's keyed function is to be applied to.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Seals the slot with the hardware's answer.
    pub fn finish(self, rng: &mut dyn CryptoRngCore, prf_output: &Secret<32>) -> OpenVault {
        let NewVault { header, body, factor_pin, key } = self.vault;
        let slot = pin_slot(rng, &header, self.salt, self.cost, prf_output, &key, &factor_pin);
        OpenVault { header, slots: vec![slot], body, key, factor_pin: Some(factor_pin) }
    }
}

fn pin_slot(
    rng: &mut dyn CryptoRngCore,
    header: &Header,
    salt: [u8; 16],
    cost: Cost,
    prf_output: &Secret<32>,
    key: &Secret<32>,
    factor_pin: &FactorKey,
) -> Slot {
    let plain = FrameWriter::with_capacity(80).field(key.expose()).field(factor_pin.secret().expose());
    let sealing = SealingKey::derive(prf_output, Label::VaultPin);
    let sealed = sealing.seal(rng, slot_data(Slot::PIN, header).as_bytes(), plain.as_bytes());
    Slot::Pin { salt, cost, sealed }
}

/// A device slot waits for the hardware to seal its key.
#[derive(Debug)]
pub struct DeviceProtection {
    vault: NewVault,
}

impl DeviceProtection {
    /// What the hardware is to seal.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.vault.key
    }

    /// Takes what the hardware sealed.
    #[must_use]
    pub fn finish(self, sealed: Vec<u8>) -> OpenVault {
        let NewVault { header, body, key, .. } = self.vault;
        OpenVault { header, slots: vec![Slot::Device { sealed }], body, key, factor_pin: None }
    }
}

impl SealedVault {
    /// Whether a PIN opens it.
    #[must_use]
    pub fn has_pin(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Pin { .. }))
    }

    /// What the hardware is to open, where the vault has a device slot.
    #[must_use]
    pub fn device_slot(&self) -> Option<&[u8]> {
        self.slots.iter().find_map(|slot| match slot {
            Slot::Device { sealed } => Some(sealed.as_slice()),
            _ => None,
        })
    }

    /// Opens the vault with what the hardware opened.
    ///
    /// # Errors
    /// [`VaultError::WrongDevice`], [`VaultError::Damaged`].
    pub fn open_by_device(self, opened: &Secret<32>) -> Result<OpenVault, VaultError> {
        self.open(opened.duplicate(), None)
    }

    /// Begins to try a PIN; the permit is proof that the try was counted.
    ///
    /// # Errors
    /// [`VaultError::NoSlot`] when no PIN opens it.
    pub fn try_pin(self, _permit: PinPermit, pin: &Pin) -> Result<PinTry, VaultError> {
        let found = self.slots.iter().find_map(|slot| match slot {
            Slot::Pin { salt, cost, sealed } => Some((salt, *cost, sealed.clone())),
            _ => None,
        });
        let (salt, cost, sealed) = found.ok_or(VaultError::NoSlot)?;
        let prf_input = stretch(pin, salt, cost)?;
        Ok(PinTry { vault: self, sealed, prf_input })
    }

    fn open(self, key: Secret<32>, factor_pin: Option<FactorKey>) -> Result<OpenVault, VaultError> {
        let plain = SealingKey::derive(&key, Label::VaultBody)
            .open(&self.associated_data(), &self.body)
            .map_err(|_| VaultError::Damaged)?;
        let body = Body::read(&plain).ok_or(VaultError::Damaged)?;
        Ok(OpenVault { header: self.header, slots: self.slots, body, key, factor_pin })
    }
}

/// A PIN is being tried.
#[derive(Debug)]
pub struct PinTry {
    vault: SealedVault,
    sealed: Vec<u8>,
    prf_input: Secret<32>,
}

impl PinTry {
    /// What the hardware's keyed function is to be applied to.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Opens the vault with the hardware's answer.
    ///
    /// # Errors
    /// [`VaultError::WrongPin`]; [`VaultError::Damaged`] when the PIN was right and the rest of the file is not.
    pub fn finish(self, prf_output: &Secret<32>) -> Result<OpenVault, VaultError> {
        let plain = SealingKey::derive(prf_output, Label::VaultPin)
            .open(slot_data(Slot::PIN, &self.vault.header).as_bytes(), &self.sealed)
            .map_err(|_| VaultError::WrongPin)?;
        let mut reader = FrameReader::new(plain.expose());
        let mut next = || reader.field().ok().and_then(Secret::from_slice).ok_or(VaultError::Damaged);
        let (key, factor) = (next()?, next()?);
        self.vault.open(key, Some(FactorKey::from_secret(factor)))
    }
}

/// A vault that is open. Dropping it wipes what was in it.
#[derive(Debug)]
pub struct OpenVault {
    header: Header,
    slots: Vec<Slot>,
    body: Body,
    key: Secret<32>,
    factor_pin: Option<FactorKey>,
}

impl OpenVault {
    /// The clear part.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Changes the clear part; [`OpenVault::to_bytes`] then gives the file to be written.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// The key of the token's codes, ready for use.
    #[must_use]
    pub fn code_key(&self) -> OtpKey {
        OtpKey::prepare(self.body.hash, self.body.code.expose())
    }

    /// The length of the token's codes.
    #[must_use]
    pub fn digits(&self) -> Digits {
        self.body.digits
    }

    /// The length of the token's time steps.
    #[must_use]
    pub fn period(&self) -> Period {
        self.body.period
    }

    /// The key that answers challenges.
    #[must_use]
    pub fn challenge_response_key(&self) -> &Secret<32> {
        &self.body.challenge_response
    }

    /// The key that proves that the PIN opened the vault, if it did.
    #[must_use]
    pub fn factor_pin(&self) -> Option<&FactorKey> {
        self.factor_pin.as_ref()
    }

    /// The parent of factor keys that are made later.
    #[must_use]
    pub fn factor_later(&self) -> &Secret<32> {
        &self.body.factor_later
    }

    /// The file, with the body sealed anew.
    pub fn to_bytes(&self, rng: &mut dyn CryptoRngCore) -> Vec<u8> {
        let mut sealed = SealedVault::unsealed(self.header.clone(), self.slots.clone());
        let plain = self.body.write();
        let key = SealingKey::derive(&self.key, Label::VaultBody);
        sealed.body = key.seal(rng, &sealed.associated_data(), plain.as_bytes());
        sealed.to_bytes()
    }

    /// Begins to set another PIN, which has passed [`Pin::check_new`].
    ///
    /// # Errors
    /// [`VaultError::NoSlot`] when the vault was not opened with a PIN.
    pub fn change_pin(
        self,
        rng: &mut dyn CryptoRngCore,
        pin: &Pin,
        cost: Cost,
    ) -> Result<PinChange, VaultError> {
        if self.factor_pin.is_none() {
            return Err(VaultError::NoSlot);
        }
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let prf_input = stretch(pin, &salt, cost)?;
        Ok(PinChange { vault: self, salt, cost, prf_input })
    }
}

/// Another PIN waits for the hardware's keyed function.
#[derive(Debug)]
pub struct PinChange {
    vault: OpenVault,
    salt: [u8; 16],
    cost: Cost,
    prf_input: Secret<32>,
}

impl PinChange {
    /// What the hardware's keyed function is to be applied to.
    #[must_use]
    pub fn prf_input(&self) -> &Secret<32> {
        &self.prf_input
    }

    /// Puts the new slot in the place of the old one; [`OpenVault::to_bytes`] then gives the file to be written.
    pub fn finish(self, rng: &mut dyn CryptoRngCore, prf_output: &Secret<32>) -> OpenVault {
        let mut vault = self.vault;
        if let Some(factor_pin) = &vault.factor_pin {
            let slot = pin_slot(rng, &vault.header, self.salt, self.cost, prf_output, &vault.key, factor_pin);
            vault.slots.retain(|slot| !matches!(slot, Slot::Pin { .. }));
            vault.slots.push(slot);
        }
        vault
    }
}

impl Body {
    /// The layout of the body; a reader passes over fields that it does not know at the end.
    fn write(&self) -> FrameWriter {
        FrameWriter::with_capacity(256)
            .field(self.hash.name().as_bytes())
            .field(&[self.digits.get()])
            .field(&self.period.seconds().to_be_bytes())
            .field(self.code.expose())
            .field(self.challenge_response.expose())
            .field(self.factor_later.expose())
            .field(self.unlock.as_ref().map_or(&[], |unlock| unlock.expose()))
    }

    fn read(plain: &SecretBytes) -> Option<Self> {
        let mut reader = FrameReader::new(plain.expose());
        Some(Self {
            hash: std::str::from_utf8(reader.field().ok()?).ok()?.parse().ok()?,
            digits: Digits::new(*reader.field().ok()?.first()?)?,
            period: Period::from_seconds(u16::from_be_bytes(*reader.array().ok()?))?,
            code: SecretBytes::from_slice(reader.field().ok()?),
            challenge_response: Secret::from_slice(reader.field().ok()?)?,
            factor_later: Secret::from_slice(reader.field().ok()?)?,
            unlock: match reader.field().ok()? {
                [] => None,
                unlock => Some(Secret::from_slice(unlock)?),
            },
        })
    }
}
