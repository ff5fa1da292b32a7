//! Tokens.

use std::collections::HashSet;
use std::hash::Hash;

use jiff::Timestamp;
use rusqlite::types::FromSql;
use symbolon_core::otp::window::TimeState;
use symbolon_core::otp::{Digits, Period, TimeStep};
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::PublicKey;
use symbolon_core::text::{Name, Text};

use super::row::{Columns, lock_column, millis};
use super::{Column, Each, InColumns, Open, Question, Row, Value, named_params, params};
use crate::storage::{
    Accept, Counter, EnrolledDevice, LockState, Origin, StorageError, Taken, Token, TokenId, TokenState, Tokens, User,
    UserId, WriteTokens,
};

type Result<T> = std::result::Result<T, StorageError>;

const DAMAGED: StorageError = StorageError::Damaged("token");

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, serial, maker_serial, user_id, label, state, origin, period, last_step, drift, drift_at_reset,
             next_event, hash, digits, sealed_keys, spent, failures, locked_until, locks, slow_failures, slow_since,
             device_key, device, created_at, activated_at, last_used_at, expires_at FROM token ",
            $rest
        )
    };
}

pub(super) use select;

fn read(row: &Row<'_>) -> Result<Token> {
    read_next(&mut Columns::of(row))
}

pub(super) fn read_next(columns: &mut Columns<'_>) -> Result<Token> {
    let origin;
    Ok(Token {
        id: TokenId(columns.next()?),
        serial: SerialNumber::from_number(columns.next()?).ok_or(DAMAGED)?,
        maker_serial: columns.optional()?,
        user: UserId(columns.next()?),
        label: columns.optional()?,
        state: state_from(columns.text()?)?,
        origin: {
            origin = origin_from(columns.text()?)?;
            origin
        },
        counter: read_counter(columns, origin)?,
        hash: columns.parsed()?,
        digits: Digits::new(columns.next()?).ok_or(DAMAGED)?,
        keys: columns.next()?,
        spent: read_steps(columns.next()?)?,
        lock: columns.lock_state()?,
        device: match (columns.next::<Option<Vec<u8>>>()?, columns.next::<Option<String>>()?) {
            (Some(key), Some(description)) => Some(read_device(&key, &description)?),
            _ => None,
        },
        created_at: columns.time()?,
        activated_at: columns.optional_time()?,
        last_used_at: columns.optional_time()?,
        expires_at: columns.optional_time()?,
    })
}

fn read_counter(columns: &mut Columns<'_>, origin: Origin) -> Result<Counter> {
    let period: Option<u16> = columns.next()?;
    let last: Option<i64> = columns.next()?;
    let state =
        TimeState { last: last.map(TimeStep::from_number), drift: columns.next()?, drift_at_reset: columns.next()? };
    let next: Option<i64> = columns.next()?;
    match (period, next) {
        (Some(seconds), None) => Ok(Counter::Time { period: Period::from_seconds(seconds).ok_or(DAMAGED)?, state }),
        (None, Some(codes)) if origin == Origin::Temporary => Ok(Counter::Listed { codes: codes.cast_unsigned() }),
        (None, Some(next)) => Ok(Counter::Event { next: next.cast_unsigned() }),
        _ => Err(DAMAGED),
    }
}

/// A time-based token's period in seconds and its state, or the number at which the others stand.
fn counter_columns(counter: Counter) -> (Option<u16>, TimeState, Option<i64>) {
    match counter {
        Counter::Time { period, state } => (Some(period.seconds()), state, None),
        Counter::Event { next: number } | Counter::Listed { codes: number } => {
            (None, TimeState::NEW, Some(number.cast_signed()))
        }
    }
}

