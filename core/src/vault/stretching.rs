//! Argon2id (RFC 9106): makes each guess at a PIN or an unlock code cost time and memory, on top of the hardware.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::secret::Secret;

/// What one guess costs: memory and passes over it, always in one lane.
///
/// A vault carries its cost, so the default can rise with the years. The bounds hold for both directions: less than
/// 8 MiB would protect nobody, and a file that asks for more than 256 MiB or ten passes is meant to exhaust the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self::STANDARD
    }
}

impl Cost {
    /// 64 MiB, three passes: the second recommended choice of RFC 9106, 4, with one lane.
    pub const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3 };
    /// 8 MiB, one pass: the least that is read. For tests.
    pub const LEAST: Self = Self { memory_kib: 8 * 1024, passes: 1 };

    /// A cost of 8192 to 262144 KiB and 1 to 10 passes; `None` outside these bounds.
    #[must_use]
    pub const fn new(memory_kib: u32, passes: u32) -> Option<Self> {
        if memory_kib >= 8 * 1024 && memory_kib <= 256 * 1024 && passes >= 1 && passes <= 10 {
            Some(Self { memory_kib, passes })
        } else {
            None
        }
    }
}

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

    /// Argon2id, version 19, one lane, 32 bytes: what the hardware's function is then asked for.
    pub(super) fn stretch(&self, typed: &[u8]) -> Secret<32> {
        let params = Params::new(self.cost.memory_kib, self.cost.passes, 1, Some(32));
        let params = params.unwrap_or_else(|_| unreachable!("the bounds of a cost are within those of Argon2"));
        // The memory tells PINs apart without the hardware, so it is wiped.
        let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let output = Secret::fill_with(|output| {
            argon2.hash_password_into_with_memory(typed, &self.salt, output, memory.as_mut_slice())
        });
        output.unwrap_or_else(|_| unreachable!("the lengths are those that Argon2 takes"))
    }

    pub(super) fn write(&self, frame: FrameWriter) -> FrameWriter {
        frame.field(&self.salt).number(u64::from(self.cost.memory_kib)).number(u64::from(self.cost.passes))
    }

    pub(super) fn read(reader: &mut FrameReader<'_>) -> Result<Self, FrameError> {
        let salt = *reader.array()?;
        let mut bounded = || u32::try_from(reader.number()?).map_err(|_| FrameError);
        let cost = Cost::new(bounded()?, bounded()?).ok_or(FrameError)?;
        Ok(Self { salt, cost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_bounded() {
        assert_eq!(Cost::new(64 * 1024, 3), Some(Cost::STANDARD));
        assert_eq!(Cost::new(8 * 1024, 1), Some(Cost::LEAST));
        assert!(Cost::new(256 * 1024, 10).is_some());
        for (memory, passes) in [(8191, 1), (262_145, 1), (8192, 0), (8192, 11), (0, 0), (u32::MAX, u32::MAX)] {
            assert_eq!(Cost::new(memory, passes), None);
        }
    }
}
