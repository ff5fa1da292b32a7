//! The soft token of one phone.

use std::sync::Arc;

use symbolon_client::environment::Environment;
use symbolon_client::network::Https;
use symbolon_client::{self as client, Store};
use symbolon_core::activation::{ActivationPassword, OfflinePassword, ServerAddress, Ticket, TicketWithoutCode};
use symbolon_core::serial::SerialNumber;
use zeroize::Zeroizing;

use crate::account::Account;
use crate::activation::{Activation, Proposal};
use crate::events::Events;
use crate::platform::Platform;
use crate::{SymbolonError, scan};

/// All accounts of one phone. An app opens it once.
#[derive(Debug, uniffi::Object)]
pub struct SoftToken(client::SoftToken);

/// An account that can't be read: all that can be done is to remove it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DamagedAccount {
    /// The token.
    pub serial: String,
    /// Why.
    pub reason: String,
}

#[uniffi::export(async_runtime = "tokio")]
impl SoftToken {
    /// Opens the accounts in a directory, which must be private to the app and in no backup, and cleans up what activations
    /// left that did not end.
    ///
    /// # Errors
    /// [`SymbolonError::Internal`] when the directory can't be used.
    #[uniffi::constructor]
    pub async fn open(directory: String, platform: Platform) -> Result<Arc<Self>, SymbolonError> {
        let platform = client::platform::Platform::from(platform);
        let network = Arc::new(Https::new(platform.device.app.as_str()));
        let store = Store::open(directory)?;
        let soft_token = client::SoftToken::open(store, platform, network, Environment::system()).await?;
        Ok(Arc::new(Self(soft_token)))
    }

    /// Begins an activation by a link, or the text of its QR, in UTF-8.
    ///
    /// # Errors
    /// [`SymbolonError::Input`] when it is none; else as the variants say.
    pub async fn activate(&self, link: Vec<u8>) -> Result<Activation, SymbolonError> {
        let link = secret(link);
        let ticket = scan::text(&link)?.parse::<Ticket>().map_err(SymbolonError::input)?;
        Ok(self.0.activate(ticket).await?.into())
    }

    /// Begins an activation by what the person types: the server's address, serial number, activation code.
    ///
    /// # Errors
    /// Those of [`SoftToken::activate`].
    pub async fn activate_typed(
        &self,
        server: String,
        serial: String,
        code: Vec<u8>,
    ) -> Result<Activation, SymbolonError> {
        let code = secret(code);
        let ticket = Ticket::from_typed(&server, &serial, scan::text(&code)?).map_err(SymbolonError::input)?;
        Ok(self.0.activate(ticket).await?.into())
    }

    /// Begins an activation by a link that leaves the activation code out, as mails have it for a browser, and the code that
    /// the person types.
    ///
    /// # Errors
    /// Those of [`SoftToken::activate`].
    pub async fn activate_with_code(&self, link: Vec<u8>, code: Vec<u8>) -> Result<Activation, SymbolonError> {
        let (link, code) = (secret(link), secret(code));
        let ticket: TicketWithoutCode = scan::text(&link)?.parse().map_err(SymbolonError::input)?;
        let code = scan::text(&code)?.parse().map_err(SymbolonError::input)?;
        Ok(self.0.activate(ticket.with(code)).await?.into())
    }

    /// Begins an activation without a network, by a QR and the password that came another way.
    ///
    /// # Errors
    /// [`SymbolonError::Input`], [`SymbolonError::TooLate`], [`SymbolonError::AlreadyActive`],
    /// [`SymbolonError::UnsecureDevice`].
    pub async fn activate_offline(&self, qr: Vec<u8>, password: Vec<u8>) -> Result<Arc<Proposal>, SymbolonError> {
        let (qr, password) = (secret(qr), secret(password));
        let ticket = scan::text(&qr)?.parse().map_err(SymbolonError::input)?;
        let password: OfflinePassword = scan::text(&password)?.parse().map_err(SymbolonError::input)?;
        Ok(Proposal::offline(self.0.activate_offline(ticket, &password).await?))
    }

    /// Begins an activation without a network, by what the person types; the server's address where it is known.
    ///
    /// # Errors
    /// Those of [`SoftToken::activate_offline`].
    pub async fn activate_offline_typed(
        &self,
        server: Option<String>,
        serial: String,
        code: Vec<u8>,
    ) -> Result<Arc<Proposal>, SymbolonError> {
        let code = secret(code);
        let server = server.map(|server| server.parse::<ServerAddress>().map_err(SymbolonError::input)).transpose()?;
        let serial = serial_number(&serial)?;
        let code: ActivationPassword = scan::text(&code)?.parse().map_err(SymbolonError::input)?;
        Ok(Proposal::offline(self.0.activate_typed(server, serial, &code).await?))
    }

    /// Every account that can be read.
    ///
    /// # Errors
    /// [`SymbolonError::Internal`].
    pub fn accounts(&self) -> Result<Vec<Arc<Account>>, SymbolonError> {
        Ok(self.0.accounts()?.into_iter().map(Account::of).collect())
    }

    /// Every account that can't be read.
    ///
    /// # Errors
    /// [`SymbolonError::Internal`].
    pub fn damaged_accounts(&self) -> Result<Vec<DamagedAccount>, SymbolonError> {
        let damaged = self.0.damaged_accounts()?.into_iter();
        let read = |(serial, error): (SerialNumber, client::Error)| DamagedAccount {
            serial: serial.to_string(),
            reason: error.to_string(),
        };
        Ok(damaged.map(read).collect())
    }

    /// What happens to the accounts from now on: each waits at its server by long poll, until the app lets go of the answer.
    /// An app listens while it is in front.
    pub async fn events(&self) -> Arc<Events> {
        Events::of(self.0.events())
    }

    /// Has [`SoftToken::events`] ask the servers at once: the phone was woken, or the app came to the front.
    pub fn look_now(&self) {
        self.0.look_now();
    }

    /// Asks [`Wake`](crate::Wake) where the phone is woken, and tells each server that has not acknowledged it. Call it at each
    /// start, and when the push service says that an address has changed.
    ///
    /// # Errors
    /// The first one, of the network mostly: a later call tells what is still to be told, and so does
    /// [`SoftToken::events`].
    pub async fn renew_push_addresses(&self) -> Result<(), SymbolonError> {
        Ok(self.0.renew_push_addresses().await?)
    }

    /// Removes every account of a token from this phone, damaged ones too.
    ///
    /// # Errors
    /// [`SymbolonError::NoSuchToken`], [`SymbolonError::Internal`].
    pub async fn remove(&self, serial: String) -> Result<(), SymbolonError> {
        Ok(self.0.remove(serial_number(&serial)?).await?)
    }
}

fn serial_number(text: &str) -> Result<SerialNumber, SymbolonError> {
    text.parse().map_err(SymbolonError::input)
}

/// Bytes that are wiped when they are no longer needed.
pub(crate) fn secret(bytes: Vec<u8>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes)
}
