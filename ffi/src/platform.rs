//! What a phone brings: its keys, its biometrics, its signs of tampering. Kotlin and Swift implement these traits.

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_client::platform::{self as client, BoxFuture};
use symbolon_core::biometrics::BiometricsOff;
use symbolon_core::integrity;
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::signed::{PublicKey, Signature};
use symbolon_core::text::Text;
use zeroize::Zeroizing;

use crate::waking::{Service, Wake};

/// Where a device key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum KeyProtection {
    /// Android's StrongBox.
    StrongBox,
    /// The processor's trusted environment (Android).
    TrustedEnvironment,
    /// Apple's Secure Enclave.
    Enclave,
    /// No hardware.
    Software,
}

/// When the hardware lets a key be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum KeyAccess {
    /// While the device is unlocked.
    UnlockedDevice,
    /// After a biometric match, for one use; the key is destroyed when a finger or face is enrolled.
    Biometrics,
}

/// A signing key that the hardware made.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceKey {
    /// The public half: the uncompressed point, 65 bytes.
    pub public_key: Vec<u8>,
    /// Where the private half lives.
    pub protection: KeyProtection,
}

/// Why a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum KeysError {
    /// There is no key of that label: the system lost it, or destroyed it since a finger or face was enrolled.
    #[error("missing")]
    Missing,
    /// What was to be opened was not sealed by this key, or was changed.
    #[error("not sealed here")]
    NotSealedHere,
    /// The person said no.
    #[error("cancelled")]
    Cancelled,
    /// Too many failed matches.
    #[error("locked out")]
    LockedOut,
    /// The hardware can't be used now.
    #[error("{reason}")]
    Unavailable {
        /// Why, in English.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeysError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { reason: error.reason }
    }
}

impl From<KeysError> for client::KeysError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Missing => Self::Missing,
            KeysError::NotSealedHere => Self::NotSealedHere,
            KeysError::Cancelled => Self::Cancelled,
            KeysError::LockedOut => Self::LockedOut,
            KeysError::Unavailable { reason } => Self::Unavailable(reason),
        }
    }
}

/// Keys that never leave the phone's hardware, each found by its label: lower-case letters, digits, `-` and `.`, at most 64
/// characters.
#[uniffi::export(foreign)]
#[async_trait]
pub trait HardwareKeys: Send + Sync {
    /// Makes a P-256 key that signs; an attestation of it holds `challenge`, 32 bytes.
    async fn create_signing_key(&self, label: String, challenge: Vec<u8>) -> Result<DeviceKey, KeysError>;

    /// Makes a key for [`HardwareKeys::prf`].
    async fn create_prf_key(&self, label: String, access: KeyAccess) -> Result<(), KeysError>;

    /// Makes a key for [`HardwareKeys::seal`] and [`HardwareKeys::open`].
    async fn create_sealing_key(&self, label: String, access: KeyAccess) -> Result<(), KeysError>;

    /// The hardware's statement about a signing key: on Android its certificates, one after the other in DER, the key's own
    /// first; on iOS the attestation object of App Attest. `None` where there is none.
    async fn attest(&self, label: String, challenge: Vec<u8>) -> Result<Option<Vec<u8>>, KeysError>;

    /// What the platform asserts of data whose SHA-256 this is: App Attest. `None` where there is no such thing.
    async fn assertion(&self, label: String, client_data_hash: Vec<u8>) -> Result<Option<Vec<u8>>, KeysError>;

    /// The public half of a signing key: the uncompressed point, 65 bytes.
    async fn public_key(&self, label: String) -> Result<Vec<u8>, KeysError>;

    /// Signs with ECDSA over SHA-256; the signature is in DER.
    async fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, KeysError>;

    /// A pseudo-random function of `input` that only this phone can compute: 32 bytes each.
    async fn prf(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, KeysError>;

    /// Encrypts and authenticates. A key of [`KeyAccess::Biometrics`] asks the person first: `prompt` is why, and is given for
    /// such keys and no others.
    async fn seal(&self, label: String, plain: Vec<u8>, prompt: Option<String>) -> Result<Vec<u8>, KeysError>;

    /// Opens what [`HardwareKeys::seal`] made, and asks the person as that does.
    async fn open(&self, label: String, sealed: Vec<u8>, prompt: Option<String>) -> Result<Vec<u8>, KeysError>;

    /// Removes a key; nothing happens when there is none.
    async fn delete(&self, label: String) -> Result<(), KeysError>;
}

/// A way in which a system recognises a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Biometric {
    /// A fingerprint.
    Fingerprint,
    /// A face.
    Face,
    /// An iris.
    Iris,
}

/// Why biometrics open nothing on this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum BiometricsObstacle {
    /// The policy allows none.
    ByPolicy,
    /// The policy allows no face, and the system can't leave it out.
    FaceNotExcluded,
    /// The system recognises nobody, or not strongly enough.
    NotSetUp,
}

