//! The PIN: what a person types to open the vault, and which PINs may be chosen.

use std::fmt;

use zeroize::Zeroizing;

use crate::policy::PinLength;
use crate::secret::SecretBytes;

/// A PIN as it was typed: 4 to 12 digits, whatever the policy asks for now.
#[derive(PartialEq, Eq)]
pub struct Pin(SecretBytes);

/// Something typed that is no PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has 4 to 12 digits")]
pub struct PinFormError;

const SHORTEST: usize = 4;
const LONGEST: usize = 12;

impl Pin {
    /// Reads ASCII digits. The caller wipes its own copy.
    ///
    /// # Errors
    /// [`PinFormError`] when there are other characters, or too few or too many.
    pub fn from_ascii(digits: &[u8]) -> Result<Self, PinFormError> {
        let fits = (SHORTEST..=LONGEST).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        if fits { Ok(Self(SecretBytes::from_slice(digits))) } else { Err(PinFormError) }
    }

    /// How many digits it has; that is no secret.
    #[expect(clippy::len_without_is_empty, reason = "a PIN is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.expose().len()
    }

    /// Whether it may become the PIN of a vault, by the policy's length and because it is not among the first that
    /// anybody would try.
    ///
    /// The length is exact and not a minimum, so that a keypad can submit with the last digit.
    ///
    /// # Errors
    /// [`PinChoiceError`] with the reason, to be shown as it is.
    pub fn choose(self, length: PinLength) -> Result<ChosenPin, PinChoiceError> {
        let digits = self.digits();
        if u32::try_from(digits.len()) != Ok(length.get()) {
            return Err(PinChoiceError::Length(length.get()));
        }
        if is_progression(digits) {
            return Err(PinChoiceError::Run);
        }
        if is_repetition(digits) {
            return Err(PinChoiceError::Repetition);
        }
        if is_date(digits) {
            return Err(PinChoiceError::Date);
        }
        if WELL_KNOWN.contains(&digits) {
            return Err(PinChoiceError::WellKnown);
        }
        Ok(ChosenPin(self))
    }

    /// The digits in ASCII.
    pub(super) fn digits(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A PIN that may be set: made by [`Pin::choose`] only.
#[derive(Debug, PartialEq, Eq)]
pub struct ChosenPin(Pin);

impl ChosenPin {
    /// Whether `pin` is the same: the person typed it again.
    #[must_use]
    pub fn is(&self, pin: &Pin) -> bool {
        self.0 == *pin
    }

    pub(super) fn pin(&self) -> &Pin {
        &self.0
    }
}

/// Why a PIN may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinChoiceError {
    /// Another length than the policy's.
    #[error("the PIN must have {0} digits")]
    Length(u32),
    /// Each digit follows from the one before in the same way: 1111, 1234, 8901, 9753.
    #[error("the PIN is a run of digits; choose one that does not go on by itself")]
    Run,
    /// The same few digits over again: 1212, 123123.
    #[error("the PIN repeats itself; choose one without a pattern")]
    Repetition,
    /// A day, or a year.
    #[error("the PIN looks like a date; dates are the first thing that others try")]
    Date,
    /// One that very many people have.
    #[error("the PIN is one of the most frequent; choose another")]
    WellKnown,
}

/// A PIN that is being typed, digit by digit, so that it never is a text.
pub struct PinEntry(Zeroizing<Vec<u8>>);

impl Default for PinEntry {
    fn default() -> Self {
        // Room for all digits, so that growing leaves no copies behind.
        Self(Zeroizing::new(Vec::with_capacity(LONGEST)))
    }
}

impl PinEntry {
    /// Adds a digit, 0 to 9.
    ///
    /// # Errors
    /// [`PinFormError`] when it is no digit, or the thirteenth; what was typed before stays.
    pub fn push(&mut self, digit: u8) -> Result<(), PinFormError> {
        if digit > 9 || self.len() == LONGEST {
            return Err(PinFormError);
        }
        self.0.push(b'0' + digit);
        Ok(())
    }

