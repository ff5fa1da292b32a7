//! The suite: which hash, how many digits and which inputs a response is made of (RFC 6287, 6).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

use crate::otp::{Hash, TimeStep};
use crate::secret::SecretBytes;

/// An OCRA suite, such as `OCRA-1:HOTP-SHA256-8:QN08-T30S` (RFC 6287, 6).
///
/// Made by reading its text, which `Display` writes again letter by letter:
///
/// ```text
/// OCRA-1:HOTP-SHA{1,256,512}-{0,4..10}:[C-]Q{A,N,H}{04..64}[-PSHA{1,256,512}][-S{001..512}][-T{1..59}{S,M} | -T{1..48}H]
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OcraSuite {
    hash: Hash,
    truncation: u8,
    counter: bool,
    format: QuestionFormat,
    challenge_length: u8,
    pin: Option<Hash>,
    session: Option<u16>,
    time: Option<StepLength>,
}

/// The characters of a challenge (RFC 6287, 6.3, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuestionFormat {
    /// `A`: ASCII letters and digits, taken as the bytes that they are.
    Alphanumeric,
    /// `N`: digits, taken as a decimal number.
    Numeric,
    /// `H`: hexadecimal digits, each a nibble.
    Hexadecimal,
}

/// The length of a time step, as the suite writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct StepLength {
    count: u8,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
}

/// Why a text is no OCRA suite: which part of it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OcraSuiteError {
    /// Not three parts.
    #[error("an OCRA suite has three parts with colons between them, as in OCRA-1:HOTP-SHA256-8:QN08-T30S")]
    Parts,
    /// The first part.
    #[error("the first part of an OCRA suite is OCRA-1")]
    Version,
    /// The second part, up to its last hyphen.
    #[error("the function of an OCRA suite is HOTP-SHA1, HOTP-SHA256 or HOTP-SHA512 with a number of digits")]
    Function,
    /// The number of digits of a response.
    #[error("the responses of an OCRA suite have 4 to 10 digits, or 0 for the whole HMAC")]
    Truncation,
    /// The question, which no suite lacks.
    #[error("the question of an OCRA suite is QA, QN or QH with a length of 04 to 64")]
    Question,
    /// The hash of the PIN.
    #[error("the PIN of an OCRA suite is PSHA1, PSHA256 or PSHA512")]
    PinHash,
    /// The length of the session data.
    #[error("the session data of an OCRA suite is S001 to S512")]
    Session,
    /// The length of the time step.
    #[error("the time step of an OCRA suite is T1S to T59S, T1M to T59M or T1H to T48H")]
    TimeStep,
    /// Something unknown, out of order or twice.
    #[error("the inputs of an OCRA suite are C, Q, P, S and T, in this order and each once at most")]
    Inputs,
}

impl OcraSuite {
    /// Symbolon's suite for challenges and details that a person types: eight digits for eight digits.
    pub const TYPED: Self = Self::symbolon(QuestionFormat::Numeric, 8);
    /// Symbolon's suite for offline approvals by QR: a SHA-256 as question.
    pub const QUESTION: Self = Self::symbolon(QuestionFormat::Hexadecimal, 64);

    const fn symbolon(format: QuestionFormat, challenge_length: u8) -> Self {
        let time = Some(StepLength { count: 30, unit: Unit::Seconds });
        Self {
            hash: Hash::Sha256,
            truncation: 8,
            counter: false,
            format,
            challenge_length,
            pin: None,
            session: None,
            time,
        }
    }

    /// The hash under the HMAC.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How many digits a response has, 4 to 10; `None` when it is the whole HMAC in hexadecimal (RFC 6287, 5.2).
    #[must_use]
    pub fn digits(&self) -> Option<u8> {
        (self.truncation > 0).then_some(self.truncation)
    }

    /// Whether a counter is one of the inputs.
    #[must_use]
    pub fn has_counter(&self) -> bool {
        self.counter
    }

    /// What a challenge consists of.
    #[must_use]
    pub fn question_format(&self) -> QuestionFormat {
        self.format
    }

    /// How many characters one challenge has at most: 4 to 64.
    #[must_use]
    pub fn challenge_length(&self) -> u8 {
        self.challenge_length
    }

    /// The hash of the PIN, when the PIN is one of the inputs.
    #[must_use]
    pub fn pin_hash(&self) -> Option<Hash> {
        self.pin
    }

    /// How many bytes session data fill, 1 to 512, when they are one of the inputs.
    #[must_use]
    pub fn session_length(&self) -> Option<u16> {
        self.session
    }

    /// How many seconds a time step lasts, when the time is one of the inputs.
    #[must_use]
    pub fn time_step_seconds(&self) -> Option<u32> {
        self.time.map(StepLength::seconds)
    }

    /// The time step of this suite that contains `time`, counted from 1970; `None` when the time is no input.
    #[must_use]
    pub fn time_step_at(&self, time: Timestamp) -> Option<TimeStep> {
        let seconds = i64::from(self.time_step_seconds()?);
        Some(TimeStep::from_number(time.as_second().div_euclid(seconds)))
    }

    /// The hash of `pin` (in UTF-8) that goes into a response; `None` when the PIN is no input (RFC 6287, 5.1).
    #[must_use]
    pub fn hash_pin(&self, pin: &[u8]) -> Option<SecretBytes> {
        Some(SecretBytes::take(match self.pin? {
            Hash::Sha1 => Sha1::digest(pin).to_vec(),
            Hash::Sha256 => Sha256::digest(pin).to_vec(),
            Hash::Sha512 => Sha512::digest(pin).to_vec(),
        }))
    }
}

