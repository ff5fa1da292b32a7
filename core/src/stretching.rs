//! Argon2id (RFC 9106): makes each guess at what a person types cost time and memory.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

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

    /// The memory in KiB.
    pub(crate) const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// The passes over the memory.
    pub(crate) const fn passes(self) -> u32 {
        self.passes
    }

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

/// Argon2id, version 19, one lane, 32 bytes. The salt has 8 bytes at least.
pub(crate) fn stretch(cost: Cost, typed: &[u8], salt: &[u8]) -> Secret<32> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32));
    let params = params.unwrap_or_else(|_| unreachable!("the bounds of a cost are within those of Argon2"));
    // The memory tells what was typed from anything else, so it is wiped.
    let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let output =
        Secret::fill_with(|output| argon2.hash_password_into_with_memory(typed, salt, output, memory.as_mut_slice()));
    output.unwrap_or_else(|_| unreachable!("the lengths are those that Argon2 takes"))
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
