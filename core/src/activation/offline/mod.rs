//! Activation without a network: a QR and a password that came another way, or serial number and activation code, typed
//! (classic).
//!
//! The phone draws a [`RegistrationCode`]; from it, and from what the ticket said, both halves derive the same keys. No
//! message passes between them: the person takes the registration code and the first code to the server, and only
//! together do they show that the password was typed right. So nothing on the phone, and nothing in the QR, tells whether
//! a password is the right one. `docs/protocol.md` is the specification.
//!
//! ```text
//! phone   Begun ── derive ► Registered       what the vault keeps, and the registration code
//! server  Half ── register(code) ► Candidate ── judge(first code) ► Completed
//! ```

use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::keys::{OfflineKeys, OfflineSeed, sha256};
use crate::otp::{CodeFormat, Digits, Period};
use crate::secret::{Secret, SecretBytes};
use crate::serial::SerialNumber;
use crate::stretching::{Cost, stretch};

use super::{ActivationPassword, OfflinePassword};

pub mod phone;
mod registration;
pub mod server;
mod ticket;

#[cfg(test)]
mod tests;

pub use registration::{RegistrationCode, RegistrationCodeError};
pub use ticket::{Offer, OfflineTicket, OfflineTicketError};

/// The secret in an offline QR: 128 random bits.
type QrSecret = Secret<16>;

/// What a phone and its server both have before there is a registration code. The server keeps it, sealed, until it is
/// used or the ticket ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Half {
    serial: SerialNumber,
    format: CodeFormat,
    password: SecretBytes,
    /// Of a QR; a typed ticket has none.
    secret: Option<QrSecret>,
    /// The hash of all that the QR says, so that a QR which somebody changed leads to other keys.
    ticket: [u8; 32],
}

impl Half {
    /// Of a QR and its password.
    #[must_use]
    pub fn scanned(ticket: &OfflineTicket, password: &OfflinePassword) -> Self {
        let policy = &ticket.offer().policy;
        Self {
            serial: ticket.offer().serial,
            format: CodeFormat { hash: policy.hash, digits: policy.code_length.digits(), period: Period::STANDARD },
            password: SecretBytes::from_slice(password.expose().as_bytes()),
            secret: Some(ticket.secret().duplicate()),
            ticket: ticket_hash(ticket.text()),
        }
    }

    /// Of what is typed. The phone learns nothing of the policy, so its codes have the standard format.
    #[must_use]
    pub fn typed(serial: SerialNumber, password: &ActivationPassword) -> Self {
        Self {
            serial,
            format: CodeFormat::STANDARD,
            password: SecretBytes::from_slice(password.expose().as_bytes()),
            secret: None,
            ticket: ticket_hash(""),
        }
    }

    /// The bytes to store, sealed.
    #[must_use]
    pub fn write(&self) -> FrameWriter {
        FrameWriter::with_capacity(256)
            .number(self.serial.to_number())
            .field(self.format.hash.name().as_bytes())
            .field(&[self.format.digits.get()])
            .field(self.password.expose())
            .field(self.secret())
            .field(&self.ticket)
    }

    /// Takes back what was stored.
    ///
    /// # Errors
    /// [`FrameError`] when it is something else.
    pub fn read(plain: &[u8]) -> Result<Self, FrameError> {
        let mut reader = FrameReader::new(plain);
        let half = Self {
            serial: SerialNumber::from_number(reader.number()?).ok_or(FrameError)?,
            format: CodeFormat {
                hash: std::str::from_utf8(reader.field()?).ok().and_then(|name| name.parse().ok()).ok_or(FrameError)?,
                digits: Digits::new(reader.array::<1>()?[0]).ok_or(FrameError)?,
                period: Period::STANDARD,
            },
            password: SecretBytes::from_slice(reader.field()?),
            secret: match reader.field()? {
                [] => None,
                bytes => Some(Secret::from_slice(bytes).ok_or(FrameError)?),
            },
            ticket: *reader.array()?,
        };
        reader.finish()?;
        Ok(half)
    }

    fn secret(&self) -> &[u8] {
        self.secret.as_ref().map_or(&[], |secret| secret.expose())
    }

    /// The token's keys. Takes Argon2's time and memory: what one guess at the password costs.
    fn derive(self, registration: &RegistrationCode) -> OfflineKeys {
        let typed =
            FrameWriter::with_capacity(64).field(self.password.expose()).field(registration.digits().as_bytes());
        let salt = FrameWriter::with_capacity(64).field(self.serial.digits().as_bytes()).field(self.secret());
        let stretched = stretch(Cost::STANDARD, typed.as_bytes(), salt.as_bytes());
        OfflineSeed::extract(&self.ticket, self.secret(), &stretched).token_keys(self.format.hash)
    }
}

/// The hash over a whole QR; a typed ticket has an empty one.
fn ticket_hash(text: &str) -> [u8; 32] {
    sha256(FrameWriter::with_capacity(1024).field(b"symbolon/1/offline").field(text.as_bytes()).as_bytes())
}
