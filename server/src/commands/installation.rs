//! Opening an installation: its directory, its database, its keys.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use super::output::Failure;
use crate::config::{Config, MasterKeySource};
use crate::service::{Keyring, ServerIdentity, Service, ServiceError, SystemClock, installation};
use crate::storage::Store;
use crate::storage::sqlite::{self, Sqlite};

/// The database of an installation, in its data directory.
pub(super) const DATABASE: &str = "symbolon.db";

/// Opens the installation that `config` names, and makes what is not there yet.
pub(super) async fn open(config: &Config) -> Result<Service, Failure> {
    make_directory(&config.data_dir)?;
    open_database(config, &config.data_dir.join(DATABASE)).await
}

/// Opens the installation that `config` names on another database.
pub(super) async fn open_database(config: &Config, database: &Path) -> Result<Service, Failure> {
    let source = config.master_key_source();
    // A new master key beside an existing database would only hide that the right one is missing.
    if !database.exists() {
        source.make()?;
    }
    let store = Store::new(Sqlite::open(database)?);
    let keyring = match (Keyring::open(&store, source.read()?).await, source.unfinished()) {
        // A rotation ended between the database and the file.
        (Err(ServiceError::Sealed), Some(next)) => {
            let keyring = Keyring::open(&store, next.read()?).await?;
            if let MasterKeySource::File(path) = &source {
                next.put_in_place(path)?;
            }
            keyring
        }
        (keyring, _) => keyring?,
    };
    assemble(config, store, keyring)
}

/// Opens a backup to look at it: nothing of it changes.
pub(super) async fn open_copy(config: &Config, file: &Path) -> Result<Service, Failure> {
    sqlite::check(file).map_err(|error| Failure::refused(format!("{}: {error}", file.display())))?;
    let store = Store::new(Sqlite::open_read_only(file)?);
    let keyring = Keyring::open(&store, config.master_key_source().read()?).await?;
    assemble(config, store, keyring)
}

fn assemble(config: &Config, store: Store, keyring: Keyring) -> Result<Service, Failure> {
    let announced = installation::announced(&store)?;
    let identity = ServerIdentity {
        issuer: config.issuer.clone(),
        address: config.public_url.clone().or(announced.address),
        tls: announced.tls,
    };
    Ok(Service {
        store,
        keyring: Arc::new(keyring),
        clock: Arc::new(SystemClock),
        identity: Arc::new(identity),
        bells: Arc::default(),
    })
}

/// Keeps other servers, and `backup restore`, away from the data directory for as long as the file is open. Other
/// commands are welcome.
pub(super) fn hold(config: &Config) -> Result<File, Failure> {
    make_directory(&config.data_dir)?;
    let path = config.data_dir.join("server.lock");
    let file = File::create(&path).map_err(|error| Failure::internal(format!("{}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::refused(format!("another server runs on {}", config.data_dir.display())))
        }
        Err(TryLockError::Error(error)) => Err(Failure::internal(format!("{}: {error}", path.display()))),
    }
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
