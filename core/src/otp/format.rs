//! What a code is made of.

use super::{Digits, Hash, Period};

/// How a token makes its codes; fixed at its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeFormat {
    /// The hash under the HMAC.
    pub hash: Hash,
    /// The length of a code.
    pub digits: Digits,
    /// The length of a time step.
    pub period: Period,
}

impl CodeFormat {
    /// SHA-256, eight digits, thirty seconds: for a token whose phone has learnt nothing of the policy.
    pub const STANDARD: Self = Self { hash: Hash::Sha256, digits: Digits::EIGHT, period: Period::STANDARD };
}
