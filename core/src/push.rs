//! How a phone is woken: where its push service takes a message for it. A wake-up says nothing; the phone then fetches
//! what waits for it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::encoding::Bytes;
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey, Signed};

/// An https address that somebody else has chosen and that the server is to call: no user information, no fragment, at
/// most 1024 characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Endpoint(Url);

/// A text that is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an address such as https://host.example/path, without user name and fragment, of at most {} characters",
    Endpoint::LONGEST
)]
pub struct EndpointError;

impl Endpoint {
    /// The longest address, in characters.
    pub const LONGEST: usize = 1024;

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host: a name, or the literal of an address.
    #[must_use]
    pub fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }

    /// Scheme, host and port: whom a server identifies itself to (RFC 8292, 2).
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        let url = if text.len() <= Self::LONGEST {
            Url::parse(text).map_err(|_| EndpointError)?
        } else {
            return Err(EndpointError);
        };
        let fits = url.scheme() == "https"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url.as_str().len() <= Self::LONGEST;
        if fits { Ok(Self(url)) } else { Err(EndpointError) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The path of a push endpoint is what lets a server send there, so it is not shown.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/[redacted]", self.origin())
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0.into()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

/// A name that a push service gave: 1 to `MAX` letters, digits and `.`, `_`, `:`, `-`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Given<const MAX: usize>(String);

/// A text that no push service gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {0} letters, digits or the characters . _ : -")]
pub struct GivenError(usize);

impl<const MAX: usize> Given<MAX> {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Given<MAX> {
    type Err = GivenError;

    fn from_str(text: &str) -> Result<Self, GivenError> {
        let fits = (1..=MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
        if fits { Ok(Self(text.to_owned())) } else { Err(GivenError(MAX)) }
    }
}

/// Whoever knows it could wake the phone.
impl<const MAX: usize> fmt::Debug for Given<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<const MAX: usize> From<Given<MAX>> for String {
    fn from(given: Given<MAX>) -> Self {
        given.0
    }
}

impl<const MAX: usize> TryFrom<String> for Given<MAX> {
    type Error = GivenError;

    fn try_from(text: String) -> Result<Self, GivenError> {
        text.parse()
    }
}

/// The bundle identifier of an app of Apple's systems.
pub type Topic = Given<155>;

/// Where a phone is woken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "service", rename_all = "snake_case")]
pub enum PushAddress {
    /// Firebase Cloud Messaging.
    Fcm {
        /// The registration token of the app.
        token: Given<4096>,
    },
    /// Apple Push Notification service.
    Apns {
        /// The device token.
        token: Given<200>,
        /// The app's bundle identifier.
        topic: Topic,
        /// Which of Apple's services the app was built for.
        #[serde(default)]
        environment: ApnsEnvironment,
    },
    /// Web Push (RFC 8030), which UnifiedPush is.
    Web {
        /// Where messages are posted.
        endpoint: Endpoint,
        /// The phone's public key for their encryption (RFC 8291): a point of P-256, not compressed.
        p256dh: PublicKey,
        /// The secret that it shares with whoever may send (RFC 8291).
        auth: Bytes<16>,
    },
}

impl fmt::Debug for PushAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Which of Apple's services an app was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApnsEnvironment {
    /// The one for apps from the store.
    #[default]
    Production,
    /// The one for apps under development.
    Sandbox,
}

/// The phone's address has changed, or there is none any more. Signed by the device key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushUpdate {
    /// The hash of the server's identity key.
    pub aud: KeyHash,
    /// The token.
    pub serial: SerialNumber,
    /// The address; `None` when the phone is not to be woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<PushAddress>,
    /// When it was made, by the server's clock as far as the phone knows it: an older one never replaces a later one.
    pub time: Timestamp,
}

impl PushUpdate {
    /// So far the phone's clock may be from the server's, in seconds, either way.
    pub const TOLERANCE: i64 = 300;
}

impl Signed for PushUpdate {
    const TYP: &'static str = "symbolon-push-address+jws";
}

/// Tells the server where the phone is woken from now on. May be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// Which key is to check it.
    pub serial: SerialNumber,
    /// The JWS of a [`PushUpdate`].
    pub update: String,
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReply {
    /// Whether the server can wake the phone there. If not, the phone asks by itself, as one without an address does.
    pub woken: bool,
}

/// Asks for the server's key for Web Push.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushKeyRequest {}

/// What a phone needs before it can have an address for Web Push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushKeyReply {
    /// The server's key for Web Push (RFC 8292): only it may send to an address that was made with it. `None` where the
    /// server sends no Web Push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_push_key: Option<PublicKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_and_bare() {
        let endpoint: Endpoint = "https://push.example:8443/abc?d=e".parse().unwrap();
        assert_eq!(endpoint.origin(), "https://push.example:8443");
        assert_eq!(format!("{endpoint:?}"), "https://push.example:8443/[redacted]");
        let long = format!("https://push.example/{}", "a".repeat(Endpoint::LONGEST));
        for refused in [
            "http://push.example/",
            "https://",
            "push.example",
            "https://ana@push.example/",
            "https://:p@push.example/",
            "https://push.example/#x",
            "file:///etc/passwd",
            "",
            &long,
        ] {
            assert_eq!(refused.parse::<Endpoint>(), Err(EndpointError), "{refused}");
        }
    }
}
