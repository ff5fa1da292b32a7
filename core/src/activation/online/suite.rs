//! The OPAQUE configuration: ristretto255-SHA512, 3DH, no key stretching.
//!
//! The password is 16 or more random digits that live for at most seven days behind a limit of a thousand guesses, so
//! there is nothing that stretching would protect.

use opaque_ke::key_exchange::tripledh::TripleDh;
use opaque_ke::ksf::Identity;
use opaque_ke::{CipherSuite, Identifiers, Ristretto255};
use sha2::Sha512;

use crate::serial::SerialNumber;
use crate::signed::KeyHash;

pub(super) struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Identity;
}

/// Who the two sides are: the serial number, and the hash of the identity key.
pub(super) struct Parties {
    phone: String,
    server: KeyHash,
}

impl Parties {
    pub(super) fn new(serial: SerialNumber, identity: KeyHash) -> Self {
        Self { phone: serial.digits(), server: identity }
    }

    pub(super) fn identifiers(&self) -> Identifiers<'_> {
        Identifiers { client: Some(self.phone.as_bytes()), server: Some(self.server.as_slice()) }
    }
}
