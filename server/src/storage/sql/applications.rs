//! Applications.

use symbolon_core::text::Name;

use super::row::{Columns, millis};
use super::{Open, Row, params};
use crate::storage::{ApiKey, Application, ApplicationId, Applications, Scope, StorageError, WriteApplications};

type Result<T> = std::result::Result<T, StorageError>;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, name, scopes, created_at FROM application ", $rest)
    };
}

macro_rules! select_by_key {
    ($rest:literal) => {
        concat!(
            "SELECT hash, application_id, api_key.created_at, ends_at, used_at, id, name, scopes, application.created_at
             FROM api_key JOIN application ON id = application_id ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<Application> {
    read_application(&mut Columns::of(row))
}

fn read_application(columns: &mut Columns<'_>) -> Result<Application> {
    Ok(Application {
        id: ApplicationId(columns.next()?),
        name: columns.parsed()?,
        scopes: read_scopes(columns.text()?)?,
        created_at: columns.time()?,
    })
}

fn read_key(columns: &mut Columns<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        hash: columns.next()?,
        application: ApplicationId(columns.next()?),
        created_at: columns.time()?,
        ends_at: columns.optional_time()?,
        used_at: columns.optional_time()?,
    })
}

pub(super) fn read_both(row: &Row<'_>) -> Result<(ApiKey, Application)> {
    let mut columns = Columns::of(row);
    Ok((read_key(&mut columns)?, read_application(&mut columns)?))
}

fn read_scopes(scopes: &str) -> Result<Vec<Scope>> {
    let scopes = scopes.split(',').filter(|scope| !scope.is_empty()).map(str::parse);
    scopes.collect::<std::result::Result<_, _>>().map_err(|_| StorageError::Damaged("scope"))
}

/// Those of these keys that are there, each with whose it is.
pub(super) const BY_KEYS: &str = select_by_key!("WHERE hash = ANY ($1::BYTEA[])");

impl Applications for Open<'_> {
    fn application_by_key(&self, key_hash: &[u8; 32]) -> Result<Option<(ApiKey, Application)>> {
        self.one(select_by_key!("WHERE hash = ?"), [key_hash], read_both)
    }

    fn api_keys(&self, application: ApplicationId) -> Result<Vec<ApiKey>> {
        self.many(
            "SELECT hash, application_id, created_at, ends_at, used_at FROM api_key WHERE application_id = ?
             ORDER BY created_at DESC, hash",
            [application.0],
            |row| read_key(&mut Columns::of(row)),
        )
    }

    fn application_by_name(&self, name: &Name) -> Result<Option<Application>> {
        self.one(select!("WHERE name = ?"), [name.as_str()], read)
    }

    fn applications(&self) -> Result<Vec<Application>> {
        self.many(select!("ORDER BY name"), params![], read)
    }
}

impl WriteApplications for Open<'_> {
    fn insert_application(&self, application: &Application) -> Result<ApplicationId> {
        let scopes: Vec<&str> = application.scopes.iter().map(|scope| scope.name()).collect();
        let id = self.insert(
            "INSERT INTO application (name, scopes, created_at) VALUES (?, ?, ?) RETURNING id",
            params![application.name.as_str(), scopes.join(","), millis(application.created_at)],
        )?;
        Ok(ApplicationId(id))
    }

    fn insert_api_key(&self, key: &ApiKey) -> Result<()> {
        self.write(
            "INSERT INTO api_key (hash, application_id, created_at, ends_at, used_at) VALUES (?, ?, ?, ?, ?)",
            params![
                key.hash,
                key.application.0,
                millis(key.created_at),
                key.ends_at.map(millis),
                key.used_at.map(millis)
            ],
        )
    }

    fn update_api_key(&self, key: &ApiKey) -> Result<()> {
        self.write(
            "UPDATE api_key SET ends_at = ?, used_at = ? WHERE hash = ?",
            params![key.ends_at.map(millis), key.used_at.map(millis), key.hash],
        )
    }

    fn delete_api_key(&self, key_hash: &[u8; 32]) -> Result<()> {
        self.write("DELETE FROM api_key WHERE hash = ?", [key_hash])
    }

    fn delete_application(&self, id: ApplicationId) -> Result<()> {
        self.write("DELETE FROM application WHERE id = ?", [id.0])
    }
}
