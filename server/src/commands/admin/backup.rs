//! `admin backup …`

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Text;

use super::ACTOR;
use crate::commands::installation::{self, DATABASE};
use crate::commands::output::{Failure, Output, counted};
use crate::config::Config;
use crate::service::Service;
use crate::service::audit::AuditEntry;
use crate::service::epochs::{Holdings, Unconfirmed};
use crate::storage::{StorageError, sqlite};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Write everything to a file, while the server runs. The master key is not in it: keep that elsewhere.
    Create {
        /// The file; it must not exist.
        file: PathBuf,
    },
    /// Look whether a backup is whole, opens with this installation's master key, and has an intact audit.
    Verify {
        /// The file.
        file: PathBuf,
    },
    /// Put a backup in the place of the database, while no server runs.
    ///
    /// Codes that may have been used since the backup count no more, tickets and open challenges are void, and devices
    /// approve nothing until `backup confirm`. The database that was there is kept beside the new one.
    Restore {
        /// The file.
        file: PathBuf,
    },
    /// Say that PostgreSQL was taken back to an earlier time, by its own means, while no node runs.
    ///
    /// What `restore` does to codes, tickets, challenges and devices is done to this database.
    Restored,
    /// List the tokens that wait to be confirmed since a backup was restored.
    Waiting {
        /// A copy of the audit that was kept elsewhere (`audit export`): it tells what was done after the backup.
        #[arg(long, value_name = "FILE")]
        audit: Option<PathBuf>,
    },
    /// Let tokens of a restored backup approve again.
    Confirm {
        /// Their serial numbers.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        serials: Vec<Text<64>>,
        /// All that wait, but for those that need a reset.
        #[arg(long)]
        all: bool,
    },
}

#[derive(Serialize)]
struct Backup {
    backup: String,
    #[serde(flatten)]
    holdings: Holdings,
}

impl Backup {
    fn of(file: &Path, service: &Service) -> Result<Self, Failure> {
        Ok(Self { backup: file.display().to_string(), holdings: service.holdings()? })
    }

    fn lines(&self) -> String {
        let Holdings { tokens, audit, last_entry_at } = &self.holdings;
        let until = last_entry_at.map_or_else(|| "empty".to_owned(), |time| format!("until {time}"));
        let chain = if audit.intact { "intact" } else { "broken" };
        format!(
            "{}  {until}  tokens: {tokens}  audit: {}, {chain}",
            self.backup,
            counted(audit.entries, "entry", "entries")
        )
    }
}

#[derive(Serialize)]
struct Restored {
    restored: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
    waiting: Vec<Unconfirmed>,
}

#[derive(Serialize)]
struct Waiting {
    waiting: Vec<Unconfirmed>,
}

#[derive(Serialize)]
struct Later {
    waiting: Vec<Unconfirmed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken_away: Vec<AuditEntry>,
}

#[derive(Serialize)]
struct Confirmed {
    confirmed: Vec<SerialNumber>,
}

