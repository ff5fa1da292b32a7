//! What the binary does: `serve`, `admin`, `migrate`, `doctor`, `openapi`, `completions`.
//!
//! Exit codes: 0 done, 1 refused by a rule, 2 wrong usage or bad input, 3 unreachable, 4 internal.

mod admin;
mod completions;
mod doctor;
mod installation;
mod migrate;
mod output;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::storage::postgres::DatabaseUrl;
use output::{Failure, Output};

/// Verifies codes, activates tokens and administers both.
#[derive(Parser)]
#[command(name = "symbolon-server", version, about, max_term_width = 100)]
struct Arguments {
    /// Print one JSON document on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until it is told to stop.
    Serve(serve::Arguments),
    /// Administer users, tokens, applications and the policy; also while the server runs.
    Admin(admin::Arguments),
    /// Bring the database up to date, or move it from the data directory to PostgreSQL.
    Migrate(migrate::Arguments),
    /// Look at the configuration, the files, the database, the clock, the certificate, mail and push: what is wrong, and
    /// what to do.
    Doctor(doctor::Arguments),
    /// Print the OpenAPI document.
    Openapi,
    /// Print completions for a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
}

/// Where the installation is.
#[derive(Args, Clone, Default)]
struct Place {
    /// The directory in which everything is kept.
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL database, in the place of one in the data directory. A password is better set as
    /// SYMBOLON_SERVER_DATABASE or in the configuration: others see command lines.
    #[arg(long, value_name = "URL", global = true)]
    database: Option<DatabaseUrl>,
    /// A configuration file (TOML).
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl Place {
    /// The configuration with the command line over it.
    fn load(&self) -> Result<Config, Failure> {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut config = Config::load(self.config.as_deref(), environment)?;
        if let Some(data_dir) = &self.data_dir {
            config.data_dir = data_dir.clone();
        }
        if let Some(database) = &self.database {
            config.database = Some(database.clone());
        }
        Ok(config)
    }
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and versions go to standard output and are no failure; everything else is wrong usage.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let output = Output::new(arguments.json);
    let result = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments, &output),
        Command::Admin(arguments) => admin::run(arguments, &output),
        Command::Migrate(arguments) => migrate::run(&arguments, &output),
        Command::Doctor(arguments) => doctor::run(&arguments, &output),
        Command::Openapi => {
            crate::api::openapi().map_err(Failure::internal).and_then(|document| output.text(document.trim_end()))
        }
        Command::Completions { shell } => completions::print::<Arguments>(shell, &output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}
