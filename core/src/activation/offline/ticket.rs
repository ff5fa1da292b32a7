//! The QR of an offline activation. It holds no password, and nothing that depends on one.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use rand_core::CryptoRngCore;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::QrSecret;
use crate::activation::ServerAddress;
use crate::activation::parts::{key_hash, read_parts};
use crate::policy::{PhonePolicy, PolicyVersion};
use crate::secret::{Secret, SecretBytes};
use crate::serial::SerialNumber;
use crate::signed::KeyHash;
use crate::text::Name;

/// What an offline ticket says of the token, its server and its policy; no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The token that it activates.
    pub serial: SerialNumber,
    /// The organisation.
    pub issuer: Name,
    /// The user.
    pub account: Name,
    /// What the user calls the token.
    pub label: Option<Name>,
    /// What the phone must know of the policy.
    pub policy: PhonePolicy,
    /// The version of that policy.
    pub policy_version: PolicyVersion,
    /// Until when the server completes the activation, in whole seconds.
    pub expires_at: Timestamp,
    /// The server, for a later activation online; `None` when it had no address yet.
    pub server: Option<ServerAddress>,
    /// The hash of the server's identity key.
    pub identity: KeyHash,
    /// The hash of the key of the server's own authority for TLS; `None` where a public one vouches for it.
    pub tls: Option<KeyHash>,
}

/// An offline ticket as it was made or read: what it offers, its secret, and its text.
#[derive(PartialEq, Eq)]
pub struct OfflineTicket {
    offer: Offer,
    secret: QrSecret,
    text: SecretBytes,
}

/// A text that is no QR of an offline activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfflineTicketError {
    /// Something else.
    #[error("this is not the QR of an offline activation; its text starts with symbolon://offline?")]
    Form,
    /// Made for a later version of this app.
    #[error("this QR needs a newer version of the app")]
    Version,
    /// A part is there twice.
    #[error("the QR names “{0}” twice")]
    Repeated(&'static str),
    /// A part is missing.
    #[error("the QR is cut short: “{0}” is missing")]
    Missing(&'static str),
    /// A part is not what it should be.
    #[error("the QR is damaged: “{0}”")]
    Part(&'static str),
    /// Longer than a camera reads with ease.
    #[error("the names of organisation, user and token are too long for a QR")]
    TooLong,
}

const START: &str = "symbolon://offline?";

/// The parts that a version has, in the order in which they are written. The policy's settings follow by their names.
const PARTS: [&str; 12] = ["v", "s", "q", "o", "u", "l", "e", "a", "k", "t", "n", "p"];

impl OfflineTicket {
    /// No QR has a longer text, in bytes: at low error correction that is version 25, of 117 modules a side.
    pub const MAX: usize = 1270;

    /// A ticket with a new secret.
    ///
    /// # Errors
    /// [`OfflineTicketError::TooLong`].
    pub fn generate(rng: &mut dyn CryptoRngCore, offer: Offer) -> Result<Self, OfflineTicketError> {
        let secret = Secret::generate(rng);
        let text = write(&offer, &secret);
        if text.len() > Self::MAX {
            Err(OfflineTicketError::TooLong)
        } else {
            Ok(Self { offer, secret, text: SecretBytes::take(text.into_bytes()) })
        }
    }

    /// What it offers.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// The text of the QR. It is a secret.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.text.expose()).unwrap_or_default()
    }

    pub(super) fn secret(&self) -> &QrSecret {
        &self.secret
    }

    pub(super) fn into_offer(self) -> Offer {
        self.offer
    }
}

impl fmt::Debug for OfflineTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfflineTicket").field("offer", &self.offer).finish_non_exhaustive()
    }
}

