//! The counter of PIN tries: it lies in a small file of its own beside the vault and is written before a PIN is tried.
//!
//! The only way to a [`PinPermit`], without which no PIN can be tried, leads through [`Tries::count`].

use jiff::{SignedDuration, Timestamp};

use super::sealed::Untested;
use crate::keys::sha256;
use crate::policy::PinTries;

/// How many PINs were tried since the vault was last opened, and when the last one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    failures: u32,
    last: Timestamp,
}

/// Leave to try one PIN. Used up by [`SealedVault::attempt_pin`](super::SealedVault::attempt_pin).
#[derive(Debug)]
#[must_use]
pub struct PinPermit(());

/// A try that is counted, but perhaps not yet on disk.
#[derive(Debug)]
#[must_use]
pub struct Counted(Tries);

/// Why no PIN may be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TriesError {
    /// Every try is used up.
    #[error("the token is locked: too many wrong PINs; ask for an unlock code")]
    Locked,
    /// The last wrong PIN was typed a moment ago.
    #[error("wait {} s before the next try", .0.as_secs())]
    Wait(SignedDuration),
}

const VERSION: u8 = 1;
/// More failures than any limit allows.
const LOCKED: u32 = u32::MAX;

impl Tries {
    /// No failures: for a new vault, and after one was opened.
    pub const NONE: Self = Self { failures: 0, last: Timestamp::UNIX_EPOCH };

    /// Reads the counter's file: 21 bytes.
    ///
    /// A file that is missing (no bytes) or damaged counts as locked. The file is replaced whole and so never half
    /// written; if it is not what was written, then somebody or something changed it, and the safe way out is an unlock
    /// code, not a fresh set of tries.
    #[must_use]
    pub fn parse(file: &[u8]) -> Self {
        Self::read(file).unwrap_or(Self { failures: LOCKED, last: Timestamp::UNIX_EPOCH })
    }

    fn read(file: &[u8]) -> Option<Self> {
        let (counter, check) = file.split_last_chunk::<8>()?;
        let (version, counter) = counter.split_first()?;
        let (failures, last) = counter.split_first_chunk::<4>()?;
        if *version != VERSION || !sha256(file.get(..13)?).starts_with(check) {
            return None;
        }
        let last = Timestamp::from_millisecond(i64::from_be_bytes(last.try_into().ok()?)).ok()?;
        Some(Self { failures: u32::from_be_bytes(*failures), last })
    }

    /// The bytes of the counter's file: version (1 byte), failures (4), milliseconds since 1970 (8), and the first
    /// eight bytes of the SHA-256 of all these, which finds accidents and no attackers.
    #[must_use]
    pub fn to_file(self) -> Vec<u8> {
        let mut file = vec![VERSION];
        file.extend_from_slice(&self.failures.to_be_bytes());
        file.extend_from_slice(&self.last.as_millisecond().to_be_bytes());
        let check = sha256(&file);
        file.extend(check.iter().take(8));
        file
    }

    /// How many tries are left.
    #[must_use]
    pub fn left(self, limit: PinTries) -> u32 {
        limit.get().saturating_sub(self.failures)
    }

    /// Whether no PIN helps any more.
    #[must_use]
    pub fn is_locked(self, limit: PinTries) -> bool {
        self.left(limit) == 0
    }

    /// How long to wait after so many failures: nothing after the first two, 1 s after the third, twice as long after
    /// each further one, 15 minutes at most.
    #[must_use]
    pub fn wait_after(failures: u32) -> SignedDuration {
        let seconds = match failures {
            0..=2 => 0,
            3..=12 => 1 << (failures - 3),
            _ => 900,
        };
        SignedDuration::from_secs(seconds)
    }

