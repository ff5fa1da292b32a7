//! Configuration: a TOML file, then the environment, then the command line, each over the one before. Unknown keys are
//! refused in all three, so that a typing error is found at the start and not in an audit.

mod openid;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use symbolon_core::activation::ServerAddress;
use symbolon_core::push::{Endpoint, Given, Topic};
use symbolon_core::secret::Secret;
use symbolon_core::text::{Name, Text};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

pub use openid::{Issuer, OpenId, UserClaim};

use crate::replaced::keep;
use crate::service::keyring::MasterKey;
use crate::service::mail::Language;
use crate::storage::postgres::DatabaseUrl;

/// Variables of the environment with this prefix set keys: `SYMBOLON_SERVER_LISTEN`, and with two underscores for a dot
/// `SYMBOLON_SERVER_LIMITS__DEVICE_PER_SECOND`.
pub const PREFIX: &str = "SYMBOLON_SERVER_";

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where metrics are served; a port of 0 takes a free one. Never reachable from outside by default.
    pub metrics_listen: SocketAddr,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// A PostgreSQL database, in the place of the file in the data directory.
    pub database: Option<DatabaseUrl>,
    /// A file with the certificates of the authorities that vouch for that database, where no public one does (PEM).
    pub database_authority: Option<PathBuf>,
    /// The address that phones use, where it is not the one that the server listens on.
    pub public_url: Option<ServerAddress>,
    /// The organisation's name, which phones show.
    pub issuer: Name,
    /// A certificate of a public authority; without it the server makes an authority of its own.
    pub tls: Option<TlsFiles>,
    /// Where the master key is.
    pub master_key: Option<MasterKeySource>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Limits on callers.
    pub limits: Limits,
    /// What is believed of phones' hardware.
    pub attestation: Attestation,
    /// The audit.
    pub audit: Audit,
    /// What the server itself calls.
    pub outbound: Outbound,
    /// How mail is sent; without it none is.
    pub mail: Option<Mail>,
    /// By whom users are signed in besides; without it by mailed links only.
    pub openid: Option<OpenId>,
    /// By which services phones are woken.
    pub push: Push,
    /// Logs.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            metrics_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: PathBuf::from("symbolon-data"),
            database: None,
            database_authority: None,
            public_url: None,
            issuer: "Symbolon".parse().unwrap_or_else(|_| unreachable!("the default issuer is a name")),
            tls: None,
            master_key: None,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            attestation: Attestation::default(),
            audit: Audit::default(),
            outbound: Outbound::default(),
            mail: None,
            openid: None,
            push: Push::default(),
            log: Log::default(),
        }
    }
}

/// Files with a certificate chain and its key, both PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where the master key comes from: exactly one of these.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MasterKeySource {
    /// A file with 32 bytes in base64; made when it is not there and no database is.
    File(PathBuf),
    /// A variable of the environment with the same.
    Env(String),
    /// A command that prints the same, and may ask a key service for it.
    Command(Vec<String>),
}

/// Limits on what callers may do, before any rule is asked.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests a second to the device API from one address.
    pub device_per_second: u32,
    /// How many of them may come at once.
    pub device_burst: u32,
    /// Refused API keys a second from one address.
    pub bad_keys_per_second: u32,
    /// How many of them may come at once.
    pub bad_keys_burst: u32,
    /// Refused codes a second from one application.
    pub refusals_per_second: u32,
    /// How many of them may come at once.
    pub refusals_burst: u32,
    /// Refused sign-ins to the console a second from one address.
    pub sign_ins_per_second: u32,
    /// How many of them may come at once.
    pub sign_ins_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            device_per_second: 50,
            device_burst: 500,
            bad_keys_per_second: 5,
            bad_keys_burst: 100,
            refusals_per_second: 100,
            refusals_burst: 10_000,
            sign_ins_per_second: 1,
            sign_ins_burst: 20,
        }
    }
}

