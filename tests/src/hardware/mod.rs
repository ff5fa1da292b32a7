//! Simulated secure hardware: authorities of our own that make statements in the true formats, good ones and such that are
//! bad in one thing each.

mod android;
mod apple;

pub use android::{AndroidMaker, Claim, RsaKey, describe};
pub use apple::{AppleClaim, AppleMaker, AttestedKey};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData,
    SerialNumber, SignatureAlgorithm, date_time_ymd,
};

/// The certificates that lie one after the other in `chain`, each as it is.
#[must_use]
pub fn certificates(mut chain: &[u8]) -> Vec<Vec<u8>> {
    let mut certificates = Vec::new();
    // Each is a sequence with a length of two bytes.
    while let [0x30, 0x82, high, low, ..] = chain {
        let (certificate, rest) = chain.split_at(4 + usize::from(u16::from_be_bytes([*high, *low])));
        certificates.push(certificate.to_vec());
        chain = rest;
    }
    certificates
}

/// A P-256 key of which only the point is known here.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// What every certificate here has, valid in the years from and to.
fn certificate(name: &[(&[u64], &str)], serial: &[u8], years: (i32, i32), is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (attribute, value) in name {
        params.distinguished_name.push(DnType::CustomDnType(attribute.to_vec()), *value);
    }
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    }
    params
}

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const TITLE: &[u64] = &[2, 5, 4, 12];

fn p384() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()
}

fn p256() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}
