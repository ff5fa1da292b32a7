//! Where this device is woken when something waits for it. The platform's push service gives the address and may change it
//! at any time; the server is told of it by a signature of the device's key, and no PIN is needed.

use jiff::{SignedDuration, Timestamp};
use symbolon_core::keys::sha256;
use symbolon_core::push::{PushAddress, PushKeyReply, PushKeyRequest, PushReply, PushRequest, PushUpdate};
use symbolon_core::signed::PublicKey;

use super::Account;
use crate::Error;
use crate::network::Patience;
use crate::store::Told;

/// The same address is told again after this time: the server may have been restored from an older backup, or have dropped
/// an address that was out of order for a while.
const AGAIN: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Account {
    /// The server's key for Web Push (RFC 8292), with which the platform makes an address that this server alone can use;
    /// `None` where the server sends no Web Push.
    ///
    /// # Errors
    /// Those of the network; [`Error::Offline`] for an account that was activated without a network.
    pub async fn web_push_key(&self) -> Result<Option<PublicKey>, Error> {
        let request = PushKeyRequest::default();
        let reply: PushKeyReply = self.ask("/v1/device/push-key", &request, Patience::ACTIVATION).await?;
        Ok(reply.web_push_key)
    }

    /// Asks the platform where this device is woken, and tells the server unless it has acknowledged just that; answers
    /// whether the server will wake it.
    ///
    /// # Errors
    /// [`Error::PushService`]; else as [`Account::tell_push_address`].
    pub async fn renew_push_address(&self) -> Result<bool, Error> {
        let Some(wake) = self.soft_token.parts().platform.wake.clone() else { return Ok(false) };
        let key = if wake.is_web_push() { self.web_push_key().await? } else { None };
        let address = if wake.is_web_push() && key.is_none() {
            // A server that sends no Web Push wakes nobody by it.
            None
        } else {
            wake.address(self.header.serial, key.as_ref()).await.map_err(|error| Error::PushService(error.0))?
        };
        if address.is_none() && self.files.told()?.is_none() {
            return Ok(false);
        }
        self.tell_push_address(address.as_ref()).await
    }

    /// Tells the server where this device is woken from now on, or by `None` that it is not; answers whether the server
    /// will wake it. Call it at each start and whenever the address changes: what the server knows is not told again
    /// before a week is over.
    ///
    /// # Errors
    /// Those of the network: then the next call tells it. [`Error::NotActive`]; [`Error::Offline`] for an account that was
    /// activated without a network.
    pub async fn tell_push_address(&self, address: Option<&PushAddress>) -> Result<bool, Error> {
        let digest = match address {
            Some(address) => Some(
                sha256(&serde_json::to_vec(address).map_err(|_| Error::Protocol("an address has no JSON form"))?)
                    .into(),
            ),
            None => None,
        };
        let now = self.now();
        let known = self.files.told()?;
        if known.as_ref().is_some_and(|told| told.address == digest && is_recent(told.at, now)) {
            return Ok(known.is_some_and(|told| told.woken));
        }
        let woken = match self.send_push_address(address).await {
            // It may be the time alone that does not fit: the device's clock was set since the server was last asked.
            Err(Error::ActivationRefused) => {
                self.contact().await?;
                self.send_push_address(address).await
            }
            other => other,
        };
        let woken = woken.map_err(|error| self.as_active(error))?;
        self.files.note_told(&Told { address: digest, woken, at: now }).await?;
        Ok(woken)
    }

    async fn send_push_address(&self, address: Option<&PushAddress>) -> Result<bool, Error> {
        let serial = self.header.serial;
        let time = self.clock()?.corrected(self.now());
        let update = PushUpdate { aud: self.online()?.identity.hash(), serial, address: address.cloned(), time };
        let request = PushRequest { serial, update: self.sign_object(&update).await? };
        let reply: PushReply = self.ask("/v1/device/push-address", &request, Patience::ACTIVATION).await?;
        Ok(reply.woken)
    }
}

/// A time that is still to come is of a clock that has been set back.
fn is_recent(told: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..AGAIN).contains(&now.duration_since(told))
}
