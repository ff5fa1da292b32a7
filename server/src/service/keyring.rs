//! The installation's own keys: the master key outside the database, the data key under it, and what that seals.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rand_core::OsRng;
use symbolon_core::activation::ActivationPassword;
use symbolon_core::activation::online::server::{ServerKeys, Setup};
use symbolon_core::approval::{ChallengeId, Opened};
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::keys::{FactorKey, Label, OfflineKeys, SealingKey, TokenKeys};
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;

use super::ServiceError;
use super::identities::Identities;
use super::tokens::UnlockChain;
use crate::storage::{ApplicationId, DeliveryId, Snapshot, Store, Transaction, WebhookId};

/// Seals the data key and nothing else; lives outside the database.
#[derive(Debug)]
pub struct MasterKey(SealingKey);

impl MasterKey {
    /// The key from its 32 bytes.
    #[must_use]
    pub fn new(bytes: &Secret<32>) -> Self {
        Self(SealingKey::derive(bytes, Label::ServerMaster))
    }
}

/// The keys of a running installation.
pub struct Keyring {
    rows: SealingKey,
    handshake: SealingKey,
    setup: Setup,
    decoy: Vec<u8>,
    /// The identity keys as they were read last, and the bytes that they were read from.
    identities: Mutex<(Vec<u8>, Arc<Identities>)>,
}

