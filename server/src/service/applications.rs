//! Applications: programs with an API key. The key is shown once and stored as its hash. While an application gets another
//! one, the old one can go on for a time.

use jiff::{SignedDuration, Timestamp};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use symbolon_core::keys::sha256;
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::audit::Entry;
use super::{Actor, Service, ServiceError};
use crate::storage::{ApiKey, Application, ApplicationId, Scope, Snapshot, Transaction};

/// That a key is used is written down so often.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);

/// No old key goes on for longer, in seconds: 30 days.
pub const LONGEST_OVERLAP: u32 = 30 * 24 * 3600;

/// What is needed to add an application.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// Its name, which users see when it asks for an approval; unique.
    #[schema(value_type = String, max_length = 100)]
    pub name: Name,
    /// What it may do; `verify` and `challenge` when left out.
    #[serde(default)]
    pub scopes: Vec<Scope>,
}

/// An application as the admin API and the commands show one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ApplicationView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its key was made.
    #[schema(value_type = String, format = DateTime)]
    pub key_created_at: Timestamp,
    /// When its key was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// The key before, while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_key: Option<OldKeyView>,
}

/// A key that another takes the place of.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct OldKeyView {
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// When it was last used, to the minute. An application that has the new key does not use it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

fn view(snapshot: &dyn Snapshot, application: Application, now: Timestamp) -> Result<ApplicationView, ServiceError> {
    let keys = snapshot.api_keys(application.id)?;
    let current = keys.iter().find(|key| key.ends_at.is_none());
    let old = keys.iter().filter(|key| key.is_live(now)).find_map(|key| {
        let ends_at = key.ends_at?;
        Some(OldKeyView { ends_at, last_used_at: key.used_at })
    });
    Ok(ApplicationView {
        key_created_at: current.map_or(application.created_at, |key| key.created_at),
        last_used_at: current.and_then(|key| key.used_at),
        old_key: old,
        name: application.name,
        scopes: application.scopes,
        created_at: application.created_at,
    })
}

/// When what is replaced ends, if it does not end at once.
pub(super) fn end_of_old(overlap: u32, now: Timestamp) -> Result<Option<Timestamp>, ServiceError> {
    if overlap > LONGEST_OVERLAP {
        return Err(ServiceError::invalid("overlap", format!("must be 0 to {LONGEST_OVERLAP} seconds (30 days)")));
    }
    Ok((overlap > 0).then(|| now + SignedDuration::from_secs(overlap.into())))
}

impl ApiKey {
    fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

/// An application and its new key, which is shown this once.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ApplicationKey {
    /// The application.
    pub application: ApplicationView,
    /// The key, for `Authorization: Bearer`.
    pub key: String,
}

/// A new key: `sym_` and 256 random bits in base64url.
fn generate_key() -> String {
    let mut bytes = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(bytes.as_mut());
    format!("sym_{}", data_encoding::BASE64URL_NOPAD.encode(bytes.as_ref()))
}

/// The hash under which a key is stored and looked up: what the timing tells is about a hash that the caller can't choose. A
/// key has 256 random bits: nothing is gained by stretching it.
pub fn hash(key: &str) -> [u8; 32] {
    sha256(key.as_bytes())
}

fn fresh(key: &str, application: ApplicationId, now: Timestamp) -> ApiKey {
    ApiKey { hash: hash(key), application, created_at: now, ends_at: None, used_at: None }
}

/// Finds an application.
pub(super) fn find(snapshot: &dyn Snapshot, name: &Name) -> Result<Application, ServiceError> {
    let application = snapshot.application_by_name(name)?.filter(|application| application.name.as_str() != OWN);
    application.ok_or_else(|| ServiceError::not_found("application", name))
}

/// Writes down that a key was used, unless another request has done so since it was looked at.
fn touch(transaction: &dyn Transaction, hash: &[u8; 32], now: Timestamp) -> Result<(), ServiceError> {
    let Some((key, _)) = transaction.application_by_key(hash)? else { return Ok(()) };
    if key.used_at.is_none_or(|used| used + TOUCH <= now) {
        transaction.update_api_key(&ApiKey { used_at: Some(now), ..key })?;
    }
    Ok(())
}

/// In whose name the server itself asks at `/me`. It is an application without a key and without scopes, and is shown to
/// nobody but on the phones that are asked.
const OWN: &str = "Self-service";

/// The server's own application.
pub(super) fn own(transaction: &dyn Transaction, now: Timestamp) -> Result<Application, ServiceError> {
    let name: Name = OWN.parse().map_err(|error| ServiceError::invalid("name", error))?;
    if let Some(own) = transaction.application_by_name(&name)? {
        return Ok(own);
    }
    let own = Application { id: ApplicationId(0), name, scopes: Vec::new(), created_at: now };
    Ok(Application { id: transaction.insert_application(&own)?, ..own })
}

