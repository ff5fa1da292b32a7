//! The key description: what Android's secure hardware writes into the certificate of a key
//! (<https://source.android.com/docs/security/features/keystore/attestation>).
//!
//! All versions of the schema have the same outer form; they differ in the tags of the authorization lists. A tag that is
//! not known here is passed over. It is read as BER, since makers have shipped what is not strictly DER.

use serde::Serialize;
use x509_parser::oid_registry::asn1_rs::{Any, Class, FromBer, Tag};

use crate::attestation::Refusal;

type Result<T> = std::result::Result<T, Refusal>;

/// Where keys, and what attests them, live. Each is worth more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityLevel {
    /// The operating system.
    Software,
    /// The processor's trusted environment.
    TrustedEnvironment,
    /// A secure element of its own.
    StrongBox,
}

/// What the boot loader made of the system that it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedBoot {
    /// Signed by the maker.
    Verified,
    /// Signed by a key that the owner has put in.
    SelfSigned,
    /// Not checked.
    Unverified,
    /// Checked, and not sound.
    Failed,
}

impl VerifiedBoot {
    /// The name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::SelfSigned => "self-signed",
            Self::Unverified => "unverified",
            Self::Failed => "failed",
        }
    }
}

/// The system that the device runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootOfTrust {
    /// The key that signed the system; empty or zeroes where nothing was checked.
    pub verified_boot_key: Vec<u8>,
    /// Whether the boot loader starts no other system.
    pub device_locked: bool,
    /// What the boot loader made of it.
    pub verified_boot: VerifiedBoot,
    /// The hash of all that was checked; since version 3.
    pub verified_boot_hash: Option<Vec<u8>>,
}

/// An app that used the key store under the user id to which the key belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version code.
    pub version: u64,
}

/// The apps that can use the key, as the system says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApplicationId {
    /// More than one where apps share a user id.
    pub packages: Vec<Package>,
    /// The SHA-256 of each certificate that signs them.
    pub signers: Vec<Vec<u8>>,
}

/// What holds for a key, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizationList {
    /// 0 encrypt, 1 decrypt, 2 sign, 3 verify, and later ones.
    pub purposes: Vec<u64>,
    /// 1 RSA, 3 elliptic curves, 4 ML-DSA.
    pub algorithm: Option<u64>,
    /// In bits.
    pub key_size: Option<u64>,
    /// 1 for P-256.
    pub ec_curve: Option<u64>,
    /// When it was made, in milliseconds since 1970, by the device's clock.
    pub created_at: Option<u64>,
    /// 0 generated, 1 derived, 2 imported, 4 securely imported.
    pub origin: Option<u64>,
    /// The system that the device runs.
    pub root_of_trust: Option<RootOfTrust>,
    /// As 140000 for 14.0.0.
    pub os_version: Option<u64>,
    /// YYYYMM.
    pub os_patch_level: Option<u64>,
    /// YYYYMM or YYYYMMDD.
    pub vendor_patch_level: Option<u64>,
    /// YYYYMM or YYYYMMDD.
    pub boot_patch_level: Option<u64>,
    /// The apps that can use it.
    pub application_id: Option<ApplicationId>,
}

/// The whole description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// The version of the schema: 1 to 4, 100, 200, 300 and so on.
    pub attestation_version: u64,
    /// Where this description was made.
    pub attestation_security_level: SecurityLevel,
    /// The version of what keeps the keys.
    pub keymint_version: u64,
    /// Where the key is kept.
    pub keymint_security_level: SecurityLevel,
    /// What the app asked to be put in.
    pub challenge: Vec<u8>,
    /// What the operating system says.
    pub software: AuthorizationList,
    /// What the hardware says.
    pub hardware: AuthorizationList,
}

/// The values of a constructed ASN.1 type, one after the other.
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    fn of(any: &Any<'a>, tag: Tag) -> Result<Self> {
        let fits = any.class() == Class::Universal && any.tag() == tag && any.header.is_constructed();
        if fits { Ok(Self(any.data)) } else { Err(Refusal::Malformed("another ASN.1 type in the key description")) }
    }

    fn next(&mut self) -> Result<Option<Any<'a>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (rest, any) = Any::from_ber(self.0).map_err(|_| Refusal::Malformed("ASN.1 of the key description"))?;
        self.0 = rest;
        Ok(Some(any))
    }

    fn required(&mut self) -> Result<Any<'a>> {
        self.next()?.ok_or(Refusal::Malformed("the key description is too short"))
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Malformed("data after the key description")) }
    }
}