/// What a sealed value belongs to: it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub enum Place<'c> {
    /// A value of the installation.
    Meta(&'static str),
    /// The secrets of a token.
    TokenKeys(SerialNumber),
    /// The OPAQUE record of a token's ticket.
    TicketRecord(SerialNumber),
    /// What completes an activation of a token without a network.
    TicketHalves(SerialNumber),
    /// The secrets that a handshake will give to a token.
    HandshakeKeys(SerialNumber),
    /// The access token of a phone.
    AccessToken,
    /// The value of a mutual challenge.
    MutualChallenge(&'c ChallengeId),
    /// The answer to an application's request, which may be repeated.
    Response(ApplicationId),
    /// What a mail says.
    Mail(&'c DeliveryId),
    /// Where the device of a token is woken.
    PushAddress(SerialNumber),
    /// What the deliveries of a webhook are signed with.
    WebhookSecrets(WebhookId),
    /// What a browser keeps while its user is at the OpenID provider.
    OpenIdAttempt,
}

impl Place<'_> {
    fn associated_data(self) -> FrameWriter {
        let frame = FrameWriter::default().field(b"symbolon/1/row");
        match self {
            Self::Meta(key) => frame.field(b"meta").field(key.as_bytes()),
            Self::TokenKeys(serial) => frame.field(b"token").field(serial.digits().as_bytes()),
            Self::TicketRecord(serial) => frame.field(b"ticket").field(serial.digits().as_bytes()),
            Self::TicketHalves(serial) => frame.field(b"halves").field(serial.digits().as_bytes()),
            Self::HandshakeKeys(serial) => frame.field(b"handshake").field(serial.digits().as_bytes()),
            Self::AccessToken => frame.field(b"access"),
            Self::MutualChallenge(id) => frame.field(b"mutual").field(id.as_slice()),
            Self::Response(application) => frame.field(b"response").field(&application.0.to_be_bytes()),
            Self::Mail(id) => frame.field(b"mail").field(id.as_slice()),
            Self::PushAddress(serial) => frame.field(b"push").field(serial.digits().as_bytes()),
            Self::OpenIdAttempt => frame.field(b"openid"),
            Self::WebhookSecrets(webhook) => frame.field(b"webhook").field(&webhook.0.to_be_bytes()),
        }
    }
}

const DATA_KEY: &str = "data_key";
const OPAQUE: &str = "opaque";
const IDENTITY: &str = "identity";
const DECOY: &str = "decoy";

impl Keyring {
    /// Opens the installation's keys, and makes them in an empty database.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when the master key is not the one that the database was made with.
    pub async fn open(store: &Store, master: MasterKey) -> Result<Self, ServiceError> {
        match store.read(|snapshot| Self::read(snapshot, &master))? {
            Some(keyring) => Ok(keyring),
            None => {
                let work = move |transaction: &dyn Transaction| match Self::read(transaction, &master)? {
                    // Another node was faster.
                    Some(keyring) => Ok(keyring),
                    None => Self::make(transaction, &master),
                };
                store.write(work).await
            }
        }
    }

    /// Seals by `new` what `old` has sealed: the data key.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when it was not `old` that sealed it.
    pub(super) fn rotate_master(
        transaction: &dyn Transaction,
        old: &MasterKey,
        new: &MasterKey,
    ) -> Result<(), ServiceError> {
        let sealed = transaction.meta(DATA_KEY)?.ok_or(ServiceError::Sealed)?;
        let data = open_data_key(old, &sealed)?;
        let sealed = new.0.seal(&mut OsRng, Place::Meta(DATA_KEY).associated_data().as_bytes(), data.expose());
        Ok(transaction.set_meta(DATA_KEY, &sealed)?)
    }

    /// Whether the installation has keys already.
    ///
    /// # Errors
    /// The store's.
    pub fn is_made(store: &Store) -> Result<bool, ServiceError> {
        store.read(|snapshot| Ok(snapshot.meta(DATA_KEY)?.is_some()))
    }

    fn read(snapshot: &dyn Snapshot, master: &MasterKey) -> Result<Option<Self>, ServiceError> {
        let Some(sealed) = snapshot.meta(DATA_KEY)? else { return Ok(None) };
        let data = open_data_key(master, &sealed)?;
        let rows = SealingKey::derive(&data, Label::ServerRow);
        let read = |key| -> Result<SecretBytes, ServiceError> {
            let sealed = snapshot.meta(key)?.ok_or(ServiceError::Sealed)?;
            rows.open(Place::Meta(key).associated_data().as_bytes(), &sealed).map_err(|_| ServiceError::Sealed)
        };
        let setup = Setup::from_bytes(&read(OPAQUE)?).map_err(|_| ServiceError::Sealed)?;
        let sealed = snapshot.meta(IDENTITY)?.ok_or(ServiceError::Sealed)?;
        let identities = Identities::read(&read(IDENTITY)?).map_err(|_| ServiceError::Sealed)?;
        let decoy = read(DECOY)?.expose().to_vec();
        Ok(Some(Self::new(&data, rows, setup, (sealed, identities), decoy)))
    }

    fn make(transaction: &dyn Transaction, master: &MasterKey) -> Result<Self, ServiceError> {
        let data = Secret::generate(&mut OsRng);
        let rows = SealingKey::derive(&data, Label::ServerRow);
        let setup = Setup::generate(&mut OsRng);
        let identities = Identities::generate();
        let sealed = master.0.seal(&mut OsRng, Place::Meta(DATA_KEY).associated_data().as_bytes(), data.expose());
        transaction.set_meta(DATA_KEY, &sealed)?;
        // The password of the decoy is forgotten here.
        let serial = SerialNumber::generate(&mut OsRng);
        let password = ActivationPassword::generate(&mut OsRng, *ActivationPassword::LENGTHS.end());
        let decoy = setup.record(&mut OsRng, serial, identities.public(), &password);
        let decoy = decoy.map_err(|_| ServiceError::Sealed)?;
        let place = Place::Meta(IDENTITY).associated_data();
        let sealed = rows.seal(&mut OsRng, place.as_bytes(), identities.write().as_bytes());
        transaction.set_meta(IDENTITY, &sealed)?;
        let keyring = Self::new(&data, rows, setup, (sealed, identities), decoy);
        transaction.set_meta(DECOY, &keyring.seal(Place::Meta(DECOY), &keyring.decoy))?;
        transaction.set_meta(OPAQUE, &keyring.seal(Place::Meta(OPAQUE), keyring.setup.to_bytes().expose()))?;
        Ok(keyring)
    }

    fn new(
        data: &Secret<32>,
        rows: SealingKey,
        setup: Setup,
        (sealed, identities): (Vec<u8>, Identities),
        decoy: Vec<u8>,
    ) -> Self {
        let handshake = SealingKey::derive(data, Label::ServerHandshake);
        Self { rows, handshake, setup, decoy, identities: Mutex::new((sealed, Arc::new(identities))) }
    }

    /// What a handshake needs, with the identity key in force.
    #[must_use]
    pub fn handshake<'k>(&'k self, identity: &'k PublicKey) -> ServerKeys<'k> {
        ServerKeys { setup: &self.setup, handshake: &self.handshake, identity }
    }

    /// The OPAQUE record that stands in for tickets that do not live: nobody knows its password.
    #[must_use]
    pub fn decoy(&self) -> &[u8] {
        &self.decoy
    }

    /// The identity keys as they are now: another process or node may have changed them. They are opened only when they
    /// did change.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when they can't be opened; the store's.
    pub fn identities(&self, snapshot: &dyn Snapshot) -> Result<Arc<Identities>, ServiceError> {
        let sealed = snapshot.meta(IDENTITY)?.ok_or(ServiceError::Sealed)?;
        let mut read = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0 != sealed {
            let identities = Arc::new(self.open_identities(&sealed)?);
            *read = (sealed, identities);
        }
        Ok(Arc::clone(&read.1))
    }

    fn open_identities(&self, sealed: &[u8]) -> Result<Identities, ServiceError> {
        let plain = self.open_sealed(Place::Meta(IDENTITY), sealed)?;
        Identities::read(&plain).map_err(|_| ServiceError::Sealed)
    }

    /// Changes the identity keys; answers with what they are then.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when they can't be opened; those of `change`, and the store's.
    pub(super) fn change_identities(
        &self,
        transaction: &dyn Transaction,
        change: impl FnOnce(Identities) -> Result<Identities, ServiceError>,
    ) -> Result<Identities, ServiceError> {
        let sealed = transaction.meta(IDENTITY)?.ok_or(ServiceError::Sealed)?;
        let identities = change(self.open_identities(&sealed)?)?;
        let sealed = self.seal(Place::Meta(IDENTITY), identities.write().as_bytes());
        transaction.set_meta(IDENTITY, &sealed)?;
        Ok(identities)
    }

    /// Seals `plain` for one place.
    #[must_use]
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        self.rows.seal(&mut OsRng, place.associated_data().as_bytes(), plain)
    }

    /// Opens what was sealed for one place.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when it was sealed for another place, or changed.
    pub fn open_sealed(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretBytes, ServiceError> {
        self.rows.open(place.associated_data().as_bytes(), sealed).map_err(|_| ServiceError::Sealed)
    }
}

fn open_data_key(master: &MasterKey, sealed: &[u8]) -> Result<Secret<32>, ServiceError> {
    let plain =
        master.0.open(Place::Meta(DATA_KEY).associated_data().as_bytes(), sealed).map_err(|_| ServiceError::Sealed)?;
    Secret::from_slice(plain.expose()).ok_or(ServiceError::Sealed)
}

/// A token's secrets as the server keeps them: sealed as fields in this order, the code key first.
#[derive(Debug)]
pub struct StoredKeys {
    /// Makes codes.
    pub code: SecretBytes,
    /// Answers challenges; imported tokens don't have it.
    pub challenge_response: Option<Secret<32>>,
    /// The rest, which only tokens have that were activated online.
    pub activated: Option<ActivatedKeys>,
}

/// What only a token that was activated online has.
#[derive(Debug)]
pub struct ActivatedKeys {
    /// Proves that the PIN opened the vault.
    pub factor_pin: FactorKey,
    /// The parent of what seals later factor keys.
    pub factor_later: Secret<32>,
    /// Makes unlock codes.
    pub unlock: UnlockChain,
    /// What the phone has said of its biometrics last.
    pub biometrics: Option<Biometrics>,
}

/// Biometrics of a phone.
#[derive(Debug)]
pub struct Biometrics {
    /// The key that proves them; `None` when they were turned off.
    pub key: Option<BiometricsKey>,
    /// When the phone said so.
    pub told_at: Timestamp,
}

/// The factor key of biometrics that are on.
#[derive(Debug)]
pub struct BiometricsKey {
    /// Proves that they opened the vault.
    pub key: FactorKey,
    /// Whether the phone takes a face.
    pub face: bool,
}

impl PartialEq for BiometricsKey {
    fn eq(&self, other: &Self) -> bool {
        self.face == other.face && self.key.secret() == other.key.secret()
    }
}

/// How a vault was opened, as it was proven.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// By what.
    pub opened: Opened,
    /// Whether, by biometrics, it may have been a face.
    pub face: bool,
}

