//! Moving a token to a new phone: the old phone asks for a ticket and shows it, the new one activates with it, and nothing
//! is active before the old phone has signed that this is the one. Nothing secret is copied.
//!
//! 1. The old phone's [`Ask`] → the server's [`Offer`]: a ticket for a new token of the same user.
//! 2. The new phone activates with it up to message 4, stores what it got, shows six digits ([`ComparisonCode`]) and waits.
//! 3. The old phone's [`Look`] → the server's [`View`]: who has used the ticket ([`Newcomer`]). Its person types the digits;
//!    both phones compute them from both device keys and the transcript of that handshake.
//! 4. The old phone's [`Consent`]. The new phone's confirmation counts now, and with it the old token is gone.
//!
//! The first handshake that uses such a ticket is the only one, so that nobody can search for a key whose digits are
//! those of another's.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::Wait;
use crate::activation::online::{SessionId, time_number};
use crate::approval::Opened;
use crate::contact::Nonce;
use crate::encoding::Bytes;
use crate::frame::FrameWriter;
use crate::keys::{FactorKey, sha256};
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey, Signed};
use crate::text::Text;

/// The six digits that the new phone shows and its person types on the old one. They are no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ComparisonCode(u32);

/// A text that is no such code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the new phone shows six digits")]
pub struct ComparisonCodeError;

impl ComparisonCode {
    /// The digits of one move: the first eight bytes of a hash, as a number, modulo a million.
    #[must_use]
    pub fn derive(identity: &KeyHash, old_key: &KeyHash, new_key: &KeyHash, transcript: &Bytes<32>) -> Self {
        let frame = FrameWriter::default()
            .field(b"symbolon/1/move/comparison")
            .field(identity.as_slice())
            .field(old_key.as_slice())
            .field(new_key.as_slice())
            .field(transcript.as_slice());
        let number = sha256(frame.as_bytes()).first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        Self(u32::try_from(number % 1_000_000).unwrap_or_default())
    }

    /// The digits in two groups, as a person reads them.
    #[must_use]
    pub fn grouped(self) -> String {
        format!("{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Display for ComparisonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl FromStr for ComparisonCode {
    type Err = ComparisonCodeError;

    /// Reads the digits as people type them: white space and hyphens are passed over.
    fn from_str(text: &str) -> Result<Self, ComparisonCodeError> {
        let digits: String = text.chars().filter(|character| !character.is_whitespace() && *character != '-').collect();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ComparisonCodeError);
        }
        digits.parse().map(Self).map_err(|_| ComparisonCodeError)
    }
}

impl From<ComparisonCode> for String {
    fn from(code: ComparisonCode) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for ComparisonCode {
    type Error = ComparisonCodeError;

    fn try_from(text: String) -> Result<Self, ComparisonCodeError> {
        text.parse()
    }
}

/// The old phone asks for a ticket; signed by its device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token that is to move.
    pub serial: SerialNumber,
    /// Random: it counts once, and the offer echoes it.
    pub nonce: Nonce,
    /// When, by the server's clock as far as the phone knows it.
    pub time: Timestamp,
    /// How the vault was opened.
    pub opened: Opened,
    /// The MAC over all of the above and the device's key, with the factor key that this way of opening the vault yields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Bytes<32>>,
}

impl Ask {
    /// An ask counts within so many seconds of its time.
    pub const LIFETIME: i64 = 300;
}

impl Signed for Ask {
    const TYP: &'static str = "symbolon-move+jws";
}

/// The server's ticket for the new phone; signed by the identity key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The token that asked.
    pub aud: SerialNumber,
    /// Its nonce.
    pub nonce: Nonce,
    /// The new token.
    pub serial: SerialNumber,
    /// The link that activates it; also the text of its QR. It is a secret.
    pub ticket: String,
    /// Until when the new phone must have begun.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Signed for Offer {
    const TYP: &'static str = "symbolon-move-offer+jws";
}

