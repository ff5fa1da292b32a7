//! The server's half of an activation without a network.

use jiff::Timestamp;

use super::{Half, RegistrationCode};
use crate::keys::OfflineKeys;
use crate::otp::window::{Match, TimeState, judge};
use crate::otp::{Code, CodeFormat, OtpKey, TimeStep};

impl Half {
    /// Takes the registration code that the phone has drawn, as its person says. Takes Argon2's time and memory.
    #[must_use]
    pub fn register(self, registration: &RegistrationCode) -> Candidate {
        let format = self.format;
        Candidate { format, keys: self.derive(registration) }
    }
}

/// The keys that the phone has if everything was typed right.
#[derive(Debug)]
pub struct Candidate {
    format: CodeFormat,
    keys: OfflineKeys,
}

impl Candidate {
    /// Judges the code that the phone shows at `now`: only a match completes the activation. The code was told to
    /// somebody, so it is used up: the last accepted step is its own.
    #[must_use]
    pub fn judge(self, code: &Code, now: Timestamp, window: u32) -> Option<Completed> {
        let Self { format, keys } = self;
        let step = TimeStep::at(now, format.period);
        let key = OtpKey::prepare(format.hash, keys.code.expose());
        match judge(&key, format.digits, code, step, &TimeState::NEW, window, window) {
            Match::Accepted(accepted) => Some(Completed { format, keys, state: TimeState::reset(accepted, step) }),
            _ => None,
        }
    }
}

/// A token that is active.
#[derive(Debug)]
pub struct Completed {
    /// How the token makes its codes.
    pub format: CodeFormat,
    /// The token's keys.
    pub keys: OfflineKeys,
    /// What was accepted, and how the phone's clock goes.
    pub state: TimeState,
}
