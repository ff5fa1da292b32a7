//! Opening an installation: its directory, its database, its keys.

use std::path::Path;
use std::sync::Arc;

use super::output::Failure;
use crate::config::Config;
use crate::service::{Keyring, ServerIdentity, Service, SystemClock, installation};
use crate::storage::Store;
use crate::storage::sqlite::Sqlite;

/// Opens the installation that `config` names, and makes what is not there yet.
pub(super) async fn open(config: &Config) -> Result<Service, Failure> {
    make_directory(&config.data_dir)?;
    let database = config.data_dir.join("symbolon.db");
    // A new master key beside an existing database would only hide that the right one is missing.
    let master = config.master_key(!database.exists())?;
    let store = Store::new(Sqlite::open(&database)?);
    let keyring = Arc::new(Keyring::open(&store, master).await?);
    let announced = installation::announced(&store)?;
    let identity = ServerIdentity {
        issuer: config.issuer.clone(),
        address: config.public_url.clone().or(announced.address),
        tls: announced.tls,
    };
    Ok(Service { store, keyring, clock: Arc::new(SystemClock), identity: Arc::new(identity), bells: Arc::default() })
}

/// A directory that only its owner can look into.
fn make_directory(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| Failure::internal(format!("the directory {} can't be made: {error}", path.display())))
}
