//! `admin`: what an administrator does from a shell, also while the server runs.

mod administrators;
mod applications;
mod attestation;
mod audit;
mod backup;
mod groups;
mod key;
mod outbox;
mod policy;
mod tokens;
mod users;
mod webhooks;

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::installation::{make_directory, open, open_or_make};
use super::output::{Failure, Output};
use crate::service::{Actor, Service};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: super::Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// People known to the server.
    #[command(subcommand)]
    User(users::Command),
    /// Groups of users, for each of which a policy can be set.
    #[command(subcommand)]
    Group(groups::Command),
    /// Soft tokens, and imported ones of other makers.
    #[command(subcommand)]
    Token(tokens::Command),
    /// Programs that have an API key.
    #[command(subcommand)]
    Application(applications::Command),
    /// People who use the console.
    #[command(subcommand)]
    Administrator(administrators::Command),
    /// Endpoints that are told of events.
    #[command(subcommand)]
    Webhook(webhooks::Command),
    /// What is to leave the server: wake-ups of phones, webhooks, mail.
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// The settings of the soft token authenticator.
    #[command(subcommand)]
    Policy(policy::Command),
    /// What happened, and whether the record of it is intact.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Copies of the database: made, looked at, restored.
    #[command(subcommand)]
    Backup(backup::Command),
    /// The installation's own keys.
    #[command(subcommand)]
    Key(key::Command),
    /// What phones' hardware says of their keys.
    #[command(subcommand)]
    Attestation(attestation::Command),
    /// The server's clock.
    #[command(subcommand)]
    Clock(ClockCommand),
}

#[derive(Subcommand)]
enum ClockCommand {
    /// Go on with the clock as it is, though it stands before what the server has stored.
    Accept,
}

/// What was removed.
#[derive(Serialize)]
struct Deleted {
    deleted: String,
}

impl Deleted {
    fn show(&self) -> String {
        format!("{} is deleted", self.deleted)
    }
}

/// Who administers from a shell.
const ACTOR: Actor = Actor::CommandLine;

pub(super) fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(async {
        // What sets an installation up makes it, too; a restoration must not open what it replaces.
        let service = async || {
            make_directory(&config.data_dir)?;
            let (service, is_new) = open_or_make(&config).await?;
            if is_new {
                Output::note("there was no installation here, so a new one is made");
            }
            Ok::<_, Failure>(service)
        };
        let existing = async || open(&config).await;
        match arguments.command {
            Command::Attestation(command) => attestation::run(&command, &config, output),
            Command::Backup(command) => backup::run(command, &config, output).await,
            Command::Key(command) => key::run(command, &config, output).await,
            Command::User(command) => users::run(command, &service().await?, output).await,
            Command::Group(command) => groups::run(&command, &service().await?, output).await,
            Command::Token(command) => tokens::run(command, &service().await?, output).await,
            Command::Application(command) => applications::run(command, &service().await?, output).await,
            Command::Administrator(command) => administrators::run(command, &service().await?, output).await,
            Command::Webhook(command) => webhooks::run(command, &service().await?, &config.outbound, output).await,
            Command::Outbox(command) => outbox::run(command, &service().await?, output).await,
            Command::Policy(command) => policy::run(command, &service().await?, output).await,
            Command::Audit(command) => audit::run(&command, &existing().await?, &config.audit, output),
            Command::Clock(ClockCommand::Accept) => accept_clock(&existing().await?, output).await,
        }
    })
}

/// A list as spreadsheets write it in some countries would only be called a bad heading.
fn look_at_separator(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let heading = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if heading.contains(&b';') && !heading.contains(&b',') {
        let file = file.display();
        return Err(Failure::usage(format!("{file}: semicolons stand between its columns; save it with commas there")));
    }
    Ok(())
}

async fn accept_clock(service: &Service, output: &Output) -> Result<(), Failure> {
    let time = service.accept_clock(ACTOR).await?;
    output.answer(&serde_json::json!({ "time": time }), |_| format!("the server goes on from {time}"))
}
