//! Somebody whom the server calls: an HTTPS server, of HTTP/2 or 1.1 as the caller likes, that notes what arrives and
//! answers as the test says. It stands in for push services and for applications' endpoints.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri, Version};
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

use crate::Installation;
use crate::patience::PATIENCE;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The version of HTTP.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// Host and port, where the address named them (HTTP/2).
    pub authority: String,
    /// The path and the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Arrived {
    /// A header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Prepared {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Prepared {
    /// An answer with a status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl ToString) -> Self {
        self.body = body.to_string();
        self
    }

    fn response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(self.body.into()).unwrap()
    }
}

#[derive(Default)]
struct State {
    arrived: Vec<Arrived>,
    seen: usize,
    prepared: VecDeque<Prepared>,
}

/// A running receiver. It ends with the test's runtime.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// Starts one that answers 200 to whatever nothing else was prepared for.
    #[must_use]
    pub fn start() -> Self {
        Self::answering(|_| Prepared::status(200))
    }

    /// Starts one that answers by a rule where nothing else was prepared.
    #[must_use]
    pub fn answering(rule: impl Fn(&Arrived) -> Prepared + Send + Sync + 'static) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (noted, rule) = (Arc::clone(&state), Arc::new(rule));
        let router = Router::new().fallback(
            move |version: Version, method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let (noted, rule) = (Arc::clone(&noted), Arc::clone(&rule));
                async move {
                    let path = uri.path_and_query().unwrap().to_string();
                    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
                    let arrived = Arrived { version, method, authority, path, headers, body: body.to_vec() };
                    let by_rule = rule(&arrived);
                    let mut state = noted.lock().unwrap();
                    state.arrived.push(arrived);
                    state.prepared.pop_front().unwrap_or(by_rule).response()
                }
            },
        );
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls())).unwrap();
        tokio::spawn(server.serve(router.into_make_service()));
        Self { url, state }
    }

    /// Answers the next request so; several are answered in this order.
    pub fn prepare(&self, answer: Prepared) {
        self.state.lock().unwrap().prepared.push_back(answer);
    }

    /// Waits for the next request that was not seen yet.
    pub async fn next(&self) -> Arrived {
        let until = Instant::now() + PATIENCE;
        loop {
            {
                let mut state = self.state.lock().unwrap();
                if let Some(arrived) = state.arrived.get(state.seen).cloned() {
                    state.seen += 1;
                    return arrived;
                }
            }
            assert!(Instant::now() < until, "nothing arrives");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Answers by the rule from now on.
    pub fn forget_prepared(&self) {
        self.state.lock().unwrap().prepared.clear();
    }

    /// Looks away from everything that has arrived.
    pub fn forget_arrived(&self) {
        let mut state = self.state.lock().unwrap();
        state.seen = state.arrived.len();
    }

    /// Everything that has arrived.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }
}

/// Lets the servers of an installation call receivers: they lie on loopback, under an authority of the tests.
#[must_use]
pub fn calling_receivers(installation: Installation) -> Installation {
    let file = installation.beside("receivers.pem");
    write_authority(&file);
    let networks = r#"["127.0.0.0/8"]"#;
    installation.configured("OUTBOUND__AUTHORITIES", file.to_str().unwrap()).configured("OUTBOUND__NETWORKS", networks)
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), certificate }
    })
}

pub(crate) fn write_authority(file: &Path) {
    std::fs::write(file, &authority().certificate).unwrap();
}

/// A certificate for this machine under the authority of the tests, and its key.
pub(crate) fn certificate() -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    (CertificateParams::new(names).unwrap().signed_by(&key, &authority().issuer).unwrap(), key)
}

fn tls() -> Arc<rustls::ServerConfig> {
    let (leaf, key) = certificate();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
