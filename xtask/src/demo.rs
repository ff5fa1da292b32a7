//! `cargo xtask demo`: a real server and a real soft token, and a story in plain words of what they do with each other.
//!
//! Every command that is shown is the one that ran, so that it can be pasted and varied. Each step checks what came of
//! it. The [`stage`] holds what the steps share; the [`story`] is the steps; the [`application`] is the program that
//! asks the server about codes.

mod application;
mod server;
mod stage;
mod story;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::stage::Stage;
use crate::style::Style;
use crate::workspace::{self, Workspace};

/// A story that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// Builds what is needed and tells the story; then, unless it is told `once`, keeps the server for whoever wants to try
/// more, until Ctrl-C.
pub(crate) fn run(workspace: &Workspace, once: bool) -> Result<ExitCode> {
    println!("Building the server and the soft token; the first time takes some minutes.");
    workspace::run(&mut workspace.cargo(["build", "--quiet", "--package=symbolon-server", "--package=symbolon"]))?;
    perform(workspace, once)
}

/// Tells the story once with the programs as they are built.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    if perform(workspace, true)? == ExitCode::SUCCESS { Ok(()) } else { bail!("the demo was interrupted") }
}

fn perform(workspace: &Workspace, once: bool) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(async {
        // The stage outlives what is told on it, so that leaving this block in any way ends the server.
        let mut stage = Stage::new(workspace)?;
        let interrupted = interrupted()?;
        tokio::pin!(interrupted);
        let told = tokio::select! {
            told = tokio::time::timeout(LIMIT, story::tell(&mut stage, once)) => told,
            () = &mut interrupted => return leave(stage).await,
        };
        let farewell = told.context("the story took more than five minutes")??;
        if once {
            stage.close().await?;
            println!("\n{}", Style::of_stdout().good("The story went as it is told; nothing is left running."));
            return Ok(ExitCode::SUCCESS);
        }
        println!("{farewell}");
        tokio::select! {
            exit = stage.server_ended() => Err(exit),
            () = &mut interrupted => leave(stage).await,
        }
    })
}

async fn leave(stage: Stage<'_>) -> Result<ExitCode> {
    println!("\nStopping the server and removing what it kept.");
    stage.close().await?;
    // What a shell says of a program that Ctrl-C ended.
    Ok(ExitCode::from(130))
}

/// Waits for Ctrl-C, for the end of the terminal, or for someone who asks the process to end.
fn interrupted() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).context("listening to signals");
    let (mut interrupt, mut terminate, mut hangup) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
