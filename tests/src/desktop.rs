//! The real soft token on the desktop, `symbolon`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;
use crate::programs::program;

/// A home folder of the soft token.
pub struct Desktop {
    home: TempDir,
}

impl Default for Desktop {
    fn default() -> Self {
        Self::new()
    }
}

impl Desktop {
    /// An empty one, whose keys are in files.
    #[must_use]
    pub fn new() -> Self {
        Self { home: tempfile::Builder::new().prefix("symbolon-home-").tempdir().unwrap() }
    }

    /// Where it keeps its things.
    #[must_use]
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Runs a command that reads `secrets`, a line each, from its standard input.
    #[must_use]
    pub fn try_run(&self, arguments: &[&str], secrets: &[&str]) -> Outcome {
        let mut process = self.command(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = secrets.join("\n");
        lines.push('\n');
        // It may end without having read them.
        drop(process.stdin.take().unwrap().write_all(lines.as_bytes()));
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Outcome {
            exit: output.status.code(),
            document: serde_json::from_str(&text).unwrap_or_default(),
            output: text,
            message: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("symbolon"));
        command.arg("--home").arg(self.home()).args(["--key-store", "file", "--json"]).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("SYMBOLON_")) {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Starts a command that one talks with, a line at a time.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Dialogue {
        let mut process = self.command(arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Dialogue { process, output }
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], secrets: &[&str]) -> Value {
        self.try_run(arguments, secrets).done()
    }
}

/// A command that runs. Dropping it kills it.
pub struct Dialogue {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Dialogue {
    /// Types a line.
    pub fn say(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// The next line that it prints.
    #[track_caller]
    pub fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Its exit code, once it has ended.
    pub fn end(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        // Fails when it has ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
