//! The sealed part of a vault: the token's keys.

use super::VaultError;
use super::unlock::UnlockSecret;
use crate::activation::offline::RegistrationCode;
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::keys::{FactorKey, OfflineKeys, TokenKeys};
use crate::otp::{CodeFormat, Digits, OtpKey, Period};
use crate::secret::{Secret, SecretBytes};

/// What the body of a vault holds.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) format: CodeFormat,
    pub(super) code: SecretBytes,
    pub(super) challenge_response: Secret<32>,
    pub(super) activated: Activated,
}

/// What the token has by the way in which it was activated.
#[derive(Debug)]
pub(super) enum Activated {
    Online {
        factor_later: Secret<32>,
        /// Until the PIN slot is written, which then holds it.
        factor_pin: Option<FactorKey>,
        /// Until the unlock slot is written, after which only the server has it.
        unlock: Option<UnlockSecret>,
    },
    Offline {
        /// For the person to give to the server.
        registration: RegistrationCode,
    },
}

/// The version of the list of fields of a token that was activated online.
const ONLINE: u8 = 1;

/// The version of the shorter list of one that was activated offline.
const OFFLINE: u8 = 2;

impl Contents {
    pub(super) fn online(format: CodeFormat, keys: TokenKeys) -> Self {
        let activated = Activated::Online {
            factor_later: keys.factor_later,
            factor_pin: Some(keys.factor_pin),
            unlock: Some(UnlockSecret::first(keys.unlock)),
        };
        Self { format, code: keys.code, challenge_response: keys.challenge_response, activated }
    }

    pub(super) fn offline(format: CodeFormat, keys: OfflineKeys, registration: RegistrationCode) -> Self {
        let OfflineKeys { code, challenge_response } = keys;
        Self { format, code, challenge_response, activated: Activated::Offline { registration } }
    }

    pub(super) fn otp_key(&self) -> OtpKey {
        OtpKey::prepare(self.format.hash, self.code.expose())
    }

    /// The secret behind the next unlock code, as long as this vault has it.
    pub(super) fn unlock(&self) -> Option<&UnlockSecret> {
        match &self.activated {
            Activated::Online { unlock, .. } => unlock.as_ref(),
            Activated::Offline { .. } => None,
        }
    }

    /// Moves the unlock secret out; only the server has it then.
    pub(super) fn take_unlock(&mut self) -> Option<UnlockSecret> {
        match &mut self.activated {
            Activated::Online { unlock, .. } => unlock.take(),
            Activated::Offline { .. } => None,
        }
    }

    /// Moves the PIN factor key out, for the PIN slot to hold it.
    pub(super) fn take_factor_pin(&mut self) -> Option<FactorKey> {
        match &mut self.activated {
            Activated::Online { factor_pin, .. } => factor_pin.take(),
            Activated::Offline { .. } => None,
        }
    }

    /// All fields; one that is absent is empty.
    pub(super) fn write(&self) -> FrameWriter {
        let version = match self.activated {
            Activated::Online { .. } => ONLINE,
            Activated::Offline { .. } => OFFLINE,
        };
        let frame = FrameWriter::with_capacity(self.capacity())
            .field(&[version])
            .field(self.format.hash.name().as_bytes())
            .field(&[self.format.digits.get()])
            .number(u64::from(self.format.period.seconds()))
            .field(self.code.expose())
            .field(self.challenge_response.expose());
        match &self.activated {
            Activated::Online { factor_later, factor_pin, unlock } => {
                let factor_pin = factor_pin.as_ref().map(|factor| factor.secret().expose().as_slice());
                frame
                    .field(factor_later.expose())
                    .field(factor_pin.unwrap_or_default())
                    .number(unlock.as_ref().map_or(0, |unlock| unlock.number().into()))
                    .field(unlock.as_ref().map(|unlock| unlock.secret().expose().as_slice()).unwrap_or_default())
            }
            Activated::Offline { registration } => frame.field(registration.digits().as_bytes()),
        }
    }

    /// Room for the longest form, so that writing never moves keys about in memory.
    fn capacity(&self) -> usize {
        256 + self.code.expose().len()
    }

