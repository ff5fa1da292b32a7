//! What the phone and the server must agree on, and nothing else: codes, activation, the vault, policy.
//!
//! Everything here is *sans-I/O*: no files, no network, no clock, no async, no logging. Time and randomness are
//! parameters (`now`, `rng`), so a test decides what time it is. The public specification of what these modules compute
//! is `docs/protocol.md` beside this crate, and `docs/vault-format.md` for the file on the phone.

pub mod access;
pub mod activation;
pub mod agreement;
pub mod approval;
pub mod biometrics;
pub mod contact;
pub mod encoding;
pub mod frame;
pub mod integrity;
pub mod keys;
pub mod moving;
pub mod otp;
pub mod policy;
pub mod push;
pub mod secret;
pub mod serial;
pub mod signed;
mod stretching;
pub mod succession;
pub mod text;
pub mod vault;

pub use rand_core::CryptoRngCore;
