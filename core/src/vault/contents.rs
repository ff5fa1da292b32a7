//! The sealed part of a vault: the token's keys.

use super::VaultError;
use super::unlock::UnlockSecret;
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::keys::{FactorKey, TokenKeys};
use crate::otp::{Digits, Hash, OtpKey, Period};
use crate::secret::{Secret, SecretBytes};

/// How a token makes its codes; fixed at its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeFormat {
    /// The hash under the HMAC.
    pub hash: Hash,
    /// The length of a code.
    pub digits: Digits,
    /// The length of a time step.
    pub period: Period,
}

/// What the body of a vault holds.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) format: CodeFormat,
    pub(super) code: SecretBytes,
    pub(super) challenge_response: Secret<32>,
    pub(super) factor_later: Secret<32>,
    /// Until the PIN slot is written, which then holds it.
    pub(super) factor_pin: Option<FactorKey>,
    /// Until the unlock slot is written, after which only the server has it.
    pub(super) unlock: Option<UnlockSecret>,
}

/// The version of the list of fields.
const FIELDS: u8 = 1;

impl Contents {
    pub(super) fn new(format: CodeFormat, keys: TokenKeys) -> Self {
        Self {
            format,
            code: keys.code,
            challenge_response: keys.challenge_response,
            factor_later: keys.factor_later,
            factor_pin: Some(keys.factor_pin),
            unlock: Some(UnlockSecret::first(keys.unlock)),
        }
    }

    pub(super) fn otp_key(&self) -> OtpKey {
        OtpKey::prepare(self.format.hash, self.code.expose())
    }

    /// All fields; one that is absent is empty.
    pub(super) fn write(&self) -> FrameWriter {
        let factor_pin = self.factor_pin.as_ref().map(|factor| factor.secret().expose().as_slice());
        let unlock = self.unlock.as_ref().map(|unlock| unlock.secret().expose().as_slice());
        FrameWriter::with_capacity(self.capacity())
            .field(&[FIELDS])
            .field(self.format.hash.name().as_bytes())
            .field(&[self.format.digits.get()])
            .number(u64::from(self.format.period.seconds()))
            .field(self.code.expose())
            .field(self.challenge_response.expose())
            .field(self.factor_later.expose())
            .field(factor_pin.unwrap_or_default())
            .number(self.unlock.as_ref().map_or(0, |unlock| unlock.number().into()))
            .field(unlock.unwrap_or_default())
    }

    /// Room for the longest form, so that writing never moves keys about in memory.
    fn capacity(&self) -> usize {
        256 + self.code.expose().len()
    }

    pub(super) fn read(plain: &[u8]) -> Result<Self, VaultError> {
        let mut reader = FrameReader::new(plain);
        if reader.array()? != &[FIELDS] {
            return Err(VaultError::LaterVersion);
        }
        let hash = std::str::from_utf8(reader.field()?).ok().and_then(|name| name.parse().ok()).ok_or(FrameError)?;
        let [digits] = *reader.array()?;
        let digits = Digits::new(digits).ok_or(FrameError)?;
        let period = u16::try_from(reader.number()?).ok().and_then(Period::from_seconds).ok_or(FrameError)?;
        let contents = Self {
            format: CodeFormat { hash, digits, period },
            code: SecretBytes::from_slice(reader.field()?),
            challenge_response: secret(&mut reader)?,
            factor_later: secret(&mut reader)?,
            factor_pin: optional_secret(&mut reader)?.map(FactorKey::from_secret),
            unlock: {
                let number = u16::try_from(reader.number()?).map_err(|_| FrameError)?;
                let secret = optional_secret(&mut reader)?;
                secret.map(|secret| UnlockSecret::from_parts(number, secret).ok_or(FrameError)).transpose()?
            },
        };
        reader.finish()?;
        Ok(contents)
    }
}

fn optional_secret(reader: &mut FrameReader<'_>) -> Result<Option<Secret<32>>, FrameError> {
    match reader.field()? {
        [] => Ok(None),
        bytes => Secret::from_slice(bytes).map(Some).ok_or(FrameError),
    }
}

pub(super) fn secret(reader: &mut FrameReader<'_>) -> Result<Secret<32>, FrameError> {
    optional_secret(reader)?.ok_or(FrameError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contents(hash: Hash, code: &[u8], factor_pin: Option<[u8; 32]>, unlock: Option<(u16, [u8; 32])>) -> Contents {
        let secret = |bytes: [u8; 32]| Secret::from_slice(&bytes).unwrap();
        Contents {
            format: CodeFormat { hash, digits: Digits::EIGHT, period: Period::STANDARD },
            code: SecretBytes::from_slice(code),
            challenge_response: secret([1; 32]),
            factor_later: secret([2; 32]),
            factor_pin: factor_pin.map(|bytes| FactorKey::from_secret(secret(bytes))),
            unlock: unlock.map(|(number, bytes)| UnlockSecret::from_parts(number, secret(bytes)).unwrap()),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            code in proptest::collection::vec(any::<u8>(), 0..200),
            factor: Option<[u8; 32]>,
            unlock in proptest::option::of((0..10_000_u16, any::<[u8; 32]>())),
            hash in prop_oneof![Just(Hash::Sha1), Just(Hash::Sha256), Just(Hash::Sha512)],
        ) {
            let written = contents(hash, &code, factor, unlock);
            let read = Contents::read(written.write().as_bytes()).unwrap();
            prop_assert_eq!(read.format, written.format);
            prop_assert_eq!(read.code, SecretBytes::from_slice(&code));
            prop_assert_eq!(read.challenge_response.expose(), &[1; 32]);
            prop_assert_eq!(read.factor_later.expose(), &[2; 32]);
            prop_assert_eq!(read.factor_pin.map(|factor| *factor.secret().expose()), factor);
            prop_assert_eq!(read.unlock, written.unlock);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Contents::read(&bytes);
        }
    }

    #[test]
    fn writing_never_grows() {
        let longest = contents(Hash::Sha512, &[3; 64], Some([4; 32]), Some((9999, [5; 32])));
        assert!(longest.write().as_bytes().len() <= longest.capacity());
    }
}
