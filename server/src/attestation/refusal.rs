//! Why a statement is not believed, or not enough.

use jiff::Timestamp;

use super::revocation::Revocation;

/// The rule that a statement breaks. Its text is for the audit and for administrators; [`Refusal::name`] is for programs
/// and [`Refusal::sentence`] for the person who holds the device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not the form that the platform gives out.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// No statement at all.
    #[error("the device sent no attestation")]
    Missing,
    /// No accepted root stands at the end of the chain.
    #[error("the chain ends at no accepted root")]
    UnknownRoot,
    /// A certificate was not signed by the next one's key.
    #[error("certificate {0} of the chain was not signed by the one after it")]
    Signature(usize),
    /// A certificate signs another and may not.
    #[error("certificate {0} of the chain signs another one and is no authority")]
    NotAuthority(usize),
    /// A certificate is used after its time.
    #[error("certificate {place} of the chain expired at {end}")]
    Expired {
        /// Which, counted from the leaf.
        place: usize,
        /// When its time ended.
        end: Timestamp,
    },
    /// A certificate is used before its time.
    #[error("certificate {place} of the chain is valid from {start} on")]
    NotYetValid {
        /// Which, counted from the leaf.
        place: usize,
        /// When its time begins.
        start: Timestamp,
    },
    /// A certificate of the chain is on the revocation list.
    #[error("certificate {serial} of the chain is {revocation}")]
    Revoked {
        /// The serial number, in hexadecimal.
        serial: String,
        /// What the list says of it.
        revocation: Revocation,
    },
    /// The revocation list is too old to rely on, or there is none.
    #[error("the revocation list is {0}")]
    RevocationList(&'static str),
    /// The leaf describes no key.
    #[error("the leaf has no key description")]
    NoKeyDescription,
    /// Another certificate than the leaf describes a key: the key of that one may have been used to sign a forged leaf.
    #[error("certificate {0} of the chain has a key description, which belongs into the leaf")]
    KeyDescriptionElsewhere(usize),
    /// Made for another occasion.
    #[error("the challenge is another one")]
    WrongChallenge,
    /// The key, or what vouches for it, lives in software.
    #[error("the key is not in secure hardware: {0}")]
    SoftwareKey(&'static str),
    /// The statement is about another key than the device uses.
    #[error("the attested key is another one than the device's")]
    WrongKey,
    /// The key can be used for something else, or not for signing.
    #[error("the key's purposes are {0:?}: it must sign, and do nothing else but verify")]
    WrongPurpose(Vec<u64>),
    /// The key was not made in the hardware, so somebody else may have it.
    #[error("the key was not generated in the hardware: its origin is {0}")]
    WrongOrigin(&'static str),
    /// Made by an app that is not accepted.
    #[error("the app is not accepted: {0}")]
    WrongApp(String),
    /// The boot loader starts any system.
    #[error("the boot loader is unlocked")]
    Unlocked,
    /// The system that runs is not the maker's.
    #[error("the system that was started is {0}")]
    UnverifiedBoot(&'static str),
    /// The hardware says nothing of the system that was started.
    #[error("the hardware does not say which system was started")]
    NoRootOfTrust,
    /// The system's security patches are too old.
    #[error("the security patch level is {0}, older than the policy accepts")]
    OldPatchLevel(String),
    /// App Attest: made over other data.
    #[error("the nonce does not fit the authenticator data and the client data")]
    WrongNonce,
    /// App Attest: another key than the one that was named.
    #[error("the key id is not that of the attested key")]
    WrongKeyId,
    /// App Attest: for another environment.
    #[error("the environment is {0}")]
    WrongEnvironment(String),
    /// App Attest: the key was used before it was attested, or an assertion is an old one.
    #[error("the counter is {found}, and must be {expected}")]
    WrongCounter {
        /// What the statement has.
        found: u32,
        /// What it should have.
        expected: String,
    },
    /// App Attest: not signed by the attested key.
    #[error("the assertion is not signed by the attested key")]
    WrongAssertion,
}

impl Refusal {
    /// The name of the rule, for programs; it does not change.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Missing => "missing",
            Self::UnknownRoot => "unknown_root",
            Self::Signature(_) => "bad_signature",
            Self::NotAuthority(_) => "not_an_authority",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Revoked { revocation, .. } => revocation.status.name(),
            Self::RevocationList(_) => "revocation_list",
            Self::NoKeyDescription => "no_key_description",
            Self::KeyDescriptionElsewhere(_) => "key_description_elsewhere",
            Self::WrongChallenge => "wrong_challenge",
            Self::SoftwareKey(_) => "software_key",
            Self::WrongKey => "wrong_key",
            Self::WrongPurpose(_) => "wrong_purpose",
            Self::WrongOrigin(_) => "wrong_origin",
            Self::WrongApp(_) => "wrong_app",
            Self::Unlocked => "unlocked_boot_loader",
            Self::UnverifiedBoot(_) => "unverified_boot",
            Self::NoRootOfTrust => "no_root_of_trust",
            Self::OldPatchLevel(_) => "old_patch_level",
            Self::WrongNonce => "wrong_nonce",
            Self::WrongKeyId => "wrong_key_id",
            Self::WrongEnvironment(_) => "wrong_environment",
            Self::WrongCounter { .. } => "wrong_counter",
            Self::WrongAssertion => "wrong_assertion",
        }
    }

    /// What it means for the person who holds the device: a clause that can follow a colon.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::Missing => "this organisation takes phones only whose hardware vouches for their keys",
            Self::SoftwareKey(_) => "this device keeps its key in software, and not in secure hardware",
            Self::Unlocked => "the boot loader is unlocked, so the operating system can be replaced unnoticed",
            Self::UnverifiedBoot(_) | Self::NoRootOfTrust => {
                "the operating system is not one that the device's maker has signed"
            }
            Self::OldPatchLevel(_) => {
                "the security updates of this device are too old; install the latest system update"
            }
            Self::WrongApp(_) => "this app is not one that the organisation accepts; install the one that it names",
            Self::Revoked { .. } => "the maker of this device has withdrawn the certificate of its hardware",
            Self::Expired { .. } | Self::NotYetValid { .. } => {
                "the certificate of this device's hardware is not valid now; check its clock, connect it to the \
                 internet and try again"
            }
            Self::RevocationList(_) => {
                "the server can't check this device's hardware at the moment; tell the organisation's help desk"
            }
            Self::WrongEnvironment(_) => "this is a version of the app for developers; install the released one",
            _ => "what this device's hardware says of itself can't be verified",
        }
    }

    /// Whether it is the device that is not sound, rather than the proof: what the policy allows or not by *allow
    /// unsecure device*. A key in software is not among them.
    #[must_use]
    pub const fn is_of_unsecure_device(&self) -> bool {
        matches!(self, Self::Unlocked | Self::UnverifiedBoot(_) | Self::NoRootOfTrust)
    }
}