impl From<BiometricsOff> for BiometricsObstacle {
    fn from(reason: BiometricsOff) -> Self {
        match reason {
            BiometricsOff::ByPolicy => Self::ByPolicy,
            BiometricsOff::FaceNotExcluded => Self::FaceNotExcluded,
            BiometricsOff::NotSetUp => Self::NotSetUp,
        }
    }
}

/// Who the system can recognise.
#[uniffi::export(foreign)]
pub trait LocalAuthentication: Send + Sync {
    /// The kinds that the phone has and that may open a key of [`KeyAccess::Biometrics`]; none when the person has set up
    /// none, or when there is nothing strong enough. Where the system does not say which kind was enrolled, all that the
    /// phone has.
    fn available(&self) -> Vec<Biometric>;
}

/// One sign of tampering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Signal {
    /// A program that gives root rights (Android).
    SuBinary,
    /// A system that is signed with the public test keys (Android).
    TestKeys,
    /// A debugger is attached to the app.
    Debugger,
    /// An emulator or simulator.
    Emulator,
    /// A library that rewrites running apps.
    HookingLibrary,
    /// A boot loader that starts any system (Android).
    UnlockedBootloader,
    /// Files that a jail-break leaves behind (iOS).
    JailbreakFiles,
    /// The app could write outside its own files (iOS).
    LeakySandbox,
    /// The app is not signed by its maker.
    ResignedApp,
    /// A sign that this version has no name for.
    Unknown,
}

impl From<integrity::Signal> for Signal {
    fn from(signal: integrity::Signal) -> Self {
        match signal {
            integrity::Signal::SuBinary => Self::SuBinary,
            integrity::Signal::TestKeys => Self::TestKeys,
            integrity::Signal::Debugger => Self::Debugger,
            integrity::Signal::Emulator => Self::Emulator,
            integrity::Signal::HookingLibrary => Self::HookingLibrary,
            integrity::Signal::UnlockedBootloader => Self::UnlockedBootloader,
            integrity::Signal::JailbreakFiles => Self::JailbreakFiles,
            integrity::Signal::LeakySandbox => Self::LeakySandbox,
            integrity::Signal::ResignedApp => Self::ResignedApp,
            integrity::Signal::Unknown => Self::Unknown,
        }
    }
}

impl From<Signal> for integrity::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::SuBinary => Self::SuBinary,
            Signal::TestKeys => Self::TestKeys,
            Signal::Debugger => Self::Debugger,
            Signal::Emulator => Self::Emulator,
            Signal::HookingLibrary => Self::HookingLibrary,
            Signal::UnlockedBootloader => Self::UnlockedBootloader,
            Signal::JailbreakFiles => Self::JailbreakFiles,
            Signal::LeakySandbox => Self::LeakySandbox,
            Signal::ResignedApp => Self::ResignedApp,
            Signal::Unknown => Self::Unknown,
        }
    }
}

/// What the phone says of itself: a hint to honest people, and no proof.
#[uniffi::export(foreign)]
pub trait IntegrityProbe: Send + Sync {
    /// The signs of tampering that are seen now. Asked at every gate, so it must be quick.
    fn signals(&self) -> Vec<Signal>;
}

/// What the server is told of the phone, for people to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceInfo {
    /// `android` or `ios`.
    pub platform: String,
    /// Maker and model.
    pub model: String,
    /// Name and version of the app.
    pub app: String,
}

/// All that only the phone has.
#[derive(Clone, uniffi::Record)]
pub struct Platform {
    /// Its keys.
    pub keys: Arc<dyn HardwareKeys>,
    /// Its way of recognising the person.
    pub authentication: Arc<dyn LocalAuthentication>,
    /// Its signs of tampering.
    pub integrity: Arc<dyn IntegrityProbe>,
    /// What it is.
    pub device: DeviceInfo,
    /// Its push service; `None` where nothing wakes it.
    #[uniffi(default = None)]
    pub wake: Option<Arc<dyn Wake>>,
}

impl From<Platform> for client::Platform {
    fn from(platform: Platform) -> Self {
        let DeviceInfo { platform: system, model, app } = platform.device;
        Self {
            keys: Arc::new(Keys(platform.keys)),
            authentication: Arc::new(Authentication(platform.authentication)),
            integrity: Arc::new(Probe(platform.integrity)),
            wake: platform.wake.map(|wake| Arc::new(Service(wake)) as Arc<dyn client::Wake>),
            device: client::DeviceInfo { platform: line(&system), model: line(&model), app: line(&app) },
        }
    }
}

/// What a maker calls a phone may be anything: what can't be shown on a line is left out.
fn line<const MAX: usize>(text: &str) -> Text<MAX> {
    let shown: String = text.chars().filter(|character| character.is_ascii_graphic() || *character == ' ').collect();
    let cut = shown.trim().get(..MAX).unwrap_or(shown.trim()).trim();
    cut.parse().or_else(|_| "unknown".parse()).unwrap_or_else(|_| unreachable!("a word is a text"))
}