pub(super) async fn run(command: Command, config: &Config, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Create { file } => {
            let service = installation::open(config).await?;
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                return Err(Failure::usage(format!("{}: there is no such folder", folder.display())));
            }
            service.store.copy_to(file.clone()).await.map_err(|error| in_file(&file, error))?;
            let copy = installation::open_copy(config, &file).await?;
            output.answer(&Backup::of(&file, &copy)?, Backup::lines)
        }
        Command::Verify { file } => {
            let service = installation::open_backup(config, &file).await?;
            let backup = Backup::of(&file, &service)?;
            output.answer(&backup, Backup::lines)?;
            if backup.holdings.audit.intact { Ok(()) } else { Err(Failure::already_said()) }
        }
        Command::Restore { file } => restore(&file, config, output).await,
        Command::Restored if config.database.is_none() => {
            Err(Failure::refused("the database is a file: `backup restore` puts a backup in its place"))
        }
        Command::Restored => {
            let service = installation::open(config).await?;
            service.begin_epoch(ACTOR).await?;
            output.answer(&Waiting { waiting: service.unconfirmed(&[])? }, |waiting| lines(&waiting.waiting))
        }
        Command::Waiting { audit } => {
            let service = installation::open(config).await?;
            let later = audit.map_or_else(|| Ok(Vec::new()), |file| entries(&file))?;
            let waiting = service.unconfirmed(&later)?;
            let later = Later { waiting, taken_away: service.taken_away(later)? };
            output.answer(&later, |later| {
                let taken: Vec<_> = later.taken_away.iter().map(taken).collect();
                if taken.is_empty() {
                    return lines(&later.waiting);
                }
                format!("{}\nTaken away since the backup, and back:\n{}", lines(&later.waiting), taken.join("\n"))
            })
        }
        Command::Confirm { serials, all } => {
            let service = installation::open(config).await?;
            let confirmed = service.confirm_restored(ACTOR, (!all).then_some(serials)).await?;
            output.answer(&Confirmed { confirmed }, |done| {
                format!("{} again", counted(done.confirmed.len(), "token approves", "tokens approve"))
            })
        }
    }
}

async fn restore(file: &Path, config: &Config, output: &Output) -> Result<(), Failure> {
    if config.database.is_some() {
        return Err(Failure::refused(StorageError::Elsewhere));
    }
    let held = installation::hold(config)?;
    let backup = Backup::of(file, &installation::open_backup(config, file).await?)?;
    if !backup.holdings.audit.intact {
        return Err(Failure::refused(format!(
            "{}: its audit is not intact: `backup verify` says where",
            file.display()
        )));
    }
    let database = config.data_dir.join(DATABASE);
    let prepared = config.data_dir.join(format!("{DATABASE}.restoring"));
    sqlite::take(file, &prepared)?;
    let service = installation::open_database(config, &prepared).await?;
    service.begin_epoch(ACTOR).await?;
    let waiting = service.unconfirmed(&[])?;
    drop(service);
    let replaced = sqlite::replace(&prepared, &database)?;
    drop(held);
    let replaced = replaced.map(|path| path.display().to_string());
    output.answer(&Restored { restored: backup.backup, replaced, waiting }, |restored| {
        let kept =
            restored.replaced.as_ref().map_or(String::new(), |path| format!("\nThe database before it is {path}"));
        let next = if restored.waiting.is_empty() {
            String::new()
        } else {
            format!("\nThese wait for `backup confirm`, or for a reset:\n{}", lines(&restored.waiting))
        };
        format!("{} is restored{kept}{next}", restored.restored)
    })
}

fn lines(waiting: &[Unconfirmed]) -> String {
    let line = |token: &Unconfirmed| {
        let since = token.since.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        format!("{}  {}  needs: {}  {since}", token.serial, token.user, token.needs).trim_end().to_owned()
    };
    waiting.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn taken(entry: &AuditEntry) -> String {
    let of = [entry.user.clone(), entry.token.map(|token| token.to_string())];
    let details = entry.details.iter().map(|(name, value)| format!("{name}: {value}"));
    let of: Vec<_> = of.into_iter().flatten().chain(details).collect();
    format!("{}  {}  by {}  {}", entry.time, entry.action, entry.actor, of.join(", ")).trim_end().to_owned()
}

/// The entries of an exported audit, one a line.
fn entries(file: &Path) -> Result<Vec<AuditEntry>, Failure> {
    let opened = std::fs::File::open(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let read = |(number, line): (usize, std::io::Result<String>)| {
        let wrong =
            |error: &dyn std::fmt::Display| Failure::usage(format!("{}, line {}: {error}", file.display(), number + 1));
        serde_json::from_str(&line.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))
    };
    BufReader::new(opened).lines().enumerate().map(read).collect()
}

fn in_file(file: &Path, error: StorageError) -> Failure {
    match error {
        StorageError::Failed(problem) => Failure::usage(format!("{} can't be written: {problem}", file.display())),
        error => Failure::refused(format!("{}: {error}", file.display())),
    }
}
