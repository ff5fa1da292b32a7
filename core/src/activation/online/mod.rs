//! Activation online: OPAQUE (RFC 9807) on the activation password together with ML-KEM-768 (FIPS 203).
//!
//! Six messages in three exchanges; `docs/protocol.md` is their specification.
//!
//! 1. [`StartRequest`] → [`StartReply`]: after this the phone knows that the server knows the password.
//! 2. [`FinishRequest`] → [`FinishReply`]: after this both have the token's keys.
//! 3. [`ConfirmRequest`] → [`ConfirmReply`]: the phone has stored what it got, and only now the token is active.
//!
//! Each half is a chain of states that consume themselves, so that no step can be left out or repeated:
//! [`phone::Started`] → [`phone::Proven`] → [`phone::Finishing`] → [`phone::Registered`], and on the server
//! [`server::answer`] → [`server::Finished`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::encoding::Bytes;
use crate::frame::FrameWriter;
use crate::integrity::Signals;
use crate::keys::sha256;
use crate::otp::{Digits, Hash, Period};
use crate::policy::{PhonePolicy, PolicyVersion};
use crate::push::PushAddress;
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey, Signed};
use crate::text::{Name, Text};

pub mod phone;
pub mod server;
mod suite;

#[cfg(test)]
mod tests;

/// The version of the protocol that this code speaks.
pub const VERSION: u8 = 1;

/// Names one handshake; random.
pub type SessionId = Bytes<16>;

/// Message 1, from the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// The protocol versions that the phone speaks: 1 to 8 of them.
    pub versions: Bytes<1, 8>,
    /// The token to be activated.
    pub serial: SerialNumber,
    /// OPAQUE's KE1.
    pub ke1: Bytes<96>,
    /// The phone's fresh ML-KEM-768 encapsulation key; its encoding must be canonical (FIPS 203, 7.2).
    pub encapsulation_key: Bytes<1184>,
}

/// Message 2, from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartReply {
    /// The version that the server chose.
    pub version: u8,
    /// Names this handshake.
    pub session: SessionId,
    /// The server's state, sealed by it for itself; the phone hands it back with message 3.
    pub state: Bytes<1, 1536>,
    /// OPAQUE's KE2.
    pub ke2: Bytes<320>,
    /// The ML-KEM-768 ciphertext.
    pub ciphertext: Bytes<1088>,
    /// The server's identity key.
    pub identity_key: PublicKey,
    /// The server's clock.
    pub time: Timestamp,
}

/// Message 3, from the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// The handshake.
    pub session: SessionId,
    /// What the server gave with message 2.
    pub state: Bytes<1, 1536>,
    /// OPAQUE's KE3.
    pub ke3: Bytes<64>,
    /// A [`Device`], sealed.
    pub sealed: Bytes<16, 49152>,
}

/// What message 3 seals: the device that wants to be a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The public half of the key that the phone's hardware made for this token.
    pub key: PublicKey,
    /// A JWS of [`Binding`] by that key.
    pub binding: String,
    /// What the hardware attests of the key, in the platform's own form; `None` where it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Bytes<1, 32768>>,
    /// What the device says of itself.
    pub description: DeviceDescription,
    /// Where it is woken, if it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushAddress>,
}

/// What a device says of itself: hints for people, not proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDescription {
    /// `android`, `ios` or `desktop`.
    pub platform: Text<32>,
    /// Maker and model, or the operating system of a desktop.
    pub model: Text<100>,
    /// Name and version of the app.
    pub app: Text<100>,
    /// Where the device key lives: `strongbox`, `tee`, `enclave` or `software`.
    pub key_protection: Text<32>,
    /// Signs of tampering.
    pub signals: Signals,
}

/// Signed by the new device key: it belongs to this handshake and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token.
    pub serial: SerialNumber,
    /// The hash over all that was said so far.
    pub transcript: Bytes<32>,
}

impl Signed for Binding {
    const TYP: &'static str = "symbolon-binding+jws";
}

/// Message 4, from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishReply {
    /// A [`Registration`], sealed.
    pub sealed: Bytes<16, 16384>,
}

/// What message 4 seals: what the token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The token.
    pub serial: SerialNumber,
    /// The organisation.
    pub issuer: Name,
    /// The user.
    pub account: Name,
    /// What the user calls this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Name>,
    /// The hash of the token's codes, fixed from now on.
    pub hash: Hash,
    /// The length of the token's codes, fixed from now on.
    pub digits: Digits,
    /// The length of a time step in seconds.
    pub period: Period,
    /// What the phone must know of the policy.
    pub policy: PhonePolicy,
    /// The version of that policy.
    pub policy_version: PolicyVersion,
    /// The hash of the key of the server's own authority for TLS; `None` where a public one vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<KeyHash>,
    /// The server's clock.
    pub time: Timestamp,
    /// The hash of the key of the device that this token moves from, which must agree before the token is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_from: Option<KeyHash>,
}

/// Message 5, from the phone, once it has stored the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The handshake.
    pub session: SessionId,
    /// A JWS of [`Confirmation`] by the device key.
    pub confirmation: String,
}

/// Signed by the device key: the token's first code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token.
    pub serial: SerialNumber,
    /// The handshake.
    pub session: SessionId,
    /// The code that the token shows now.
    pub code: String,
}

impl Signed for Confirmation {
    const TYP: &'static str = "symbolon-confirmation+jws";
}

/// Message 6, from the server: the token is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmReply {
    /// The token.
    pub serial: SerialNumber,
    /// When it became active.
    pub activated_at: Timestamp,
}

/// The hash of every field of messages 1 and 2 but KE1 and KE2, which OPAQUE's own transcript covers.
fn context(request: &StartRequest, reply: &Unproven<'_>) -> [u8; 32] {
    let frame = FrameWriter::default()
        .field(b"symbolon/1/context")
        .field(request.versions.as_slice())
        .field(request.serial.digits().as_bytes())
        .field(request.encapsulation_key.as_slice())
        .field(&[VERSION])
        .field(reply.session.as_slice())
        .field(reply.ciphertext)
        .field(reply.identity_key.to_sec1().as_slice())
        .number(time_number(reply.time));
    sha256(frame.as_bytes())
}

/// The fields of message 2 that exist before KE2 does.
struct Unproven<'a> {
    session: &'a SessionId,
    ciphertext: &'a [u8],
    identity_key: &'a PublicKey,
    time: Timestamp,
}

/// A time as it is hashed: whole milliseconds since 1970.
pub(crate) fn time_number(time: Timestamp) -> u64 {
    time.as_millisecond().cast_unsigned()
}

/// The hash of all that was said up to and with KE3.
fn transcript(context: &[u8; 32], ke1: &[u8], ke2: &[u8], ke3: &[u8]) -> [u8; 32] {
    let frame = FrameWriter::default().field(b"symbolon/1/transcript").field(context).field(ke1).field(ke2).field(ke3);
    sha256(frame.as_bytes())
}

/// Why a handshake ends on the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OnlineError {
    /// The password is wrong, or the server is another one: OPAQUE can't tell them apart.
    #[error(
        "the activation code is wrong, was used already or has expired, or this is not the server that it belongs to"
    )]
    WrongPassword,
    /// The server's identity key is not the one that the ticket names.
    #[error("this is not the server that the activation link belongs to")]
    OtherServer,
    /// A version that was not offered.
    #[error("the server speaks another version of the protocol; update the app")]
    Version,
    /// A message that no server of this version sends.
    #[error("the server sent a message that is not understood")]
    Message,
}
