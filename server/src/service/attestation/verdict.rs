//! What the server makes of one device's attestation, by the policy of its user.
//!
//! The statement itself is kept. So it can be judged again by the same rules when the policy or the revocation list has
//! changed: at each approval, and for what people see as soon as the server notices.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::keys::sha256;
use symbolon_core::policy::Policy;
use symbolon_core::signed::PublicKey;

use super::Trust;
use crate::attestation::android::{self, AcceptedApp};
use crate::attestation::{Platform, Refusal, apple};
use crate::storage::Attested;

/// What is believed of a device's hardware, and why not more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttestationVerdict {
    /// Whether the hardware vouches for the device's key, as the policy wants it.
    pub accepted: bool,
    /// The rule that the statement breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "revoked")]
    pub reason: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// The platform of the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Android: where the key lives, as the statement says: `software`, `trusted_environment` or `strong_box`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_level: Option<String>,
    /// Android: what the boot loader made of the system: `verified`, `self_signed`, `unverified` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_boot: Option<String>,
    /// Android: whether the boot loader is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_locked: Option<bool>,
    /// Android: the security patch of the system, YYYYMM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_patch_level: Option<u64>,
    /// Android: the packages that can use the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// iOS: `production` or `development`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When the statement was made; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub attested_at: Option<Timestamp>,
}

impl AttestationVerdict {
    /// A device that sent no statement.
    #[must_use]
    pub fn missing() -> Self {
        Self::of(&Err(Refusal::Missing))
    }

    fn of(judged: &Result<(), Refusal>) -> Self {
        let refusal = judged.as_ref().err();
        Self {
            accepted: refusal.is_none(),
            reason: refusal.map(|refusal| refusal.name().to_owned()),
            explanation: refusal.map(ToString::to_string),
            platform: None,
            security_level: None,
            verified_boot: None,
            device_locked: None,
            os_patch_level: None,
            packages: Vec::new(),
            environment: None,
            attested_at: None,
        }
    }

    /// Whether the device sent no statement, so that there is nothing to believe or not.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        self.attested_at.is_none()
    }

    /// In one word, for the audit.
    #[must_use]
    pub fn word(&self) -> &str {
        self.reason.as_deref().unwrap_or("accepted")
    }
}

/// A device's statement, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Why it is not accepted, if it is not.
    pub refusal: Option<Refusal>,
    /// What is kept and shown.
    pub verdict: AttestationVerdict,
}

impl Judged {
    /// A device that sent no statement.
    #[must_use]
    pub fn missing() -> Self {
        Self { refusal: Some(Refusal::Missing), verdict: AttestationVerdict::missing() }
    }

    /// Whether the device may hold a token: `None` when it may. A statement that is not accepted is no obstacle by
    /// itself, and a key in software does not make a device unsecure; what policy wants makes the difference.
    #[must_use]
    pub fn obstacle(&self, policy: &Policy) -> Option<&Refusal> {
        // Of a device that the policy allows to be unsecure, that is not even a reason.
        let counts = |refusal: &&Refusal| policy.require_attestation || refusal.is_of_unsecure_device();
        self.refusal.as_ref().filter(counts)
    }
}