    /// How long from `now` until the next try is taken; zero when at once.
    ///
    /// The clock is the device's, whose owner can change it: the wait slows thumbs down, the limit is what counts. A
    /// clock that was set back past the last try makes nobody wait.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> SignedDuration {
        let since = now.duration_since(self.last);
        let wait = Self::wait_after(self.failures);
        if since.is_negative() || since >= wait { SignedDuration::ZERO } else { wait.saturating_sub(since) }
    }

    /// Counts a try.
    ///
    /// # Errors
    /// [`TriesError`] when `limit` is reached, or the wait is not over at `now`.
    pub fn count(self, limit: PinTries, now: Timestamp) -> Result<Counted, TriesError> {
        if self.is_locked(limit) {
            return Err(TriesError::Locked);
        }
        let wait = self.wait(now);
        if wait.is_positive() {
            return Err(TriesError::Wait(wait));
        }
        Ok(Counted(Self { failures: self.failures.saturating_add(1), last: now }))
    }

    /// Gives back a try in which no PIN was tested, because the hardware failed. A locked counter stays locked.
    #[must_use]
    pub fn give_back(self, _untested: Untested) -> Self {
        let failures = if self.failures == LOCKED { LOCKED } else { self.failures.saturating_sub(1) };
        Self { failures, ..self }
    }
}

impl Counted {
    /// The counter's file with this try in it: to be written and flushed before [`Counted::stored`].
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        self.0.to_file()
    }

    /// Says that the file is on disk for good; only now may the PIN be tried. Answers also the counter as it is now.
    pub fn stored(self) -> (PinPermit, Tries) {
        (PinPermit(()), self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn limit(tries: u32) -> PinTries {
        PinTries::try_from(tries).unwrap()
    }

    proptest! {
        #[test]
        fn a_counter_is_read_as_it_is_written(failures: u32, second in -60_000_000_000_i64..=250_000_000_000) {
            let tries = Tries { failures, last: at(second) };
            prop_assert_eq!(Tries::parse(&tries.to_file()), tries);
        }

        #[test]
        fn any_bytes_lock_or_are_a_counter(bytes: Vec<u8>) {
            let tries = Tries::parse(&bytes);
            prop_assert!(tries.to_file() == bytes || tries.is_locked(limit(20)));
        }

        #[test]
        fn no_order_of_clocks_gives_more_tries_than_the_limit(tries in 1_u32..=20, clock: Vec<i32>) {
            let mut counter = Tries::NONE;
            let mut permits = 0;
            for second in clock.into_iter().chain((0..40).map(|step| step * 10_000)) {
                if let Ok(counted) = counter.count(limit(tries), at(i64::from(second))) {
                    let (_permit, after) = counted.stored();
                    counter = Tries::parse(&after.to_file());
                    permits += 1;
                }
            }
            prop_assert!(permits <= tries);
        }
    }

    #[test]
    fn tries_run_out() {
        let mut tries = Tries::NONE;
        for left in (0..5).rev() {
            let counted = tries.count(limit(5), at(100_000 * (5 - left))).unwrap();
            let file = counted.to_file();
            let (_permit, after) = counted.stored();
            assert_eq!(Tries::parse(&file), after);
            assert_eq!(i64::from(after.left(limit(5))), left);
            tries = after;
        }
        assert!(tries.is_locked(limit(5)));
        assert_eq!(tries.count(limit(5), at(900_000)).unwrap_err(), TriesError::Locked);
        // A policy that allows more tries opens what the stricter one had closed.
        assert!(tries.count(limit(6), at(900_000)).is_ok());
        assert!(Tries::NONE.count(limit(1), at(0)).is_ok());
    }

    #[test]
    fn the_wait_grows() {
        let waits: Vec<i64> = (0..15).map(|failures| Tries::wait_after(failures).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        let tries = Tries { failures: 6, last: at(1000) };
        assert_eq!(tries.count(limit(9), at(1003)).unwrap_err(), TriesError::Wait(SignedDuration::from_secs(5)));
        assert!(tries.count(limit(9), at(1008)).is_ok());
        assert!(tries.count(limit(9), at(999)).is_ok());
    }

    #[test]
    fn a_damaged_or_missing_file_is_locked() {
        let file = Tries { failures: 3, last: at(1_800_000_000) }.to_file();
        assert_eq!(file.len(), 21);
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Tries::parse(&damaged).is_locked(limit(20)), "bit {bit}");
        }
        for length in 0..file.len() {
            assert!(Tries::parse(&file[..length]).is_locked(limit(20)), "{length} bytes");
        }
    }
}
