//! Mail over SMTP, encrypted: a connection that could be read along is made to this machine only.

mod letter;

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use askama::Template as _;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use symbolon_core::text::Text;

use crate::config::{self, MailSecurity};
use crate::service::outbox::Outcome;
use crate::service::{Service, ServiceError};
use crate::storage::{Delivery, DeliveryId, Email};
use letter::{Letter, Organisation};

/// How long the mail server may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// The way to the mail server.
pub(super) struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    text: Option<Text<1000>>,
}

impl Post {
    pub(super) fn new(config: &config::Mail) -> anyhow::Result<Self> {
        let host = config.server.host.clone();
        let tls = || -> anyhow::Result<TlsParameters> {
            let mut tls = TlsParameters::builder(host.clone());
            if let Some(path) = &config.authorities {
                let failed = || format!("mail.authorities: {} can't be read", path.display());
                let pem = std::fs::read(path).with_context(failed)?;
                tls = tls.add_root_certificate(Certificate::from_pem(&pem).with_context(failed)?);
            }
            Ok(tls.build_rustls()?)
        };
        let tls = match config.security {
            MailSecurity::Starttls => Tls::Required(tls()?),
            MailSecurity::Tls => Tls::Wrapper(tls()?),
            MailSecurity::None if config.server.is_loopback() => Tls::None,
            MailSecurity::None => anyhow::bail!("mail.security: none is for a mail server at a loopback address only"),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(config.server.port.unwrap_or(config.security.port()))
            .tls(tls)
            .timeout(Some(ANSWER));
        if let Some(user) = &config.user {
            let password = config.password()?.context("mail.password is needed beside mail.user")?;
            // Kept by the library as plain text for as long as the server runs.
            builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
        }
        Ok(Self { transport: builder.build(), from: config.from.0.clone(), text: config.text.clone() })
    }

    /// Connects, signs in and leaves again.
    pub(super) async fn reach(&self) -> Result<(), String> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the mail server does not answer as one".into()),
            Err(error) => Err(error.to_string().chars().filter(|c| !c.is_control()).take(200).collect()),
        }
    }

    /// Sends one mail.
    pub(super) async fn carry(&self, service: &Service, delivery: &Delivery, to: &Email) -> Outcome {
        let message = match self.message(service, delivery, to) {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        match self.transport.send(message).await {
            Ok(_) => Outcome::Sent,
            Err(error) => {
                let problem: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
                // 53x is about how this server signs in there, which an administrator can mend.
                let code = error.status().map(|code| code.to_string()).unwrap_or_default();
                if error.is_permanent() && !code.starts_with("53") {
                    Outcome::refused(problem)
                } else {
                    Outcome::later(problem)
                }
            }
        }
    }

    fn message(&self, service: &Service, delivery: &Delivery, to: &Email) -> Result<Message, Outcome> {
        let mail = service.mail_of(delivery).map_err(|error| match error {
            ServiceError::Storage(error) => Outcome::later(error),
            error => Outcome::refused(error),
        })?;
        let address: Address = to.as_str().parse().map_err(|_| Outcome::refused("this is no address for mail"))?;
        let organisation = Organisation {
            issuer: &service.identity.issuer,
            text: self.text.as_ref(),
            address: service.identity.address.as_ref(),
        };
        let letter = Letter::write(&mail, &organisation);
        let at = Duration::from_millis(u64::try_from(mail.at.as_millisecond()).unwrap_or_default());
        self.assemble(&letter, address, &delivery.id, SystemTime::UNIX_EPOCH + at).map_err(Outcome::refused)
    }

    fn assemble(&self, letter: &Letter, to: Address, id: &DeliveryId, at: SystemTime) -> anyhow::Result<Message> {
        let mut html = MultiPart::related().singlepart(SinglePart::html(letter.render()?));
        if let Some(picture) = letter.picture()? {
            let kind = ContentType::parse("image/png")?;
            let inline = Attachment::new_inline_with_name(Letter::QR.to_owned(), "qr.png".to_owned());
            html = html.singlepart(inline.body(picture, kind));
        }
        let body = MultiPart::alternative().singlepart(SinglePart::plain(letter.plain().to_string())).multipart(html);
        // A mail that is sent again after a lost answer has the same name, so that mailboxes can drop it.
        let name = format!("<{id}@{}>", self.from.email.domain());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Ok(Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .date(at)
            .message_id(Some(name))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(body)?)
    }
}
