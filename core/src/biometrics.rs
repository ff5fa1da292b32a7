//! Biometrics: which of them the policy lets open a vault, and how the server learns the factor key that goes with them.
//!
//! That key is random and made when biometrics are turned on. It lies in the vault's biometric slot and nowhere else on the
//! phone, so that only a match yields it; the server gets it once, sealed, in an update that the device signs.

use jiff::Timestamp;
use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};

use crate::activation::online::time_number;
use crate::approval::Opened;
use crate::encoding::Bytes;
use crate::frame::FrameWriter;
use crate::keys::{FactorKey, Label, OpenError, SealingKey};
use crate::moving::Proven;
use crate::policy::PhonePolicy;
use crate::secret::Secret;
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey, Signed};

/// A way in which a system recognises a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Biometric {
    /// A fingerprint.
    Fingerprint,
    /// A face.
    Face,
    /// An iris.
    Iris,
}

/// Why biometrics open no vault on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BiometricsOff {
    /// The policy allows none.
    #[error("the organisation allows no biometrics; use the PIN")]
    ByPolicy,
    /// The policy allows no face, and the device would take one: its prompt can't be told to leave a face out.
    #[error("the organisation allows no faces, and this device can't be told to take fingerprints only; use the PIN")]
    FaceNotExcluded,
    /// The system recognises nobody, or not strongly enough.
    #[error("no fingerprint is set up on this device, or none that is safe enough; set one up in its settings")]
    NotSetUp,
}

impl PhonePolicy {
    /// Whether biometrics may open a vault on a device that takes each of `kinds`.
    ///
    /// # Errors
    /// [`BiometricsOff`] says why not.
    pub fn admit_biometrics(&self, kinds: &[Biometric]) -> Result<(), BiometricsOff> {
        if !self.device_biometrics_allowed {
            Err(BiometricsOff::ByPolicy)
        } else if kinds.is_empty() {
            Err(BiometricsOff::NotSetUp)
        } else if kinds.contains(&Biometric::Face) && !self.facial_recognition_allowed {
            Err(BiometricsOff::FaceNotExcluded)
        } else {
            Ok(())
        }
    }
}

/// A factor key on its way to the server: nonce ‖ 32 bytes ‖ tag.
pub type SealedFactorKey = Bytes<60>;

/// Seals a factor key for the server that has the same `factor_later`. That takes the vault open: whoever has nothing but
/// the device's key can't make the server take a key of their own.
pub fn seal_factor_key(
    factor_later: &Secret<32>,
    serial: SerialNumber,
    key: &FactorKey,
    rng: &mut dyn CryptoRngCore,
) -> SealedFactorKey {
    let sealed = SealingKey::derive(factor_later, Label::FactorSent).seal(rng, &place(serial), key.secret().expose());
    Bytes::new(sealed).unwrap_or_else(|_| unreachable!("a nonce, a key and a tag have 60 bytes"))
}

/// Opens what [`seal_factor_key`] made.
///
/// # Errors
/// [`OpenError`] when it was made for another token, or changed.
pub fn open_factor_key(
    factor_later: &Secret<32>,
    serial: SerialNumber,
    sealed: &SealedFactorKey,
) -> Result<FactorKey, OpenError> {
    let plain = SealingKey::derive(factor_later, Label::FactorSent).open(&place(serial), sealed.as_slice())?;
    Secret::from_slice(plain.expose()).map(FactorKey::from_secret).ok_or(OpenError)
}

fn place(serial: SerialNumber) -> Vec<u8> {
    FrameWriter::default().field(b"symbolon/1/biometrics").field(serial.digits().as_bytes()).as_bytes().to_vec()
}

/// Biometrics are on from now on, with a new factor key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BiometricsOn {
    /// The factor key.
    pub key: SealedFactorKey,
    /// Whether the device takes a face, as it says itself.
    pub face: bool,
}

/// Biometrics were turned on or off. Signed by the device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BiometricsUpdate {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token.
    pub serial: SerialNumber,
    /// The new factor key; `None` when biometrics are off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<BiometricsOn>,
    /// When, by the server's clock as far as the phone knows it: an older update never replaces a later one.
    pub time: Timestamp,
    /// How the vault was opened. Biometrics turn nothing on.
    pub opened: Opened,
    /// The MAC over all of the above and the device's key; none where the device's key alone opens the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Bytes<32>>,
}

impl BiometricsUpdate {
    /// So far the phone's clock may be from the server's, in seconds, either way.
    pub const TOLERANCE: i64 = 300;
}

