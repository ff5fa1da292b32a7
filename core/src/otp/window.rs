//! Which codes a server accepts: the window around its clock, the drift of each token, and what re-synchronises one.
//!
//! A code counts once. A time-based code is accepted when its step lies within the window around *now + the token's
//! drift* and after every step that was accepted before. The drift follows the token's clock, but never further than one
//! window from where the last reset put it, so that slow typing does not creep.

use super::{Code, Digits, OtpKey, TimeStep};

/// What a server keeps of a time-based token between two codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeState {
    /// The latest step that was accepted; `None` before the first.
    pub last: Option<TimeStep>,
    /// By how many steps the token's clock is ahead of the server's.
    pub drift: i64,
    /// What `drift` was at the activation or the last reset.
    pub drift_at_reset: i64,
}

impl TimeState {
    /// A token that was just made: no code accepted, no drift known.
    pub const NEW: Self = Self { last: None, drift: 0, drift_at_reset: 0 };

    /// The state after `step` was accepted at `now`; the drift stays within `window` of its value at the last reset.
    #[must_use]
    pub fn accepted(self, step: TimeStep, now: TimeStep, window: u32) -> Self {
        let window = i64::from(window);
        let drift = step.since(now).clamp(self.drift_at_reset - window, self.drift_at_reset + window);
        Self { last: Some(step), drift, ..self }
    }

    /// The state after a reset with two consecutive codes, the second of step `second`.
    #[must_use]
    pub fn reset(second: TimeStep, now: TimeStep) -> Self {
        let drift = second.since(now);
        Self { last: Some(second), drift, drift_at_reset: drift }
    }

    fn is_used(&self, step: TimeStep) -> bool {
        self.last.is_some_and(|last| step <= last)
    }
}

/// What a code turned out to be: which time step, or which event, it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match<P = TimeStep> {
    /// Right: within the window and not used.
    Accepted(P),
    /// Accepted before, or before one that was.
    Replayed(P),
    /// Outside the window but inside the reset window: the two sides have drifted apart.
    OutsideWindow(P),
    /// None of the token's codes anywhere near.
    Wrong,
}

/// Judges `code` at `now`.
///
/// Looks through `2 × window + 1` steps, and through `2 × reset_window + 1` when none of them fits. Steps nearest to the
/// expected one come first; where a short code stands at several steps of the window, one that is not used wins.
#[must_use]
pub fn judge(
    key: &OtpKey,
    digits: Digits,
    code: &Code,
    now: TimeStep,
    state: &TimeState,
    window: u32,
    reset_window: u32,
) -> Match {
    if code.digits() != digits {
        return Match::Wrong;
    }
    let fits = |step: TimeStep| key.totp(step, digits) == *code;
    let expected = now.moved(state.drift);
    let mut replayed = None;
    for step in outward(expected, 0, window).filter(|step| fits(*step)) {
        if !state.is_used(step) {
            return Match::Accepted(step);
        }
        replayed.get_or_insert(step);
    }
    if let Some(step) = replayed {
        return Match::Replayed(step);
    }
    match outward(expected, window + 1, reset_window.max(window)).find(|step| fits(*step)) {
        Some(step) if state.is_used(step) => Match::Replayed(step),
        Some(step) => Match::OutsideWindow(step),
        None => Match::Wrong,
    }
}

/// Finds two consecutive codes within `reset_window` of `now`, neither used before; answers the step of the second.
#[must_use]
pub fn find_consecutive(
    key: &OtpKey,
    digits: Digits,
    codes: (&Code, &Code),
    now: TimeStep,
    state: &TimeState,
    reset_window: u32,
) -> Option<TimeStep> {
    if codes.0.digits() != digits || codes.1.digits() != digits {
        return None;
    }
    outward(now, 0, reset_window)
        .filter(|step| !state.is_used(*step) && key.totp(*step, digits) == *codes.0)
        .map(|step| step.moved(1))
        .find(|second| key.totp(*second, digits) == *codes.1)
}

/// Judges `code` of an event-based token (RFC 4226, 7.2) whose next counter is `next`.
///
/// Looks at `window` counters from `next` on, at as many before it to name a replay, and as far as `reset_window` to
/// tell a token that was pressed too often from a wrong code.
#[must_use]
pub fn judge_event(key: &OtpKey, digits: Digits, code: &Code, next: u64, window: u32, reset_window: u32) -> Match<u64> {
    if code.digits() != digits {
        return Match::Wrong;
    }
    let fits = |counter: &u64| key.hotp(*counter, digits) == *code;
    let ahead = |from: u32, to: u32| next.saturating_add(u64::from(from))..next.saturating_add(u64::from(to));
    if let Some(counter) = ahead(0, window).find(fits) {
        return Match::Accepted(counter);
    }
    if let Some(counter) = (next.saturating_sub(u64::from(window))..next).rev().find(fits) {
        return Match::Replayed(counter);
    }
    ahead(window, reset_window.max(window)).find(fits).map_or(Match::Wrong, Match::OutsideWindow)
}

/// Finds two consecutive codes of an event-based token within `reset_window` from `next` on; answers the counter of the
/// second.
#[must_use]
pub fn find_consecutive_events(
    key: &OtpKey,
    digits: Digits,
    codes: (&Code, &Code),
    next: u64,
    reset_window: u32,
) -> Option<u64> {
    let end = next.saturating_add(u64::from(reset_window));
    let pair = (next..end).map(|first| (first, first.saturating_add(1)));
    pair.filter(|(first, _)| key.hotp(*first, digits) == *codes.0)
        .map(|(_, second)| second)
        .find(|second| key.hotp(*second, digits) == *codes.1)
}