/// A token's columns but for its `id`, in the order of [`select`].
fn row(token: &Token) -> Result<Vec<Value>> {
    let (period, state, next) = counter_columns(token.counter);
    let (device_key, device) = token.device.as_ref().map(device_columns).transpose()?.unzip();
    Ok(vec![
        serial_column(token.serial).into(),
        token.maker_serial.as_ref().map(|serial| serial.as_str().to_owned()).into(),
        token.user.0.into(),
        token.label.as_ref().map(|label| label.as_str().to_owned()).into(),
        state_column(token.state).to_owned().into(),
        origin_column(token.origin).to_owned().into(),
        period.into(),
        state.last.map(TimeStep::number).into(),
        state.drift.into(),
        state.drift_at_reset.into(),
        next.into(),
        token.hash.name().to_owned().into(),
        token.digits.get().into(),
        token.keys.clone().into(),
        steps_column(&token.spent).into(),
        token.lock.failures.into(),
        lock_column(token.lock.lock).into(),
        token.lock.locks.into(),
        token.lock.slow_failures.into(),
        token.lock.slow_since.map(millis).into(),
        device_key.into(),
        device.into(),
        millis(token.created_at).into(),
        token.activated_at.map(millis).into(),
        token.last_used_at.map(millis).into(),
        token.expires_at.map(millis).into(),
    ])
}

/// The conditional update of an accepted code. It clears the token's fast count; the slow one stays.
macro_rules! accept {
    ($set:literal, $unused:literal) => {
        concat!(
            "UPDATE token SET last_used_at = :now, failures = 0, locked_until = NULL, locks = 0, ",
            $set,
            " WHERE id = :id AND state = 'active' AND failures = :failures AND locked_until IS NOT DISTINCT FROM :until AND ",
            $unused,
            " AND EXISTS (SELECT 1 FROM \"user\" WHERE id = :user AND enabled = 1 AND failures = :user_failures
             AND locked_until IS NOT DISTINCT FROM :user_until)"
        )
    };
}

/// The same for many tokens, as columns in the order of [`Takings`].
macro_rules! accept_many {
    ($set:literal, $unused:literal) => {
        concat!(
            "UPDATE token SET last_used_at = a.now, failures = 0, locked_until = NULL, locks = 0, ",
            $set,
            " FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[],
             $8::BIGINT[], $9::BIGINT[], $10::BIGINT[])
             AS a (place, id, value, drift, now, failures, until, user_id, user_failures, user_until)
             JOIN \"user\" AS holder ON holder.id = a.user_id AND holder.enabled = 1 AND holder.failures = a.user_failures
             AND holder.locked_until IS NOT DISTINCT FROM a.user_until
             WHERE token.id = a.id AND token.state = 'active' AND token.failures = a.failures
             AND token.locked_until IS NOT DISTINCT FROM a.until AND ",
            $unused,
            " RETURNING a.place"
        )
    };
}

/// What [`accept_many`] takes.
#[derive(Default)]
struct Takings {
    places: Vec<Option<i64>>,
    rest: [Vec<Option<i64>>; 9],
}

impl Takings {
    fn add(&mut self, place: usize, accept: &Accept<'_>, [value, drift]: [i64; 2]) {
        self.places.push(i64::try_from(place).ok());
        let (token, user) = (accept.token, accept.user);
        let values = [
            Some(token.id.0),
            Some(value),
            Some(drift),
            Some(millis(accept.now)),
            Some(token.lock.failures.into()),
            lock_column(token.lock.lock),
            Some(user.id.0),
            Some(user.lock.failures.into()),
            lock_column(user.lock.lock),
        ];
        self.rest.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }

    fn columns(self) -> Vec<Column<'static>> {
        std::iter::once(self.places).chain(self.rest).map(Column::Numbers).collect()
    }
}

/// A device as two columns: its key, and JSON of what it said of itself.
pub(super) fn read_device(key: &[u8], description: &str) -> Result<EnrolledDevice> {
    Ok(EnrolledDevice {
        key: PublicKey::from_sec1(key).map_err(|_| DAMAGED)?,
        description: serde_json::from_str(description).map_err(|_| DAMAGED)?,
    })
}

pub(super) fn device_columns(device: &EnrolledDevice) -> Result<(Vec<u8>, String)> {
    let description = serde_json::to_string(&device.description).map_err(|_| DAMAGED)?;
    Ok((device.key.to_sec1().as_slice().to_vec(), description))
}

