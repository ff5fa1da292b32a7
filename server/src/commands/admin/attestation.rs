//! `admin attestation …`: tries a statement of a phone's hardware by hand.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use jiff::Timestamp;
use serde::Serialize;
use symbolon_core::keys::sha256;
use symbolon_core::policy::{IosApp, OldestPatchLevel};
use x509_parser::pem::Pem;

use crate::attestation::android::{
    self, AcceptedApp, ApplicationId, Package, Provisioning, SecurityLevel, VerifiedBoot,
};
use crate::attestation::apple::{self, Environment};
use crate::attestation::{Certificate, Key, LONGEST, Refusal};
use crate::commands::installation;
use crate::commands::output::{Failure, Output};
use crate::config::Config;
use crate::revocations;
use crate::service::attestation::Trust;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Judge a statement: say what the hardware vouches for, and whether to believe it.
    ///
    /// What a rooted or unlocked device says is reported, and refused only with --require-secure-device.
    Verify(Box<Verify>),
}

#[derive(Args)]
pub(super) struct Verify {
    /// The statement: a chain in PEM, leaf first (Android); CBOR, raw or in base64 (iOS).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the phone runs.
    #[arg(long)]
    platform: PlatformName,
    /// The app that must have made the key: a package (Android), TEAM.BUNDLE (iOS).
    #[arg(long)]
    app: Option<String>,
    /// When it is judged (RFC 3339); now when left out.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,

    /// Android: the challenge that must be in it, in hexadecimal.
    #[arg(long, value_name = "HEX", required_if_eq("platform", "android"))]
    challenge: Option<String>,
    /// Android: the SHA-256 of the certificate that must have signed the app.
    #[arg(long, value_name = "SHA256")]
    signer: Option<String>,
    /// Android: a file with further roots, certificates or public keys in PEM.
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// Android: believe keys in software too.
    #[arg(long)]
    allow_software: bool,
    /// Android: refuse devices with an unlocked boot loader or a system that its maker has not signed.
    #[arg(long)]
    require_secure_device: bool,
    /// Android: the oldest security patch, as 2025-03 or 2025-03-05.
    #[arg(long, value_name = "LEVEL", default_value = "none")]
    oldest_patch_level: OldestPatchLevel,

