//! Applications in SQLite.

use rusqlite::{Row, params};
use symbolon_core::text::Name;

use super::row::{millis, parsed, time};
use super::Open;
use crate::storage::{Application, ApplicationId, Applications, Scope, StorageError, WriteApplications};

type Result<T> = std::result::Result<T, StorageError>;

fn read(row: &Row<'_>) -> Result<Application> {
    let scopes: String = row.get("scopes")?;
    let scopes: std::result::Result<Vec<Scope>, _> =
        scopes.split(',').filter(|scope| !scope.is_empty()).map(str::parse).collect();
    Ok(Application {
        id: ApplicationId(row.get("id")?),
        name: parsed(row, "name")?,
        key_hash: row.get("key_hash")?,
        scopes: scopes.map_err(|_| StorageError::Damaged("scope"))?,
        created_at: time(row.get("created_at")?)?,
    })
}

impl Applications for Open<'_> {
    fn application_by_key(&self, key_hash: &[u8; 32]) -> Result<Option<Application>> {
        self.one("SELECT * FROM application WHERE key_hash = ?", [key_hash], read)
    }

    fn application_by_name(&self, name: &Name) -> Result<Option<Application>> {
        self.one("SELECT * FROM application WHERE name = ?", [name.as_str()], read)
    }

    fn applications(&self) -> Result<Vec<Application>> {
        self.many("SELECT * FROM application ORDER BY name", [], read)
    }
}

impl WriteApplications for Open<'_> {
    fn insert_application(&self, application: &Application) -> Result<ApplicationId> {
        let scopes: Vec<&str> = application.scopes.iter().map(|scope| scope.name()).collect();
        self.execute(
            "INSERT INTO application (name, key_hash, scopes, created_at) VALUES (?, ?, ?, ?)",
            params![
                application.name.as_str(),
                application.key_hash,
                scopes.join(","),
                millis(application.created_at)
            ],
        )?;
        Ok(ApplicationId(self.connection.last_insert_rowid()))
    }

    fn set_application_key(&self, id: ApplicationId, key_hash: &[u8; 32]) -> Result<()> {
        self.execute("UPDATE application SET key_hash = ? WHERE id = ?", params![key_hash, id.0]).map(drop)
    }

    fn delete_application(&self, id: ApplicationId) -> Result<()> {
        self.execute("DELETE FROM application WHERE id = ?", [id.0]).map(drop)
    }
}
