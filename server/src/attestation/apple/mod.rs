//! Apple's App Attest: a statement that a key was made in the Secure Enclave by an app, and assertions of that key
//! (<https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server>).
//!
//! The receipt that comes with a statement is for asking Apple's servers about fraud, which this server does not; it is
//! passed over.

mod cbor;

use std::fmt;

use jiff::Timestamp;
use symbolon_core::keys::sha256;
use symbolon_core::policy::IosApp;
use x509_parser::oid_registry::asn1_rs::{Any, Class, FromBer, Tag, oid};

use super::certificate::{self, Certificate, Key};
use super::{Refusal, Root, Roots};

/// Where an app was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Apps from the store, and from its tests.
    Production,
    /// Apps that a developer has put on a device.
    Development,
}

impl Environment {
    /// The name, as on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }

    fn of(aaguid: &[u8; 16]) -> Option<Self> {
        match aaguid {
            b"appattest\0\0\0\0\0\0\0" => Some(Self::Production),
            b"appattestdevelop" => Some(Self::Development),
            _ => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Environment {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        [Self::Production, Self::Development]
            .into_iter()
            .find(|environment| environment.name() == name)
            .ok_or("an environment is production or development")
    }
}

/// The authenticator data (WebAuthn, 6.1), its first 37 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    relying_party: [u8; 32],
    counter: u32,
}

impl Header {
    /// Reads the header and answers what follows it. An assertion's flags say that there is something, and there is not.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Refusal> {
        let short = Refusal::Malformed("the authenticator data is too short");
        let (relying_party, rest) = bytes.split_first_chunk::<32>().ok_or(short.clone())?;
        let (_flags, rest) = rest.split_first().ok_or(short.clone())?;
        let (counter, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
        Ok((Self { relying_party: *relying_party, counter: u32::from_be_bytes(*counter) }, rest))
    }
}

/// A statement as it was sent: read, and not believed.
#[derive(Debug, Clone)]
pub struct Statement {
    chain: Vec<Certificate>,
    data: Vec<u8>,
    header: Header,
    aaguid: [u8; 16],
    credential: Vec<u8>,
    point: [u8; 65],
}

/// What a statement is held against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Apple's keys.
    pub roots: &'a Roots,
    /// When the statement was made, or is judged: the leaf lives for some days.
    pub time: Timestamp,
    /// The SHA-256 of what the app bound the key to.
    pub client_data_hash: &'a [u8; 32],
    /// The key id that the app named; `None` where only the statement names it.
    pub key_id: Option<&'a [u8]>,
    /// The apps of which one must have made the key; any app when empty.
    pub apps: &'a [IosApp],
    /// The environment; `None` for any.
    pub environment: Option<Environment>,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn read(statement: &[u8]) -> Result<Self, Refusal> {
        let parts = cbor::Attestation::read(statement)?;
        let chain = parts.chain.iter().map(|der| match Certificate::read(der)? {
            (certificate, []) => Ok(certificate),
            _ => Err(Refusal::Malformed("data after a certificate")),
        });
        let chain = chain.collect::<Result<Vec<_>, Refusal>>()?;
        let (header, rest) = Header::read(parts.data)?;
        let short = Refusal::Malformed("the authenticator data names no credential");
        let (aaguid, rest) = rest.split_first_chunk::<16>().ok_or(short.clone())?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(short.clone())?;
        let (credential, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(short)?;
        let point = cbor::read_key(rest)?;
        Ok(Self { chain, data: parts.data.to_vec(), header, aaguid: *aaguid, credential: credential.to_vec(), point })
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Where the app was made for, if that can be told.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        Environment::of(&self.aaguid)
    }

    /// The uncompressed point of the attested key.
    #[must_use]
    pub const fn point(&self) -> &[u8; 65] {
        &self.point
    }

    /// How often the key was used.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.header.counter
    }