impl QuestionFormat {
    const fn letter(self) -> char {
        match self {
            Self::Alphanumeric => 'A',
            Self::Numeric => 'N',
            Self::Hexadecimal => 'H',
        }
    }

    pub(super) const fn admits(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Numeric => byte.is_ascii_digit(),
            Self::Hexadecimal => byte.is_ascii_hexdigit(),
        }
    }
}

impl fmt::Display for QuestionFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alphanumeric => "letters (A to Z) and digits",
            Self::Numeric => "digits",
            Self::Hexadecimal => "hexadecimal digits",
        })
    }
}

impl StepLength {
    fn seconds(self) -> u32 {
        let unit = match self.unit {
            Unit::Seconds => 1,
            Unit::Minutes => 60,
            Unit::Hours => 3600,
        };
        u32::from(self.count) * unit
    }

    /// Reads what follows the `T`.
    fn parse(text: &str) -> Option<Self> {
        let (count, unit) = [('S', Unit::Seconds), ('M', Unit::Minutes), ('H', Unit::Hours)]
            .into_iter()
            .find_map(|(letter, unit)| text.strip_suffix(letter).map(|count| (count, unit)))?;
        let most = if unit == Unit::Hours { 48 } else { 59 };
        let count = number(count).filter(|count| (1..=most).contains(count) && !text.starts_with('0'))?;
        Some(Self { count: u8::try_from(count).ok()?, unit })
    }
}

impl fmt::Display for StepLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Seconds => 'S',
            Unit::Minutes => 'M',
            Unit::Hours => 'H',
        };
        write!(f, "{}{unit}", self.count)
    }
}

/// One to three digits, and no sign.
fn number(text: &str) -> Option<u16> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn hash(text: &str) -> Option<Hash> {
    match text {
        "SHA1" => Some(Hash::Sha1),
        "SHA256" => Some(Hash::Sha256),
        "SHA512" => Some(Hash::Sha512),
        _ => None,
    }
}

/// The format and the greatest length of a challenge, as they follow the `Q`.
fn question(text: &str) -> Option<(QuestionFormat, u8)> {
    let (format, length) = [QuestionFormat::Alphanumeric, QuestionFormat::Numeric, QuestionFormat::Hexadecimal]
        .into_iter()
        .find_map(|format| text.strip_prefix(format.letter()).map(|length| (format, length)))?;
    let length = number(length).filter(|number| length.len() == 2 && (4..=64).contains(number))?;
    Some((format, u8::try_from(length).ok()?))
}

fn session(text: &str) -> Option<u16> {
    number(text).filter(|number| text.len() == 3 && (1..=512).contains(number))
}

impl FromStr for OcraSuite {
    type Err = OcraSuiteError;

    fn from_str(text: &str) -> Result<Self, OcraSuiteError> {
        let mut parts = text.split(':');
        let (Some(version), Some(function), Some(inputs), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(OcraSuiteError::Parts);
        };
        if version != "OCRA-1" {
            return Err(OcraSuiteError::Version);
        }
        let function = function.strip_prefix("HOTP-").and_then(|function| function.split_once('-'));
        let (name, digits) = function.ok_or(OcraSuiteError::Function)?;
        let hash_of_codes = hash(name).ok_or(OcraSuiteError::Function)?;
        let truncation = match digits {
            "0" => 0,
            "4" => 4,
            "5" => 5,
            "6" => 6,
            "7" => 7,
            "8" => 8,
            "9" => 9,
            "10" => 10,
            _ => return Err(OcraSuiteError::Truncation),
        };
        let mut inputs = inputs.split('-').peekable();
        let counter = inputs.next_if_eq(&"C").is_some();
        let (format, challenge_length) = inputs
            .next()
            .and_then(|input| input.strip_prefix('Q'))
            .and_then(question)
            .ok_or(OcraSuiteError::Question)?;
        let mut optional = |letter: char| {
            inputs.next_if(|input| input.starts_with(letter)).and_then(|input| input.strip_prefix(letter))
        };
        let pin = optional('P').map(|text| hash(text).ok_or(OcraSuiteError::PinHash)).transpose()?;
        let session = optional('S').map(|text| session(text).ok_or(OcraSuiteError::Session)).transpose()?;
        let time = optional('T').map(|text| StepLength::parse(text).ok_or(OcraSuiteError::TimeStep)).transpose()?;
        if inputs.next().is_some() {
            return Err(OcraSuiteError::Inputs);
        }
        Ok(Self { hash: hash_of_codes, truncation, counter, format, challenge_length, pin, session, time })
    }
}

/// A hash as suites write it.
struct Capitals(Hash);

impl fmt::Display for Capitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Hash::Sha1 => "SHA1",
            Hash::Sha256 => "SHA256",
            Hash::Sha512 => "SHA512",
        })
    }
}

impl fmt::Display for OcraSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OCRA-1:HOTP-{}-{}:", Capitals(self.hash), self.truncation)?;
        if self.counter {
            f.write_str("C-")?;
        }
        write!(f, "Q{}{:02}", self.format.letter(), self.challenge_length)?;
        if let Some(hash) = self.pin {
            write!(f, "-P{}", Capitals(hash))?;
        }
        if let Some(length) = self.session {
            write!(f, "-S{length:03}")?;
        }
        if let Some(time) = self.time {
            write!(f, "-T{time}")?;
        }
        Ok(())
    }
}
