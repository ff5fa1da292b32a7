//! The handshake, and each attacker of the threat model whose weapon is a message.

use proptest::prelude::*;
use rand_core::OsRng;

use super::phone::{Finishing, Proven, Registered, Started, confirm, confirmation};
use super::server::{Finished, Opening, Record, RefusedError, ServerKeys, Setup, answer, confirmed_code, finish};
use super::*;
use crate::activation::{ActivationPassword, Ticket};
use crate::keys::{Label, SealingKey};
use crate::otp::{OtpKey, TimeStep};
use crate::policy::Policy;
use crate::secret::Secret;
use crate::signed::SigningKey;

struct Server {
    setup: Setup,
    handshake: SealingKey,
    public: PublicKey,
}

impl Server {
    fn new() -> Self {
        let identity = SigningKey::generate(&mut OsRng);
        Self {
            setup: Setup::generate(&mut OsRng),
            handshake: SealingKey::derive(&Secret::generate(&mut OsRng), Label::ServerHandshake),
            public: identity.public_key(),
        }
    }

    fn keys(&self) -> ServerKeys<'_> {
        ServerKeys { setup: &self.setup, handshake: &self.handshake, identity: &self.public }
    }

    fn ticket(&self) -> (Ticket, Vec<u8>) {
        let serial = SerialNumber::generate(&mut OsRng);
        let password = ActivationPassword::generate(&mut OsRng, 16);
        let record = self.setup.record(&mut OsRng, serial, &self.public, &password).unwrap();
        let server = "https://symbolon.example".parse().unwrap();
        (Ticket { server, serial, password, identity: Some(self.public.hash()), tls: None }, record)
    }
}

fn stored(opaque: &[u8]) -> Record<'_> {
    Record { opaque, ticket: 7 }
}

fn duplicate(ticket: &Ticket) -> Ticket {
    Ticket {
        server: ticket.server.clone(),
        serial: ticket.serial,
        password: ticket.password.duplicate(),
        identity: ticket.identity.clone(),
        tls: ticket.tls.clone(),
    }
}

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn description() -> DeviceDescription {
    DeviceDescription {
        platform: "desktop".parse().unwrap(),
        model: "Test".parse().unwrap(),
        app: "symbolon 0".parse().unwrap(),
        key_protection: "software".parse().unwrap(),
        signals: Signals::default(),
    }
}

fn registration(serial: SerialNumber) -> Registration {
    let policy = Policy::default();
    Registration {
        serial,
        issuer: "Example".parse().unwrap(),
        account: "alice".parse().unwrap(),
        label: None,
        hash: Hash::Sha256,
        digits: Digits::EIGHT,
        period: Period::STANDARD,
        policy: policy.for_phone(),
        policy_version: PolicyVersion::default(),
        tls: None,
        time: now(),
        moves_from: None,
    }
}

fn device_finishes(proven: Proven, device: &SigningKey) -> Finishing {
    let signature = device.sign(proven.binding().unwrap().as_bytes());
    proven.finish(device.public_key(), &signature, None, description()).unwrap()
}

/// Everything up to message 4 between an honest phone and an honest server.
fn handshake(server: &Server, ticket: &Ticket, record: &[u8], device: &SigningKey) -> (Registered, Finished) {
    let started = Started::new(&mut OsRng, ticket).unwrap();
    let reply =
        answer(&mut OsRng, server.keys(), stored(record), Opening::read(started.request()).unwrap(), now()).unwrap();
    let finishing = device_finishes(started.prove(&mut OsRng, &reply).unwrap(), device);
    let request = finishing.request().clone();
    let finished = finish(server.keys(), &request, now()).unwrap();
    assert_eq!(finished.ticket, 7);
    assert_eq!(finished.device(&request).unwrap().key, device.public_key());
    let reply = finished.reply(&registration(ticket.serial)).unwrap();
    (finishing.open(&reply).unwrap(), finish(server.keys(), &request, now()).unwrap())
}

