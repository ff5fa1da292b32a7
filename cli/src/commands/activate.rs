//! `symbolon activate`

use symbolon_client::activation::{Proposed, Unconfirmed};
use symbolon_client::{Account, Activation, Error, SoftToken};
use symbolon_core::activation::Ticket;
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
    let mut pin = NewPin { descriptor: options.pin_fd, secrets, read: None };
    let account = match soft_token.activate(ticket).await? {
        Activation::Proposed(proposed) => accept(*proposed, &mut pin).await?,
        Activation::Unconfirmed(unconfirmed) => resume(*unconfirmed, &mut pin).await?,
    };
    format.result(&Token::of(&account)?, |token| {
        format!("Token {} is {}. Show its code with: symbolon code", token.serial, token.state)
    });
    Ok(())
}

fn ticket(options: &Activate, secrets: &mut Secrets) -> Result<Ticket, Failure> {
    let usage = |message: &str| Failure::input(format!("{message}; see symbolon activate --help"));
    let ticket = match (options.ticket.as_slice(), options.classic) {
        ([address, serial], true) => {
            let code = secrets.read(options.code_fd, "Activation code", "--code-fd")?;
            Ticket::from_typed(address, serial, text(&code)?)
        }
        (_, true) => return Err(usage("--classic takes the server's address and the serial number")),
        ([dash], false) if dash == "-" => text(&secrets.line(0)?)?.parse(),
        ([link], false) => link.parse(),
        (_, false) => return Err(usage("one ticket is expected: a link, the text of a QR, or “-”")),
    };
    Ok(ticket.map_err(Error::from)?)
}

fn text(bytes: &SecretBytes) -> Result<&str, Failure> {
    std::str::from_utf8(bytes.expose()).map_err(|_| Failure::input("what was given is no text"))
}

/// Shows what the ticket leads to, and asks.
async fn accept(proposed: Proposed, pin: &mut NewPin) -> Result<Account, Failure> {
    let chosen =
        if pin.descriptor.is_none() && Secrets::can_ask() { ask(&proposed, pin) } else { pin.given(&proposed) };
    match chosen {
        Ok(chosen) => Ok(proposed.accept(chosen).await?),
        Err(failure) => {
            proposed.decline().await;
            Err(failure)
        }
    }
}

fn ask(proposed: &Proposed, pin: &mut NewPin) -> Result<Option<ChosenPin>, Failure> {
    output::note(&format!(
        "Server   {}\nIssuer   {}\nAccount  {}\nToken    {}",
        proposed.server().host(),
        proposed.issuer(),
        proposed.account(),
        proposed.serial()
    ));
    if !confirm("Is this what you expect, and shall the token be activated?")? {
        return Err(Failure::declined());
    }
    let length = proposed.policy().pin_length;
    let wanted = proposed.policy().pin_required || confirm("A PIN is not required. Set one all the same?")?;
    wanted.then(|| pin::choose(&mut pin.secrets, length, "--pin-fd")).transpose()
}

/// An earlier activation of this token was cut off before the server said that it is active. Its PIN resumes it; with
/// any other it is begun afresh.
async fn resume(unconfirmed: Unconfirmed, pin: &mut NewPin) -> Result<Account, Failure> {
    let account = unconfirmed.account();
    let typed = if account.has_pin() {
        output::note("This activation was begun before; the PIN that was set then resumes it.");
        Some(Pin::from_ascii(pin.line("PIN")?.expose())?)
    } else {
        None
    };
    wait_for_next_try(account).await?;
    match unconfirmed.resume(typed).await {
        Ok(account) => Ok(account),
        Err(Error::WrongPin { .. } | Error::Locked(_) | Error::KeysLost(_) | Error::Withdrawn(_)) => {
            output::note("It can't be resumed and is begun afresh.");
            accept(unconfirmed.afresh().await?, pin).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The PIN from a file descriptor, read once, or from the person.
struct NewPin {
    descriptor: Option<u32>,
    secrets: Secrets,
    read: Option<SecretBytes>,
}

impl NewPin {
    /// What is typed, or the line of the descriptor.
    fn line(&mut self, prompt: &str) -> Result<SecretBytes, Failure> {
        if let (Some(read), Some(_)) = (&self.read, self.descriptor) {
            return Ok(read.duplicate());
        }
        let read = self.secrets.read(self.descriptor, prompt, "--pin-fd")?;
        self.read = Some(read.duplicate());
        Ok(read)
    }

    /// Without a person to ask: the PIN of the descriptor, or none where the policy requires none.
    fn given(&mut self, proposed: &Proposed) -> Result<Option<ChosenPin>, Failure> {
        if self.descriptor.is_none() {
            return if proposed.policy().pin_required { Err(Error::PinNeeded.into()) } else { Ok(None) };
        }
        let line = self.line("PIN")?;
        Ok(Some(Pin::from_ascii(line.expose())?.choose(proposed.policy().pin_length)?))
    }
}
