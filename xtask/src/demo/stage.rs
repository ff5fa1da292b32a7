//! What the steps of the story share: the folder, the server, the voice, the clock.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::process::Command;

use super::server::{Ready, Server};
use crate::style::Style;
use crate::workspace::{Profile, Workspace};

/// A time step of a token (RFC 6238).
const TIME_STEP: u64 = 30;

/// Where the story is told. Dropping it kills the server and removes the folder.
pub(super) struct Stage<'a> {
    workspace: &'a Workspace,
    style: Style,
    server: Option<Server>,
    folder: TempDir,
    steps: u32,
}

impl<'a> Stage<'a> {
    /// An empty stage in a fresh folder.
    pub(super) fn new(workspace: &'a Workspace) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("demo-").rand_bytes(4).tempdir_in(&workspace.target);
        let folder = folder.context("making a folder for the demo")?;
        Ok(Self { workspace, style: Style::of_stdout(), server: None, folder, steps: 0 })
    }

    /// Where the shown commands are run.
    pub(super) fn root(&self) -> String {
        self.workspace.root.display().to_string()
    }

    /// A file or folder of the demo.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as it is written in a command.
    pub(super) fn shown(&self, name: &str) -> String {
        self.workspace.shown(&self.path(name))
    }

    /// A program of the workspace, as it is written in a command.
    pub(super) fn program(&self, name: &str) -> String {
        self.workspace.shown(&self.workspace.program(Profile::Dev, name))
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.steps += 1;
        println!("\n{}", self.style.heading(&format!("{}. {title}", self.steps)));
    }

    /// Tells something.
    pub(super) fn say(&self, text: &str) {
        for line in text.lines() {
            println!("   {line}");
        }
    }

    /// Tells what went well.
    pub(super) fn good(&self, text: &str) {
        println!("   {} {text}", self.style.good("✓"));
    }

    /// Shows a command.
    pub(super) fn show(&self, command: &str) {
        println!("   {}", self.style.command(&format!("$ {command}")));
    }

    /// Shows what came of a command.
    pub(super) fn answer(&self, text: &str) {
        println!("   {}", self.style.faint(text.trim()));
    }

    /// A command for the end, with what it does.
    pub(super) fn suggestion(&self, what: &str, command: &str) -> String {
        format!("\n   {what}\n   {}\n", self.style.command(command))
    }

    /// Draws a text as a QR that a phone can read from the terminal.
    pub(super) fn draw_qr(&self, text: &str) -> Result<()> {
        let code = QrCode::new(text).context("the QR")?;
        let mut renderer = code.render::<Dense1x2>();
        // Black on white, said in so many words, is right on every terminal; without colour most are light on dark.
        let (before, after) = if self.style.has_colour() {
            ("\x1b[30;107m", "\x1b[0m")
        } else {
            renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
            ("", "")
        };
        for line in renderer.build().lines() {
            println!("   {before}{line}{after}");
        }
        Ok(())
    }

    /// Shows a command, runs it as it was shown, and reads the JSON that it prints.
    pub(super) async fn run<T: DeserializeOwned>(&self, command: &str) -> Result<T> {
        self.show(command);
        let output = self.shell(command).await?;
        serde_json::from_str(&output).with_context(|| format!("what the command printed, {}", output.trim()))
    }

    /// Runs a command by bash in the workspace's root; answers what it printed.
    pub(super) async fn shell(&self, command: &str) -> Result<String> {
        let mut bash = Command::new("bash");
        bash.args(["-c", command]).current_dir(&self.workspace.root).stdin(Stdio::null()).kill_on_drop(true);
        let output = bash.output().await.context("starting bash")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        ensure!(
            output.status.success(),
            "expected the command to succeed, but it ended with {}:\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        String::from_utf8(output.stdout).context("the command's output")
    }

    /// Shows the command that starts the server on the folder `name`, starts it, and waits until it is ready.
    pub(super) async fn start_server(&mut self, name: &str) -> Result<&Ready> {
        let serve = |folder: &str| ["serve", "--data-dir", folder, "--listen", "127.0.0.1:0"].map(str::to_owned);
        self.show(&format!("{} {}", self.program("symbolon-server"), serve(&self.shown(name)).join(" ")));
        let program = self.workspace.program(Profile::Dev, "symbolon-server");
        let arguments = serve(&self.path(name).display().to_string());
        let server = Server::start(&program, &arguments, &self.workspace.root, self.path("server.log")).await?;
        Ok(&self.server.insert(server).ready)
    }

    /// Waits for an end of the server that nobody asked for.
    pub(super) async fn server_ended(&mut self) -> anyhow::Error {
        match &mut self.server {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Stops the server and removes the folder.
    pub(super) async fn close(mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.stop().await?;
        }
        self.folder.close().context("removing the demo's folder")
    }

    /// Waits until a later time step than `step` has begun, and says for how long.
    pub(super) async fn wait_for_step_after(&self, step: u64) {
        let terminal = std::io::stdout().is_terminal();
        let mut told = None;
        while time_step() <= step {
            let left = ((step + 1) * TIME_STEP).saturating_sub(unix_time().as_secs());
            if terminal && told != Some(left) {
                print!("\r   … {left:2} s until the token shows its next code ");
                // A countdown that is not seen is no reason to stop.
                let _ = std::io::stdout().flush();
            } else if told.is_none() {
                println!("   … {left} s until the token shows its next code");
            }
            told = Some(left);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if terminal && told.is_some() {
            print!("\r{:60}\r", "");
        }
    }
}

/// The number of the time step that it is now.
pub(super) fn time_step() -> u64 {
    unix_time().as_secs() / TIME_STEP
}

fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
