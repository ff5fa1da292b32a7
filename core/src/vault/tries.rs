//! The tries at a PIN: counted, and the count written down, before a PIN is tried.
//!
//! The count lies in a file of its own beside the vault, so that counting does not rewrite the vault. The order is kept
//! by types: only [`Tries::count`] makes a [`PinPermit`], and only a permit lets a PIN be tried.

use std::time::Duration;

/// How many tries have failed since the last one that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tries {
    failed: u32,
}

/// A try that has been counted. `tries` must be durable before `permit` is used.
#[derive(Debug)]
pub struct Counted {
    /// To be written down first.
    pub tries: Tries,
    /// Lets one PIN be tried.
    pub permit: PinPermit,
}

/// Lets one PIN be tried.
#[derive(Debug)]
pub struct PinPermit(());

/// There are no tries left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the PIN was wrong too often: the vault is locked")]
pub struct LockedError;

impl Tries {
    /// None has failed.
    pub const NONE: Self = Self { failed: 0 };

    /// Reads what [`Tries::to_bytes`] wrote. Anything else, or nothing, counts as no tries left: whoever damages the
    /// count must not win tries by it.
    #[must_use]
    pub fn from_bytes(bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some([1, failed @ ..]) if failed.len() == 4 => {
                Self { failed: failed.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) }
            }
            _ => Self { failed: u32::MAX },
        }
    }

    /// A version byte, 1, and the count as four bytes, most significant first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.failed.to_be_bytes();
        [1, a, b, c, d]
    }

    /// How many tries are left where policy allows `limit`.
    #[must_use]
    pub fn left(self, limit: u32) -> u32 {
        limit.saturating_sub(self.failed)
    }

    /// How long to wait before the next try: nothing at first, then 1, 2, 4 … seconds, at most half a minute.
    #[must_use]
    pub fn wait(self) -> Duration {
        match self.failed {
            0..=2 => Duration::ZERO,
            failed => Duration::from_secs(1 << (failed - 3).min(5)).min(Duration::from_secs(30)),
        }
    }

    /// Counts a try as failed before it is made; a success writes [`Tries::NONE`] afterwards.
    ///
    /// # Errors
    /// [`LockedError`] when `limit` tries have failed.
    pub fn count(self, limit: u32) -> Result<Counted, LockedError> {
        if self.left(limit) == 0 {
            return Err(LockedError);
        }
        Ok(Counted { tries: Self { failed: self.failed.saturating_add(1) }, permit: PinPermit(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_end() {
        let mut tries = Tries::NONE;
        for left in (1..=5).rev() {
            assert_eq!(tries.left(5), left);
            tries = tries.count(5).unwrap().tries;
            assert_eq!(Tries::from_bytes(Some(&tries.to_bytes())), tries);
        }
        assert_eq!(tries.count(5).unwrap_err(), LockedError);
    }

    #[test]
    fn a_damaged_or_missing_count_leaves_no_tries() {
        for bytes in [None, Some(&[][..]), Some(&[1, 0, 0, 0]), Some(&[2, 0, 0, 0, 0]), Some(&[1, 0, 0, 0, 0, 0])] {
            assert_eq!(Tries::from_bytes(bytes).left(20), 0, "{bytes:?}");
        }
    }

    #[test]
    fn the_wait_grows() {
        let waits: Vec<u64> = (0..12).map(|failed| Tries { failed }.wait().as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30]);
    }
}
