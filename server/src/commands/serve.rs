//! `serve`: the server itself.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use clap::Args;
use serde::Serialize;
use symbolon_core::activation::ServerAddress;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::installation::{hold, make_directory, open_or_make};
use super::output::{Failure, Output};
use crate::api::{self, Api, Guards};
use crate::checkpoints;
use crate::config::{Config, LogFormat, TlsFiles};
use crate::console::{self, Console};
use crate::listener::{self, Stop, Tls};
use crate::metrics::Metrics;
use crate::notify::Sender;
use crate::openid::OpenId;
use crate::revocations;
use crate::service::bells::Bell;
use crate::service::installation::{self, Announced, AuthorityRow};
use crate::service::push::{self, PushServices};
use crate::service::{ServerIdentity, Service, ServiceError};
use crate::storage::{PushService, Snapshot};
use crate::tls;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: super::Place,
    /// Where to listen; a port of 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    listen: Option<SocketAddr>,
    /// Serve http:// instead of https://. Refused for addresses that are not loopback.
    #[arg(long)]
    insecure_http: bool,
}

fn socket_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it takes an address and a port, such as 127.0.0.1:8443 or [::1]:8443, and no name")
}

/// The line that says that the server is ready.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    url: String,
    tls_pin: Option<String>,
    metrics: String,
}

/// How long requests that are under way may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(20);

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let mut config = arguments.place.load()?;
    config.listen = arguments.listen.unwrap_or(config.listen);
    if arguments.insecure_http && !config.listen.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "--insecure-http is for loopback addresses only, and {} is none",
            config.listen.ip()
        )));
    }
    start_log(&config)?;
    take_all_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::internal)?;
    runtime.block_on(serve(config, arguments.insecure_http, output))
}

/// Takes as many open files as the system lets this process have: each phone that waits holds a connection, and where
/// nobody asks for more, a process gets 1024.
fn take_all_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
            tracing::warn!(%error, limit = limit.current, "the limit of open files can't be raised");
        }
    }
}

async fn serve(config: Config, insecure_http: bool, output: &Output) -> Result<(), Failure> {
    make_directory(&config.data_dir)?;
    // Before the database is opened: a restoration that holds the directory may be putting another one in its place.
    let _held = hold(&config)?;
    let (mut service, _) = open_or_make(&config).await?;
    let listener = listen(config.listen).await?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    let metrics_listener = listen(config.metrics_listen).await?;
    let metrics_address = metrics_listener.local_addr().map_err(Failure::internal)?;

    let scheme = if insecure_http { "http" } else { "https" };
    let url = format!("{scheme}://{address}");
    let authority = match (&config.tls, insecure_http) {
        (None, false) => {
            let make = || tls::make_authority(config.issuer.as_str()).map_err(Failure::from);
            Some(installation::authority(&service.store, &service.keyring, make).await?)
        }
        _ => None,
    };
    let pin = authority.as_ref().map(tls::pin).transpose()?;
    let identity = identity(&config, &url)?;
    installation::announce(&service.store, Announced { address: identity.address.clone(), tls: pin.clone() }).await?;
    if config.database.is_some() && config.public_url.is_none() {
        tracing::warn!("several nodes need one address: set public_url; tickets name the node that was started last");
    }
    service.identity = Arc::new(identity);
    service.push = Arc::new(push_services(&service, &config).await?);
    welcome_the_first(&service).await?;
    service.bells.join(&service.store);

    tokio::spawn(revocations::watch(service.clone(), config.clone()));
    let metrics = Metrics::new();
    let sender =
        Sender::new(service.clone(), &config, metrics.clone()).map_err(|error| Failure::usage(format!("{error:#}")))?;
    let guards = Arc::new(Guards::new(&config));
    let openid = OpenId::new(&config).map_err(Failure::usage)?;
    let pages = console::router(Console::new(service.clone(), Arc::clone(&guards)).with_openid(openid));
    let app = api::router(Api::new(service.clone(), guards, metrics.clone()), pages);
    let told = told_to_stop().map_err(Failure::internal)?;
    let stop = Stop::new();
    let metrics = metrics_routes(metrics, service.clone());
    tokio::spawn(listener::serve(metrics_listener, None, metrics, stop.hearer()));
    let sending = tokio::spawn(sender.run());

    tokio::spawn(checkpoints::keep(service.clone(), config.audit.clone()));

    let ready = Ready {
        ready: true,
        url,
        tls_pin: pin.map(|pin| format!("sha256/{}", data_encoding::BASE64.encode(pin.as_slice()))),
        metrics: format!("http://{metrics_address}/metrics"),
    };
    let ready = serde_json::to_string(&ready).map_err(Failure::internal)?;
    let tls = match (&config.tls, &authority) {
        _ if insecure_http => None,
        (Some(files), _) => {
            let tls = Tls::new(tls::from_files(files).map_err(|error| Failure::usage(format!("{error:#}")))?);
            tokio::spawn(renew(tls.clone(), files.clone()));
            Some(tls)
        }
        (None, Some(authority)) => {
            let tls = Tls::new(tls::under_own_authority(authority, names(&config, address))?);
            let shown = lay_out(&service, &config)?;
            tokio::spawn(follow(tls.clone(), service.clone(), config.clone(), address, shown));
            Some(tls)
        }
        (None, None) => return Err(Failure::internal("there is neither a certificate nor an authority")),
    };
    output.text(&ready)?;
    tokio::spawn(listener::serve(listener, tls, app, stop.hearer()));
    told.await;
    tracing::info!("stopping");
    // Who waits for a change waits no longer.
    service.bells.close();
    stop.tell(GRACE).await;
    // What was being sent is written down; a panic was logged where it happened.
    drop(sending.await);
    tracing::info!("stopped");
    Ok(())
}

