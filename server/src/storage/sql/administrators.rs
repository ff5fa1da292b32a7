//! Administrators and their sessions.

use jiff::Timestamp;
use symbolon_core::text::Name;

use super::row::{Columns, lock_column, millis};
use super::{Open, Row, params};
use crate::storage::{
    Administrator, AdministratorId, Administrators, Session, SignInLink, StorageError, UserId, WriteAdministrators,
};

type Result<T> = std::result::Result<T, StorageError>;

/// What a restored database does not go on with.
pub(super) const UNFINISHED: &[&str] =
    &["DELETE FROM session", "UPDATE administrator SET link_hash = NULL, link_expires_at = NULL"];

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, role, user_id, second_factor, password, link_hash, link_expires_at, failures,
             locked_until, locks, slow_failures, slow_since, created_at, signed_in_at FROM administrator ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<Administrator> {
    let mut columns = Columns::of(row);
    Ok(Administrator {
        id: AdministratorId(columns.next()?),
        name: columns.parsed()?,
        role: columns.parsed()?,
        user: columns.next::<Option<i64>>()?.map(UserId),
        second_factor: columns.next()?,
        password: columns.next()?,
        link: match (columns.next()?, columns.optional_time()?) {
            (Some(hash), Some(expires_at)) => Some(SignInLink { hash, expires_at }),
            _ => None,
        },
        lock: columns.lock_state()?,
        created_at: columns.time()?,
        signed_in_at: columns.optional_time()?,
    })
}

impl Administrators for Open<'_> {
    fn administrator_by_name(&self, name: &Name) -> Result<Option<Administrator>> {
        self.one(select!("WHERE name = ?"), [name.as_str()], read)
    }

    fn administrator(&self, id: AdministratorId) -> Result<Option<Administrator>> {
        self.one(select!("WHERE id = ?"), [id.0], read)
    }

    fn administrator_by_link(&self, hash: &[u8; 32]) -> Result<Option<Administrator>> {
        self.one(select!("WHERE link_hash = ?"), [hash], read)
    }

    fn administrators(&self) -> Result<Vec<Administrator>> {
        self.many(select!("ORDER BY name"), params![], read)
    }

    fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>> {
        self.one("SELECT hash, administrator_id, created_at, used_at FROM session WHERE hash = ?", [hash], |row| {
            let mut columns = Columns::of(row);
            Ok(Session {
                hash: columns.next()?,
                administrator: AdministratorId(columns.next()?),
                created_at: columns.time()?,
                used_at: columns.time()?,
            })
        })
    }
}

impl WriteAdministrators for Open<'_> {
    fn insert_administrator(&self, administrator: &Administrator) -> Result<AdministratorId> {
        let id = self.insert(
            "INSERT INTO administrator (name, role, second_factor, failures, locks, slow_failures, created_at)
             VALUES (?, ?, ?, 0, 0, 0, ?) RETURNING id",
            params![
                administrator.name.as_str(),
                administrator.role.name(),
                administrator.second_factor,
                millis(administrator.created_at)
            ],
        )?;
        let id = AdministratorId(id);
        self.update_administrator(&Administrator { id, ..administrator.clone() })?;
        Ok(id)
    }

    fn update_administrator(&self, administrator: &Administrator) -> Result<()> {
        let Administrator { lock, link, .. } = administrator;
        self.write(
            "UPDATE administrator SET name = ?, role = ?, user_id = ?, second_factor = ?, password = ?, link_hash = ?,
             link_expires_at = ?, failures = ?, locked_until = ?, locks = ?, slow_failures = ?, slow_since = ?,
             signed_in_at = ? WHERE id = ?",
            params![
                administrator.name.as_str(),
                administrator.role.name(),
                administrator.user.map(|user| user.0),
                administrator.second_factor,
                administrator.password,
                link.map(|link| link.hash),
                link.map(|link| millis(link.expires_at)),
                lock.failures,
                lock_column(lock.lock),
                lock.locks,
                lock.slow_failures,
                lock.slow_since.map(millis),
                administrator.signed_in_at.map(millis),
                administrator.id.0,
            ],
        )
    }

    fn delete_administrator(&self, id: AdministratorId) -> Result<()> {
        self.write("DELETE FROM administrator WHERE id = ?", [id.0])
    }

    fn insert_session(&self, session: &Session) -> Result<()> {
        self.write(
            "INSERT INTO session (hash, administrator_id, created_at, used_at) VALUES (?, ?, ?, ?)",
            params![session.hash, session.administrator.0, millis(session.created_at), millis(session.used_at)],
        )
    }

    fn touch_session(&self, hash: &[u8; 32], used_at: Timestamp) -> Result<()> {
        self.write("UPDATE session SET used_at = ? WHERE hash = ?", params![millis(used_at), hash])
    }

    fn delete_session(&self, hash: &[u8; 32]) -> Result<()> {
        self.write("DELETE FROM session WHERE hash = ?", [hash])
    }

    fn delete_sessions(&self, administrator: AdministratorId) -> Result<()> {
        self.write("DELETE FROM session WHERE administrator_id = ?", [administrator.0])
    }

    fn sweep_sessions(&self, created: Timestamp, used: Timestamp) -> Result<()> {
        self.write("DELETE FROM session WHERE created_at < ? OR used_at < ?", params![millis(created), millis(used)])
    }
}
