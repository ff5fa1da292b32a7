//! The phone's half of an online activation.

use ml_kem::kem::{Decapsulate, FromSeed, KeyExport};
use ml_kem::{DecapsulationKey, MlKem768};
use opaque_ke::{ClientLogin, ClientLoginFinishParameters, CredentialResponse};
use rand_core::CryptoRngCore;
use zeroize::Zeroize;

use super::suite::{Parties, Suite};
use super::{
    Binding, ConfirmRequest, Confirmation, Device, DeviceDescription, FinishReply, FinishRequest, OnlineError,
    Registration, SessionId, StartReply, StartRequest, Unproven, VERSION, context, transcript,
};
use crate::activation::{ActivationPassword, Ticket};
use crate::encoding::Bytes;
use crate::keys::{MasterSecret, TokenKeys};
use crate::moving::ComparisonCode;
use crate::otp::Code;
use crate::push::PushAddress;
use crate::serial::SerialNumber;
use crate::signed::{KeyHash, PublicKey, Signature, SigningInput};

/// Message 1 is made; the server has not answered.
pub struct Started {
    request: StartRequest,
    password: ActivationPassword,
    identity: Option<KeyHash>,
    login: ClientLogin<Suite>,
    decapsulation_key: DecapsulationKey<MlKem768>,
}

impl Started {
    /// Begins an activation with what the ticket says.
    ///
    /// # Errors
    /// [`OnlineError::Message`] never happens for a ticket that was parsed; OPAQUE's interface has the case.
    pub fn new(mut rng: &mut dyn CryptoRngCore, ticket: &Ticket) -> Result<Self, OnlineError> {
        let login = ClientLogin::<Suite>::start(&mut rng, ticket.password.expose().as_bytes())
            .map_err(|_| OnlineError::Message)?;
        let mut seed = ml_kem::Seed::default();
        rng.fill_bytes(&mut seed);
        let (decapsulation_key, encapsulation_key) = MlKem768::from_seed(&seed);
        seed.zeroize();
        let encode = |_| OnlineError::Message;
        let request = StartRequest {
            versions: Bytes::new([VERSION]).map_err(encode)?,
            serial: ticket.serial,
            ke1: Bytes::new(login.message.serialize().as_slice()).map_err(encode)?,
            encapsulation_key: Bytes::new(encapsulation_key.to_bytes().as_slice()).map_err(encode)?,
        };
        Ok(Self {
            request,
            password: ticket.password.duplicate(),
            identity: ticket.identity.clone(),
            login: login.state,
            decapsulation_key,
        })
    }

    /// Message 1; sending it again sends the same bytes.
    #[must_use]
    pub fn request(&self) -> &StartRequest {
        &self.request
    }

    /// Takes message 2. After this the server has shown that it knows the password.
    ///
    /// # Errors
    /// [`OnlineError`]: nothing that the server said is to be believed then.
    pub fn prove(self, mut rng: &mut dyn CryptoRngCore, reply: &StartReply) -> Result<Proven, OnlineError> {
        if reply.version != VERSION {
            return Err(OnlineError::Version);
        }
        let identity = reply.identity_key.hash();
        if self.identity.is_some_and(|pinned| pinned != identity) {
            return Err(OnlineError::OtherServer);
        }
        let ke2 = reply.ke2.as_slice();
        let unproven = Unproven {
            session: &reply.session,
            ciphertext: reply.ciphertext.as_slice(),
            identity_key: &reply.identity_key,
            time: reply.time,
        };
        let context = context(&self.request, &unproven);
        let parties = Parties::new(self.request.serial, identity.clone());
        let finished = self
            .login
            .finish(
                &mut rng,
                self.password.expose().as_bytes(),
                CredentialResponse::deserialize(ke2).map_err(|_| OnlineError::Message)?,
                ClientLoginFinishParameters::new(Some(&context), parties.identifiers(), None),
            )
            .map_err(|_| OnlineError::WrongPassword)?;
        let ke3 = finished.message.serialize();
        let mut shared =
            self.decapsulation_key.decapsulate_slice(reply.ciphertext.as_slice()).map_err(|_| OnlineError::Message)?;
        let transcript = transcript(&context, self.request.ke1.as_slice(), ke2, &ke3);
        let master = MasterSecret::extract(&transcript, &finished.session_key, &shared);
        shared.zeroize();
        Ok(Proven {
            serial: self.request.serial,
            session: reply.session.clone(),
            state: reply.state.clone(),
            ke3: Bytes::new(ke3.as_slice()).map_err(|_| OnlineError::Message)?,
            identity_key: reply.identity_key.clone(),
            identity,
            transcript: transcript.into(),
            push: None,
            master,
        })
    }
}