impl Signed for BiometricsUpdate {
    const TYP: &'static str = "symbolon-biometrics+jws";
}

impl Proven for BiometricsUpdate {
    fn opened(&self) -> Opened {
        self.opened
    }

    fn factor(&self) -> Option<&Bytes<32>> {
        self.factor.as_ref()
    }

    fn input(&self, device: &PublicKey) -> FrameWriter {
        let (key, face) = self.on.as_ref().map_or((&[][..], false), |on| (on.key.as_slice(), on.face));
        FrameWriter::default()
            .field(b"symbolon/1/biometrics/update")
            .field(self.aud.as_slice())
            .field(self.serial.digits().as_bytes())
            .field(key)
            .field(&[u8::from(face)])
            .number(time_number(self.time))
            .field(self.opened.name().as_bytes())
            .field(device.hash().as_slice())
    }
}

/// The JWS of a [`BiometricsUpdate`], as it is posted. May be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BiometricsRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS.
    pub update: String,
}

/// It was done; a repetition gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BiometricsReply {
    /// The token.
    pub serial: SerialNumber,
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;
    use crate::policy::Policy;
    use crate::signed::SigningKey;

    #[test]
    fn a_finger_opens_while_a_face_is_forbidden_and_only_where_a_face_can_be_left_out() {
        use Biometric::{Face, Fingerprint, Iris};
        let policy = |device_biometrics_allowed, facial_recognition_allowed| PhonePolicy {
            device_biometrics_allowed,
            facial_recognition_allowed,
            ..Policy::default().for_phone()
        };
        for (policy, kinds, outcome) in [
            (policy(true, false), &[Fingerprint][..], Ok(())),
            (policy(true, false), &[Fingerprint, Iris], Ok(())),
            (policy(true, false), &[Face], Err(BiometricsOff::FaceNotExcluded)),
            (policy(true, false), &[Fingerprint, Face], Err(BiometricsOff::FaceNotExcluded)),
            (policy(true, true), &[Fingerprint, Face], Ok(())),
            (policy(true, true), &[Face], Ok(())),
            (policy(true, true), &[], Err(BiometricsOff::NotSetUp)),
            (policy(false, true), &[Fingerprint], Err(BiometricsOff::ByPolicy)),
            (PhonePolicy::default(), &[Fingerprint], Err(BiometricsOff::ByPolicy)),
        ] {
            assert_eq!(policy.admit_biometrics(kinds), outcome, "{kinds:?}");
        }
    }

    #[test]
    fn a_factor_key_travels_for_one_token_and_to_one_server() {
        let serial = SerialNumber::generate(&mut OsRng);
        let later = Secret::generate(&mut OsRng);
        let key = FactorKey::generate(&mut OsRng);
        let sealed = seal_factor_key(&later, serial, &key, &mut OsRng);
        assert_eq!(open_factor_key(&later, serial, &sealed).unwrap().secret(), key.secret());
        assert!(open_factor_key(&later, SerialNumber::generate(&mut OsRng), &sealed).is_err());
        assert!(open_factor_key(&Secret::generate(&mut OsRng), serial, &sealed).is_err());
        for place in 0..sealed.as_slice().len() {
            let mut changed = sealed.array();
            changed[place] ^= 1;
            assert!(open_factor_key(&later, serial, &changed.into()).is_err());
        }
    }

    #[test]
    fn a_proof_is_of_one_update() {
        let device = SigningKey::generate(&mut OsRng).public_key();
        let key = FactorKey::generate(&mut OsRng);
        let mut update = BiometricsUpdate {
            aud: [1; 32].into(),
            serial: SerialNumber::generate(&mut OsRng),
            on: Some(BiometricsOn { key: [2; 60].into(), face: false }),
            time: Timestamp::UNIX_EPOCH,
            opened: Opened::Pin,
            factor: None,
        };
        assert!(!update.is_proven(&device, &[&key]));
        update.factor = Some(update.prove(&key, &device));
        assert!(update.is_proven(&device, &[&key]));
        let changes: [fn(&mut BiometricsUpdate); 6] = [
            |update| update.on = Some(BiometricsOn { key: [3; 60].into(), face: false }),
            |update| update.on = Some(BiometricsOn { key: [2; 60].into(), face: true }),
            |update| update.on = None,
            |update| update.time = Timestamp::MAX,
            |update| update.opened = Opened::Biometric,
            |update| update.opened = Opened::Device,
        ];
        for change in changes {
            let mut changed = update.clone();
            change(&mut changed);
            assert!(!changed.is_proven(&device, &[&key]), "{changed:?}");
        }
    }
}
