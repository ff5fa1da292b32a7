//! The bytes of a vault's file.

use super::{Cost, Header, VaultError};
use crate::frame::{FrameError, FrameReader, FrameWriter};

/// The first byte of the file.
const VERSION: u8 = 1;

/// No vault is longer; the header is the largest part.
const LONGEST: usize = 64 * 1024;

/// At most so many ways to open one vault.
const SLOTS: usize = 16;

/// A vault as it lies on the phone: the header can be read, the rest is sealed.
#[derive(Debug, Clone)]
pub struct SealedVault {
    pub(super) header: Header,
    /// The header's own bytes: they are what is authenticated, so nothing depends on how JSON is written.
    header_bytes: Vec<u8>,
    pub(super) slots: Vec<Slot>,
    pub(super) body: Vec<u8>,
}

/// One way to open a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// The vault key, sealed by a key of the hardware.
    Device { sealed: Vec<u8> },
    /// The vault key and the PIN's factor key, sealed by a key from the PIN and the hardware.
    Pin { salt: [u8; 16], cost: Cost, sealed: Vec<u8> },
    /// A way that this version does not know; kept as it is.
    Unknown { kind: u8, bytes: Vec<u8> },
}

impl Slot {
    pub(super) const DEVICE: u8 = 1;
    pub(super) const PIN: u8 = 2;

    fn write(&self) -> FrameWriter {
        match self {
            Self::Device { sealed } => FrameWriter::default().field(&[Self::DEVICE]).field(sealed),
            Self::Pin { salt, cost, sealed } => {
                let inner = FrameWriter::default()
                    .field(salt)
                    .number(cost.memory.into())
                    .number(cost.passes.into())
                    .field(sealed);
                FrameWriter::default().field(&[Self::PIN]).field(inner.as_bytes())
            }
            Self::Unknown { kind, bytes } => FrameWriter::default().field(&[*kind]).field(bytes),
        }
    }

    fn read(kind: u8, bytes: &[u8]) -> Result<Self, FrameError> {
        match kind {
            Self::DEVICE => Ok(Self::Device { sealed: bytes.to_vec() }),
            Self::PIN => {
                let mut reader = FrameReader::new(bytes);
                let salt = *reader.array()?;
                let number = |number: u64| u32::try_from(number).map_err(|_| FrameError);
                let (memory, passes) = (number(reader.number()?)?, number(reader.number()?)?);
                // Whoever changes the file must not make the phone compute for hours, or for nothing.
                let cost = Cost::new(memory, passes).ok_or(FrameError)?;
                let sealed = reader.field()?.to_vec();
                reader.finish()?;
                Ok(Self::Pin { salt, cost, sealed })
            }
            kind => Ok(Self::Unknown { kind, bytes: bytes.to_vec() }),
        }
    }
}

/// What a slot is bound to: the account, so that it opens no other vault, and its kind. Not the whole header, so that a
/// new policy can be written without the PIN.
pub(super) fn slot_data(kind: u8, header: &Header) -> FrameWriter {
    FrameWriter::default()
        .field(b"symbolon/1/vault/slot")
        .field(&[kind])
        .field(header.serial.digits().as_bytes())
        .field(header.identity_key.hash().as_slice())
}

impl SealedVault {
    /// Reads a file. What is in the header is authenticated only when the vault is opened.
    ///
    /// # Errors
    /// [`VaultError::Later`] for versions that this one does not know, [`VaultError::Damaged`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        if bytes.len() > LONGEST {
            return Err(VaultError::Damaged);
        }
        match bytes.split_first() {
            Some((&VERSION, rest)) => Self::read(rest).map_err(|_| VaultError::Damaged),
            Some((&(VERSION..), _)) => Err(VaultError::Later),
            _ => Err(VaultError::Damaged),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut reader = FrameReader::new(bytes);
        let header_bytes = reader.field()?.to_vec();
        let header = serde_json::from_slice(&header_bytes).map_err(|_| FrameError)?;
        let mut slots = Vec::new();
        let mut slot_reader = FrameReader::new(reader.field()?);
        while !slot_reader.is_empty() && slots.len() < SLOTS {
            let [kind] = *slot_reader.array()?;
            slots.push(Slot::read(kind, slot_reader.field()?)?);
        }
        slot_reader.finish()?;
        let body = reader.field()?.to_vec();
        reader.finish()?;
        Ok(Self { header, header_bytes, slots, body })
    }

    /// A vault whose body is still to be sealed.
    pub(super) fn unsealed(header: Header, slots: Vec<Slot>) -> Self {
        let header_bytes = serde_json::to_vec(&header);
        let header_bytes = header_bytes.unwrap_or_else(|_| unreachable!("a header always has a JSON form"));
        Self { header, header_bytes, slots, body: Vec::new() }
    }

    /// The clear part. Not to be believed before the vault is opened.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn slot_bytes(&self) -> Vec<u8> {
        self.slots.iter().flat_map(|slot| slot.write().as_bytes().to_vec()).collect()
    }

    /// What the body is bound to: version, header and slots.
    pub(super) fn associated_data(&self) -> Vec<u8> {
        let frame = FrameWriter::default().field(&[VERSION]).field(&self.header_bytes).field(&self.slot_bytes());
        frame.as_bytes().to_vec()
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let frame =
            FrameWriter::default().field(&self.header_bytes).field(&self.slot_bytes()).field(&self.body);
        [&[VERSION], frame.as_bytes()].concat()
    }
}
