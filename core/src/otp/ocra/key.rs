//! A key that is ready to respond: the HMAC with the suite already in it (RFC 6287, 5.1).

use std::fmt;

use super::{OcraInput, OcraInputError, OcraResponse, OcraSuite};
use crate::otp::keyed::Keyed;

/// A token's key, ready to make responses of one suite.
///
/// The HMAC is keyed once, takes in the suite and the zero byte after it, and its state is copied for each response.
pub struct OcraKey {
    suite: OcraSuite,
    keyed: Keyed,
}

impl OcraKey {
    /// Prepares `secret`, of any length, for responses of `suite`.
    #[must_use]
    pub fn prepare(suite: OcraSuite, secret: &[u8]) -> Self {
        let keyed = Keyed::prepare(suite.hash(), secret).absorb(suite.to_string().as_bytes()).absorb(&[0]);
        Self { suite, keyed }
    }

    /// The suite whose responses this key makes.
    #[must_use]
    pub fn suite(&self) -> &OcraSuite {
        &self.suite
    }

    /// The response to `input` (RFC 6287, 5).
    ///
    /// # Errors
    /// [`OcraInputError`] names the input that does not fit the suite.
    pub fn respond(&self, input: &OcraInput<'_>) -> Result<OcraResponse, OcraInputError> {
        let data = input.data(&self.suite)?;
        Ok(self.mac(data.expose(), |mac| OcraResponse::of(mac, &self.suite)))
    }

    /// Takes in the beginning of the data that all further messages have in common.
    pub(super) fn absorb(self, data: &[u8]) -> Self {
        Self { keyed: self.keyed.absorb(data), ..self }
    }

    /// Hands the HMAC over the suite, what was absorbed and `data` to `then`.
    pub(super) fn mac<T>(&self, data: &[u8], then: impl FnOnce(&[u8]) -> T) -> T {
        self.keyed.mac(data, then)
    }
}

impl fmt::Debug for OcraKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
