//! OCRA: responses to challenges and signatures over details, from a shared key (RFC 6287).
//!
//! The whole of the RFC, for other makers' tokens and its vectors, in [`OcraSuite`], [`OcraInput`] and [`OcraKey`]; and
//! the two suites that Symbolon's own tokens use, with types that leave nothing to go wrong: [`respond_typed`],
//! [`respond_question`], [`details_challenge`] and [`judge_response`].
//!
//! Where the RFC leaves a choice:
//! - A suite is read strictly: in capitals, every part written out, no zeros in front of a time step. What is read is
//!   written again letter by letter, since the text of the suite goes into the HMAC.
//! - Hours of a time step are 1 to 48 (erratum 3729, verified). A response has 0 or 4 to 10 digits, as the RFC says;
//!   erratum 3730, which would take ten away, is only reported.
//! - The length of a challenge in a suite is the greatest allowed ("up to length", 6.3): 1 to that many characters.
//! - Session data shorter than the suite says has zero bytes before it, as in the reference code (appendix A).

mod input;
mod key;
mod response;
mod suite;
mod symbolon;

pub use input::{OcraField, OcraInput, OcraInputError, OcraQuestion};
pub use key::OcraKey;
pub use response::{OcraResponse, OcraResponseError};
pub use suite::{OcraSuite, OcraSuiteError, QuestionFormat};
pub use symbolon::{
    Challenge, DetailsError, TypedChallenge, TypedChallengeError, details_challenge, judge_response, respond_question,
    respond_typed,
};

#[cfg(test)]
mod tests;
