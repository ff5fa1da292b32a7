//! Biometrics that were turned on or off on a phone. With them comes the factor key that proves them from then on: it is
//! random, made by the phone, and the server learns it here and nowhere else.

use jiff::{SignedDuration, Timestamp};
use symbolon_core::approval::Opened;
use symbolon_core::biometrics::{BiometricsReply, BiometricsRequest, BiometricsUpdate, open_factor_key};
use symbolon_core::integrity::Signals;
use symbolon_core::policy::Policy;

use super::activation::ActivationError;
use super::audit::{self, Entry};
use super::challenges::approvals::shortfall;
use super::enrolled::{Enrolled, unchanged};
use super::keyring::{Biometrics, BiometricsKey, Opening, Place, StoredKeys};
use super::{Actor, Service, policies};
use crate::storage::{EnrolledDevice, Transaction};

impl Service {
    /// Takes what a phone says of its biometrics, signed by its device key. The same update again gets the same answer.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] for tokens that are not here or not active, for signatures and proofs that do not fit,
    /// and for updates that are older than what is known, or not of now: alike. [`ActivationError::Policy`] when the policy
    /// allows no such biometrics, or asks for the PIN to turn them on.
    pub async fn update_biometrics(&self, request: &BiometricsRequest) -> Result<BiometricsReply, ActivationError> {
        let now = self.clock.now();
        let (enrolled, update): (_, BiometricsUpdate) = self.signed_by_device(request.serial, &request.update)?;
        let age = update.time.duration_since(now).abs();
        self.check_names(&update.aud, update.serial, &enrolled.0)?;
        if age > SignedDuration::from_secs(BiometricsUpdate::TOLERANCE) {
            return Err(ActivationError::Refused);
        }
        let service = self.clone();
        let serial = request.serial;
        self.store.write(move |transaction| service.note_biometrics(transaction, enrolled, &update, now)).await??;
        Ok(BiometricsReply { serial })
    }

    /// The inner error is a refusal whose transaction is kept: it is in the audit.
    fn note_biometrics(
        &self,
        transaction: &dyn Transaction,
        (token, device): Enrolled,
        update: &BiometricsUpdate,
        now: Timestamp,
    ) -> Result<Result<(), ActivationError>, ActivationError> {
        audit::check_clock(transaction, now)?;
        // As the token is now: its keys may have changed since.
        let (mut token, user) = unchanged(transaction, &token, &device)?;
        let place = Place::TokenKeys(token.serial);
        let mut keys = StoredKeys::read(&self.keyring.open_sealed(place, &token.keys)?)?;
        let activated = keys.activated.as_mut().ok_or(ActivationError::Refused)?;
        let told_at = update.time.as_millisecond();
        let known = activated.biometrics.as_ref();
        let is_later = known.is_none_or(|known| told_at > known.told_at.as_millisecond());
        let key = update.on.as_ref().map(|on| {
            let key = open_factor_key(&activated.factor_later, token.serial, &on.key);
            key.map(|key| BiometricsKey { key, face: on.face }).map_err(|_| ActivationError::Refused)
        });
        let key = key.transpose()?;
        if !is_later {
            // Sent again since the answer was lost. It may be proven by a key that it has replaced itself.
            let is_same = known.is_some_and(|known| told_at == known.told_at.as_millisecond() && known.key == key);
            return if is_same { Ok(Ok(())) } else { Err(ActivationError::Refused) };
        }
        let enrolled = (token.clone(), device);
        let opening = self.opening(&enrolled, update)?.ok_or(ActivationError::Refused)?;
        let entry = |event: &'static str| Entry::new(event).user(&user.name).token(enrolled.0.serial);
        if let Some(key) = &key {
            let policy = policies::effective(transaction, user.group.as_ref())?;
            if let Some(reason) = obstacle(&policy, &enrolled.1, opening, key.face) {
                let refused = entry("token.biometrics_refused").detail("reason", reason.as_str());
                refused.append(transaction, &Actor::Device, now)?;
                return Ok(Err(ActivationError::Policy(reason)));
            }
        }
        let event = if key.is_some() { "token.biometrics_on" } else { "token.biometrics_off" };
        activated.biometrics = Some(Biometrics { key, told_at: update.time });
        token.keys = self.keyring.seal(place, keys.write().as_bytes());
        transaction.update_token(&token)?;
        entry(event).append(transaction, &Actor::Device, now)?;
        Ok(Ok(()))
    }
}

/// Why biometrics may not be turned on.
fn obstacle(policy: &Policy, device: &EnrolledDevice, opening: Opening, face: bool) -> Option<String> {
    if opening.opened == Opened::Biometric {
        return Some("biometrics were to be turned on by biometrics: that takes the PIN".into());
    }
    let by_them = Opening { opened: Opened::Biometric, face };
    [opening, by_them].into_iter().find_map(|opening| shortfall(policy, device, opening, &Signals::default()))
}