const STATES: [(TokenState, &str); 4] = [
    (TokenState::New, "new"),
    (TokenState::Activating, "activating"),
    (TokenState::Active, "active"),
    (TokenState::Disabled, "disabled"),
];

fn state_from(text: &str) -> Result<TokenState> {
    STATES.iter().find(|(_, name)| *name == text).map(|(state, _)| *state).ok_or(DAMAGED)
}

fn state_column(state: TokenState) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).map_or("", |(_, name)| name)
}

const ORIGINS: [(Origin, &str); 3] =
    [(Origin::Activated, "activated"), (Origin::Imported, "imported"), (Origin::Temporary, "temporary")];

fn origin_from(text: &str) -> Result<Origin> {
    ORIGINS.iter().find(|(_, name)| *name == text).map(|(origin, _)| *origin).ok_or(DAMAGED)
}

fn origin_column(origin: Origin) -> &'static str {
    ORIGINS.iter().find(|(known, _)| *known == origin).map_or("", |(_, name)| name)
}

fn serial_column(serial: SerialNumber) -> i64 {
    serial.to_number().cast_signed()
}

/// Steps as eight bytes each; none at all for most tokens.
fn read_steps(bytes: Option<Vec<u8>>) -> Result<Vec<TimeStep>> {
    let bytes = bytes.unwrap_or_default();
    let (steps, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(DAMAGED);
    }
    Ok(steps.iter().map(|step| TimeStep::from_number(i64::from_be_bytes(*step))).collect())
}

fn steps_column(steps: &[TimeStep]) -> Option<Vec<u8>> {
    (!steps.is_empty()).then(|| steps.iter().flat_map(|step| step.number().to_be_bytes()).collect())
}

/// Tokens in the order of their rows.
pub(super) fn after(open: &Open<'_>, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>> {
    let after = after.map_or(0, |id| id.0);
    open.many(select!("WHERE id > ? ORDER BY id LIMIT ?"), params![after, limit], read)
}

/// Which values of `$1` tokens have in a column. It leaves a planner that saw the table empty no choice but to look for each.
macro_rules! known {
    ($column:literal, $type:literal) => {
        concat!(
            "SELECT asked.value FROM unnest($1::",
            $type,
            "[]) AS asked (value) WHERE EXISTS (SELECT 1 FROM token WHERE ",
            $column,
            " = asked.value OFFSET 0)"
        )
    };
}

/// The only column of an answer, as a set.
fn known<T: FromSql + Eq + Hash>(columns: &dyn InColumns, sql: &str, asked: Vec<Column<'_>>) -> Result<HashSet<T>> {
    let mut known = HashSet::new();
    let each: Each<'_> = &mut |row| {
        known.insert(Columns::of(row).next()?);
        Ok(())
    };
    columns.ask(vec![Question { sql, columns: asked, each }])?;
    Ok(known)
}

