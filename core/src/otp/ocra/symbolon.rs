//! The two suites of Symbolon's own tokens: challenges and details that a person types, and offline approvals by QR.
//!
//! Both are symmetric, as all of OCRA: the server could make the response itself, so it is no receipt.

use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::input::{QuestionBlock, block, numeric_block, step_bytes};
use super::{OcraKey, OcraSuite};
use crate::otp::hotp::truncate;
use crate::otp::window::outward;
use crate::otp::{Code, Digits, TimeStep};
use crate::secret::Secret;
use crate::text::{Text, TextError};

/// A challenge of eight digits, which a person types into a token. It is no secret.
///
/// OCRA takes it as a number (RFC 6287, 5.1 and appendix A), so that *n* and 16 × *n* get the same response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TypedChallenge(u32);

/// A text that is no challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a challenge has 8 digits")]
pub struct TypedChallengeError;

impl TypedChallenge {
    const NUMBER: u32 = 100_000_000;

    /// A random challenge, each as likely as another.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        loop {
            let number = rng.next_u32();
            // 42 × 10⁸ of 2³² values are kept, so that no challenge is likelier than another.
            if number < 42 * Self::NUMBER {
                return Self(number % Self::NUMBER);
            }
        }
    }

    /// The eight digits without a gap, as JSON has them too.
    #[must_use]
    pub fn digits(&self) -> String {
        format!("{:08}", self.0)
    }
}

impl fmt::Display for TypedChallenge {
    /// In groups, as a person reads it: `1234 5678`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04} {:04}", self.0 / 10_000, self.0 % 10_000)
    }
}

impl FromStr for TypedChallenge {
    type Err = TypedChallengeError;

    /// Reads eight digits; spaces and hyphens between them are passed over.
    fn from_str(text: &str) -> Result<Self, TypedChallengeError> {
        let mut number = 0;
        let mut count = 0;
        for byte in text.bytes() {
            match byte {
                b' ' | b'-' => {}
                b'0'..=b'9' if count < 8 => {
                    number = number * 10 + u32::from(byte - b'0');
                    count += 1;
                }
                _ => return Err(TypedChallengeError),
            }
        }
        if count == 8 { Ok(Self(number)) } else { Err(TypedChallengeError) }
    }
}

impl From<TypedChallenge> for String {
    fn from(challenge: TypedChallenge) -> Self {
        challenge.digits()
    }
}

impl TryFrom<String> for TypedChallenge {
    type Error = TypedChallengeError;

    fn try_from(text: String) -> Result<Self, TypedChallengeError> {
        text.parse()
    }
}

/// What a response of one of the two suites answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Typed: `OCRA-1:HOTP-SHA256-8:QN08-T30S`.
    Typed(TypedChallenge),
    /// From a QR, a SHA-256: `OCRA-1:HOTP-SHA256-8:QH64-T30S`.
    Question([u8; 32]),
}

impl Challenge {
    /// The suite of responses to it.
    #[must_use]
    pub fn suite(&self) -> OcraSuite {
        match self {
            Self::Typed(_) => OcraSuite::TYPED,
            Self::Question(_) => OcraSuite::QUESTION,
        }
    }

    fn block(&self) -> QuestionBlock {
        match self {
            Self::Typed(challenge) => numeric_block(challenge.digits().bytes()),
            Self::Question(question) => block(question.iter().copied()),
        }
    }

    /// The responses to this challenge, one for each time step.
    fn responses(&self, key: &Secret<32>) -> impl Fn(TimeStep) -> Code {
        let key = OcraKey::prepare(self.suite(), key.expose()).absorb(&self.block());
        move |step| key.mac(&step_bytes(step), |mac| Code::truncate(truncate(mac), Digits::EIGHT))
    }
}

/// The response to a typed challenge at a 30-second time step: `OCRA-1:HOTP-SHA256-8:QN08-T30S` (RFC 6287, 7.1 and 7.3).
#[must_use]
pub fn respond_typed(key: &Secret<32>, challenge: &TypedChallenge, step: TimeStep) -> Code {
    Challenge::Typed(*challenge).responses(key)(step)
}

/// The response to a question from a QR at a 30-second time step: `OCRA-1:HOTP-SHA256-8:QH64-T30S` (RFC 6287, 7.1).
#[must_use]
pub fn respond_question(key: &Secret<32>, question: [u8; 32], step: TimeStep) -> Code {
    Challenge::Question(question).responses(key)(step)
}

/// Finds the time step at which the holder of `key` answered `challenge` with `response`.
///
/// Looks at the `2 × window + 1` steps around *now + `drift`*, the nearest first, and compares in constant time. It keeps no
/// state: the caller lets a challenge be answered once, and a signature over details only at a later step than the last.
#[must_use]
pub fn judge_response(
    key: &Secret<32>,
    challenge: &Challenge,
    response: &Code,
    now: TimeStep,
    drift: i64,
    window: u32,
) -> Option<TimeStep> {
    let response_at = challenge.responses(key);
    outward(now.moved(drift), 0, window).find(|step| response_at(*step) == *response)
}

/// Why typed details are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// No value, or too many.
    #[error("there are 1 to 10 details")]
    Count,
    /// A value that is not one plain line of 1 to 100 characters.
    #[error("detail {position} {error}")]
    Value {
        /// Which one, counted from 1.
        position: usize,
        /// What is wrong with it.
        error: TextError,
    },
}

/// The challenge that stands for details which a person types, such as an amount and an account, so that the response is
/// a signature over them (RFC 6287, 7.3).
///
/// The server and the token compute it alike from 1 to 10 values of 1 to 100 characters, white space around them
/// left out: SHA-256 over the label `symbolon/1/details` and the values in UTF-8, each with its length in bytes before it (32
/// bits, big-endian); the first eight bytes as a big-endian number; its last eight decimal digits. 2⁶⁴ is
/// so much more than 10⁸ that no challenge is noticeably likelier than another.
///
/// Eight digits are few: whoever may choose a value freely finds, in 10⁸ attempts, one that gives the challenge of other
/// values. So the values are those that a person checks, and never a free text of whoever asks.
///
/// # Errors
/// [`DetailsError`] when there are none or too many, or one is empty, too long or not plain.
pub fn details_challenge(values: &[&str]) -> Result<TypedChallenge, DetailsError> {
    if values.is_empty() || values.len() > 10 {
        return Err(DetailsError::Count);
    }
    let mut hash = Sha256::new();
    add(&mut hash, "symbolon/1/details");
    for (position, value) in (1..).zip(values) {
        let value: Text<100> = value.parse().map_err(|error| DetailsError::Value { position, error })?;
        add(&mut hash, value.as_str());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let number = hash.first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default();
    let number = u32::try_from(number % u64::from(TypedChallenge::NUMBER)).unwrap_or_default();
    Ok(TypedChallenge(number))
}

/// Adds one field, which is never longer than 400 bytes.
fn add(hash: &mut Sha256, field: &str) {
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    hash.update(length.to_be_bytes());
    hash.update(field);
}
