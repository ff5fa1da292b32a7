//! How long a code takes, against nothing but its HMAC, and against another library.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use symbolon_core::otp::{Digits, Hash, OtpKey, TimeStep};

use crate::report::Report;

/// Rounds in which the three take turns, so that a slow moment of the machine hits all of them.
const ROUNDS: u32 = 40;
const ROUND: Duration = Duration::from_millis(10);
const STEP: i64 = 60_000_000;

/// Measures `code_HASH` against `bare_hmac_HASH`, and `totp_rs_HASH` against `code_HASH`, for the three hashes.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    one::<Hmac<Sha1>>(report, Hash::Sha1, totp_rs::Algorithm::SHA1)?;
    one::<Hmac<Sha256>>(report, Hash::Sha256, totp_rs::Algorithm::SHA256)?;
    one::<Hmac<Sha512>>(report, Hash::Sha512, totp_rs::Algorithm::SHA512)
}

fn one<M: Mac + KeyInit + Clone>(report: &mut Report, hash: Hash, other: totp_rs::Algorithm) -> Result<()> {
    let [code, bare, totp_rs] = ["code", "bare_hmac", "totp_rs"].map(|what| format!("{what}_{hash}"));
    if ![&code, &bare, &totp_rs].iter().any(|name| report.wants(name)) {
        return Ok(());
    }
    report.progress(&format!("codes with {hash}"));
    let secret = vec![7; hash.output_length()];
    let key = OtpKey::prepare(hash, &secret);
    let mac = <M as Mac>::new_from_slice(&secret)?;
    let totp = totp_rs::Builder::new().with_algorithm(other).with_digits(8).with_secret(secret).build()?;
    let mut fastest = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        let round = [
            nanoseconds(|step| key.totp(TimeStep::from_number(step), Digits::EIGHT)),
            nanoseconds(|step| mac.clone().chain_update(step.to_be_bytes()).finalize().into_bytes()),
            nanoseconds(|step| totp.generate(step.unsigned_abs() * 30)),
        ];
        for (fastest, time) in fastest.iter_mut().zip(round) {
            *fastest = fastest.min(time);
        }
    }
    let [ours, hmac, theirs] = fastest;
    report.add(&bare, hmac, "ns");
    report.add_against(&code, ours, "ns", &bare);
    report.add_against(&totp_rs, theirs, "ns", &code);
    Ok(())
}

/// How long one call of `make` takes, on average over a round.
fn nanoseconds<T>(mut make: impl FnMut(i64) -> T) -> f64 {
    let begun = Instant::now();
    let mut calls = 0_u32;
    while begun.elapsed() < ROUND {
        for step in 0..100 {
            black_box(make(black_box(STEP + step)));
        }
        calls += 100;
    }
    begun.elapsed().as_nanos() as f64 / f64::from(calls)
}