impl Tokens for Open<'_> {
    fn token_by_serial(&self, serial: SerialNumber) -> Result<Option<Token>> {
        self.one(select!("WHERE serial = ?"), [serial.to_number()], read)
    }

    fn token_by_maker_serial(&self, serial: &str) -> Result<Option<Token>> {
        self.one(select!("WHERE maker_serial = ?"), [serial], read)
    }

    fn are_serials(&self, serials: &[SerialNumber]) -> Result<Vec<bool>> {
        let Some(columns) = self.connection.in_columns() else {
            return serials.iter().map(|serial| Ok(self.token_by_serial(*serial)?.is_some())).collect();
        };
        let numbers: Vec<_> = serials.iter().map(|serial| serial_column(*serial)).collect();
        let asked = vec![Column::Numbers(numbers.iter().copied().map(Some).collect())];
        let known = known::<i64>(columns, known!("serial", "BIGINT"), asked)?;
        Ok(numbers.iter().map(|number| known.contains(number)).collect())
    }

    fn are_maker_serials(&self, serials: &[&str]) -> Result<Vec<bool>> {
        let Some(columns) = self.connection.in_columns() else {
            return serials.iter().map(|serial| Ok(self.token_by_maker_serial(serial)?.is_some())).collect();
        };
        let asked = vec![Column::Texts(serials.iter().copied().map(Some).collect())];
        let known = known::<String>(columns, known!("maker_serial", "TEXT"), asked)?;
        Ok(serials.iter().map(|serial| known.contains(*serial)).collect())
    }

    fn token(&self, id: TokenId) -> Result<Option<Token>> {
        self.one(select!("WHERE id = ?"), [id.0], read)
    }

    fn tokens_of(&self, user: UserId) -> Result<Vec<Token>> {
        self.many(select!("WHERE user_id = ? ORDER BY id"), [user.0], read)
    }

    fn token_counts(&self, users: &[UserId]) -> Result<Vec<u64>> {
        let rows: Vec<_> = users.iter().map(|user| vec![Value::from(user.0)]).collect();
        let count = |row: &Row<'_>| Columns::of(row).next();
        let counts = self.one_each("SELECT count(*) FROM token WHERE user_id = ?", &rows, count)?;
        Ok(counts.into_iter().map(Option::unwrap_or_default).collect())
    }
}