impl Service {
    /// Adds an application.
    ///
    /// # Errors
    /// [`ServiceError::Exists`].
    pub async fn add_application(&self, actor: Actor, new: NewApplication) -> Result<ApplicationKey, ServiceError> {
        let now = self.clock.now();
        let key = generate_key();
        let mut scopes = new.scopes;
        if scopes.is_empty() {
            scopes = vec![Scope::Verify, Scope::Challenge];
        }
        scopes.dedup();
        let application = Application { id: ApplicationId(0), name: new.name, scopes, created_at: now };
        self.store
            .write(move |transaction| {
                if application.name.as_str() == OWN || transaction.application_by_name(&application.name)?.is_some() {
                    return Err(ServiceError::Exists { kind: "application", name: application.name.into() });
                }
                let id = transaction.insert_application(&application)?;
                transaction.insert_api_key(&fresh(&key, id, now))?;
                let application = Application { id, ..application };
                let scopes: Vec<&str> = application.scopes.iter().map(|scope| scope.name()).collect();
                Entry::new("application.added")
                    .detail("application", application.name.as_str())
                    .detail("scopes", scopes)
                    .append(transaction, &actor, now)?;
                Ok(ApplicationKey { application: view(transaction, application, now)?, key })
            })
            .await
    }

    /// All applications.
    ///
    /// # Errors
    /// The store's.
    pub fn applications(&self) -> Result<Vec<ApplicationView>, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let applications = snapshot.applications()?.into_iter().filter(|one| one.name.as_str() != OWN);
            applications.map(|application| view(snapshot, application, now)).collect()
        })
    }

    /// Gives an application another key. The one that it has goes on for `overlap` seconds, none when zero; one from
    /// before that, if it still goes on, ends at once.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Invalid`] beyond [`LONGEST_OVERLAP`].
    pub async fn rotate_application(
        &self,
        actor: Actor,
        name: Name,
        overlap: u32,
    ) -> Result<ApplicationKey, ServiceError> {
        let now = self.clock.now();
        let key = generate_key();
        let ends_at = end_of_old(overlap, now)?;
        self.store
            .write(move |transaction| {
                let application = find(transaction, &name)?;
                for key in transaction.api_keys(application.id)? {
                    match (key.ends_at, ends_at) {
                        (None, Some(_)) => transaction.update_api_key(&ApiKey { ends_at, ..key })?,
                        _ => transaction.delete_api_key(&key.hash)?,
                    }
                }
                transaction.insert_api_key(&fresh(&key, application.id, now))?;
                let mut entry = Entry::new("application.rotated").detail("application", name.as_str());
                if let Some(ends_at) = ends_at {
                    entry = entry.detail("old_key_ends_at", ends_at.to_string());
                }
                entry.append(transaction, &actor, now)?;
                Ok(ApplicationKey { application: view(transaction, application, now)?, key })
            })
            .await
    }

    /// Ends an application's old key before its time.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Refused`] when it has no old key.
    pub async fn end_old_key(&self, actor: Actor, name: Name) -> Result<ApplicationView, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let application = find(transaction, &name)?;
                let old = transaction.api_keys(application.id)?.into_iter().find(|key| key.ends_at.is_some());
                let Some(old) = old.filter(|key| key.is_live(now)) else {
                    return Err(ServiceError::Refused(format!("application {name} has no old key that goes on")));
                };
                transaction.delete_api_key(&old.hash)?;
                let entry = Entry::new("application.old_key_ended").detail("application", name.as_str());
                entry.append(transaction, &actor, now)?;
                view(transaction, application, now)
            })
            .await
    }

    /// Removes an application; its keys end at once.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn remove_application(&self, actor: Actor, name: Name) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let application = find(transaction, &name)?;
                transaction.delete_application(application.id)?;
                Entry::new("application.removed").detail("application", name.as_str()).append(transaction, &actor, now)
            })
            .await
    }

    /// The application of a key that is live. That it was used is written down, once in a minute.
    pub(super) async fn use_key(&self, found: Option<(ApiKey, Application)>, now: Timestamp) -> Option<Application> {
        let (key, application) = found.filter(|(key, _)| key.is_live(now))?;
        if key.used_at.is_none_or(|used| used + TOUCH <= now) {
            // Where nothing can be written, what only reads still works; a later use is written down.
            drop(self.store.write(move |transaction| touch(transaction, &key.hash, now)).await);
        }
        Some(application)
    }
}
