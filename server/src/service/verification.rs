//! Verification: is this a code of that user's, and was it not used?
//!
//! One read finds the tokens; the codes are compared outside of any transaction; one small transaction decides. In it
//! a step is taken by a conditional update, so that of many requests with the same code one wins, and the counters and
//! the audit entry are written with the decision.

use jiff::Timestamp;
use symbolon_core::otp::window::{Match, judge, judge_event};
use symbolon_core::otp::{Code, OtpKey, TimeStep};
use symbolon_core::policy::{LockoutScope, Policy};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};

use super::audit::Entry;
use super::keyring::{Place, StoredKeys};
use super::look_up::{Asked, Holder};
use super::tokens::listed_code;
use super::{Actor, Service, ServiceError, audit};
use crate::storage::{Accept, Counter, LockState, Origin, Taken, Together, Token, Transaction, User};

/// Whose code it is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Any token of this user.
    User(Name),
    /// Any token that this user has: not the temporary codes, behind which stands the help desk's word.
    Holder(Name),
    /// This token, by its serial number or its maker's.
    Token(Text<64>),
}

/// The answer to a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The code was right, and now it is used.
    Accepted {
        /// Whose token it was.
        token: SerialNumber,
        /// Whose.
        user: Name,
        /// Whether it was a temporary code, which proves no token.
        temporary: bool,
    },
    /// The code does not count.
    Refused {
        /// Why.
        reason: Reason,
        /// When to try again, where a lock ends by itself.
        retry_at: Option<Timestamp>,
    },
}

/// Why a code does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No token shows it anywhere near now.
    WrongCode,
    /// It was accepted before, or one after it was.
    Replayed,
    /// A token shows it, but its clock or counter has gone astray: reset the token.
    OutsideWindow,
    /// Too many codes were wrong.
    Locked,
    /// There is no token to compare with.
    NoActiveToken,
}

impl Reason {
    /// The name in the API, the audit and the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongCode => "wrong_code",
            Self::Replayed => "replayed",
            Self::OutsideWindow => "outside_window",
            Self::Locked => "locked",
            Self::NoActiveToken => "no_active_token",
        }
    }
}

/// How many codes of one token are remembered as told: more than the slow count lets anyone try.
const SPENT: usize = 128;

/// What the code is to one of the tokens.
pub(super) struct Candidate {
    token: Token,
    found: Found,
}

impl Candidate {
    /// A token whose code it is not.
    pub(super) fn wrong(token: Token) -> Self {
        Self { token, found: Found::Step(Match::Wrong) }
    }
}

#[derive(Clone, Copy)]
enum Found {
    Step(Match<TimeStep>),
    Event(Match<u64>),
}

impl Found {
    /// The reason for which this is no success, the most telling first; `None` when it may be one.
    fn refusal(self) -> Option<Reason> {
        match self {
            Self::Step(Match::Accepted(_)) | Self::Event(Match::Accepted(_)) => None,
            Self::Step(Match::Replayed(_)) | Self::Event(Match::Replayed(_)) => Some(Reason::Replayed),
            Self::Step(Match::OutsideWindow(_)) | Self::Event(Match::OutsideWindow(_)) => Some(Reason::OutsideWindow),
            Self::Step(Match::Wrong) | Self::Event(Match::Wrong) => Some(Reason::WrongCode),
        }
    }
}

impl Service {
    /// Verifies a code. The answer is durable before it is given.
    ///
    /// # Errors
    /// [`ServiceError::ClockBehind`] and the store's; never when a code is wrong.
    pub async fn verify(&self, actor: Actor, subject: Subject, code: Code) -> Result<Verdict, ServiceError> {
        let asked = self.look_up(None, subject).await?;
        self.verify_asked(actor, asked, code).await
    }