/// The only value in `bytes`.
fn whole(bytes: &[u8]) -> Result<Any<'_>> {
    let mut values = Values(bytes);
    let any = values.required()?;
    values.end().map(|()| any)
}

fn bytes<'a>(any: &Any<'a>, tag: Tag) -> Result<&'a [u8]> {
    let fits = any.class() == Class::Universal && any.tag() == tag && any.header.is_primitive();
    if fits { Ok(any.data) } else { Err(Refusal::Malformed("another ASN.1 type in the key description")) }
}

fn number(any: &Any<'_>, tag: Tag) -> Result<u64> {
    let bytes = bytes(any, tag)?;
    let out_of_range = Refusal::Malformed("a number of the key description is out of range");
    if bytes.first().is_none_or(|first| *first >= 0x80) {
        return Err(out_of_range);
    }
    let digits = bytes.iter().copied().skip_while(|byte| *byte == 0);
    digits
        .clone()
        .count()
        .le(&8)
        .then(|| digits.fold(0, |number, byte| number << 8 | u64::from(byte)))
        .ok_or(out_of_range)
}

fn integer(any: &Any<'_>) -> Result<u64> {
    number(any, Tag::Integer)
}

fn security_level(any: &Any<'_>) -> Result<SecurityLevel> {
    match number(any, Tag::Enumerated)? {
        0 => Ok(SecurityLevel::Software),
        1 => Ok(SecurityLevel::TrustedEnvironment),
        2 => Ok(SecurityLevel::StrongBox),
        _ => Err(Refusal::Malformed("a security level that is not known")),
    }
}

impl RootOfTrust {
    fn read(any: &Any<'_>) -> Result<Self> {
        let mut values = Values::of(any, Tag::Sequence)?;
        let verified_boot_key = bytes(&values.required()?, Tag::OctetString)?.to_vec();
        // DER has 0xff for true. Some makers wrote another value than zero, which in BER is true as well.
        let device_locked = match bytes(&values.required()?, Tag::Boolean)? {
            [value] => *value != 0,
            _ => return Err(Refusal::Malformed("whether the device is locked")),
        };
        let verified_boot = match number(&values.required()?, Tag::Enumerated)? {
            0 => VerifiedBoot::Verified,
            1 => VerifiedBoot::SelfSigned,
            2 => VerifiedBoot::Unverified,
            3 => VerifiedBoot::Failed,
            _ => return Err(Refusal::Malformed("a state of verified boot that is not known")),
        };
        let hash = values.next()?.map(|any| bytes(&any, Tag::OctetString).map(<[u8]>::to_vec)).transpose()?;
        values.end()?;
        Ok(Self { verified_boot_key, device_locked, verified_boot, verified_boot_hash: hash })
    }
}

impl ApplicationId {
    fn read(any: &Any<'_>) -> Result<Self> {
        let inner = whole(bytes(any, Tag::OctetString)?)?;
        let mut values = Values::of(&inner, Tag::Sequence)?;
        let mut packages = Values::of(&values.required()?, Tag::Set)?;
        let mut signers = Values::of(&values.required()?, Tag::Set)?;
        values.end()?;
        let mut read = Self::default();
        while let Some(package) = packages.next()? {
            let mut values = Values::of(&package, Tag::Sequence)?;
            let name = std::str::from_utf8(bytes(&values.required()?, Tag::OctetString)?);
            let name = name.map_err(|_| Refusal::Malformed("the name of a package"))?.to_owned();
            let version = integer(&values.required()?)?;
            values.end()?;
            read.packages.push(Package { name, version });
        }
        while let Some(signer) = signers.next()? {
            read.signers.push(bytes(&signer, Tag::OctetString)?.to_vec());
        }
        Ok(read)
    }
}

