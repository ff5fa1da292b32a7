//! Android's Key Attestation: a chain of certificates whose leaf is of the key and describes it.

mod description;

use jiff::Timestamp;
use symbolon_core::policy::{AndroidApp, OldestPatchLevel};
use x509_parser::oid_registry::asn1_rs::oid;

use super::certificate::{self, Certificate};
use super::{Refusal, RevocationList, Root, Roots};
pub use description::{
    ApplicationId, AuthorizationList, KeyDescription, Package, RootOfTrust, SecurityLevel, VerifiedBoot,
};

/// How the hardware came by the certificate of its attestation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    /// In the factory, for as long as the device lives: dates are not looked at.
    Factory,
    /// Over the network, for weeks: dates count.
    Remote,
    /// Not at all: a key that anybody has.
    Software,
}

/// A statement as it was sent: read, and not believed.
#[derive(Debug, Clone)]
pub struct Statement {
    chain: Vec<Certificate>,
    description: Result<KeyDescription, Refusal>,
}

/// Which app may have made a key. What is left out is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedApp<'a> {
    /// The package.
    pub package: Option<&'a str>,
    /// The SHA-256 of the certificate that signs it.
    pub signer: Option<&'a [u8; 32]>,
}

impl<'a> From<&'a AndroidApp> for AcceptedApp<'a> {
    fn from(app: &'a AndroidApp) -> Self {
        Self { package: Some(app.package()), signer: Some(app.signer()) }
    }
}

/// What a statement is held against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The keys at the end of accepted chains.
    pub roots: &'a Roots,
    /// What is revoked; `None` when nothing is known of that.
    pub revoked: Option<&'a RevocationList>,
    /// When the statement was made, or is judged.
    pub time: Timestamp,
    /// What was asked to be put in.
    pub challenge: &'a [u8],
    /// The uncompressed P-256 point of the key that the device uses; `None` for any key of any kind.
    pub key: Option<&'a [u8]>,
    /// The apps of which one must have made the key; any app when empty.
    pub apps: &'a [AcceptedApp<'a>],
    /// Whether keys in software will do.
    pub allow_software: bool,
    /// Whether the device may run any system.
    pub allow_unsecure_device: bool,
    /// The oldest security patch of the system.
    pub oldest_patch_level: OldestPatchLevel,
}

/// A statement that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed<'a> {
    /// The root at the end of its chain.
    pub root: &'a Root,
    /// How the hardware came by its certificate.
    pub provisioning: Provisioning,
}

impl Statement {
    /// Reads a chain, leaf first. A chain whose leaf describes no key is read too, so that it can be said what it is.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when it is no chain of certificates.
    pub fn read(chain: &[u8]) -> Result<Self, Refusal> {
        Ok(Self::of(Certificate::read_chain(chain)?))
    }

    fn of(chain: Vec<Certificate>) -> Self {
        let extension = match chain.first() {
            None => Err(Refusal::NoKeyDescription),
            Some(leaf) => leaf.extension(&KEY_DESCRIPTION).and_then(|found| found.ok_or(Refusal::NoKeyDescription)),
        };
        let description = extension.and_then(KeyDescription::read);
        Self { chain, description }
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// What the leaf says of its key.
    #[must_use]
    pub fn description(&self) -> Option<&KeyDescription> {
        self.description.as_ref().ok()
    }

    /// Holds the statement against what is expected.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge<'a>(&self, expected: &Expected<'a>) -> Result<Believed<'a>, Refusal> {
        if let Some(list) = expected.revoked {
            certificate::check_revocation(&self.chain, list)?;
        }
        let believed = self.judge_chain(expected)?;
        let description = self.description.as_ref().map_err(Clone::clone)?;
        if description.challenge != expected.challenge {
            return Err(Refusal::WrongChallenge);
        }
        if !expected.allow_software {
            if believed.root.is_software {
                return Err(Refusal::SoftwareKey("its chain ends at a root whose private key is public"));
            }
            if description.security_level() == SecurityLevel::Software {
                return Err(Refusal::SoftwareKey("its description says so"));
            }
        }
        self.judge_key(description, expected)?;
        // Before the app and the patch level, which only a sound system states truly.
        if !expected.allow_unsecure_device {
            judge_system(description)?;
        }
        judge_app(description, expected.apps)?;
        judge_patch_level(description, expected.oldest_patch_level)?;
        Ok(believed)
    }