    /// Takes the last digit back, if there is one.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// How many digits were typed: as many dots are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was typed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The PIN, when it is all there.
    ///
    /// # Errors
    /// [`PinFormError`] when fewer than four digits were typed.
    pub fn finish(self) -> Result<Pin, PinFormError> {
        Pin::from_ascii(&self.0)
    }
}

impl fmt::Debug for PinEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whether every digit is as far from the one before as the second is from the first, 0 following 9: 4444, 1234, 8901,
/// 9753, and the rows of three that a keypad suggests.
fn is_progression(digits: &[u8]) -> bool {
    let mut steps = digits.iter().zip(digits.iter().skip(1)).map(|(from, to)| (10 + to - from) % 10);
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

/// Whether a shorter block of digits, again and again, makes the whole.
fn is_repetition(digits: &[u8]) -> bool {
    (1..=digits.len() / 2)
        .filter(|block| digits.len().is_multiple_of(*block))
        .any(|block| digits.iter().zip(digits.iter().skip(block)).all(|(here, there)| here == there))
}

/// Whether the digits can be read as a day of a month, a year from 1900 to 2099, or a day, in the orders that people
/// write them in. Two digits can be any year of a century.
fn is_date(digits: &[u8]) -> bool {
    // Two digits each, and so pairs: a date has no odd number of digits.
    let pairs: Vec<u8> =
        digits.chunks_exact(2).filter_map(|pair| Some((pair.first()? - b'0') * 10 + (pair.last()? - b'0'))).collect();
    let day_and_month = |one: u8, other: u8| is_day(one, other) || is_day(other, one);
    let century = |pair: u8| pair == 19 || pair == 20;
    match (pairs.as_slice(), digits.len() % 2) {
        (&[a, b], 0) => day_and_month(a, b) || century(a),
        (&[a, b, c], 0) => {
            let month = |pair: u8| (1..=12).contains(&pair);
            day_and_month(a, b) || is_day(c, b) || century(a) && month(c) || century(b) && month(a)
        }
        (&[a, b, c, d], 0) => day_and_month(a, b) && century(c) || century(a) && is_day(d, c),
        _ => false,
    }
}

/// Whether `day` is one of `month`, in some year.
fn is_day(day: u8, month: u8) -> bool {
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// PINs that are frequent in published lists and that no rule above finds: columns and corners of a keypad, doubled
/// digits, words, and runs that turn around.
const WELL_KNOWN: &[&[u8]] = &[
    b"0007",
    b"0852",
    b"1133",
    b"1235",
    b"1236",
    b"1245",
    b"1314",
    b"1379",
    b"1397",
    b"1478",
    b"1590",
    b"1595",
    b"1598",
    b"1793",
    b"2233",
    b"2244",
    b"2580",
    b"3179",
    b"3344",
    b"3698",
    b"4455",
    b"4711",
    b"4862",
    b"5566",
    b"5683",
    b"6677",
    b"7139",
    b"7788",
    b"7896",
    b"7931",
    b"8246",
    b"8520",
    b"8899",
    b"9110",
    b"9731",
    b"9900",
    b"00700",
    b"11223",
    b"12321",
    b"12344",
    b"14789",
    b"15975",
    b"25800",
    b"123321",
    b"123654",
    b"123789",
    b"131415",
    b"142536",
    b"147258",
    b"147852",
    b"159357",
    b"159753",
    b"223344",
    b"235689",
    b"258369",
    b"321654",
    b"357159",
    b"445566",
    b"456123",
    b"456852",
    b"556677",
    b"665544",
    b"753159",
    b"778899",
    b"789456",
    b"789987",
    b"951753",
    b"987321",
    b"998877",
    b"1234321",
    b"1472583",
    b"5201314",
    b"8675309",
    b"11223344",
    b"12344321",
    b"12348765",
    b"14725836",
    b"15975346",
    b"44332211",
    b"102030405",
    b"112233445",
    b"123454321",
    b"147258369",
    b"159753456",
    b"963852741",
    b"0102030405",
    b"1029384756",
    b"1122334455",
    b"1234554321",
    b"5544332211",
    b"112233445566",
    b"123456654321",
    b"147258369000",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_core::{OsRng, RngCore};

    use super::*;

    fn choose(text: &str) -> Result<ChosenPin, PinChoiceError> {
        let length = PinLength::try_from(u32::try_from(text.len()).unwrap()).unwrap();
        Pin::from_ascii(text.as_bytes()).unwrap().choose(length)
    }

    proptest! {
        #[test]
        fn digits_one_by_one_or_all_at_once_are_the_same(digits in proptest::collection::vec(0_u8..=9, 0..=14)) {
            let mut entry = PinEntry::default();
            let taken = digits.iter().take_while(|digit| entry.push(**digit).is_ok()).count();
            prop_assert_eq!(taken, digits.len().min(12));
            prop_assert_eq!(entry.len(), taken);
            let ascii: Vec<u8> = digits.iter().take(taken).map(|digit| b'0' + digit).collect();
            prop_assert_eq!(entry.finish(), Pin::from_ascii(&ascii));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Pin::from_ascii(&bytes);
        }
    }

    #[test]
    fn digits_are_taken_back() {
        let mut entry = PinEntry::default();
        entry.pop();
        for digit in [1, 9, 7, 4, 5] {
            entry.push(digit).unwrap();
        }
        entry.pop();
        assert_eq!(entry.push(10), Err(PinFormError));
        assert_eq!(entry.finish().unwrap(), Pin::from_ascii(b"1974").unwrap());
    }

    #[test]
    fn trivial_pins_are_refused() {
        for (reason, pins) in [
            (PinChoiceError::Run, &["0000", "1111", "999999", "1234", "4321", "890123", "109876", "2468", "97531"][..]),
            (PinChoiceError::Repetition, &["1212", "123123", "007007", "858585", "4747474747", "192192192"]),
            (PinChoiceError::Date, &["3112", "1231", "2902", "1974", "2031", "311299", "123199", "991231", "290200"]),
            (PinChoiceError::Date, &["198407", "071984", "24121987", "12241987", "19871224"]),
            (PinChoiceError::WellKnown, &["2580", "1379", "445566", "147258369"]),
        ] {
            for pin in pins {
                assert_eq!(choose(pin), Err(reason), "{pin}");
            }
        }
    }

    #[test]
    fn other_pins_may_be_chosen() {
        for pin in ["4071", "3058", "829463", "320132", "300273", "13992", "7391048", "99301845", "482913750164"] {
            assert!(choose(pin).is_ok(), "{pin}");
        }
    }

    #[test]
    fn the_length_is_the_policys() {
        for (pin, length) in [("83719", 6), ("837194", 4), ("8371946", 6)] {
            let length = PinLength::try_from(length).unwrap();
            let refused = Pin::from_ascii(pin.as_bytes()).unwrap().choose(length);
            assert_eq!(refused, Err(PinChoiceError::Length(length.get())));
        }
    }

    #[test]
    fn most_random_pins_may_be_chosen() {
        for (digits, least) in [(4, 8_500), (5, 9_900), (6, 8_500), (8, 9_900), (12, 9_990)] {
            let chosen = (0..10_000).filter(|_| {
                let number = OsRng.next_u64() % 10_u64.pow(digits);
                choose(&format!("{number:0width$}", width = digits as usize)).is_ok()
            });
            let chosen = chosen.count();
            assert!(chosen > least, "{digits} digits: {chosen} of 10000");
        }
    }

    #[test]
    fn every_well_known_pin_needs_its_place() {
        for pin in WELL_KNOWN {
            assert_eq!(choose(std::str::from_utf8(pin).unwrap()), Err(PinChoiceError::WellKnown), "{pin:?}");
        }
    }

    #[test]
    fn debug_never_shows_a_pin() {
        let mut entry = PinEntry::default();
        entry.push(8).unwrap();
        assert_eq!(format!("{entry:?}"), "[redacted]");
        assert_eq!(format!("{:?}", Pin::from_ascii(b"837194").unwrap()), "[redacted]");
        assert_eq!(format!("{:?}", choose("837194").unwrap()), "ChosenPin([redacted])");
    }
}
