//! The rules of verification, lockout and re-synchronisation against a model of a page: random sequences of codes, wrong
//! codes, replays, actions, changes of policy and steps of the clock, played to the real services on a real SQLite file.
//!
//! The model knows which token and which time step a code is of, and so needs no cryptography; and it keeps all that ever
//! happened, where the server keeps only what can still matter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use symbolon_core::otp::{Code, Digits, Hash, OtpKey};
use symbolon_core::policy::PolicyPatch;
use symbolon_core::secret::Secret;
use symbolon_server::service::import::Format;
use symbolon_server::service::keyring::MasterKey;
use symbolon_server::service::tokens::{State, TokenAction};
use symbolon_server::service::users::UserAction;
use symbolon_server::service::verification::{Reason, Subject, Verdict};
use symbolon_server::service::{Actor, Clock, Keyring, ServerIdentity, Service, ServiceError};
use symbolon_server::storage::Store;
use symbolon_server::storage::sqlite::Sqlite;

/// A reset looks so far, and so does the answer `outside_window`.
const RESET: i64 = 20;

/// The makers' serial numbers: time steps of 30 s, of 60 s, and events.
const SERIALS: [&str; 3] = ["T-30", "T-60", "E-1"];
const PERIODS: [Option<i64>; 3] = [Some(30), Some(60), None];

/// Something that happens. A place is relative to what is expected now: the time step, or the next event.
#[derive(Debug, Clone)]
enum Event {
    Code {
        token: usize,
        offset: i64,
        by_user: bool,
    },
    /// The last code that was accepted.
    Again,
    Wrong {
        token: usize,
        by_user: bool,
    },
    Wait(i64),
    Token {
        token: usize,
        action: TokenAction,
    },
    User(UserAction),
    Reset {
        token: usize,
        offset: i64,
    },
    Policy(&'static str, &'static str),
}

fn event() -> impl Strategy<Value = Event> {
    let token = 0..SERIALS.len();
    let settings = [
        ("max_time_steps", "1"),
        ("max_time_steps", "3"),
        ("max_event_window", "2"),
        ("max_event_window", "6"),
        ("lockout_count", "1"),
        ("lockout_count", "2"),
        ("lockout_count", "4"),
        ("lockout_time", "0"),
        ("lockout_time", "60"),
        ("lockout_scope", "user"),
        ("lockout_scope", "token"),
    ];
    let actions = vec![TokenAction::Enable, TokenAction::Disable, TokenAction::Unlock];
    let user_actions = vec![UserAction::Enable, UserAction::Disable, UserAction::Unlock];
    prop_oneof![
        8 => (token.clone(), -8_i64..=8, any::<bool>()).prop_map(|(token, offset, by_user)| Event::Code { token, offset, by_user }),
        2 => (token.clone(), -30_i64..=30, any::<bool>()).prop_map(|(token, offset, by_user)| Event::Code { token, offset, by_user }),
        2 => Just(Event::Again),
        3 => (token.clone(), any::<bool>()).prop_map(|(token, by_user)| Event::Wrong { token, by_user }),
        4 => (0_i64..200).prop_map(Event::Wait),
        1 => (0_i64..5000).prop_map(Event::Wait),
        3 => (token.clone(), proptest::sample::select(actions)).prop_map(|(token, action)| Event::Token { token, action }),
        2 => proptest::sample::select(user_actions).prop_map(Event::User),
        1 => (token, -25_i64..=25).prop_map(|(token, offset)| Event::Reset { token, offset }),
        2 => proptest::sample::select(settings.to_vec()).prop_map(|(key, value)| Event::Policy(key, value)),
    ]
}

// ---------------------------------------------------------------- the model

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    failures: u32,
    /// In a row.
    locks: u32,
    /// `Some(None)` is until unlocked.
    lock: Option<Option<Timestamp>>,
}

impl Count {
    fn holds(&self, now: Timestamp) -> bool {
        self.lock.is_some_and(|until| until.is_none_or(|until| now < until))
    }

    fn failed(&mut self, now: Timestamp, rules: &Rules) {
        self.failures += 1;
        if self.failures >= rules.lockout_count {
            let seconds = (rules.lockout_time << self.locks.min(16)).min(86_400);
            self.lock = Some((rules.lockout_time > 0).then(|| now + SignedDuration::from_secs(seconds)));
            self.failures = 0;
            self.locks += 1;
        }
    }
}

