//! Somebody between the phone and the server: terminates TLS under an authority of their own, reads everything, and
//! passes it on, changed or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri, header};
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::Wire;

/// Changes a message on its way: `true` for those to the server, then its path and its bytes.
type Change = dyn Fn(bool, &str, Vec<u8>) -> Vec<u8> + Send + Sync;

/// A running middleman. It ends with the test's runtime.
pub struct Middleman {
    /// Where it listens.
    pub url: String,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Middleman {
    /// Stands before a server and changes nothing.
    pub async fn before(server: Wire) -> Self {
        Self::changing(server, |_, _, bytes| bytes).await
    }

    /// Stands before a server and changes what passes.
    pub async fn changing(
        server: Wire,
        change: impl Fn(bool, &str, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let change: Arc<Change> = Arc::new(change);
        let noted = Arc::clone(&seen);
        let router = Router::new().fallback(move |uri: Uri, body: Bytes| {
            let (server, change, noted) = (server.clone(), Arc::clone(&change), Arc::clone(&noted));
            async move {
                noted.lock().unwrap().push(body.to_vec());
                let body = change(true, uri.path(), body.to_vec());
                let request = server.request("POST", uri.path()).header("content-type", "application/json").body(body);
                let reply = Wire::send(request).await;
                noted.lock().unwrap().push(reply.body.clone());
                let body = change(false, uri.path(), reply.body);
                (StatusCode::from_u16(reply.status).unwrap(), [(header::CONTENT_TYPE, reply.content_type)], body)
            }
        });
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(certificate())).unwrap();
        tokio::spawn(server.serve(router.into_make_service()));
        Self { url, seen }
    }

    /// Every body that passed.
    #[must_use]
    pub fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

/// A certificate for the server's name, valid in every way but for who vouches for it.
fn certificate() -> Arc<rustls::ServerConfig> {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let chain = vec![leaf.der().clone(), certificate.der().clone()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.serialize_der().try_into().unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
