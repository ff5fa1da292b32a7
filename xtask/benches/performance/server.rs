//! The server as it is shipped: a database of its own, its process, its `admin` commands.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The server's data directory, and the program that works on it.
pub(crate) struct Database {
    program: PathBuf,
    folder: PathBuf,
    /// The URL of PostgreSQL, where it is not a file in the folder.
    url: Option<String>,
}

impl Database {
    /// A database that is not there yet.
    pub(crate) fn new(program: &Path, folder: PathBuf) -> Self {
        Self { program: program.to_owned(), folder, url: None }
    }

    /// An empty database of PostgreSQL.
    pub(crate) fn on(program: &Path, folder: PathBuf, url: String) -> Self {
        Self { url: Some(url), ..Self::new(program, folder) }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(name).arg("--data-dir").arg(&self.folder);
        if let Some(url) = &self.url {
            command.arg("--database").arg(url);
        }
        command
    }

    /// Moves it to an empty database of PostgreSQL.
    pub(crate) fn move_to(self, url: String) -> Result<Self> {
        let output = self.command("migrate").args(["--to", &url]).stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "moving to PostgreSQL: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { url: Some(url), ..self })
    }

    /// A file beside the database.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.with_file_name(name)
    }

    /// Runs an `admin` command; answers its JSON.
    pub(crate) fn admin<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Value> {
        let mut command = self.command("admin");
        command.args(arguments).arg("--json");
        let output = command.stdin(Stdio::null()).output().context("starting an admin command")?;
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{}` ended with {}: {said}", arguments.join(" "), output.status);
        serde_json::from_slice(&output.stdout).context("an admin command's answer")
    }

    /// Adds an application that may do everything; answers its key.
    pub(crate) fn add_application(&self, name: &str) -> Result<String> {
        let answer = self.admin(["application", "add", name, "--scope", "verify,challenge,admin"])?;
        Ok(answer.get("key").and_then(Value::as_str).context("an application's key")?.to_owned())
    }

    /// Starts the server and waits until it is ready. It takes plain HTTP on loopback, and as many requests of one
    /// client as come.
    pub(crate) fn start(&self) -> Result<Server> {
        self.start_with(&["--insecure-http"])
    }

    /// The same over TLS.
    pub(crate) fn start_with_tls(&self) -> Result<Server> {
        self.start_with(&[])
    }

    /// The certificate of the server's own authority, once it was started with TLS.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    fn start_with(&self, arguments: &[&str]) -> Result<Server> {
        let config = self.file("bench.toml");
        std::fs::write(&config, CONFIGURATION).context("writing the server's configuration")?;
        let log = std::fs::File::options().create(true).append(true).open(self.file("server.log"))?;
        let mut command = self.command("serve");
        command.arg("--config").arg(config);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let begun = Instant::now();
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().context("the server's output")?);
        output.read_line(&mut line).context("the server's first line")?;
        let time_to_ready = begun.elapsed();
        // A process that is not ready still has to be stopped: from here on, dropping it does.
        let mut server = Server { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), time_to_ready };
        if line.is_empty() {
            bail!(
                "the server did not start:\n{}",
                std::fs::read_to_string(self.file("server.log")).unwrap_or_default()
            );
        }
        let ready: Value = serde_json::from_str(&line).with_context(|| format!("the server's first line, {line}"))?;
        let url = ready.get("url").and_then(Value::as_str).context("the server's address")?;
        let address = url.split_once("://").map(|(_, address)| address.trim_end_matches('/')).unwrap_or_default();
        server.address = address.parse().with_context(|| format!("the server's address, {url}"))?;
        Ok(server)
    }

    /// The median of `times` starts, in milliseconds.
    pub(crate) fn time_to_ready(&self, times: usize) -> Result<f64> {
        let mut taken = Vec::with_capacity(times);
        for _ in 0..times {
            let server = self.start()?;
            taken.push(server.time_to_ready);
            server.stop()?;
        }
        taken.sort_unstable();
        let median = taken.get(times / 2).context("no start was timed")?;
        Ok(median.as_secs_f64() * 1000.0)
    }
}

/// What the server is told beyond what it does by itself: all of these callers are one to it, and it would hold them back.
const CONFIGURATION: &str = "\
[limits]
device_per_second = 1000000
device_burst = 1000000
refusals_per_second = 1000000
refusals_burst = 1000000

[log]
filter = \"warn\"
";

/// A server that runs. Dropping it kills it.
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    time_to_ready: Duration,
}

impl Server {
    /// A field of the process's status, such as its resident memory, in megabytes.
    pub(crate) fn memory(&self, field: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kilobytes: f64 = line.and_then(|line| line.split_whitespace().next()).context("no such field")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// Asks the server to end, and waits for it.
    pub(crate) fn stop(mut self) -> Result<()> {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.process.id())]).status()?;
        ensure!(asked.success(), "the server can't be asked to end");
        let status = self.process.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
