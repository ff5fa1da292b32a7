//! Whom the phone trusts, against a real TLS server in this process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use symbolon_client::network::{Answer, Https, Message, Network, NetworkError, Trust, spki_hash};
use symbolon_core::signed::KeyHash;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn pin(authority: &Authority) -> KeyHash {
    spki_hash(authority.der()).unwrap()
}

/// What a server presents: its leaf, and the certificates that it sends with it.
struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

fn chain(issuer: &Authority, name: &str, sent: &[&Authority]) -> Chain {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = parameters.signed_by(&key, issuer).unwrap();
    let authorities = sent.iter().map(|authority| authority.der().clone());
    Chain { certificates: std::iter::once(leaf.der().clone()).chain(authorities).collect(), key }
}

/// Answers every request with `response`.
fn serve(chain: Chain, response: Vec<u8>) -> SocketAddr {
    let key = PrivateKeyDer::try_from(chain.key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.certificates, key)
        .unwrap();
    let configuration = Arc::new(configuration);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&configuration)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(&response);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn post(address: SocketAddr, trust: &Trust) -> Result<Answer, NetworkError> {
    let server = format!("https://{address}").parse().unwrap();
    let message = Message { server: &server, trust, path: "/", body: b"{}", timeout: Duration::from_secs(5) };
    Https::new("symbolon/test").post(message).await
}

fn untrusted(result: &Result<Answer, NetworkError>) -> bool {
    matches!(result, Err(NetworkError::Untrusted(_)))
}

#[tokio::test]
async fn the_pinned_authority_vouches_for_any_leaf_of_its_own() {
    let authority = authority();
    for _ in 0..2 {
        let address = serve(chain(&authority, "127.0.0.1", &[&authority]), ok("{}"));
        let answer = post(address, &Trust::Authority(pin(&authority))).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
    }
}

#[tokio::test]
async fn another_authority_is_refused() {
    let (ours, theirs) = (authority(), authority());
    let trust = Trust::Authority(pin(&ours));
    let address = serve(chain(&theirs, "127.0.0.1", &[&theirs]), ok("{}"));
    assert!(untrusted(&post(address, &trust).await));
    // The pinned certificate is not secret: whoever sends it along must still have a leaf that it signed.
    let address = serve(chain(&theirs, "127.0.0.1", &[&ours]), ok("{}"));
    assert!(untrusted(&post(address, &trust).await));
    let address = serve(chain(&theirs, "127.0.0.1", &[&theirs, &ours]), ok("{}"));
    assert!(untrusted(&post(address, &trust).await));
    // A leaf of ours, but without the certificate that the pin names.
    let address = serve(chain(&ours, "127.0.0.1", &[]), ok("{}"));
    assert!(untrusted(&post(address, &trust).await));
}

#[tokio::test]
async fn another_name_is_refused() {
    let authority = authority();
    let address = serve(chain(&authority, "symbolon.example", &[&authority]), ok("{}"));
    assert!(untrusted(&post(address, &Trust::Authority(pin(&authority))).await));
}

#[tokio::test]
async fn public_roots_do_not_know_a_private_authority_and_a_typed_activation_takes_it() {
    let authority = authority();
    let address = serve(chain(&authority, "127.0.0.1", &[&authority]), ok("{}"));
    assert!(untrusted(&post(address, &Trust::PublicAuthorities).await));
    assert_eq!(post(address, &Trust::Activation).await.unwrap().status, 200);
}

#[tokio::test]
async fn redirects_are_not_followed_and_answers_are_bounded() {
    let authority = authority();
    let trust = Trust::Authority(pin(&authority));
    let redirect = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: https://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let address = serve(chain(&authority, "127.0.0.1", &[&authority]), redirect.to_vec());
    assert_eq!(post(address, &trust).await.unwrap().status, 307);
    let address = serve(chain(&authority, "127.0.0.1", &[&authority]), ok(&"x".repeat(70_000)));
    assert!(matches!(post(address, &trust).await, Err(NetworkError::Unreachable(_))));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    assert!(matches!(post(address, &Trust::PublicAuthorities).await, Err(NetworkError::Unreachable(_))));
}
