//! Temporary codes: a few codes, for some hours, for a person who is without a phone. The help desk reads them out, so they
//! prove that it did and nothing else; verification names them as what they are. They sign nobody in to the console, and
//! confirm nobody at `/me`. Off unless the policy allows them.

use jiff::{SignedDuration, Timestamp};
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use symbolon_core::otp::{Code, Digits, Hash, OtpKey};
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::{TokenView, free_serial, view};
use crate::service::audit::Entry;
use crate::service::keyring::{Place, StoredKeys};
use crate::service::mail::Occasion;
use crate::service::{Actor, Service, ServiceError, policies, users};
use crate::storage::{Counter, LockState, Origin, Token, TokenId, TokenState};

/// Nobody is without a phone for longer; who is gets a new ticket.
const HOURS: std::ops::RangeInclusive<u32> = 1..=72;

/// More codes are not read out and written down.
const USES: std::ops::RangeInclusive<u32> = 1..=20;

/// How long temporary codes count, and how many there are.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemporaryCodes {
    /// For how many hours: 1 to 72.
    #[schema(minimum = 1, maximum = 72)]
    pub hours: u32,
    /// How many codes, each of which counts once: 1 to 20.
    #[schema(minimum = 1, maximum = 20)]
    pub uses: u32,
}

/// Temporary codes, which are shown this once.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TemporaryCodes {
    /// The token that stands for them.
    pub token: TokenView,
    /// The codes. They are secrets.
    #[schema(value_type = Vec<String>)]
    pub codes: Vec<Zeroizing<String>>,
}

impl Token {
    /// Whether its codes have ended for good, as those of temporary ones do.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        let used_up = matches!(self.counter, Counter::Listed { codes } if self.spent.len() as u64 >= codes);
        used_up || self.expires_at.is_some_and(|end| end <= now)
    }
}

/// The code with a number: eight digits, whatever the policy says of others.
pub(in crate::service) fn listed_code(key: &OtpKey, number: u64) -> Code {
    key.hotp(number, Digits::EIGHT)
}

impl Service {
    /// Gives a user temporary codes, in the place of those given before.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] when the policy does not allow them; [`ServiceError::Invalid`] beyond the limits.
    pub async fn add_temporary_codes(
        &self,
        actor: Actor,
        user: Name,
        new: NewTemporaryCodes,
    ) -> Result<TemporaryCodes, ServiceError> {
        for (field, value, range) in [("hours", new.hours, HOURS), ("uses", new.uses, USES)] {
            if !range.contains(&value) {
                let message = format!("must be {} to {}", range.start(), range.end());
                return Err(ServiceError::invalid(field, message));
            }
        }
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let user = users::find(transaction, &user)?;
                if !policies::effective(transaction, user.group.as_ref())?.temporary_codes {
                    return Err(ServiceError::Refused(format!(
                        "the policy of user {} allows no temporary codes: set temporary_codes, or give out a token",
                        user.name
                    )));
                }
                for earlier in transaction.tokens_of(user.id)? {
                    if earlier.origin == Origin::Temporary {
                        transaction.delete_token(earlier.id)?;
                    }
                }
                let serial = free_serial(transaction)?;
                let secret = Secret::<32>::generate(&mut OsRng);
                let keys = StoredKeys::imported(&SecretBytes::from_slice(secret.expose()));
                let ends_at = now + SignedDuration::from_hours(i64::from(new.hours));
                let mut token = Token {
                    id: TokenId(0),
                    serial,
                    maker_serial: None,
                    user: user.id,
                    label: None,
                    state: TokenState::Active,
                    origin: Origin::Temporary,
                    counter: Counter::Listed { codes: new.uses.into() },
                    hash: Hash::Sha256,
                    digits: Digits::EIGHT,
                    keys: service.keyring.seal(Place::TokenKeys(serial), keys.as_bytes()),
                    spent: Vec::new(),
                    lock: LockState::default(),
                    device: None,
                    created_at: now,
                    activated_at: Some(now),
                    last_used_at: None,
                    expires_at: Some(ends_at),
                };
                token.id = transaction.insert_token(&token)?;
                let key = OtpKey::prepare(token.hash, secret.expose());
                let codes = distinct(&key, new.uses.into())?;
                Entry::new("token.temporary_codes_given")
                    .user(&user.name)
                    .token(serial)
                    .detail("uses", new.uses)
                    .detail("until", ends_at.to_string())
                    .append(transaction, &actor, now)?;
                service.tell(transaction, &user, Occasion::TemporaryCodes { until: ends_at }, now)?;
                Ok(TemporaryCodes { token: view(transaction, token, &user, now)?, codes })
            })
            .await
    }
}

/// The codes. Two of them that are the same would be one that counts twice; that is met once in a million times.
fn distinct(key: &OtpKey, uses: u64) -> Result<Vec<Zeroizing<String>>, ServiceError> {
    let codes: Vec<Zeroizing<String>> =
        (0..uses).map(|number| Zeroizing::new(listed_code(key, number).to_string())).collect();
    let mut sorted: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < codes.len() {
        return Err(ServiceError::Refused("two of the codes came out the same: try again".into()));
    }
    Ok(codes)
}
