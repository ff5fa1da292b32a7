//! Applications: programs with an API key. The key is shown once and stored as its hash.

use jiff::Timestamp;
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use symbolon_core::keys::sha256;
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::audit::Entry;
use super::{Actor, Service, ServiceError};
use crate::storage::{Application, ApplicationId, Scope, Snapshot, Together};

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
}

impl From<Application> for ApplicationView {
    fn from(application: Application) -> Self {
        Self { name: application.name, scopes: application.scopes, created_at: application.created_at }
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

/// The hash under which a key is stored. A key has 256 random bits: nothing is gained by stretching it.
fn hash(key: &str) -> [u8; 32] {
    sha256(key.as_bytes())
}

/// API keys, by their hashes, that wait for their applications.
pub(super) type Keys = Together<[u8; 32], Result<Option<Application>, ServiceError>>;

fn by_keys(snapshot: &dyn Snapshot, hashes: Vec<[u8; 32]>) -> Result<Vec<Option<Application>>, ServiceError> {
    let found = snapshot.applications_by_keys(&hashes)?;
    let application = |hash| found.iter().find(|application| application.key_hash == hash).cloned();
    Ok(hashes.into_iter().map(application).collect())
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
        let application =
            Application { id: ApplicationId(0), name: new.name, key_hash: hash(&key), scopes, created_at: now };
        self.store
            .write(move |transaction| {
                if transaction.application_by_name(&application.name)?.is_some() {
                    return Err(ServiceError::Exists { kind: "application", name: application.name.into() });
                }
                transaction.insert_application(&application)?;
                let scopes: Vec<&str> = application.scopes.iter().map(|scope| scope.name()).collect();
                Entry::new("application.added")
                    .detail("application", application.name.as_str())
                    .detail("scopes", scopes)
                    .append(transaction, &actor, now)?;
                Ok(ApplicationKey { application: application.into(), key })
            })
            .await
    }

    /// All applications.
    ///
    /// # Errors
    /// The store's.
    pub fn applications(&self) -> Result<Vec<ApplicationView>, ServiceError> {
        self.store.read(|snapshot| Ok(snapshot.applications()?.into_iter().map(ApplicationView::from).collect()))
    }

    /// Gives an application another key; the old one ends at once.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn rotate_application(&self, actor: Actor, name: Name) -> Result<ApplicationKey, ServiceError> {
        let now = self.clock.now();
        let key = generate_key();
        self.store
            .write(move |transaction| {
                let application = transaction
                    .application_by_name(&name)?
                    .ok_or_else(|| ServiceError::not_found("application", &name))?;
                transaction.set_application_key(application.id, &hash(&key))?;
                Entry::new("application.rotated").detail("application", name.as_str()).append(
                    transaction,
                    &actor,
                    now,
                )?;
                Ok(ApplicationKey { application: application.into(), key })
            })
            .await
    }

    /// Removes an application; its key ends at once.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn remove_application(&self, actor: Actor, name: Name) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let application = transaction
                    .application_by_name(&name)?
                    .ok_or_else(|| ServiceError::not_found("application", &name))?;
                transaction.delete_application(application.id)?;
                Entry::new("application.removed").detail("application", name.as_str()).append(transaction, &actor, now)
            })
            .await
    }

    /// The application whose key this is.
    ///
    /// # Errors
    /// The store's.
    pub async fn authenticate(&self, key: &str) -> Result<Option<Application>, ServiceError> {
        // The look-up is by hash: what its timing tells is about a hash that the caller can't choose.
        let hash = hash(key);
        if self.store.is_far() {
            return self.store.read_together(&self.gathered.keys, hash, by_keys).await;
        }
        self.store.read(|snapshot| Ok(snapshot.application_by_key(&hash)?))
    }
}
