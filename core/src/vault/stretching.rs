//! How a slot stretches what was typed, on top of the hardware.

use rand_core::CryptoRngCore;

use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::secret::Secret;
use crate::stretching::{Cost, stretch};

/// How one slot stretches what was typed: its cost and its salt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretching {
    salt: [u8; 16],
    cost: Cost,
}

impl Stretching {
    pub(super) fn generate(cost: Cost, rng: &mut dyn CryptoRngCore) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        Self { salt, cost }
    }

    /// What the hardware's function is then asked for.
    pub(super) fn stretch(&self, typed: &[u8]) -> Secret<32> {
        stretch(self.cost, typed, &self.salt)
    }

    pub(super) fn write(&self, frame: FrameWriter) -> FrameWriter {
        frame.field(&self.salt).number(u64::from(self.cost.memory_kib())).number(u64::from(self.cost.passes()))
    }

    pub(super) fn read(reader: &mut FrameReader<'_>) -> Result<Self, FrameError> {
        let salt = *reader.array()?;
        let mut bounded = || u32::try_from(reader.number()?).map_err(|_| FrameError);
        let cost = Cost::new(bounded()?, bounded()?).ok_or(FrameError)?;
        Ok(Self { salt, cost })
    }
}