    pub(super) fn read(plain: &[u8]) -> Result<Self, VaultError> {
        let mut reader = FrameReader::new(plain);
        let [version] = *reader.array()?;
        if version != ONLINE && version != OFFLINE {
            return Err(VaultError::LaterVersion);
        }
        let hash = text(&mut reader)?.parse().map_err(|_| FrameError)?;
        let [digits] = *reader.array()?;
        let digits = Digits::new(digits).ok_or(FrameError)?;
        let period = u16::try_from(reader.number()?).ok().and_then(Period::from_seconds).ok_or(FrameError)?;
        let contents = Self {
            format: CodeFormat { hash, digits, period },
            code: SecretBytes::from_slice(reader.field()?),
            challenge_response: secret(&mut reader)?,
            activated: if version == OFFLINE {
                Activated::Offline { registration: text(&mut reader)?.parse().map_err(|_| FrameError)? }
            } else {
                Activated::Online {
                    factor_later: secret(&mut reader)?,
                    factor_pin: optional_secret(&mut reader)?.map(FactorKey::from_secret),
                    unlock: {
                        let number = u16::try_from(reader.number()?).map_err(|_| FrameError)?;
                        let secret = optional_secret(&mut reader)?;
                        secret.map(|secret| UnlockSecret::from_parts(number, secret).ok_or(FrameError)).transpose()?
                    },
                }
            },
        };
        reader.finish()?;
        Ok(contents)
    }
}

fn text<'a>(reader: &mut FrameReader<'a>) -> Result<&'a str, FrameError> {
    std::str::from_utf8(reader.field()?).map_err(|_| FrameError)
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
    use crate::otp::Hash;

    fn contents(hash: Hash, code: &[u8], activated: Activated) -> Contents {
        Contents {
            format: CodeFormat { hash, digits: Digits::EIGHT, period: Period::STANDARD },
            code: SecretBytes::from_slice(code),
            challenge_response: known([1; 32]),
            activated,
        }
    }

    fn known(bytes: [u8; 32]) -> Secret<32> {
        Secret::from_slice(&bytes).unwrap()
    }

    fn online(factor_pin: Option<[u8; 32]>, unlock: Option<(u16, [u8; 32])>) -> Activated {
        Activated::Online {
            factor_later: known([2; 32]),
            factor_pin: factor_pin.map(|bytes| FactorKey::from_secret(known(bytes))),
            unlock: unlock.map(|(number, bytes)| UnlockSecret::from_parts(number, known(bytes)).unwrap()),
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
            let written = contents(hash, &code, online(factor, unlock));
            let mut read = Contents::read(written.write().as_bytes()).unwrap();
            prop_assert_eq!(read.format, written.format);
            prop_assert_eq!(&read.code, &SecretBytes::from_slice(&code));
            prop_assert_eq!(read.challenge_response.expose(), &[1; 32]);
            prop_assert_eq!(read.take_factor_pin().map(|factor| *factor.secret().expose()), factor);
            prop_assert_eq!(read.unlock(), written.unlock());
            let Activated::Online { factor_later, .. } = read.activated else { panic!("it was online") };
            prop_assert_eq!(factor_later.expose(), &[2; 32]);
        }

        #[test]
        fn what_an_offline_token_has_is_read_as_it_is_written(code: [u8; 20], number in 0..10_000_000_000_u64) {
            let registration: RegistrationCode = format!("{number:010}").parse().unwrap();
            let written = contents(Hash::Sha1, &code, Activated::Offline { registration });
            let mut read = Contents::read(written.write().as_bytes()).unwrap();
            prop_assert_eq!(&read.code, &SecretBytes::from_slice(&code));
            prop_assert!(read.unlock().is_none() && read.take_factor_pin().is_none());
            let Activated::Offline { registration: found } = read.activated else { panic!("it was offline") };
            prop_assert_eq!(found, registration);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Contents::read(&bytes);
        }
    }

    #[test]
    fn writing_never_grows() {
        let longest = contents(Hash::Sha512, &[3; 64], online(Some([4; 32]), Some((9999, [5; 32]))));
        assert!(longest.write().as_bytes().len() <= longest.capacity());
    }
}
