//! How a server's certificate is checked: by public roots, by the pinned authority, or, for a typed ticket, not at all.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use symbolon_core::keys::sha256;
use symbolon_core::signed::KeyHash;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Trust;

/// The TLS configuration for a trust.
pub(super) fn configuration(trust: &Trust) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::PublicAuthorities => {
            by_roots(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, provider)?
        }
        Trust::Authority(pin) => Arc::new(Verifier { trust: Certificates::OfAuthority(pin.clone()), provider }),
        Trust::Activation => Arc::new(Verifier { trust: Certificates::Any, provider }),
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The SHA-256 of the DER of a certificate's SubjectPublicKeyInfo: what tickets and registrations pin. `None` when it
/// is no certificate.
#[must_use]
pub fn spki_hash(certificate: &[u8]) -> Option<KeyHash> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(sha256(certificate.tbs_certificate.subject_pki.raw).into())
}

/// Checks the handshake's signatures as usual, and the certificate as `trust` says.
#[derive(Debug)]
struct Verifier {
    trust: Certificates,
    provider: Arc<CryptoProvider>,
}

/// Which certificates are taken that no public root vouches for.
#[derive(Debug)]
enum Certificates {
    /// Those of the authority with this key: the certificate in the presented chain that has it becomes the only root, and
    /// all else is verified as usual (signatures, validity, server authentication, the name). So leaves may change as
    /// often as the server likes.
    OfAuthority(KeyHash),
    /// Any. Trying the public roots first would add nothing: who stands in the middle would fail them.
    Any,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Certificates::OfAuthority(pin) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let pinned = |certificate: &&CertificateDer<'_>| spki_hash(certificate).as_ref() == Some(pin);
        let authority = intermediates.iter().find(pinned).ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        by_roots(roots, Arc::clone(&self.provider))?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn by_roots(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::General(error.to_string()))
}
