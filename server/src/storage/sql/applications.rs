//! Applications.

use symbolon_core::text::Name;

use super::row::{Columns, millis};
use super::{Column, Open, Row, params};
use crate::storage::{Application, ApplicationId, Applications, Scope, StorageError, WriteApplications};

type Result<T> = std::result::Result<T, StorageError>;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, name, key_hash, scopes, created_at FROM application ", $rest)
    };
}

fn read(row: &Row<'_>) -> Result<Application> {
    let mut columns = Columns::of(row);
    Ok(Application {
        id: ApplicationId(columns.next()?),
        name: columns.parsed()?,
        key_hash: columns.next()?,
        scopes: read_scopes(columns.text()?)?,
        created_at: columns.time()?,
    })
}

fn read_scopes(scopes: &str) -> Result<Vec<Scope>> {
    let scopes = scopes.split(',').filter(|scope| !scope.is_empty()).map(str::parse);
    scopes.collect::<std::result::Result<_, _>>().map_err(|_| StorageError::Damaged("scope"))
}

impl Applications for Open<'_> {
    fn application_by_key(&self, key_hash: &[u8; 32]) -> Result<Option<Application>> {
        self.one(select!("WHERE key_hash = ?"), [key_hash], read)
    }

    fn applications_by_keys(&self, key_hashes: &[[u8; 32]]) -> Result<Vec<Application>> {
        let Some(columns) = self.connection.in_columns() else {
            let found = key_hashes.iter().filter_map(|key_hash| self.application_by_key(key_hash).transpose());
            return found.collect();
        };
        let mut found = Vec::new();
        let key_hashes = Column::Bytes(key_hashes.iter().map(|key_hash| Some(key_hash.as_slice())).collect());
        columns.query(select!("WHERE key_hash = ANY ($1::BYTEA[])"), &[key_hashes], &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
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
            "INSERT INTO application (name, key_hash, scopes, created_at) VALUES (?, ?, ?, ?) RETURNING id",
            params![application.name.as_str(), application.key_hash, scopes.join(","), millis(application.created_at)],
        )?;
        Ok(ApplicationId(id))
    }

    fn set_application_key(&self, id: ApplicationId, key_hash: &[u8; 32]) -> Result<()> {
        self.write("UPDATE application SET key_hash = ? WHERE id = ?", params![key_hash, id.0])
    }

    fn delete_application(&self, id: ApplicationId) -> Result<()> {
        self.write("DELETE FROM application WHERE id = ?", [id.0])
    }
}
