//! Keys without hardware.

use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::signed::{PublicKey, Signature, SigningKey};

use super::KeyStore;
use crate::environment::Environment;
use crate::platform::{BoxFuture, DeviceKey, HardwareKeys, KeyAccess, KeyProtection, KeysError};

/// Does in software, with keys from a [`KeyStore`], what a phone's hardware does.
pub struct SoftwareKeys {
    store: Arc<dyn KeyStore>,
    environment: Environment,
}

const NONCE: usize = 12;

impl SoftwareKeys {
    /// Keeps its keys in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, environment: Environment) -> Self {
        Self { store, environment }
    }

    /// Asks the store apart from the async tasks: an operating system's store may wait for the person to unlock it.
    async fn store<T: Send + 'static>(
        &self,
        action: impl FnOnce(&dyn KeyStore) -> Result<T, KeysError> + Send + 'static,
    ) -> Result<T, KeysError> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || action(&*store))
            .await
            .map_err(|_| KeysError::Unavailable("the key store failed".into()))?
    }

    async fn key(&self, label: &str) -> Result<Secret<32>, KeysError> {
        let label = label.to_owned();
        let bytes = self.store(move |store| store.get(&label)).await?.ok_or(KeysError::Missing)?;
        Secret::from_slice(bytes.expose()).ok_or(KeysError::Missing)
    }

    async fn signing_key(&self, label: &str) -> Result<SigningKey, KeysError> {
        SigningKey::from_secret(&self.key(label).await?).ok_or(KeysError::Missing)
    }

    async fn keep(&self, label: &str, key: &Secret<32>) -> Result<(), KeysError> {
        let (label, bytes) = (label.to_owned(), SecretBytes::from_slice(key.expose()));
        self.store(move |store| store.set(&label, &bytes)).await
    }

    /// Software has nobody who could tell one use of a key from another.
    async fn create(&self, label: &str, access: KeyAccess) -> Result<(), KeysError> {
        match access {
            KeyAccess::UnlockedDevice => {
                let key = Secret::generate(&mut *self.environment.rng());
                self.keep(label, &key).await
            }
            KeyAccess::Biometrics => Err(KeysError::Unavailable("there are no biometrics on the desktop".into())),
        }
    }

    fn cipher(key: &Secret<32>) -> Aes256Gcm {
        Aes256Gcm::new(key.expose().into())
    }
}

impl HardwareKeys for SoftwareKeys {
    fn create_signing_key<'a>(
        &'a self,
        label: &'a str,
        _challenge: [u8; 32],
    ) -> BoxFuture<'a, Result<DeviceKey, KeysError>> {
        Box::pin(async move {
            let key = SigningKey::generate(&mut *self.environment.rng());
            self.keep(label, &key.to_secret()).await?;
            Ok(DeviceKey { public: key.public_key(), protection: KeyProtection::Software })
        })
    }

    fn create_prf_key<'a>(&'a self, label: &'a str, access: KeyAccess) -> BoxFuture<'a, Result<(), KeysError>> {
        Box::pin(self.create(label, access))
    }

    fn create_sealing_key<'a>(&'a self, label: &'a str, access: KeyAccess) -> BoxFuture<'a, Result<(), KeysError>> {
        Box::pin(self.create(label, access))
    }

    fn attest<'a>(
        &'a self,
        _label: &'a str,
        _challenge: [u8; 32],
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, KeysError>> {
        Box::pin(async { Ok(None) })
    }

    fn public_key<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<PublicKey, KeysError>> {
        Box::pin(async move { Ok(self.signing_key(label).await?.public_key()) })
    }

    fn sign<'a>(&'a self, label: &'a str, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, KeysError>> {
        Box::pin(async move { Ok(self.signing_key(label).await?.sign(message)) })
    }

    fn prf<'a>(&'a self, label: &'a str, input: &'a Secret<32>) -> BoxFuture<'a, Result<Secret<32>, KeysError>> {
        Box::pin(async move {
            let key = self.key(label).await?;
            let mac = <Hmac<Sha256> as Mac>::new_from_slice(key.expose()).map_err(|_| KeysError::Missing)?;
            Ok(Secret::take(&mut mac.chain_update(input.expose()).finalize().into_bytes().into()))
        })
    }

    fn seal<'a>(
        &'a self,
        label: &'a str,
        plain: &'a [u8],
        _prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<u8>, KeysError>> {
        Box::pin(async move {
            let key = self.key(label).await?;
            let mut nonce = [0; NONCE];
            self.environment.rng().fill_bytes(&mut nonce);
            let sealed = Self::cipher(&key).encrypt(&nonce.into(), plain).map_err(|_| KeysError::NotSealedHere)?;
            Ok([nonce.as_slice(), &sealed].concat())
        })
    }

    fn open<'a>(
        &'a self,
        label: &'a str,
        sealed: &'a [u8],
        _prompt: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SecretBytes, KeysError>> {
        Box::pin(async move {
            let key = self.key(label).await?;
            let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(KeysError::NotSealedHere)?;
            let plain = Self::cipher(&key).decrypt(nonce.into(), sealed).map_err(|_| KeysError::NotSealedHere)?;
            Ok(SecretBytes::take(plain))
        })
    }

    fn delete<'a>(&'a self, label: &'a str) -> BoxFuture<'a, Result<(), KeysError>> {
        Box::pin(async move {
            let label = label.to_owned();
            self.store(move |store| store.delete(&label)).await
        })
    }
}

#[cfg(test)]
mod tests {
    use symbolon_core::signed::{Signed, SigningInput, verify};

    use super::super::MemoryKeyStore;
    use super::*;

    fn keys() -> SoftwareKeys {
        SoftwareKeys::new(Arc::new(MemoryKeyStore::default()), Environment::system())
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Note(String);

    impl Signed for Note {
        const TYP: &'static str = "symbolon-note+jws";
    }

    #[tokio::test]
    async fn a_signing_key_signs() {
        let keys = keys();
        let device = keys.create_signing_key("a.device", [0; 32]).await.unwrap();
        let input = SigningInput::new(&Note("hello".into())).unwrap();
        let signature = keys.sign("a.device", input.as_bytes()).await.unwrap();
        assert_eq!(verify::<Note>(&input.attach(&signature), &device.public), Ok(Note("hello".into())));
        assert_eq!(device.protection.name(), "software");
    }

    #[tokio::test]
    async fn a_prf_depends_on_key_and_input() {
        let keys = keys();
        for label in ["a", "b"] {
            keys.create_prf_key(label, KeyAccess::UnlockedDevice).await.unwrap();
        }
        let (one, two) = (Secret::take(&mut [1; 32]), Secret::take(&mut [2; 32]));
        let value = keys.prf("a", &one).await.unwrap();
        assert!(value == keys.prf("a", &one).await.unwrap());
        assert!(value != keys.prf("a", &two).await.unwrap());
        assert!(value != keys.prf("b", &one).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_sealed_is_opened_by_its_key_only() {
        let keys = keys();
        for label in ["a", "b"] {
            keys.create_sealing_key(label, KeyAccess::UnlockedDevice).await.unwrap();
        }
        let sealed = keys.seal("a", b"secret", None).await.unwrap();
        assert_eq!(keys.open("a", &sealed, None).await.unwrap().expose(), b"secret");
        assert_eq!(keys.open("b", &sealed, None).await.unwrap_err(), KeysError::NotSealedHere);
        keys.delete("a").await.unwrap();
        keys.delete("a").await.unwrap();
        assert_eq!(keys.open("a", &sealed, None).await.unwrap_err(), KeysError::Missing);
    }
}
