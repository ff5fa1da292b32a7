//! Tokens of other makers, whose codes an independent implementation computes: `totp-rs`.

use jiff::Timestamp;
use totp_rs::{Algorithm, Builder, Totp};

/// A token that is imported.
pub struct Imported {
    /// Whose.
    pub user: String,
    /// The maker's serial number.
    pub serial: String,
    secret: Vec<u8>,
    kind: &'static str,
    algorithm: &'static str,
    digits: u8,
    period_or_counter: u64,
}

impl Imported {
    /// A HOTP token that was never pressed: SHA-1, eight digits.
    #[must_use]
    pub fn hotp(user: &str, serial: &str) -> Self {
        Self::new(user, serial, "hotp", "sha1", 8, 0)
    }

    /// A TOTP token.
    #[must_use]
    pub fn totp(user: &str, serial: &str, algorithm: &'static str, digits: u8, period: u64) -> Self {
        Self::new(user, serial, "totp", algorithm, digits, period)
    }

    fn new(
        user: &str,
        serial: &str,
        kind: &'static str,
        algorithm: &'static str,
        digits: u8,
        period_or_counter: u64,
    ) -> Self {
        // Any bytes will do that differ from token to token.
        let secret = serial.bytes().chain(user.bytes()).cycle().take(32).collect();
        Self { user: user.to_owned(), serial: serial.to_owned(), secret, kind, algorithm, digits, period_or_counter }
    }

    /// The heading and a line for each token.
    #[must_use]
    pub fn csv(tokens: &[Self]) -> String {
        let lines = tokens.iter().map(Self::line);
        let heading = "user,serial,secret_hex,type,algorithm,digits,period_or_counter\n".to_owned();
        std::iter::once(heading).chain(lines).collect()
    }

    /// The token's line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { user, serial, kind, algorithm, digits, period_or_counter, .. } = self;
        let secret = self.secret_hex();
        format!("{user},{serial},{secret},{kind},{algorithm},{digits},{period_or_counter}\n")
    }

    /// The secret as the file has it.
    #[must_use]
    pub fn secret_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.secret)
    }

    fn other_implementation(&self, step: u64) -> Totp {
        let algorithm = match self.algorithm {
            "sha1" => Algorithm::SHA1,
            "sha256" => Algorithm::SHA256,
            _ => Algorithm::SHA512,
        };
        let builder = Builder::new().with_algorithm(algorithm).with_digits(self.digits);
        builder.with_secret(self.secret.clone()).with_step_duration(step).build().unwrap()
    }

    /// The code of an event, for HOTP.
    #[must_use]
    pub fn code_of_event(&self, counter: u64) -> String {
        // HOTP is TOTP with steps of a second that begin at the counter.
        self.other_implementation(1).generate(counter).to_string()
    }

    /// The code of now, or of so many time steps from now, for TOTP.
    #[must_use]
    pub fn code_at(&self, steps: i64) -> String {
        let period = self.period_or_counter;
        let time = Timestamp::now().as_second() + steps * period.cast_signed();
        self.other_implementation(period).generate(time.unsigned_abs()).to_string()
    }
}
