//! A phone's contact: it asks for the time and the policy, and gets both signed.

use symbolon_core::contact::{Answer, ContactReply, ContactRequest, Question};

use super::activation::ActivationError;
use super::{Service, ServiceError, audit, policies};
use crate::storage::StorageError;

impl Service {
    /// Answers a phone's question, which its device key must have signed.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] for tokens that are not here, and for signatures that do not fit: alike.
    /// [`ActivationError::KeyChanged`] when the device would not believe the answer.
    pub async fn contact(&self, request: &ContactRequest) -> Result<ContactReply, ActivationError> {
        let now = self.clock.now();
        let (token, reply, heard) = self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            let ((token, _), question): (_, Question) =
                self.read_signed(snapshot, request.serial, &request.question)?;
            if question.serial != token.serial {
                return Err(ActivationError::Refused);
            }
            self.check_addressee(snapshot, token.id, &question.aud, question.keys)?;
            let identities = self.keyring.identities(snapshot)?;
            // A later version than ours is of before this server was restored from a backup.
            let heard = question.keys.filter(|heard| *heard <= identities.version());
            let known = heard.map(|_| snapshot.heard_keys(token.id)).transpose()?;
            let user = snapshot.user(token.user)?.ok_or(ActivationError::Refused)?;
            let policy = policies::effective(snapshot, user.group.as_ref())?;
            let answer = Answer {
                aud: token.serial,
                nonce: question.nonce,
                time: now,
                policy: policy.for_phone(),
                policy_version: policies::version(snapshot)?,
                issuer: self.identity.issuer.clone(),
                label: token.label,
                keys: self.announced_keys(snapshot, &identities)?,
            };
            let answer = identities.key().sign_object(&answer);
            let answer = answer.map_err(|error| ServiceError::from(StorageError::Failed(error.to_string())))?;
            Ok::<_, ActivationError>((token.id, ContactReply { answer }, heard.filter(|_| heard > known)))
        })?;
        if let Some(heard) = heard {
            self.store.write(move |transaction| transaction.set_heard_keys(token, heard)).await?;
        }
        Ok(reply)
    }
}
