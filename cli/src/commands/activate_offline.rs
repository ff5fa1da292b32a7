//! `symbolon activate --offline`: without a network, by a QR and its password or by what is typed

use symbolon_client::activation::offline::Proposed;
use symbolon_client::{Error, SoftToken};
use symbolon_core::activation::offline::OfflineTicket;
use symbolon_core::activation::{ActivationPassword, OfflinePassword, ServerAddress, TicketError};

use super::activate::{NewPin, text};
use super::code;
use crate::arguments::Activate;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::Format;
use crate::secrets::Secrets;

/// Activates a token, and shows what is to be given to the server.
pub(crate) async fn activate(
    home: &Home,
    soft_token: &SoftToken,
    options: Activate,
    format: Format,
) -> Result<(), Failure> {
    let mut secrets = Secrets::default();
    let proposed = propose(soft_token, &options, &mut secrets).await?;
    home.remember()?;
    let server = proposed.server().map_or_else(|| "not named".to_owned(), ServerAddress::host);
    let ticket = format!(
        "Server   {server}\nIssuer   {}\nAccount  {}\nToken    {}",
        proposed.issuer(),
        proposed.account(),
        proposed.serial()
    );
    let serial = proposed.serial();
    let pin = NewPin::new(options.pin_fd, secrets).choose(&ticket, proposed.policy())?;
    let mut session = proposed.accept(pin).await?;
    let shown = session.code().await?;
    match session.registration() {
        Some(registration) => code::print_first(serial, &shown, registration, format),
        // The ticket expired while the PIN was typed.
        None => return Err(Error::TooLate.into()),
    }
    Ok(())
}

async fn propose(soft_token: &SoftToken, options: &Activate, secrets: &mut Secrets) -> Result<Proposed, Failure> {
    let usage = |message: &str| Failure::input(format!("{message}; see symbolon activate --help"));
    if options.classic {
        let (address, serial) = match options.ticket.as_slice() {
            [serial] => (None, serial),
            [address, serial] => (Some(address), serial),
            _ => return Err(usage("--classic takes the server's address and the serial number")),
        };
        let server: Option<ServerAddress> =
            address.map(|address| address.parse()).transpose().map_err(TicketError::from).map_err(Error::from)?;
        let serial = serial.parse().map_err(TicketError::from).map_err(Error::from)?;
        let code = secrets.read(options.code_fd, "Activation code", "--code-fd")?;
        let code: ActivationPassword = text(&code)?.parse().map_err(TicketError::from).map_err(Error::from)?;
        return Ok(soft_token.activate_typed(server, serial, &code).await?);
    }
    let ticket: OfflineTicket = match options.ticket.as_slice() {
        [dash] if dash == "-" => text(&secrets.line(0)?)?.parse(),
        [qr] => qr.parse(),
        _ => return Err(usage("one ticket is expected: the text of a QR, or “-”")),
    }
    .map_err(Error::from)?;
    let password = secrets.read(options.password_fd, "Password that came another way", "--password-fd")?;
    let password: OfflinePassword = text(&password)?.parse().map_err(TicketError::from).map_err(Error::from)?;
    Ok(soft_token.activate_offline(ticket, &password).await?)
}
