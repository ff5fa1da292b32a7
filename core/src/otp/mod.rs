//! One-time codes: HOTP (RFC 4226), TOTP (RFC 6238), OCRA (RFC 6287) and the rule of which codes a server accepts.

mod code;
mod format;
mod hotp;
mod keyed;
mod ocra;
mod totp;
pub mod window;

pub use code::{Code, CodeError, Digits};
pub use format::CodeFormat;
pub use hotp::{Hash, OtpKey, UnknownHash};
pub use ocra::{
    Challenge, DetailsError, OcraField, OcraInput, OcraInputError, OcraKey, OcraQuestion, OcraResponse,
    OcraResponseError, OcraSuite, OcraSuiteError, QuestionFormat, TypedChallenge, TypedChallengeError,
    details_challenge, judge_response, respond_question, respond_typed,
};
pub use totp::{Period, TimeStep};

#[cfg(test)]
mod vectors;