    /// The app of `accepted` that made the key.
    fn app<'a>(&self, accepted: &'a [IosApp]) -> Option<&'a IosApp> {
        accepted.iter().find(|app| app_hash(app) == self.header.relying_party)
    }

    /// Holds the statement against what is expected; answers the root at the end of its chain.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge<'a>(&self, expected: &Expected<'a>) -> Result<&'a Root, Refusal> {
        let anchored = certificate::anchor(&self.chain, expected.roots.as_slice())?;
        certificate::check_dates(&self.chain, anchored, 0, expected.time)?;
        let leaf = self.chain.first().ok_or(Refusal::UnknownRoot)?;
        let nonce = leaf.extension(&NONCE)?.ok_or(Refusal::Malformed("the leaf has no nonce"))?;
        if read_nonce(nonce)? != nonce_over(&self.data, expected.client_data_hash) {
            return Err(Refusal::WrongNonce);
        }
        let point = leaf.key.point().ok_or(Refusal::Malformed("the leaf's key is not on P-256"))?;
        let key_id = sha256(point);
        if point != self.point || self.credential != key_id || expected.key_id.is_some_and(|named| named != key_id) {
            return Err(Refusal::WrongKeyId);
        }
        if !expected.apps.is_empty() && self.app(expected.apps).is_none() {
            return Err(Refusal::WrongApp("its App ID is none of the accepted ones".into()));
        }
        let environment = self.environment().ok_or(Refusal::WrongEnvironment("not known".into()))?;
        if expected.environment.is_some_and(|wanted| wanted != environment) {
            return Err(Refusal::WrongEnvironment(environment.to_string()));
        }
        if self.header.counter != 0 {
            return Err(Refusal::WrongCounter { found: self.header.counter, expected: "0".into() });
        }
        Ok(anchored.root)
    }
}

const NONCE: x509_parser::oid_registry::Oid<'static> = oid!(1.2.840.113635.100.8.2);

/// The SHA-256 of an App ID: what App Attest calls the relying party.
#[must_use]
pub fn app_hash(app: &IosApp) -> [u8; 32] {
    sha256(app.to_string().as_bytes())
}

/// What the Enclave signs, in a certificate or an assertion.
fn nonce_over(authenticator_data: &[u8], client_data_hash: &[u8; 32]) -> [u8; 32] {
    sha256(&[authenticator_data, client_data_hash].concat())
}

/// The extension is a sequence whose only value has the tag 1 and is an octet string.
fn read_nonce(extension: &[u8]) -> Result<[u8; 32], Refusal> {
    let malformed = || Refusal::Malformed("the nonce of the leaf");
    let only = |bytes, class, tag| match Any::from_ber(bytes) {
        Ok((rest, any)) if rest.is_empty() && any.class() == class && any.tag() == tag => Ok(any.data),
        _ => Err(malformed()),
    };
    let sequence = only(extension, Class::Universal, Tag::Sequence)?;
    let tagged = only(sequence, Class::ContextSpecific, Tag(1))?;
    only(tagged, Class::Universal, Tag::OctetString)?.try_into().map_err(|_| malformed())
}

/// An assertion of an attested key, as it was sent.
#[derive(Debug, Clone)]
pub struct Assertion {
    signature: Vec<u8>,
    data: Vec<u8>,
    header: Header,
}

impl Assertion {
    /// Reads an assertion.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn read(assertion: &[u8]) -> Result<Self, Refusal> {
        let parts = cbor::Assertion::read(assertion)?;
        let (header, _) = Header::read(parts.data)?;
        Ok(Self { signature: parts.signature.to_vec(), data: parts.data.to_vec(), header })
    }

    /// How often the key has been used, this time included.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.header.counter
    }

    /// Checks that the key with the uncompressed `point` asserts the client data, in one of `apps` (any when empty), and
    /// that it was used since its counter stood at `counter`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(
        &self,
        point: &[u8],
        client_data_hash: &[u8; 32],
        apps: &[IosApp],
        counter: u32,
    ) -> Result<(), Refusal> {
        let nonce = nonce_over(&self.data, client_data_hash);
        if !Key::p256(point).signed_es256(&nonce, &self.signature) {
            return Err(Refusal::WrongAssertion);
        }
        if !apps.is_empty() && !apps.iter().any(|app| app_hash(app) == self.header.relying_party) {
            return Err(Refusal::WrongApp("its App ID is none of the accepted ones".into()));
        }
        if self.header.counter <= counter {
            return Err(Refusal::WrongCounter { found: self.header.counter, expected: format!("more than {counter}") });
        }
        Ok(())
    }
}
