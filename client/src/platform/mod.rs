//! What only a platform has: keys in secure hardware, the person's finger or face, signs of tampering.
//!
//! The phones implement these traits in Kotlin and Swift. [`software`] has the desktop's, which say that they are
//! software.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use symbolon_core::biometrics::Biometric;
use symbolon_core::integrity::Signals;
use symbolon_core::push::PushAddress;
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{PublicKey, Signature};
use symbolon_core::text::Text;

pub mod software;

/// A future that a trait object can give.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a device key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProtection {
    /// A secure element of its own (Android's StrongBox).
    StrongBox,
    /// The processor's trusted environment (Android).
    TrustedEnvironment,
    /// Apple's Secure Enclave.
    Enclave,
    /// No hardware: whoever can read this person's files or key store has the key.
    Software,
}

impl KeyProtection {
    /// The name that the server is told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StrongBox => "strongbox",
            Self::TrustedEnvironment => "tee",
            Self::Enclave => "enclave",
            Self::Software => "software",
        }
    }
}

/// When the hardware lets a key be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAccess {
    /// While the device is unlocked.
    UnlockedDevice,
    /// After a biometric match, for one use; the key is destroyed when a finger or face is enrolled.
    Biometrics,
}

/// A signing key that the hardware made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// The public half.
    pub public: PublicKey,
    /// Where the private half lives.
    pub protection: KeyProtection,
}

/// Why a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is no key of that label: the system lost it, or destroyed it.
    #[error("the key store no longer has this token's keys")]
    Missing,
    /// What was to be opened was not sealed by this key, or was changed.
    #[error("the sealed data does not fit the key")]
    NotSealedHere,
    /// The person was asked by the system and said no.
    #[error("cancelled")]
    Cancelled,
    /// The system asks no more for biometrics, after too many failed matches.
    #[error("the system has locked biometrics; unlock the device with its own PIN or password")]
    LockedOut,
    /// The key store can't be used; the text says why and what to do.
    #[error("{0}")]
    Unavailable(String),
}

/// Keys that never leave the device's hardware, each found by its label.
///
/// A label is made of lower-case letters, digits, `-` and `.`, and is at most 64 characters long.
pub trait HardwareKeys: Send + Sync {
    /// Makes a P-256 key that signs; `challenge` is what an attestation of it will hold.
    fn create_signing_key<'a>(
        &'a self,
        label: &'a str,
        challenge: [u8; 32],
    ) -> BoxFuture<'a, Result<DeviceKey, KeysError>>;

    /// Makes a key for [`HardwareKeys::prf`].
    fn create_prf_key<'a>(&'a self, label: &'a str, access: KeyAccess) -> BoxFuture<'a, Result<(), KeysError>>;

    /// Makes a key for [`HardwareKeys::seal`] and [`HardwareKeys::open`].
    fn create_sealing_key<'a>(&'a self, label: &'a str, access: KeyAccess) -> BoxFuture<'a, Result<(), KeysError>>;

    /// The hardware's certificates for a signing key, in the platform's own form; `None` where there are none.
    fn attest<'a>(&'a self, label: &'a str, challenge: [u8; 32]) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeysError>>;

    /// What the platform asserts of data whose SHA-256 is `client_data_hash`, besides the signature of a signing key that
    /// it has attested: App Attest on iOS. `None` where there is no such thing.
    fn assert<'a>(
        &'a self,
        label: &'a str,
        client_data_hash: [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeysError>> {
        let _ = (label, client_data_hash);
        Box::pin(async { Ok(None) })
    }

    /// The public half of a signing key.
    fn public_key<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<PublicKey, KeysError>>;

    /// Signs `message` with ECDSA over SHA-256.
    fn sign<'a>(&'a self, label: &'a str, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, KeysError>>;

    /// A pseudo-random function of `input` that only this device can compute.
    fn prf<'a>(&'a self, label: &'a str, input: &'a Secret<32>) -> BoxFuture<'a, Result<Secret<32>, KeysError>>;

    /// Encrypts and authenticates `plain`. A key of [`KeyAccess::Biometrics`] asks the person first: `prompt` is why, and
    /// is given for such keys and no others.
    fn seal<'a>(
        &'a self,
        label: &'a str,
        plain: &'a [u8],
        prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<u8>, KeysError>>;

    /// Opens what [`HardwareKeys::seal`] made, and asks the person as that does.
    fn open<'a>(
        &'a self,
        label: &'a str,
        sealed: &'a [u8],
        prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SecretBytes, KeysError>>;

    /// Removes a key; nothing happens when there is none.
    fn delete<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<(), KeysError>>;
}

/// Who the system can recognise. It asks the person itself, as part of the use of a key of [`KeyAccess::Biometrics`], so
/// that nobody can say yes in the system's place.
pub trait LocalAuthentication: Send + Sync {
    /// The kinds that the device has and that may open such a key; none when the person has set up none, or when the
    /// system has nothing strong enough. Where the system does not say which kind was set up, all that the device has.
    fn available(&self) -> Vec<Biometric>;
}

/// The push service that wakes the device, where there is one.
///
/// An address belongs to the platform and may change at any time. It is not kept here: each time that
/// [`SoftToken::renew_push_addresses`](crate::SoftToken::renew_push_addresses) is called, the platform is asked, and the
/// servers that have not acknowledged what it says are told.
pub trait Wake: Send + Sync {
    /// Whether it is Web Push, whose addresses are made with the server's key.
    fn is_web_push(&self) -> bool;

    /// Where the device is woken for the token `serial`, waiting for the push service if need be; `None` when it is not to
    /// be. `web_push_key` is the server's, for Web Push.
    ///
    /// # Errors
    /// [`WakeError`] when the service does not answer now: the server goes on with what it knows.
    fn address<'a>(
        &'a self,
        serial: SerialNumber,
        web_push_key: Option<&'a PublicKey>,
    ) -> BoxFuture<'a, Result<Option<PushAddress>, WakeError>>;
}

/// The push service does not answer; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WakeError(pub String);

/// What a device says of itself.
pub trait IntegrityProbe: Send + Sync {
    /// The signs of tampering that are seen now.
    fn signals(&self) -> Signals;
}

/// What the server is told of the device, for people to recognise it.
#[derive(Debug, Clone)]
pub struct DeviceInfo {
    /// `android`, `ios` or `desktop`.
    pub platform: Text<32>,
    /// Maker and model, or the operating system of a desktop.
    pub model: Text<100>,
    /// Name and version of the app.
    pub app: Text<100>,
}

/// All of a platform.
#[derive(Clone)]
pub struct Platform {
    /// Its keys.
    pub keys: Arc<dyn HardwareKeys>,
    /// Its way of recognising the person.
    pub authentication: Arc<dyn LocalAuthentication>,
    /// Its signs of tampering.
    pub integrity: Arc<dyn IntegrityProbe>,
    /// Its push service; `None` where nothing wakes it.
    pub wake: Option<Arc<dyn Wake>>,
    /// What it is.
    pub device: DeviceInfo,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").field("device", &self.device).finish_non_exhaustive()
    }
}
