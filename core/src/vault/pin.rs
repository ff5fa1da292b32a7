//! The PIN that opens a vault.

use rand_core::CryptoRngCore;

use crate::secret::SecretBytes;

/// A PIN of 4 to 12 digits. It can be tried; to be set, it must also be worth something: [`Pin::check_new`].
#[derive(Debug, PartialEq, Eq)]
pub struct Pin(SecretBytes);

/// Why digits are no PIN, or none to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not 4 to 12 digits.
    #[error("a PIN has 4 to 12 digits")]
    Form,
    /// Not as long as the policy asks.
    #[error("the PIN must have {0} digits")]
    Length(u32),
    /// The same digits over and over.
    #[error("this PIN repeats itself; choose one that is harder to guess")]
    Repeated,
    /// Digits in a row, up or down.
    #[error("this PIN counts up or down; choose one that is harder to guess")]
    Run,
    /// A date.
    #[error("this PIN looks like a date; choose one that is harder to guess")]
    Date,
    /// One that many people choose, such as the middle column of the keypad.
    #[error("this PIN is one of the first that anyone would try; choose another")]
    Common,
}

const COMMON: [&[u8]; 10] = [
    b"2580", b"0852", b"1397", b"7139", b"147258", b"159753", b"147369", b"258036", b"14725836", b"147258369",
];

impl Pin {
    /// Takes digits over; what is in `digits` is wiped when the PIN is dropped.
    ///
    /// # Errors
    /// [`PinError::Form`].
    pub fn take(digits: Vec<u8>) -> Result<Self, PinError> {
        let digits = SecretBytes::take(digits);
        let form = (4..=12).contains(&digits.expose().len()) && digits.expose().iter().all(u8::is_ascii_digit);
        if form { Ok(Self(digits)) } else { Err(PinError::Form) }
    }

    /// Whether the PIN may be set where policy asks for `length` digits.
    ///
    /// # Errors
    /// Why not.
    pub fn check_new(&self, length: u32) -> Result<(), PinError> {
        let digits = self.digits();
        if digits.len() != length as usize {
            return Err(PinError::Length(length));
        }
        let repeats = |block: usize| digits.iter().zip(digits.iter().skip(block)).all(|(a, b)| a == b);
        if (1..=digits.len() / 2).any(repeats) {
            return Err(PinError::Repeated);
        }
        let steps = |by: u8| digits.iter().zip(digits.iter().skip(1)).all(|(a, b)| (a - b'0' + by) % 10 == b - b'0');
        if steps(1) || steps(9) {
            return Err(PinError::Run);
        }
        if COMMON.contains(&digits) {
            return Err(PinError::Common);
        }
        if is_date(digits) { Err(PinError::Date) } else { Ok(()) }
    }

    /// A random PIN of `length` digits that may be set.
    pub fn generate(rng: &mut dyn CryptoRngCore, length: u32) -> Self {
        loop {
            let mut digits = Vec::with_capacity(12);
            while digits.len() < length.clamp(4, 12) as usize {
                let byte = u8::try_from(rng.next_u32() >> 24).unwrap_or_default();
                if byte < 250 {
                    digits.push(b'0' + byte % 10);
                }
            }
            let pin = Self(SecretBytes::take(digits));
            if pin.check_new(length.clamp(4, 12)).is_ok() {
                return pin;
            }
        }
    }

    pub(super) fn digits(&self) -> &[u8] {
        self.0.expose()
    }
}

/// Days and months, with or without a year, in the orders in which people write them.
fn is_date(digits: &[u8]) -> bool {
    let number = |part: &[u8]| part.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    let day = |part: &[u8]| (1..=31).contains(&number(part));
    let month = |part: &[u8]| (1..=12).contains(&number(part));
    let year = |part: &[u8]| part.len() == 2 || (1900..=2099).contains(&number(part));
    let day_month = |part: &[u8]| {
        let (first, second) = part.split_at(2);
        (day(first) && month(second)) || (month(first) && day(second))
    };
    match digits.len() {
        // Four digits leave too little to forbid every day of the year; years of birth go.
        4 => year(digits),
        length @ (6 | 8) => {
            let (tail, head) = (digits.split_at(4), digits.split_at(length - 4));
            (day_month(tail.0) && year(tail.1)) || (year(head.0) && day_month(head.1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;

    fn pin(text: &str) -> Result<Pin, PinError> {
        Pin::take(text.as_bytes().to_vec())
    }

    #[test]
    fn trivial_ones_are_refused() {
        let cases = [
            ("111111", PinError::Repeated),
            ("121212", PinError::Repeated),
            ("472472", PinError::Repeated),
            ("123456", PinError::Run),
            ("890123", PinError::Run),
            ("987654", PinError::Run),
            ("210987", PinError::Run),
            ("241299", PinError::Date),
            ("991224", PinError::Date),
            ("122499", PinError::Date),
            ("147258", PinError::Common),
            ("12345", PinError::Length(6)),
        ];
        for (digits, error) in cases {
            assert_eq!(pin(digits).unwrap().check_new(6), Err(error), "{digits}");
        }
        assert_eq!(pin("24121999").unwrap().check_new(8), Err(PinError::Date));
        assert_eq!(pin("19991224").unwrap().check_new(8), Err(PinError::Date));
        assert_eq!(pin("1987").unwrap().check_new(4), Err(PinError::Date));
        assert_eq!(pin("246813").unwrap().check_new(6), Ok(()));
        assert_eq!(pin("7391").unwrap().check_new(4), Ok(()));
    }

    #[test]
    fn other_texts_are_no_pins() {
        for text in ["", "123", "1234567890123", "12a4", "١٢٣٤"] {
            assert_eq!(pin(text), Err(PinError::Form), "{text}");
        }
    }

    #[test]
    fn a_generated_pin_may_be_set() {
        for length in 4..=12 {
            assert_eq!(Pin::generate(&mut OsRng, length).check_new(length), Ok(()));
        }
    }

    #[test]
    fn debug_never_shows_it() {
        assert_eq!(format!("{:?}", pin("246813").unwrap()), "Pin([redacted])");
    }
}
