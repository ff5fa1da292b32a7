//! What goes into a response besides the suite, and how it is laid out in bytes (RFC 6287, 5.1).

use std::fmt;

use super::{OcraSuite, QuestionFormat};
use crate::otp::TimeStep;
use crate::secret::SecretBytes;

/// The question that a response answers, in the characters in which it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcraQuestion<'a> {
    /// One challenge: a challenge-response or a signature (RFC 6287, 7.1 and 7.3).
    One(&'a str),
    /// The two challenges of a mutual challenge-response (RFC 6287, 7.2), the one that the responding side was asked
    /// before the one that it asked itself. They are joined without a mark between them, so a side that chooses
    /// challenges gives them all the length of the suite.
    Mutual {
        /// The challenge of the other side.
        asked: &'a str,
        /// The challenge of the side that responds.
        own: &'a str,
    },
}

/// The inputs of a response. Those beside the question must be there when the suite names them, and only then.
#[derive(Debug, Clone, Copy)]
pub struct OcraInput<'a> {
    /// `C`: the counter.
    pub counter: Option<u64>,
    /// `Q`: the question.
    pub question: OcraQuestion<'a>,
    /// `P`: the hash of the PIN ([`OcraSuite::hash_pin`]).
    pub pin_hash: Option<&'a SecretBytes>,
    /// `S`: session data, at most as long as the suite says.
    pub session: Option<&'a [u8]>,
    /// `T`: the time step, of the suite's own length ([`OcraSuite::time_step_at`]).
    pub time_step: Option<TimeStep>,
}

/// An input that a suite may or may not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcraField {
    /// `C`.
    Counter,
    /// `P`.
    PinHash,
    /// `S`.
    Session,
    /// `T`.
    TimeStep,
}

impl fmt::Display for OcraField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::PinHash => "PIN hash",
            Self::Session => "session",
            Self::TimeStep => "time step",
        })
    }
}

/// Why inputs do not fit a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OcraInputError {
    /// The suite names an input that is not there.
    #[error("{0}: this OCRA suite needs it")]
    Missing(OcraField),
    /// An input is there that the suite does not name.
    #[error("{0}: this OCRA suite has no place for it")]
    Unexpected(OcraField),
    /// A challenge is empty or too long.
    #[error("question: a challenge of this OCRA suite has 1 to {0} characters")]
    ChallengeLength(u8),
    /// A challenge has characters that its format does not have.
    #[error("question: a challenge of this OCRA suite consists of {0}")]
    ChallengeCharacters(QuestionFormat),
    /// The PIN hash is not as long as its hash function makes it.
    #[error("PIN hash: this OCRA suite needs {0} bytes")]
    PinHashLength(usize),
    /// The session data are empty or too long.
    #[error("session: this OCRA suite takes 1 to {0} bytes")]
    SessionLength(u16),
}

/// The question as it goes into the HMAC: always 128 bytes, with zeros at the end.
pub(super) type QuestionBlock = [u8; 128];

impl<'a> OcraInput<'a> {
    /// An input that is a question and nothing else.
    #[must_use]
    pub const fn new(question: OcraQuestion<'a>) -> Self {
        Self { counter: None, question, pin_hash: None, session: None, time_step: None }
    }

    /// `C | Q | P | S | T`, what follows the suite and its zero byte in the message of the HMAC.
    pub(super) fn data(&self, suite: &OcraSuite) -> Result<SecretBytes, OcraInputError> {
        let counter = self.counter_of(suite)?;
        let question = self.question.block(suite)?;
        let pin_hash = self.pin_hash_of(suite)?;
        let session = self.session_of(suite)?;
        let time_step = self.time_step_of(suite)?;
        // Its capacity is that of the longest message, so that no copy of a PIN hash is left behind by growing.
        let mut data = Vec::with_capacity(8 + 128 + 64 + 512 + 8);
        data.extend(counter.into_iter().flatten());
        data.extend_from_slice(&question);
        data.extend_from_slice(pin_hash);
        data.resize(data.len() + session.0, 0);
        data.extend_from_slice(session.1);
        data.extend(time_step.into_iter().flatten());
        Ok(SecretBytes::take(data))
    }

    fn counter_of(&self, suite: &OcraSuite) -> Result<Option<[u8; 8]>, OcraInputError> {
        let asked = suite.has_counter().then_some(());
        Ok(agreed(asked, self.counter, OcraField::Counter)?.map(|((), counter)| counter.to_be_bytes()))
    }

