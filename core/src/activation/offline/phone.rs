//! The phone's half of an activation without a network.

use rand_core::CryptoRngCore;

use super::{Half, Offer, OfflineTicket, RegistrationCode};
use crate::activation::{ActivationPassword, OfflinePassword, ServerAddress};
use crate::keys::OfflineKeys;
use crate::otp::CodeFormat;
use crate::serial::SerialNumber;

/// Everything is there, and the registration code is drawn. Whether the password is right, nobody here can tell.
#[derive(Debug)]
pub struct Begun {
    half: Half,
    from: Source,
    registration: RegistrationCode,
}

/// What the ticket said besides its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A QR.
    Scanned(Box<Offer>),
    /// Serial number and activation code were typed; nothing is known of names and policy.
    Typed {
        /// The token.
        serial: SerialNumber,
        /// The server's address, where it was typed too.
        server: Option<ServerAddress>,
    },
}

impl Begun {
    /// With a QR, and the password that came another way.
    pub fn scanned(rng: &mut dyn CryptoRngCore, ticket: OfflineTicket, password: &OfflinePassword) -> Self {
        let half = Half::scanned(&ticket, password);
        Self {
            half,
            from: Source::Scanned(Box::new(ticket.into_offer())),
            registration: RegistrationCode::generate(rng),
        }
    }

    /// With what was typed.
    pub fn typed(
        rng: &mut dyn CryptoRngCore,
        server: Option<ServerAddress>,
        serial: SerialNumber,
        password: &ActivationPassword,
    ) -> Self {
        let half = Half::typed(serial, password);
        Self { half, from: Source::Typed { serial, server }, registration: RegistrationCode::generate(rng) }
    }

    /// What the ticket said.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.from
    }

    /// The token.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.half.serial
    }

    /// Derives the token's keys. Takes Argon2's time and memory.
    ///
    /// ```compile_fail,E0382
    /// # use symbolon_core::activation::offline::phone::Begun;
    /// # fn twice(begun: Begun) {
    /// let _ = begun.derive();
    /// let _ = begun.derive(); // a registration code is for one token
    /// # }
    /// ```
    #[must_use]
    pub fn derive(self) -> Registered {
        let Self { half, from, registration } = self;
        let format = half.format;
        Registered { source: from, format, keys: half.derive(&registration), registration }
    }
}

/// What the phone keeps. The token counts once the server has been told the registration code and the first code.
#[derive(Debug)]
pub struct Registered {
    /// What the ticket said.
    pub source: Source,
    /// How the token makes its codes.
    pub format: CodeFormat,
    /// The token's keys.
    pub keys: OfflineKeys,
    /// For the server.
    pub registration: RegistrationCode,
}
