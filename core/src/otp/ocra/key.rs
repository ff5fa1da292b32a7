//! A key that is ready to respond: the HMAC with the suite already in it (RFC 6287, 5.1).

use std::fmt;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{OcraInput, OcraInputError, OcraResponse, OcraSuite};
use crate::otp::Hash;

/// A token's key, ready to make responses of one suite.
///
/// The HMAC is keyed once, takes in the suite and the zero byte after it, and its state is copied for each response.
pub struct OcraKey {
    suite: OcraSuite,
    keyed: Keyed,
}

#[derive(Clone)]
enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

fn keyed<M: KeyInit>(secret: &[u8]) -> M {
    M::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

impl Keyed {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
            Self::Sha512(mac) => mac.update(bytes),
        }
    }

    fn finish<T>(self, then: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Sha1(mac) => then(&mac.finalize().into_bytes()),
            Self::Sha256(mac) => then(&mac.finalize().into_bytes()),
            Self::Sha512(mac) => then(&mac.finalize().into_bytes()),
        }
    }
}

impl OcraKey {
    /// Prepares `secret`, of any length, for responses of `suite`.
    #[must_use]
    pub fn prepare(suite: OcraSuite, secret: &[u8]) -> Self {
        let mut keyed = match suite.hash() {
            Hash::Sha1 => Keyed::Sha1(keyed(secret)),
            Hash::Sha256 => Keyed::Sha256(keyed(secret)),
            Hash::Sha512 => Keyed::Sha512(keyed(secret)),
        };
        keyed.update(suite.to_string().as_bytes());
        keyed.update(&[0]);
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
    pub(super) fn absorb(mut self, data: &[u8]) -> Self {
        self.keyed.update(data);
        self
    }

    /// Hands the HMAC over the suite, what was absorbed and `data` to `then`.
    pub(super) fn mac<T>(&self, data: &[u8], then: impl FnOnce(&[u8]) -> T) -> T {
        let mut keyed = self.keyed.clone();
        keyed.update(data);
        keyed.finish(then)
    }
}

impl fmt::Debug for OcraKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
