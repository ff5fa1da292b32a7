//! Opening an installation: its directory, its database, its keys.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use super::output::Failure;
use crate::attestation::Roots;
use crate::config::{Config, MasterKeySource};
use crate::service::attestation::Trust;
use crate::service::{Keyring, ServerIdentity, Service, ServiceError, SystemClock, installation};
use crate::storage::Store;
use crate::storage::postgres::{Address, Postgres};
use crate::storage::sqlite::{self, Sqlite};
use crate::{revocations, tls};

/// The database of an installation, in its data directory.
pub(super) const DATABASE: &str = "symbolon.db";

/// Opens the installation that `config` names. None is made: a directory that was named by mistake stays as it is.
pub(super) async fn open(config: &Config) -> Result<Service, Failure> {
    let Some(url) = &config.database else {
        let database = config.data_dir.join(DATABASE);
        if !is_there(&database)? {
            return Err(Failure::usage(no_installation(config)));
        }
        return open_database(config, &database).await;
    };
    let (store, is_new) = postgres_store(Address::new(url, config.database_authority.as_deref())?)?;
    if is_new {
        return Err(Failure::usage(
            "there is no installation in this database: name another one by --database, or make one there by \
             `symbolon-server serve`",
        ));
    }
    open_keyring(config, store, false).await
}

/// Opens the installation that `config` names, and makes it where there is none; answers whether it has.
pub(super) async fn open_or_make(config: &Config) -> Result<(Service, bool), Failure> {
    let (store, is_new) = match &config.database {
        None => sqlite_store(&config.data_dir.join(DATABASE))?,
        Some(url) => postgres_store(Address::new(url, config.database_authority.as_deref())?)?,
    };
    Ok((open_keyring(config, store, is_new).await?, is_new))
}

/// What is said where the data directory holds no installation.
pub(super) fn no_installation(config: &Config) -> String {
    format!(
        "there is no installation in {}: name its directory by --data-dir, or make one there by `symbolon-server serve`",
        config.data_dir.display()
    )
}

/// Whether there is such a file, where that can be known.
fn is_there(path: &Path) -> Result<bool, Failure> {
    path.try_exists().map_err(|error| Failure::usage(format!("{} can't be looked at: {error}", path.display())))
}

/// Opens the installation that `config` names on a PostgreSQL database.
pub(super) async fn open_postgres(config: &Config, address: Address) -> Result<Service, Failure> {
    let (store, is_new) = postgres_store(address)?;
    open_keyring(config, store, is_new).await
}

/// The store in a PostgreSQL database, and whether it has no installation yet.
fn postgres_store(address: Address) -> Result<(Store, bool), Failure> {
    let store = Store::new(Postgres::open(address)?);
    let is_new = !Keyring::is_made(&store)?;
    Ok((store, is_new))
}

/// Opens the installation that `config` names on another database.
pub(super) async fn open_database(config: &Config, database: &Path) -> Result<Service, Failure> {
    let (store, is_new) = sqlite_store(database)?;
    open_keyring(config, store, is_new).await
}

/// The store in a file, and whether that was not there.
fn sqlite_store(database: &Path) -> Result<(Store, bool), Failure> {
    let is_new = !is_there(database)?;
    if !is_new {
        look_like_database(database)?;
    }
    Ok((Store::new(Sqlite::open(database)?), is_new))
}

/// Makes sure that a file can be read and begins as a database does. What cuts it short or changes it is found by others.
fn look_like_database(path: &Path) -> Result<(), Failure> {
    const BEGINNING: &[u8] = b"SQLite format 3\0";
    let failed = |error: std::io::Error| Failure::usage(format!("{} can't be read: {error}", path.display()));
    let mut begins = Vec::new();
    File::open(path).map_err(failed)?.take(BEGINNING.len() as u64).read_to_end(&mut begins).map_err(failed)?;
    // One that was not written to yet is empty.
    if begins.is_empty() || begins == BEGINNING {
        return Ok(());
    }
    Err(Failure::usage(format!("{} is no database", path.display())))
}