impl WriteTokens for Open<'_> {
    fn insert_tokens(&self, tokens: &[Token]) -> Result<Vec<TokenId>> {
        let ids = self.insert_each(
            "INSERT INTO token (serial, maker_serial, user_id, label, state, origin, period, last_step, drift,
             drift_at_reset, next_event, hash, digits, sealed_keys, spent, failures, locked_until, locks, slow_failures,
             slow_since, device_key, device, created_at, activated_at, last_used_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            &tokens.iter().map(row).collect::<Result<Vec<_>>>()?,
        )?;
        Ok(ids.into_iter().map(TokenId).collect())
    }

    fn update_token(&self, token: &Token) -> Result<()> {
        let (period, state, next) = counter_columns(token.counter);
        let (device_key, device) = token.device.as_ref().map(device_columns).transpose()?.unzip();
        self.write(
            "UPDATE token SET maker_serial = :maker_serial, label = :label, state = :state, period = :period,
             last_step = :last_step, drift = :drift, drift_at_reset = :drift_at_reset, next_event = :next_event,
             hash = :hash, digits = :digits, sealed_keys = :keys, device_key = :device_key, device = :device,
             activated_at = :activated_at, last_used_at = :last_used_at, expires_at = :expires_at
             WHERE id = :id",
            named_params! {
                ":maker_serial": token.maker_serial.as_ref().map(Text::as_str),
                ":label": token.label.as_ref().map(Name::as_str),
                ":state": state_column(token.state),
                ":period": period,
                ":last_step": state.last.map(TimeStep::number),
                ":drift": state.drift,
                ":drift_at_reset": state.drift_at_reset,
                ":next_event": next,
                ":hash": token.hash.name(),
                ":digits": token.digits.get(),
                ":keys": token.keys,
                ":device_key": device_key,
                ":device": device,
                ":activated_at": token.activated_at.map(millis),
                ":last_used_at": token.last_used_at.map(millis),
                ":expires_at": token.expires_at.map(millis),
                ":id": token.id.0,
            },
        )?;
        self.set_token_lock(token.id, &token.lock, &token.spent)
    }

    fn set_token_lock(&self, id: TokenId, lock: &LockState, spent: &[TimeStep]) -> Result<()> {
        self.write(
            "UPDATE token SET failures = :failures, locked_until = :until, locks = :locks,
             slow_failures = :slow, slow_since = :since, spent = :spent WHERE id = :id",
            named_params! {
                ":failures": lock.failures, ":until": lock_column(lock.lock), ":locks": lock.locks,
                ":slow": lock.slow_failures, ":since": lock.slow_since.map(millis), ":spent": steps_column(spent),
                ":id": id.0,
            },
        )
    }

    fn accept_step(&self, token: &Token, user: &User, step: TimeStep, drift: i64, now: Timestamp) -> Result<bool> {
        let taken = self.execute(
            accept!("last_step = :step, drift = :drift", "(last_step IS NULL OR last_step < :step)"),
            named_params! {
                ":step": step.number(), ":drift": drift, ":now": millis(now), ":id": token.id.0,
                ":failures": token.lock.failures, ":until": lock_column(token.lock.lock),
                ":user": user.id.0, ":user_failures": user.lock.failures, ":user_until": lock_column(user.lock.lock),
            },
        )?;
        Ok(taken == 1)
    }

    fn accept_event(&self, token: &Token, user: &User, counter: u64, now: Timestamp) -> Result<bool> {
        let Some(next) = counter.checked_add(1) else { return Ok(false) };
        let taken = self.execute(
            accept!("next_event = :next", "next_event < :next"),
            named_params! {
                ":next": next.cast_signed(), ":now": millis(now), ":id": token.id.0,
                ":failures": token.lock.failures, ":until": lock_column(token.lock.lock),
                ":user": user.id.0, ":user_failures": user.lock.failures, ":user_until": lock_column(user.lock.lock),
            },
        )?;
        Ok(taken == 1)
    }

    fn accept_listed(&self, token: &Token, user: &User, code: u64, now: Timestamp) -> Result<bool> {
        let code = TimeStep::from_number(code.cast_signed());
        if token.spent.contains(&code) {
            return Ok(false);
        }
        let spent = [token.spent.as_slice(), &[code]].concat();
        let taken = self.execute(
            accept!("spent = :spent", "spent IS NOT DISTINCT FROM :before AND expires_at > :now"),
            named_params! {
                ":spent": steps_column(&spent), ":before": steps_column(&token.spent), ":now": millis(now),
                ":id": token.id.0, ":failures": token.lock.failures, ":until": lock_column(token.lock.lock),
                ":user": user.id.0, ":user_failures": user.lock.failures, ":user_until": lock_column(user.lock.lock),
            },
        )?;
        Ok(taken == 1)
    }

    fn accept_all(&self, accepts: &[Accept<'_>]) -> Result<Vec<bool>> {
        let Some(columns) = self.connection.in_columns() else {
            let accept = |accept: &Accept<'_>| match accept.taken {
                Taken::Step { step, drift } => self.accept_step(accept.token, accept.user, step, drift, accept.now),
                Taken::Event(counter) => self.accept_event(accept.token, accept.user, counter, accept.now),
            };
            return accepts.iter().map(accept).collect();
        };
        let mut taken = vec![false; accepts.len()];
        let mut tokens = HashSet::with_capacity(accepts.len());
        let (mut steps, mut events) = (Takings::default(), Takings::default());
        for (place, accept) in accepts.iter().enumerate().filter(|(_, accept)| tokens.insert(accept.token.id)) {
            match accept.taken {
                Taken::Step { step, drift } => steps.add(place, accept, [step.number(), drift]),
                Taken::Event(counter) => {
                    if let Some(next) = counter.checked_add(1) {
                        events.add(place, accept, [next.cast_signed(), 0]);
                    }
                }
            }
        }
        let statements = [
            (steps, accept_many!("last_step = a.value, drift = a.drift", "(last_step IS NULL OR last_step < a.value)")),
            (events, accept_many!("next_event = a.value", "next_event < a.value")),
        ];
        for (takings, sql) in statements {
            if takings.places.is_empty() {
                continue;
            }
            let each: Each<'_> = &mut |row| {
                let place: usize = Columns::of(row).next()?;
                if let Some(taken) = taken.get_mut(place) {
                    *taken = true;
                }
                Ok(())
            };
            columns.ask(vec![Question { sql, columns: takings.columns(), each }])?;
        }
        Ok(taken)
    }

    fn delete_token(&self, id: TokenId) -> Result<()> {
        self.write("DELETE FROM token WHERE id = ?", [id.0])
    }
}
