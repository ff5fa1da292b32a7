//! Activation without a network, as a person goes through it.
//!
//! [`SoftToken::activate_offline`] and [`SoftToken::activate_typed`] read what the ticket says; the person is asked
//! ([`Proposed`]). [`Proposed::accept`] derives the keys and writes the vault, flushed; only then is the registration
//! code shown, so that a code which the server was told never belongs to a token that was lost. After a loss of power
//! there is either no token, and the ticket begins anew with another registration code, or one that shows its own
//! again.

use jiff::{SignedDuration, Timestamp};
use symbolon_core::activation::ServerAddress;
use symbolon_core::activation::offline::Offer;
use symbolon_core::activation::offline::phone::{Begun, Registered, Source};
use symbolon_core::policy::{PhonePolicy, PolicyVersion};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;
use symbolon_core::vault::{ChosenPin, Header, NewVault, Offline, Server};

use super::{NewKeys, already_here, known};
use crate::account::{Session, off_thread};
use crate::soft_token::SoftToken;
use crate::store::ClockState;
use crate::{Error, account};

/// No ticket lives longer: for so long the registration code of a typed one may still be of use.
const LONGEST_TICKET: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A token that the person may accept. Nothing is stored yet; whether the password is right, nobody here can tell.
#[derive(Debug)]
pub struct Proposed {
    soft_token: SoftToken,
    begun: Begun,
    header: Header,
}

pub(crate) fn begin(soft_token: &SoftToken, begun: Begun) -> Result<Proposed, Error> {
    let parts = soft_token.parts();
    let header = header(begun.source(), parts.environment.now())?;
    if let Some(account) = known(soft_token, header.serial, header.identity().as_ref(), header.address())? {
        return Err(already_here(&account));
    }
    if !header.is_activating(parts.environment.now()) {
        return Err(Error::TooLate);
    }
    account::admit(&parts.platform.integrity.signals(), &header.policy)?;
    Ok(Proposed { soft_token: soft_token.clone(), begun, header })
}

/// What is known of the token. Of a typed one it is little: the strict policy stands in for the organisation's.
fn header(source: &Source, now: Timestamp) -> Result<Header, Error> {
    Ok(match source {
        Source::Scanned(offer) => {
            let Offer { serial, issuer, account, label, policy, policy_version, expires_at, server, identity, tls } =
                (**offer).clone();
            let server = Offline { address: server, identity: Some(identity), tls, until: expires_at };
            Header { serial, issuer, account, label, policy, policy_version, server: Server::Offline(server) }
        }
        Source::Typed { serial, server } => {
            let until = now.checked_add(LONGEST_TICKET).unwrap_or(now);
            let offline = Offline { address: server.clone(), identity: None, tls: None, until };
            Header {
                serial: *serial,
                issuer: match server.as_ref().map(|server| server.host().parse()) {
                    Some(Ok(host)) => host,
                    _ => name("Symbolon")?,
                },
                account: name(&serial.to_string())?,
                label: None,
                policy: PhonePolicy::default(),
                policy_version: PolicyVersion::FIRST,
                server: Server::Offline(offline),
            }
        }
    })
}

fn name(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|_| Error::Protocol("a name is none"))
}

impl Proposed {
    /// The token.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.header.serial
    }

    /// The server, as far as the ticket tells.
    #[must_use]
    pub fn server(&self) -> Option<&ServerAddress> {
        self.header.address()
    }

    /// The organisation, as the ticket calls it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.header.issuer
    }

    /// The user.
    #[must_use]
    pub fn account(&self) -> &Name {
        &self.header.account
    }

    /// The policy: whether a PIN is required, and how long it is.
    #[must_use]
    pub fn policy(&self) -> &PhonePolicy {
        &self.header.policy
    }

    /// Derives the keys and stores the token. The PIN was chosen by [`Pin::choose`](symbolon_core::vault::Pin::choose)
    /// with the policy's length; it may be left out where the policy requires none. The session shows the registration
    /// code and the first code.
    ///
    /// # Errors
    /// [`Error::TooLate`], [`Error::PinNeeded`], [`Error::KeyStore`], [`Error::Storage`]: nothing is stored then.
    pub async fn accept(self, pin: Option<ChosenPin>) -> Result<Session, Error> {
        let Self { soft_token, begun, header } = self;
        if !header.is_activating(soft_token.parts().environment.now()) {
            return Err(Error::TooLate);
        }
        let Registered { format, keys: token_keys, registration, .. } = off_thread(move || begun.derive()).await?;
        let (serial, identity) = (header.serial, header.identity());
        let keys = NewKeys::note(&soft_token)?;
        let rng = &mut *soft_token.parts().environment.rng();
        let vault = NewVault::generate_offline(header, format, token_keys, registration, rng);
        keys.store(vault, pin, serial, identity.as_ref(), &ClockState::default()).await
    }
}
