//! The vectors of RFC 4226, appendix D, and RFC 6238, appendix B, and a second implementation.

use proptest::prelude::*;

use super::*;

#[test]
fn rfc_4226_appendix_d() {
    let key = OtpKey::prepare(Hash::Sha1, b"12345678901234567890");
    let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (counter, code) in (0..).zip(codes) {
        assert_eq!(key.hotp(counter, Digits::SIX).to_string(), code, "counter {counter}");
    }
}

/// The seeds are those that give the printed values: as long as the hash (RFC 6238, erratum 2866).
#[test]
fn rfc_6238_appendix_b() {
    let seed = b"1234567890123456789012345678901234567890123456789012345678901234";
    let rows = [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ];
    for (time, sha1, sha256, sha512) in rows {
        let step = TimeStep::at(jiff::Timestamp::from_second(time).unwrap(), Period::STANDARD);
        for (hash, code) in [(Hash::Sha1, sha1), (Hash::Sha256, sha256), (Hash::Sha512, sha512)] {
            let key = OtpKey::prepare(hash, &seed[..hash.output_length()]);
            assert_eq!(key.totp(step, Digits::EIGHT).to_string(), code, "{hash} at {time}");
        }
    }
}

proptest! {
    /// `totp-rs` agrees on random keys, times and lengths.
    #[test]
    fn a_second_implementation_agrees(secret in proptest::collection::vec(any::<u8>(), 16..80), time in 0_i64..40_000_000_000, eight: bool) {
        let digits = if eight { Digits::EIGHT } else { Digits::SIX };
        for (hash, other) in [(Hash::Sha1, totp_rs::Algorithm::SHA1), (Hash::Sha256, totp_rs::Algorithm::SHA256), (Hash::Sha512, totp_rs::Algorithm::SHA512)] {
            let totp = totp_rs::Builder::new()
                .with_algorithm(other)
                .with_digits(digits.get())
                .with_secret(secret.clone())
                .build()
                .unwrap();
            let step = TimeStep::at(jiff::Timestamp::from_second(time).unwrap(), Period::STANDARD);
            let ours = OtpKey::prepare(hash, &secret).totp(step, digits).to_string();
            prop_assert_eq!(ours, totp.generate(time.unsigned_abs()).to_string());
        }
    }
}
