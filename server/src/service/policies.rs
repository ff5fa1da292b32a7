//! Policies: the settings for everyone, and for a group over them.

use std::collections::BTreeMap;

use serde::Serialize;
use symbolon_core::policy::{Policy, PolicyError, PolicyPatch, PolicyVersion, SETTINGS};
use symbolon_core::text::Name;

use super::audit::Entry;
use super::{Actor, Service, ServiceError, users};
use crate::storage::{Snapshot, StorageError, Transaction};

/// The policy that applies to members of `group`, or to everyone else.
///
/// # Errors
/// [`StorageError::Damaged`] when what is stored is no policy.
pub fn effective(snapshot: &dyn Snapshot, group: Option<&Name>) -> Result<Policy, StorageError> {
    let everyone = snapshot.policy(None)?.patch;
    let of_group = group.map(|group| snapshot.policy(Some(group))).transpose()?;
    merged(Some(&everyone), of_group.as_ref().map(|stored| &stored.patch))
}

/// The policy that these changes make: for everyone, and for a group over it.
///
/// # Errors
/// [`StorageError::Damaged`] when they make no policy.
pub(super) fn merged(everyone: Option<&PolicyPatch>, group: Option<&PolicyPatch>) -> Result<Policy, StorageError> {
    let damaged = |_: PolicyError| StorageError::Damaged("policy");
    let patches = [everyone, group].into_iter().flatten();
    patches.into_iter().try_fold(Policy::default(), |policy, patch| policy.with(patch)).map_err(damaged)
}

/// A policy in force, and why.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AppliedPolicy {
    /// The user to whom it applies, where it is that of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<Name>,
    /// The group, where it is that of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<Name>,
    /// Every setting with its value.
    #[schema(value_type = Object)]
    pub policy: Policy,
    /// Where each value comes from.
    #[schema(value_type = BTreeMap<String, Source>)]
    pub sources: BTreeMap<&'static str, Source>,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nobody has set it.
    Default,
    /// It is set for everyone.
    Everyone,
    /// It is set for the group.
    Group,
}

impl Source {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Everyone => "everyone",
            Self::Group => "group",
        }
    }
}

/// A group: a name that users have, or for which a policy is set.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct GroupView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// How many users are in it.
    pub users: u64,
    /// The settings that differ from those for everyone.
    #[schema(value_type = Object)]
    pub settings: PolicyPatch,
}

fn applied(snapshot: &dyn Snapshot, group: Option<Name>) -> Result<AppliedPolicy, StorageError> {
    let policy = effective(snapshot, group.as_ref())?;
    let everyone = snapshot.policy(None)?.patch;
    let own = match &group {
        Some(group) => snapshot.policy(Some(group))?.patch,
        None => PolicyPatch::default(),
    };
    let source = |setting: &'static symbolon_core::policy::Setting| {
        let source = match (setting.given(&own), setting.given(&everyone)) {
            (Some(_), _) => Source::Group,
            (None, Some(_)) => Source::Everyone,
            (None, None) => Source::Default,
        };
        (setting.key, source)
    };
    Ok(AppliedPolicy { user: None, group, policy, sources: SETTINGS.iter().map(source).collect() })
}

/// The version that phones are told: one more than the number of changes of any policy, and of the server's keys.
///
/// # Errors
/// The store's.
pub fn version(snapshot: &dyn Snapshot) -> Result<PolicyVersion, StorageError> {
    snapshot.policy_version().map(|changes| PolicyVersion::new(changes + 1))
}

/// Gives the policies another version, so that phones ask for them: something else of what they are told has changed.
///
/// # Errors
/// The store's.
pub(super) fn renew(transaction: &dyn Transaction) -> Result<(), StorageError> {
    let everyone = transaction.policy(None)?.patch;
    transaction.set_policy(None, &everyone).map(drop)
}

impl Service {
    /// The policy in force for everyone, or for a group.
    ///
    /// # Errors
    /// The store's.
    pub fn policy(&self, group: Option<Name>) -> Result<AppliedPolicy, ServiceError> {
        self.store.read(|snapshot| Ok(applied(snapshot, group)?))
    }

