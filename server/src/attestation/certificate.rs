//! Certificates of attestation chains.
//!
//! These chains are not those of TLS: leaves are dated 1970, names do not always chain, and some makers shipped encodings
//! that are not strictly DER. So certificates are read by a parser that takes those, signatures are checked over the
//! bytes as they came, and the chain is walked here. What binds a certificate to the next one is the signature alone.

use jiff::Timestamp;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::oid_registry::Oid;
use x509_parser::oid_registry::asn1_rs::oid;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate, X509Name};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::{Refusal, RevocationList, Root};

/// A chain has at most so many certificates.
pub(super) const MOST: usize = 10;

/// A public key, as far as signatures of chains are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    kind: Kind,
    bits: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    /// One that signs no certificate here, such as ML-DSA in a leaf.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    EcdsaSha384,
    Other,
}

impl Algorithm {
    fn of(identifier: &AlgorithmIdentifier<'_>) -> Self {
        let known = [
            (oid!(1.2.840.113549.1.1.11), Self::RsaSha256),
            (oid!(1.2.840.113549.1.1.12), Self::RsaSha384),
            (oid!(1.2.840.113549.1.1.13), Self::RsaSha512),
            (oid!(1.2.840.10045.4.3.2), Self::EcdsaSha256),
            (oid!(1.2.840.10045.4.3.3), Self::EcdsaSha384),
        ];
        known.into_iter().find(|(oid, _)| *oid == identifier.algorithm).map_or(Self::Other, |(_, algorithm)| algorithm)
    }
}

impl Key {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, 4.1).
    fn read(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let parameters = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let kind = if info.algorithm.algorithm == oid!(1.2.840.113549.1.1.1) {
            Kind::Rsa
        } else if info.algorithm.algorithm == oid!(1.2.840.10045.2.1) {
            match parameters {
                Some(curve) if curve == oid!(1.2.840.10045.3.1.7) => Kind::P256,
                Some(curve) if curve == oid!(1.3.132.0.34) => Kind::P384,
                _ => Kind::Other,
            }
        } else {
            Kind::Other
        };
        Self { kind, bits: info.subject_public_key.data.to_vec() }
    }

    /// Reads a public key in DER, which is all of `bytes`.
    #[must_use]
    pub fn from_der(bytes: &[u8]) -> Option<Self> {
        match SubjectPublicKeyInfo::from_der(bytes) {
            Ok(([], info)) => Some(Self::read(&info)),
            _ => None,
        }
    }

    /// A P-256 key of its uncompressed point.
    #[must_use]
    pub fn p256(point: &[u8]) -> Self {
        Self { kind: Kind::P256, bits: point.to_vec() }
    }

    /// The uncompressed point of a P-256 key.
    #[must_use]
    pub fn point(&self) -> Option<&[u8]> {
        (self.kind == Kind::P256).then_some(&self.bits)
    }

    /// Whether this key made `signature` over `message`, as `algorithm` has it.
    fn signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8], short_rsa: bool) -> bool {
        let verification: &dyn VerificationAlgorithm = match (self.kind, algorithm) {
            // Only a root of software, which proves nothing anyway, has so short a key.
            (Kind::Rsa, Algorithm::RsaSha256) if short_rsa => {
                &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
            }
            (Kind::Rsa, Algorithm::RsaSha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, Algorithm::RsaSha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, Algorithm::RsaSha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Kind::P256, Algorithm::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Kind::P256, Algorithm::EcdsaSha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (Kind::P384, Algorithm::EcdsaSha256) => &signature::ECDSA_P384_SHA256_ASN1,
            (Kind::P384, Algorithm::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
            _ => return false,
        };
        UnparsedPublicKey::new(verification, &self.bits).verify(message, signature).is_ok()
    }

    /// Whether this key made an ES256 signature, in DER, over `message`.
    pub(super) fn signed_es256(&self, message: &[u8], signature: &[u8]) -> bool {
        self.signed(Algorithm::EcdsaSha256, message, signature, false)
    }
}

/// A certificate, as far as a chain needs it.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The serial number in lower-case hexadecimal without leading zeros, as revocation lists have it.
    pub serial: String,
    /// Its key.
    pub key: Key,
    /// Whether its subject is one that factories write into the hardware: a serial number, and where the keys live.
    pub is_of_factory: bool,
    signed: Vec<u8>,
    algorithm: Algorithm,
    signature: Vec<u8>,
    valid_from: Timestamp,
    valid_until: Timestamp,
    authority: Option<Authority>,
    extensions: Vec<(Oid<'static>, Vec<u8>)>,
}

/// That a certificate may sign others.
#[derive(Debug, Clone, Copy)]
struct Authority {
    /// How many authorities may stand between it and the leaf.
    path_length: Option<u32>,
}

/// A certificate's dates have no year that a time could not be.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

impl Certificate {
    /// Reads one certificate and answers what follows it.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Refusal> {
        let (rest, parsed) = X509Certificate::from_der(bytes).map_err(|_| Refusal::Malformed("not a certificate"))?;
        let constraints = parsed.basic_constraints().map_err(|_| Refusal::Malformed("basic constraints"))?;
        let authority = constraints
            .filter(|constraints| constraints.value.ca)
            .map(|constraints| Authority { path_length: constraints.value.path_len_constraint });
        let may_sign = parsed.key_usage().map_err(|_| Refusal::Malformed("key usage"))?;
        let may_sign = may_sign.is_none_or(|usage| usage.value.key_cert_sign());
        let serial = data_encoding::HEXLOWER.encode(parsed.raw_serial());
        let certificate = Self {
            serial: Some(serial.trim_start_matches('0')).filter(|serial| !serial.is_empty()).unwrap_or("0").to_owned(),
            key: Key::read(parsed.public_key()),
            is_of_factory: is_of_factory(parsed.subject()),
            signed: parsed.tbs_certificate.as_ref().to_vec(),
            algorithm: Algorithm::of(&parsed.signature_algorithm),
            signature: parsed.signature_value.data.to_vec(),
            valid_from: time(parsed.validity().not_before.timestamp()),
            valid_until: time(parsed.validity().not_after.timestamp()),
            authority: authority.filter(|_| may_sign),
            extensions: parsed
                .extensions()
                .iter()
                .filter(|extension| {
                    matches!(extension.parsed_extension(), ParsedExtension::UnsupportedExtension { .. })
                })
                .map(|extension| (extension.oid.to_owned(), extension.value.to_vec()))
                .collect(),
        };
        Ok((certificate, rest))
    }

    /// Reads a chain of DER certificates, leaf first, one after the other.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], also for more than ten.
    pub fn read_chain(mut bytes: &[u8]) -> Result<Vec<Self>, Refusal> {
        let mut chain = Vec::new();
        while !bytes.is_empty() {
            if chain.len() == MOST {
                return Err(Refusal::Malformed("more certificates than any chain has"));
            }
            let (certificate, rest) = Self::read(bytes)?;
            chain.push(certificate);
            bytes = rest;
        }
        if chain.is_empty() { Err(Refusal::Malformed("no certificate")) } else { Ok(chain) }
    }

    /// The value of an extension that only attestation knows.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when it is there twice.
    pub(super) fn extension(&self, oid: &Oid<'_>) -> Result<Option<&[u8]>, Refusal> {
        let mut found = self.extensions.iter().filter(|(known, _)| known == oid).map(|(_, value)| value.as_slice());
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            _ => Err(Refusal::Malformed("an extension is there twice")),
        }
    }

    fn is_signed_by(&self, key: &Key, short_rsa: bool) -> bool {
        key.signed(self.algorithm, &self.signed, &self.signature, short_rsa)
    }

    fn check_dates(&self, place: usize, now: Timestamp) -> Result<(), Refusal> {
        if now > self.valid_until {
            return Err(Refusal::Expired { place, end: self.valid_until });
        }
        if now < self.valid_from {
            return Err(Refusal::NotYetValid { place, start: self.valid_from });
        }
        Ok(())
    }
}

