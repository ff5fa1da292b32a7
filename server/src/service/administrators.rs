//! Administrators: the people who use the console, what each may do, and the link by which each gets in first.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use symbolon_core::text::Name;

use super::audit::Entry;
use super::sessions::Pass;
use super::{Actor, Service, ServiceError, users};
use crate::storage::{Administrator, AdministratorId, LockState, Role, SignInLink, Snapshot, Transaction};

/// A link can be used for so long.
const LINK_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What is needed to add an administrator.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    /// The name to sign in with; unique.
    #[schema(value_type = String, max_length = 100)]
    pub name: Name,
    /// What the person may do.
    pub role: Role,
    /// The user whose soft token becomes the second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub user: Option<Name>,
}

/// What of an administrator is to be otherwise; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministratorChange {
    /// What the person may do.
    #[serde(default)]
    pub role: Option<Role>,
    /// The user whose soft token becomes the second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub user: Option<Name>,
}

/// An administrator as the admin API, the commands and the console show one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AdministratorView {
    /// The name.
    #[schema(value_type = String)]
    pub name: Name,
    /// What the person may do.
    pub role: Role,
    /// Whether the person has signed in, or can't at present.
    pub state: AdministratorState,
    /// The user whose soft token is the second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<Name>,
    /// Whether a code of the soft token is asked for at each sign-in.
    pub second_factor: bool,
    /// When a lock ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub locked_until: Option<Timestamp>,
    /// Until when the one-time link can be used, if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub link_expires_at: Option<Timestamp>,
    /// When the administrator was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the person last signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signed_in_at: Option<Timestamp>,
}

/// How an administrator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdministratorState {
    /// The first link was not used yet.
    Invited,
    /// Has a password.
    Active,
    /// Too many sign-ins failed.
    Locked,
}

/// An administrator with a one-time link, which is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AdministratorLink {
    /// The administrator.
    pub administrator: AdministratorView,
    /// Lets the person choose a password and signs them in, once.
    pub link: String,
}

fn view(
    snapshot: &dyn Snapshot,
    administrator: Administrator,
    now: Timestamp,
) -> Result<AdministratorView, ServiceError> {
    let state = match &administrator.password {
        _ if administrator.lock.lock.holds(now) => AdministratorState::Locked,
        None => AdministratorState::Invited,
        Some(_) => AdministratorState::Active,
    };
    let user = administrator.user.map(|id| snapshot.user(id)).transpose()?.flatten();
    Ok(AdministratorView {
        name: administrator.name,
        role: administrator.role,
        state,
        user: user.map(|user| user.name),
        second_factor: administrator.second_factor,
        locked_until: administrator.lock.lock.ends_at().filter(|_| state == AdministratorState::Locked),
        link_expires_at: administrator.link.map(|link| link.expires_at).filter(|end| now < *end),
        created_at: administrator.created_at,
        signed_in_at: administrator.signed_in_at,
    })
}

fn find(snapshot: &dyn Snapshot, name: &Name) -> Result<Administrator, ServiceError> {
    snapshot.administrator_by_name(name)?.ok_or_else(|| ServiceError::not_found("administrator", name))
}

/// Without an owner nobody could add one in the console.
fn leave_an_owner(transaction: &dyn Transaction, but: AdministratorId) -> Result<(), ServiceError> {
    let owners = transaction.administrators()?;
    if owners.iter().any(|other| other.role == Role::Owner && other.id != but) {
        return Ok(());
    }
    Err(ServiceError::Refused("this is the last owner: make another administrator an owner first".into()))
}

impl Service {
    /// Adds an administrator and answers the link for the first sign-in.
    ///
    /// # Errors
    /// [`ServiceError::Exists`], [`ServiceError::NotFound`] for the user, [`ServiceError::Invalid`] when no address of
    /// the server is known yet.
    pub async fn add_administrator(
        &self,
        actor: Actor,
        new: NewAdministrator,
    ) -> Result<AdministratorLink, ServiceError> {
        let now = self.clock.now();
        let pass = Pass::generate();
        let link = self.link(&pass)?;
        self.store
            .write(move |transaction| {
                if transaction.administrator_by_name(&new.name)?.is_some() {
                    return Err(ServiceError::Exists { kind: "administrator", name: new.name.into() });
                }
                let user = new.user.as_ref().map(|user| users::find(transaction, user)).transpose()?;
                let mut administrator = Administrator {
                    id: AdministratorId(0),
                    name: new.name,
                    role: new.role,
                    user: user.map(|user| user.id),
                    second_factor: false,
                    password: None,
                    link: Some(SignInLink { hash: pass.hash(), expires_at: now + LINK_LIFETIME }),
                    lock: LockState::default(),
                    created_at: now,
                    signed_in_at: None,
                };
                administrator.id = transaction.insert_administrator(&administrator)?;
                Entry::new("administrator.added")
                    .detail("administrator", administrator.name.as_str())
                    .detail("role", administrator.role.name())
                    .append(transaction, &actor, now)?;
                Ok(AdministratorLink { administrator: view(transaction, administrator, now)?, link })
            })
            .await
    }