/// The server knows the password and is the one that the ticket names. The hardware makes its key now.
#[derive(Debug)]
pub struct Proven {
    serial: SerialNumber,
    session: SessionId,
    state: Bytes<1, 1536>,
    ke3: Bytes<64>,
    identity_key: PublicKey,
    identity: KeyHash,
    transcript: Bytes<32>,
    push: Option<PushAddress>,
    master: MasterSecret,
}

impl Proven {
    /// What the hardware is asked to attest with the new device key.
    #[must_use]
    pub fn attestation_challenge(&self) -> [u8; 32] {
        self.master.attestation_challenge()
    }

    /// What the new device key signs.
    ///
    /// # Errors
    /// [`OnlineError::Message`] never happens: the payload always has a JSON form.
    pub fn binding(&self) -> Result<SigningInput<Binding>, OnlineError> {
        SigningInput::new(&Binding {
            aud: self.identity.clone(),
            serial: self.serial,
            transcript: self.transcript.clone(),
        })
        .map_err(|_| OnlineError::Message)
    }

    /// Tells the server where the phone is woken.
    #[must_use]
    pub fn woken_at(self, push: Option<PushAddress>) -> Self {
        Self { push, ..self }
    }

    /// Makes message 3 from the device's key and its signature over [`Proven::binding`].
    ///
    /// # Errors
    /// [`OnlineError::Message`] when the attestation is larger than any that is known.
    pub fn finish(
        self,
        key: PublicKey,
        signature: &Signature,
        attestation: Option<Bytes<1, 32768>>,
        description: DeviceDescription,
    ) -> Result<Finishing, OnlineError> {
        let binding = self.binding()?.attach(signature);
        let device = Device { key, binding, attestation, description, push: self.push };
        let plain = serde_json::to_vec(&device).map_err(|_| OnlineError::Message)?;
        let sealed = self.master.registration().phone.seal_once(&plain);
        let device_key = device.key.hash();
        let request = FinishRequest {
            session: self.session.clone(),
            state: self.state,
            ke3: self.ke3,
            sealed: Bytes::new(sealed).map_err(|_| OnlineError::Message)?,
        };
        Ok(Finishing {
            request,
            identity_key: self.identity_key,
            identity: self.identity,
            serial: self.serial,
            transcript: self.transcript,
            device_key,
            master: self.master,
        })
    }
}

/// Message 3 is made; the server has not answered.
#[derive(Debug)]
pub struct Finishing {
    request: FinishRequest,
    identity_key: PublicKey,
    identity: KeyHash,
    serial: SerialNumber,
    transcript: Bytes<32>,
    device_key: KeyHash,
    master: MasterSecret,
}

impl Finishing {
    /// Message 3; sending it again sends the same bytes and gets the same answer.
    #[must_use]
    pub fn request(&self) -> &FinishRequest {
        &self.request
    }

    /// Takes message 4.
    ///
    /// # Errors
    /// [`OnlineError::Message`] when it was changed, or is about another token.
    pub fn open(self, reply: &FinishReply) -> Result<Registered, OnlineError> {
        let plain =
            self.master.registration().server.open_once(reply.sealed.as_slice()).map_err(|_| OnlineError::Message)?;
        let registration: Registration = serde_json::from_slice(plain.expose()).map_err(|_| OnlineError::Message)?;
        if registration.serial != self.serial {
            return Err(OnlineError::Message);
        }
        let keys = self.master.token_keys(registration.hash);
        let comparison = registration
            .moves_from
            .as_ref()
            .map(|old| ComparisonCode::derive(&self.identity, old, &self.device_key, &self.transcript));
        Ok(Registered {
            comparison,
            registration,
            keys,
            identity_key: self.identity_key,
            identity: self.identity,
            session: self.request.session,
        })
    }
}

/// Both sides have the token's keys. The phone shows the names, asks, and stores what is here before it confirms.
#[derive(Debug)]
pub struct Registered {
    /// What the token is.
    pub registration: Registration,
    /// The token's secrets.
    pub keys: TokenKeys,
    /// The server's identity key, pinned from now on.
    pub identity_key: PublicKey,
    /// Its hash.
    pub identity: KeyHash,
    /// The handshake, which the confirmation names.
    pub session: SessionId,
    /// What the person types on the old phone, where the token moves from one.
    pub comparison: Option<ComparisonCode>,
}

/// What the device key signs to confirm that the token is stored.
///
/// # Errors
/// [`OnlineError::Message`] never happens: the payload always has a JSON form.
pub fn confirmation(
    identity: KeyHash,
    serial: SerialNumber,
    session: SessionId,
    code: &Code,
) -> Result<SigningInput<Confirmation>, OnlineError> {
    SigningInput::new(&Confirmation { aud: identity, serial, session, code: code.to_string() })
        .map_err(|_| OnlineError::Message)
}

/// Message 5.
#[must_use]
pub fn confirm(session: SessionId, confirmation: SigningInput<Confirmation>, signature: &Signature) -> ConfirmRequest {
    ConfirmRequest { session, confirmation: confirmation.attach(signature) }
}
