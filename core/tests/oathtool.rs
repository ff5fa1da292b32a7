//! Codes against `oathtool` (Debian: `oathtool`), which shares no code with us: random keys, times, counters, lengths and
//! hashes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails may panic, and one that is left out says so"
)]

use std::process::Command;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use symbolon_core::otp::{Digits, Hash, OtpKey, Period, TimeStep};

/// Runs `oathtool` and answers what it prints, a code a line; `None` when it is not installed.
fn oathtool(arguments: &[String]) -> Option<Vec<String>> {
    let output = match Command::new("oathtool").args(arguments).output() {
        Ok(output) => output,
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "oathtool is not installed");
            return None;
        }
    };
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn is_there() -> bool {
    let there = oathtool(&["--version".to_owned()]).is_some();
    if !there {
        eprintln!("SKIPPED: oathtool is not installed");
    }
    there
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 10..=80)
}

fn digits() -> impl Strategy<Value = u8> {
    6_u8..=8
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() })
}

#[test]
fn time_based_codes_are_those_of_oathtool() {
    if !is_there() {
        return;
    }
    let hashes = proptest::sample::select(vec![Hash::Sha1, Hash::Sha256, Hash::Sha512]);
    let periods = proptest::sample::select(vec![15_u16, 30, 60, 90]);
    // To the year 2100, and some codes in a row from each time.
    let cases = (key(), digits(), hashes, periods, 0_i64..4_102_444_800);
    let compare = |(key, digits, hash, seconds, time): (Vec<u8>, u8, Hash, u16, i64)| {
        let at = Timestamp::from_second(time).unwrap();
        let arguments = [
            format!("--totp={}", hash.name()),
            format!("--digits={digits}"),
            format!("--time-step-size={seconds}s"),
            "--window=4".to_owned(),
            format!("--now={}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
            data_encoding::HEXLOWER.encode(&key),
        ];
        let theirs = oathtool(&arguments).unwrap();
        let ours = OtpKey::prepare(hash, &key);
        let first = TimeStep::at(at, Period::from_seconds(seconds).unwrap());
        let ours: Vec<String> =
            (0..5).map(|step| ours.totp(first.moved(step), Digits::new(digits).unwrap()).to_string()).collect();
        prop_assert_eq!(ours, theirs);
        Ok(())
    };
    runner().run(&cases, compare).unwrap();
}

#[test]
fn event_based_codes_are_those_of_oathtool() {
    if !is_there() {
        return;
    }
    let cases = (key(), digits(), any::<u64>().prop_map(|counter| counter >> 1));
    let compare = |(key, digits, counter): (Vec<u8>, u8, u64)| {
        let arguments = [
            "--hotp".to_owned(),
            format!("--digits={digits}"),
            format!("--counter={counter}"),
            "--window=4".to_owned(),
            data_encoding::HEXLOWER.encode(&key),
        ];
        let theirs = oathtool(&arguments).unwrap();
        let ours = OtpKey::prepare(Hash::Sha1, &key);
        let ours: Vec<String> = (counter..=counter + 4)
            .map(|counter| ours.hotp(counter, Digits::new(digits).unwrap()).to_string())
            .collect();
        prop_assert_eq!(ours, theirs);
        Ok(())
    };
    runner().run(&cases, compare).unwrap();
}