/// Steps at the distances `from` to `to` around `centre`, nearest first, the past before the future.
pub(super) fn outward(centre: TimeStep, from: u32, to: u32) -> impl Iterator<Item = TimeStep> {
    (from..=to).flat_map(move |distance| {
        let distance = i64::from(distance);
        let future = (distance > 0).then(|| centre.moved(distance));
        std::iter::once(centre.moved(-distance)).chain(future)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::otp::Hash;

    // Ten digits, so that no other step has the same code by chance.
    const DIGITS: Digits = Digits::new(10).unwrap();

    fn key() -> OtpKey {
        OtpKey::prepare(Hash::Sha256, &[7; 32])
    }

    proptest! {
        /// The whole rule against its statement, at every distance: in the window and later than the last one, or not.
        #[test]
        fn the_rule(now in 1_000_000_i64..2_000_000, drift in -20_i64..20, distance in -200_i64..200, last in proptest::option::of(-50_i64..50), window in 1_u32..30, reset in 1_u32..150) {
            let now = TimeStep::from_number(now);
            let expected = now.moved(drift);
            let step = expected.moved(distance);
            let state = TimeState { last: last.map(|last| expected.moved(last)), drift, drift_at_reset: 0 };
            let code = key().totp(step, DIGITS);
            let used = state.last.is_some_and(|last| step <= last);
            let judged = judge(&key(), DIGITS, &code, now, &state, window, reset);
            let wanted = match distance.unsigned_abs() {
                d if d <= u64::from(reset.max(window)) && used => Match::Replayed(step),
                d if d <= u64::from(window) => Match::Accepted(step),
                d if d <= u64::from(reset) => Match::OutsideWindow(step),
                _ => Match::Wrong,
            };
            prop_assert_eq!(judged, wanted);
        }

        #[test]
        fn an_accepted_code_is_never_accepted_again(offsets in proptest::collection::vec((-40_i64..40, 0_i64..4), 1..40)) {
            let mut state = TimeState::NEW;
            let mut now = TimeStep::from_number(1_000_000);
            let mut seen = std::collections::HashSet::new();
            for (offset, pause) in offsets {
                now = now.moved(pause);
                let code = key().totp(now.moved(offset), DIGITS);
                if let Match::Accepted(step) = judge(&key(), DIGITS, &code, now, &state, 10, 120) {
                    prop_assert!(seen.insert(step));
                    state = state.accepted(step, now, 10);
                    prop_assert!(state.drift.abs() <= 10);
                }
            }
        }

        #[test]
        fn two_consecutive_codes_reset(offset in -120_i64..119) {
            let now = TimeStep::from_number(1_000_000);
            let first = now.moved(offset);
            let codes = (key().totp(first, DIGITS), key().totp(first.moved(1), DIGITS));
            let found = find_consecutive(&key(), DIGITS, (&codes.0, &codes.1), now, &TimeState::NEW, 120);
            prop_assert_eq!(found, Some(first.moved(1)));
            let state = TimeState::reset(first.moved(1), now);
            let next = key().totp(first.moved(2), DIGITS);
            prop_assert_eq!(judge(&key(), DIGITS, &next, now.moved(1), &state, 10, 120), Match::Accepted(first.moved(2)));
            prop_assert_eq!(find_consecutive(&key(), DIGITS, (&codes.0, &codes.1), now, &state, 120), None);
            prop_assert_eq!(find_consecutive(&key(), DIGITS, (&codes.0, &next), now, &TimeState::NEW, 120), None);
        }
    }

    proptest! {
        #[test]
        fn the_rule_for_events(next in 100_u64..1_000_000, distance in -30_i64..120, window in 1_u32..25, reset in 1_u32..100) {
            let counter = next.saturating_add_signed(distance);
            let code = key().hotp(counter, DIGITS);
            let wanted = match distance {
                d if d < 0 && d >= -i64::from(window) => Match::Replayed(counter),
                d if d >= 0 && d < i64::from(window) => Match::Accepted(counter),
                d if d >= 0 && d < i64::from(reset.max(window)) => Match::OutsideWindow(counter),
                _ => Match::Wrong,
            };
            prop_assert_eq!(judge_event(&key(), DIGITS, &code, next, window, reset), wanted);
        }
    }

    #[test]
    fn two_consecutive_events_reset() {
        let codes = (key().hotp(150, DIGITS), key().hotp(151, DIGITS));
        let found = |next, window| find_consecutive_events(&key(), DIGITS, (&codes.0, &codes.1), next, window);
        assert_eq!(found(100, 80), Some(151));
        assert_eq!(found(100, 50), None);
        assert_eq!(found(151, 80), None);
        assert_eq!(find_consecutive_events(&key(), DIGITS, (&codes.1, &codes.0), 100, 80), None);
    }

    #[test]
    fn a_code_of_another_length_is_wrong() {
        let now = TimeStep::from_number(1_000_000);
        let code = key().totp(now, Digits::SIX);
        assert_eq!(judge(&key(), DIGITS, &code, now, &TimeState::NEW, 10, 120), Match::Wrong);
    }
}
