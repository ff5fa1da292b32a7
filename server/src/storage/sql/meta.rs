//! Values of the installation itself.

use super::row::Columns;
use super::{Open, params};
use crate::storage::{Meta, StorageError, WriteMeta};

impl Meta for Open<'_> {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.one("SELECT value FROM meta WHERE key = ?", [key], |row| Columns::of(row).next())
    }
}

impl WriteMeta for Open<'_> {
    fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.write(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![key, value],
        )
    }
}
