//! One-time codes: HOTP (RFC 4226), TOTP (RFC 6238) and the rule of which codes a server accepts.

mod code;
mod hotp;
mod totp;
pub mod window;

pub use code::{Code, CodeError, Digits};
pub use hotp::{Hash, OtpKey, UnknownHash};
pub use totp::{Period, TimeStep};

#[cfg(test)]
mod vectors;
