//! `doctor`: looks at an installation as it is configured, and says what is wrong and what to do. It makes nothing and
//! sends nothing; a database on PostgreSQL is brought up to date, as by every command.

use std::fs::File;
use std::io::ErrorKind;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use symbolon_core::activation::ServerAddress;

use super::installation::{self, DATABASE};
use super::output::{Failure, Output, counted};
use crate::config::{Config, MasterKeySource};
use crate::openid::OpenId;
use crate::service::Service;
use crate::service::audit;
use crate::{notify, tls};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: super::Place,
}

/// A certificate that ends sooner is named.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A change of keys that takes longer is named.
const LONG: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Warning,
    Bad,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    result: State,
    finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Serialize)]
struct Report {
    healthy: bool,
    checks: Vec<Finding>,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, check: &'static str, finding: impl ToString) {
        self.0.push(Finding { check, result: State::Good, finding: finding.to_string(), advice: None });
    }

    fn warning(&mut self, check: &'static str, finding: impl ToString, advice: impl ToString) {
        let advice = Some(advice.to_string());
        self.0.push(Finding { check, result: State::Warning, finding: finding.to_string(), advice });
    }

    fn bad(&mut self, check: &'static str, finding: impl ToString, advice: impl ToString) {
        let advice = Some(advice.to_string());
        self.0.push(Finding { check, result: State::Bad, finding: finding.to_string(), advice });
    }

    /// Files it away as good, or as bad with what to do.
    fn take(&mut self, check: &'static str, good: &str, outcome: Result<(), String>, advice: &str) {
        match outcome {
            Ok(()) => self.good(check, good),
            Err(problem) => self.bad(check, problem, advice),
        }
    }

    fn report(self) -> Report {
        Report { healthy: self.0.iter().all(|finding| finding.result != State::Bad), checks: self.0 }
    }
}