/// Where there is no administrator yet, a person at the terminal is given a link for the first one. Only a person: what
/// goes to a file or to a collector of logs holds no secret.
async fn welcome_the_first(service: &Service) -> Result<(), Failure> {
    let mut terminal = std::io::stderr();
    if !terminal.is_terminal() {
        if service.administrators()?.is_empty() {
            tracing::info!("no administrator yet: symbolon-server admin administrator add NAME --role owner");
        }
        return Ok(());
    }
    if service.identity.address.is_some()
        && let Some(first) = service.first_owner().await?
    {
        let told = writeln!(
            terminal,
            "\nThe console is ready for its first administrator, named {}. This link works once, within 24 hours:\n{}\n",
            first.administrator.name, first.link
        );
        // The command gives another one at any time.
        drop(told);
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::usage(format!("can't listen on {address}: {error}")))
}

/// What phones are told: the configured address, or the one that the server listens on.
fn identity(config: &Config, url: &str) -> Result<ServerIdentity, Failure> {
    let address = match &config.public_url {
        Some(address) => Some(address.clone()),
        // Not an address that a phone could use; tickets then need `public_url`.
        None if config.listen.ip().is_unspecified() => None,
        None => Some(url.parse::<ServerAddress>().map_err(Failure::internal)?),
    };
    let certificate_ends_at = config.tls.as_ref().and_then(|files| tls::ends_at(files).ok());
    Ok(ServerIdentity { issuer: config.issuer.clone(), address, certificate_ends_at })
}

/// The certificates of the server's own authorities, as they were looked at last.
#[derive(PartialEq)]
struct Shown {
    current: Option<String>,
    next: Option<String>,
}

impl Shown {
    fn look(service: &Service) -> Result<Self, ServiceError> {
        service.store.read(|snapshot| {
            Ok(Self {
                current: installation::stored_certificates(snapshot, AuthorityRow::CURRENT)?,
                next: installation::stored_certificates(snapshot, AuthorityRow::NEXT)?,
            })
        })
    }
}

/// Lays the certificates of the server's own authority, and of the one that is to follow, into the data directory, for
/// programs that are to trust them.
fn lay_out(service: &Service, config: &Config) -> Result<Shown, Failure> {
    let shown = Shown::look(service)?;
    let own =
        [&shown.current, &shown.next].into_iter().flatten().map(|each| tls::own_certificate(each).to_owned() + "\n");
    let text: String = own.collect();
    let path = config.data_dir.join("authority.pem");
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
        std::fs::write(&path, &text)
            .map_err(|error| Failure::internal(format!("{} can't be written: {error}", path.display())))?;
    }
    Ok(shown)
}

fn names(config: &Config, address: SocketAddr) -> Vec<String> {
    let public = config.public_url.as_ref().map(ServerAddress::name);
    tls::names(address.ip(), public.as_deref())
}

/// A certificate is renewed after this time.
const RENEWED_AFTER: Duration = Duration::from_secs(86_400);

