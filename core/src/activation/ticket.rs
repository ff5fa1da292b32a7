//! What a user is given to activate a token: a link, the same text as a QR, or three things to type. One parser for all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::parts::{key_hash, read_parts};
use super::{ActivationPassword, PasswordError};
use crate::serial::{SerialNumber, SerialNumberError};
use crate::signed::KeyHash;

/// No server's address is longer, in bytes.
const LONGEST: usize = 300;

/// Where a server is: `https://host[:port]` of at most 300 bytes, or `http://` for a loopback address literal only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ServerAddress(Url);

/// A text that is no address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerAddressError {
    /// Not a URL with a host and at most a port.
    #[error("the server's address looks like https://symbolon.example or https://symbolon.example:8443")]
    Form,
    /// `http://` to somewhere that is not this machine.
    #[error("http:// is taken for a loopback address such as http://127.0.0.1:8080 only; use https://")]
    Insecure,
}

impl ServerAddress {
    /// As it is written: without the slash that a URL ends with.
    fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether requests to it are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is the literal of a loopback address: this machine, and no name that could be resolved to another.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        }
    }

    /// The URL of a path on this server; `path` starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// The host without its port, as a certificate names it.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned()
    }

    /// The host, and the port where it is not the usual one: what a person compares.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    /// Reads an address; one without a scheme, as people type it, is taken for `https://`.
    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(ServerAddressError::Form);
        }
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
        let url = url.map_err(|_| ServerAddressError::Form)?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let address = Self(url);
        match address.0.scheme() {
            _ if !bare || !address.0.has_host() => Err(ServerAddressError::Form),
            // Longer than it was typed: by its scheme, and by what stands for the letters of its host.
            _ if address.as_str().len() > LONGEST => Err(ServerAddressError::Form),
            "https" => Ok(address),
            "http" if address.is_loopback() => Ok(address),
            "http" => Err(ServerAddressError::Insecure),
            _ => Err(ServerAddressError::Form),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<ServerAddress> for String {
    fn from(address: ServerAddress) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = ServerAddressError;

    fn try_from(text: String) -> Result<Self, ServerAddressError> {
        text.parse()
    }
}

/// A ticket for an online activation.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The server that gave it.
    pub server: ServerAddress,
    /// The token that it activates.
    pub serial: SerialNumber,
    /// The secret.
    pub password: ActivationPassword,
    /// The hash of the server's identity key; a typed ticket has none.
    pub identity: Option<KeyHash>,
    /// The hash of the key of the authority behind the server's TLS certificate, where that authority is its own.
    pub tls: Option<KeyHash>,
}

