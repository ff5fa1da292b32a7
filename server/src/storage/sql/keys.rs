//! Which announcements of keys phones have heard.

use symbolon_core::serial::SerialNumber;
use symbolon_core::succession::KeysVersion;

use super::row::Columns;
use super::{Open, params};
use crate::storage::{Behind, HeardKeys, StorageError, TokenId, WriteHeardKeys};

type Result<T> = std::result::Result<T, StorageError>;

/// What follows a `SELECT` of tokens that have not heard of a version.
macro_rules! behind {
    ($columns:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM token LEFT JOIN heard_keys ON heard_keys.token_id = token.id
             WHERE device_key IS NOT NULL AND state IN ('active', 'disabled') AND coalesce(version, 0) < ?",
            $order
        )
    };
}

impl HeardKeys for Open<'_> {
    fn heard_keys(&self, token: TokenId) -> Result<KeysVersion> {
        let sql = "SELECT version FROM heard_keys WHERE token_id = ?";
        let found = self.one(sql, [token.0], |row| Columns::of(row).next().map(KeysVersion::new))?;
        Ok(found.unwrap_or_default())
    }

    fn behind_keys(&self, version: KeysVersion, limit: u32) -> Result<Behind> {
        let tokens = self.one(behind!("count(*)", ""), params![version.get()], |row| Columns::of(row).next())?;
        let serials =
            self.many(behind!("serial", " ORDER BY serial LIMIT ?"), params![version.get(), limit], |row| {
                SerialNumber::from_number(Columns::of(row).next()?).ok_or(StorageError::Damaged("token"))
            })?;
        Ok(Behind { tokens: tokens.unwrap_or_default(), serials })
    }
}

impl WriteHeardKeys for Open<'_> {
    fn set_heard_keys(&self, token: TokenId, version: KeysVersion) -> Result<()> {
        self.write(
            "INSERT INTO heard_keys (token_id, version) VALUES (?, ?)
             ON CONFLICT (token_id) DO UPDATE SET version = excluded.version",
            params![token.0, version.get()],
        )
    }
}
