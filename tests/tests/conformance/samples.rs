//! Rows to begin with.

use jiff::Timestamp;
use symbolon_core::activation::online::{DeviceDescription, SessionId};
use symbolon_core::approval::ChallengeId;
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Hash, Period, TimeStep};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::SigningKey;
use symbolon_server::storage::{
    ApiKey, Application, ApplicationId, Attested, Challenge, ChallengeStatus, Counter, EnrolledDevice, Handshake, Lock,
    LockState, Origin, Question, Scope, Store, StoredEntry, Token, TokenId, TokenState, User, UserId,
};

use crate::write;

/// A time, in seconds after a day in 2027.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn user(name: &str) -> User {
    User {
        id: UserId(0),
        name: name.parse().unwrap(),
        email: None,
        group: None,
        language: None,
        enabled: true,
        created_at: at(0),
        lock: LockState::default(),
    }
}

/// Adds a user.
pub(crate) fn add_user(store: &Store, name: &str) -> User {
    let user = user(name);
    write(store, move |transaction| Ok(User { id: transaction.insert_user(&user)?, ..user }))
}

pub(crate) fn device() -> EnrolledDevice {
    let text = |text: &str| text.parse().unwrap();
    EnrolledDevice {
        key: SigningKey::generate(&mut rand_core::OsRng).public_key(),
        description: DeviceDescription {
            platform: "android".parse().unwrap(),
            model: text("Ein Gerät"),
            app: text("Symbolon 1"),
            key_protection: "tee".parse().unwrap(),
            signals: serde_json::from_str("[\"emulator\"]").unwrap(),
        },
    }
}

/// A lock with a value in every field.
pub(crate) fn lock() -> LockState {
    LockState { failures: 3, lock: Lock::Until(at(900)), locks: 2, slow_failures: 40, slow_since: Some(at(-86_400)) }
}

/// A token that is active and shows TOTP codes.
pub(crate) fn token(user: &User, serial: u64) -> Token {
    Token {
        id: TokenId(0),
        serial: SerialNumber::from_number(serial).unwrap(),
        maker_serial: None,
        user: user.id,
        label: None,
        state: TokenState::Active,
        origin: Origin::Activated,
        counter: Counter::Time { period: Period::STANDARD, state: TimeState::NEW },
        hash: Hash::Sha256,
        digits: Digits::EIGHT,
        keys: vec![1, 2, 3],
        spent: Vec::new(),
        lock: LockState::default(),
        device: None,
        created_at: at(1),
        activated_at: Some(at(2)),
        last_used_at: None,
        expires_at: None,
    }
}

/// Adds a token; the answer has its number.
pub(crate) fn add_token(store: &Store, token: Token) -> Token {
    write(store, move |transaction| Ok(Token { id: transaction.insert_token(&token)?, ..token }))
}

/// Adds a user with an active token.
pub(crate) fn add_holder(store: &Store) -> (User, Token) {
    let user = add_user(store, "alice");
    let token = add_token(store, token(&user, 12345));
    (user, token)
}

/// Adds an application; each number has a key of its own.
pub(crate) fn add_application(store: &Store, number: u8) -> Application {
    let application = Application {
        id: ApplicationId(0),
        name: format!("shop {number}").parse().unwrap(),
        scopes: vec![Scope::Verify, Scope::Challenge],
        created_at: at(0),
    };
    write(store, move |transaction| {
        let id = transaction.insert_application(&application)?;
        transaction.insert_api_key(&api_key(id, number))?;
        Ok(Application { id, ..application })
    })
}

pub(crate) fn api_key(application: ApplicationId, number: u8) -> ApiKey {
    ApiKey { hash: [number; 32], application, created_at: at(number.into()), ends_at: None, used_at: None }
}

pub(crate) fn handshake(token: &Token, number: u8) -> Handshake {
    Handshake {
        session: SessionId::from([number; 16]),
        token: token.id,
        request: [number; 32],
        reply: vec![number; 50],
        hash: Hash::Sha512,
        digits: Digits::SIX,
        keys: vec![4, 5],
        device: device(),
        expires_at: at(600 + i64::from(number)),
        confirmed_at: None,
        attested: number.is_multiple_of(2).then(attested),
    }
}

pub(crate) fn attested() -> Attested {
    Attested { statement: vec![0x30, 0, 0xff], challenge: [9; 32], at: at(5), counter: 0 }
}

pub(crate) fn challenge(application: &Application, user: &User, number: u8) -> Challenge {
    Challenge {
        id: ChallengeId::from([number; 16]),
        application: application.id,
        user: user.id,
        question: Question::Typed { challenge: "12345678".parse().unwrap(), details: false },
        origin: "192.0.2.1".into(),
        status: ChallengeStatus::Pending,
        wrong_codes: 0,
        created_at: at(i64::from(number)),
        expires_at: at(300),
        ended_at: None,
        token: None,
        factors: Vec::new(),
        receipt: None,
    }
}

pub(crate) fn entry(sequence: u64) -> StoredEntry {
    let hash = [u8::try_from(sequence % 256).unwrap(); 32];
    StoredEntry { sequence, time: at(sequence.cast_signed()), entry: format!("{{\"sequence\":{sequence}}}"), hash }
}

pub(crate) fn step(number: i64) -> TimeStep {
    TimeStep::from_number(number)
}