impl ActivatedKeys {
    /// The factor keys that opening the vault in some way may yield: for the PIN the one that is proven, then those of
    /// `after_unlocks`.
    #[must_use]
    pub fn factors<'k>(&'k self, opened: Opened, after_unlocks: &'k [(u16, FactorKey)]) -> Vec<&'k FactorKey> {
        match opened {
            Opened::Pin => {
                let after_unlocks = after_unlocks.iter().map(|(_, factor)| factor);
                std::iter::once(&self.factor_pin).chain(after_unlocks).collect()
            }
            Opened::Biometric => self.biometrics_key().map(|biometrics| &biometrics.key).into_iter().collect(),
            Opened::Device => Vec::new(),
        }
    }

    /// What is known besides of a vault that was opened so.
    #[must_use]
    pub fn opening(&self, opened: Opened) -> Opening {
        Opening { opened, face: self.biometrics_key().is_some_and(|biometrics| biometrics.face) }
    }

    fn biometrics_key(&self) -> Option<&BiometricsKey> {
        self.biometrics.as_ref()?.key.as_ref()
    }
}

impl StoredKeys {
    /// The plain bytes to seal for an imported token.
    #[must_use]
    pub fn imported(code: &SecretBytes) -> FrameWriter {
        FrameWriter::with_capacity(128).field(code.expose())
    }

