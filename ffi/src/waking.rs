//! The push service that wakes the phone. Kotlin and Swift implement it, where there is one.

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_client::platform::{self as client, BoxFuture};
use symbolon_core::encoding::Bytes;
use symbolon_core::push::{self, ApnsEnvironment};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;

/// Where a phone is woken.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum PushAddress {
    /// Firebase Cloud Messaging.
    Fcm {
        /// The registration token of the app.
        token: String,
    },
    /// Apple Push Notification service.
    Apns {
        /// The device token, in hexadecimal.
        token: String,
        /// The app's bundle identifier.
        topic: String,
        /// Whether the app was built for Apple's sandbox.
        sandbox: bool,
    },
    /// Web Push (RFC 8030), which UnifiedPush is.
    Web {
        /// Where messages are posted.
        endpoint: String,
        /// The phone's public key (RFC 8291): the uncompressed point, 65 bytes.
        p256dh: Vec<u8>,
        /// The secret shared with whoever may send (RFC 8291), 16 bytes.
        auth: Vec<u8>,
    },
}

/// Whoever knows it could wake the phone.
impl std::fmt::Debug for PushAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The push service gives no address now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum WakeError {
    /// It does not answer. The server goes on with what it knows.
    #[error("{reason}")]
    Unavailable {
        /// Why, in English.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for WakeError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { reason: error.reason }
    }
}

/// The push service that wakes the phone. It is asked when an account becomes active, and each time that the app calls
/// [`SoftToken::renew_push_addresses`](crate::SoftToken::renew_push_addresses): at each start, and when the service says that
/// an address has changed. What a server has not acknowledged is told again.
#[uniffi::export(foreign)]
#[async_trait]
pub trait Wake: Send + Sync {
    /// Whether it is Web Push, whose addresses are made with the server's key.
    fn is_web_push(&self) -> bool;

    /// Where the phone is woken for the token of this serial number, waiting for the service if need be; `None` when it is not
    /// to be. For Web Push, `web_push_key` is the server's (RFC 8292): the uncompressed point, 65 bytes.
    async fn address(&self, serial: String, web_push_key: Option<Vec<u8>>) -> Result<Option<PushAddress>, WakeError>;
}

pub(crate) struct Service(pub(crate) Arc<dyn Wake>);

impl client::Wake for Service {
    fn is_web_push(&self) -> bool {
        self.0.is_web_push()
    }

    fn address<'a>(
        &'a self,
        serial: SerialNumber,
        web_push_key: Option<&'a PublicKey>,
    ) -> BoxFuture<'a, Result<Option<push::PushAddress>, client::WakeError>> {
        Box::pin(async move {
            let key = web_push_key.map(|key| key.to_sec1().as_slice().to_vec());
            let address = self.0.address(serial.to_string(), key).await;
            let address = address.map_err(|WakeError::Unavailable { reason }| client::WakeError(reason))?;
            let read = |address| read(address).ok_or_else(|| client::WakeError("it has another form".into()));
            address.map(read).transpose()
        })
    }
}

/// What the phone's code answers must have the form that it promised.
fn read(address: PushAddress) -> Option<push::PushAddress> {
    Some(match address {
        PushAddress::Fcm { token } => push::PushAddress::Fcm { token: token.parse().ok()? },
        PushAddress::Apns { token, topic, sandbox } => push::PushAddress::Apns {
            token: token.parse().ok()?,
            topic: topic.parse().ok()?,
            environment: if sandbox { ApnsEnvironment::Sandbox } else { ApnsEnvironment::Production },
        },
        PushAddress::Web { endpoint, p256dh, auth } => push::PushAddress::Web {
            endpoint: endpoint.parse().ok()?,
            p256dh: PublicKey::from_sec1(&p256dh).ok()?,
            auth: Bytes::new(auth).ok()?,
        },
    })
}
