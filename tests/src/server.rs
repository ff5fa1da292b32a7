//! The server as a process: started, ready, killed, stopped, started again.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::patience::PATIENCE;
use crate::port::free_port;
use crate::{Caller, Installation, Phone, Token, Wire};

/// A server that runs. Dropping it kills it.
pub struct Server {
    installation: Arc<Installation>,
    process: Child,
    /// Where it listens.
    pub url: String,
    /// The hash of its authority's key, as it prints it.
    pub tls_pin: Option<String>,
    /// Where its metrics are.
    pub metrics: String,
}

/// What a user is given to activate a token.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The token's serial number.
    pub serial: String,
    /// The link.
    pub link: String,
    /// The address to type.
    pub address: String,
    /// The activation code to type, in groups.
    pub code: String,
}

impl Ticket {
    /// The ticket in the answer of a command or of the admin API.
    #[must_use]
    pub fn read(answer: &Value) -> Self {
        let optional = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let text = |pointer: &str| optional(pointer).unwrap();
        Self {
            serial: text("/token/serial"),
            link: text("/ticket/online/link"),
            // Where the policy requires attestation there is nothing to type.
            address: optional("/ticket/classic/address").unwrap_or_default(),
            code: optional("/ticket/classic/code").unwrap_or_default(),
        }
    }
}

impl Deref for Server {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        &self.installation
    }
}

impl Server {
    /// Starts a server on an installation of its own.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Installation::new())
    }

    /// Starts a server on an installation.
    #[must_use]
    pub fn with(installation: Installation) -> Self {
        Self::on(&Arc::new(installation))
    }

    /// Starts another server on an installation, on a port of its own.
    #[must_use]
    pub fn on(installation: &Arc<Installation>) -> Self {
        let started = Self::launch(installation, &format!("127.0.0.1:{}", free_port()));
        started.unwrap_or_else(|log| panic!("the server did not get ready:\n{log}"))
    }

    /// The installation, for another server on it.
    #[must_use]
    pub fn installation(&self) -> &Arc<Installation> {
        &self.installation
    }

    /// Tries to start a server.
    ///
    /// # Errors
    /// What it logged, when it ended before it was ready.
    pub fn launch(installation: &Arc<Installation>, listen: &str) -> Result<Self, String> {
        let start = installation.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let log = installation.beside(&format!("log-{start}"));
        let mut command = installation.command(true);
        command.args(["serve", "--listen", listen, "--data-dir"]).arg(installation.own_data_dir());
        if installation.plain_http {
            command.arg("--insecure-http");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let status = process.wait().unwrap();
            return Err(format!("{status}\n{}", std::fs::read_to_string(&log).unwrap()));
        };
        assert_eq!(ready["ready"], true, "{line}");
        if !installation.wrapper.is_empty() {
            installation.look_through(process.id());
        }
        let text = |key: &str| ready[key].as_str().map(str::to_owned);
        Ok(Self {
            installation: Arc::clone(installation),
            process,
            url: text("url").unwrap(),
            tls_pin: text("tls_pin"),
            metrics: text("metrics").unwrap(),
        })
    }

    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again at the same address, after it was killed or stopped.
    pub fn start_again(&mut self) {
        let (_, listen) = self.url.split_once("://").unwrap();
        let started = Self::launch(&self.installation, listen);
        let started = started.unwrap_or_else(|log| panic!("the server did not get ready again:\n{log}"));
        *self = started;
    }

    /// Asks it to stop.
    pub fn ask_to_stop(&self) {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.process())]).status().unwrap();
        assert!(asked.success());
    }

    /// Waits until it has ended.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether its process runs.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// A connection that trusts this server's authority and no other.
    #[must_use]
    pub fn wire(&self) -> Wire {
        match &self.tls_pin {
            None => Wire::plain(&self.url),
            Some(_) => Wire::trusting(&self.url, &std::fs::read(self.data_dir().join("authority.pem")).unwrap()),
        }
    }

    /// Adds an application with a scope and answers a client that has its key.
    #[must_use]
    pub fn caller(&self, scopes: &str) -> Caller {
        let name =
            format!("{scopes} {}", self.admin(&["application", "list"])["applications"].as_array().unwrap().len());
        Caller::new(self.wire(), self.application(&name, scopes))
    }

    /// Adds a user and hands out a token.
    #[track_caller]
    pub fn hand_out(&self, user: &str) -> Ticket {
        self.admin(&["user", "add", user]);
        self.hand_out_another(user)
    }

    /// Hands out a token to a user who is there.
    #[track_caller]
    pub fn hand_out_another(&self, user: &str) -> Ticket {
        Ticket::read(&self.admin(&["token", "add", user, "--method", "online", "--method", "classic"]))
    }

    /// Adds a user whose token a simulated phone activates.
    pub async fn activated(&self, user: &str) -> Token {
        let ticket = self.hand_out(user);
        Phone::new(self, &ticket).activate().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