/// The old phone asks how far the move is; signed by its device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token that moves.
    pub serial: SerialNumber,
    /// To be echoed.
    pub nonce: Nonce,
}

impl Signed for Look {
    const TYP: &'static str = "symbolon-move-look+jws";
}

/// How far a move is; signed by the identity key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The token that asked.
    pub aud: SerialNumber,
    /// Its nonce.
    pub nonce: Nonce,
    /// How far.
    pub progress: Progress,
}

impl Signed for View {
    const TYP: &'static str = "symbolon-move-view+jws";
}

/// How far a move is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// Nobody has used the ticket yet.
    Waiting,
    /// Somebody has; the old phone is to say whether it is the right one.
    Found(Newcomer),
    /// The old phone has agreed; the new one has not confirmed yet.
    Agreed,
    /// The new token is active, and the old one is gone.
    Moved,
    /// There is no such move, or not any more.
    Ended,
}

/// Who has used the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// The new token.
    pub serial: SerialNumber,
    /// The handshake.
    pub session: SessionId,
    /// Its device's key.
    pub device_key: PublicKey,
    /// The hash over the handshake.
    pub transcript: Bytes<32>,
    /// What the device says of itself.
    pub platform: Text<32>,
    /// Maker and model.
    pub model: Text<100>,
    /// Name and version of the app.
    pub app: Text<100>,
}

/// The old phone agrees; signed by its device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token that moves.
    pub serial: SerialNumber,
    /// The new token.
    pub to: SerialNumber,
    /// The handshake.
    pub session: SessionId,
    /// The hash of the new device's key.
    pub device_key: KeyHash,
    /// The hash over the handshake.
    pub transcript: Bytes<32>,
    /// When, by the server's clock as far as the phone knows it.
    pub time: Timestamp,
    /// How the vault was opened.
    pub opened: Opened,
    /// The MAC over all of the above and the device's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Bytes<32>>,
}

impl Signed for Consent {
    const TYP: &'static str = "symbolon-move-consent+jws";
}

/// The old phone ends a move; signed by its device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token that does not move.
    pub serial: SerialNumber,
    /// The new token, which ends.
    pub to: SerialNumber,
}

impl Signed for Cancel {
    const TYP: &'static str = "symbolon-move-cancel+jws";
}

/// What a factor key vouches for: how the vault was opened when this was signed.
pub trait Proven {
    /// How the vault was opened.
    fn opened(&self) -> Opened;
    /// The MAC, where there is one.
    fn factor(&self) -> Option<&Bytes<32>>;
    /// What the MAC is over.
    fn input(&self, device: &PublicKey) -> FrameWriter;

    /// The MAC with `key`.
    fn prove(&self, key: &FactorKey, device: &PublicKey) -> Bytes<32> {
        key.mac(self.input(device).as_bytes()).into()
    }

    /// Whether it is proven that the vault was opened as is said, with one of `keys`, those of that way.
    fn is_proven(&self, device: &PublicKey, keys: &[&FactorKey]) -> bool {
        match (self.opened(), self.factor()) {
            (Opened::Device, None) => true,
            (Opened::Device, Some(_)) | (_, None) => false,
            (_, Some(mac)) => keys.iter().any(|key| key.verify(self.input(device).as_bytes(), mac.as_slice())),
        }
    }
}

impl Proven for Ask {
    fn opened(&self) -> Opened {
        self.opened
    }

    fn factor(&self) -> Option<&Bytes<32>> {
        self.factor.as_ref()
    }

    fn input(&self, device: &PublicKey) -> FrameWriter {
        FrameWriter::default()
            .field(b"symbolon/1/move/ask")
            .field(self.aud.as_slice())
            .field(self.serial.digits().as_bytes())
            .field(self.nonce.as_slice())
            .number(time_number(self.time))
            .field(self.opened.name().as_bytes())
            .field(device.hash().as_slice())
    }
}

