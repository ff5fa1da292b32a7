//! The half of [`HardwareKeys::prf`](crate::HardwareKeys::prf) that no hardware has which only agrees on keys: Apple's Secure Enclave.

use symbolon_core::agreement;
use symbolon_core::secret::Secret;
use zeroize::Zeroizing;

use crate::SymbolonError;

/// The point that the hardware's key agrees with, for an input of 32 bytes: uncompressed, 65 bytes (RFC 9380).
///
/// # Errors
/// [`SymbolonError::Input`] for an input of another length.
#[uniffi::export]
pub fn agreement_point(input: Vec<u8>) -> Result<Vec<u8>, SymbolonError> {
    Ok(agreement::point(&secret(input)?).expose().to_vec())
}

/// What [`HardwareKeys::prf`](crate::HardwareKeys::prf) answers, from its input and what the hardware agreed on: 32 bytes each.
///
/// # Errors
/// [`SymbolonError::Input`] for values of another length.
#[uniffi::export]
pub fn agreement_output(input: Vec<u8>, shared: Vec<u8>) -> Result<Vec<u8>, SymbolonError> {
    Ok(agreement::output(&secret(input)?, &secret(shared)?).expose().to_vec())
}

fn secret(bytes: Vec<u8>) -> Result<Secret<32>, SymbolonError> {
    let bytes = Zeroizing::new(bytes);
    Secret::from_slice(&bytes).ok_or_else(|| SymbolonError::input("a value has 32 bytes"))
}