impl Limits {
    /// The first limit that would let nobody in.
    fn none(&self) -> Option<&'static str> {
        let limits = [
            ("device_per_second", self.device_per_second),
            ("device_burst", self.device_burst),
            ("bad_keys_per_second", self.bad_keys_per_second),
            ("bad_keys_burst", self.bad_keys_burst),
            ("refusals_per_second", self.refusals_per_second),
            ("refusals_burst", self.refusals_burst),
            ("sign_ins_per_second", self.sign_ins_per_second),
            ("sign_ins_burst", self.sign_ins_burst),
        ];
        limits.iter().find(|(_, limit)| *limit == 0).map(|(key, _)| *key)
    }
}

/// What is believed of phones' hardware.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attestation {
    /// Files with further roots of Android chains: certificates or public keys in PEM.
    pub roots: Vec<PathBuf>,
    /// Files with further roots of App Attest, in the same forms: for simulated devices.
    pub app_attest_roots: Vec<PathBuf>,
    /// Whether keys in software count, as emulators have them.
    pub allow_software: bool,
    /// Whether iOS apps count that a developer has put on a device.
    pub allow_development: bool,
    /// The file with Google's revocation list; `revocation-list.json` in the data directory when left out.
    pub revocation_list: Option<PathBuf>,
    /// Where the list is fetched from once a day, such as `https://android.googleapis.com/attestation/status`. It is not
    /// fetched when left out.
    pub revocation_url: Option<Endpoint>,
    /// How old the list may be, in seconds: with an older one no Android device is believed.
    pub revocation_max_age: u32,
}

impl Default for Attestation {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            app_attest_roots: Vec::new(),
            allow_software: false,
            allow_development: false,
            revocation_list: None,
            revocation_url: None,
            revocation_max_age: 7 * 86_400,
        }
    }
}

/// What is kept of the audit outside the database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// The folder of the file with signed checkpoints; made when it is not there. Without it they go to the log only.
    pub checkpoints: Option<PathBuf>,
    /// After how many seconds the next one is made, when the audit has grown.
    pub checkpoint_every: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { checkpoints: None, checkpoint_every: 3600 }
    }
}

/// Requests of the server to others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// Networks of the organisation's own, such as `10.1.0.0/16`, into which webhooks and push addresses may lead.
    /// Without them only public addresses are called.
    pub networks: Vec<IpNet>,
    /// A file (PEM) with authorities that are trusted besides the public ones.
    pub authorities: Option<PathBuf>,
}

/// How mail is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The sender, such as `Example <token@example.org>`.
    pub from: MailSender,
    /// The mail server, such as `smtp.example.org`, with a port where it is not the usual one.
    pub server: MailServer,
    /// How the connection to it is encrypted.
    #[serde(default)]
    pub security: MailSecurity,
    /// A file (PEM) with the authority of its certificate, where that is not a public one.
    pub authorities: Option<PathBuf>,
    /// The name to sign in with there; without it nobody signs in.
    pub user: Option<String>,
    /// Where the password is.
    password: Option<SecretSource>,
    /// A sentence or two of the organisation's own, in every mail.
    pub text: Option<Text<1000>>,
    /// The language of mails.
    #[serde(default)]
    pub language: Language,
}

impl Mail {
    /// Reads the password of the mail server.
    ///
    /// # Errors
    /// [`ConfigError::Secret`].
    pub fn password(&self) -> Result<Option<Zeroizing<String>>, ConfigError> {
        self.password.as_ref().map(|source| source.read("mail.password")).transpose()
    }
}

/// Where a password or the like comes from: exactly one of these.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SecretSource {
    /// A file that holds nothing else.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
}

impl SecretSource {
    fn read(&self, key: &'static str) -> Result<Zeroizing<String>, ConfigError> {
        let read = match self {
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            Self::Env(name) => std::env::var(name).map_err(|error| error.to_string()),
        };
        let text = Zeroizing::new(read.map_err(|problem| ConfigError::Secret { key, problem })?);
        Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Who mails come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct MailSender(pub lettre::message::Mailbox);

impl TryFrom<String> for MailSender {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || "a sender looks like Example <token@example.org>".to_owned();
        let text: Text<300> = text.parse().map_err(|_| wrong())?;
        text.as_str().parse().map(Self).map_err(|_| wrong())
    }
}

/// A mail server: a host, and a port where it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
}