/// A text that is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Neither a `symbolon://activate` link nor its https twin.
    #[error("this is not an activation link; it starts with symbolon://activate or https://…/activate#")]
    Form,
    /// The QR of an offline activation, which takes its password besides.
    #[error("this is the QR of an offline activation: it takes the password that came another way")]
    Offline,
    /// Made for a later version of this app.
    #[error("this activation link needs a newer version of the app")]
    Version,
    /// A link that leaves the activation code out, to be typed besides.
    #[error("this link leaves the activation code out; enter address, serial number and code instead")]
    PasswordMissing,
    /// A part is there twice.
    #[error("the activation link names “{0}” twice")]
    Repeated(&'static str),
    /// A part is missing.
    #[error("the activation link is cut short: “{0}” is missing")]
    Missing(&'static str),
    /// A key's hash that is none.
    #[error("the activation link is damaged: “{0}” is not a key's hash")]
    KeyHash(&'static str),
    /// The server's address is bad.
    #[error(transparent)]
    Address(#[from] ServerAddressError),
    /// The serial number is bad.
    #[error(transparent)]
    Serial(#[from] SerialNumberError),
    /// The activation code is bad.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// The parts of a link, in the order in which they are written.
const PARTS: [&str; 6] = ["v", "a", "s", "p", "k", "t"];

impl Ticket {
    /// A ticket from what a person typed: it pins nothing, since OPAQUE authenticates the server by the code.
    ///
    /// # Errors
    /// [`TicketError`] names what is wrong with which of the three.
    pub fn from_typed(address: &str, serial: &str, code: &str) -> Result<Self, TicketError> {
        Ok(Self {
            server: address.parse()?,
            serial: serial.parse()?,
            password: code.parse()?,
            identity: None,
            tls: None,
        })
    }

    /// The link, which is also the text of the QR: `symbolon://activate?v=1&a=…&s=…&p=…&k=…&t=…`. It is a secret.
    #[must_use]
    pub fn link(&self) -> String {
        format!("symbolon://activate?{}", self.parts(true))
    }

    /// The https twin, `https://SERVER/activate#…`, without the password: whoever serves that page could read it.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}/activate#{}", self.server, self.parts(false))
    }

    fn parts(&self, with_password: bool) -> String {
        let mut parts = url::form_urlencoded::Serializer::new(String::new());
        parts.append_pair("v", "1").append_pair("a", &self.server.to_string()).append_pair("s", &self.serial.digits());
        if with_password {
            parts.append_pair("p", self.password.expose());
        }
        if let Some(identity) = &self.identity {
            parts.append_pair("k", &identity.to_string());
        }
        if let Some(tls) = &self.tls {
            parts.append_pair("t", &tls.to_string());
        }
        parts.finish()
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    /// Reads a link, the text of a QR, or the https twin. Parts that this version does not know are passed over.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let (link, password) = TicketWithoutCode::read(text)?;
        Ok(link.with(password.ok_or(TicketError::PasswordMissing)?.parse()?))
    }
}

/// A ticket whose activation code comes another way, as the https twin of a mail has it: the person types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketWithoutCode {
    /// The server that gave it.
    pub server: ServerAddress,
    /// The token that it activates.
    pub serial: SerialNumber,
    identity: KeyHash,
    tls: Option<KeyHash>,
}

impl TicketWithoutCode {
    /// The whole ticket.
    #[must_use]
    pub fn with(self, password: ActivationPassword) -> Ticket {
        let Self { server, serial, identity, tls } = self;
        Ticket { server, serial, password, identity: Some(identity), tls }
    }

    /// Reads a link, with its password where there is one.
    fn read(text: &str) -> Result<(Self, Option<String>), TicketError> {
        let text = text.trim();
        if text.len() > 2000 {
            return Err(TicketError::Form);
        }
        let url = Url::parse(text).map_err(|_| TicketError::Form)?;
        let (query, page) = match url.scheme() {
            "symbolon" if url.host_str() == Some("activate") => (url.query(), false),
            "symbolon" if url.host_str() == Some("offline") => return Err(TicketError::Offline),
            "https" if url.path() == "/activate" => (url.fragment(), true),
            _ => return Err(TicketError::Form),
        };
        let [version, address, serial, password, identity, tls] =
            read_parts(query.unwrap_or_default(), PARTS).map_err(TicketError::Repeated)?;
        if version.ok_or(TicketError::Missing("v"))? != "1" {
            return Err(TicketError::Version);
        }
        let hash = |part: Option<String>, name| key_hash(part).map_err(|_| TicketError::KeyHash(name));
        let ticket = Self {
            server: address.ok_or(TicketError::Missing("a"))?.parse()?,
            serial: serial.ok_or(TicketError::Missing("s"))?.parse()?,
            identity: hash(identity, "k")?.ok_or(TicketError::Missing("k"))?,
            tls: hash(tls, "t")?,
        };
        // A page on one server that names another would show the person the wrong name.
        if page && url.origin() != ticket.server.0.origin() {
            return Err(TicketError::Form);
        }
        Ok((ticket, password))
    }
}

impl FromStr for TicketWithoutCode {
    type Err = TicketError;

    /// Reads what [`Ticket`] is read from; a code that is in it is passed over.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        Self::read(text).map(|(ticket, _)| ticket)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_core::OsRng;

    use super::*;

    fn ticket(tls: bool) -> Ticket {
        Ticket {
            server: "https://symbolon.example:8443".parse().unwrap(),
            serial: SerialNumber::generate(&mut OsRng),
            password: ActivationPassword::generate(&mut OsRng, 16),
            identity: Some([1; 32].into()),
            tls: tls.then(|| [2; 32].into()),
        }
    }

    #[test]
    fn an_address_that_is_taken_can_be_read_again() {
        let host = format!("{}.example", ["a".repeat(40).as_str(); 6].join("."));
        let room = LONGEST - "https://".len() - host.len();
        for more in room - 2..=room + 2 {
            let typed = format!("{}{host}", "b".repeat(more));
            let read = typed.parse::<ServerAddress>();
            assert_eq!(read.is_ok(), more <= room, "{typed}");
            if let Ok(address) = read {
                assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }

    #[test]
    fn a_link_is_read_as_it_is_written() {
        for tls in [false, true] {
            let ticket = ticket(tls);
            assert_eq!(ticket.link().parse::<Ticket>().unwrap(), ticket);
            assert_eq!(format!("  {}\n", ticket.link()).parse::<Ticket>().unwrap(), ticket);
        }
    }

    #[test]
    fn the_page_keeps_the_password_out() {
        let ticket = ticket(true);
        assert!(!ticket.page().contains(ticket.password.expose()));
        assert_eq!(ticket.page().parse::<Ticket>(), Err(TicketError::PasswordMissing));
        let whole = format!("{}&p={}", ticket.page(), ticket.password.expose());
        assert_eq!(whole.parse::<Ticket>().unwrap(), ticket);
        // Whoever has the code besides has all of it.
        let page: TicketWithoutCode = ticket.page().parse().unwrap();
        assert_eq!((&page.server, page.serial), (&ticket.server, ticket.serial));
        assert_eq!(page.with(ticket.password.duplicate()), ticket);
    }

    #[test]
    fn a_page_speaks_for_its_own_server_only() {
        let link = ticket(true).link().replace("symbolon://activate?", "https://evil.example/activate#");
        assert_eq!(link.parse::<Ticket>(), Err(TicketError::Form));
        assert_eq!(link.parse::<TicketWithoutCode>(), Err(TicketError::Form));
    }

    #[test]
    fn damaged_links_say_what_is_wrong() {
        let link = ticket(true).link();
        let cases = [
            (link.replace("v=1", "v=2"), TicketError::Version),
            (link.replace("v=1&", ""), TicketError::Missing("v")),
            (link.replace("&a=", "&b="), TicketError::Missing("a")),
            (link.replace("&s=", "&s=1"), TicketError::Serial(SerialNumberError)),
            (link.replace("&p=", "&p=x"), TicketError::Password("x".parse::<ActivationPassword>().unwrap_err())),
            (link.replace("&k=", "&k=A"), TicketError::KeyHash("k")),
            (link.replace("&k=", "&x="), TicketError::Missing("k")),
            (format!("{link}&s=1234567890"), TicketError::Repeated("s")),
            (link.replace("symbolon:", "other:"), TicketError::Form),
            (link.replace("https%3A", "http%3A"), TicketError::Address(ServerAddressError::Insecure)),
            (String::new(), TicketError::Form),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Ticket>(), Err(error), "{text}");
        }
    }

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("symbolon.example", "https://symbolon.example"),
            ("https://symbolon.example/", "https://symbolon.example"),
            ("symbolon.example:8443", "https://symbolon.example:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), shown);
        }
        for text in ["http://symbolon.example", "http://localhost:80", "http://10.0.0.1"] {
            assert_eq!(text.parse::<ServerAddress>(), Err(ServerAddressError::Insecure), "{text}");
        }
        for text in
            ["", "https://", "ftp://a", "https://a/b", "https://u@a", "https://a?b", "https://a#b", "javascript:alert"]
        {
            assert_eq!(text.parse::<ServerAddress>(), Err(ServerAddressError::Form), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, tail: String) {
            let _ = text.parse::<Ticket>();
            let _ = format!("symbolon://activate?v=1&{tail}").parse::<Ticket>();
            let _ = text.parse::<ServerAddress>();
        }
    }
}