impl Proven for Consent {
    fn opened(&self) -> Opened {
        self.opened
    }

    fn factor(&self) -> Option<&Bytes<32>> {
        self.factor.as_ref()
    }

    fn input(&self, device: &PublicKey) -> FrameWriter {
        FrameWriter::default()
            .field(b"symbolon/1/move/consent")
            .field(self.aud.as_slice())
            .field(self.serial.digits().as_bytes())
            .field(self.to.digits().as_bytes())
            .field(self.session.as_slice())
            .field(self.device_key.as_slice())
            .field(self.transcript.as_slice())
            .number(time_number(self.time))
            .field(self.opened.name().as_bytes())
            .field(device.hash().as_slice())
    }
}

/// The JWS of an [`Ask`], as it is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS.
    pub ask: String,
}

/// The JWS of an [`Offer`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferReply {
    /// The JWS.
    pub offer: String,
}

impl fmt::Debug for OfferReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The JWS of a [`Look`], as it is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS.
    pub look: String,
    /// For how many seconds to wait while nobody has used the ticket, or the new phone has not confirmed: 0 to 50.
    #[serde(default)]
    pub wait: Wait,
}

/// The JWS of a [`View`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewReply {
    /// The JWS.
    pub view: String,
}

/// The JWS of a [`Consent`], as it is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS.
    pub consent: String,
}

/// The JWS of a [`Cancel`], as it is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS.
    pub cancel: String,
}

/// It was done; a repetition gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneReply {
    /// The new token.
    pub serial: SerialNumber,
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;
    use crate::secret::Secret;
    use crate::signed::SigningKey;

    #[test]
    fn the_digits_are_of_both_keys_and_the_handshake() {
        let code = |server: u8, old: u8, new: u8, transcript: u8| {
            let hash = |byte: u8| Bytes::from([byte; 32]);
            ComparisonCode::derive(&hash(server), &hash(old), &hash(new), &hash(transcript))
        };
        let one = code(1, 2, 3, 4);
        assert_eq!(one, code(1, 2, 3, 4));
        for other in [code(9, 2, 3, 4), code(1, 9, 3, 4), code(1, 2, 9, 4), code(1, 2, 3, 9), code(1, 3, 2, 4)] {
            assert_ne!(one, other);
        }
        assert_eq!(one.to_string().len(), 6);
        assert_eq!(one.grouped().parse(), Ok(one));
        for bad in ["", "12345", "1234567", "12345x", "١٢٣٤٥٦"] {
            assert_eq!(bad.parse::<ComparisonCode>(), Err(ComparisonCodeError), "{bad}");
        }
        assert_eq!(ComparisonCode(7).to_string(), "000007");
    }

    #[test]
    fn a_proof_is_of_one_consent_and_no_ask() {
        let device = SigningKey::generate(&mut OsRng).public_key();
        let serial = SerialNumber::generate(&mut OsRng);
        let key = FactorKey::from_secret(Secret::generate(&mut OsRng));
        let mut ask = Ask {
            aud: [1; 32].into(),
            serial,
            nonce: [2; 16].into(),
            time: Timestamp::UNIX_EPOCH,
            opened: Opened::Pin,
            factor: None,
        };
        assert!(!ask.is_proven(&device, &[&key]));
        ask.factor = Some(ask.prove(&key, &device));
        assert!(ask.is_proven(&device, &[&key]));
        let other = FactorKey::from_secret(Secret::generate(&mut OsRng));
        assert!(!ask.is_proven(&device, &[&other]));
        let mut later = ask.clone();
        later.time = Timestamp::MAX;
        assert!(!later.is_proven(&device, &[&key]));
        let mut downgraded = ask.clone();
        downgraded.opened = Opened::Device;
        assert!(!downgraded.is_proven(&device, &[&key]), "a proof that is not needed is not passed over");
        assert!(!ask.is_proven(&SigningKey::generate(&mut OsRng).public_key(), &[&key]), "on another device");
    }
}