impl MailServer {
    /// Whether it is at a literal address of this machine, which leads nowhere else.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl TryFrom<String> for MailServer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A server's address without a scheme is one of a host and at most a port, for mail too.
        let wrong = || "a mail server looks like smtp.example.org or smtp.example.org:587".to_owned();
        if text.contains("://") {
            return Err(wrong());
        }
        let address: ServerAddress = text.parse().map_err(|_| wrong())?;
        let port = text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let port = port.map(|(_, port)| port.parse().map_err(|_| wrong())).transpose()?;
        Ok(Self { host: address.name(), port })
    }
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// From `STARTTLS` on (RFC 3207); a server that does not offer it gets no mail.
    #[default]
    Starttls,
    /// From the first byte on (RFC 8314).
    Tls,
    /// Not at all: for a mail server on this machine only.
    None,
}

impl MailSecurity {
    /// The usual port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// The services by which phones are woken. Without one, phones ask by themselves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Push {
    /// Firebase Cloud Messaging.
    pub fcm: Option<Fcm>,
    /// Apple Push Notification service.
    pub apns: Option<Apns>,
    /// Web Push, which UnifiedPush is.
    pub web: Option<WebPush>,
}

/// Firebase Cloud Messaging.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fcm {
    /// The key file (JSON) of a service account of the app's project.
    pub service_account: PathBuf,
    /// Where messages are posted.
    #[serde(default = "Fcm::endpoint")]
    pub endpoint: Endpoint,
}

impl Fcm {
    fn endpoint() -> Endpoint {
        known("https://fcm.googleapis.com")
    }
}

/// Apple Push Notification service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apns {
    /// The key (.p8) of the team.
    pub key: PathBuf,
    /// The key's identifier.
    pub key_id: Given<20>,
    /// The team's identifier.
    pub team_id: Given<20>,
    /// The bundle identifiers of the apps that are woken.
    pub topics: Vec<Topic>,
    /// Where messages for apps from the store are posted.
    #[serde(default = "Apns::production")]
    pub production: Endpoint,
    /// Where messages for apps under development are posted.
    #[serde(default = "Apns::sandbox")]
    pub sandbox: Endpoint,
}

impl Apns {
    fn production() -> Endpoint {
        known("https://api.push.apple.com")
    }

    fn sandbox() -> Endpoint {
        known("https://api.sandbox.push.apple.com")
    }
}

fn known(address: &str) -> Endpoint {
    address.parse().unwrap_or_else(|_| unreachable!("the services' own addresses are addresses"))
}

/// Web Push, which UnifiedPush is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebPush {
    /// Whom a push service can turn to.
    pub contact: Contact,
}

/// A `mailto:` or `https:` address (RFC 8292, 2.1).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Contact(Url);

impl Contact {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Contact {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).ok().filter(|url| ["mailto", "https"].contains(&url.scheme()));
        url.map(Self).ok_or("a contact looks like mailto:operations@example.org or https://example.org/contact")
    }
}

/// Logs, on standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What is logged: a level (`info`), or directives such as `info,symbolon_server=debug`.
    pub filter: String,
    /// As JSON, or as text.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Json }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration {path} can't be read: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A key or a value that does not belong there.
    #[error("the configuration is not valid: {0}")]
    Invalid(String),
    /// A password or the like can't be had.
    #[error("{key} can't be read: {problem}")]
    Secret {
        /// Whose.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The master key can't be had.
    #[error("the master key can't be read from {place}: {problem}")]
    MasterKey {
        /// Where it should be.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

impl Config {
    /// Reads `file`, if there is one, and lays `environment` over it.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut table = toml::Table::new();
        if let Some(path) = file {
            let text =
                std::fs::read_to_string(path).map_err(|error| ConfigError::File { path: path.to_owned(), error })?;
            table = text.parse().map_err(|error: toml::de::Error| ConfigError::Invalid(error.to_string()))?;
        }
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix(PREFIX) {
                set(&mut table, &key.to_ascii_lowercase(), &value)?;
            }
        }
        let config: Self =
            table.try_into().map_err(|error: toml::de::Error| ConfigError::Invalid(error.to_string()))?;
        if config.audit.checkpoint_every == 0 {
            return Err(ConfigError::Invalid("audit.checkpoint_every: must be at least 1 second".into()));
        }
        if let Some(key) = config.limits.none() {
            return Err(ConfigError::Invalid(format!("limits.{key}: must be from 1 to {}", u32::MAX)));
        }
        Ok(config)
    }

    /// Where the master key is: in the data directory where nothing else is configured.
    #[must_use]
    pub fn master_key_source(&self) -> MasterKeySource {
        let default = || MasterKeySource::File(self.data_dir.join("master.key"));
        self.master_key.clone().unwrap_or_else(default)
    }
}

