//! Challenges that are answered by a code: typed digits, typed details, and the offline QR. The code is OCRA's
//! (RFC 6287); guesses at it count like guesses at any other code.

use jiff::Timestamp;
use symbolon_core::approval::offline::OfflineRequest;
use symbolon_core::approval::{ChallengeId, Factor};
use symbolon_core::otp::{Challenge as Asked, Code, Period, TimeStep, judge_response};
use symbolon_core::policy::Policy;

use super::{ChallengeKind, ChallengeView, Refusal, end, ended, is_capable, origins, own};
use crate::service::audit;
use crate::service::bells::Bell;
use crate::service::keyring::{Place, StoredKeys};
use crate::service::verification::{Candidate, count_failure};
use crate::service::{Actor, Service, ServiceError, policies};
use crate::storage::{
    Application, Challenge, ChallengeEnd, ChallengeStatus, Counter, Question, Snapshot, StorageError, Token,
    Transaction, User,
};

/// So many wrong codes end a challenge.
const WRONG_CODES: u32 = 3;

/// The tokens among which the answer may be, and what the code is to them.
struct Judged {
    user: User,
    policy: Policy,
    tokens: Vec<Token>,
    /// The place of the token that made the code, and the time step of it.
    found: Option<(usize, TimeStep)>,
}

impl Service {
    /// Takes a code for the answer to a challenge of an application's own. The challenge says what came of it.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::Challenge`] while the user's codes are locked.
    pub async fn answer_challenge(
        &self,
        application: &Application,
        id: ChallengeId,
        code: Code,
    ) -> Result<ChallengeView, ServiceError> {
        let now = self.clock.now();
        let application_id = application.id;
        let judged = self.store.read(|snapshot| {
            let challenge = own(snapshot, application_id, &id)?;
            if matches!(challenge.question, Question::Approval { .. }) {
                return Err(ServiceError::invalid("code", "an approval is answered on the phone"));
            }
            if challenge.status_at(now) == ChallengeStatus::Pending {
                self.judge_answer(snapshot, &challenge, &code, now).map(Some)
            } else {
                Ok(None)
            }
        })?;
        let Some(judged) = judged else {
            return self.own_challenge(application_id, &id)?.view(now);
        };
        let asked_by = Actor::Application(application.name.clone());
        let (view, bells) = self
            .store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let challenge = own(transaction, application_id, &id)?;
                let mut bells = Vec::new();
                if challenge.status_at(now) == ChallengeStatus::Pending {
                    bells = decide(transaction, &asked_by, &challenge, judged, now)?;
                }
                Ok::<_, ServiceError>((own(transaction, application_id, &id)?.view(now)?, bells))
            })
            .await?;
        bells.iter().for_each(|bell| self.bells.ring(bell));
        Ok(view)
    }

    fn judge_answer(
        &self,
        snapshot: &dyn Snapshot,
        challenge: &Challenge,
        code: &Code,
        now: Timestamp,
    ) -> Result<Judged, ServiceError> {
        let user = snapshot.user(challenge.user)?.filter(|user| user.enabled).ok_or(Refusal::NoCapableToken)?;
        let mut tokens = snapshot.tokens_of(user.id)?;
        tokens.retain(|token| is_capable(token, ChallengeKind::Typed));
        if tokens.is_empty() {
            return Err(Refusal::NoCapableToken.into());
        }
        let open = |token: &Token| !user.lock.lock.holds(now) && !token.lock.lock.holds(now);
        if !tokens.iter().any(open) {
            let ends = tokens.iter().filter_map(|token| token.lock.lock.ends_at()).min();
            return Err(Refusal::Locked(user.lock.lock.ends_at().or(ends)).into());
        }
        tokens.retain(open);
        let policy = policies::effective(snapshot, user.group.as_ref())?;
        let offline = match &challenge.question {
            Question::OfflineQr { qr } => {
                Some(qr.parse::<OfflineRequest>().map_err(|_| StorageError::Damaged("challenge"))?)
            }
            Question::Approval { .. } | Question::Typed { .. } => None,
        };
        let step = TimeStep::at(now, Period::STANDARD);
        let mut found = None;
        for (place, token) in tokens.iter().enumerate() {
            let asked = match (&challenge.question, &offline) {
                (_, Some(offline)) if offline.serials.contains(&token.serial) => {
                    Asked::Question(offline.question(token.serial))
                }
                (Question::Typed { challenge, .. }, None) => Asked::Typed(*challenge),
                _ => continue,
            };
            let Counter::Time { state, .. } = token.counter else { continue };
            let plain = self.keyring.open_sealed(Place::TokenKeys(token.serial), &token.keys)?;
            let Some(key) = StoredKeys::read(&plain)?.challenge_response else { continue };
            let window = policy.max_time_steps.get();
            let judged = judge_response(&key, &asked, code, step, state.drift, window);
            if let Some(step) = judged {
                found = Some((place, step));
                break;
            }
        }
        Ok(Judged { user, policy, tokens, found })
    }
}

fn decide(
    transaction: &dyn Transaction,
    actor: &Actor,
    challenge: &Challenge,
    judged: Judged,
    now: Timestamp,
) -> Result<Vec<Bell>, ServiceError> {
    let Judged { user, policy, tokens, found } = judged;
    let user = transaction.user(user.id)?.filter(|user| user.enabled).ok_or(Refusal::NoCapableToken)?;
    let mut open = Vec::with_capacity(tokens.len());
    let mut answered = None;
    let mut lock_ends = user.lock.lock.ends_at();
    for (place, token) in tokens.into_iter().enumerate() {
        let Some(token) = transaction.token(token.id)?.filter(|token| is_capable(token, ChallengeKind::Typed)) else {
            continue;
        };
        if user.lock.lock.holds(now) || token.lock.lock.holds(now) {
            lock_ends = lock_ends.or(token.lock.lock.ends_at());
            continue;
        }
        answered = answered.or(found.filter(|(found, _)| *found == place).map(|(_, step)| (token.clone(), step)));
        open.push(Candidate::wrong(token));
    }
    if open.is_empty() {
        return Err(Refusal::Locked(lock_ends).into());
    }
    if let Some((token, step)) = answered {
        // The same details give the same challenge: an earlier signature over them must not count again.
        let signs = matches!(challenge.question, Question::Typed { details: true, .. });
        if !signs || transaction.accept_signature(token.id, step)? {
            transaction.set_user_lock(user.id, &user.lock.succeeded())?;
            transaction.set_token_lock(token.id, &token.lock.succeeded(), &token.spent)?;
            origins::confirmed(transaction, challenge, now)?;
            let confirmed = ChallengeEnd {
                token: Some(token.id),
                factors: vec![Factor::Possession],
                ..ended(ChallengeStatus::Confirmed, now)
            };
            return end(transaction, actor, challenge, confirmed, now);
        }
    }
    transaction.count_wrong_code(&challenge.id)?;
    audit::Entry::new("challenge.code_refused").user(&user.name).detail("challenge", challenge.id.to_string()).append(
        transaction,
        actor,
        now,
    )?;
    count_failure(transaction, actor, &user, user.lock, &open, &policy, now)?;
    if challenge.wrong_codes + 1 >= WRONG_CODES {
        return end(transaction, actor, challenge, ended(ChallengeStatus::Failed, now), now);
    }
    Ok(Vec::new())
}