#[derive(Debug)]
struct Rules {
    window: i64,
    event_window: i64,
    lockout_count: u32,
    lockout_time: i64,
    by_user: bool,
}

#[derive(Debug)]
struct ModelToken {
    period: Option<i64>,
    enabled: bool,
    /// Steps or events that were accepted, and those that were named as outside the window.
    last: Option<i64>,
    named: BTreeSet<i64>,
    drift: i64,
    drift_at_reset: i64,
    count: Count,
}

#[derive(Debug)]
struct Model {
    now: Timestamp,
    rules: Rules,
    enabled: bool,
    count: Count,
    tokens: Vec<ModelToken>,
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Accepted(usize),
    Refused(Reason),
}

impl ModelToken {
    /// What is expected now, without any drift: the time step, or the next event.
    fn here(&self, now: Timestamp) -> i64 {
        self.period.map_or_else(|| self.last.map_or(0, |last| last + 1), |period| now.as_second().div_euclid(period))
    }

    fn judge(&self, place: i64, now: Timestamp, rules: &Rules) -> Option<Reason> {
        let away = place - self.here(now) - self.drift;
        let used = self.last.is_some_and(|last| place <= last);
        let (near, far) = match self.period {
            Some(_) => (away.abs() <= rules.window, away.abs() <= RESET),
            None => ((-rules.event_window..rules.event_window).contains(&away), (0..RESET).contains(&away)),
        };
        match (near, far) {
            (true, _) if used || self.named.contains(&place) => Some(Reason::Replayed),
            (true, _) => None,
            (false, true) if used => Some(Reason::Replayed),
            (false, true) => Some(Reason::OutsideWindow),
            (false, false) => Some(Reason::WrongCode),
        }
    }
}

impl Model {
    fn verify(&mut self, asked: &[usize], code: Option<(usize, i64)>) -> Expected {
        let now = self.now;
        let active: Vec<usize> =
            asked.iter().copied().filter(|token| self.enabled && self.tokens[*token].enabled).collect();
        if active.is_empty() {
            return Expected::Refused(Reason::NoActiveToken);
        }
        let open: Vec<usize> = active
            .into_iter()
            .filter(|token| !self.count.holds(now) && !self.tokens[*token].count.holds(now))
            .collect();
        if open.is_empty() {
            return Expected::Refused(Reason::Locked);
        }
        let code = code.filter(|(token, _)| open.contains(token));
        let reason =
            code.map_or(Some(Reason::WrongCode), |(token, place)| self.tokens[token].judge(place, now, &self.rules));
        let Some(reason) = reason else {
            let (token, place) = code.unwrap();
            let (window, here) = (self.rules.window, self.tokens[token].here(now));
            let state = &mut self.tokens[token];
            if state.period.is_some() {
                let least = state.drift_at_reset - window;
                state.drift = (place - here).clamp(least, state.drift_at_reset + window);
            }
            state.last = Some(place);
            state.count = Count::default();
            self.count = Count::default();
            return Expected::Accepted(token);
        };
        if reason != Reason::Replayed {
            if let (Reason::OutsideWindow, Some((token, place))) = (reason, code) {
                self.tokens[token].named.insert(place);
            }
            if self.rules.by_user {
                self.count.failed(now, &self.rules);
            } else {
                for token in open {
                    self.tokens[token].count.failed(now, &self.rules);
                }
            }
        }
        Expected::Refused(reason)
    }

    fn state(&self, token: usize) -> State {
        let state = &self.tokens[token];
        match state.enabled {
            false => State::Disabled,
            true if state.count.holds(self.now) || self.count.holds(self.now) => State::Locked,
            true => State::Active,
        }
    }

    /// Whether the action was possible.
    fn act(&mut self, token: usize, action: TokenAction) -> bool {
        let possible = match action {
            TokenAction::Enable => self.state(token) == State::Disabled,
            TokenAction::Disable => self.state(token) != State::Disabled,
            _ => self.state(token) == State::Locked,
        };
        if possible {
            match action {
                TokenAction::Unlock => {
                    self.count = Count::default();
                    self.tokens[token].count = Count::default();
                }
                action => self.tokens[token].enabled = action == TokenAction::Enable,
            }
        }
        possible
    }

