//! TLS: a certificate from files, or from an authority that the server makes for itself. Tickets pin the key of that
//! authority, so the certificates under it may change freely; and another authority takes its place by its word.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use symbolon_core::keys::sha256;
use symbolon_core::signed::KeyHash;

use crate::config::TlsFiles;
use crate::service::installation::Authority;

/// How long a certificate under the server's own authority lasts; another is made at each start and each day.
const LEAF_DAYS: i64 = 30;

/// Makes a new authority.
///
/// # Errors
/// When the machine has no randomness.
pub(crate) fn make_authority(issuer: &str) -> anyhow::Result<Authority> {
    let key = KeyPair::generate()?;
    let certificate = authority_params(issuer)?.self_signed(&key)?;
    Ok(Authority { certificates: certificate.pem(), key: key.serialize_pem().into() })
}

/// Makes the authority that is to follow another one, which vouches for it: so those who trust the one before, and no
/// other, get on with it. `issuer` must differ from that of the one before.
///
/// # Errors
/// When the one before can't be read, or the machine has no randomness.
pub(crate) fn make_successor(before: &Authority, issuer: &str) -> anyhow::Result<Authority> {
    let mut next = make_authority(issuer)?;
    let key = KeyPair::from_pem(&next.key)?;
    let by_the_one_before = authority_params(issuer)?.signed_by(&key, &issuer_of(before)?)?;
    next.certificates += &by_the_one_before.pem();
    next.certificates += own_certificate(&before.certificates);
    Ok(next)
}

fn authority_params(issuer: &str) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, format!("{issuer} Symbolon authority"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    Ok(params)
}

fn issuer_of(authority: &Authority) -> anyhow::Result<Issuer<'static, KeyPair>> {
    let key = KeyPair::from_pem(&authority.key)?;
    Ok(Issuer::from_ca_cert_pem(own_certificate(&authority.certificates), key)?)
}

/// The first of an authority's certificates: its own, which programs are to trust.
#[must_use]
pub(crate) fn own_certificate(certificates: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    match certificates.find(END) {
        Some(end) => certificates.split_at(end + END.len()).0,
        None => certificates,
    }
}

/// The hash that tickets carry as `t`: SHA-256 over the authority's SubjectPublicKeyInfo.
///
/// # Errors
/// When the stored key can't be read.
pub(crate) fn pin(authority: &Authority) -> anyhow::Result<KeyHash> {
    let key = KeyPair::from_pem(&authority.key)?;
    Ok(sha256(&key.subject_public_key_info()).into())
}

/// A configuration with a fresh certificate under the server's own authority, for the names by which it is reached.
///
/// # Errors
/// When the authority can't be used.
pub(crate) fn under_own_authority(authority: &Authority, names: Vec<String>) -> anyhow::Result<Arc<ServerConfig>> {
    let issuer = issuer_of(authority)?;
    let key = KeyPair::generate()?;
    let now = jiff::Timestamp::now().as_second();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Symbolon server");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // A day of grace before now, for phones whose clock is behind.
    params.not_before = moment(now - 86_400)?;
    params.not_after = moment(now + LEAF_DAYS * 86_400)?;
    let leaf = params.signed_by(&key, &issuer)?;
    let mut chain = vec![leaf.der().clone()];
    for certificate in CertificateDer::pem_slice_iter(authority.certificates.as_bytes()) {
        chain.push(certificate?);
    }
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    server_config(chain, key)
}

fn moment(second: i64) -> anyhow::Result<time::OffsetDateTime> {
    Ok(time::OffsetDateTime::from_unix_timestamp(second)?)
}

/// A configuration from files.
///
/// # Errors
/// When a file can't be read, or certificate and key do not belong together.
pub(crate) fn from_files(files: &TlsFiles) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = chain(files)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("the key {} can't be read", files.key.display()))?;
    server_config(chain, key)
}

/// When the first of a chain's certificates to end does.
///
/// # Errors
/// When the file can't be read.
pub(crate) fn ends_at(files: &TlsFiles) -> anyhow::Result<jiff::Timestamp> {
    let mut first = jiff::Timestamp::MAX;
    for certificate in chain(files)? {
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .with_context(|| format!("the certificate {} can't be read", files.certificate.display()))?;
        first = first.min(jiff::Timestamp::from_second(parsed.validity().not_after.timestamp())?);
    }
    Ok(first)
}

fn chain(files: &TlsFiles) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificate = &files.certificate;
    CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("the certificate {} can't be read", certificate.display()))
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Over HTTP/2 a refusal that comes before the body was read resets the stream, and some clients then lose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The names under which a server is reached: its own, the loopback's, and the one that phones use.
#[must_use]
pub(crate) fn names(listen: IpAddr, public_host: Option<&str>) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    names.extend(public_host.map(str::to_owned));
    names.sort();
    names.dedup();
    names
}
