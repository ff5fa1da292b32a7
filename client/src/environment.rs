//! Where the time and randomness come from, so that a test decides what time it is.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rand_core::OsRng;
use symbolon_core::CryptoRngCore;

/// A clock: this device's own, before any correction by a server.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// A source of randomness for keys.
pub trait Entropy: Send + Sync {
    /// A generator; asked for anew for each use.
    fn rng(&self) -> Box<dyn CryptoRngCore + Send>;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn rng(&self) -> Box<dyn CryptoRngCore + Send> {
        Box::new(OsRng)
    }
}

/// The clock and the randomness of one soft token.
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// Takes both from outside.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// The operating system's.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The time now by this device's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A generator for keys.
    #[must_use]
    pub fn rng(&self) -> Box<dyn CryptoRngCore + Send> {
        self.entropy.rng()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
