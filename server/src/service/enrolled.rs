//! Active tokens with their devices, and what such a device has signed besides answers: the move to a new phone,
//! biometrics.

use symbolon_core::moving::Proven;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{self, KeyHash, Signed};

use super::activation::ActivationError;
use super::keyring::{Opening, Place, StoredKeys};
use super::{Service, ServiceError, audit, epochs};
use crate::storage::{EnrolledDevice, Snapshot, Token, TokenState, User};

/// An active token with its device.
pub(super) type Enrolled = (Token, EnrolledDevice);

impl Service {
    /// An active token and what its device has signed, unless that waits for its confirmation after a restoration.
    pub(super) fn signed_by_device<T: Signed>(
        &self,
        serial: SerialNumber,
        jws: &str,
    ) -> Result<(Enrolled, T), ActivationError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            let ((token, device), object) = self.read_signed(snapshot, serial, jws)?;
            if snapshot.is_unconfirmed(token.id)? {
                Err(ActivationError::Refused)
            } else {
                Ok(((token, device), object))
            }
        })
    }

    /// An active token and what its device has signed, also while that approves nothing.
    pub(super) fn read_signed<T: Signed>(
        &self,
        snapshot: &dyn Snapshot,
        serial: SerialNumber,
        jws: &str,
    ) -> Result<(Enrolled, T), ActivationError> {
        let token = snapshot.token_by_serial(serial)?;
        // A signature is checked for unknown tokens too, so that the time it takes does not tell them apart.
        let device = token.as_ref().and_then(|token| token.device.as_ref());
        let identities = self.keyring.identities(snapshot)?;
        let key = device.map_or(identities.public(), |device| &device.key);
        let object = signed::verify(jws, key).map_err(|_| ActivationError::Refused)?;
        let token = token.filter(|token| token.state == TokenState::Active).ok_or(ActivationError::Refused)?;
        let device = token.device.clone().ok_or(ActivationError::Refused)?;
        Ok(((token, device), object))
    }

    /// Lets what was signed pass if it names this server and this token.
    pub(super) fn check_names(
        &self,
        aud: &KeyHash,
        serial: SerialNumber,
        token: &Token,
    ) -> Result<(), ActivationError> {
        if serial != token.serial {
            return Err(ActivationError::Refused);
        }
        self.store.read(|snapshot| self.check_addressee(snapshot, token.id, aud, None))
    }

    /// How the vault was opened for what was signed; `None` when it does not prove what it says.
    pub(super) fn opening(
        &self,
        (token, device): &Enrolled,
        object: &impl Proven,
    ) -> Result<Option<Opening>, ActivationError> {
        let plain = self.keyring.open_sealed(Place::TokenKeys(token.serial), &token.keys)?;
        let keys = StoredKeys::read(&plain)?.activated.ok_or(ActivationError::Refused)?;
        let after_unlocks = keys.unlock.pin_factors();
        let is_proven = object.is_proven(&device.key, &keys.factors(object.opened(), &after_unlocks));
        Ok(is_proven.then(|| keys.opening(object.opened())))
    }
}

/// The active token of a serial number, with its device: one that waits for its confirmation after a restoration does
/// nothing.
pub(super) fn enrolled(snapshot: &dyn Snapshot, serial: SerialNumber) -> Result<Option<Enrolled>, ServiceError> {
    let token = snapshot.token_by_serial(serial)?.filter(|token| token.state == TokenState::Active);
    let token = epochs::confirmed(snapshot, token.into_iter().collect())?.pop();
    Ok(token.and_then(|token| token.device.clone().map(|device| (token, device))))
}

/// A token that is still active and on the same device, as it is now, and its user.
pub(super) fn unchanged(
    snapshot: &dyn Snapshot,
    token: &Token,
    device: &EnrolledDevice,
) -> Result<(Token, User), ActivationError> {
    let current = enrolled(snapshot, token.serial)?.filter(|(current, on)| current.id == token.id && on == device);
    let (current, _) = current.ok_or(ActivationError::Refused)?;
    let user = snapshot.user(token.user)?.filter(|user| user.enabled).ok_or(ActivationError::Refused)?;
    Ok((current, user))
}
