//! `symbolon activate`

use serde::Serialize;
use symbolon_client::activation::{Proposed, Unconfirmed};
use symbolon_client::{Account, Activation, Error, SoftToken};
use symbolon_core::activation::{Ticket, TicketError};
use symbolon_core::moving::ComparisonCode;
use symbolon_core::policy::PhonePolicy;
use symbolon_core::secret::SecretBytes;
use symbolon_core::vault::{ChosenPin, Pin};

use super::tokens::Token;
use super::{pin, wait_for_next_try};
use crate::arguments::Activate;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::{self, Format};
use crate::secrets::{Secrets, confirm};

/// Activates a token with what the ticket says.
pub(crate) async fn activate(
    home: &Home,
    soft_token: &SoftToken,
    options: Activate,
    format: Format,
) -> Result<(), Failure> {
    let mut secrets = Secrets::default();
    let ticket = ticket(&options, &mut secrets)?;
    home.remember()?;
    let mut pin = NewPin::new(options.pin_fd, secrets);
    let account = match soft_token.activate(ticket).await? {
        Activation::Proposed(proposed) => accept(*proposed, &mut pin, format).await?,
        Activation::Unconfirmed(unconfirmed) => resume(*unconfirmed, &mut pin, format).await?,
    };
    format.result(&Token::of(&account)?, |token| {
        format!("Token {} is {}. Show its code with: symbolon code", token.serial, token.state)
    });
    Ok(())
}

fn ticket(options: &Activate, secrets: &mut Secrets) -> Result<Ticket, Failure> {
    let usage = |message: &str| Failure::input(format!("{message}; see symbolon activate --help"));
    let ticket: Result<Ticket, TicketError> = match (options.ticket.as_slice(), options.classic) {
        ([address, serial], true) => {
            let code = secrets.read(options.code_fd, "Activation code", "--code-fd")?;
            Ticket::from_typed(address, serial, text(&code)?)
        }
        (_, true) => return Err(usage("--classic takes the server's address and the serial number")),
        ([dash], false) if dash == "-" => text(&secrets.line(0)?)?.parse(),
        ([link], false) => link.parse(),
        (_, false) => return Err(usage("one ticket is expected: a link, the text of a QR, or “-”")),
    };
    match ticket {
        Err(TicketError::Offline) => Err(usage("this is the QR of an offline activation: give it with --offline")),
        ticket => Ok(ticket.map_err(Error::from)?),
    }
}

/// Text that was read like a secret.
pub(super) fn text(bytes: &SecretBytes) -> Result<&str, Failure> {
    std::str::from_utf8(bytes.expose()).map_err(|_| Failure::input("what was given is no text"))
}

async fn accept(proposed: Proposed, pin: &mut NewPin, format: Format) -> Result<Account, Failure> {
    let ticket = format!(
        "Server   {}\nIssuer   {}\nAccount  {}\nToken    {}",
        proposed.server().host(),
        proposed.issuer(),
        proposed.account(),
        proposed.serial()
    );
    match pin.choose(&ticket, proposed.policy()) {
        Ok(chosen) => {
            show_comparison(proposed.comparison(), format);
            Ok(proposed.accept(chosen).await?)
        }
        Err(failure) => {
            proposed.decline().await;
            Err(failure)
        }
    }
}

/// An earlier activation of this token was cut off before the server said that it is active. Its PIN resumes it; with
/// any other it is begun afresh.
async fn resume(unconfirmed: Unconfirmed, pin: &mut NewPin, format: Format) -> Result<Account, Failure> {
    let account = unconfirmed.account();
    let typed = if account.has_pin() {
        output::note("This activation was begun before; the PIN that was set then resumes it.");
        Some(Pin::from_ascii(pin.line("PIN")?.expose())?)
    } else {
        None
    };
    wait_for_next_try(account).await?;
    show_comparison(account.header().online().and_then(|online| online.comparison), format);
    match unconfirmed.resume(typed).await {
        Ok(account) => Ok(account),
        Err(Error::WrongPin { .. } | Error::Locked(_) | Error::KeysLost(_) | Error::Withdrawn(_)) => {
            output::note("It can't be resumed and is begun afresh.");
            accept(unconfirmed.afresh().await?, pin, format).await
        }
        Err(error) => Err(error.into()),
    }
}

/// A token that moves from another phone: what the person types there.
#[derive(Serialize)]
struct Comparison {
    state: &'static str,
    digits: ComparisonCode,
}

fn show_comparison(comparison: Option<ComparisonCode>, format: Format) {
    if let Some(digits) = comparison {
        format.result(&Comparison { state: "waiting", digits }, |it| {
            format!("Type these digits on the old phone: {}\nWaiting for it to agree.", it.digits.grouped())
        });
    }
}

/// The PIN from a file descriptor, read once, or from the person.
pub(super) struct NewPin {
    descriptor: Option<u32>,
    secrets: Secrets,
    read: Option<SecretBytes>,
}

impl NewPin {
    pub(super) fn new(descriptor: Option<u32>, secrets: Secrets) -> Self {
        Self { descriptor, secrets, read: None }
    }

    /// What is typed, or the line of the descriptor.
    fn line(&mut self, prompt: &str) -> Result<SecretBytes, Failure> {
        if let (Some(read), Some(_)) = (&self.read, self.descriptor) {
            return Ok(read.duplicate());
        }
        let read = self.secrets.read(self.descriptor, prompt, "--pin-fd")?;
        self.read = Some(read.duplicate());
        Ok(read)
    }

    /// Shows what the ticket leads to, and asks a person for consent and PIN; without one, takes the PIN of the
    /// descriptor, or none where the policy requires none.
    pub(super) fn choose(&mut self, ticket: &str, policy: &PhonePolicy) -> Result<Option<ChosenPin>, Failure> {
        if self.descriptor.is_some() {
            let line = self.line("PIN")?;
            return Ok(Some(Pin::from_ascii(line.expose())?.choose(policy.pin_length)?));
        }
        if !Secrets::can_ask() {
            return if policy.pin_required { Err(Error::PinNeeded.into()) } else { Ok(None) };
        }
        output::note(ticket);
        if !confirm("Is this what you expect, and shall the token be activated?")? {
            return Err(Failure::declined());
        }
        let wanted = policy.pin_required || confirm("A PIN is not required. Set one all the same?")?;
        wanted.then(|| pin::choose(&mut self.secrets, policy.pin_length, "--pin-fd")).transpose()
    }
}
