//! HTTPS to others. Where somebody else has chosen the address, it may not lead into this server's own network: names
//! are resolved here, and connections are made to public addresses only, and to those that the configuration allows.
//! Redirects are not followed, and answers are read up to a bound.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use symbolon_core::push::Endpoint;
use url::Host;

use crate::config;
use crate::service::outbox::Outcome;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// So often a connection that is kept open is asked whether it still is one.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// No more is read of an answer, in bytes.
const LONGEST: usize = 16 * 1024;

/// Nobody is waited for longer, whatever `Retry-After` says.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// The ways out.
pub(super) struct Outbound {
    guarded: Client,
    configured: Client,
    http2: Client,
    networks: Arc<[IpNet]>,
}

/// What the other side answered.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// How long it asks to be left alone.
    pub(super) retry_after: Option<SignedDuration>,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
}

impl Outbound {
    pub(super) fn new(config: &config::Outbound) -> anyhow::Result<Self> {
        let tls = tls(config)?;
        let networks: Arc<[IpNet]> = config.networks.clone().into();
        let configured = client(config)?;
        let http2 = builder(tls.clone()).http2_prior_knowledge().http2_keep_alive_interval(KEEP_ALIVE).build()?;
        let guarded = builder(tls).dns_resolver(Arc::new(Guard(Arc::clone(&networks)))).build()?;
        Ok(Self { guarded, configured, http2, networks })
    }

    /// A request to an address that somebody else has chosen.
    ///
    /// # Errors
    /// The outcome, where the address is one that requests may not go to.
    pub(super) fn post(&self, endpoint: &Endpoint) -> Result<RequestBuilder, Outcome> {
        // The client resolves names only.
        match literal(endpoint) {
            Some(address) if !is_allowed(address, &self.networks) => Err(Outcome::refused(forbidden(address))),
            _ => Ok(self.guarded.post(endpoint.as_str())),
        }
    }

    /// A request to an address of the configuration.
    pub(super) fn configured(&self, url: &str) -> RequestBuilder {
        self.configured.post(url)
    }

    /// A request to an address of the configuration, over HTTP/2 and nothing else.
    pub(super) fn http2(&self, url: &str) -> RequestBuilder {
        self.http2.post(url)
    }
}

/// A client for an address of the configuration, which may lead anywhere.
pub(crate) fn client(config: &config::Outbound) -> anyhow::Result<Client> {
    Ok(builder(tls(config)?).build()?)
}

fn forbidden(address: IpAddr) -> String {
    format!("{address} is no public address; outbound.networks allows others")
}

fn builder(tls: ClientConfig) -> reqwest::ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        // A proxy would resolve names itself.
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .user_agent(concat!("symbolon-server/", env!("CARGO_PKG_VERSION")))
}

/// Trusts the public roots, and the authorities of the configuration.
fn tls(config: &config::Outbound) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.authorities {
        let failed = || format!("outbound.authorities: {} can't be read", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(failed)? {
            roots.add(certificate.with_context(failed)?).with_context(failed)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// Sends a request and reads its answer.
///
/// # Errors
/// The outcome, where there is no answer.
pub(super) async fn send(request: RequestBuilder, now: Timestamp) -> Result<Answer, Outcome> {
    let mut response = request.send().await.map_err(|error| Outcome::later(reason(error)))?;
    let status = response.status();
    let retry_after = retry_after(response.headers(), now);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await
        && body.len() < LONGEST
    {
        body.extend(chunk.iter().take(LONGEST - body.len()));
    }
    Ok(Answer { status, retry_after, body })
}

/// Why there is no answer, without the address, which may be a secret.
pub(crate) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    reason.chars().filter(|character| !character.is_control()).take(200).collect()
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => SignedDuration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            date.duration_since(now)
        }
    };
    Some(wait.clamp(SignedDuration::ZERO, PATIENCE))
}

/// Resolves names to addresses that requests may go to.
struct Guard(Arc<[IpNet]>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found.iter().copied().filter(|address| is_allowed(address.ip(), &networks)).collect();
            match (allowed.is_empty(), found.first()) {
                (true, Some(first)) => Err(forbidden(first.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The address of an endpoint that names no host.
fn literal(endpoint: &Endpoint) -> Option<IpAddr> {
    match endpoint.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) | None => None,
    }
}

/// Why an endpoint is not called, where its address says so without a look at the network.
pub(crate) fn objection(endpoint: &Endpoint, config: &config::Outbound) -> Option<String> {
    literal(endpoint).filter(|address| !is_allowed(*address, &config.networks)).map(forbidden)
}

fn is_allowed(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    is_public(address) || networks.iter().any(|network| network.contains(&address))
}

/// Whether an address leads into the public Internet, by IANA's registries of special addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240)
}

/// Global unicast is 2000::/3; in it lie documentation, and what carries addresses of version 4 or leads elsewhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..0x4000).contains(&a)
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_others_go_to_public_addresses_only() {
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00::1",
            "2001:db8::1",
            "ff02::1",
            "3fff::1",
        ] {
            assert!(!is_allowed(address.parse().unwrap(), &[]), "{address}");
        }
        for address in ["9.9.9.9", "198.51.99.1", "192.0.1.1", "2606:4700::1111", "2001:4860:4860::8888"] {
            assert!(is_allowed(address.parse().unwrap(), &[]), "{address}");
        }
        let networks: Vec<IpNet> = vec!["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()];
        assert!(is_allowed("10.1.2.3".parse().unwrap(), &networks));
        assert!(is_allowed("::ffff:10.1.2.3".parse().unwrap(), &networks));
        assert!(is_allowed("::1".parse().unwrap(), &networks));
        assert!(!is_allowed("10.2.2.3".parse().unwrap(), &networks));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let read = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, reqwest::header::HeaderValue::from_static(value))]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Wed, 25 Nov 2026 12:01:00 GMT"), Some(60));
        assert_eq!(read("Wed, 25 Nov 2026 11:00:00 GMT"), Some(0));
        assert_eq!(read("99999999999"), Some(PATIENCE.as_secs()));
        assert_eq!(read("-5"), Some(0));
        assert_eq!(read("soon"), None);
    }
}