    /// The policy that applies to a user.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub fn policy_of_user(&self, name: &Name) -> Result<AppliedPolicy, ServiceError> {
        self.store.read(|snapshot| {
            let user = users::find(snapshot, name)?;
            Ok(AppliedPolicy { user: Some(user.name), ..applied(snapshot, user.group)? })
        })
    }

    /// All groups, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn groups(&self) -> Result<Vec<GroupView>, ServiceError> {
        let read = |snapshot: &dyn Snapshot| {
            let mut groups: BTreeMap<Name, (u64, PolicyPatch)> = BTreeMap::new();
            for (name, settings) in snapshot.group_policies()? {
                // What was set and taken back leaves nothing behind but its version.
                if settings != PolicyPatch::default() {
                    groups.insert(name, (0, settings));
                }
            }
            for (name, users) in snapshot.groups()? {
                groups.entry(name).or_default().0 = users;
            }
            let view = |(name, (users, settings))| GroupView { name, users, settings };
            Ok(groups.into_iter().map(view).collect())
        };
        self.store.read_much(read).await
    }

    /// Lays `changes` over what was set, and answers the policy then in force.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] names the setting that does not fit with the others.
    pub async fn set_policy(
        &self,
        actor: Actor,
        group: Option<Name>,
        changes: PolicyPatch,
    ) -> Result<AppliedPolicy, ServiceError> {
        self.change_policy(actor, group, None, PolicyEdit { set: changes, unset: Vec::new() }).await
    }

    /// Leaves settings alone again: for a group those for everyone hold then, for everyone the defaults.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] names a setting that there is not, or that does not fit with the others.
    pub async fn unset_policy(
        &self,
        actor: Actor,
        group: Option<Name>,
        keys: Vec<String>,
    ) -> Result<AppliedPolicy, ServiceError> {
        self.change_policy(actor, group, None, PolicyEdit { set: PolicyPatch::default(), unset: keys }).await
    }

    /// Changes a policy that is still as it was when its version was looked at.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] when somebody has changed a policy since; [`ServiceError::Invalid`].
    pub async fn edit_policy(
        &self,
        actor: Actor,
        group: Option<Name>,
        seen: PolicyVersion,
        edit: PolicyEdit,
    ) -> Result<AppliedPolicy, ServiceError> {
        self.change_policy(actor, group, Some(seen), edit).await
    }

    /// What a change would make of the policy for everyone, or for a group.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] names the setting that does not fit with the others.
    pub fn preview_policy(&self, group: Option<&Name>, edit: PolicyEdit) -> Result<PolicyPreview, ServiceError> {
        self.store.read(|snapshot| preview(snapshot, group, edit))
    }

    /// What is set for everyone, or for a group; and the version of all policies.
    ///
    /// # Errors
    /// The store's.
    pub fn own_policy(&self, group: Option<&Name>) -> Result<(PolicyPatch, PolicyVersion), ServiceError> {
        self.store.read(|snapshot| Ok((snapshot.policy(group)?.patch, version(snapshot)?)))
    }

    async fn change_policy(
        &self,
        actor: Actor,
        group: Option<Name>,
        seen: Option<PolicyVersion>,
        edit: PolicyEdit,
    ) -> Result<AppliedPolicy, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                if seen.is_some_and(|seen| version(transaction).is_ok_and(|version| version != seen)) {
                    return Err(ServiceError::Refused(
                        "somebody changed a policy in the meantime: look at it again, and make your change anew".into(),
                    ));
                }
                let PolicyPreview { before, after, patch } = preview(transaction, group.as_ref(), edit)?;
                let version = transaction.set_policy(group.as_ref(), &patch)?;
                let changed = serde_json::to_value(before.diff(&after)).unwrap_or_default();
                let mut entry = Entry::new("policy.changed").detail("changes", changed).detail("version", version);
                if let Some(group) = &group {
                    entry = entry.detail("group", group.as_str());
                }
                entry.append(transaction, &actor, now)?;
                Ok(applied(transaction, group)?)
            })
            .await
    }
}

/// A change of a policy: what is set, and the keys that are left to what lies under them again.
#[derive(Debug, Clone, Default)]
pub struct PolicyEdit {
    /// What is set.
    pub set: PolicyPatch,
    /// What is set no longer.
    pub unset: Vec<String>,
}

/// A policy before and after a change.
#[derive(Debug, Clone)]
pub struct PolicyPreview {
    /// As it is.
    pub before: Policy,
    /// As it would be.
    pub after: Policy,
    /// What would be set.
    patch: PolicyPatch,
}

/// What a change makes of a policy, where the settings still fit together.
fn preview(snapshot: &dyn Snapshot, group: Option<&Name>, edit: PolicyEdit) -> Result<PolicyPreview, ServiceError> {
    let refused = |error: PolicyError| ServiceError::invalid(error.key(), &error);
    let before = effective(snapshot, group)?;
    let mut patch = snapshot.policy(group)?.patch;
    edit.unset.iter().try_for_each(|key| patch.unset(key)).map_err(refused)?;
    patch.merge(edit.set);
    let under = match group {
        None => Policy::default(),
        Some(_) => effective(snapshot, None)?,
    };
    let after = under.with(&patch).map_err(refused)?;
    if group.is_none() {
        // A group's settings lie over these, and must still fit.
        for (name, patch) in snapshot.group_policies()? {
            after.with(&patch).map_err(|error| {
                ServiceError::invalid(error.key(), format!("{error} (in the policy of group {name})"))
            })?;
        }
    }
    Ok(PolicyPreview { before, after, patch })
}