    /// iOS: the key id that the app named, in base64.
    #[arg(long, value_name = "BASE64", allow_hyphen_values = true)] // base64url may begin with one
    key_id: Option<String>,
    /// iOS: a file with the client data, as they were before they were hashed.
    #[arg(long, value_name = "FILE", required_if_eq("platform", "ios"))]
    client_data: Option<PathBuf>,
    /// iOS: production or development; either when left out.
    #[arg(long)]
    environment: Option<Environment>,
    /// iOS: FILE is an assertion of an attested key.
    #[arg(long, requires = "public_key")]
    assertion: bool,
    /// iOS: a file with the attested key, in PEM or DER.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// iOS: where the key's counter stood before the assertion.
    #[arg(long, value_name = "N", default_value_t = 0)]
    counter: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlatformName {
    Android,
    Ios,
}

/// What came of it. What the statement says is shown whether it is believed or not.
#[derive(Serialize)]
struct Report {
    accepted: bool,
    /// The rule that it breaks.
    reason: Option<&'static str>,
    /// The same in words.
    explanation: Option<String>,
    #[serde(flatten)]
    facts: Facts,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Facts {
    Nothing {},
    Android(Box<AndroidFacts>),
    Apple(AppleFacts),
}

#[derive(Serialize)]
struct AndroidFacts {
    security_level: Option<SecurityLevel>,
    verified_boot: Option<VerifiedBoot>,
    device_locked: Option<bool>,
    verified_boot_key: Option<String>,
    verified_boot_hash: Option<String>,
    attestation_version: Option<u64>,
    attestation_security_level: Option<SecurityLevel>,
    keymint_version: Option<u64>,
    keymint_security_level: Option<SecurityLevel>,
    challenge: Option<String>,
    os_version: Option<u64>,
    os_patch_level: Option<u64>,
    vendor_patch_level: Option<u64>,
    boot_patch_level: Option<u64>,
    packages: Vec<Package>,
    signers: Vec<String>,
    purposes: Vec<u64>,
    algorithm: Option<u64>,
    key_size: Option<u64>,
    origin: Option<&'static str>,
    created_at: Option<Timestamp>,
    provisioning: Option<Provisioning>,
    root: Option<String>,
    serials: Vec<String>,
    revocation_list: Option<ListAge>,
}

/// How old the revocation list is that was looked at.
#[derive(Serialize)]
struct ListAge {
    age: i64,
    entries: usize,
}

#[derive(Serialize)]
struct AppleFacts {
    environment: Option<Environment>,
    key_id: Option<String>,
    counter: Option<u32>,
    root: Option<String>,
    serials: Vec<String>,
}

pub(super) fn run(command: &Command, config: &Config, output: &Output) -> Result<(), Failure> {
    let Command::Verify(verify) = command;
    let now = Timestamp::now();
    let (facts, verdict) = match verify.platform {
        PlatformName::Android => verify.android(config, now)?,
        PlatformName::Ios if verify.assertion => verify.assertion()?,
        PlatformName::Ios => verify.ios(&installation::trust(config)?, now)?,
    };
    let refusal = verdict.err();
    let report = Report {
        accepted: refusal.is_none(),
        reason: refusal.as_ref().map(Refusal::name),
        explanation: refusal.as_ref().map(ToString::to_string),
        facts,
    };
    output.answer(&report, lines)?;
    if report.accepted { Ok(()) } else { Err(Failure::already_said()) }
}

type Judged = Result<(Facts, Result<(), Refusal>), Failure>;

impl Verify {
    fn android(&self, config: &Config, now: Timestamp) -> Judged {
        let mut trust = installation::trust(config)?;
        trust.replace_list(revocations::read(&revocations::path(config)).map_err(Failure::usage)?);
        let challenge = self.challenge.as_deref().unwrap_or_default();
        let challenge = hex(challenge).ok_or_else(|| Failure::usage("--challenge must be in hexadecimal"))?;
        let signer = match self.signer.as_deref().map(hex) {
            None => None,
            Some(Some(hash)) if hash.len() == 32 => <[u8; 32]>::try_from(hash).ok(),
            Some(_) => return Err(Failure::usage("--signer must be a SHA-256 in hexadecimal")),
        };
        if let Some(path) = &self.roots {
            let failed = |error| Failure::usage(format!("{}: {error}", path.display()));
            trust.android.add_file(&text(path)?, path).map_err(failed)?;
        }
        let (chain, tail) = chain(&self.file)?;
        let statement = match android::Statement::read(&chain).and_then(|statement| tail.map(|()| statement)) {
            Ok(statement) => statement,
            Err(refusal) => return Ok((Facts::Nothing {}, Err(refusal))),
        };
        let app = AcceptedApp { package: self.app.as_deref(), signer: signer.as_ref() };
        let apps = if self.app.is_some() || self.signer.is_some() { vec![app] } else { Vec::new() };
        let listed = trust.listed();
        let verdict = trust.check_list(now).and_then(|()| {
            statement.judge(&android::Expected {
                roots: &trust.android,
                revoked: listed.as_ref().map(|listed| &listed.list),
                time: self.at.unwrap_or(now),
                challenge: &challenge,
                key: None,
                apps: &apps,
                allow_software: self.allow_software || trust.allow_software,
                allow_unsecure_device: !self.require_secure_device,
                oldest_patch_level: self.oldest_patch_level,
            })
        });
        let list = listed
            .as_ref()
            .map(|listed| ListAge { age: now.duration_since(listed.since).as_secs(), entries: listed.list.len() });
        let facts = AndroidFacts::of(&statement, verdict.as_ref().ok(), list);
        Ok((Facts::Android(Box::new(facts)), verdict.map(drop)))
    }

