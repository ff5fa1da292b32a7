//! Making and judging codes allocates nothing, so that what a verification costs does not depend on the allocator.

use allocation_counter::measure;
use symbolon_core::otp::window::{TimeState, judge};
use symbolon_core::otp::{Digits, Hash, OtpKey, TimeStep};

#[test]
fn codes_are_made_and_judged_without_allocating() {
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
        let key = OtpKey::prepare(hash, &[7; 32]);
        let now = TimeStep::from_number(60_000_000);
        let code = key.totp(now.moved(-3), Digits::EIGHT);
        let counted = measure(|| {
            std::hint::black_box(key.totp(now, Digits::EIGHT));
            std::hint::black_box(judge(&key, Digits::EIGHT, &code, now, &TimeState::NEW, 10, 120));
        });
        assert_eq!(counted.count_total, 0, "{hash}");
        assert_eq!(measure(|| drop(vec![0_u8; 8])).count_total, 1, "the counter counts");
    }
}