/// A name as JSON has it.
fn name(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

impl Trust {
    /// Judges what a device with the key `device` has sent.
    #[must_use]
    pub fn judge(&self, attested: Option<&Attested>, device: &PublicKey, policy: &Policy, now: Timestamp) -> Judged {
        let Some(attested) = attested else {
            return Judged::missing();
        };
        let (judged, verdict) = match Platform::of(&attested.statement) {
            Ok(Platform::Android) => self.judge_android(attested, device, policy, now),
            Ok(Platform::Ios) => self.judge_ios(attested, device, policy),
            Err(refusal) => {
                let judged = Err(refusal);
                let verdict = AttestationVerdict::of(&judged);
                (judged, verdict)
            }
        };
        let attested_at = Some(attested.at);
        Judged { refusal: judged.err(), verdict: AttestationVerdict { attested_at, ..verdict } }
    }

    fn judge_android(
        &self,
        attested: &Attested,
        device: &PublicKey,
        policy: &Policy,
        now: Timestamp,
    ) -> (Result<(), Refusal>, AttestationVerdict) {
        let statement = android::Statement::read(&attested.statement);
        let listed = self.listed();
        let apps: Vec<AcceptedApp<'_>> = policy.android_apps.iter().map(AcceptedApp::from).collect();
        let point = device.to_sec1();
        let judged = match &statement {
            Err(refusal) => Err(refusal.clone()),
            Ok(statement) => self.check_list(now).and_then(|()| {
                let expected = android::Expected {
                    roots: &self.android,
                    revoked: listed.as_ref().map(|listed| &listed.list),
                    time: attested.at,
                    challenge: &attested.challenge,
                    key: Some(point.as_slice()),
                    apps: &apps,
                    allow_software: self.allow_software,
                    allow_unsecure_device: policy.allow_unsecure_device,
                    oldest_patch_level: policy.oldest_patch_level,
                };
                statement.judge(&expected).map(drop)
            }),
        };
        let description = statement.as_ref().ok().and_then(android::Statement::description);
        let root = description.and_then(android::KeyDescription::root_of_trust);
        let packages = description.and_then(android::KeyDescription::application_id).map(|id| &id.packages);
        let verdict = AttestationVerdict {
            platform: Some(Platform::Android),
            security_level: description.and_then(|description| name(&description.security_level())),
            verified_boot: root.and_then(|root| name(&root.verified_boot)),
            device_locked: root.map(|root| root.device_locked),
            os_patch_level: description.and_then(android::KeyDescription::os_patch_level),
            packages: packages.into_iter().flatten().map(|package| package.name.clone()).collect(),
            ..AttestationVerdict::of(&judged)
        };
        (judged, verdict)
    }

    fn judge_ios(
        &self,
        attested: &Attested,
        device: &PublicKey,
        policy: &Policy,
    ) -> (Result<(), Refusal>, AttestationVerdict) {
        let statement = apple::Statement::read(&attested.statement);
        let bound = [attested.challenge.as_slice(), device.to_sec1().as_slice()].concat();
        let judged = match &statement {
            Err(refusal) => Err(refusal.clone()),
            Ok(statement) => statement
                .judge(&apple::Expected {
                    roots: &self.apple,
                    time: attested.at,
                    client_data_hash: &sha256(&bound),
                    key_id: None,
                    apps: &policy.ios_apps,
                    environment: self.environment(),
                })
                .map(drop),
        };
        let environment = statement.as_ref().ok().and_then(apple::Statement::environment);
        let verdict = AttestationVerdict {
            platform: Some(Platform::Ios),
            environment: environment.map(|environment| environment.name().to_owned()),
            ..AttestationVerdict::of(&judged)
        };
        (judged, verdict)
    }

    /// Judges what App Attest asserts of an answer, the text that the device has signed; answers the counter that is to
    /// be kept. Other platforms assert nothing.
    ///
    /// # Errors
    /// [`Refusal::Missing`] when there is no assertion and the policy requires attestation; what is wrong with it.
    pub fn judge_assertion(
        &self,
        attested: Option<&Attested>,
        assertion: Option<&[u8]>,
        answer: &[u8],
        policy: &Policy,
    ) -> Result<Option<u32>, Refusal> {
        let Some(attested) = attested.filter(|attested| Platform::of(&attested.statement) == Ok(Platform::Ios)) else {
            return Ok(None);
        };
        let Some(assertion) = assertion else {
            return if policy.require_attestation { Err(Refusal::Missing) } else { Ok(None) };
        };
        let statement = apple::Statement::read(&attested.statement)?;
        let assertion = apple::Assertion::read(assertion)?;
        assertion.judge(statement.point(), &sha256(answer), &policy.ios_apps, attested.counter)?;
        Ok(Some(assertion.counter()))
    }
}
