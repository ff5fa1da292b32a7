//! A PostgreSQL of the tests' own: made in a folder, run by a user who is not root, gone at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::patience::PATIENCE;
use crate::port::free_port;

/// Who runs it where the tests are run by root, whom PostgreSQL refuses.
const NOBODY: &str = "nobody";

/// A PostgreSQL that runs. Dropping it stops it.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes one and starts it; `None` where PostgreSQL is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("symbolon-postgres-").tempdir().unwrap();
        let postgres = Self { folder, programs, port: free_port() };
        if is_root() {
            assert!(Command::new("chown").arg(NOBODY).arg(postgres.folder.path()).status().unwrap().success());
        }
        postgres.run("initdb", &["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]);
        postgres.start_again();
        postgres.end_with_this_process();
        Some(postgres)
    }

    /// Stops it and removes its folder when this process has ended, however that ends.
    #[expect(clippy::zombie_processes, reason = "what waits for the end of this process outlives it")]
    fn end_with_this_process(&self) {
        const WATCH: &str = "while kill -0 \"$0\"; do sleep 1; done; kill -QUIT $(head -n 1 \"$1\"/data/postmaster.pid); \
                             sleep 1; rm -rf \"$1\"";
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, &std::process::id().to_string()]).arg(self.folder.path());
        watch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    }

    /// One that all tests of a program share, each with databases of its own.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: std::sync::OnceLock<Option<Postgres>> = std::sync::OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts it, after it was made or stopped.
    pub fn start_again(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 -c fsync=off",
            self.port
        );
        let log = self.folder.path().join("log");
        self.run("pg_ctl", &["start", "--wait", "--log", log.to_str().unwrap(), "--options", &options]);
    }

    /// Stops it: at once and without a word to anybody, as a crash would.
    pub fn stop(&self) {
        self.run("pg_ctl", &["stop", "--mode=immediate", "--wait"]);
    }

    /// The URL of a new and empty database.
    #[must_use]
    pub fn database(&self) -> String {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let name = format!("d{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Asks a database, and answers what `psql` prints.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"]);
        command.args(["--host=127.0.0.1", "--username=postgres", "--dbname", name_of(database), "--command", sql]);
        let output = command.arg(format!("--port={}", self.port)).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Cuts all connections to a database, in the middle of whatever they do.
    pub fn cut(&self, database: &str) {
        let name = name_of(database);
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        self.query("postgres", &sql);
    }

    /// Runs one of its programs on its folder as a user who is not root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let data = self.folder.path().join("data");
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--clear-groups", "--"]).arg(self.programs.join(program));
            command
        } else {
            Command::new(self.programs.join(program))
        };
        command.arg("--pgdata").arg(data).args(arguments).current_dir(self.folder.path());
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::null());
        let errors = self.folder.path().join("errors");
        command.stderr(std::fs::File::create(&errors).unwrap());
        let mut process = command.spawn().unwrap();
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match process.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => panic!("{program} does not end"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        assert!(status.success(), "{program}: {}", std::fs::read_to_string(errors).unwrap());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stopped = Command::new("sh")
            .args(["-c", "kill -QUIT $(head -n 1 \"$0\")"])
            .arg(self.folder.path().join("data/postmaster.pid"))
            .stderr(Stdio::null())
            .status();
        drop(stopped);
    }
}

/// The name of a database in its URL, or by itself.
fn name_of(database: &str) -> &str {
    database.rsplit('/').next().unwrap()
}

/// The folder with PostgreSQL's programs, of the latest version.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let folders = versions.map(|version| version.path().join("bin")).filter(|folder| folder.join("initdb").exists());
    let number = |folder: &Path| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    folders.max_by_key(|folder| number(folder))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