struct Authentication(Arc<dyn LocalAuthentication>);

impl client::LocalAuthentication for Authentication {
    fn available(&self) -> Vec<client::Biometric> {
        let named = |kind| match kind {
            Biometric::Fingerprint => client::Biometric::Fingerprint,
            Biometric::Face => client::Biometric::Face,
            Biometric::Iris => client::Biometric::Iris,
        };
        self.0.available().into_iter().map(named).collect()
    }
}

struct Probe(Arc<dyn IntegrityProbe>);

impl client::IntegrityProbe for Probe {
    fn signals(&self) -> integrity::Signals {
        self.0.signals().into_iter().map(integrity::Signal::from).collect()
    }
}

struct Keys(Arc<dyn HardwareKeys>);

/// What the phone's code answers must have the form that it promised.
fn odd(what: &str) -> client::KeysError {
    client::KeysError::Unavailable(format!("the key store answered with {what} of another form"))
}

fn public_key(point: &[u8]) -> Result<PublicKey, client::KeysError> {
    PublicKey::from_sec1(point).map_err(|_| odd("a public key"))
}

impl From<client::KeyAccess> for KeyAccess {
    fn from(access: client::KeyAccess) -> Self {
        match access {
            client::KeyAccess::UnlockedDevice => Self::UnlockedDevice,
            client::KeyAccess::Biometrics => Self::Biometrics,
        }
    }
}

impl client::HardwareKeys for Keys {
    fn create_signing_key<'a>(
        &'a self,
        label: &'a str,
        challenge: [u8; 32],
    ) -> BoxFuture<'a, Result<client::DeviceKey, client::KeysError>> {
        Box::pin(async move {
            let made = self.0.create_signing_key(label.into(), challenge.into()).await?;
            let protection = match made.protection {
                KeyProtection::StrongBox => client::KeyProtection::StrongBox,
                KeyProtection::TrustedEnvironment => client::KeyProtection::TrustedEnvironment,
                KeyProtection::Enclave => client::KeyProtection::Enclave,
                KeyProtection::Software => client::KeyProtection::Software,
            };
            Ok(client::DeviceKey { public: public_key(&made.public_key)?, protection })
        })
    }

    fn create_prf_key<'a>(
        &'a self,
        label: &'a str,
        access: client::KeyAccess,
    ) -> BoxFuture<'a, Result<(), client::KeysError>> {
        Box::pin(async move { Ok(self.0.create_prf_key(label.into(), access.into()).await?) })
    }

    fn create_sealing_key<'a>(
        &'a self,
        label: &'a str,
        access: client::KeyAccess,
    ) -> BoxFuture<'a, Result<(), client::KeysError>> {
        Box::pin(async move { Ok(self.0.create_sealing_key(label.into(), access.into()).await?) })
    }

    fn attest<'a>(
        &'a self,
        label: &'a str,
        challenge: [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, client::KeysError>> {
        Box::pin(async move { Ok(self.0.attest(label.into(), challenge.into()).await?) })
    }

    fn assert<'a>(
        &'a self,
        label: &'a str,
        client_data_hash: [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, client::KeysError>> {
        Box::pin(async move { Ok(self.0.assertion(label.into(), client_data_hash.into()).await?) })
    }

    fn public_key<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<PublicKey, client::KeysError>> {
        Box::pin(async move { public_key(&self.0.public_key(label.into()).await?) })
    }

    fn sign<'a>(&'a self, label: &'a str, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, client::KeysError>> {
        Box::pin(async move {
            let der = self.0.sign(label.into(), message.into()).await?;
            Signature::from_der(&der).map_err(|_| odd("a signature"))
        })
    }

    fn prf<'a>(
        &'a self,
        label: &'a str,
        input: &'a Secret<32>,
    ) -> BoxFuture<'a, Result<Secret<32>, client::KeysError>> {
        Box::pin(async move {
            let output = Zeroizing::new(self.0.prf(label.into(), input.expose().to_vec()).await?);
            Secret::from_slice(&output).ok_or_else(|| odd("a pseudo-random value"))
        })
    }

    fn seal<'a>(
        &'a self,
        label: &'a str,
        plain: &'a [u8],
        prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<u8>, client::KeysError>> {
        Box::pin(async move { Ok(self.0.seal(label.into(), plain.into(), prompt.map(str::to_owned)).await?) })
    }

    fn open<'a>(
        &'a self,
        label: &'a str,
        sealed: &'a [u8],
        prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SecretBytes, client::KeysError>> {
        Box::pin(async move {
            let plain = self.0.open(label.into(), sealed.into(), prompt.map(str::to_owned)).await?;
            Ok(SecretBytes::take(plain))
        })
    }

    fn delete<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<(), client::KeysError>> {
        Box::pin(async move { Ok(self.0.delete(label.into()).await?) })
    }
}