    /// A link for the first owner; `None` when there is an administrator already.
    ///
    /// # Errors
    /// As [`Service::add_administrator`].
    pub async fn first_owner(&self) -> Result<Option<AdministratorLink>, ServiceError> {
        if !self.administrators()?.is_empty() {
            return Ok(None);
        }
        let name = Name::try_from("owner".to_owned()).map_err(|error| ServiceError::invalid("name", error))?;
        let new = NewAdministrator { name, role: Role::Owner, user: None };
        self.add_administrator(Actor::Server, new).await.map(Some)
    }

    /// All administrators, by name.
    ///
    /// # Errors
    /// The store's.
    pub fn administrators(&self) -> Result<Vec<AdministratorView>, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let administrators = snapshot.administrators()?;
            administrators.into_iter().map(|administrator| view(snapshot, administrator, now)).collect()
        })
    }

    /// Changes what an administrator may do, or whose soft token is the second factor.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] for the last owner.
    pub async fn change_administrator(
        &self,
        actor: Actor,
        name: Name,
        change: AdministratorChange,
    ) -> Result<AdministratorView, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let mut administrator = find(transaction, &name)?;
                let mut entry = Entry::new("administrator.changed").detail("administrator", name.as_str());
                if let Some(role) = change.role {
                    if role != Role::Owner {
                        leave_an_owner(transaction, administrator.id)?;
                    }
                    administrator.role = role;
                    entry = entry.detail("role", role.name());
                }
                if let Some(user) = change.user {
                    let user = users::find(transaction, &user)?;
                    administrator.user = Some(user.id);
                    entry = entry.user(&user.name);
                }
                transaction.update_administrator(&administrator)?;
                entry.append(transaction, &actor, now)?;
                view(transaction, administrator, now)
            })
            .await
    }

    /// Gives an administrator another link, for a password that was forgotten or a soft token that was lost. The
    /// password, a lock and the second factor end when it is used; earlier links end at once.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn link_administrator(&self, actor: Actor, name: Name) -> Result<AdministratorLink, ServiceError> {
        let now = self.clock.now();
        let pass = Pass::generate();
        let link = self.link(&pass)?;
        self.store
            .write(move |transaction| {
                let mut administrator = find(transaction, &name)?;
                administrator.link = Some(SignInLink { hash: pass.hash(), expires_at: now + LINK_LIFETIME });
                transaction.update_administrator(&administrator)?;
                let entry = Entry::new("administrator.link_issued").detail("administrator", name.as_str());
                entry.append(transaction, &actor, now)?;
                Ok(AdministratorLink { administrator: view(transaction, administrator, now)?, link })
            })
            .await
    }

    /// Signs an administrator out of every browser.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn sign_administrator_out(&self, actor: Actor, name: Name) -> Result<AdministratorView, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let administrator = find(transaction, &name)?;
                transaction.delete_sessions(administrator.id)?;
                let entry = Entry::new("administrator.signed_out_everywhere").detail("administrator", name.as_str());
                entry.append(transaction, &actor, now)?;
                view(transaction, administrator, now)
            })
            .await
    }

    /// Removes an administrator, who is signed out at once. The audit stays.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] for the last owner.
    pub async fn remove_administrator(&self, actor: Actor, name: Name) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let administrator = find(transaction, &name)?;
                leave_an_owner(transaction, administrator.id)?;
                transaction.delete_administrator(administrator.id)?;
                let entry = Entry::new("administrator.removed").detail("administrator", name.as_str());
                entry.append(transaction, &actor, now)
            })
            .await
    }

    /// The secret is in the fragment: browsers send that to nobody, so it reaches no log.
    fn link(&self, pass: &Pass) -> Result<String, ServiceError> {
        let address = self.identity.address.as_ref().ok_or_else(|| {
            let message = "no address is known that leads to the console: start the server once, or set public_url";
            ServiceError::invalid("public_url", message)
        })?;
        Ok(format!("{address}/console/welcome#{}", *pass.text()))
    }
}