    fn act_on_user(&mut self, action: UserAction) -> bool {
        let now = self.now;
        let possible = match action {
            UserAction::Enable => !self.enabled,
            UserAction::Disable => self.enabled,
            _ => self.count.holds(now) || self.tokens.iter().any(|token| token.count.holds(now)),
        };
        if possible {
            match action {
                UserAction::Unlock => {
                    self.count = Count::default();
                    self.tokens.iter_mut().for_each(|token| token.count = Count::default());
                }
                action => self.enabled = action == UserAction::Enable,
            }
        }
        possible
    }

    /// Two codes in a row, the first at `place`.
    fn reset(&mut self, token: usize, place: i64) -> bool {
        let possible = self.state(token) != State::Disabled;
        let (now, state) = (self.now, &mut self.tokens[token]);
        let here = state.here(now);
        let away = place - here;
        let found = match state.period {
            Some(_) => away.abs() <= RESET && state.last.is_none_or(|last| place > last),
            None => (0..RESET).contains(&away),
        };
        if possible && found {
            state.last = Some(place + 1);
            if state.period.is_some() {
                state.drift = place + 1 - here;
                state.drift_at_reset = state.drift;
            }
        }
        possible && found
    }
}

// ---------------------------------------------------------------- the server

struct TestClock(Mutex<Timestamp>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Server {
    service: Service,
    clock: Arc<TestClock>,
    keys: Vec<OtpKey>,
    _folder: tempfile::TempDir,
}

const ACTOR: Actor = Actor::CommandLine;

impl Server {
    async fn start(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Sqlite::open(&folder.path().join("symbolon.db")).unwrap());
        let master = MasterKey::new(&Secret::from_slice(&[7; 32]).unwrap());
        let keyring = Arc::new(Keyring::open(&store, master).await.unwrap());
        let clock = Arc::new(TestClock(Mutex::new(now)));
        let identity = ServerIdentity { issuer: "Test".parse().unwrap(), address: None, certificate_ends_at: None };
        let service = Service {
            store,
            keyring,
            clock: clock.clone(),
            identity: Arc::new(identity),
            bells: Arc::default(),
            push: Arc::default(),
            gathered: Arc::default(),
            trust: Arc::default(),
            mail: None,
        };
        let secret = |number: u8| [number; 20];
        let mut csv = "user,serial,secret_hex,type,algorithm,digits,period_or_counter\n".to_owned();
        let kinds = ["totp,sha1,8,30", "totp,sha256,8,60", "hotp,sha1,8,0"];
        for ((number, serial), kind) in (1_u8..).zip(SERIALS).zip(kinds) {
            csv += &format!("alice,{serial},{},{kind}\n", data_encoding::HEXLOWER.encode(&secret(number)));
        }
        let report = service.import_tokens(ACTOR, Format::Csv, csv.into_bytes().into(), None, false).await.unwrap();
        assert_eq!(report.errors, []);
        let hashes = [Hash::Sha1, Hash::Sha256, Hash::Sha1];
        let keys = (1_u8..).zip(hashes).map(|(number, hash)| OtpKey::prepare(hash, &secret(number))).collect();
        Self { service, clock, keys, _folder: folder }
    }

    /// The code of a place, which for a time before the first event is none.
    fn code(&self, token: usize, place: i64) -> Option<Code> {
        Some(self.keys[token].hotp(u64::try_from(place).ok()?, Digits::EIGHT))
    }

    /// A code of no token anywhere near.
    fn wrong_code(&self, model: &Model) -> Code {
        let near: BTreeSet<String> = (0..SERIALS.len())
            .flat_map(|token| {
                let expected = model.tokens[token].here(model.now);
                (expected - 300..expected + 300).filter_map(move |place| self.code(token, place))
            })
            .map(|code| code.to_string())
            .collect();
        let code = (0..).map(|number: u32| format!("{number:08}")).find(|code| !near.contains(code)).unwrap();
        code.parse().unwrap()
    }

    async fn verify(&self, token: usize, by_user: bool, code: Code) -> Expected {
        let subject = if by_user {
            Subject::User("alice".parse().unwrap())
        } else {
            Subject::Token(SERIALS[token].parse().unwrap())
        };
        match self.service.verify(ACTOR, subject, code).await.unwrap() {
            Verdict::Accepted { token, .. } => {
                let shown = |serial: &str| self.service.token(&serial.parse().unwrap()).unwrap().serial;
                Expected::Accepted(SERIALS.iter().position(|serial| shown(serial) == token).unwrap())
            }
            Verdict::Refused { reason, .. } => Expected::Refused(reason),
        }
    }
}