impl Report {
    fn lines(&self) -> String {
        let line = |finding: &Finding| {
            let advice = finding.advice.as_ref().map(|advice| format!("\n{:21}{advice}", "")).unwrap_or_default();
            format!("{:8} {:12}{}{advice}", finding.result.name(), finding.check, finding.finding)
        };
        self.checks.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let report = runtime.map_err(Failure::internal)?.block_on(look(&config));
    output.answer(&report, Report::lines)?;
    if report.healthy { Ok(()) } else { Err(Failure::already_said()) }
}

async fn look(config: &Config) -> Report {
    let mut findings = Findings::default();
    look_at_address(config, &mut findings);
    look_at_certificate(config, &mut findings);
    look_at_files(config, &mut findings);
    if let Some(service) = open(config, &mut findings).await {
        look_at_data(&service, &mut findings);
    }
    for reached in notify::reach(config).await {
        let advice = "look at the section of this name in the configuration, and at the network between here and there";
        findings.take(reached.who, "it answers, and lets this server in", reached.outcome, advice);
    }
    look_at_openid(config, &mut findings).await;
    findings.report()
}

async fn look_at_openid(config: &Config, findings: &mut Findings) {
    let reached = match OpenId::new(config) {
        Ok(None) => return,
        Ok(Some(openid)) => openid.reach(Timestamp::now()).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let advice = "look at openid.issuer: under it lies .well-known/openid-configuration; and at outbound.authorities";
    findings.take(
        "openid",
        "the provider answers; whether it takes openid.client_id shows at a sign-in",
        reached,
        advice,
    );
}

fn look_at_address(config: &Config, findings: &mut Findings) {
    match &config.public_url {
        Some(address) if config.trusted_proxies.is_empty() && port(address) != config.listen.port() => findings
            .warning(
                "address",
                format!("phones are told {address}, and the server listens on port {}", config.listen.port()),
                "good where something leads from one to the other; where that is a proxy, name it in trusted_proxies",
            ),
        Some(address) => findings.good("address", format!("phones are told {address}")),
        None if config.listen.ip().is_unspecified() => findings.bad(
            "address",
            format!("the server listens on {}, which no phone can call, and public_url is not set", config.listen),
            "set public_url to the address that phones use",
        ),
        None if config.listen.ip().is_loopback() => findings.warning(
            "address",
            format!("the server listens on {}, which only this machine reaches", config.listen),
            "for phones set listen, and public_url where a proxy stands before it",
        ),
        None => findings.good("address", format!("phones are told https://{}", config.listen)),
    }
}

fn port(address: &ServerAddress) -> u16 {
    let usual = if address.is_https() { 443 } else { 80 };
    address.host().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(usual)
}

fn look_at_certificate(config: &Config, findings: &mut Findings) {
    let Some(files) = &config.tls else {
        findings.good("certificate", "from the server's own authority, anew at each start and each day");
        return;
    };
    let advice = "put a certificate and its key there; a running server takes them within a day";
    if let Err(error) = tls::from_files(files) {
        return findings.bad("certificate", format!("{error:#}"), advice);
    }
    let now = Timestamp::now();
    match tls::ends_at(files) {
        Err(error) => findings.bad("certificate", format!("{error:#}"), advice),
        Ok(end) if end < now => findings.bad("certificate", format!("it ended at {end}"), advice),
        Ok(end) if end < now + SOON => findings.warning("certificate", format!("it ends at {end}"), advice),
        Ok(end) => findings.good("certificate", format!("until {end}")),
    }
}

/// The files that nobody else on the machine may read.
fn look_at_files(config: &Config, findings: &mut Findings) {
    let mut files = vec![config.data_dir.clone(), config.data_dir.join(DATABASE)];
    if let MasterKeySource::File(path) = config.master_key_source() {
        files.push(path);
    }
    let (mut open, mut hidden) = (Vec::new(), Vec::new());
    for path in &files {
        match File::open(path).and_then(|file| file.metadata()) {
            #[cfg(unix)]
            Ok(details) if std::os::unix::fs::PermissionsExt::mode(&details.permissions()) & 0o077 != 0 => {
                open.push(path.display().to_string());
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                hidden.push(format!("{} can't be looked at: {error}", path.display()));
            }
            // What a file that is not there means is said where it is used.
            _ => {}
        }
    }
    match (hidden.is_empty(), open.is_empty()) {
        (false, _) => findings.bad("files", hidden.join("; "), "run it as the user that the server runs as"),
        (true, true) if !config.data_dir.exists() => {}
        (true, true) => findings.good("files", format!("{} is for its owner alone", config.data_dir.display())),
        (true, false) => findings.bad(
            "files",
            format!("others on this machine may look into {}", open.join(", ")),
            format!("chmod go= {}", open.join(" ")),
        ),
    }
}

/// Opens the database, only to read it where it is a file.
async fn open(config: &Config, findings: &mut Findings) -> Option<Service> {
    let database = config.data_dir.join(DATABASE);
    if config.database.is_none() {
        match database.try_exists() {
            Ok(true) => {}
            Ok(false) => {
                findings.bad("database", installation::no_installation(config), "which directory does the server use?");
                return None;
            }
            // Said of the files.
            Err(_) => return None,
        }
    }
    let opened = match &config.database {
        None => installation::open_copy(config, &database).await,
        Some(_) => installation::open(config).await,
    };
    match opened {
        Ok(service) => Some(service),
        Err(failure) => {
            findings.bad("database", failure, "is it the right database, and the master key that belongs to it?");
            None
        }
    }
}

fn look_at_data(service: &Service, findings: &mut Findings) {
    match service.holdings() {
        Err(error) => findings.bad("database", error, "`admin backup restore` puts a backup in its place"),
        Ok(holdings) if !holdings.audit.intact => findings.bad(
            "database",
            "it opens with the master key, and its audit was tampered with",
            "`admin audit verify` names the first bad entry",
        ),
        Ok(holdings) => findings.good(
            "database",
            format!(
                "{}, {} of the audit, intact",
                counted(holdings.tokens, "token", "tokens"),
                counted(holdings.audit.entries, "entry", "entries")
            ),
        ),
    }
    let now = service.clock.now();
    let clock = service.store.read(|snapshot| audit::check_clock(snapshot, now)).map_err(|error| error.to_string());
    look_at_keys(service, now, findings);
    look_at_restoration(service, findings);
    let advice = "set the machine's clock; where it is right and was wrong before, `admin clock accept`";
    findings.take("clock", &format!("{now}, after all that is stored"), clock, advice);
    match (service.trust.check_list(now), service.trust.list_age(now)) {
        (Err(refusal), _) => findings.bad(
            "attestation",
            format!("{refusal}, so no Android device is believed"),
            "put it there, or see why attestation.revocation_url does not answer",
        ),
        (Ok(()), Some(age)) => {
            findings.good("attestation", format!("the revocation list is {} hours old", age.as_hours()));
        }
        (Ok(()), None) => findings.good("attestation", "no revocation list is configured"),
    }
}

/// Whether devices wait to be confirmed since a backup was restored.
fn look_at_restoration(service: &Service, findings: &mut Findings) {
    match service.unconfirmed(&[]).map(|waiting| waiting.len()) {
        Err(error) => findings.bad("restored", error, "`admin backup restore` puts a backup in its place"),
        Ok(0) => {}
        Ok(waiting) => findings.warning(
            "restored",
            format!("approving nothing since a backup was restored: {}", counted(waiting, "token", "tokens")),
            "`admin backup waiting` lists them, `admin backup confirm` lets them approve again",
        ),
    }
}

/// Whether a change of the keys by which phones know the server was begun and forgotten.
fn look_at_keys(service: &Service, now: Timestamp, findings: &mut Findings) {
    let keys = match service.keys() {
        Ok(keys) => keys,
        Err(error) => return findings.bad("keys", error, "is the master key the one that belongs to this database?"),
    };
    let identity = keys.identity.next.map(|next| ("identity", next.announced_at));
    let tls = keys.tls.and_then(|tls| tls.next).map(|next| ("tls", next.made_at));
    let under_way: Vec<_> = identity.into_iter().chain(tls).collect();
    let Some((key, since)) = under_way.iter().min_by_key(|(_, since)| since) else {
        return findings.good("keys", "no change of a key is under way");
    };
    if now.duration_since(*since) > LONG {
        findings.warning(
            "keys",
            format!("a change of the {key} key was begun at {since} and has not ended"),
            format!("`admin key show` says whom it waits for; `admin key rotate {key} --finish` ends it"),
        );
    } else {
        findings.good("keys", format!("a change of the {key} key is under way since {since}"));
    }
}