/// Android's factories name the certificates below the root by a serial number and by where the keys live, as title.
fn is_of_factory(subject: &X509Name<'_>) -> bool {
    let mut serial = false;
    let mut place = false;
    for attribute in subject.iter_attributes() {
        serial |= *attribute.attr_type() == oid!(2.5.4.5);
        place |= *attribute.attr_type() == oid!(2.5.4.12) && matches!(attribute.as_str(), Ok("TEE" | "StrongBox"));
    }
    serial && place
}

/// A chain whose signatures hold, up to one of the roots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchored<'a> {
    /// The root.
    pub(super) root: &'a Root,
    /// How many certificates of the chain are below the root: a copy of the root itself is not counted.
    pub(super) below: usize,
}

/// Follows the signatures of a chain from its leaf to one of `roots`. What is trusted is a key: any certificate of it at
/// the end of the chain counts, and none is needed.
pub(super) fn anchor<'a>(chain: &[Certificate], roots: &'a [Root]) -> Result<Anchored<'a>, Refusal> {
    let last = chain.last().ok_or(Refusal::UnknownRoot)?;
    let root = roots.iter().find(|root| last.is_signed_by(&root.key, root.is_software)).ok_or(Refusal::UnknownRoot)?;
    for (place, (certificate, issuer)) in chain.iter().zip(chain.iter().skip(1)).enumerate() {
        let authority = issuer.authority.ok_or(Refusal::NotAuthority(place + 1))?;
        let between = u32::try_from(place).unwrap_or(u32::MAX);
        if authority.path_length.is_some_and(|most| between > most) {
            return Err(Refusal::NotAuthority(place + 1));
        }
        if !certificate.is_signed_by(&issuer.key, root.is_software) {
            return Err(Refusal::Signature(place));
        }
    }
    let below = if last.key == root.key { chain.len() - 1 } else { chain.len() };
    Ok(Anchored { root, below })
}

/// Checks the dates of the certificates from the place `from` up to the root, which has none that count.
pub(super) fn check_dates(
    chain: &[Certificate],
    anchored: Anchored<'_>,
    from: usize,
    now: Timestamp,
) -> Result<(), Refusal> {
    let dated = chain.iter().enumerate().take(anchored.below).skip(from);
    dated.into_iter().try_for_each(|(place, certificate)| certificate.check_dates(place, now))
}

/// Looks every certificate of a chain up in the revocation list.
pub(super) fn check_revocation(chain: &[Certificate], list: &RevocationList) -> Result<(), Refusal> {
    chain.iter().try_for_each(|certificate| match list.find(&certificate.serial) {
        None => Ok(()),
        Some(revocation) => {
            Err(Refusal::Revoked { serial: certificate.serial.clone(), revocation: revocation.clone() })
        }
    })
}
