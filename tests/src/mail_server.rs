//! A real mail server, aiosmtpd, with encryption and a sign-in; and what arrived there, read by a MIME parser.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mail_parser::{Message, MessageParser, MimeHeaders as _};
use tempfile::TempDir;

use crate::patience::PATIENCE;
use crate::receiver::{certificate, write_authority};
use crate::{Installation, qr};

const PYTHON: &str = "/usr/bin/python3";
const USER: &str = "symbolon";
const PASSWORD: &str = "the mail server's password";

/// A mail server that runs. Dropping it kills it.
pub struct MailServer {
    folder: TempDir,
    process: Child,
    port: String,
    security: &'static str,
}

impl MailServer {
    /// Starts one, encrypted as `mail.security` says; `None` when this machine has none.
    #[must_use]
    pub fn start(security: &'static str) -> Option<Self> {
        let there = Command::new(PYTHON).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("symbolon-mail-").tempdir().unwrap();
        let beside = |name: &str| folder.path().join(name);
        let (chain, key) = certificate();
        std::fs::write(beside("certificate.pem"), chain.pem()).unwrap();
        std::fs::write(beside("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(beside("password"), PASSWORD).unwrap();
        write_authority(&beside("authority.pem"));
        let mut command = Command::new(PYTHON);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail_server.py"));
        command.arg(folder.path()).arg(beside("certificate.pem")).arg(beside("key.pem"));
        command.args([security, USER, PASSWORD]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Self { folder, process, port: port.trim().to_owned(), security })
    }

    /// Lets the servers of an installation send mail through it.
    #[must_use]
    pub fn serve(&self, installation: Installation) -> Installation {
        let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let security = if self.security == "plain" { "none" } else { self.security };
        let installation = installation
            .configured("ISSUER", "Examplé GmbH")
            .configured("MAIL__FROM", "Symbolon <token@example.org>")
            .configured("MAIL__SERVER", &format!("127.0.0.1:{}", self.port))
            .configured("MAIL__SECURITY", security)
            .configured("MAIL__TEXT", "Questions? Call 4711.");
        if self.security == "plain" {
            return installation;
        }
        installation
            .configured("MAIL__AUTHORITIES", &file("authority.pem"))
            .configured("MAIL__USER", USER)
            .configured("MAIL__PASSWORD__FILE", &file("password"))
    }

    /// How many mails have arrived.
    #[must_use]
    pub fn count(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "eml")).count()
    }

    /// The mail with this number, from 1 on, once it has arrived.
    pub async fn letter(&self, number: usize) -> Letter {
        let path: PathBuf = self.folder.path().join(format!("{number:04}.eml"));
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(bytes) = std::fs::read(&path) {
                return Letter(bytes);
            }
            assert!(Instant::now() < until, "no mail arrives");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A mail that arrived.
pub struct Letter(Vec<u8>);

impl Letter {
    /// The mail, parsed.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        MessageParser::default().parse(&self.0).unwrap()
    }

    /// Whom it is for.
    #[must_use]
    pub fn to(&self) -> String {
        self.message().to().unwrap().first().unwrap().address().unwrap().to_owned()
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> String {
        self.message().subject().unwrap().to_owned()
    }

    /// The plain text.
    #[must_use]
    pub fn text(&self) -> String {
        self.message().body_text(0).unwrap().into_owned()
    }

    /// The HTML.
    #[must_use]
    pub fn html(&self) -> String {
        self.message().body_html(0).unwrap().into_owned()
    }

    /// The first word of the plain text that begins so.
    #[track_caller]
    #[must_use]
    pub fn word(&self, beginning: &str) -> String {
        let text = self.text();
        let word = text.split_whitespace().find(|word| word.starts_with(beginning));
        word.unwrap_or_else(|| panic!("no {beginning} in {text}")).to_owned()
    }

    /// The text of the QR that the HTML shows, as a camera reads it; `None` when there is none.
    #[must_use]
    pub fn qr(&self) -> Option<String> {
        let message = self.message();
        let html = self.html();
        let shown = html.split("src=\"cid:").nth(1)?.split('"').next()?;
        let part = message.attachments().find(|part| part.content_id() == Some(shown)).expect("the picture is there");
        qr::read(part.contents())
    }
}
