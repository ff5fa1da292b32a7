//! Policies: the settings for everyone, and for a group over them.

use symbolon_core::policy::{Policy, PolicyError, PolicyPatch, PolicyVersion};
use symbolon_core::text::Name;

use super::audit::Entry;
use super::{Actor, Service, ServiceError};
use crate::storage::{Snapshot, StorageError};

/// The policy that applies to members of `group`, or to everyone else.
///
/// # Errors
/// [`StorageError::Damaged`] when what is stored is no policy.
pub fn effective(snapshot: &dyn Snapshot, group: Option<&Name>) -> Result<Policy, StorageError> {
    let damaged = |_: PolicyError| StorageError::Damaged("policy");
    let policy = Policy::default().with(&snapshot.policy(None)?.patch).map_err(damaged)?;
    match group {
        None => Ok(policy),
        Some(group) => policy.with(&snapshot.policy(Some(group))?.patch).map_err(damaged),
    }
}

/// The version that phones are told: one more than the number of changes of any policy.
///
/// # Errors
/// The store's.
pub fn version(snapshot: &dyn Snapshot) -> Result<PolicyVersion, StorageError> {
    snapshot.policy_version().map(|changes| PolicyVersion::new(changes + 1))
}

impl Service {
    /// The policy in force for everyone, or for a group.
    ///
    /// # Errors
    /// The store's.
    pub fn policy(&self, group: Option<&Name>) -> Result<Policy, ServiceError> {
        self.store.read(|snapshot| Ok(effective(snapshot, group)?))
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
    ) -> Result<Policy, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let before = effective(transaction, group.as_ref())?;
                let mut patch = transaction.policy(group.as_ref())?.patch;
                patch.merge(changes);
                let under = match group {
                    None => Policy::default(),
                    Some(_) => effective(transaction, None)?,
                };
                let refused = |error: PolicyError| ServiceError::invalid(error.key(), &error);
                let after = under.with(&patch).map_err(refused)?;
                if group.is_none() {
                    // A group's settings lie over these, and must still fit.
                    for (name, patch) in transaction.group_policies()? {
                        after.with(&patch).map_err(|error| {
                            ServiceError::invalid(error.key(), format!("{error} (in the policy of group {name})"))
                        })?;
                    }
                }
                let version = transaction.set_policy(group.as_ref(), &patch)?;
                let changed: Vec<_> = before.diff(&after);
                let changed = serde_json::to_value(&changed).unwrap_or_default();
                let mut entry = Entry::new("policy.changed").detail("changes", changed).detail("version", version);
                if let Some(group) = &group {
                    entry = entry.detail("group", group.as_str());
                }
                entry.append(transaction, &actor, now)?;
                Ok(after)
            })
            .await
    }
}
