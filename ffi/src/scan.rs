//! What a camera reads, or another app hands over.

use std::sync::Arc;

use symbolon_core::activation::offline::OfflineTicket;
use symbolon_core::activation::{Ticket, TicketError, TicketWithoutCode};
use symbolon_core::approval::offline::OfflineRequest;

use crate::SymbolonError;
use crate::approval::OfflineApproval;
use crate::soft_token::secret;

/// What a scanned text is for.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Scan {
    /// For [`SoftToken::activate`](crate::SoftToken::activate).
    Activation,
    /// For [`SoftToken::activate_with_code`](crate::SoftToken::activate_with_code), with the activation code that the person has
    /// beside the link.
    ActivationWithoutCode {
        /// The server's host.
        server: String,
        /// The token's serial number.
        serial: String,
    },
    /// For [`SoftToken::activate_offline`](crate::SoftToken::activate_offline), with the password.
    OfflineActivation,
    /// To be approved without a network.
    Approval {
        /// What is asked.
        approval: Arc<OfflineApproval>,
    },
}

/// Tells what a link or the text of a QR is for, in UTF-8.
///
/// # Errors
/// [`SymbolonError::Input`] when it is none of Symbolon's, with the reason.
#[uniffi::export]
pub fn read_scan(scanned: Vec<u8>) -> Result<Scan, SymbolonError> {
    let scanned = secret(scanned);
    let text = text(&scanned)?;
    match text.split('?').next().unwrap_or_default() {
        "symbolon://offline" => {
            let _: OfflineTicket = text.parse().map_err(SymbolonError::input)?;
            Ok(Scan::OfflineActivation)
        }
        "symbolon://approve" => {
            let request: OfflineRequest = text.parse().map_err(SymbolonError::input)?;
            Ok(Scan::Approval { approval: Arc::new(OfflineApproval(request)) })
        }
        _ => match text.parse::<Ticket>() {
            Ok(_) => Ok(Scan::Activation),
            Err(TicketError::PasswordMissing) => {
                let ticket: TicketWithoutCode = text.parse().map_err(SymbolonError::input)?;
                Ok(Scan::ActivationWithoutCode { server: ticket.server.host(), serial: ticket.serial.to_string() })
            }
            Err(error) => Err(SymbolonError::input(error)),
        },
    }
}

/// Bytes as the text that they are.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, SymbolonError> {
    std::str::from_utf8(bytes).map(str::trim).map_err(|_| SymbolonError::input("this is no text"))
}
