//! What verifications begin with: which application asks, by its key, and among which tokens the code may be. On a
//! database that is far, all that ask meanwhile share one read.

use std::collections::HashMap;

use jiff::Timestamp;
use symbolon_core::policy::{Policy, PolicyPatch};
use symbolon_core::text::Name;

use super::verification::Subject;
use super::{Service, ServiceError, policies};
use crate::storage::{
    ApiKey, Application, Counter, LookedUp, Origin, Snapshot, Together, Token, TokenState, User, UserId,
};

/// Who asks and whose code it is said to be, as it was when it was looked up.
pub struct Asked {
    /// The application, where there was a key and it is one's.
    pub application: Option<Application>,
    pub(super) subject: Subject,
    pub(super) holder: Option<Holder>,
    pub(super) now: Timestamp,
}

/// A user whose tokens may show the code.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) user: User,
    /// The active tokens, each with whether it needs a reset first. There is at least one.
    pub(super) tokens: Vec<(bool, Token)>,
    pub(super) policy: Policy,
}

/// A question that waits for the database: the hash of an API key, and a user.
pub(super) struct Sought {
    key_hash: Option<[u8; 32]>,
    user: Option<Name>,
    now: Timestamp,
}

/// What there is of both.
#[derive(Default)]
pub(super) struct Found {
    key: Option<(ApiKey, Application)>,
    holder: Option<Holder>,
}

/// Questions that wait for the database.
pub(super) type LookUps = Together<Sought, Result<Found, ServiceError>>;

impl Service {
    /// Looks up who asks, by the hash of an API key, and whose code it is.
    ///
    /// # Errors
    /// The store's.
    pub async fn look_up(&self, key_hash: Option<[u8; 32]>, subject: Subject) -> Result<Asked, ServiceError> {
        let now = self.clock.now();
        let Found { key, holder } = self.find(key_hash, Some(&subject), now).await?;
        Ok(Asked { application: self.use_key(key, now).await, subject, holder, now })
    }

    /// The application whose key has this hash. That the key was used is written down, once in a minute.
    ///
    /// # Errors
    /// The store's.
    pub async fn authenticate(&self, key_hash: [u8; 32]) -> Result<Option<Application>, ServiceError> {
        let now = self.clock.now();
        let Found { key, .. } = self.find(Some(key_hash), None, now).await?;
        Ok(self.use_key(key, now).await)
    }

    async fn find(
        &self,
        key_hash: Option<[u8; 32]>,
        subject: Option<&Subject>,
        now: Timestamp,
    ) -> Result<Found, ServiceError> {
        let user = match subject {
            _ if !self.store.is_far() => return self.store.read(|snapshot| find_one(snapshot, key_hash, subject, now)),
            None => None,
            Some(Subject::User(name)) => Some(name.clone()),
            Some(_) => return self.store.read(|snapshot| find_one(snapshot, key_hash, subject, now)),
        };
        self.store.read_together(&self.gathered.look_ups, Sought { key_hash, user, now }, find_all).await
    }
}

fn find_one(
    snapshot: &dyn Snapshot,
    key_hash: Option<[u8; 32]>,
    subject: Option<&Subject>,
    now: Timestamp,
) -> Result<Found, ServiceError> {
    let key = key_hash.map(|key_hash| snapshot.application_by_key(&key_hash)).transpose()?.flatten();
    let holder = subject.map(|subject| holder(snapshot, subject, now)).transpose()?.flatten();
    Ok(Found { key, holder })
}

/// Answers each in its place.
fn find_all(snapshot: &dyn Snapshot, sought: Vec<Sought>) -> Result<Vec<Found>, ServiceError> {
    let mut hashes: Vec<_> = sought.iter().filter_map(|sought| sought.key_hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let names: Vec<_> = sought.iter().filter_map(|sought| sought.user.clone()).collect();
    let LookedUp { keys, users, tokens, policies } = snapshot.look_up(&hashes, &names)?;
    let patches: HashMap<Option<Name>, PolicyPatch> = policies.into_iter().collect();
    let mut of_users: HashMap<UserId, Vec<Token>> = HashMap::with_capacity(users.len());
    for token in tokens {
        of_users.entry(token.user).or_default().push(token);
    }
    let mut holders = HashMap::with_capacity(users.len());
    for user in users {
        let Some(tokens) = of_users.remove(&user.id) else { continue };
        let of_group = user.group.as_ref().and_then(|_| patches.get(&user.group));
        let policy = policies::merged(patches.get(&None), of_group)?;
        holders.insert(user.name.clone(), Holder::new(snapshot, user, tokens, policy)?);
    }
    let found = |sought: Sought| Found {
        key: sought.key_hash.and_then(|hash| keys.iter().find(|(key, _)| key.hash == hash).cloned()),
        holder: sought.user.and_then(|name| holders.get(&name).cloned()).and_then(|holder| holder.at(sought.now)),
    };
    Ok(sought.into_iter().map(found).collect())
}

/// Whose code it may be.
fn holder(snapshot: &dyn Snapshot, subject: &Subject, now: Timestamp) -> Result<Option<Holder>, ServiceError> {
    let (user, mut tokens) = match subject {
        Subject::User(name) | Subject::Holder(name) => {
            let Some(user) = snapshot.user_by_name(name)? else { return Ok(None) };
            let tokens = snapshot.tokens_of(user.id)?;
            (user, tokens)
        }
        Subject::Token(serial) => {
            let Some(token) = super::tokens::by_any_serial(snapshot, serial)? else { return Ok(None) };
            let Some(user) = snapshot.user(token.user)? else { return Ok(None) };
            (user, vec![token])
        }
    };
    if matches!(subject, Subject::Holder(_)) {
        tokens.retain(|token| token.origin != Origin::Temporary);
    }
    let policy = policies::effective(snapshot, user.group.as_ref())?;
    Ok(Holder::new(snapshot, user, tokens, policy)?.at(now))
}

impl Holder {
    fn new(snapshot: &dyn Snapshot, user: User, tokens: Vec<Token>, policy: Policy) -> Result<Self, ServiceError> {
        let tokens = tokens.into_iter().map(|token| Ok((needs_reset(snapshot, &token)?, token)));
        Ok(Self { user, tokens: tokens.collect::<Result<_, ServiceError>>()?, policy })
    }

    /// With those tokens that are active at a time; `None` when no code of this user's can count.
    fn at(mut self, now: Timestamp) -> Option<Self> {
        self.tokens.retain(|(_, token)| token.state == TokenState::Active && !token.has_ended(now));
        (self.user.enabled && !self.tokens.is_empty()).then_some(self)
    }
}

/// Whether a token may have counted on after the backup that the database comes from: only a reset tells how far.
fn needs_reset(snapshot: &dyn Snapshot, token: &Token) -> Result<bool, ServiceError> {
    Ok(matches!(token.counter, Counter::Event { .. }) && snapshot.is_unconfirmed(token.id)?)
}
