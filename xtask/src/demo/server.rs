//! The server's process: started, ready, and stopped however the demo ends.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a start or a stop may take: the server gives requests under way 20 s when it stops.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server prints once it takes requests.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    ready: bool,
    /// Where it listens.
    pub(super) url: String,
    /// The hash of its authority's key.
    pub(super) tls_pin: Option<String>,
}

/// A server that runs. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    log: PathBuf,
    /// What it said when it was ready.
    pub(super) ready: Ready,
}

impl Server {
    /// Starts `program` and waits until it is ready. What it logs goes to the file `log`.
    ///
    /// It gets a process group of its own, so that Ctrl-C in the terminal reaches the demo alone, which then stops it.
    pub(super) async fn start(program: &Path, arguments: &[String], folder: &Path, log: PathBuf) -> Result<Self> {
        let file = std::fs::File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let mut process = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut lines = BufReader::new(process.stdout.take().context("the server's output")?).lines();
        let line =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.context("the server did not get ready")??;
        let Some(line) = line else {
            let status = process.wait().await?;
            bail!("the server ended with {status} before it was ready:\n{}", tail(&log));
        };
        let ready: Ready = serde_json::from_str(&line).with_context(|| format!("the server's first line, {line}"))?;
        ensure!(ready.ready, "the server says that it is not ready: {line}");
        Ok(Self { process, log, ready })
    }

    /// Waits for an end that nobody asked for.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => anyhow::anyhow!("the server ended by itself with {status}:\n{}", tail(&self.log)),
            Err(error) => error.into(),
        }
    }

    /// Asks the server to end, and makes sure that it did, and well.
    pub(super) async fn stop(mut self) -> Result<()> {
        let process = self.process.id().context("the server has ended already")?;
        let asked = Command::new("bash").args(["-c", &format!("kill -TERM {process}")]).status().await?;
        ensure!(asked.success(), "the server can't be asked to end");
        let status: ExitStatus = tokio::time::timeout(PATIENCE, self.process.wait())
            .await
            .context("the server did not end when asked")??;
        ensure!(status.success(), "the server ended with {status}:\n{}", tail(&self.log));
        Ok(())
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