    fn pin_hash_of(&self, suite: &OcraSuite) -> Result<&[u8], OcraInputError> {
        match agreed(suite.pin_hash(), self.pin_hash, OcraField::PinHash)? {
            None => Ok(&[]),
            Some((hash, bytes)) if bytes.expose().len() == hash.output_length() => Ok(bytes.expose()),
            Some((hash, _)) => Err(OcraInputError::PinHashLength(hash.output_length())),
        }
    }

    /// The session data, and how many zeros come before them.
    fn session_of(&self, suite: &OcraSuite) -> Result<(usize, &[u8]), OcraInputError> {
        match agreed(suite.session_length(), self.session, OcraField::Session)? {
            None => Ok((0, &[])),
            Some((length, session)) => match usize::from(length).checked_sub(session.len()) {
                Some(zeros) if !session.is_empty() => Ok((zeros, session)),
                _ => Err(OcraInputError::SessionLength(length)),
            },
        }
    }

    fn time_step_of(&self, suite: &OcraSuite) -> Result<Option<[u8; 8]>, OcraInputError> {
        let agreed = agreed(suite.time_step_seconds(), self.time_step, OcraField::TimeStep)?;
        Ok(agreed.map(|(_, step)| step_bytes(step)))
    }
}

/// Both what the suite asks for and what there is, or neither.
fn agreed<A, G>(asked: Option<A>, given: Option<G>, field: OcraField) -> Result<Option<(A, G)>, OcraInputError> {
    match (asked, given) {
        (Some(asked), Some(given)) => Ok(Some((asked, given))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(OcraInputError::Missing(field)),
        (None, Some(_)) => Err(OcraInputError::Unexpected(field)),
    }
}

/// A time step in the message of the HMAC.
pub(super) fn step_bytes(step: TimeStep) -> [u8; 8] {
    // Steps before 1970 are bits like any other.
    step.number().to_be_bytes()
}

impl OcraQuestion<'_> {
    /// The question in 128 bytes, which hold two challenges of 64 characters in every format.
    fn block(&self, suite: &OcraSuite) -> Result<QuestionBlock, OcraInputError> {
        let (first, second) = match *self {
            Self::One(challenge) => (challenge, None),
            Self::Mutual { asked, own } => (asked, Some(own)),
        };
        for challenge in std::iter::once(first).chain(second) {
            if challenge.is_empty() || challenge.len() > usize::from(suite.challenge_length()) {
                return Err(OcraInputError::ChallengeLength(suite.challenge_length()));
            }
            if !challenge.bytes().all(|byte| suite.question_format().admits(byte)) {
                return Err(OcraInputError::ChallengeCharacters(suite.question_format()));
            }
        }
        let characters = first.bytes().chain(second.unwrap_or_default().bytes());
        Ok(match suite.question_format() {
            QuestionFormat::Alphanumeric => block(characters),
            QuestionFormat::Numeric => numeric_block(characters),
            QuestionFormat::Hexadecimal => block_of_nibbles(characters.map(value)),
        })
    }
}

/// The value of a hexadecimal digit.
fn value(character: u8) -> u8 {
    char::from(character).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

/// `bytes`, and zeros after them.
pub(super) fn block(bytes: impl Iterator<Item = u8>) -> QuestionBlock {
    let mut block = [0; 128];
    for (place, byte) in block.iter_mut().zip(bytes) {
        *place = byte;
    }
    block
}

fn block_of_nibbles(nibbles: impl Iterator<Item = u8>) -> QuestionBlock {
    let mut nibbles = nibbles.fuse();
    let pairs = std::iter::from_fn(|| {
        let high = nibbles.next()?;
        Some(high << 4 | nibbles.next().unwrap_or_default())
    });
    block(pairs)
}

/// At most 128 decimal digits as one number, in hexadecimal digits without zeros in front, and zeros after them.
///
/// So the RFC makes it (appendix A), and so `1`, `16` and `256` are the same question.
pub(super) fn numeric_block(digits: impl Iterator<Item = u8>) -> QuestionBlock {
    // The lowest byte first; 54 bytes hold any 128 digits.
    let mut number = [0_u8; 54];
    for digit in digits {
        let mut carry = u16::from(value(digit));
        for byte in &mut number {
            let [low, high] = (u16::from(*byte) * 10 + carry).to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
    }
    let nibbles = number.iter().rev().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    block_of_nibbles(nibbles.skip_while(|nibble| *nibble == 0))
}
