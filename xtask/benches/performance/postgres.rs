//! A PostgreSQL of its own, with its defaults, and what it does at most: `pgbench` with an update of one row.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// How long one burst of `pgbench` lasts, in seconds.
const BURST: &str = "4";

const ROWS: &str = "100000";

/// A PostgreSQL that runs. Dropping it stops it.
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: String,
    bursts: Vec<f64>,
}

impl Postgres {
    /// Makes one and starts it; `None` where PostgreSQL is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        // Not beside the other databases: a user who is not root has to get there.
        let folder = tempfile::Builder::new().prefix("bench-postgres-").tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let postgres = Self { folder, programs, port, bursts: Vec::new() };
        if is_root() {
            ensure!(
                Command::new("chown").arg("nobody").arg(postgres.folder.path()).status()?.success(),
                "chown failed"
            );
        }
        postgres.run(&["initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])?;
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200",
            postgres.port
        );
        let log = postgres.folder.path().join("log");
        let log = log.to_string_lossy();
        postgres.run(&["pg_ctl", "start", "--wait", "--log", &log, "--options", &options])?;
        let rows = format!(
            "CREATE TABLE token (id BIGINT PRIMARY KEY, step BIGINT NOT NULL, rest TEXT NOT NULL);
             INSERT INTO token SELECT i, 0, repeat('x', 200) FROM generate_series(1, {ROWS}) i"
        );
        postgres.sql("postgres", &rows)?;
        let script = format!("\\set id random(1, {ROWS})\nUPDATE token SET step = step + 1 WHERE id = :id;\n");
        std::fs::write(postgres.folder.path().join("update.sql"), script)?;
        Ok(Some(postgres))
    }

    /// Makes an empty database; answers where a server finds it.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}", self.port))
    }

    /// Has the tables of a database counted, as PostgreSQL does by itself within a minute.
    pub(crate) fn analyze(&self, name: &str) -> Result<()> {
        self.sql(name, "ANALYZE")
    }

    /// Updates one row a transaction with 32 clients.
    pub(crate) fn burst(&mut self) -> Result<()> {
        let script = self.folder.path().join("update.sql");
        let mut command = Command::new(self.programs.join("pgbench"));
        command.args(["--no-vacuum", "--protocol=prepared", "--client=32", "--jobs=2", "--time", BURST, "--file"]);
        command.arg(script).args(["--host=127.0.0.1", "--username=postgres", "--port", &self.port, "postgres"]);
        let output = command.output().context("starting pgbench")?;
        let text = succeeded(&output)?;
        let line = text.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench named no rate")?;
        self.bursts.push(line.split(' ').next().unwrap_or_default().parse().context("pgbench's rate")?);
        Ok(())
    }

    /// The median of the bursts so far, in updates per second.
    pub(crate) fn per_second(&self) -> Result<f64> {
        let mut bursts = self.bursts.clone();
        bursts.sort_by(f64::total_cmp);
        bursts.get(bursts.len() / 2).copied().context("there was no burst")
    }

    fn sql(&self, database: &str, sql: &str) -> Result<()> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--host=127.0.0.1", "--username=postgres", "--port", &self.port]);
        succeeded(&command.args(["--dbname", database, "--command", sql]).output()?).map(drop)
    }

    /// Runs one of its programs on its folder as a user who is not root.
    fn run(&self, arguments: &[&str]) -> Result<()> {
        let (program, arguments) = arguments.split_first().context("no program")?;
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).arg("--pgdata").arg(self.folder.path().join("data")).current_dir(self.folder.path());
        // What it starts goes on, and must hold no pipe of ours.
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        ensure!(command.status()?.success(), "PostgreSQL can't be started");
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It is only in the way by now.
        let _ = self.run(&["pg_ctl", "stop", "--mode=immediate", "--wait"]);
    }
}

fn succeeded(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The folder with PostgreSQL's programs, of the latest version.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let folders = versions.map(|version| version.path().join("bin")).filter(|folder| folder.join("pgbench").exists());
    folders.max_by_key(|folder| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() })
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