impl AuthorizationList {
    fn read(any: &Any<'_>) -> Result<Self> {
        let mut values = Values::of(any, Tag::Sequence)?;
        let mut list = Self::default();
        let mut seen = Vec::new();
        while let Some(entry) = values.next()? {
            if entry.class() != Class::ContextSpecific || !entry.header.is_constructed() {
                return Err(Refusal::Malformed("an entry of an authorization list has no tag"));
            }
            let tag = entry.tag().0;
            if seen.contains(&tag) {
                return Err(Refusal::Malformed("an entry of an authorization list is there twice"));
            }
            seen.push(tag);
            let value = || whole(entry.data);
            let some = || value().and_then(|any| integer(&any)).map(Some);
            match tag {
                1 => {
                    let mut purposes = Values::of(&value()?, Tag::Set)?;
                    while let Some(purpose) = purposes.next()? {
                        list.purposes.push(integer(&purpose)?);
                    }
                }
                2 => list.algorithm = some()?,
                3 => list.key_size = some()?,
                10 => list.ec_curve = some()?,
                701 => list.created_at = some()?,
                702 => list.origin = some()?,
                704 => list.root_of_trust = Some(RootOfTrust::read(&value()?)?),
                705 => list.os_version = some()?,
                706 => list.os_patch_level = some()?,
                709 => list.application_id = Some(ApplicationId::read(&value()?)?),
                718 => list.vendor_patch_level = some()?,
                719 => list.boot_patch_level = some()?,
                _ => {}
            }
        }
        Ok(list)
    }
}

impl KeyDescription {
    /// Reads the value of the extension.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn read(extension: &[u8]) -> Result<Self> {
        let mut values = Values::of(&whole(extension)?, Tag::Sequence)?;
        let attestation_version = integer(&values.required()?)?;
        let attestation_security_level = security_level(&values.required()?)?;
        let keymint_version = integer(&values.required()?)?;
        let keymint_security_level = security_level(&values.required()?)?;
        let challenge = bytes(&values.required()?, Tag::OctetString)?.to_vec();
        // The unique id: it would tell devices apart, and is not wanted here.
        bytes(&values.required()?, Tag::OctetString)?;
        let software = AuthorizationList::read(&values.required()?)?;
        let hardware = AuthorizationList::read(&values.required()?)?;
        values.end()?;
        Ok(Self {
            attestation_version,
            attestation_security_level,
            keymint_version,
            keymint_security_level,
            challenge,
            software,
            hardware,
        })
    }

    /// The weaker of where the key is kept and where its description was made: a description from software may say
    /// anything of the hardware.
    #[must_use]
    pub fn security_level(&self) -> SecurityLevel {
        self.attestation_security_level.min(self.keymint_security_level)
    }

    /// What the hardware says, or of a key in software the system in its place.
    fn enforced<'a, T>(&'a self, field: impl Fn(&'a AuthorizationList) -> Option<T>) -> Option<T> {
        let software = || field(&self.software).filter(|_| self.security_level() == SecurityLevel::Software);
        field(&self.hardware).or_else(software)
    }

    /// The system that the device runs.
    #[must_use]
    pub fn root_of_trust(&self) -> Option<&RootOfTrust> {
        self.enforced(|list| list.root_of_trust.as_ref())
    }

    /// The security patch of the system, YYYYMM.
    #[must_use]
    pub fn os_patch_level(&self) -> Option<u64> {
        self.enforced(|list| list.os_patch_level)
    }

    /// The purposes of the key.
    #[must_use]
    pub fn purposes(&self) -> &[u64] {
        self.enforced(|list| Some(list.purposes.as_slice()).filter(|purposes| !purposes.is_empty())).unwrap_or_default()
    }

    /// How the key came to be, in Android's word.
    #[must_use]
    pub fn origin(&self) -> &'static str {
        match self.enforced(|list| list.origin) {
            Some(0) => "generated",
            Some(1) => "derived",
            Some(2) => "imported",
            Some(4) => "securely_imported",
            Some(_) => "unknown",
            None => "not stated",
        }
    }

    /// The apps that can use the key. Only the system knows them: they are worth what the root of trust is.
    #[must_use]
    pub fn application_id(&self) -> Option<&ApplicationId> {
        self.software.application_id.as_ref().or(self.hardware.application_id.as_ref())
    }
}
