//! Waking phones: where each is woken, and what is put into the outbox for it. A wake-up says nothing; the phone then asks
//! what waits for it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand_core::OsRng;
use symbolon_core::push::{PushAddress, PushReply, PushRequest, PushUpdate};
use symbolon_core::secret::Secret;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{KeyHash, SigningKey};

use super::activation::ActivationError;
use super::audit::{self, Entry};
use super::keyring::Place;
use super::{Actor, Keyring, Service, ServiceError, outbox};
use crate::storage::{
    Destination, PushService, Snapshot, StorageError, Store, StoredPushAddress, Token, TokenId, TokenState, Transaction,
};

/// The services that are configured here.
#[derive(Debug, Default)]
pub struct PushServices {
    /// Which.
    pub configured: Vec<PushService>,
    /// The server's key for Web Push (RFC 8292), where that is one of them.
    pub web_push_key: Option<SigningKey>,
}

/// A phone that is to be woken.
#[derive(Debug, Clone)]
pub struct WakeUp {
    /// Where.
    pub address: PushAddress,
    /// Of which device.
    pub device: KeyHash,
    /// When it told the address.
    pub told_at: Timestamp,
}

/// The service of an address.
const fn service_of(address: &PushAddress) -> PushService {
    match address {
        PushAddress::Fcm { .. } => PushService::Fcm,
        PushAddress::Apns { .. } => PushService::Apns,
        PushAddress::Web { .. } => PushService::Web,
    }
}

const WEB_PUSH_KEY: &str = "web_push_key";

impl Service {
    /// Notes where a device is woken, in the transaction of its registration.
    pub(super) fn note_push_address(
        &self,
        transaction: &dyn Transaction,
        token: TokenId,
        serial: SerialNumber,
        device: KeyHash,
        address: &PushAddress,
        told_at: Timestamp,
    ) -> Result<(), ServiceError> {
        let plain = serde_json::to_vec(address).map_err(|error| StorageError::Failed(error.to_string()))?;
        Ok(transaction.put_push_address(&StoredPushAddress {
            token,
            device,
            service: service_of(address),
            address: self.keyring.seal(Place::PushAddress(serial), &plain),
            told_at,
        })?)
    }

    /// Where the device of a token is woken, if something waits for it; `None` when nobody is to be woken any more.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`], and the store's.
    pub fn wake_up(&self, token: TokenId) -> Result<Option<WakeUp>, ServiceError> {
        let now = self.clock.now();
        let found = self.store.read(|snapshot: &dyn Snapshot| {
            let Some(token) = snapshot.token(token)?.filter(|token| token.state == TokenState::Active) else {
                return Ok(None);
            };
            let Some(device) = token.device.as_ref().map(|device| device.key.hash()) else { return Ok(None) };
            if snapshot.pending_requests(token.id, now)?.is_empty() {
                return Ok(None);
            }
            Ok::<_, StorageError>(snapshot.push_address(token.id, &device)?.map(|stored| (token.serial, stored)))
        })?;
        let Some((serial, stored)) = found else { return Ok(None) };
        let plain = self.keyring.open_sealed(Place::PushAddress(serial), &stored.address)?;
        let address = serde_json::from_slice(plain.expose()).map_err(|_| StorageError::Damaged("push address"))?;
        Ok(Some(WakeUp { address, device: stored.device, told_at: stored.told_at }))
    }

    /// Takes a phone's address, or that it has none any more, signed by its device key.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] for tokens that are not here or not active, for signatures that do not fit, and for
    /// updates that are older than what is known, or not of now: alike.
    pub async fn update_push_address(&self, request: &PushRequest) -> Result<PushReply, ActivationError> {
        let now = self.clock.now();
        let (token, device, update) = self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            let ((token, device), update): (_, PushUpdate) =
                self.read_signed(snapshot, request.serial, &request.update)?;
            self.check_addressee(snapshot, token.id, &update.aud, None)?;
            Ok::<_, ActivationError>((token, device.key.hash(), update))
        })?;
        let fits = update.serial == token.serial
            && update.time.duration_since(now).abs() <= SignedDuration::from_secs(PushUpdate::TOLERANCE);
        if !fits {
            return Err(ActivationError::Refused);
        }
        let woken = update.address.as_ref().is_some_and(|address| self.push.configured.contains(&service_of(address)));
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let current = transaction.token(token.id)?.filter(|token| token.state == TokenState::Active);
                if current.as_ref().and_then(|token| token.device.as_ref()) != token.device.as_ref() {
                    return Err(ActivationError::Refused);
                }
                let known = transaction.push_address(token.id, &device)?;
                if known.is_some_and(|known| update.time < known.told_at) {
                    return Err(ActivationError::Refused);
                }
                match &update.address {
                    Some(address) => {
                        service.note_push_address(transaction, token.id, token.serial, device, address, update.time)?;
                    }
                    None => transaction.delete_push_address(token.id, &device)?,
                }
                Ok(())
            })
            .await?;
        Ok(PushReply { woken })
    }
}

/// The server's key for Web Push, made at its first use.
///
/// # Errors
/// [`ServiceError::Sealed`], and the store's.
pub async fn web_push_key(store: &Store, keyring: Arc<Keyring>) -> Result<SigningKey, ServiceError> {
    store
        .write(move |transaction| {
            if let Some(sealed) = transaction.meta(WEB_PUSH_KEY)? {
                let plain = keyring.open_sealed(Place::Meta(WEB_PUSH_KEY), &sealed)?;
                let key = Secret::from_slice(plain.expose()).and_then(|secret| SigningKey::from_secret(&secret));
                return key.ok_or(ServiceError::Sealed);
            }
            let key = SigningKey::generate(&mut OsRng);
            let sealed = keyring.seal(Place::Meta(WEB_PUSH_KEY), key.to_secret().expose());
            transaction.set_meta(WEB_PUSH_KEY, &sealed)?;
            Ok(key)
        })
        .await
}

/// Puts a wake-up into the outbox for a token whose device can be woken; whether it did.
pub(super) fn wake(
    transaction: &dyn Transaction,
    services: &PushServices,
    token: &Token,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, ServiceError> {
    let Some(device) = &token.device else { return Ok(false) };
    let address = transaction.push_address(token.id, &device.key.hash())?;
    if !address.is_some_and(|address| services.configured.contains(&address.service)) {
        return Ok(false);
    }
    outbox::post(transaction, Destination::Phone(token.id), "", expires_at, now)?;
    Ok(true)
}

/// Drops an address that its service says is gone, unless the device has told another since.
pub(super) fn drop_address(
    transaction: &dyn Transaction,
    token: TokenId,
    device: &KeyHash,
    told_at: Timestamp,
    problem: &str,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let Some(token) = transaction.token(token)? else { return Ok(()) };
    let known = transaction.push_address(token.id, device)?;
    let Some(gone) = known.filter(|known| known.told_at == told_at) else { return Ok(()) };
    transaction.delete_push_address(token.id, device)?;
    Entry::new("push_address.dropped")
        .token(token.serial)
        .detail("service", gone.service.name())
        .detail("problem", problem)
        .append(transaction, &Actor::Server, now)
}