#[test]
fn both_halves_have_the_same_keys() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let device = SigningKey::generate(&mut OsRng);
    let (registered, finished) = handshake(&server, &ticket, &record, &device);
    let theirs = finished.token_keys(Hash::Sha256);
    assert_eq!(registered.keys.code, theirs.code);
    assert_eq!(registered.keys.challenge_response, theirs.challenge_response);
    assert_eq!(registered.keys.factor_pin.secret(), theirs.factor_pin.secret());
    assert_eq!(registered.keys.factor_later, theirs.factor_later);
    assert_eq!(registered.keys.unlock, theirs.unlock);
    assert!(registered.keys.challenge_response != registered.keys.factor_later);

    let step = TimeStep::at(now(), Period::STANDARD);
    let code = OtpKey::prepare(Hash::Sha256, registered.keys.code.expose()).totp(step, Digits::EIGHT);
    let signed = confirmation(registered.identity.clone(), ticket.serial, registered.session.clone(), &code).unwrap();
    let signature = device.sign(signed.as_bytes());
    let message = confirm(registered.session, signed, &signature);
    let read = confirmed_code(&message, ticket.serial, &server.public, &device.public_key()).unwrap();
    assert!(read == code);
    let other = SerialNumber::generate(&mut OsRng);
    assert_eq!(
        confirmed_code(&message, other, &server.public, &device.public_key()).unwrap_err(),
        RefusedError::Device
    );
}

#[test]
fn a_typed_ticket_without_pins_finds_the_identity_by_its_password() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let typed = Ticket { identity: None, ..ticket };
    let (registered, _) = handshake(&server, &typed, &record, &SigningKey::generate(&mut OsRng));
    assert_eq!(registered.identity_key, server.public);
}

#[test]
fn a_wrong_password_is_noticed_on_both_sides() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let guess = Ticket { password: ActivationPassword::generate(&mut OsRng, 16), ..ticket };
    let started = Started::new(&mut OsRng, &guess).unwrap();
    let reply =
        answer(&mut OsRng, server.keys(), stored(&record), Opening::read(started.request()).unwrap(), now()).unwrap();
    assert_eq!(started.prove(&mut OsRng, &reply).unwrap_err(), OnlineError::WrongPassword);
    let forged = FinishRequest {
        session: reply.session,
        state: reply.state,
        ke3: [7; 64].into(),
        sealed: Bytes::new([0; 16]).unwrap(),
    };
    assert_eq!(finish(server.keys(), &forged, now()).unwrap_err(), RefusedError::Ticket);
}

/// The man in the middle with a valid certificate: another server that knows everything but the password.
#[test]
fn another_server_cannot_answer() {
    let server = Server::new();
    let (ticket, _) = server.ticket();
    let other = Server::new();
    let (_, record) = other.ticket();
    for pinned in [true, false] {
        let ticket = Ticket { identity: pinned.then(|| server.public.hash()), ..duplicate(&ticket) };
        let started = Started::new(&mut OsRng, &ticket).unwrap();
        let reply = answer(&mut OsRng, other.keys(), stored(&record), Opening::read(started.request()).unwrap(), now())
            .unwrap();
        let expected = if pinned { OnlineError::OtherServer } else { OnlineError::WrongPassword };
        assert_eq!(started.prove(&mut OsRng, &reply).unwrap_err(), expected);
    }
}

