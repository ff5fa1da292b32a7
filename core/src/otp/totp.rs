//! TOTP: the counter is the time (RFC 6238, with T0 = 0).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Code, Digits, OtpKey};

/// The length of a time step: 30 s for every token made here; imported ones may have another, up to an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct Period(u16);

impl Period {
    /// 30 seconds (RFC 6238's default).
    pub const STANDARD: Self = Self(30);

    /// A period of 1 to 3600 seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u16) -> Option<Self> {
        if seconds >= 1 && seconds <= 3600 { Some(Self(seconds)) } else { None }
    }

    /// The period in seconds.
    #[must_use]
    pub const fn seconds(self) -> u16 {
        self.0
    }
}

impl From<Period> for u16 {
    fn from(period: Period) -> Self {
        period.0
    }
}

/// A period that is not 1 to 3600 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time step is 1 to 3600 seconds long")]
pub struct PeriodError;

impl TryFrom<u16> for Period {
    type Error = PeriodError;

    fn try_from(seconds: u16) -> Result<Self, PeriodError> {
        Self::from_seconds(seconds).ok_or(PeriodError)
    }
}

/// The number of whole periods since 1970 (RFC 6238, 4.2). Below 2⁶², so that sums with windows cannot overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeStep(i64);

impl TimeStep {
    /// The step that contains `time`.
    #[must_use]
    pub fn at(time: Timestamp, period: Period) -> Self {
        Self(time.as_second().div_euclid(i64::from(period.0)))
    }

    /// The step with this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The number of the step.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// This step moved by `steps`, to the future when they are positive.
    #[must_use]
    pub const fn moved(self, steps: i64) -> Self {
        Self(self.0.saturating_add(steps))
    }

    /// How many steps `self` is after `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant at which the step ends.
    #[must_use]
    pub fn end(self, period: Period) -> Timestamp {
        Timestamp::from_second(self.0.saturating_add(1).saturating_mul(i64::from(period.0))).unwrap_or(Timestamp::MAX)
    }

    /// How long after `time` the step ends; zero when it has ended.
    #[must_use]
    pub fn remaining(self, time: Timestamp, period: Period) -> SignedDuration {
        self.end(period).duration_since(time).max(SignedDuration::ZERO)
    }
}

impl OtpKey {
    /// The code of a time step (RFC 6238, 4.2).
    #[must_use]
    #[inline(always)]
    pub fn totp(&self, step: TimeStep, digits: Digits) -> Code {
        // Steps before 1970 are of no token, and as bits they are a counter like any other.
        self.hotp(step.0.cast_unsigned(), digits)
    }
}