    /// The plain bytes to seal for a token that was activated without a network.
    #[must_use]
    pub fn offline(keys: &OfflineKeys) -> FrameWriter {
        FrameWriter::with_capacity(128).field(keys.code.expose()).field(keys.challenge_response.expose())
    }

    /// The plain bytes to seal for a token that was activated online.
    #[must_use]
    pub fn activated(keys: &TokenKeys) -> FrameWriter {
        Self {
            code: SecretBytes::from_slice(keys.code.expose()),
            challenge_response: Some(keys.challenge_response.duplicate()),
            activated: Some(ActivatedKeys {
                factor_pin: FactorKey::from_secret(keys.factor_pin.secret().duplicate()),
                factor_later: keys.factor_later.duplicate(),
                unlock: UnlockChain::first(keys.unlock.duplicate()),
                biometrics: None,
            }),
        }
        .write()
    }

    /// The plain bytes to seal.
    #[must_use]
    pub fn write(&self) -> FrameWriter {
        let mut frame = FrameWriter::with_capacity(384).field(self.code.expose());
        if let Some(challenge_response) = &self.challenge_response {
            frame = frame.field(challenge_response.expose());
        }
        let Some(activated) = &self.activated else { return frame };
        let (unlock, number, given) = activated.unlock.parts();
        let frame = frame
            .field(activated.factor_pin.secret().expose())
            .field(activated.factor_later.expose())
            .field(unlock.expose())
            .number(number)
            .number(given);
        let Some(Biometrics { key, told_at }) = &activated.biometrics else { return frame };
        let frame = frame.number(told_at.as_millisecond().unsigned_abs());
        match key {
            Some(BiometricsKey { key, face }) => frame.field(key.secret().expose()).field(&[u8::from(*face)]),
            None => frame,
        }
    }

    /// Reads what was unsealed.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`] when it is something else.
    pub fn read(plain: &SecretBytes) -> Result<Self, ServiceError> {
        let mut reader = FrameReader::new(plain.expose());
        let damaged = |_| ServiceError::Sealed;
        let code = SecretBytes::from_slice(reader.field().map_err(damaged)?);
        let next = |reader: &mut FrameReader<'_>| {
            reader.array().map(|bytes| Secret::take(&mut bytes.clone())).map_err(damaged)
        };
        if reader.is_empty() {
            return Ok(Self { code, challenge_response: None, activated: None });
        }
        let challenge_response = Some(next(&mut reader)?);
        if reader.is_empty() {
            return Ok(Self { code, challenge_response, activated: None });
        }
        let mut activated = ActivatedKeys {
            factor_pin: FactorKey::from_secret(next(&mut reader)?),
            factor_later: next(&mut reader)?,
            unlock: {
                let secret = next(&mut reader)?;
                let (number, given) = (reader.number().map_err(damaged)?, reader.number().map_err(damaged)?);
                UnlockChain::from_parts(secret, number, given).ok_or(ServiceError::Sealed)?
            },
            biometrics: None,
        };
        if !reader.is_empty() {
            let told_at = i64::try_from(reader.number().map_err(damaged)?).map_err(|_| ServiceError::Sealed)?;
            let told_at = Timestamp::from_millisecond(told_at).map_err(|_| ServiceError::Sealed)?;
            let key = if reader.is_empty() {
                None
            } else {
                let key = FactorKey::from_secret(next(&mut reader)?);
                Some(BiometricsKey { key, face: *reader.array().map_err(damaged)? == [1] })
            };
            activated.biometrics = Some(Biometrics { key, told_at });
        }
        reader.finish().map_err(damaged)?;
        Ok(Self { code, challenge_response, activated: Some(activated) })
    }
}
