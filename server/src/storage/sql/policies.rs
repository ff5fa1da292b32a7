//! Policies: what was changed, as JSON, under a version that counts all changes.

use symbolon_core::policy::PolicyPatch;
use symbolon_core::text::Name;

use super::row::Columns;
use super::{Open, params};
use crate::storage::{Policies, StorageError, StoredPolicy, WritePolicies};

type Result<T> = std::result::Result<T, StorageError>;

pub(super) fn read_patch(patch: &str) -> Result<PolicyPatch> {
    serde_json::from_str(patch).map_err(|_| StorageError::Damaged("policy"))
}

impl Policies for Open<'_> {
    fn policy(&self, group: Option<&Name>) -> Result<StoredPolicy> {
        let group = group.map_or("", Name::as_str);
        let stored = self.one("SELECT patch, version FROM policy WHERE group_name = ?", [group], |row| {
            let mut columns = Columns::of(row);
            Ok(StoredPolicy { patch: read_patch(columns.text()?)?, version: columns.next()? })
        })?;
        Ok(stored.unwrap_or_default())
    }

    fn group_policies(&self) -> Result<Vec<(Name, PolicyPatch)>> {
        self.many("SELECT group_name, patch FROM policy WHERE group_name <> '' ORDER BY group_name", params![], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.parsed()?, read_patch(columns.text()?)?))
        })
    }

    fn policy_version(&self) -> Result<u64> {
        let version =
            self.one("SELECT max(version) FROM policy", params![], |row| Columns::of(row).next::<Option<u64>>())?;
        Ok(version.flatten().unwrap_or(0))
    }
}

impl WritePolicies for Open<'_> {
    fn set_policy(&self, group: Option<&Name>, patch: &PolicyPatch) -> Result<u64> {
        let version = self.policy_version()? + 1;
        let patch = serde_json::to_string(patch).map_err(|_| StorageError::Damaged("policy"))?;
        self.write(
            "INSERT INTO policy (group_name, patch, version) VALUES (?, ?, ?)
             ON CONFLICT (group_name) DO UPDATE SET patch = excluded.patch, version = excluded.version",
            params![group.map_or("", Name::as_str), patch, version],
        )?;
        Ok(version)
    }
}
