//! A receipt: what an application keeps of an answered approval, and anyone can check without the server.
//!
//! It holds three compact JWS with ES256, which any JOSE library checks: the request as the phone received it (signed by
//! the server), the answer (signed by the device), and the server's statement of whose device key that is and what was
//! proven (signed by the server). It proves that this device key signed this answer to this request. Whose key it is and
//! which factors were proven is the server's word; who won't take it pins the keys of devices.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, ChallengeId, Decision, Factor, Request, RequestHash, request_hash};
use crate::encoding::Bytes;
use crate::keys::sha256;
use crate::serial::SerialNumber;
use crate::signed::{self, KeyHash, PublicKey, Signed};
use crate::text::{Name, Text};

/// The server's word on an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The challenge.
    pub id: ChallengeId,
    /// The SHA-256 of the request's JWS.
    pub request: RequestHash,
    /// The SHA-256 of the answer's JWS.
    pub answer: Bytes<32>,
    /// The token.
    pub serial: SerialNumber,
    /// Whose token it is.
    pub user: Name,
    /// The hash of the device's key.
    pub device_key: KeyHash,
    /// What the answer proved.
    pub factors: Vec<Factor>,
    /// What it makes of the attestation, where the receipt holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<JudgedAttestation>,
    /// When the server took the answer.
    pub time: Timestamp,
}

/// What the server makes of a device's attestation, and what somebody else needs to judge it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedAttestation {
    /// The SHA-256 of the attestation.
    pub hash: Bytes<32>,
    /// The challenge that it must carry.
    pub challenge: Bytes<32>,
    /// When it was made.
    pub attested_at: Timestamp,
    /// Whether it is as the policy wants it.
    pub accepted: bool,
    /// `android` or `ios`, where it is one of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Text<32>>,
    /// Android: where the key lives: `software`, `trusted_environment` or `strong_box`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_level: Option<Text<32>>,
}

impl Signed for Statement {
    const TYP: &'static str = "symbolon-receipt+jws";
}

/// The receipt of a confirmed approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The version of this form: 1.
    pub version: u8,
    /// The JWS of the [`Request`].
    pub request: String,
    /// The JWS of the [`Answer`].
    pub answer: String,
    /// The JWS of the [`Statement`].
    pub statement: String,
    /// The server's identity key.
    pub identity_key: PublicKey,
    /// The device's key.
    pub device_key: PublicKey,
    /// What the device's hardware attested of its key at the activation, in the platform's own form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Bytes<1, 32768>>,
}

/// What a receipt says, once it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What was asked.
    pub request: Request,
    /// What the person decided.
    pub answer: Answer,
    /// The server's word on it.
    pub statement: Statement,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A later form.
    #[error("this receipt needs a newer version of this program")]
    Version,
    /// Made by another server than the one that was expected.
    #[error("the receipt is of another server: the SHA-256 of its identity key is {0}")]
    Identity(KeyHash),
    /// A signature that does not fit.
    #[error("the {0} is not signed by the key that the receipt names, or was changed")]
    Signature(&'static str),
    /// Objects that are genuine and do not belong together.
    #[error("the {0} does not belong to the rest of the receipt")]
    Apart(&'static str),
}

impl Receipt {
    /// Checks every signature, and that the three objects belong together.
    ///
    /// `identity` is the SHA-256 of the identity key of the server that is trusted to say whose device that is; without
    /// it the receipt proves only what its own two keys signed.
    ///
    /// # Errors
    /// [`ReceiptError`] names what does not fit.
    pub fn verify(&self, identity: Option<&KeyHash>) -> Result<Proof, ReceiptError> {
        if self.version != 1 {
            return Err(ReceiptError::Version);
        }
        let own = self.identity_key.hash();
        if identity.is_some_and(|identity| *identity != own) {
            return Err(ReceiptError::Identity(own));
        }
        let request: Request =
            signed::verify(&self.request, &self.identity_key).map_err(|_| ReceiptError::Signature("request"))?;
        let answer: Answer =
            signed::verify(&self.answer, &self.device_key).map_err(|_| ReceiptError::Signature("answer"))?;
        let statement: Statement =
            signed::verify(&self.statement, &self.identity_key).map_err(|_| ReceiptError::Signature("statement"))?;
        let asked = request_hash(&self.request);
        if answer.request != asked || answer.aud != own || answer.serial != request.aud {
            return Err(ReceiptError::Apart("answer"));
        }
        let attestation = self.attestation.as_ref().map(|attested| Bytes::from(sha256(attested.as_slice())));
        let belongs = statement.request == asked
            && statement.answer == sha256(self.answer.as_bytes()).into()
            && statement.id == request.id
            && statement.serial == answer.serial
            && statement.device_key == self.device_key.hash()
            && statement.attestation.as_ref().map(|judged| &judged.hash) == attestation.as_ref();
        // The server makes receipts of confirmed approvals alone.
        if !belongs || answer.decision != Decision::Confirm {
            return Err(ReceiptError::Apart("statement"));
        }
        Ok(Proof { request, answer, statement })
    }
}
