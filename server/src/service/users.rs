//! Users: the people whom the server knows.

use std::collections::hash_map::{self, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use symbolon_core::text::Name;

use super::audit::Entry;
use super::tokens::{NewToken, TokenWithTicket};
use super::{Actor, Service, ServiceError, audit, policies, tokens};
use crate::storage::{Email, Language, LockState, Snapshot, StorageError, Transaction, User, UserId};

/// What is needed to add a user.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name by which applications know the user; unique.
    #[schema(value_type = String, max_length = 100)]
    pub name: Name,
    /// Where mail goes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "email")]
    pub email: Option<Email>,
    /// The group whose policy applies.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub group: Option<Name>,
    /// The language of mails; the server's own when left out.
    #[serde(default)]
    pub language: Option<Language>,
}

/// What is to change of a user. What is left out stays; `null` removes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChanges {
    /// Where mail goes.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "email")]
    pub email: Option<Option<Email>>,
    /// The group whose policy applies.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub group: Option<Option<Name>>,
    /// The language of mails; the server's own when removed.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Language>)]
    pub language: Option<Option<Language>>,
}

/// Tells `null` from a field that is left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A user as the admin API and the commands show one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct UserView {
    /// The name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Email>,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<Name>,
    /// The language of mails, where it is not the server's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// `active`, `locked` or `disabled`.
    pub state: UserState,
    /// When a lock ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub locked_until: Option<Timestamp>,
    /// How many tokens the user has.
    pub tokens: u64,
    /// When the user was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A user who was just added.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AddedUser {
    /// The user.
    pub user: UserView,
    /// The token that the policy assigns to new users, with its ticket, which is shown this once.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenWithTicket>,
}

/// What a user's codes are worth just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// They count.
    Active,
    /// Too many were wrong.
    Locked,
    /// An administrator has switched the user off.
    Disabled,
}

/// What can be done with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserAction {
    /// Let the user in again.
    Enable,
    /// Refuse the codes of all the user's tokens.
    Disable,
    /// End the lock of the user and of all the user's tokens.
    Unlock,
    /// Let applications ask for approvals again from where a concern or a wrong value paused them.
    ResumeApprovals,
}

impl UserState {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }
}

impl UserAction {
    const fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Unlock => "unlock",
            Self::ResumeApprovals => "resume_approvals",
        }
    }
}

impl User {
    /// The state at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> UserState {
        match self.enabled {
            false => UserState::Disabled,
            true if self.lock.lock.holds(now) => UserState::Locked,
            true => UserState::Active,
        }
    }
}

/// Finds a user.
///
/// # Errors
/// [`ServiceError::NotFound`].
pub fn find(snapshot: &dyn Snapshot, name: &Name) -> Result<User, ServiceError> {
    snapshot.user_by_name(name)?.ok_or_else(|| ServiceError::not_found("user", name))
}

fn view(snapshot: &dyn Snapshot, user: User, now: Timestamp) -> Result<UserView, ServiceError> {
    let views = views(snapshot, vec![user], now)?;
    views.into_iter().next().ok_or_else(|| StorageError::Damaged("user").into())
}

fn views(snapshot: &dyn Snapshot, users: Vec<User>, now: Timestamp) -> Result<Vec<UserView>, ServiceError> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let counts = snapshot.token_counts(&ids)?;
    Ok(users.into_iter().zip(counts).map(|(user, tokens)| view_with(user, tokens, now)).collect())
}

fn view_with(user: User, tokens: u64, now: Timestamp) -> UserView {
    let state = user.state(now);
    let locked_until = user.lock.lock.ends_at().filter(|_| state == UserState::Locked);
    UserView {
        name: user.name,
        email: user.email,
        group: user.group,
        language: user.language,
        state,
        locked_until,
        tokens,
        created_at: user.created_at,
    }
}

/// Adds a user, if nobody has the name.
fn add(transaction: &dyn Transaction, actor: &Actor, now: Timestamp, new: NewUser) -> Result<User, ServiceError> {
    if transaction.user_by_name(&new.name)?.is_some() {
        return Err(ServiceError::Exists { kind: "user", name: new.name.into() });
    }
    let added = insert(transaction, actor, now, vec![new])?;
    added.into_iter().next().ok_or_else(|| StorageError::Failed("nobody was added".into()).into())
}

/// Adds users whose names nobody has.
pub(super) fn insert(
    transaction: &dyn Transaction,
    actor: &Actor,
    now: Timestamp,
    new: Vec<NewUser>,
) -> Result<Vec<User>, ServiceError> {
    let user = |new: NewUser| User {
        id: UserId(0),
        name: new.name,
        email: new.email,
        group: new.group,
        language: new.language,
        enabled: true,
        created_at: now,
        lock: LockState::default(),
    };
    let mut users: Vec<_> = new.into_iter().map(user).collect();
    let ids = transaction.insert_users(&users)?;
    users.iter_mut().zip(ids).for_each(|(user, id)| user.id = id);
    let entry = |user: &User| (Entry::new("user.added").user(&user.name), actor, now);
    audit::append_all(transaction, users.iter().map(entry).collect())?;
    Ok(users)
}

