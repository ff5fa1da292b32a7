//! A load generator that takes as little of the machine as it can: one thread, HTTP/1.1 written by hand, connections
//! that are kept. Each connection asks, waits for the answer, and asks again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Answers of this first part are not counted.
pub(crate) const WARM_UP: Duration = Duration::from_millis(500);

/// Those of this time are.
pub(crate) const DURATION: Duration = Duration::from_secs(4);

/// Where requests come from.
pub(crate) trait Requests: Send + 'static {
    /// Appends the next request.
    fn write(&mut self, request: &mut Vec<u8>) -> Result<()>;

    /// Whether the body of an answer with status 200 is the right one.
    fn is_expected(&self, body: &[u8]) -> bool;

    /// How many of a million answers may be other ones.
    fn tolerated(&self) -> usize {
        0
    }
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answers per second.
    pub(crate) per_second: f64,
    latencies: Vec<Duration>,
}

impl Outcome {
    /// What came within `duration`, and how long each took.
    pub(crate) fn new(mut latencies: Vec<Duration>, duration: Duration) -> Self {
        latencies.sort_unstable();
        Self { per_second: latencies.len() as f64 / duration.as_secs_f64(), latencies }
    }

    /// The time within which this share of the answers came, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(index).or(self.latencies.last()).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Has `clients` connections ask at the same time.
pub(crate) fn run<R: Requests>(address: SocketAddr, clients: usize, requests: &Arc<Mutex<R>>) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(async {
        let tolerated = requests.lock().unwrap_or_else(PoisonError::into_inner).tolerated();
        let counted_from = Instant::now() + WARM_UP;
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            tasks.spawn(Connection::open(address).await?.ask(Arc::clone(requests), counted_from));
        }
        let (mut latencies, mut unexpected) = (Vec::new(), Vec::new());
        while let Some(asked) = tasks.join_next().await {
            let asked = asked.context("a connection's task")??;
            latencies.extend(asked.latencies);
            unexpected.extend(asked.unexpected);
        }
        let share = unexpected.len() * 1_000_000 / latencies.len().max(1);
        if let Some(example) = unexpected.first().filter(|_| share > tolerated) {
            bail!("{} of {} answers were not the expected ones, such as {example}", unexpected.len(), latencies.len());
        }
        Ok(Outcome::new(latencies, DURATION))
    })
}

/// What one connection got.
#[derive(Debug, Default)]
struct Asked {
    latencies: Vec<Duration>,
    unexpected: Vec<String>,
}

/// TCP, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// TLS that trusts one authority, in PEM.
pub(crate) fn trusting(authority: &Path) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A kept connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Box::new(stream), answer: Vec::with_capacity(4096) })
    }

    /// Connects with TLS.
    pub(crate) async fn open_with_tls(address: SocketAddr, tls: &TlsConnector) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let stream = tls.connect(address.ip().into(), stream).await.context("TLS with the server")?;
        Ok(Self { stream: Box::new(stream), answer: Vec::new() })
    }

    async fn ask<R: Requests>(mut self, requests: Arc<Mutex<R>>, counted_from: Instant) -> Result<Asked> {
        let mut asked = Asked::default();
        let mut request = Vec::with_capacity(512);
        let until = counted_from + DURATION;
        loop {
            request.clear();
            requests.lock().unwrap_or_else(PoisonError::into_inner).write(&mut request)?;
            let sent = Instant::now();
            let body = self.exchange(&request).await?;
            let received = Instant::now();
            if received >= until {
                return Ok(asked);
            }
            if !requests.lock().unwrap_or_else(PoisonError::into_inner).is_expected(body) {
                asked.unexpected.push(String::from_utf8_lossy(body).into_owned());
            }
            if received >= counted_from {
                asked.latencies.push(received.duration_since(sent));
            }
        }
    }

    /// Sends a request and reads the answer, whose body it answers; its status must be 200.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await.context("sending a request")?;
        self.answer.clear();
        let (head, length) = loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the server closed the connection");
            if let Some(head) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = head + 4;
                break (head, content_length(self.answer.get(..head).unwrap_or_default())?);
            }
        };
        while self.answer.len() < head + length {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the server closed the connection");
        }
        ensure!(self.answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&self.answer));
        Ok(self.answer.get(head..head + length).unwrap_or_default())
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head).context("the head of an answer")?;
    let header = head.lines().filter_map(|line| line.split_once(':'));
    let length = header.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, value)| value.trim().parse().ok()).with_context(|| format!("an answer without length: {head}"))
}
