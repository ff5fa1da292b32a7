//! `migrate`: brings the database up to date, or moves it from the data directory to PostgreSQL.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::installation::{self, DATABASE};
use super::output::{Failure, Output};
use crate::config::Config;
use crate::service::audit::{self, ChainReport};
use crate::storage::postgres::{Address, DatabaseUrl, move_from_sqlite};
use crate::storage::{Snapshot, StorageError};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: super::Place,
    /// Move everything from the data directory's database to this empty PostgreSQL database, while no server runs.
    /// The file stays as it is.
    #[arg(long, value_name = "URL")]
    to: Option<DatabaseUrl>,
}

/// What the database is after it.
#[derive(Serialize)]
struct Migrated {
    /// Rows by table, where they were moved.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    moved: BTreeMap<String, u64>,
    audit: ChainReport,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(Failure::internal)?.block_on(async {
        let migrated = match &arguments.to {
            None => {
                let service = installation::open(&config).await?;
                Migrated { moved: BTreeMap::new(), audit: service.store.read(walk)? }
            }
            Some(url) => move_to(&config, url).await?,
        };
        output.answer(&migrated, |migrated| match migrated.moved.values().sum::<u64>() {
            0 => "the database is up to date".to_owned(),
            rows => format!(
                "{rows} rows of {} tables are moved, and the audit's {} entries are intact: from now on start with \
                 --database, and put the file away",
                migrated.moved.len(),
                migrated.audit.entries
            ),
        })
    })
}

fn walk(snapshot: &dyn Snapshot) -> Result<ChainReport, StorageError> {
    audit::verify(snapshot, &[])
}

async fn move_to(config: &Config, url: &DatabaseUrl) -> Result<Migrated, Failure> {
    if config.database.is_some() {
        return Err(Failure::usage("--to moves the database of the data directory: leave --database out"));
    }
    let path = config.data_dir.join(DATABASE);
    if !path.exists() {
        return Err(Failure::usage(installation::no_installation(config)));
    }
    let _held = installation::hold(config)?;
    // Opens it with the master key, and brings it up to date.
    let before = installation::open_database(config, &path).await?.store.read(walk)?;
    if !before.intact {
        return Err(Failure::refused("the audit is not intact: `admin audit verify` says where"));
    }
    let address = || Address::new(url, config.database_authority.as_deref());
    let moved = move_from_sqlite(&path, &address()?).map_err(|error| match error {
        StorageError::Exists => Failure::refused("the PostgreSQL database is not empty: nothing was moved"),
        error => error.into(),
    })?;
    let audit = installation::open_postgres(config, address()?).await?.store.read(walk)?;
    if !audit.intact || moved.rows.get("audit") != Some(&audit.entries) || audit.entries < before.entries {
        return Err(Failure::internal("what has arrived is not what was there: drop the PostgreSQL database"));
    }
    Ok(Migrated { moved: moved.rows, audit })
}