/// Every field of messages 1 and 2 is authenticated: whoever changes one on the way ends the handshake.
#[test]
fn a_changed_field_ends_the_handshake() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    type Change = fn(&mut StartReply);
    let changes: [(&str, Change); 6] = [
        ("version", |reply| reply.version = 2),
        ("session", |reply| reply.session = [9; 16].into()),
        ("time", |reply| reply.time += jiff::SignedDuration::from_secs(1)),
        ("identity", |reply| reply.identity_key = SigningKey::generate(&mut OsRng).public_key()),
        ("ciphertext", |reply| {
            let mut bytes = reply.ciphertext.array();
            bytes[0] ^= 1;
            reply.ciphertext = bytes.into();
        }),
        ("ke2", |reply| {
            let mut bytes = reply.ke2.array();
            bytes[319] ^= 1;
            reply.ke2 = bytes.into();
        }),
    ];
    for (name, change) in changes {
        let unpinned = Ticket { identity: None, ..duplicate(&ticket) };
        let started = Started::new(&mut OsRng, &unpinned).unwrap();
        let mut reply =
            answer(&mut OsRng, server.keys(), stored(&record), Opening::read(started.request()).unwrap(), now())
                .unwrap();
        change(&mut reply);
        assert!(started.prove(&mut OsRng, &reply).is_err(), "{name}");
    }

    // The phone's own message, changed on its way to the server.
    let started = Started::new(&mut OsRng, &ticket).unwrap();
    let mut request = started.request().clone();
    request.versions = Bytes::new([1, 2]).unwrap();
    let reply = answer(&mut OsRng, server.keys(), stored(&record), Opening::read(&request).unwrap(), now()).unwrap();
    assert_eq!(started.prove(&mut OsRng, &reply).unwrap_err(), OnlineError::WrongPassword);
}

/// Unknown, ended, expired and used serial numbers are answered with a decoy: by shape nobody can tell.
#[test]
fn a_decoy_answers_like_a_record() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let (_, decoy) = server.ticket();
    let shapes: Vec<_> = [&record, &decoy]
        .into_iter()
        .map(|known| {
            let started = Started::new(&mut OsRng, &ticket).unwrap();
            let reply =
                answer(&mut OsRng, server.keys(), stored(known), Opening::read(started.request()).unwrap(), now())
                    .unwrap();
            let proven = started.prove(&mut OsRng, &reply);
            assert_eq!(proven.is_ok(), *known == record);
            let forged = FinishRequest {
                session: reply.session.clone(),
                state: reply.state.clone(),
                ke3: [7; 64].into(),
                sealed: Bytes::new([0; 16]).unwrap(),
            };
            assert_eq!(finish(server.keys(), &forged, now()).unwrap_err(), RefusedError::Ticket);
            (reply.state.as_slice().len(), reply.ke2.as_slice().len(), reply.identity_key)
        })
        .collect();
    assert_eq!(shapes[0], shapes[1]);
}

#[test]
fn repeated_bytes_get_repeated_answers() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let started = Started::new(&mut OsRng, &ticket).unwrap();
    let reply =
        answer(&mut OsRng, server.keys(), stored(&record), Opening::read(started.request()).unwrap(), now()).unwrap();
    let finishing = device_finishes(started.prove(&mut OsRng, &reply).unwrap(), &SigningKey::generate(&mut OsRng));
    let twice = [(); 2].map(|()| {
        finish(server.keys(), finishing.request(), now()).unwrap().reply(&registration(ticket.serial)).unwrap()
    });
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn a_state_is_good_for_its_session_its_server_and_ten_minutes() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let started = Started::new(&mut OsRng, &ticket).unwrap();
    let reply =
        answer(&mut OsRng, server.keys(), stored(&record), Opening::read(started.request()).unwrap(), now()).unwrap();
    let finishing = device_finishes(started.prove(&mut OsRng, &reply).unwrap(), &SigningKey::generate(&mut OsRng));
    let request = finishing.request();
    let late = now() + jiff::SignedDuration::from_secs(601);
    assert_eq!(finish(server.keys(), request, late).unwrap_err(), RefusedError::Ticket);
    assert_eq!(finish(Server::new().keys(), request, now()).unwrap_err(), RefusedError::Ticket);
    let other = FinishRequest { session: [3; 16].into(), ..request.clone() };
    assert_eq!(finish(server.keys(), &other, now()).unwrap_err(), RefusedError::Ticket);
    assert!(finish(server.keys(), request, now()).is_ok());
}

