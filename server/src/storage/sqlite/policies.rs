//! Policies in SQLite: what was changed, as JSON, under a version that counts all changes.

use rusqlite::{Row, params};
use symbolon_core::policy::PolicyPatch;
use symbolon_core::text::Name;

use super::Open;
use super::row::parsed;
use crate::storage::{Policies, StorageError, StoredPolicy, WritePolicies};

type Result<T> = std::result::Result<T, StorageError>;

fn read_patch(row: &Row<'_>) -> Result<PolicyPatch> {
    let patch = row.get_ref("patch")?.as_str().ok().and_then(|patch| serde_json::from_str(patch).ok());
    patch.ok_or(StorageError::Damaged("policy"))
}

impl Policies for Open<'_> {
    fn policy(&self, group: Option<&Name>) -> Result<StoredPolicy> {
        let group = group.map_or("", Name::as_str);
        let stored = self.one("SELECT patch, version FROM policy WHERE group_name = ?", [group], |row| {
            Ok(StoredPolicy { patch: read_patch(row)?, version: row.get("version")? })
        })?;
        Ok(stored.unwrap_or_default())
    }

    fn group_policies(&self) -> Result<Vec<(Name, PolicyPatch)>> {
        self.many("SELECT group_name, patch FROM policy WHERE group_name <> '' ORDER BY group_name", [], |row| {
            Ok((parsed(row, "group_name")?, read_patch(row)?))
        })
    }

    fn policy_version(&self) -> Result<u64> {
        let version = self.one("SELECT max(version) AS version FROM policy", [], |row| {
            Ok(row.get::<_, Option<u64>>("version")?)
        })?;
        Ok(version.flatten().unwrap_or(0))
    }
}

impl WritePolicies for Open<'_> {
    fn set_policy(&self, group: Option<&Name>, patch: &PolicyPatch) -> Result<u64> {
        let version = self.policy_version()? + 1;
        let patch = serde_json::to_string(patch).map_err(|_| StorageError::Damaged("policy"))?;
        self.execute(
            "INSERT OR REPLACE INTO policy (group_name, patch, version) VALUES (?, ?, ?)",
            params![group.map_or("", Name::as_str), patch, version],
        )?;
        Ok(version)
    }
}