    fn ios(&self, trust: &Trust, now: Timestamp) -> Judged {
        let key_id = self.key_id()?.ok_or_else(|| Failure::usage("--key-id is needed for a statement of iOS"))?;
        let apps = [self.ios_app()?.ok_or_else(|| Failure::usage("--app is needed for a statement of iOS"))?];
        let hash = self.client_data_hash()?;
        let statement = match apple::Statement::read(&cbor(&self.file)?) {
            Ok(statement) => statement,
            Err(refusal) => return Ok((Facts::Nothing {}, Err(refusal))),
        };
        let verdict = statement.judge(&apple::Expected {
            roots: &trust.apple,
            time: self.at.unwrap_or(now),
            client_data_hash: &hash,
            key_id: Some(&key_id),
            apps: &apps,
            environment: self.environment,
        });
        let facts = AppleFacts {
            environment: statement.environment(),
            key_id: Some(BASE64.encode(&sha256(statement.point()))),
            counter: Some(statement.counter()),
            root: verdict.as_ref().ok().map(|root| root.name.clone()),
            serials: serials(statement.chain()),
        };
        Ok((Facts::Apple(facts), verdict.map(drop)))
    }

    fn assertion(&self) -> Judged {
        let path = self.public_key.as_deref().ok_or_else(|| Failure::usage("--public-key is needed"))?;
        let point = public_key(path)?;
        let key_id = self.key_id()?;
        let apps: Vec<IosApp> = self.ios_app()?.into_iter().collect();
        let hash = self.client_data_hash()?;
        let assertion = match apple::Assertion::read(&cbor(&self.file)?) {
            Ok(assertion) => assertion,
            Err(refusal) => return Ok((Facts::Nothing {}, Err(refusal))),
        };
        let verdict = if key_id.is_some_and(|named| named != sha256(&point)) {
            Err(Refusal::WrongKeyId)
        } else {
            assertion.judge(&point, &hash, &apps, self.counter)
        };
        let facts = AppleFacts {
            environment: None,
            key_id: Some(BASE64.encode(&sha256(&point))),
            counter: Some(assertion.counter()),
            root: None,
            serials: Vec::new(),
        };
        Ok((Facts::Apple(facts), verdict))
    }

    fn key_id(&self) -> Result<Option<Vec<u8>>, Failure> {
        let read = |text: &String| base64(text.as_bytes()).filter(|id| id.len() == 32);
        let wrong = || Failure::usage("--key-id must be 32 bytes in base64");
        self.key_id.as_ref().map(|text| read(text).ok_or_else(wrong)).transpose()
    }

    fn ios_app(&self) -> Result<Option<IosApp>, Failure> {
        let wrong = |error| Failure::usage(format!("--app: {error}"));
        self.app.as_ref().map(|app| app.parse().map_err(wrong)).transpose()
    }

    fn client_data_hash(&self) -> Result<[u8; 32], Failure> {
        let path = self.client_data.as_deref().ok_or_else(|| Failure::usage("--client-data is needed"))?;
        bytes(path).map(|data| sha256(&data))
    }
}

impl AndroidFacts {
    fn of(statement: &android::Statement, believed: Option<&android::Believed<'_>>, list: Option<ListAge>) -> Self {
        let description = statement.description();
        let root = description.and_then(android::KeyDescription::root_of_trust);
        let hardware = description.map(|description| &description.hardware);
        let stated = |field: fn(&android::AuthorizationList) -> Option<u64>| {
            let software = || description.and_then(|description| field(&description.software));
            hardware.and_then(field).or_else(software)
        };
        let id = description.and_then(android::KeyDescription::application_id).cloned();
        let ApplicationId { packages, signers } = id.unwrap_or_default();
        let encode = |bytes: &Vec<u8>| HEXLOWER.encode(bytes);
        Self {
            security_level: description.map(android::KeyDescription::security_level),
            verified_boot: root.map(|root| root.verified_boot),
            device_locked: root.map(|root| root.device_locked),
            verified_boot_key: root.map(|root| encode(&root.verified_boot_key)),
            verified_boot_hash: root.and_then(|root| root.verified_boot_hash.as_ref()).map(encode),
            attestation_version: description.map(|description| description.attestation_version),
            attestation_security_level: description.map(|description| description.attestation_security_level),
            keymint_version: description.map(|description| description.keymint_version),
            keymint_security_level: description.map(|description| description.keymint_security_level),
            challenge: description.map(|description| encode(&description.challenge)),
            os_version: stated(|list| list.os_version),
            os_patch_level: stated(|list| list.os_patch_level),
            vendor_patch_level: stated(|list| list.vendor_patch_level),
            boot_patch_level: stated(|list| list.boot_patch_level),
            packages,
            signers: signers.iter().map(encode).collect(),
            purposes: description.map(|description| description.purposes().to_vec()).unwrap_or_default(),
            algorithm: stated(|list| list.algorithm),
            key_size: stated(|list| list.key_size),
            origin: description.map(android::KeyDescription::origin),
            created_at: stated(|list| list.created_at)
                .and_then(|millis| Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()),
            provisioning: believed.map(|believed| believed.provisioning),
            root: believed.map(|believed| believed.root.name.clone()),
            serials: serials(statement.chain()),
            revocation_list: list,
        }
    }
}

fn serials(chain: &[Certificate]) -> Vec<String> {
    chain.iter().map(|certificate| certificate.serial.clone()).collect()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.replace(':', "").as_bytes()).ok()
}

/// Base64 of either alphabet, with white space anywhere and with or without padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=');
    let digits: Vec<u8> = digits
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        })
        .collect();
    BASE64URL_NOPAD.decode(&digits).ok()
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = std::fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    if read.len() > 4 * LONGEST {
        return Err(Failure::usage(format!("{}: longer than anything of this kind", path.display())));
    }
    Ok(read)
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?).map_err(|_| Failure::usage(format!("{}: no text", path.display())))
}