impl Service {
    /// Adds a user, with a token where the policy assigns one to every new user.
    ///
    /// # Errors
    /// [`ServiceError::Exists`]; those of handing out a token.
    pub async fn add_user(&self, actor: Actor, new: NewUser) -> Result<AddedUser, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let user = add(transaction, &actor, now, new)?;
                let token = service.assign(transaction, &user, now)?;
                Ok(AddedUser { user: view(transaction, user, now)?, token })
            })
            .await
    }

    /// The same for many new users: nobody is there to be shown a ticket, so without an address the token waits for one.
    pub(super) fn assign_unseen(
        &self,
        transaction: &dyn Transaction,
        users: &[User],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let mut policies = HashMap::new();
        for user in users {
            let policy = match policies.entry(&user.group) {
                hash_map::Entry::Occupied(known) => known.into_mut(),
                hash_map::Entry::Vacant(unknown) => {
                    unknown.insert(policies::effective(transaction, user.group.as_ref())?)
                }
            };
            if !policy.automatic_assignment {
                continue;
            }
            if user.email.is_some() && self.mail.is_some() {
                self.hand_out(transaction, &Actor::Server, user, NewToken::default(), now)?;
            } else {
                let token = tokens::add(transaction, user, None, now)?;
                let entry = Entry::new("token.added").user(&user.name).token(token.serial);
                entry.append(transaction, &Actor::Server, now)?;
            }
        }
        Ok(())
    }

    /// Gives a new user a token where the policy wants every new user to have one.
    pub(super) fn assign(
        &self,
        transaction: &dyn Transaction,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<TokenWithTicket>, ServiceError> {
        if !policies::effective(transaction, user.group.as_ref())?.automatic_assignment {
            return Ok(None);
        }
        self.hand_out(transaction, &Actor::Server, user, NewToken::default(), now).map(Some)
    }

    /// One user.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub fn user(&self, name: &Name) -> Result<UserView, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| view(snapshot, find(snapshot, name)?, now))
    }

    /// Users by name, after `after`, whose name or address has a word that begins with `search`.
    ///
    /// # Errors
    /// The store's.
    pub fn users(&self, search: Option<&str>, after: Option<&Name>, limit: u32) -> Result<Vec<UserView>, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let users = snapshot.users(search, after, limit)?;
            views(snapshot, users, now)
        })
    }

    /// Does something with a user.
    ///
    /// # Errors
    /// [`ServiceError::State`] when the user's state does not allow it.
    pub async fn act_on_user(&self, actor: Actor, name: Name, action: UserAction) -> Result<UserView, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let mut user = find(transaction, &name)?;
                let tokens = transaction.tokens_of(user.id)?;
                let locked = user.lock.lock.holds(now) || tokens.iter().any(|token| token.lock.lock.holds(now));
                let switch = if user.enabled { UserAction::Disable } else { UserAction::Enable };
                let mut possible = vec![switch, UserAction::ResumeApprovals];
                if locked {
                    possible.push(UserAction::Unlock);
                }
                if !possible.contains(&action) {
                    return Err(ServiceError::State {
                        subject: format!("user {name}"),
                        state: user.state(now).name(),
                        action: action.name(),
                        possible: possible.iter().map(|action| action.name()).collect(),
                    });
                }
                let entry = match action {
                    UserAction::Enable => {
                        user.enabled = true;
                        "user.enabled"
                    }
                    UserAction::Disable => {
                        user.enabled = false;
                        "user.disabled"
                    }
                    UserAction::Unlock => {
                        user.lock = LockState::default();
                        for token in tokens {
                            transaction.set_token_lock(token.id, &LockState::default(), &token.spent)?;
                        }
                        "user.unlocked"
                    }
                    UserAction::ResumeApprovals => {
                        transaction.clear_pauses(user.id)?;
                        "user.approvals_resumed"
                    }
                };
                transaction.update_user(&user)?;
                Entry::new(entry).user(&user.name).append(transaction, &actor, now)?;
                view(transaction, user, now)
            })
            .await
    }

    /// Changes a user. Another group's policy holds from now on; tokens that are active keep code length and hash.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Invalid`] when nothing is to change.
    pub async fn edit_user(&self, actor: Actor, name: Name, changes: UserChanges) -> Result<UserView, ServiceError> {
        if changes == UserChanges::default() {
            return Err(ServiceError::invalid("email", "nothing is to change: give an address, a group or a language"));
        }
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let mut user = find(transaction, &name)?;
                let mut entry = Entry::new("user.edited").user(&user.name);
                if let Some(email) = changes.email {
                    // The address itself is personal, and the audit is never erased.
                    entry = entry.detail("email", if email.is_some() { "set" } else { "removed" });
                    user.email = email;
                }
                if let Some(group) = changes.group {
                    let text = |group: &Option<Name>| group.as_ref().map(|group| group.as_str().to_owned());
                    entry = entry.detail("group_before", text(&user.group)).detail("group", text(&group));
                    user.group = group;
                }
                if let Some(language) = changes.language {
                    entry = entry.detail("language", language.map(Language::tag));
                    user.language = language;
                }
                transaction.update_user(&user)?;
                entry.append(transaction, &actor, now)?;
                view(transaction, user, now)
            })
            .await
    }

    /// Removes a user and the user's tokens. The audit keeps what it has.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn delete_user(&self, actor: Actor, name: Name) -> Result<(), ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let user = find(transaction, &name)?;
                let administrators = transaction.administrators()?;
                if let Some(administrator) = administrators.iter().find(|other| other.user == Some(user.id)) {
                    // Else whoever may remove users could take the second factor from an administrator.
                    return Err(ServiceError::Refused(format!(
                        "the soft token of user {name} is the second factor of administrator {}: give that one another \
                         user first",
                        administrator.name
                    )));
                }
                let tokens: Vec<String> =
                    transaction.tokens_of(user.id)?.iter().map(|token| token.serial.to_string()).collect();
                transaction.delete_user(user.id)?;
                Entry::new("user.deleted").user(&name).detail("tokens", tokens).append(transaction, &actor, now)
            })
            .await
    }
}
