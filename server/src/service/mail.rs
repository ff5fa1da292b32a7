//! Mail: what users are told, and when. A mail is written to the outbox in the transaction of what it tells of, as facts;
//! `notify` puts them into words when it sends them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::activation::TicketView;
use super::{Service, ServiceError};
pub use crate::storage::Language;
use crate::storage::{Delivery, Email, Token, Transaction, User};

/// What only tells of something is tried for so long; a ticket or a link is, until it expires.
const NEWS_LIFE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A mail before it is put into words. It may hold a ticket or a link: it is kept sealed, and shown to nobody.
#[derive(Serialize, Deserialize)]
pub struct Mail {
    /// The language.
    pub language: Language,
    /// Whom it is for.
    pub account: Name,
    /// When it was written.
    pub at: Timestamp,
    /// What it tells.
    pub occasion: Occasion,
}

/// What a mail tells. It has no `Debug`: some are secrets.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A token waits for its phone.
    Activation {
        /// The token.
        serial: SerialNumber,
        /// Until when the ticket can be used.
        expires_at: Timestamp,
        /// The ticket.
        ticket: MailedTicket,
    },
    /// A token was added whose ticket was given out otherwise.
    TokenAdded {
        /// The token.
        serial: SerialNumber,
    },
    /// A token became active.
    TokenActive {
        /// The token.
        serial: SerialNumber,
        /// The model of its device, as far as the device said so.
        model: Option<Name>,
    },
    /// A token was disabled.
    TokenDisabled {
        /// The token.
        serial: SerialNumber,
    },
    /// A code was given out that opens a phone whose PIN was forgotten.
    UnlockCode {
        /// The token.
        serial: SerialNumber,
    },
    /// Temporary codes were given out. The mail holds none of them: a mailbox is no second factor.
    TemporaryCodes {
        /// Until when they count.
        until: Timestamp,
    },
    /// Somebody reported a concern about a request.
    Concern {
        /// The application that asked.
        application: Name,
    },
    /// A link that signs in to the self-service.
    SignIn {
        /// The link.
        link: Zeroizing<String>,
        /// Until when it can be used.
        expires_at: Timestamp,
    },
}

impl Occasion {
    /// What administrators see of the mail in the outbox.
    const fn subject(&self) -> &'static str {
        match self {
            Self::Activation { .. } => "activation",
            Self::TokenAdded { .. } => "token_added",
            Self::TokenActive { .. } => "token_active",
            Self::TokenDisabled { .. } => "token_disabled",
            Self::UnlockCode { .. } => "unlock_code",
            Self::TemporaryCodes { .. } => "temporary_codes",
            Self::Concern { .. } => "concern",
            Self::SignIn { .. } => "sign_in",
        }
    }

    fn expires_at(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Activation { expires_at, .. } | Self::SignIn { expires_at, .. } => *expires_at,
            _ => now + NEWS_LIFE,
        }
    }

    /// That `token` became active.
    pub(super) fn active(token: &Token) -> Self {
        let model = token.device.as_ref().map(|device| device.description.model.clone());
        Self::TokenActive { serial: token.serial, model }
    }
}

/// What of a ticket may be mailed: what activates by itself, or an offline QR, whose password goes another way; never
/// both.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailedTicket {
    /// For a phone with a network.
    Online {
        /// The link with the activation password; the page's link is made of it without.
        link: Option<Zeroizing<String>>,
        /// To be typed.
        typed: Option<TypedTicket>,
    },
    /// For a phone without a network.
    Offline {
        /// The text of the QR.
        qr: Zeroizing<String>,
    },
}

/// A ticket to be typed.
#[derive(Serialize, Deserialize)]
pub struct TypedTicket {
    /// The server.
    pub address: String,
    /// The serial number.
    pub serial: SerialNumber,
    /// The activation code.
    pub code: Zeroizing<String>,
}

