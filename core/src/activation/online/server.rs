//! The server's half of an online activation.

use jiff::Timestamp;
use ml_kem::{EncapsulationKey, MlKem768};
use opaque_ke::{
    ClientRegistration, ClientRegistrationFinishParameters, CredentialFinalization, CredentialRequest, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup,
};
use rand_core::CryptoRngCore;
use zeroize::Zeroize;

use super::suite::{Parties, Suite};
use super::{
    Binding, ConfirmRequest, Confirmation, Device, FinishReply, FinishRequest, Registration, SessionId, StartReply,
    StartRequest, Unproven, VERSION, context, time_number, transcript,
};
use crate::activation::ActivationPassword;
use crate::encoding::Bytes;
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::keys::{MasterSecret, SealingKey, TokenKeys};
use crate::otp::{Code, Hash};
use crate::secret::SecretBytes;
use crate::serial::SerialNumber;
use crate::signed::{self, KeyHash, PublicKey};

/// The server's OPAQUE keys, made once. They must be kept: every ticket that is out depends on them.
pub struct Setup(ServerSetup<Suite>);

/// Stored bytes that are not what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored activation data is damaged")]
pub struct StoredError;

impl Setup {
    /// New keys.
    pub fn generate(mut rng: &mut dyn CryptoRngCore) -> Self {
        Self(ServerSetup::new(&mut rng))
    }

    /// The keys as bytes, to be stored sealed.
    #[must_use]
    pub fn to_bytes(&self) -> SecretBytes {
        SecretBytes::take(self.0.serialize().to_vec())
    }

    /// Takes back what [`Setup::to_bytes`] gave.
    ///
    /// # Errors
    /// [`StoredError`] when it is something else.
    pub fn from_bytes(bytes: &SecretBytes) -> Result<Self, StoredError> {
        ServerSetup::deserialize(bytes.expose()).map(Self).map_err(|_| StoredError)
    }

    /// Makes the record of a ticket: all that a server needs to check a password without being able to use it.
    ///
    /// The server plays both sides of OPAQUE's registration, since it made the password itself.
    ///
    /// # Errors
    /// [`StoredError`] never happens for keys that were generated here; OPAQUE's interface has the case.
    pub fn record(
        &self,
        mut rng: &mut dyn CryptoRngCore,
        serial: SerialNumber,
        identity: &PublicKey,
        password: &ActivationPassword,
    ) -> Result<Vec<u8>, StoredError> {
        let parties = Parties::new(serial, identity.hash());
        let password = password.expose().as_bytes();
        let refused = |_| StoredError;
        let started = ClientRegistration::<Suite>::start(&mut rng, password).map_err(refused)?;
        let answered = ServerRegistration::<Suite>::start(&self.0, started.message, serial.digits().as_bytes())
            .map_err(refused)?;
        let parameters = ClientRegistrationFinishParameters::new(parties.identifiers(), None);
        let finished = started.state.finish(&mut rng, password, answered.message, parameters).map_err(refused)?;
        Ok(ServerRegistration::<Suite>::finish(finished.message).serialize().to_vec())
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a server refuses a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedError {
    /// None of the phone's versions is spoken here.
    #[error("none of the protocol versions of this app is spoken here")]
    Version,
    /// Not an encoding that OPAQUE or ML-KEM takes.
    #[error("`{0}` is not a valid value")]
    Message(&'static str),
    /// Wrong password, or no such ticket; or a state that this server did not seal, or too long ago.
    #[error("the ticket is not valid")]
    Ticket,
    /// KE3 was right, but what it seals is not a device, or the binding is not its.
    #[error("the device's part of the activation is not valid")]
    Device,
}

/// The long-lived keys of a server that a handshake needs.
#[derive(Clone, Copy)]
pub struct ServerKeys<'a> {
    /// OPAQUE's keys.
    pub setup: &'a Setup,
    /// Seals the state that phones keep for the server.
    pub handshake: &'a SealingKey,
    /// The identity key.
    pub identity: &'a PublicKey,
}

/// What a server kept of a ticket.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// What [`Setup::record`] made.
    pub opaque: &'a [u8],
    /// Tells this ticket of the token from earlier ones; comes back as [`Finished::ticket`].
    pub ticket: u64,
}

/// A handshake's state comes back within this time, in milliseconds.
const STATE_LIFETIME: u64 = 600_000;

/// A message 1 that is one: it can be answered. What is wrong with a message shows before anything is counted for it.
pub struct Opening<'a> {
    request: &'a StartRequest,
    encapsulation_key: EncapsulationKey<MlKem768>,
    credential_request: CredentialRequest<Suite>,
}

