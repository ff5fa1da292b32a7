//! `admin key …`

use std::path::PathBuf;

use clap::Subcommand;

use super::ACTOR;
use crate::commands::installation;
use crate::commands::output::{Failure, Output};
use crate::config::{Config, MasterKeySource};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Give the installation another key, also while the server runs.
    #[command(subcommand)]
    Rotate(Rotate),
}

#[derive(Subcommand)]
pub(super) enum Rotate {
    /// Another master key: what the old one seals is sealed anew. The old one still opens the backups made before.
    Master {
        /// A file with the new key, 32 bytes in base64; needed where the master key comes from no file. Give the server
        /// that key afterwards.
        #[arg(long, value_name = "FILE")]
        new_key: Option<PathBuf>,
    },
}

pub(super) async fn run(command: Command, config: &Config, output: &Output) -> Result<(), Failure> {
    let Command::Rotate(Rotate::Master { new_key }) = command;
    let service = installation::open(config).await?;
    let old = config.master_key_source();
    let (new, replaced) = match (new_key, &old) {
        (Some(path), _) => (MasterKeySource::File(path), None),
        (None, MasterKeySource::File(path)) => (MasterKeySource::make_beside(path)?, Some(path)),
        (None, _) => {
            return Err(Failure::usage("the master key comes from no file: name a file with the new one by --new-key"));
        }
    };
    service.rotate_master_key(ACTOR, old.read()?, new.read()?).await?;
    let place = match replaced {
        // Ended before this line, the next command finds the new key beside the old one and does this.
        Some(path) => {
            new.put_in_place(path)?;
            path.display().to_string()
        }
        None => new.describe(),
    };
    output.answer(&serde_json::json!({ "rotated": "master", "key": place }), |_| {
        format!("the master key is now in {place}; keep a copy of it, and of the old one as long as backups need it")
    })
}