/// The certificates of a PEM file, one after the other, and whether each block held one and nothing else.
fn chain(path: &Path) -> Result<(Vec<u8>, Result<(), Refusal>), Failure> {
    let file = bytes(path)?;
    let none = || Failure::usage(format!("{}: there is no certificate in PEM", path.display()));
    let blocks: Vec<Pem> = Pem::iter_from_buffer(&file)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(format!("{}: not PEM: {error}", path.display())))?;
    let certificates: Vec<&Pem> = blocks.iter().filter(|block| block.label == "CERTIFICATE").collect();
    if certificates.is_empty() {
        return Err(none());
    }
    let whole = certificates.iter().try_for_each(|block| match Certificate::read(&block.contents)? {
        (_, []) => Ok(()),
        _ => Err(Refusal::Malformed("data after a certificate")),
    });
    Ok((certificates.iter().flat_map(|block| block.contents.iter().copied()).collect(), whole))
}

/// A CBOR map, raw or in base64.
fn cbor(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = bytes(path)?;
    let is_map = |bytes: &[u8]| bytes.first().is_some_and(|first| (0xa0..=0xbf).contains(first));
    if is_map(&file) {
        return Ok(file);
    }
    let decoded = base64(&file).filter(|decoded| is_map(decoded));
    decoded.ok_or_else(|| Failure::usage(format!("{}: neither CBOR nor base64 of CBOR", path.display())))
}

/// The point of a P-256 key in PEM, DER or as a point, the latter two also in base64.
fn public_key(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = bytes(path)?;
    let pem = Pem::iter_from_buffer(&file).next().and_then(Result::ok).map(|pem| pem.contents);
    let candidates = [pem, base64(&file), Some(file)];
    let point = candidates.into_iter().flatten().find_map(|bytes| match bytes.as_slice() {
        [4, ..] if bytes.len() == 65 => Some(bytes),
        der => Key::from_der(der)?.point().map(<[u8]>::to_vec),
    });
    point.ok_or_else(|| Failure::usage(format!("{}: no P-256 public key", path.display())))
}

fn lines(report: &Report) -> String {
    let mut lines = match (&report.reason, &report.explanation) {
        (Some(reason), Some(explanation)) => format!("refused ({reason}): {explanation}\n"),
        _ => "accepted\n".to_owned(),
    };
    let facts = serde_json::to_value(&report.facts).unwrap_or_default();
    for (name, value) in facts.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        lines.push_str(&format!("{}: {}\n", name.replace('_', " "), value.to_string().trim_matches('"')));
    }
    lines
}