impl<'a> Opening<'a> {
    /// Reads message 1.
    ///
    /// # Errors
    /// [`RefusedError::Version`] and [`RefusedError::Message`].
    pub fn read(request: &'a StartRequest) -> Result<Self, RefusedError> {
        if !request.versions.as_slice().contains(&VERSION) {
            return Err(RefusedError::Version);
        }
        let encapsulation_key = request.encapsulation_key.as_slice().try_into().ok();
        let encapsulation_key = encapsulation_key.and_then(|key| EncapsulationKey::<MlKem768>::new(key).ok());
        let credential_request = CredentialRequest::deserialize(request.ke1.as_slice());
        Ok(Self {
            request,
            encapsulation_key: encapsulation_key.ok_or(RefusedError::Message("encapsulation_key"))?,
            credential_request: credential_request.map_err(|_| RefusedError::Message("ke1"))?,
        })
    }
}

/// Answers message 1.
///
/// For serial numbers that are unknown, ended, expired or used, `record` is a decoy: a record of a password that nobody
/// knows, made once for the installation. The same code then does the same work, and the answer can't be told from a real
/// one (RFC 9807, 10.9).
///
/// # Errors
/// [`RefusedError::Ticket`] when the record is damaged.
pub fn answer(
    mut rng: &mut dyn CryptoRngCore,
    keys: ServerKeys<'_>,
    record: Record<'_>,
    opening: Opening<'_>,
    now: Timestamp,
) -> Result<StartReply, RefusedError> {
    let Opening { request, encapsulation_key, credential_request } = opening;
    let registration = ServerRegistration::<Suite>::deserialize(record.opaque).map_err(|_| RefusedError::Ticket)?;
    let mut message = ml_kem::B32::default();
    rng.fill_bytes(&mut message);
    let (ciphertext, mut shared) = encapsulation_key.encapsulate_deterministic(&message);
    message.zeroize();

    let mut session = [0; 16];
    rng.fill_bytes(&mut session);
    let session = SessionId::from(session);
    let unproven = Unproven { session: &session, ciphertext: &ciphertext, identity_key: keys.identity, time: now };
    let context = context(request, &unproven);
    let parties = Parties::new(request.serial, keys.identity.hash());
    let parameters = ServerLoginParameters { context: Some(&context), identifiers: parties.identifiers() };
    let serial = request.serial.digits();
    let login = ServerLogin::start(
        &mut rng,
        &keys.setup.0,
        Some(registration),
        credential_request,
        serial.as_bytes(),
        parameters,
    )
    .map_err(|_| RefusedError::Message("ke1"))?;
    let ke2 = login.message.serialize();
    let state = FrameWriter::with_capacity(1024)
        .number(time_number(now))
        .number(request.serial.to_number())
        .number(record.ticket)
        .field(&context)
        .field(request.ke1.as_slice())
        .field(&ke2)
        .field(&login.state.serialize())
        .field(&shared);
    shared.zeroize();
    let state = keys.handshake.seal(rng, session.as_slice(), state.as_bytes());
    let encode = |_| RefusedError::Message("ke1");
    Ok(StartReply {
        version: VERSION,
        state: Bytes::new(state).map_err(encode)?,
        ke2: Bytes::new(ke2.as_slice()).map_err(encode)?,
        ciphertext: Bytes::new(ciphertext.as_slice()).map_err(encode)?,
        identity_key: keys.identity.clone(),
        time: now,
        session,
    })
}

/// The token that a message 3 is about, as this server's own sealed state says it: not yet proven.
///
/// # Errors
/// [`RefusedError::Ticket`] when the state was not sealed here, or too long ago.
pub fn finish(keys: ServerKeys<'_>, request: &FinishRequest, now: Timestamp) -> Result<Finished, RefusedError> {
    let state =
        keys.handshake.open(request.session.as_slice(), request.state.as_slice()).map_err(|_| RefusedError::Ticket)?;
    let state = HandshakeState::read(state.expose()).map_err(|_| RefusedError::Ticket)?;
    if time_number(now).saturating_sub(state.time) > STATE_LIFETIME {
        return Err(RefusedError::Ticket);
    }
    let parties = Parties::new(state.serial, keys.identity.hash());
    let parameters = ServerLoginParameters { context: Some(state.context), identifiers: parties.identifiers() };
    let login = ServerLogin::<Suite>::deserialize(state.login).map_err(|_| RefusedError::Ticket)?;
    let ke3 = request.ke3.as_slice();
    let proof = CredentialFinalization::deserialize(ke3).map_err(|_| RefusedError::Ticket)?;
    let proven = login.finish(proof, parameters).map_err(|_| RefusedError::Ticket)?;
    let transcript = transcript(state.context, state.ke1, state.ke2, ke3);
    let master = MasterSecret::extract(&transcript, &proven.session_key, state.shared);
    Ok(Finished {
        serial: state.serial,
        ticket: state.ticket,
        session: request.session.clone(),
        identity: keys.identity.hash(),
        transcript: transcript.into(),
        master,
    })
}