/// Whether it was done; anything but a rule's refusal fails the test.
fn done<T>(result: Result<T, ServiceError>) -> bool {
    match result {
        Ok(_) => true,
        Err(ServiceError::State { .. } | ServiceError::Refused(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn play(events: Vec<Event>) -> Result<(), TestCaseError> {
    let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let server = Server::start(now).await;
    let service = &server.service;
    let set = async |key: &str, value: &str| {
        let mut patch = PolicyPatch::default();
        patch.set(key, value).unwrap();
        service.set_policy(ACTOR, None, patch).await.unwrap();
    };
    set("max_reset_time_steps", "20").await;
    set("max_reset_event_window", "20").await;
    let token = |period| ModelToken {
        period,
        enabled: true,
        last: None,
        named: BTreeSet::new(),
        drift: 0,
        drift_at_reset: 0,
        count: Count::default(),
    };
    let mut model = Model {
        now,
        rules: Rules { window: 10, event_window: 10, lockout_count: 5, lockout_time: 900, by_user: true },
        enabled: true,
        count: Count::default(),
        tokens: PERIODS.map(token).into(),
    };
    let mut last_accepted = None;
    for event in events {
        let asked = |token: usize, by_user: bool| if by_user { (0..SERIALS.len()).collect() } else { vec![token] };
        match event.clone() {
            Event::Code { token, offset, by_user } => {
                let place = model.tokens[token].here(model.now) + model.tokens[token].drift + offset;
                let Some(code) = server.code(token, place) else { continue };
                let expected = model.verify(&asked(token, by_user), Some((token, place)));
                if expected == Expected::Accepted(token) {
                    last_accepted = Some((token, place));
                }
                prop_assert_eq!(server.verify(token, by_user, code).await, expected, "{:?}", event);
            }
            Event::Again => {
                let Some((token, place)) = last_accepted else { continue };
                let expected = model.verify(&asked(token, true), Some((token, place)));
                prop_assert!(expected != Expected::Accepted(token), "the model takes a code twice");
                prop_assert_eq!(server.verify(token, true, server.code(token, place).unwrap()).await, expected);
            }
            Event::Wrong { token, by_user } => {
                let code = server.wrong_code(&model);
                let expected = model.verify(&asked(token, by_user), None);
                prop_assert_eq!(server.verify(token, by_user, code).await, expected, "{:?}", event);
            }
            Event::Wait(seconds) => {
                model.now += SignedDuration::from_secs(seconds);
                *server.clock.0.lock().unwrap() = model.now;
            }
            Event::Token { token, action } => {
                let serial = SERIALS[token].parse().unwrap();
                let acted = done(service.act_on_token(ACTOR, serial, action).await);
                prop_assert_eq!(acted, model.act(token, action), "{:?}", event);
            }
            Event::User(action) => {
                let acted = done(service.act_on_user(ACTOR, "alice".parse().unwrap(), action).await);
                prop_assert_eq!(acted, model.act_on_user(action), "{:?}", event);
            }
            Event::Reset { token, offset } => {
                let place = model.tokens[token].here(model.now) + offset;
                let (Some(first), Some(second)) = (server.code(token, place), server.code(token, place + 1)) else {
                    continue;
                };
                let reset = done(service.reset_token(ACTOR, SERIALS[token].parse().unwrap(), (first, second)).await);
                prop_assert_eq!(reset, model.reset(token, place), "{:?}", event);
            }
            Event::Policy(key, value) => {
                set(key, value).await;
                let number = value.parse().unwrap_or_default();
                match key {
                    "max_time_steps" => model.rules.window = number,
                    "max_event_window" => model.rules.event_window = number,
                    "lockout_count" => model.rules.lockout_count = u32::try_from(number).unwrap(),
                    "lockout_time" => model.rules.lockout_time = number,
                    _ => model.rules.by_user = value == "user",
                }
            }
        }
        for (number, serial) in SERIALS.iter().enumerate() {
            let shown = service.token(&serial.parse().unwrap()).unwrap();
            prop_assert_eq!(shown.state, model.state(number), "{} after {:?}", serial, event);
            if let (State::Active, Some(drift)) = (shown.state, shown.drift) {
                prop_assert_eq!(drift, model.tokens[number].drift, "{} after {:?}", serial, event);
            }
        }
    }
    let report = service.store.read(|snapshot| symbolon_server::service::audit::verify(snapshot, &[])).unwrap();
    prop_assert!(report.intact);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_services_do_what_the_model_does(events in proptest::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(events))?;
    }
}