impl MasterKeySource {
    /// Reads the key.
    ///
    /// # Errors
    /// [`ConfigError::MasterKey`].
    pub fn read(&self) -> Result<MasterKey, ConfigError> {
        let failed = |problem: String| self.failed(problem);
        let text = match self {
            Self::File(path) => {
                Zeroizing::new(std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?)
            }
            Self::Env(name) => Zeroizing::new(std::env::var(name).map_err(|error| failed(error.to_string()))?),
            Self::Command(command) => {
                let (program, arguments) = command.split_first().ok_or_else(|| failed("no command".into()))?;
                let output = std::process::Command::new(program)
                    .args(arguments)
                    .stderr(std::process::Stdio::inherit())
                    .output()
                    .map_err(|error| failed(error.to_string()))?;
                if !output.status.success() {
                    return Err(failed(format!("the command ended with {}", output.status)));
                }
                Zeroizing::new(String::from_utf8(output.stdout).map_err(|_| failed("not base64".into()))?)
            }
        };
        let mut bytes = data_encoding::BASE64
            .decode(text.trim().as_bytes())
            .map_err(|_| failed("it must be 32 bytes in base64".into()))?;
        let key = Secret::from_slice(&bytes);
        bytes.zeroize();
        Ok(MasterKey::new(&key.ok_or_else(|| failed("it must be 32 bytes in base64".into()))?))
    }

    /// Makes the key's file, where the key is to be in one that is not there.
    ///
    /// # Errors
    /// [`ConfigError::MasterKey`].
    pub fn make(&self) -> Result<(), ConfigError> {
        match self {
            Self::File(path) if !path.exists() => make_key_file(path).map_err(|error| self.failed(error.to_string())),
            _ => Ok(()),
        }
    }

    /// Makes a new key in a file beside the one of the key that it is to replace.
    ///
    /// # Errors
    /// [`ConfigError::MasterKey`], also while such a file is there.
    pub fn make_beside(path: &Path) -> Result<Self, ConfigError> {
        let next = Self::File(next_to(path));
        let Self::File(file) = &next else { return Ok(next) };
        match make_key_file(file) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(next.failed(
                "another rotation runs, or one that did not come far left it: remove it when none runs".into(),
            )),
            made => made.map(|()| next.clone()).map_err(|error| next.failed(error.to_string())),
        }
    }

    /// The key that is to replace this one and was not put in its place yet.
    #[must_use]
    pub fn unfinished(&self) -> Option<Self> {
        match self {
            Self::File(path) => Some(next_to(path)).filter(|next| next.exists()).map(Self::File),
            _ => None,
        }
    }

    /// Puts this key's file in the place of `path`, whose key is kept beside it: it opens the backups made before.
    /// Answers where.
    ///
    /// # Errors
    /// [`ConfigError::MasterKey`].
    pub fn put_in_place(&self, path: &Path) -> Result<Option<PathBuf>, ConfigError> {
        let Self::File(next) = self else { return Ok(None) };
        let put = || {
            let old = Zeroizing::new(std::fs::read(path)?);
            let kept = keep(path, |name| write_private(name, &old))?;
            std::fs::rename(next, path)?;
            Ok(kept)
        };
        put().map(Some).map_err(|error: std::io::Error| self.failed(error.to_string()))
    }

    fn failed(&self, problem: String) -> ConfigError {
        ConfigError::MasterKey { place: self.describe(), problem }
    }

    /// The place, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("the file {}", path.display()),
            Self::Env(name) => format!("the environment's {name}"),
            Self::Command(command) => {
                format!("the command {}", command.first().map_or("", String::as_str))
            }
        }
    }
}

