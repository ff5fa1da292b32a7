//! Push addresses.

use symbolon_core::signed::KeyHash;

use super::row::{Columns, millis};
use super::{Open, params};
use crate::storage::{PushAddresses, PushService, StorageError, StoredPushAddress, TokenId, WritePushAddresses};

type Result<T> = std::result::Result<T, StorageError>;

fn service_from(name: &str) -> Result<PushService> {
    let found = PushService::ALL.into_iter().find(|service| service.name() == name);
    found.ok_or(StorageError::Damaged("push address"))
}

impl PushAddresses for Open<'_> {
    fn push_address(&self, token: TokenId, device: &KeyHash) -> Result<Option<StoredPushAddress>> {
        self.one(
            "SELECT service, sealed_address, told_at FROM push_address WHERE token_id = ? AND device = ?",
            params![token.0, device.as_slice()],
            |row| {
                let mut columns = Columns::of(row);
                Ok(StoredPushAddress {
                    token,
                    device: device.clone(),
                    service: service_from(columns.text()?)?,
                    address: columns.next()?,
                    told_at: columns.time()?,
                })
            },
        )
    }
}

impl WritePushAddresses for Open<'_> {
    fn put_push_address(&self, address: &StoredPushAddress) -> Result<()> {
        self.write(
            "INSERT INTO push_address (token_id, device, service, sealed_address, told_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (token_id, device) DO UPDATE SET service = excluded.service,
             sealed_address = excluded.sealed_address, told_at = excluded.told_at",
            params![
                address.token.0,
                address.device.as_slice(),
                address.service.name(),
                address.address,
                millis(address.told_at),
            ],
        )
    }

    fn delete_push_address(&self, token: TokenId, device: &KeyHash) -> Result<()> {
        let sql = "DELETE FROM push_address WHERE token_id = ? AND device = ?";
        self.write(sql, params![token.0, device.as_slice()])
    }

    fn keep_push_address_of(&self, token: TokenId, device: Option<&KeyHash>) -> Result<()> {
        let sql = "DELETE FROM push_address WHERE token_id = ? AND device <> ?";
        // No hash is empty.
        let device = device.map_or(&[][..], |device| device.as_slice());
        self.write(sql, params![token.0, device])
    }
}