/// A device key that did not sign this handshake is not enrolled by it.
#[test]
fn someone_elses_device_key_is_refused() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    let started = Started::new(&mut OsRng, &ticket).unwrap();
    let reply =
        answer(&mut OsRng, server.keys(), stored(&record), Opening::read(started.request()).unwrap(), now()).unwrap();
    let proven = started.prove(&mut OsRng, &reply).unwrap();
    let (mine, theirs) = (SigningKey::generate(&mut OsRng), SigningKey::generate(&mut OsRng));
    let signature = mine.sign(proven.binding().unwrap().as_bytes());
    let finishing = proven.finish(theirs.public_key(), &signature, None, description()).unwrap();
    let finished = finish(server.keys(), finishing.request(), now()).unwrap();
    assert_eq!(finished.device(finishing.request()).unwrap_err(), RefusedError::Device);
}

/// FIPS 203, 7.2: an encapsulation key whose coefficients are not reduced must be refused.
#[test]
fn a_non_canonical_encapsulation_key_is_refused() {
    let (ticket, _) = Server::new().ticket();
    let started = Started::new(&mut OsRng, &ticket).unwrap();
    let mut request = started.request().clone();
    let mut key = request.encapsulation_key.array();
    key[..1152].fill(0xff);
    request.encapsulation_key = key.into();
    assert_eq!(Opening::read(&request).err(), Some(RefusedError::Message("encapsulation_key")));
}

/// The database thief has the OPAQUE record and the server's keys, but no password: it gets no further than anyone.
#[test]
fn the_record_alone_does_not_activate() {
    let server = Server::new();
    let (ticket, record) = server.ticket();
    assert!(!record.windows(16).any(|window| window == ticket.password.expose().as_bytes()));
    let thief = Ticket { password: "0000000000000000".parse().unwrap(), ..ticket };
    let started = Started::new(&mut OsRng, &thief).unwrap();
    let reply =
        answer(&mut OsRng, server.keys(), stored(&record), Opening::read(started.request()).unwrap(), now()).unwrap();
    assert!(started.prove(&mut OsRng, &reply).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_state_is_refused(session: [u8; 16], state in proptest::collection::vec(any::<u8>(), 1..1536), ke3 in proptest::collection::vec(any::<u8>(), 64)) {
        let request = FinishRequest {
            session: session.into(),
            state: Bytes::new(state).unwrap(),
            ke3: Bytes::new(ke3).unwrap(),
            sealed: Bytes::new([0; 16]).unwrap(),
        };
        prop_assert_eq!(finish(Server::new().keys(), &request, now()).unwrap_err(), RefusedError::Ticket);
    }

    #[test]
    fn any_first_message_is_answered_or_refused(ke1 in proptest::collection::vec(any::<u8>(), 96), key in proptest::collection::vec(any::<u8>(), 1184)) {
        let request = StartRequest {
            versions: Bytes::new([1]).unwrap(),
            serial: SerialNumber::generate(&mut OsRng),
            ke1: Bytes::new(ke1).unwrap(),
            encapsulation_key: Bytes::new(key).unwrap(),
        };
        let server = Server::new();
        let Ok(opening) = Opening::read(&request) else { return Ok(()) };
        let _ = answer(&mut OsRng, server.keys(), stored(&server.ticket().1), opening, now());
    }
}

/// Whoever recorded the whole conversation and later breaks both OPAQUE's group and TLS still lacks ML-KEM's secret.
#[test]
fn both_secrets_go_into_the_master_secret() {
    let keys = |opaque: u8, kem: u8| {
        let master = crate::keys::MasterSecret::extract(&[1; 32], &[opaque; 64], &[kem; 32]);
        master.token_keys(Hash::Sha256).code
    };
    assert_ne!(keys(1, 1), keys(2, 1));
    assert_ne!(keys(1, 1), keys(1, 2));
    assert_eq!(keys(1, 1), keys(1, 1));
}
