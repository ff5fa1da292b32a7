//! A platform without secure hardware: the desktop.
//!
//! Its keys are bytes in a [`KeyStore`], the operating system's or files. They say so: `key_protection` is `software`.
//! Whoever can read the store and the vaults can use them, and can test PINs at Argon2's price.

mod keys;
mod probe;
mod store;

pub use keys::SoftwareKeys;
pub use probe::DesktopProbe;
pub use store::{FileKeyStore, KeyStore, MemoryKeyStore};

use super::{Biometric, LocalAuthentication};

/// A system that recognises nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuthentication;

impl LocalAuthentication for NoAuthentication {
    fn available(&self) -> Vec<Biometric> {
        Vec::new()
    }
}