    fn judge_chain<'a>(&self, expected: &Expected<'a>) -> Result<Believed<'a>, Refusal> {
        let anchored = certificate::anchor(&self.chain, expected.roots.as_slice())?;
        // Whoever owns a device can sign anything with its keys, also another leaf. But not without the description of
        // that key in the chain.
        let elsewhere = self.chain.iter().enumerate().skip(1);
        for (place, certificate) in elsewhere {
            if certificate.extension(&KEY_DESCRIPTION)?.is_some() {
                return Err(Refusal::KeyDescriptionElsewhere(place));
            }
        }
        let below_root = anchored.below.checked_sub(1).and_then(|place| self.chain.get(place));
        let provisioning = if anchored.root.is_software {
            Provisioning::Software
        } else if below_root.is_some_and(|certificate| certificate.is_of_factory) {
            Provisioning::Factory
        } else {
            Provisioning::Remote
        };
        if provisioning == Provisioning::Remote {
            // The leaf's dates are the device's own, by a clock that nobody has set.
            certificate::check_dates(&self.chain, anchored, 1, expected.time)?;
        }
        Ok(Believed { root: anchored.root, provisioning })
    }

    fn judge_key(&self, description: &KeyDescription, expected: &Expected<'_>) -> Result<(), Refusal> {
        if let Some(key) = expected.key {
            let attested = self.chain.first().and_then(|leaf| leaf.key.point());
            if attested != Some(key) {
                return Err(Refusal::WrongKey);
            }
        }
        let purposes = description.purposes();
        if !purposes.contains(&SIGN) || purposes.iter().any(|purpose| ![SIGN, VERIFY].contains(purpose)) {
            return Err(Refusal::WrongPurpose(purposes.to_vec()));
        }
        match description.origin() {
            "generated" => Ok(()),
            origin => Err(Refusal::WrongOrigin(origin)),
        }
    }
}

const KEY_DESCRIPTION: x509_parser::oid_registry::Oid<'static> = oid!(1.3.6.1.4.1.11129.2.1.17);
const SIGN: u64 = 2;
const VERIFY: u64 = 3;

fn judge_app(description: &KeyDescription, accepted: &[AcceptedApp<'_>]) -> Result<(), Refusal> {
    if accepted.is_empty() {
        return Ok(());
    }
    let id = description.application_id().ok_or_else(|| Refusal::WrongApp("it is not named".into()))?;
    let fits = |app: &AcceptedApp<'_>| {
        app.package.is_none_or(|package| id.packages.iter().any(|made| made.name == package))
            && app.signer.is_none_or(|signer| id.signers.iter().any(|made| made == signer))
    };
    if accepted.iter().any(fits) {
        return Ok(());
    }
    let packages: Vec<&str> = id.packages.iter().map(|package| package.name.as_str()).collect();
    let signers: Vec<String> = id.signers.iter().map(|signer| data_encoding::HEXLOWER.encode(signer)).collect();
    Err(Refusal::WrongApp(format!("{}, signed by {}", packages.join(" "), signers.join(" "))))
}

fn judge_system(description: &KeyDescription) -> Result<(), Refusal> {
    let root = description.root_of_trust().ok_or(Refusal::NoRootOfTrust)?;
    if !root.device_locked {
        return Err(Refusal::Unlocked);
    }
    match root.verified_boot {
        VerifiedBoot::Verified => Ok(()),
        other => Err(Refusal::UnverifiedBoot(other.name())),
    }
}

fn judge_patch_level(description: &KeyDescription, oldest: OldestPatchLevel) -> Result<(), Refusal> {
    if oldest == OldestPatchLevel::ANY {
        return Ok(());
    }
    match description.os_patch_level() {
        Some(level) if u32::try_from(level).is_ok_and(|level| oldest.admits(level)) => Ok(()),
        Some(level) => Err(Refusal::OldPatchLevel(level.to_string())),
        None => Err(Refusal::OldPatchLevel("not stated".into())),
    }
}
