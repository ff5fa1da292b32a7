//! The answer to an approval: the person's decision, signed by the device key over the hash of the request as it was
//! received, with the proof of how the vault was opened inside.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MutualValue;
use crate::activation::online::time_number;
use crate::encoding::Bytes;
use crate::frame::FrameWriter;
use crate::integrity::Signals;
use crate::keys::{FactorKey, sha256};
use crate::serial::SerialNumber;
use crate::signed::{self, KeyHash, PublicKey, Signed, SignedError};

/// The SHA-256 of a request's JWS, byte for byte as it was received.
pub type RequestHash = Bytes<32>;

/// The hash of a request's JWS.
#[must_use]
pub fn request_hash(request: &str) -> RequestHash {
    sha256(request.as_bytes()).into()
}

/// What the person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is me, and this is what I want.
    Confirm,
    /// I did not ask for this: someone else did.
    Concern,
    /// Not now, or not this.
    Cancel,
}

impl Decision {
    /// The name in the protocol, the API and the audit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Concern => "concern",
            Self::Cancel => "cancel",
        }
    }
}

/// How the vault was opened for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opened {
    /// By the device's key alone.
    Device,
    /// By the PIN.
    Pin,
    /// By a finger or a face.
    Biometric,
}

impl Opened {
    /// The name in the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Pin => "pin",
            Self::Biometric => "biometric",
        }
    }

    /// What an answer proves whose vault was opened like this.
    #[must_use]
    pub const fn factors(self) -> &'static [Factor] {
        match self {
            Self::Device => &[Factor::Possession],
            Self::Pin => &[Factor::Possession, Factor::Knowledge],
            Self::Biometric => &[Factor::Possession, Factor::Biometry],
        }
    }
}

/// A factor of authentication, as it was proven (NIST SP 800-63-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something the person has: the device.
    Possession,
    /// Something the person knows: the PIN.
    Knowledge,
    /// Something the person is.
    Biometry,
}

/// What the device signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token.
    pub serial: SerialNumber,
    /// What is answered.
    pub request: RequestHash,
    /// The decision.
    pub decision: Decision,
    /// The value that the person picked or entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_challenge: Option<MutualValue>,
    /// When, by the server's clock as far as the phone knows it.
    pub time: Timestamp,
    /// How the vault was opened.
    pub opened: Opened,
    /// Signs of tampering that the device shows now: what it says of itself, and no proof.
    #[serde(default, skip_serializing_if = "Signals::is_empty")]
    pub signals: Signals,
    /// The MAC over all of the above but the signals and the device's key, with the factor key that only this way of opening the vault
    /// yields; none where the device's key alone opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Bytes<32>>,
}

impl Signed for Answer {
    const TYP: &'static str = "symbolon-approval-answer+jws";
}

/// Why an answer proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not signed by the token's device, or not an answer.
    #[error("the answer is not signed by the device of this token")]
    Signature,
    /// An answer for another server or of another token.
    #[error("the answer is for another server or of another token")]
    Audience,
    /// It says that the vault was opened by PIN or biometrics, and does not prove it.
    #[error("the answer does not prove how the vault was opened")]
    Factor,
}

impl From<SignedError> for AnswerError {
    fn from(_: SignedError) -> Self {
        Self::Signature
    }
}

impl Answer {
    /// Proves by `key`, the factor key that opening the vault yielded, that it was opened as the answer says.
    #[must_use]
    pub fn proven_by(mut self, key: &FactorKey, device: &PublicKey) -> Self {
        self.factor = Some(key.mac(self.factor_input(device).as_bytes()).into());
        self
    }

    /// Checks an answer's JWS: signed by `device`, for the server of `identity`, of the token `serial`; and its factor
    /// with the first of `factors` that fits, the keys that this way of opening the vault may yield. Answers with the answer and the
    /// place of that key.
    ///
    /// # Errors
    /// [`AnswerError`] says which of these fails.
    pub fn verify<'a>(
        jws: &str,
        device: &PublicKey,
        identity: &KeyHash,
        serial: SerialNumber,
        factors: impl FnOnce(Opened) -> Vec<&'a FactorKey>,
    ) -> Result<(Self, usize), AnswerError> {
        let answer: Self = signed::verify(jws, device)?;
        if answer.aud != *identity || answer.serial != serial {
            return Err(AnswerError::Audience);
        }
        let place = match (answer.opened, &answer.factor) {
            (Opened::Device, None) => Some(0),
            (Opened::Device, Some(_)) | (_, None) => None,
            (opened, Some(mac)) => {
                let input = answer.factor_input(device);
                factors(opened).iter().position(|key| key.verify(input.as_bytes(), mac.as_slice()))
            }
        };
        place.map(|place| (answer, place)).ok_or(AnswerError::Factor)
    }

    /// What the factor's MAC is over: every other field of the answer but the signals, whose names a newer app may add
    /// to, and the hash of the device's key.
    fn factor_input(&self, device: &PublicKey) -> FrameWriter {
        FrameWriter::default()
            .field(b"symbolon/1/approval/factor")
            .field(self.aud.as_slice())
            .field(self.serial.digits().as_bytes())
            .field(self.request.as_slice())
            .field(self.decision.name().as_bytes())
            .field(self.mutual_challenge.as_ref().map_or("", MutualValue::as_str).as_bytes())
            .number(time_number(self.time))
            .field(self.opened.name().as_bytes())
            .field(device.hash().as_slice())
    }
}