impl MailedTicket {
    fn of(ticket: &TicketView) -> Option<Self> {
        let link = ticket.online.as_ref().map(|online| Zeroizing::new(online.link.clone()));
        let typed = ticket.classic.as_ref().map(|classic| TypedTicket {
            address: classic.address.clone(),
            serial: classic.serial,
            code: Zeroizing::new(classic.code.clone()),
        });
        match (link, typed) {
            (None, None) => {
                // Its password goes another way.
                ticket.offline.as_ref().map(|offline| Self::Offline { qr: Zeroizing::new(offline.qr.clone()) })
            }
            (link, typed) => Some(Self::Online { link, typed }),
        }
    }
}

impl Service {
    /// Tells a user something by mail, if the server sends mail and the user has an address; answers where it goes.
    pub(super) fn tell(
        &self,
        transaction: &dyn Transaction,
        user: &User,
        occasion: Occasion,
        now: Timestamp,
    ) -> Result<Option<Email>, ServiceError> {
        let (Some(default), Some(email)) = (self.mail, &user.email) else { return Ok(None) };
        let language = user.language.unwrap_or(default);
        let (subject, expires_at) = (occasion.subject(), occasion.expires_at(now));
        let mail = Mail { language, account: user.name.clone(), at: now, occasion };
        let written = Zeroizing::new(serde_json::to_vec(&mail).map_err(|_| ServiceError::Sealed)?);
        self.post_mail(transaction, email.clone(), subject, &written, expires_at)?;
        Ok(Some(email.clone()))
    }

    /// What a mail in the outbox says, for whoever puts it into words.
    ///
    /// # Errors
    /// [`ServiceError::Sealed`].
    pub fn mail_of(&self, delivery: &Delivery) -> Result<Mail, ServiceError> {
        let written = self.open_mail(delivery)?;
        serde_json::from_slice(written.expose()).map_err(|_| ServiceError::Sealed)
    }

    /// Mails a ticket to the owner of its token, as far as it may be mailed; answers where it goes.
    pub(super) fn mail_ticket(
        &self,
        transaction: &dyn Transaction,
        user: &User,
        serial: SerialNumber,
        ticket: &TicketView,
        now: Timestamp,
    ) -> Result<Option<Email>, ServiceError> {
        let Some(mailed) = MailedTicket::of(ticket) else { return Ok(None) };
        let occasion = Occasion::Activation { serial, expires_at: ticket.expires_at, ticket: mailed };
        let mailed_to = self.tell(transaction, user, occasion, now)?;
        if let (Some(_), Some(token)) = (&mailed_to, transaction.token_by_serial(serial)?) {
            transaction.set_ticket_mailed(token.id)?;
        }
        Ok(mailed_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::activation::{ClassicTicket, OfflineTicketView, OnlineTicket};

    fn ticket(online: bool, classic: bool, offline: bool) -> TicketView {
        let serial: SerialNumber = "12345-67890".parse().unwrap();
        TicketView {
            expires_at: Timestamp::UNIX_EPOCH,
            offline: offline.then(|| OfflineTicketView { qr: "offline".into(), password: "password".into() }),
            online: online.then(|| OnlineTicket { link: "link".into(), qr: "qr".into() }),
            classic: classic.then(|| ClassicTicket { address: "a".into(), serial, code: "code".into() }),
        }
    }

    #[test]
    fn a_mail_holds_what_activates_alone_and_nothing_beside_it() {
        for (online, classic) in [(true, true), (true, false), (false, true)] {
            let Some(MailedTicket::Online { link, typed }) = MailedTicket::of(&ticket(online, classic, true)) else {
                panic!("{online} {classic}");
            };
            assert_eq!((link.is_some(), typed.is_some()), (online, classic));
        }
        let offline = MailedTicket::of(&ticket(false, false, true));
        assert!(matches!(offline, Some(MailedTicket::Offline { qr }) if *qr == "offline"));
        assert!(MailedTicket::of(&ticket(false, false, false)).is_none());
    }
}