async fn open_keyring(config: &Config, store: Store, is_new: bool) -> Result<Service, Failure> {
    let source = config.master_key_source();
    // A new master key beside an existing database would only hide that the right one is missing.
    if is_new {
        source.make()?;
    }
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

/// Opens a database to look at it: nothing of it changes.
pub(super) async fn open_copy(config: &Config, file: &Path) -> Result<Service, Failure> {
    open_read_only(config, file, Failure::from).await
}

/// Opens a backup to look at it: nothing of it changes.
pub(super) async fn open_backup(config: &Config, file: &Path) -> Result<Service, Failure> {
    let master_key = config.master_key_source();
    let failed = |error| match error {
        ServiceError::Sealed => Failure::usage(format!(
            "{} was made under another master key than the one in {}: name that one by master_key, for this command by \
             SYMBOLON_SERVER_MASTER_KEY='{{ file = \"…\" }}'",
            file.display(),
            master_key.describe()
        )),
        error => error.into(),
    };
    open_read_only(config, file, failed).await
}

async fn open_read_only(
    config: &Config,
    file: &Path,
    failed: impl Fn(ServiceError) -> Failure,
) -> Result<Service, Failure> {
    look_like_database(file)?;
    sqlite::check(file).map_err(|error| Failure::refused(format!("{}: {error}", file.display())))?;
    let store = Store::new(Sqlite::open_read_only(file)?);
    let keyring = Keyring::open(&store, config.master_key_source().read()?).await.map_err(failed)?;
    assemble(config, store, keyring)
}

fn assemble(config: &Config, store: Store, keyring: Keyring) -> Result<Service, Failure> {
    let announced = store.read(|snapshot| installation::announced(snapshot))?;
    let mut trust = trust(config)?;
    match revocations::read(&revocations::path(config)) {
        Ok(listed) => trust.replace_list(listed),
        Err(error) => {
            // Nothing else depends on it: everything works but the judging of Android devices.
            tracing::error!(%error, "the revocation list can't be read");
            trust.is_list_required = true;
        }
    }
    let identity = ServerIdentity {
        issuer: config.issuer.clone(),
        address: config.public_url.clone().or(announced.address),
        certificate_ends_at: config.tls.as_ref().and_then(|files| tls::ends_at(files).ok()),
    };
    Ok(Service {
        store,
        keyring: Arc::new(keyring),
        clock: Arc::new(SystemClock),
        identity: Arc::new(identity),
        bells: Arc::default(),
        push: Arc::default(),
        trust: Arc::new(trust),
        mail: config.mail.as_ref().map(|mail| mail.language),
        gathered: Arc::default(),
    })
}

/// What the installation believes of phones' hardware, without the revocation list.
pub(super) fn trust(config: &Config) -> Result<Trust, Failure> {
    let attestation = &config.attestation;
    let mut trust = Trust::default();
    trust.allow_software = attestation.allow_software;
    trust.allow_development = attestation.allow_development;
    trust.longest_age = SignedDuration::from_secs(i64::from(attestation.revocation_max_age));
    trust.is_list_required = attestation.revocation_list.is_some() || attestation.revocation_url.is_some();
    add_roots(&mut trust.android, &attestation.roots, "attestation.roots")?;
    add_roots(&mut trust.apple, &attestation.app_attest_roots, "attestation.app_attest_roots")?;
    Ok(trust)
}

fn add_roots(roots: &mut Roots, files: &[PathBuf], key: &str) -> Result<(), Failure> {
    files.iter().try_for_each(|path| {
        let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("{key}: {}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        roots.add_file(&text, path).map_err(|error| failed(&error))
    })
}

/// Keeps other servers, and `backup restore`, away from the data directory for as long as the file is open. Other
/// commands are welcome.
pub(super) fn hold(config: &Config) -> Result<File, Failure> {
    let path = config.data_dir.join("server.lock");
    let file = File::create(&path).map_err(|error| {
        let told = format!("{}: {error}", path.display());
        // A directory that was named by mistake, or a disk that broke.
        if error.kind() == ErrorKind::ReadOnlyFilesystem { Failure::internal(told) } else { Failure::usage(told) }
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::refused(format!("a server runs on {}: stop it first", config.data_dir.display())))
        }
        Err(TryLockError::Error(error)) => Err(Failure::internal(format!("{}: {error}", path.display()))),
    }
}

/// Makes the directory, for its owner only, where it is not there yet.
pub(super) fn make_directory(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| Failure::usage(format!("the directory {} can't be made: {error}", path.display())))
}