fn write(offer: &Offer, secret: &QrSecret) -> String {
    let mut parts = form_urlencoded::Serializer::for_suffix(START.to_owned(), START.len());
    parts.append_pair("v", "1").append_pair("s", &offer.serial.digits());
    parts.append_pair("q", &BASE64URL_NOPAD.encode(secret.expose()));
    parts.append_pair("o", offer.issuer.as_str()).append_pair("u", offer.account.as_str());
    if let Some(label) = &offer.label {
        parts.append_pair("l", label.as_str());
    }
    parts.append_pair("e", &offer.expires_at.as_second().to_string());
    if let Some(server) = &offer.server {
        parts.append_pair("a", &server.to_string());
    }
    parts.append_pair("k", &offer.identity.to_string());
    if let Some(tls) = &offer.tls {
        parts.append_pair("t", &tls.to_string());
    }
    parts.append_pair("n", &offer.policy_version.get().to_string());
    let different = different(&offer.policy);
    if !different.is_empty() {
        parts.append_pair("p", &different);
    }
    parts.finish()
}

/// The settings of a policy as one JSON object.
fn settings(policy: &PhonePolicy) -> Map<String, Value> {
    match serde_json::to_value(policy) {
        Ok(Value::Object(settings)) => settings,
        _ => unreachable!("a policy is an object"),
    }
}

/// The settings that differ from the strict ones, which a phone takes where it is told nothing: `key.value.key.value`.
fn different(policy: &PhonePolicy) -> String {
    let strict = settings(&PhonePolicy::default());
    let different = settings(policy).into_iter().filter(|(key, value)| strict.get(key) != Some(value));
    let pairs = different.map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{key}.{value}")
    });
    pairs.collect::<Vec<_>>().join(".")
}

/// The policy that differs from the strict one like this. Settings that this version does not know are passed over.
fn policy(different: &str) -> Option<PhonePolicy> {
    let mut settings = settings(&PhonePolicy::default());
    let mut words = different.split('.');
    while let Some(key) = words.next().filter(|key| !key.is_empty()) {
        let value = words.next()?;
        if let Some(setting) = settings.get_mut(key) {
            *setting = match setting {
                Value::String(_) => value.into(),
                _ => serde_json::from_str(value).ok()?,
            };
        }
    }
    serde_json::from_value(Value::Object(settings)).ok()
}

impl FromStr for OfflineTicket {
    type Err = OfflineTicketError;

    /// Reads the text of a QR. Parts that this version does not know are passed over.
    fn from_str(text: &str) -> Result<Self, OfflineTicketError> {
        use OfflineTicketError::{Form, Missing, Part, Repeated, Version};
        let text = text.trim();
        if text.len() > Self::MAX || !text.starts_with(START) {
            return Err(Form);
        }
        let url = Url::parse(text).map_err(|_| Form)?;
        let [version, serial, secret, issuer, account, label, expires_at, server, identity, tls, number, different] =
            read_parts(url.query().unwrap_or_default(), PARTS).map_err(Repeated)?;
        if version.ok_or(Missing("v"))? != "1" {
            return Err(Version);
        }
        let secret = BASE64URL_NOPAD.decode(secret.ok_or(Missing("q"))?.as_bytes()).map(SecretBytes::take);
        let seconds = expires_at.ok_or(Missing("e"))?.parse().map_err(|_| Part("e"))?;
        let number = number.ok_or(Missing("n"))?.parse().map_err(|_| Part("n"))?;
        let offer = Offer {
            serial: serial.ok_or(Missing("s"))?.parse().map_err(|_| Part("s"))?,
            issuer: issuer.ok_or(Missing("o"))?.parse().map_err(|_| Part("o"))?,
            account: account.ok_or(Missing("u"))?.parse().map_err(|_| Part("u"))?,
            label: label.map(|label| label.parse()).transpose().map_err(|_| Part("l"))?,
            policy: policy(&different.unwrap_or_default()).ok_or(Part("p"))?,
            policy_version: PolicyVersion::new(number),
            expires_at: Timestamp::from_second(seconds).map_err(|_| Part("e"))?,
            server: server.map(|server| server.parse()).transpose().map_err(|_| Part("a"))?,
            identity: key_hash(identity).map_err(|_| Part("k"))?.ok_or(Missing("k"))?,
            tls: key_hash(tls).map_err(|_| Part("t"))?,
        };
        let secret = secret.ok().and_then(|bytes| Secret::from_slice(bytes.expose())).ok_or(Part("q"))?;
        Ok(Self { offer, secret, text: SecretBytes::from_slice(text.as_bytes()) })
    }
}
