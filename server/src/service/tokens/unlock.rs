//! The way back after a forgotten PIN: a code for the challenge that a locked phone shows. It opens the vault of that
//! phone, for a new PIN, and so it is worth as much as the token.
//!
//! The phone does not say that it was unlocked. Its next challenge names the next unlock, which is believed only after a
//! code for the one before was given out; and the first approval after it is proven with the factor key of that unlock,
//! which nobody has who did not use the code. So nothing that is typed here can take a phone's way back from it.

use jiff::Timestamp;
use symbolon_core::keys::FactorKey;
use symbolon_core::secret::Secret;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Text;
use symbolon_core::vault::{OtherNumber, UnlockChallenge, UnlockCode, UnlockSecret};

use super::{TokenAction, allow, find};
use crate::service::audit::Entry;
use crate::service::keyring::{Place, StoredKeys};
use crate::service::mail::Occasion;
use crate::service::{Actor, Service, ServiceError};
use crate::storage::{Token, Transaction, User, UserId};

/// Leave to hand out unlock codes, which not everybody has who may do other things with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlockLeave {
    actor: Actor,
    /// Whose tokens; everybody's when there is none.
    user: Option<UserId>,
}

/// What opened the session of a person who helps themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionProof {
    /// A link that was mailed: whoever reads the mail has it.
    MailedLink,
    /// The organisation's own sign-in.
    Organisation,
    /// Another token of the same person.
    Token,
}

impl UnlockLeave {
    /// Of whoever administers tokens: on the machine itself, or by a key or a role that allows it.
    #[must_use]
    pub const fn of_administrator(actor: Actor) -> Self {
        Self { actor, user: None }
    }

    /// Of a person who helps themselves, for their own tokens; `None` unless another token of theirs opened the session.
    #[must_use]
    pub fn of_session(actor: Actor, user: UserId, proof: SessionProof) -> Option<Self> {
        match proof {
            SessionProof::Token => Some(Self { actor, user: Some(user) }),
            SessionProof::MailedLink | SessionProof::Organisation => None,
        }
    }
}

/// The secrets of a token's unlock codes: the one that its phone was last proven to have come to, and those after it for
/// whose predecessors codes were given out.
#[derive(Debug)]
pub struct UnlockChain {
    proven: UnlockSecret,
    /// For so many unlocks, from the proven one on, a code was given out.
    given: u16,
}

/// More than anybody needs; numbers begin again after 9999, and no two in a chain may be the same.
const LONGEST: u16 = 9_999;

impl UnlockChain {
    /// The chain of a token that was just activated, from `unlock_0`.
    #[must_use]
    pub fn first(secret: Secret<32>) -> Self {
        Self { proven: UnlockSecret::first(secret), given: 0 }
    }

    /// Takes back a chain that was stored; `None` when the numbers are none of one.
    #[must_use]
    pub fn from_parts(secret: Secret<32>, number: u64, given: u64) -> Option<Self> {
        let proven = UnlockSecret::from_parts(u16::try_from(number).ok()?, secret)?;
        let given = u16::try_from(given).ok().filter(|given| *given <= LONGEST)?;
        Some(Self { proven, given })
    }

    /// The secret, its number, and the number of codes that were given out since, to store.
    #[must_use]
    pub fn parts(&self) -> (&Secret<32>, u64, u64) {
        (self.proven.secret(), self.proven.number().into(), self.given.into())
    }

    /// The code for a challenge, which from now on counts as given out.
    ///
    /// # Errors
    /// [`OtherNumber`] when the challenge asks for an unlock that the phone can't have come to.
    pub fn give_out(&mut self, serial: SerialNumber, challenge: UnlockChallenge) -> Result<UnlockCode, OtherNumber> {
        let mut secret = self.proven.duplicate();
        for place in 0..=self.given {
            if let Ok(code) = secret.code(serial, challenge) {
                self.given = self.given.max(place + 1).min(LONGEST);
                return Ok(code);
            }
            secret = secret.next();
        }
        Err(OtherNumber)
    }

    /// The PIN factor keys that the phone has, if it used the codes that were given out; each with the number of its
    /// unlock.
    #[must_use]
    pub fn pin_factors(&self) -> Vec<(u16, FactorKey)> {
        let mut secret = self.proven.duplicate();
        let mut factors = Vec::with_capacity(self.given.into());
        for _ in 0..self.given {
            factors.push((secret.number(), secret.pin_factor()));
            secret = secret.next();
        }
        factors
    }

    /// Goes on to the unlock after `number`, whose factor key the phone has proven, and answers that key. `None` when
    /// the chain is past it.
    #[must_use]
    pub fn go_past(&mut self, number: u16) -> Option<FactorKey> {
        let place = self.pin_factors().iter().position(|(factor, _)| *factor == number)?;
        let mut factor = None;
        for _ in 0..=place {
            factor = Some(self.proven.pin_factor());
            self.proven = self.proven.next();
            self.given -= 1;
        }
        factor
    }
}