struct HandshakeState<'a> {
    time: u64,
    serial: SerialNumber,
    ticket: u64,
    context: &'a [u8; 32],
    ke1: &'a [u8],
    ke2: &'a [u8],
    login: &'a [u8],
    shared: &'a [u8],
}

impl<'a> HandshakeState<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let mut reader = FrameReader::new(bytes);
        let state = Self {
            time: reader.number()?,
            serial: SerialNumber::from_number(reader.number()?).ok_or(FrameError)?,
            ticket: reader.number()?,
            context: reader.array()?,
            ke1: reader.field()?,
            ke2: reader.field()?,
            login: reader.field()?,
            shared: reader.field()?,
        };
        reader.finish()?;
        Ok(state)
    }
}

/// The phone has shown that it knows the password.
#[derive(Debug)]
pub struct Finished {
    /// The token.
    pub serial: SerialNumber,
    /// The ticket whose password the phone knew.
    pub ticket: u64,
    /// The handshake.
    pub session: SessionId,
    identity: KeyHash,
    transcript: Bytes<32>,
    master: MasterSecret,
}

impl Finished {
    /// Opens the device's part and checks that its key signed this very handshake.
    ///
    /// # Errors
    /// [`RefusedError::Device`] when anything does not fit.
    pub fn device(&self, request: &FinishRequest) -> Result<Device, RefusedError> {
        let plain =
            self.master.registration().phone.open_once(request.sealed.as_slice()).map_err(|_| RefusedError::Device)?;
        let device: Device = serde_json::from_slice(plain.expose()).map_err(|_| RefusedError::Device)?;
        let binding: Binding = signed::verify(&device.binding, &device.key).map_err(|_| RefusedError::Device)?;
        let expected = Binding { aud: self.identity.clone(), serial: self.serial, transcript: self.transcript.clone() };
        if binding == expected { Ok(device) } else { Err(RefusedError::Device) }
    }

    /// The hash over the handshake, which both halves know.
    #[must_use]
    pub fn transcript(&self) -> &Bytes<32> {
        &self.transcript
    }

    /// What an attestation of the device's key must contain.
    #[must_use]
    pub fn attestation_challenge(&self) -> [u8; 32] {
        self.master.attestation_challenge()
    }

    /// The token's secrets, to be stored sealed.
    #[must_use]
    pub fn token_keys(&self, hash: Hash) -> TokenKeys {
        self.master.token_keys(hash)
    }

    /// Makes message 4. The same registration gives the same bytes; another one must never be sealed with it.
    ///
    /// # Errors
    /// [`RefusedError::Message`] when the registration is larger than a message may be.
    pub fn reply(self, registration: &Registration) -> Result<FinishReply, RefusedError> {
        let plain = serde_json::to_vec(registration).map_err(|_| RefusedError::Message("registration"))?;
        let sealed = Bytes::new(self.master.registration().server.seal_once(&plain));
        Ok(FinishReply { sealed: sealed.map_err(|_| RefusedError::Message("registration"))? })
    }
}

/// Checks message 5 against the device key of the handshake that it names; answers the code in it.
///
/// # Errors
/// [`RefusedError::Device`] when the key did not sign it, or not for this server, token and handshake.
pub fn confirmed_code(
    request: &ConfirmRequest,
    serial: SerialNumber,
    identity: &PublicKey,
    device_key: &PublicKey,
) -> Result<Code, RefusedError> {
    let confirmation: Confirmation =
        signed::verify(&request.confirmation, device_key).map_err(|_| RefusedError::Device)?;
    if confirmation.aud != identity.hash() || confirmation.serial != serial || confirmation.session != request.session {
        return Err(RefusedError::Device);
    }
    confirmation.code.parse().map_err(|_| RefusedError::Device)
}
