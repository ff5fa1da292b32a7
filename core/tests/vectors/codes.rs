//! Codes, and which of them count.

use jiff::Timestamp;
use serde_json::{Value, json};
use symbolon_core::otp::window::{Match, TimeState, find_consecutive, find_consecutive_events, judge, judge_event};
use symbolon_core::otp::{Code, Digits, Hash, OtpKey, Period, TimeStep};

use crate::by_hand::{check, hex, secret};

fn state(last: Option<i64>, drift: i64, drift_at_reset: i64) -> TimeState {
    TimeState { last: last.map(TimeStep::from_number), drift, drift_at_reset }
}

fn verdict<P>(judged: Match<P>, place: impl Fn(P) -> i64) -> Value {
    match judged {
        Match::Accepted(at) => json!({"verdict": "accepted", "at": place(at)}),
        Match::Replayed(at) => json!({"verdict": "replayed", "at": place(at)}),
        Match::OutsideWindow(at) => json!({"verdict": "outside_window", "at": place(at)}),
        Match::Wrong => json!({"verdict": "wrong_code"}),
    }
}

#[test]
fn codes() {
    let seed = b"1234567890123456789012345678901234567890123456789012345678901234";
    let mut totp = Vec::new();
    for second in [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000] {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            let secret = &seed[..hash.output_length()];
            let step = TimeStep::at(Timestamp::from_second(second).unwrap(), Period::STANDARD);
            let code = |digits| OtpKey::prepare(hash, secret).totp(step, Digits::new(digits).unwrap()).to_string();
            totp.push(json!({
                "hash": hash.name(), "secret": hex(secret), "time": second, "step": step.number(),
                "code_6": code(6), "code_8": code(8), "code_10": code(10),
            }));
        }
    }
    let hotp_key = OtpKey::prepare(Hash::Sha1, b"12345678901234567890");
    let hotp: Vec<Value> = (0..10)
        .map(|counter| json!({"counter": counter, "code": hotp_key.hotp(counter, Digits::SIX).to_string()}))
        .collect();

    // The rule of acceptance. `now` is 1 000 000; `of` is the step whose code is typed.
    let key_bytes = secret("code key");
    let key = OtpKey::prepare(Hash::Sha256, key_bytes.expose());
    let now = TimeStep::from_number(1_000_000);
    let (window, reset_window) = (10, 120);
    let code = |of: i64, digits| key.totp(TimeStep::from_number(of), digits);
    let mut time = Vec::new();
    for (about, of, state) in [
        ("now", 1_000_000, state(None, 0, 0)),
        ("the earliest of the window", 999_990, state(None, 0, 0)),
        ("the latest of the window", 1_000_010, state(None, 0, 0)),
        ("just before the window", 999_989, state(None, 0, 0)),
        ("just after the window", 1_000_011, state(None, 0, 0)),
        ("the earliest of the reset window", 999_880, state(None, 0, 0)),
        ("the latest of the reset window", 1_000_120, state(None, 0, 0)),
        ("just before the reset window", 999_879, state(None, 0, 0)),
        ("just after the reset window", 1_000_121, state(None, 0, 0)),
        ("the one that was accepted last", 1_000_000, state(Some(1_000_000), 0, 0)),
        ("one before the last", 999_999, state(Some(1_000_000), 0, 0)),
        ("one after the last", 1_000_001, state(Some(1_000_000), 0, 0)),
        ("the window moves with the drift", 1_000_015, state(Some(1_000_001), 8, 0)),
        ("outside the window that has moved", 999_995, state(Some(999_000), 8, 0)),
        ("used, and outside the window", 999_950, state(Some(1_000_000), 0, 0)),
    ] {
        let typed = code(of, Digits::EIGHT);
        let judged = judge(&key, Digits::EIGHT, &typed, now, &state, window, reset_window);
        let after = match judged {
            Match::Accepted(step) => Some(state.accepted(step, now, window)),
            _ => None,
        };
        time.push(json!({
            "about": about, "step_of_code": of, "code": typed.to_string(),
            "state": {"last": state.last.map(TimeStep::number), "drift": state.drift, "drift_at_reset": state.drift_at_reset},
            "expected": verdict(judged, TimeStep::number),
            "after": after.map(|after| json!({"last": after.last.map(TimeStep::number), "drift": after.drift, "drift_at_reset": after.drift_at_reset})),
        }));
    }
    let other_length = code(1_000_000, Digits::SIX);
    let judged = judge(&key, Digits::EIGHT, &other_length, now, &TimeState::NEW, window, reset_window);
    time.push(json!({
        "about": "a right code of another length", "step_of_code": 1_000_000, "code": other_length.to_string(),
        "state": {"last": null, "drift": 0, "drift_at_reset": 0},
        "expected": verdict(judged, TimeStep::number), "after": null,
    }));

    // Slow typing does not creep: the drift stays within one window of what the last reset made it.
    let creep: Vec<Value> = [(0, 1_000_010), (1, 1_000_021), (2, 1_000_022)]
        .into_iter()
        .scan(TimeState::NEW, |state, (later, of)| {
            let now = now.moved(later);
            let judged = judge(&key, Digits::EIGHT, &code(of, Digits::EIGHT), now, state, window, reset_window);
            if let Match::Accepted(step) = judged {
                *state = state.accepted(step, now, window);
            }
            Some(json!({"now": now.number(), "step_of_code": of, "expected": verdict(judged, TimeStep::number), "drift_after": state.drift}))
        })
        .collect();

    let reset: Vec<Value> = [
        ("far behind", 999_900, 999_901, None),
        ("far ahead", 1_000_119, 1_000_120, None),
        ("not consecutive", 999_900, 999_902, None),
        ("out of the reset window", 999_879, 999_880, None),
        ("used before", 999_900, 999_901, Some(999_900)),
    ]
    .into_iter()
    .map(|(about, first, second, last)| {
        let (first, second) = (code(first, Digits::EIGHT), code(second, Digits::EIGHT));
        let found = find_consecutive(&key, Digits::EIGHT, (&first, &second), now, &state(last, 0, 0), reset_window);
        let drift = found.map(|step| TimeState::reset(step, now).drift);
        json!({
            "about": about, "codes": [first.to_string(), second.to_string()], "last": last,
            "second_step": found.map(TimeStep::number), "drift_after": drift,
        })
    })
    .collect();

    let events: Vec<Value> = [
        ("the next one", 1000),
        ("the last of the window", 1009),
        ("just after the window", 1010),
        ("the last of the reset window", 1079),
        ("just after the reset window", 1080),
        ("the one before", 999),
        ("as far back as the window reaches", 990),
        ("further back", 989),
    ]
    .into_iter()
    .map(|(about, of)| {
        let typed: Code = key.hotp(of, Digits::EIGHT);
        let judged = judge_event(&key, Digits::EIGHT, &typed, 1000, 10, 80);
        let expected = verdict(judged, |counter| i64::try_from(counter).unwrap());
        json!({"about": about, "counter_of_code": of, "code": typed.to_string(), "expected": expected})
    })
    .collect();
    let event_reset: Vec<Value> = [
        ("ahead", 1050, 1051),
        ("the last ones of the reset window", 1079, 1080),
        ("out of the reset window", 1080, 1081),
        ("not consecutive", 1050, 1052),
        ("used before", 998, 999),
    ]
    .into_iter()
    .map(|(about, first, second)| {
        let (first, second) = (key.hotp(first, Digits::EIGHT), key.hotp(second, Digits::EIGHT));
        let found = find_consecutive_events(&key, Digits::EIGHT, (&first, &second), 1000, 80);
        json!({"about": about, "codes": [first.to_string(), second.to_string()], "second_counter": found})
    })
    .collect();
    check(
        "codes-v1.json",
        &json!({
            "about": "Codes, and which of them a server accepts. Secrets are in hexadecimal. The codes of `totp` with eight digits are those of RFC 6238, appendix B; those of `hotp` are RFC 4226, appendix D.",
            "totp": totp,
            "hotp": {"hash": "sha1", "secret": hex(b"12345678901234567890"), "codes": hotp},
            "acceptance": {"hash": "sha256", "digits": 8, "secret": hex(key_bytes.expose()), "now": now.number(), "window": window, "reset_window": reset_window, "cases": time},
            "creep": {"about": "one after the other, from a fresh state, with key and windows of `acceptance`", "codes": creep},
            "reset": {"about": "with key and windows of `acceptance`", "cases": reset},
            "events": {"about": "with the key of `acceptance`", "next": 1000, "window": 10, "reset_window": 80, "cases": events},
            "event_reset": {"about": "with key and windows of `events`", "cases": event_reset},
        }),
    );
}