/// An `admin` command beside this server rings no bell: what it did to the authority shows after this time.
const LOOKED_AFTER: Duration = Duration::from_secs(1);

/// Where the certificates can't be written, it is tried again after this time.
const LAID_OUT_AGAIN: Duration = Duration::from_secs(60);

/// Takes the certificate from the files again each day, since they may have changed.
async fn renew(tls: Tls, files: TlsFiles) {
    loop {
        tokio::time::sleep(RENEWED_AFTER).await;
        take(&tls, tls::from_files(&files));
    }
}

/// Takes a fresh certificate under the server's own authority each day, and as soon as that is another one.
async fn follow(tls: Tls, service: Service, config: Config, address: SocketAddr, mut shown: Shown) {
    let mut renewed = Instant::now();
    loop {
        let changed = || Shown::look(&service).map(|now| (now != shown).then_some(()));
        let changed = service.bells.wait(Bell::Authority, LOOKED_AFTER, changed).await;
        if service.bells.are_closed() {
            return;
        }
        match changed {
            Ok(None) if renewed.elapsed() < RENEWED_AFTER => continue,
            Ok(_) => {}
            // That the database does not answer is said by whoever asks it for more.
            Err(_) => {
                tokio::time::sleep(LOOKED_AFTER).await;
                continue;
            }
        }
        let laid_out = lay_out(&service, &config);
        let read =
            |snapshot: &dyn Snapshot| installation::stored_authority(snapshot, &service.keyring, AuthorityRow::CURRENT);
        let authority = service.store.read(read).and_then(|authority| authority.ok_or(ServiceError::Sealed));
        take(&tls, authority.map_err(Into::into).and_then(|it| tls::under_own_authority(&it, names(&config, address))));
        renewed = Instant::now();
        match laid_out {
            Ok(now) => shown = now,
            Err(error) => {
                tracing::error!(%error, "the authority's certificates could not be laid out");
                tokio::time::sleep(LAID_OUT_AGAIN).await;
            }
        }
    }
}

fn take(tls: &Tls, renewed: anyhow::Result<Arc<rustls::ServerConfig>>) {
    match renewed {
        Ok(renewed) => tls.replace(renewed),
        Err(error) => tracing::error!(%error, "the certificate could not be renewed; the old one stays"),
    }
}

/// The services by which phones are woken.
async fn push_services(service: &Service, config: &Config) -> Result<PushServices, Failure> {
    let services = [
        (config.push.fcm.is_some(), PushService::Fcm),
        (config.push.apns.is_some(), PushService::Apns),
        (config.push.web.is_some(), PushService::Web),
    ];
    let configured = services.into_iter().filter_map(|(configured, service)| configured.then_some(service)).collect();
    let web_push_key = match &config.push.web {
        Some(_) => Some(push::web_push_key(&service.store, Arc::clone(&service.keyring)).await?),
        None => None,
    };
    Ok(PushServices { configured, web_push_key })
}

fn metrics_routes(metrics: Metrics, service: Service) -> Router {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let show = async move || {
        match service.outbox_depth() {
            Ok(depth) => depth.into_iter().for_each(|(kind, waiting)| metrics.outbox(kind, waiting)),
            Err(error) => tracing::error!(%error, "the outbox can't be read"),
        }
        if let Some(age) = service.trust.list_age(service.clock.now()) {
            metrics.revocation_list(age);
        }
        ([(header::CONTENT_TYPE, TYPE)], metrics.text())
    };
    Router::new().route("/metrics", get(show))
}

/// Ends when the process is told to stop. From here on that does not just kill it.
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The levels of a log.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn start_log(config: &Config) -> Result<(), Failure> {
    // A bare word that is no level would be taken for a part of the program, and a slip of the pen would end the log.
    let is_level =
        |word: &str| word.parse::<u8>().is_ok() || LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level));
    let bare = |directive: &&str| !directive.is_empty() && !directive.contains(['=', '[']) && !is_level(directive);
    if let Some(word) = config.log.filter.split(',').map(str::trim).find(bare) {
        let levels = LEVELS.join(", ");
        return Err(Failure::usage(format!(
            "log.filter: {word} is no level, which are {levels}; for a part of the program write {word}=debug"
        )));
    }
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .map_err(|error| Failure::usage(format!("log.filter: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.init(),
    }
    Ok(())
}