/// Where a new key waits until what the old one sealed is sealed by it.
fn next_to(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

/// Writes a new key to a file.
fn make_key_file(path: &Path) -> std::io::Result<()> {
    let key = Secret::<32>::generate(&mut rand_core::OsRng);
    let mut text = Zeroizing::new(data_encoding::BASE64.encode(key.expose()));
    text.push('\n');
    write_private(path, text.as_bytes())
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Sets a key of the environment; a value that is no TOML is taken as text.
fn set(table: &mut toml::Table, key: &str, value: &str) -> Result<(), ConfigError> {
    let wrong = || ConfigError::Invalid(format!("{PREFIX}{}: not a key", key.to_ascii_uppercase()));
    let (path, last) = match key.rsplit_once("__") {
        Some((path, last)) => (Some(path), last),
        None => (None, key),
    };
    let mut place = table;
    for part in path.into_iter().flat_map(|path| path.split("__")) {
        let next = place.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = next.as_table_mut().ok_or_else(wrong)?;
    }
    let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut parsed| parsed.remove("value"));
    place.insert(last.to_owned(), parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("symbolon.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&path), environment)
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let environment = [
            ("SYMBOLON_SERVER_LISTEN", "127.0.0.1:9443"),
            ("SYMBOLON_SERVER_LIMITS__DEVICE_BURST", "7"),
            ("SYMBOLON_SERVER_ISSUER", "Beispiel GmbH"),
            ("SYMBOLON_HOME", "/nowhere"),
        ];
        let config = load("listen = '127.0.0.1:1'\nissuer = 'Example'\n", &environment).unwrap();
        assert_eq!(config.listen.port(), 9443);
        assert_eq!(config.limits.device_burst, 7);
        assert_eq!(config.issuer.as_str(), "Beispiel GmbH");
    }

    #[test]
    fn unknown_keys_are_refused_and_named() {
        let message = load("lisen = '127.0.0.1:1'", &[]).unwrap_err().to_string();
        assert!(message.contains("lisen"), "{message}");
        let message = load("", &[("SYMBOLON_SERVER_LISEN", "x")]).unwrap_err().to_string();
        assert!(message.contains("lisen"), "{message}");
        let message = load("[limits]\ndevice_burst = 0", &[]).unwrap_err().to_string();
        assert!(message.contains("limits.device_burst") && message.contains("from 1"), "{message}");
        let message = load("[limits]\ndevice = 1", &[]).unwrap_err().to_string();
        assert!(message.contains("device"), "{message}");
    }

    #[test]
    fn a_mail_server_is_named_as_people_write_it() {
        for (text, host, port) in [
            ("smtp.example.org", "smtp.example.org", None),
            ("smtp.example.org:2525", "smtp.example.org", Some(2525)),
            ("127.0.0.1:25", "127.0.0.1", Some(25)),
            ("[::1]:443", "::1", Some(443)),
            ("[::1]", "::1", None),
        ] {
            let server = MailServer::try_from(text.to_owned()).unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{text}");
            assert_eq!(server.is_loopback(), host == "127.0.0.1" || host == "::1", "{text}");
        }
        for text in ["", "smtp.example.org/x", "https://smtp.example.org", "a b", "smtp.example.org:0x1"] {
            assert!(MailServer::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["", "nobody", "Example <a@b>\r\nBcc: c@d"] {
            assert!(MailSender::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_master_key_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        assert!(config.master_key_source().read().is_err());
        config.master_key_source().make().unwrap();
        let written = std::fs::read(directory.path().join("master.key")).unwrap();
        config.master_key_source().make().unwrap();
        assert_eq!(std::fs::read(directory.path().join("master.key")).unwrap(), written);
    }
}
