//! How a phone is woken: where its push service takes a message for it. A wake-up says nothing; the phone then fetches
//! what waits for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

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
