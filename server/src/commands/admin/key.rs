//! `admin key …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::ACTOR;
use crate::commands::installation;
use crate::commands::output::{Failure, Output, counted};
use crate::config::{Config, MasterKeySource};
use crate::service::Service;
use crate::service::rotation::{KeysView, RotatedKey};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the keys by which phones know the server, and how far a change of them is.
    Show,
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
    /// Another identity key, in two steps: it is announced to phones, and once they have heard of it, it takes over.
    Identity(Step),
    /// Another TLS authority, in two steps: it lies beside the old one for programs that trust that, and then takes over.
    /// The old one vouches for it, so phones get on with it and learn it at their next contact.
    Tls(Step),
}

/// The first step of a rotation, or with `--finish` the second.
#[derive(Args)]
pub(super) struct Step {
    /// Take the key into force that a first call has made; the old one is erased.
    #[arg(long)]
    finish: bool,
    /// Do so although tokens are left behind, which must be activated anew then.
    #[arg(long, requires = "finish")]
    force: bool,
}

pub(super) async fn run(command: Command, config: &Config, output: &Output) -> Result<(), Failure> {
    let service = installation::open(config).await?;
    let (key, step) = match command {
        Command::Show => {
            let keys = service.keys()?;
            return output.answer(&json!({ "keys": keys }), |_| lines(&keys));
        }
        Command::Rotate(Rotate::Master { new_key }) => return rotate_master(&service, new_key, config, output).await,
        Command::Rotate(Rotate::Identity(step)) => (RotatedKey::Identity, step),
        Command::Rotate(Rotate::Tls(step)) => (RotatedKey::Tls, step),
    };
    let keys = if step.finish {
        service.finish_rotation(ACTOR, key, step.force).await?
    } else {
        service.begin_rotation(ACTOR, key).await?
    };
    output.answer(&json!({ "rotated": key.name(), "finished": step.finish, "keys": keys }), |_| {
        let said = match (key, step.finish) {
            (RotatedKey::Identity, false) => {
                "the next identity key is announced; give it to whoever pins the one in force, and once phones have heard \
                 of it take it into force by --finish"
            }
            (RotatedKey::Identity, true) => "the new identity key signs from now on; make a backup",
            (RotatedKey::Tls, false) => {
                "the next authority is made; a server that runs lays it into authority.pem beside the one in use, within a \
                 second, and one that does not at its start. Give that file to the programs that trust this server once \
                 it holds both certificates, and then take the next one into use by --finish"
            }
            (RotatedKey::Tls, true) => {
                "the new authority is in use, within a second on a server that runs; make a backup"
            }
        };
        format!("{said}\n\n{}", lines(&keys))
    })
}

fn lines(keys: &KeysView) -> String {
    let identity = &keys.identity;
    let mut lines = vec![format!("identity       {}", identity.current)];
    if let Some(next) = &identity.next {
        lines.push(format!("  next         {} since {}", next.hash, next.announced_at));
        let waiting = &next.waits_for;
        let tokens = counted(waiting.tokens, "token", "tokens");
        let tickets = counted(waiting.tickets, "ticket is", "tickets are");
        lines.push(format!("  not heard by {tokens}; {tickets} out"));
        lines.extend(waiting.serials.iter().map(|serial| format!("               {serial}")));
    }
    lines.extend(identity.former.iter().map(|former| format!("  until {} {}", former.ended_at, former.hash)));
    if let Some(tls) = &keys.tls {
        lines.push(format!("tls            {}", tls.current));
        if let Some(next) = &tls.next {
            lines.push(format!("  next         {} since {}", next.hash, next.made_at));
        }
        if tls.behind > 0 {
            let behind = counted(tls.behind, "token", "tokens");
            lines.push(format!("  not heard by {behind}; the authority before lets them in"));
        }
    }
    lines.join("\n")
}

/// The master key was changed.
#[derive(Serialize)]
struct RotatedMaster {
    rotated: &'static str,
    key: String,
    /// Where the old one is kept, where it was in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_key: Option<String>,
}

async fn rotate_master(
    service: &Service,
    new_key: Option<PathBuf>,
    config: &Config,
    output: &Output,
) -> Result<(), Failure> {
    let old = config.master_key_source();
    let (new, replaced) = match (new_key, &old) {
        (Some(path), _) => (MasterKeySource::File(path), None),
        (None, MasterKeySource::File(path)) => (MasterKeySource::make_beside(path)?, Some(path)),
        (None, _) => {
            return Err(Failure::usage("the master key comes from no file: name a file with the new one by --new-key"));
        }
    };
    service.rotate_master_key(ACTOR, old.read()?, new.read()?).await?;
    let (place, kept) = match replaced {
        // Ended before this line, the next command finds the new key beside the old one and does this.
        Some(path) => (path.display().to_string(), new.put_in_place(path)?),
        None => (new.describe(), None),
    };
    let kept = kept.map(|path| path.display().to_string());
    let rotated = RotatedMaster { rotated: "master", key: place, old_key: kept };
    output.answer(&rotated, |RotatedMaster { key: place, old_key, .. }| {
        let old = old_key.as_deref().map_or_else(|| "keep it".to_owned(), |path| format!("it is kept in {path}"));
        format!(
            "the master key is now in {place}; keep a copy of it apart from the backups\nthe backups made before open \
             with the old one only: {old}; remove it when there are none of them any more"
        )
    })
}
