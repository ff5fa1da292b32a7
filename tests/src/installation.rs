//! An installation of the server: its data directory, its configuration, and the `admin` commands on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::programs::program;

/// A data directory of its own, and what the server is told besides.
pub struct Installation {
    folder: TempDir,
    view: Mutex<Option<PathBuf>>,
    inside: Mutex<Vec<String>>,
    variables: Vec<(String, String)>,
    pub(crate) wrapper: Vec<String>,
    pub(crate) plain_http: bool,
    pub(crate) starts: AtomicU32,
}

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub exit: Option<i32>,
    /// What it printed on standard output, when that was JSON.
    pub document: Value,
    /// What it printed on standard output.
    pub output: String,
    /// What it printed on standard error.
    pub message: String,
}

impl Outcome {
    /// Runs a command and waits for its end.
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Self {
            exit: output.status.code(),
            document: serde_json::from_str(&text).unwrap_or_default(),
            output: text,
            message: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The document of a command that did what it was asked.
    #[track_caller]
    pub fn done(self) -> Value {
        assert_eq!(self.exit, Some(0), "{}{}", self.output, self.message);
        self.document
    }
}

impl Default for Installation {
    fn default() -> Self {
        Self::new()
    }
}

impl Installation {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap(),
            view: Mutex::new(None),
            inside: Mutex::default(),
            variables: Vec::new(),
            wrapper: Vec::new(),
            plain_http: false,
            starts: AtomicU32::new(0),
        }
    }

    /// Sets a variable of the environment for all its processes.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a key of the server's configuration, written as in the environment: `LOG__FILTER`.
    #[must_use]
    pub fn configured(self, key: &str, value: &str) -> Self {
        self.variable(&format!("SYMBOLON_SERVER_{key}"), value)
    }

    /// Another node on the PostgreSQL database of `first`, which has the same master key.
    #[must_use]
    pub fn another_node(first: &Self) -> Self {
        let node = Self { variables: first.variables.clone(), ..Self::new() };
        std::fs::create_dir(node.own_data_dir()).unwrap();
        std::fs::copy(first.own_data_dir().join("master.key"), node.own_data_dir().join("master.key")).unwrap();
        node
    }

    /// Runs a command of the server that is not `admin`, on the data directory.
    #[must_use]
    pub fn try_command(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command(false);
        command.args(arguments).arg("--json").arg("--data-dir").arg(self.own_data_dir());
        Outcome::of(command)
    }

    /// Serves `http://`, so that a test can write its own bytes to the socket.
    #[must_use]
    pub fn over_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Starts the server through another program, whose last arguments the server's command line becomes.
    #[must_use]
    pub fn started_by(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// A file beside the data directory.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The files of the data directory, as a server sees them that has mounts of its own.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        let view = self.view.lock().unwrap().clone().filter(|view| view.is_dir());
        view.unwrap_or_else(|| self.own_data_dir())
    }

    /// The data directory, without any mounts over it.
    #[must_use]
    pub fn own_data_dir(&self) -> PathBuf {
        self.beside("data")
    }

    /// Looks through the eyes of a process from now on.
    pub(crate) fn look_through(&self, process: u32) {
        let own = self.own_data_dir();
        let view = PathBuf::from(format!("/proc/{process}/root")).join(own.strip_prefix("/").unwrap());
        *self.view.lock().unwrap() = Some(view);
        if self.wrapper.iter().any(|word| word == "unshare") {
            let enter = format!("nsenter --preserve-credentials --user --mount --target {process}");
            *self.inside.lock().unwrap() = enter.split(' ').map(str::to_owned).collect();
        }
    }

    /// The server, through the wrapper; its administration, inside of the mounts that the server has.
    pub(crate) fn command(&self, serve: bool) -> Command {
        let server = program("symbolon-server");
        let around = if serve { self.wrapper.clone() } else { self.inside.lock().unwrap().clone() };
        let mut command = match around.split_first() {
            None => Command::new(server),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(server);
                command
            }
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("SYMBOLON_")) {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs an `admin` command and answers what came of it.
    #[must_use]
    pub fn try_admin(&self, arguments: &[&str]) -> Outcome {
        self.admin_on(&self.own_data_dir(), arguments)
    }

    /// Runs an `admin` command on some data directory.
    #[must_use]
    pub fn admin_on(&self, data_dir: &Path, arguments: &[&str]) -> Outcome {
        let mut command = self.command(false);
        command.args(["admin", "--json", "--data-dir"]).arg(data_dir).args(arguments);
        Outcome::of(command)
    }

    /// Runs an `admin` command that must succeed.
    #[track_caller]
    pub fn admin(&self, arguments: &[&str]) -> Value {
        self.try_admin(arguments).done()
    }

    /// The database itself, for whoever can write to the server's disk.
    #[must_use]
    pub fn database(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.data_dir().join("symbolon.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        connection
    }

    /// A number out of the database.
    #[must_use]
    pub fn number(&self, query: &str) -> i64 {
        self.database().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// Everything that all its servers have logged.
    #[must_use]
    pub fn log(&self) -> String {
        let starts = self.starts.load(Ordering::Relaxed);
        (1..=starts).filter_map(|start| std::fs::read_to_string(self.beside(&format!("log-{start}"))).ok()).collect()
    }

    /// All entries of the audit.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        let outcome = self.try_admin(&["audit", "export"]);
        assert_eq!(outcome.exit, Some(0), "{}", outcome.message);
        outcome.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many entries of the audit tell of `action`.
    #[must_use]
    pub fn count_of(&self, action: &str) -> usize {
        self.audit().iter().filter(|entry| entry["action"] == action).count()
    }

    /// Adds an application and answers its key. The scopes are separated by commas.
    pub fn application(&self, name: &str, scopes: &str) -> String {
        let answer = self.admin(&["application", "add", name, "--scope", scopes]);
        answer["key"].as_str().unwrap().to_owned()
    }

    /// Imports tokens from CSV; answers the report of the command, whatever its exit code.
    #[must_use]
    pub fn import(&self, csv: &[u8], more: &[&str]) -> Outcome {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let file = self.beside(&format!("import-{}.csv", FILES.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&file, csv).unwrap();
        let mut arguments = vec!["token", "import", "--format", "csv", file.to_str().unwrap()];
        arguments.extend(more);
        self.try_admin(&arguments)
    }
}
