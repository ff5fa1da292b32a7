//! What a phone is told of the policy.

use serde::{Deserialize, Serialize};

use super::{CodeLength, PinLength, PinTries, Policy};
use crate::otp::Hash;

/// The settings that a phone must know, and no others: how a server guards against guesses is not its affair.
///
/// Phone and server may be of different ages. A setting that the phone doesn't know is passed over, so that an old app
/// goes on with a new server; one that is missing takes the value of [`PhonePolicy::default`], which is the strict one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhonePolicy {
    /// How many digits the codes of a token have that is activated now.
    pub code_length: CodeLength,
    /// The hash under the codes of a token that is activated now.
    pub hash: Hash,
    /// Whether the vault is opened by a PIN.
    pub pin_required: bool,
    /// How many digits a PIN has.
    pub pin_length: PinLength,
    /// Wrong PINs in a row until the vault locks.
    pub pin_tries: PinTries,
    /// Whether the vault opens on an unsecure device.
    pub allow_unsecure_device: bool,
    /// Whether the device must attest itself, to activate and to approve.
    pub require_attestation: bool,
    /// Whether biometrics may open the vault.
    pub device_biometrics_allowed: bool,
    /// Whether a face counts as biometrics.
    pub facial_recognition_allowed: bool,
    /// Whether an approval may be answered from its notification.
    pub actionable_notifications: bool,
}

impl Default for PhonePolicy {
    /// The strict one: a PIN, a sound and attested device, no biometrics, nothing outside the app; numbers as the
    /// default policy has them.
    fn default() -> Self {
        Self {
            pin_required: true,
            allow_unsecure_device: false,
            require_attestation: true,
            device_biometrics_allowed: false,
            facial_recognition_allowed: false,
            actionable_notifications: false,
            ..Policy::default().for_phone()
        }
    }
}

impl Policy {
    /// What a phone must know of this policy.
    #[must_use]
    pub fn for_phone(&self) -> PhonePolicy {
        PhonePolicy {
            code_length: self.code_length,
            hash: self.hash,
            pin_required: self.pin_required,
            pin_length: self.pin_length,
            pin_tries: self.pin_tries,
            allow_unsecure_device: self.allow_unsecure_device,
            require_attestation: self.require_attestation,
            device_biometrics_allowed: self.device_biometrics_allowed,
            facial_recognition_allowed: self.facial_recognition_allowed,
            actionable_notifications: self.actionable_notifications,
        }
    }
}