impl Service {
    /// The code for the challenge that a locked phone shows. The same challenge gets the same code.
    ///
    /// # Errors
    /// [`ServiceError::State`]; [`ServiceError::Invalid`] for a challenge with a typing error;
    /// [`ServiceError::Refused`] for one of another unlock.
    pub async fn unlock_pin(
        &self,
        leave: UnlockLeave,
        serial: Text<64>,
        challenge: Text<64>,
    ) -> Result<UnlockCode, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let (mut token, user) = find(transaction, &serial)?;
                if leave.user.is_some_and(|own| own != user.id) {
                    return Err(ServiceError::not_found("token", &serial));
                }
                allow(transaction, &token, &user, TokenAction::UnlockPin, now)?;
                let challenge = UnlockChallenge::parse(challenge.as_str(), token.serial)
                    .map_err(|error| ServiceError::invalid("lock_challenge", error))?;
                let place = Place::TokenKeys(token.serial);
                let mut keys = StoredKeys::read(&service.keyring.open_sealed(place, &token.keys)?)?;
                let activated = keys.activated.as_mut().ok_or_else(|| {
                    ServiceError::Refused(format!(
                        "token {} was activated without a network, so no code opens its vault: reactivate it",
                        token.serial
                    ))
                })?;
                let code = activated.unlock.give_out(token.serial, challenge);
                let code = code.map_err(|error| ServiceError::Refused(error.to_string()))?;
                token.keys = service.keyring.seal(place, keys.write().as_bytes());
                transaction.update_token(&token)?;
                Entry::new("token.unlock_code_given")
                    .user(&user.name)
                    .token(token.serial)
                    .detail("unlock", challenge.number())
                    .append(transaction, &leave.actor, now)?;
                service.tell(transaction, &user, Occasion::UnlockCode { serial: token.serial }, now)?;
                Ok(code)
            })
            .await
    }
}

impl Service {
    /// The phone has proven that it was unlocked by the code of `number`: the factor key before it ends, and so do the
    /// codes.
    pub(in crate::service) fn unlock_code_used(
        &self,
        transaction: &dyn Transaction,
        mut token: Token,
        user: &User,
        number: u16,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let place = Place::TokenKeys(token.serial);
        let mut keys = StoredKeys::read(&self.keyring.open_sealed(place, &token.keys)?)?;
        let activated = keys.activated.as_mut().ok_or(ServiceError::Sealed)?;
        let Some(factor) = activated.unlock.go_past(number) else { return Ok(()) };
        activated.factor_pin = factor;
        token.keys = self.keyring.seal(place, keys.write().as_bytes());
        transaction.update_token(&token)?;
        Entry::new("token.unlock_code_used").user(&user.name).token(token.serial).detail("unlock", number).append(
            transaction,
            &Actor::Device,
            now,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial() -> SerialNumber {
        "12345-67890".parse().unwrap()
    }

    fn challenge(number: u16) -> UnlockChallenge {
        // The check digits of a challenge are found by trying.
        let text = |check: u32| format!("{number:04}-1234-5678-{check:02}");
        (0..100).find_map(|check| UnlockChallenge::parse(&text(check), serial()).ok()).unwrap()
    }

    fn stored(chain: &UnlockChain) -> UnlockChain {
        let (secret, number, given) = chain.parts();
        UnlockChain::from_parts(secret.duplicate(), number, given).unwrap()
    }

    #[test]
    fn a_later_unlock_is_believed_only_after_a_code_for_the_one_before() {
        let first = || Secret::from_slice(&[7; 32]).unwrap();
        let mut chain = UnlockChain::first(first());
        assert!(chain.give_out(serial(), challenge(1)).is_err());
        let code = chain.give_out(serial(), challenge(0)).unwrap();
        let mut chain = stored(&chain);
        assert_eq!(chain.give_out(serial(), challenge(0)).unwrap(), code, "a code that was misheard is told again");
        assert!(chain.give_out(serial(), challenge(2)).is_err());
        let next = chain.give_out(serial(), challenge(1)).unwrap();
        assert_eq!(next, UnlockSecret::first(first()).next().code(serial(), challenge(1)).unwrap());
        assert_eq!(chain.give_out(serial(), challenge(0)).unwrap(), code, "nothing has proven that it was used");
    }

    #[test]
    fn a_proven_factor_key_ends_the_unlocks_before_it() {
        let mut chain = UnlockChain::first(Secret::from_slice(&[7; 32]).unwrap());
        assert!(chain.pin_factors().is_empty() && chain.go_past(0).is_none());
        for number in 0..3 {
            let _ = chain.give_out(serial(), challenge(number)).unwrap();
        }
        let numbers: Vec<u16> = chain.pin_factors().iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 2]);
        let expected = chain.pin_factors().remove(1).1;
        assert_eq!(chain.go_past(1).unwrap().secret(), expected.secret());
        assert!(chain.go_past(1).is_none() && chain.go_past(0).is_none());
        assert!(chain.give_out(serial(), challenge(1)).is_err());
        assert!(chain.give_out(serial(), challenge(2)).is_ok() && chain.give_out(serial(), challenge(3)).is_ok());
    }

    #[test]
    fn numbers_begin_again_after_9999() {
        let mut chain = UnlockChain::from_parts(Secret::from_slice(&[7; 32]).unwrap(), 9999, 0).unwrap();
        let _ = chain.give_out(serial(), challenge(9999)).unwrap();
        let _ = chain.give_out(serial(), challenge(0)).unwrap();
        assert!(chain.go_past(9999).is_some());
        assert!(chain.give_out(serial(), challenge(9999)).is_err());
        assert!(UnlockChain::from_parts(Secret::from_slice(&[7; 32]).unwrap(), 0, 10_000).is_none());
    }

    #[test]
    fn only_a_token_gives_a_person_leave() {
        let leave = |proof| UnlockLeave::of_session(Actor::Device, UserId(1), proof);
        assert_eq!(leave(SessionProof::MailedLink), None);
        assert_eq!(leave(SessionProof::Organisation), None);
        assert!(leave(SessionProof::Token).is_some());
    }
}
