//! Lockout: what stops guessing. A fast count of consecutive failures leads to a lock that doubles each time, and a slow
//! count that no success clears leads to one that only a person ends (NIST SP 800-63B-4, 3.2.2: at most 100).

use jiff::{SignedDuration, Timestamp};
use symbolon_core::policy::Policy;

use crate::storage::{Lock, LockState};

/// The slow count: so many failures …
const SLOW_LIMIT: u32 = 100;
/// … within this time.
const SLOW_PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);
/// No lock that ends by itself lasts longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

impl Lock {
    /// Whether codes are refused at `now`.
    #[must_use]
    pub fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::Open => false,
            Self::Until(until) => now < until,
            Self::UntilUnlocked => true,
        }
    }

    /// When the lock ends by itself.
    #[must_use]
    pub fn ends_at(self) -> Option<Timestamp> {
        match self {
            Self::Until(until) => Some(until),
            Self::Open | Self::UntilUnlocked => None,
        }
    }
}

impl LockState {
    /// The state after a wrong code.
    #[must_use]
    pub fn failed(self, now: Timestamp, policy: &Policy) -> Self {
        let slow_since = self.slow_since.filter(|since| now.duration_since(*since) < SLOW_PERIOD).unwrap_or(now);
        let slow_failures = if self.slow_since == Some(slow_since) { self.slow_failures + 1 } else { 1 };
        let failures = self.failures + 1;
        let counted = Self { failures, slow_failures, slow_since: Some(slow_since), ..self };
        if slow_failures >= SLOW_LIMIT {
            return Self { lock: Lock::UntilUnlocked, failures: 0, ..counted };
        }
        if failures < policy.lockout_count.get() {
            return counted;
        }
        let lock = policy.lockout_seconds().map_or(Lock::UntilUnlocked, |seconds| {
            let doubled = SignedDuration::from_secs(i64::from(seconds)) * 2_i32.pow(self.locks.min(16));
            Lock::Until(now + doubled.min(LONGEST))
        });
        // After a lock the count starts anew; the next lock is twice as long.
        Self { lock, failures: 0, locks: self.locks.saturating_add(1), ..counted }
    }

    /// The state after a right code: the fast count and its locks are forgotten, the slow count is not.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self { failures: 0, lock: Lock::Open, locks: 0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use symbolon_core::policy::PolicyPatch;

    use super::*;

    fn policy(settings: &[(&str, &str)]) -> Policy {
        let mut patch = PolicyPatch::default();
        for (key, value) in settings {
            patch.set(key, value).unwrap();
        }
        Policy::default().with(&patch).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_fifth_failure_locks_and_each_lock_is_twice_as_long() {
        let policy = policy(&[]);
        let mut state = LockState::default();
        let mut now = 0;
        for expected in [900, 1800, 3600] {
            for _ in 0..4 {
                state = state.failed(at(now), &policy);
                assert!(!state.lock.holds(at(now)));
            }
            state = state.failed(at(now), &policy);
            assert_eq!(state.lock, Lock::Until(at(now + expected)));
            assert!(state.lock.holds(at(now + expected - 1)) && !state.lock.holds(at(now + expected)));
            now += expected;
        }
        for _ in 0..8 * 5 {
            state = state.failed(at(now), &policy);
        }
        assert_eq!(state.lock, Lock::Until(at(now + 86_400)));
    }

    #[test]
    fn success_forgets_the_fast_count_but_not_the_slow_one() {
        let policy = policy(&[]);
        let mut state = LockState::default();
        for failure in 1..100 {
            state = state.failed(at(failure), &policy);
            assert_ne!(state.lock, Lock::UntilUnlocked);
            state = state.succeeded();
            assert_eq!((state.failures, state.lock), (0, Lock::Open));
        }
        state = state.failed(at(100), &policy);
        assert_eq!(state.lock, Lock::UntilUnlocked);
    }

    #[test]
    fn the_slow_count_begins_anew_after_thirty_days() {
        let policy = policy(&[]);
        let mut state = LockState::default();
        for _ in 0..99 {
            state = state.failed(at(0), &policy).succeeded();
        }
        state = state.failed(at(30 * 86_400), &policy);
        assert_eq!((state.slow_failures, state.lock), (1, Lock::Open));
    }

    #[test]
    fn a_lockout_time_of_zero_waits_for_a_person() {
        let policy = policy(&[("lockout_time", "0"), ("lockout_count", "1")]);
        assert_eq!(LockState::default().failed(at(0), &policy).lock, Lock::UntilUnlocked);
    }
}