    /// Verifies a code of whoever was looked up.
    ///
    /// # Errors
    /// As for [`Service::verify`].
    pub async fn verify_asked(&self, actor: Actor, asked: Asked, code: Code) -> Result<Verdict, ServiceError> {
        let Asked { subject, holder, now, .. } = asked;
        let Some(Holder { user, tokens, policy }) = holder else {
            return self.refuse_unknown(actor, subject, now).await;
        };
        // A locked user's code is not even compared: the time it takes must tell nothing.
        let locked = user.lock.lock.holds(now);
        let mut found = Vec::with_capacity(tokens.len());
        for (needs_reset, token) in tokens {
            if locked || token.lock.lock.holds(now) {
                found.push(Candidate::wrong(token));
            } else {
                let judged = self.judge(&token, &code, &policy, needs_reset, now)?;
                found.push(Candidate { token, found: judged });
            }
        }
        if let Some(right) = Right::of(&actor, &user, &found, &policy, now) {
            let (serial, name) = (right.token.serial, right.user.name.clone());
            match self.store.write_together(&self.gathered.rights, right, take_all).await {
                Ok(true) => return Ok(Verdict::Accepted { token: serial, user: name, temporary: false }),
                // Of many, the time of one may be behind.
                Ok(false) | Err(ServiceError::ClockBehind { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.store.write(move |transaction| decide(transaction, &actor, &user, found, &policy, now)).await
    }

    fn judge(
        &self,
        token: &Token,
        code: &Code,
        policy: &Policy,
        needs_reset: bool,
        now: Timestamp,
    ) -> Result<Found, ServiceError> {
        let key = self.code_key(token)?;
        Ok(match token.counter {
            Counter::Time { period, state } => {
                let window = policy.max_time_steps.get();
                let reset = policy.max_reset_time_steps.get();
                let step = TimeStep::at(now, period);
                let judged = judge(&key, token.digits, code, step, &state, window, reset);
                Found::Step(match judged {
                    Match::Accepted(step) if token.spent.contains(&step) => Match::Replayed(step),
                    judged => judged,
                })
            }
            Counter::Listed { codes } => {
                let number = (0..codes).find(|number| listed_code(&key, *number) == *code);
                Found::Event(match number {
                    None => Match::Wrong,
                    Some(number) if token.spent.contains(&counter_as_step(number)) => Match::Replayed(number),
                    Some(number) => Match::Accepted(number),
                })
            }
            Counter::Event { next } => {
                let window = if needs_reset { 0 } else { policy.max_event_window.get() };
                let reset = policy.max_reset_event_window.get();
                let judged = judge_event(&key, token.digits, code, next, window, reset);
                Found::Event(match judged {
                    Match::Accepted(counter) if token.spent.contains(&counter_as_step(counter)) => {
                        Match::Replayed(counter)
                    }
                    judged => judged,
                })
            }
        })
    }

    /// The key of a token's codes, ready for use.
    pub(super) fn code_key(&self, token: &Token) -> Result<OtpKey, ServiceError> {
        let plain = self.keyring.open_sealed(Place::TokenKeys(token.serial), &token.keys)?;
        Ok(OtpKey::prepare(token.hash, StoredKeys::read(&plain)?.code.expose()))
    }

    async fn refuse_unknown(&self, actor: Actor, subject: Subject, now: Timestamp) -> Result<Verdict, ServiceError> {
        self.store
            .write(move |transaction| {
                let entry = match &subject {
                    Subject::User(name) | Subject::Holder(name) => Entry::new("code.refused").user(name),
                    Subject::Token(serial) => Entry::new("code.refused").detail("named", serial.as_str()),
                };
                let reason = Reason::NoActiveToken;
                entry.detail("reason", reason.name()).append(transaction, &actor, now)?;
                Ok(Verdict::Refused { reason, retry_at: None })
            })
            .await
    }
}

/// A code that is right as far as was read: it counts if nobody decides about its token or user first.
pub(super) struct Right {
    actor: Actor,
    user: User,
    token: Token,
    taken: Taken,
    now: Timestamp,
}

/// Right codes that wait to be taken.
pub(super) type Rights = Together<Right, Result<bool, ServiceError>>;

impl Right {
    /// The first candidate that fits. Where a success changes more than its token, [`decide`] has to.
    fn of(actor: &Actor, user: &User, candidates: &[Candidate], policy: &Policy, now: Timestamp) -> Option<Self> {
        let Candidate { token, found } = candidates.iter().find(|candidate| candidate.found.refusal().is_none())?;
        if user.lock != user.lock.succeeded() || token.lock.lock.holds(now) {
            return None;
        }
        let taken = taken(token, *found, policy, now)?;
        Some(Self { actor: actor.clone(), user: user.clone(), token: token.clone(), taken, now })
    }
}

/// Takes what right codes stand for, each if nothing was decided about its token and user since they were read, with its
/// entry in the audit. What is not taken is left to [`decide`].
fn take_all(transaction: &dyn Transaction, rights: Vec<Right>) -> Result<Vec<bool>, ServiceError> {
    let accepts: Vec<_> = rights
        .iter()
        .map(|right| Accept { token: &right.token, user: &right.user, taken: right.taken, now: right.now })
        .collect();
    let taken = transaction.accept_all(&accepts)?;
    // The clock is checked only now, since the end of the audit comes along with the answer.
    let accepted = rights.iter().zip(&taken).filter(|(_, taken)| **taken);
    let entries = accepted.map(|(right, _)| (acceptance(&right.token, &right.user), &right.actor, right.now));
    audit::append_all(transaction, entries.collect())?;
    Ok(taken)
}

fn acceptance(token: &Token, user: &User) -> Entry {
    let entry = Entry::new("code.accepted").user(&user.name).token(token.serial);
    if token.origin == Origin::Temporary { entry.detail("factors", vec!["temporary"]) } else { entry }
}

fn decide(
    transaction: &dyn Transaction,
    actor: &Actor,
    user: &User,
    candidates: Vec<Candidate>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Verdict, ServiceError> {
    audit::check_clock(transaction, now)?;
    for candidate in candidates.iter().filter(|candidate| candidate.found.refusal().is_none()) {
        if accept(transaction, &candidate.token, candidate.found, user, policy, now)? {
            return accepted(transaction, actor, &candidate.token, user, now);
        }
        // Another decision came first. It may have been about this code, or only about a wrong one: look again.
        let (Some(token), Some(user)) = (transaction.token(candidate.token.id)?, transaction.user(user.id)?) else {
            continue;
        };
        if accept(transaction, &token, candidate.found, &user, policy, now)? {
            return accepted(transaction, actor, &token, &user, now);
        }
    }
    refuse(transaction, actor, user, candidates, policy, now)
}

fn accepted(
    transaction: &dyn Transaction,
    actor: &Actor,
    token: &Token,
    user: &User,
    now: Timestamp,
) -> Result<Verdict, ServiceError> {
    if user.lock != user.lock.succeeded() {
        transaction.set_user_lock(user.id, &user.lock.succeeded())?;
    }
    acceptance(token, user).append(transaction, actor, now)?;
    let temporary = token.origin == Origin::Temporary;
    Ok(Verdict::Accepted { token: token.serial, user: user.name.clone(), temporary })
}

/// Takes the step or event of a code that fits. False when a lock holds, or when another decision about the token or its
/// user came after they were read.
fn accept(
    transaction: &dyn Transaction,
    token: &Token,
    found: Found,
    user: &User,
    policy: &Policy,
    now: Timestamp,
) -> Result<bool, ServiceError> {
    if user.lock.lock.holds(now) || token.lock.lock.holds(now) {
        return Ok(false);
    }
    Ok(match (found, token.counter) {
        (Found::Event(Match::Accepted(code)), Counter::Listed { .. }) => {
            transaction.accept_listed(token, user, code, now)?
        }
        _ => match taken(token, found, policy, now) {
            Some(Taken::Step { step, drift }) => transaction.accept_step(token, user, step, drift, now)?,
            Some(Taken::Event(counter)) => transaction.accept_event(token, user, counter, now)?,
            None => false,
        },
    })
}

/// What an accepted code takes from its token; `None` for any other.
fn taken(token: &Token, found: Found, policy: &Policy, now: Timestamp) -> Option<Taken> {
    match (found, token.counter) {
        (Found::Step(Match::Accepted(step)), Counter::Time { period, state }) => {
            let drift = state.accepted(step, TimeStep::at(now, period), policy.max_time_steps.get()).drift;
            Some(Taken::Step { step, drift })
        }
        (Found::Event(Match::Accepted(counter)), Counter::Event { .. }) => Some(Taken::Event(counter)),
        _ => None,
    }
}

/// Refuses a code, on the state as it is now: other decisions may have come first.
fn refuse(
    transaction: &dyn Transaction,
    actor: &Actor,
    user: &User,
    candidates: Vec<Candidate>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Verdict, ServiceError> {
    let user_lock = transaction.user(user.id)?.map(|user| user.lock).unwrap_or_default();
    let mut open = Vec::with_capacity(candidates.len());
    let mut ends = Vec::new();
    for candidate in candidates {
        let Some(token) = transaction.token(candidate.token.id)? else { continue };
        let holding = [user_lock.lock, token.lock.lock].into_iter().find(|lock| lock.holds(now));
        match holding {
            Some(lock) => ends.push(lock.ends_at()),
            None => open.push(Candidate { token, found: candidate.found }),
        }
    }
    let refused = |reason: Reason, retry_at: Option<Timestamp>, token: Option<SerialNumber>| {
        let mut entry = Entry::new("code.refused").user(&user.name).detail("reason", reason.name());
        if let Some(serial) = token {
            entry = entry.token(serial);
        }
        entry.append(transaction, actor, now)?;
        Ok(Verdict::Refused { reason, retry_at })
    };
    if open.is_empty() {
        // Only locked ones are left; the earliest to open is worth waiting for.
        let reason = if ends.is_empty() { Reason::NoActiveToken } else { Reason::Locked };
        return refused(reason, ends.into_iter().flatten().min(), None);
    }
    // A code that fitted and was not taken is used by now. Whoever repeats a code that was right is not guessing; it is refused, and not counted.
    let telling =
        |reason| open.iter().find(|candidate| candidate.found.refusal().unwrap_or(Reason::Replayed) == reason);
    if let Some(candidate) = telling(Reason::Replayed) {
        return refused(Reason::Replayed, None, Some(candidate.token.serial));
    }
    let locked = count_failure(transaction, actor, user, user_lock, &open, policy, now)?;
    match telling(Reason::OutsideWindow) {
        Some(candidate) => refused(Reason::OutsideWindow, locked, Some(candidate.token.serial)),
        None => refused(Reason::WrongCode, locked, None),
    }
}

/// Counts a wrong code on the user, or on each token that was tried; answers when a lock that this led to ends.
pub(super) fn count_failure(
    transaction: &dyn Transaction,
    actor: &Actor,
    user: &User,
    user_lock: LockState,
    tried: &[Candidate],
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<Timestamp>, ServiceError> {
    let mut ends = None;
    let mut locked = |lock: LockState, token: Option<SerialNumber>| -> Result<(), ServiceError> {
        if lock.lock.holds(now) {
            ends = ends.max(lock.lock.ends_at());
            let entry = match token {
                None => Entry::new("user.locked").user(&user.name),
                Some(serial) => Entry::new("token.locked").user(&user.name).token(serial),
            };
            let until = lock.lock.ends_at().map_or_else(|| "unlocked by a person".into(), |end| end.to_string());
            entry.detail("until", until).append(transaction, actor, now)?;
        }
        Ok(())
    };
    if policy.lockout_scope == LockoutScope::User {
        let lock = user_lock.failed(now, policy);
        transaction.set_user_lock(user.id, &lock)?;
        locked(lock, None)?;
    }
    for Candidate { token, found } in tried {
        let spent = spent_with(token, *found, policy, now);
        let by_token = policy.lockout_scope == LockoutScope::Token;
        let lock = if by_token { token.lock.failed(now, policy) } else { token.lock };
        if by_token || spent != token.spent {
            transaction.set_token_lock(token.id, &lock, &spent)?;
        }
        if by_token {
            locked(lock, Some(token.serial))?;
        }
    }
    Ok(ends)
}

/// The token's spent codes and, where the answer names this one as the token's own, this one too: it must not open
/// anything when its time comes. Those that no window reaches any more are dropped.
fn spent_with(token: &Token, found: Found, policy: &Policy, now: Timestamp) -> Vec<TimeStep> {
    let mut spent = token.spent.clone();
    match (found, token.counter) {
        (Found::Step(Match::OutsideWindow(step)), Counter::Time { period, state }) => {
            let oldest = TimeStep::at(now, period).moved(state.drift - i64::from(policy.max_time_steps.get()));
            spent.retain(|spent| *spent >= oldest);
            spent.push(step);
        }
        (Found::Event(Match::OutsideWindow(counter)), Counter::Event { next }) => {
            spent.retain(|spent| *spent >= counter_as_step(next));
            spent.push(counter_as_step(counter));
        }
        _ => {}
    }
    let excess = spent.len().saturating_sub(SPENT);
    spent.drain(..excess);
    spent
}

/// The counter of an event-based token, as it is kept among spent steps.
fn counter_as_step(counter: u64) -> TimeStep {
    TimeStep::from_number(counter.cast_signed())
}
