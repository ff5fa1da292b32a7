//! Challenges: what an application has the server ask a user's tokens. An approval is answered on a phone
//! ([`approvals`]); typed digits, typed details and the QR for a phone without a network by a code that the person gives
//! to the application (`codes`).
//!
//! Only the application that asked sees a challenge. It ends once, by one conditional update.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Serialize};
use symbolon_core::approval::offline::OfflineRequest;
use symbolon_core::approval::{
    ChallengeId, Context, Factor, MutualQuestion, Receipt, Request, Transaction, request_hash,
};
use symbolon_core::encoding::Bytes;
use symbolon_core::keys::sha256;
use symbolon_core::otp::{TypedChallenge, details_challenge};
use symbolon_core::policy::Policy;
use symbolon_core::signed::KeyHash;
use symbolon_core::text::{Name, Text};

use super::audit::{self, Entry};
use super::bells::Bell;
use super::keyring::Place;
use super::push::{self, PushServices};
use super::{Actor, Service, ServiceError, epochs, policies};
use crate::storage::{
    Application, ApplicationId, Challenge, ChallengeEnd, ChallengeStatus, Idempotent, Origin, Question, Snapshot,
    StorageError, StoredRequest, Token, TokenState, Transaction as Writing, User,
};

pub mod approvals;
mod codes;
mod origins;

/// A challenge that has ended can be read for so long.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An answer to a request with an idempotency key is repeated for so long.
const REPEATED: SignedDuration = SignedDuration::from_hours(24);

/// What an application asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChallenge {
    /// Whom.
    #[schema(value_type = String, max_length = 100, example = "alice")]
    pub user: Name,
    /// How it is to be answered.
    pub kind: ChallengeKind,
    /// What is to be approved or signed; a sign-in has none. An offline QR needs one.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub transaction: Option<Transaction>,
    /// Where the question comes from. The phone shows it as the application's words.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Context>,
    /// Asks for a mutual challenge even where the policy has none.
    #[serde(default)]
    pub mutual_challenge: bool,
}

/// How a challenge is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeKind {
    /// On a phone, with confirm, concern or cancel.
    Approval,
    /// By a code for digits, or for the details of the transaction, that the person types into the token.
    Typed,
    /// By a code for a QR that the phone reads.
    OfflineQr,
}

impl ChallengeKind {
    /// The name in the API, the audit and the metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Typed => "typed",
            Self::OfflineQr => "offline_qr",
        }
    }
}

/// A key by which a request may be repeated without being done twice: 1 to 100 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A text that is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to 100 visible ASCII characters")]
pub struct IdempotencyKeyError;

impl std::str::FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        let fits = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyError) }
    }
}

/// Why there is no challenge, or no answer to one. Programs read the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The user is unknown or disabled, or has no active token that could answer.
    NoCapableToken,
    /// The person reported a concern, or a wrong value was given: approvals from there wait.
    Paused(Timestamp),
    /// As many as the policy allows wait for this user.
    QueueFull,
    /// Too many codes were wrong.
    Locked(Option<Timestamp>),
    /// The idempotency key was used for another request.
    KeyReused,
}

impl Refusal {
    /// The reason, as programs read it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoCapableToken => "no_capable_token",
            Self::Paused(_) => "paused",
            Self::QueueFull => "queue_full",
            Self::Locked(_) => "locked",
            Self::KeyReused => "idempotency_key_reused",
        }
    }

    /// When to try again, where that is known.
    #[must_use]
    pub const fn retry_at(self) -> Option<Timestamp> {
        match self {
            Self::Paused(until) => Some(until),
            Self::Locked(until) => until,
            Self::NoCapableToken | Self::QueueFull | Self::KeyReused => None,
        }
    }

    /// The reason, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoCapableToken => "the user has no active token that could answer this",
            Self::Paused(_) => {
                "approvals from this application and address are paused, since the person reported a concern or a \
                 wrong value was given"
            }
            Self::QueueFull => "as many challenges as the policy allows wait for this user",
            Self::Locked(_) => "too many codes were wrong; the user's codes are locked",
            Self::KeyReused => "this Idempotency-Key was used for another request",
        }
    }
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> Self {
        Self::Challenge(refusal)
    }
}

/// A challenge as its application sees it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChallengeView {
    /// Its name.
    #[schema(value_type = String)]
    pub id: ChallengeId,
    /// `approval`, `typed` or `offline_qr`.
    pub kind: ChallengeKind,
    /// What became of it.
    pub status: ChallengeStatus,
    /// Until when it can be answered.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What the page shows for the person to match on the phone; in the answer to the request that asked, and never
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_challenge: Option<String>,
    /// What the person types into the token; none where the details themselves are typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "12345678")]
    pub challenge: Option<TypedChallenge>,
    /// The text of the QR to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
    /// What the answer proved, once it is confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub factors: Vec<Factor>,
    /// The same in the words of RFC 8176.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The receipt of a confirmed approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub receipt: Option<Receipt>,
}

impl Challenge {
    /// What became of it, as it is at `now`.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> ChallengeStatus {
        match self.status {
            ChallengeStatus::Pending if now >= self.expires_at => ChallengeStatus::Expired,
            status => status,
        }
    }

    fn view(self, now: Timestamp) -> Result<ChallengeView, ServiceError> {
        let status = self.status_at(now);
        let (kind, challenge, qr) = match self.question {
            Question::Approval { .. } => (ChallengeKind::Approval, None, None),
            Question::Typed { challenge, details } => {
                (ChallengeKind::Typed, Some(challenge).filter(|_| !details), None)
            }
            Question::OfflineQr { qr } => (ChallengeKind::OfflineQr, None, Some(qr)),
        };
        let receipt = self.receipt.as_deref().map(serde_json::from_str).transpose();
        Ok(ChallengeView {
            id: self.id,
            kind,
            status,
            expires_at: self.expires_at,
            mutual_challenge: None,
            challenge,
            qr,
            amr: methods(kind, &self.factors).into_iter().map(str::to_owned).collect(),
            factors: self.factors,
            receipt: receipt.map_err(|_| StorageError::Damaged("receipt"))?,
        })
    }
}

/// What was proven, as RFC 8176 names it. It has no name for "a finger or a face, whichever".
fn methods(kind: ChallengeKind, factors: &[Factor]) -> Vec<&'static str> {
    let several = (factors.len() > 1).then_some("mfa");
    let each = factors.iter().filter_map(|factor| match (factor, kind) {
        (Factor::Possession, ChallengeKind::Approval) => Some("pop"),
        (Factor::Possession, ChallengeKind::Typed | ChallengeKind::OfflineQr) => Some("otp"),
        (Factor::Knowledge, _) => Some("pin"),
        (Factor::Biometry, _) => None,
    });
    each.chain(several).collect()
}

/// A challenge that is ready to be written.
struct Draft {
    challenge: Challenge,
    user: User,
    policy: Policy,
    requests: Vec<StoredRequest>,
    /// The hash of the identity key that has signed them.
    identity: KeyHash,
    /// For the page.
    mutual_value: Option<String>,
}

impl Service {
    /// Asks a user's tokens. With an idempotency key the same request gets the same answer for a day.
    ///
    /// # Errors
    /// [`ServiceError::Challenge`] with the reason; [`ServiceError::Invalid`] names a field.
    pub async fn create_challenge(
        &self,
        application: &Application,
        new: NewChallenge,
        key: Option<IdempotencyKey>,
    ) -> Result<ChallengeView, ServiceError> {
        let now = self.clock.now();
        let request = sha256(&serde_json::to_vec(&new).map_err(|error| StorageError::Failed(error.to_string()))?);
        let repetition = key.map(|key| (key, request));
        let (id, asked_by) = (application.id, Actor::Application(application.name.clone()));
        let draft = self.store.read(|snapshot| match &repetition {
            Some((key, request)) => match self.repeated(snapshot, id, key, request, now)? {
                Some(view) => Ok(Err(view)),
                None => self.draft(snapshot, application, new, now).map(Ok),
            },
            None => self.draft(snapshot, application, new, now).map(Ok),
        })?;
        let draft = match draft {
            Ok(draft) => draft,
            Err(view) => return Ok(view),
        };
        let service = self.clone();
        let (view, bells) = self
            .store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                if let Some((key, request)) = &repetition
                    && let Some(view) = service.repeated(transaction, id, key, request, now)?
                {
                    return Ok((view, Vec::new()));
                }
                if draft.identity != service.keyring.identities(transaction)?.hash() {
                    // The key has changed since, so no phone could prove an answer: asked again, the new one signs.
                    return Err(StorageError::Busy.into());
                }
                let (view, bells) = insert(transaction, &service.push, &asked_by, draft, now)?;
                if let Some((key, request)) = repetition {
                    let response = serde_json::to_vec(&view);
                    let response = response.map_err(|error| StorageError::Failed(error.to_string()))?;
                    transaction.put_idempotent(&Idempotent {
                        application: id,
                        key: key.0,
                        request,
                        response: service.keyring.seal(Place::Response(id), &response),
                        expires_at: now + REPEATED,
                    })?;
                }
                Ok::<_, ServiceError>((view, bells))
            })
            .await?;
        bells.iter().for_each(|bell| self.bells.ring(bell));
        Ok(view)
    }

    /// The answer that was given to the same request under the same key.
    fn repeated(
        &self,
        snapshot: &dyn Snapshot,
        application: ApplicationId,
        key: &IdempotencyKey,
        request: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<ChallengeView>, ServiceError> {
        let Some(known) = snapshot.idempotent(application, &key.0)?.filter(|known| now < known.expires_at) else {
            return Ok(None);
        };
        if known.request != *request {
            return Err(Refusal::KeyReused.into());
        }
        let opened = self.keyring.open_sealed(Place::Response(application), &known.response)?;
        let view = serde_json::from_slice(opened.expose()).map_err(|_| StorageError::Damaged("response"))?;
        Ok(Some(view))
    }

    /// Makes the challenge and signs what phones are asked, outside of any transaction.
    fn draft(
        &self,
        snapshot: &dyn Snapshot,
        application: &Application,
        new: NewChallenge,
        now: Timestamp,
    ) -> Result<Draft, ServiceError> {
        let user = snapshot.user_by_name(&new.user)?.filter(|user| user.enabled).ok_or(Refusal::NoCapableToken)?;
        let mut tokens = snapshot.tokens_of(user.id)?;
        tokens.retain(|token| is_capable(token, new.kind));
        if new.kind == ChallengeKind::Approval {
            tokens = epochs::confirmed(snapshot, tokens)?;
        }
        if tokens.is_empty() {
            return Err(Refusal::NoCapableToken.into());
        }
        let policy = policies::effective(snapshot, user.group.as_ref())?;
        let identities = self.keyring.identities(snapshot)?;
        let mut id = [0; 16];
        OsRng.fill_bytes(&mut id);
        let id = ChallengeId::from(id);
        let expires_at = now + SignedDuration::from_secs(i64::from(policy.approval_lifetime.get()));
        let origin = new.context.as_ref().and_then(|context| context.address.as_ref()).map(Text::as_str);
        let mut challenge = Challenge {
            id: id.clone(),
            application: application.id,
            user: user.id,
            question: Question::Approval { mutual_challenge: None },
            origin: origin.unwrap_or_default().to_owned(),
            status: ChallengeStatus::Pending,
            wrong_codes: 0,
            created_at: now,
            expires_at,
            ended_at: None,
            token: None,
            factors: Vec::new(),
            receipt: None,
        };
        let mut requests = Vec::new();
        let mut mutual_value = None;
        match new.kind {
            ChallengeKind::Approval => {
                let mutual = MutualQuestion::generate(&mut OsRng, &policy, new.mutual_challenge);
                let (value, prompt) = mutual.map(|mutual| (mutual.value, mutual.prompt)).unzip();
                for token in &tokens {
                    let request = Request {
                        aud: token.serial,
                        id: id.clone(),
                        issuer: self.identity.issuer.clone(),
                        account: user.name.clone(),
                        application: application.name.clone(),
                        issued_at: now,
                        expires_at,
                        context: new.context.clone(),
                        transaction: new.transaction.clone(),
                        mutual_challenge: prompt.clone(),
                    };
                    let request = identities.key().sign_object(&request);
                    let request = request.map_err(|error| StorageError::Failed(error.to_string()))?;
                    requests.push(StoredRequest {
                        challenge: id.clone(),
                        token: token.id,
                        hash: request_hash(&request),
                        request,
                        decision: None,
                    });
                }
                if let Some(value) = value {
                    let sealed = self.keyring.seal(Place::MutualChallenge(&id), value.as_str().as_bytes());
                    let sealed = Bytes::new(sealed).map_err(|_| StorageError::Damaged("mutual challenge"))?;
                    challenge.question = Question::Approval { mutual_challenge: Some(sealed) };
                    mutual_value = Some(value.as_str().to_owned());
                }
            }
            ChallengeKind::Typed => challenge.question = typed(new.transaction.as_ref())?,
            ChallengeKind::OfflineQr => {
                let transaction =
                    new.transaction.ok_or_else(|| ServiceError::invalid("transaction", "an offline QR needs one"))?;
                let request = OfflineRequest {
                    id,
                    issuer: self.identity.issuer.clone(),
                    serials: tokens.iter().map(|token| token.serial).collect(),
                    expires_at,
                    transaction,
                };
                let qr = request.qr().map_err(|error| ServiceError::invalid("transaction", error))?;
                challenge.question = Question::OfflineQr { qr };
            }
        }
        Ok(Draft { challenge, user, policy, requests, identity: identities.hash(), mutual_value })
    }

    /// A challenge of an application's own; with `wait`, once it has ended or that time has passed.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], for those of other applications too.
    pub async fn challenge(
        &self,
        application: ApplicationId,
        id: ChallengeId,
        wait: Duration,
    ) -> Result<ChallengeView, ServiceError> {
        let found = self.own_challenge(application, &id)?;
        // Nobody rings when the time is over.
        let left = found.expires_at.duration_since(self.clock.now());
        let wait = wait.min(Duration::try_from(left).unwrap_or_default());
        let look = || {
            let challenge = self.own_challenge(application, &id)?;
            let ended = challenge.status_at(self.clock.now()) != ChallengeStatus::Pending;
            Ok::<_, ServiceError>(ended.then_some(challenge))
        };
        let ended = self.bells.wait(Bell::Challenge(id.clone()), wait, look).await?;
        let challenge = ended.map_or_else(|| self.own_challenge(application, &id), Ok)?;
        challenge.view(self.clock.now())
    }

    /// Withdraws a challenge that is pending; one that has ended stays as it is.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn withdraw_challenge(
        &self,
        application: &Application,
        id: ChallengeId,
    ) -> Result<ChallengeView, ServiceError> {
        let now = self.clock.now();
        let (application, asked_by) = (application.id, Actor::Application(application.name.clone()));
        let (view, bells) = self
            .store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let challenge = own(transaction, application, &id)?;
                let mut bells = Vec::new();
                if challenge.status_at(now) == ChallengeStatus::Pending {
                    bells = end(transaction, &asked_by, &challenge, ended(ChallengeStatus::Withdrawn, now), now)?;
                }
                Ok::<_, ServiceError>((own(transaction, application, &id)?.view(now)?, bells))
            })
            .await?;
        bells.iter().for_each(|bell| self.bells.ring(bell));
        Ok(view)
    }

    fn own_challenge(&self, application: ApplicationId, id: &ChallengeId) -> Result<Challenge, ServiceError> {
        self.store.read(|snapshot| own(snapshot, application, id))
    }
}

fn own(snapshot: &dyn Snapshot, application: ApplicationId, id: &ChallengeId) -> Result<Challenge, ServiceError> {
    let challenge = snapshot.challenge(id)?.filter(|challenge| challenge.application == application);
    challenge.ok_or_else(|| ServiceError::not_found("challenge", id))
}

/// Whether a token can answer challenges of a kind. An imported token has no key but that of its codes, and one that was
/// activated without a network has no device key.
fn is_capable(token: &Token, kind: ChallengeKind) -> bool {
    token.state == TokenState::Active
        && match kind {
            ChallengeKind::Approval => token.device.is_some(),
            ChallengeKind::Typed | ChallengeKind::OfflineQr => token.origin == Origin::Activated,
        }
}

/// Random digits, or those that stand for the details.
fn typed(transaction: Option<&Transaction>) -> Result<Question, ServiceError> {
    let details = transaction.map(|transaction| transaction.details.as_slice()).unwrap_or_default();
    if details.is_empty() {
        return Ok(Question::Typed { challenge: TypedChallenge::generate(&mut OsRng), details: false });
    }
    let values: Vec<&str> = details.iter().map(|detail| detail.value.as_str()).collect();
    let challenge = details_challenge(&values).map_err(|error| ServiceError::invalid("transaction.details", error))?;
    Ok(Question::Typed { challenge, details: true })
}

/// Writes a challenge, if its kind's queue and the pauses let it. Answers with what is to be rung afterwards.
fn insert(
    transaction: &dyn Writing,
    push: &PushServices,
    actor: &Actor,
    draft: Draft,
    now: Timestamp,
) -> Result<(ChallengeView, Vec<Bell>), ServiceError> {
    let Draft { challenge, user, policy, requests, mutual_value, .. } = draft;
    transaction.sweep_challenges(now - KEPT, now - origins::KNOWN, now)?;
    let mut bells = Vec::new();
    let pending = transaction.pending_challenges(user.id, now)?;
    let mut queued: Vec<&Challenge> =
        pending.iter().filter(|other| other.question.kind() == challenge.question.kind()).collect();
    let origin = origins::of(transaction, &challenge)?;
    if matches!(challenge.question, Question::Approval { .. }) {
        if let Some(until) = origin.paused_until.filter(|until| now < *until) {
            return Err(Refusal::Paused(until).into());
        }
        let same = |other: &&Challenge| other.application == challenge.application && other.origin == challenge.origin;
        for older in queued.iter().filter(|other| same(other)) {
            bells.extend(end(transaction, actor, older, ended(ChallengeStatus::Superseded, now), now)?);
        }
        queued.retain(|other| !same(other));
    }
    // Whoever floods a user with challenges from other addresses must not keep the owner out of the queue.
    if queued.len() >= policy.approval_queue.get() as usize && origins::is_known(&origin, now) {
        let mut dropped = None;
        for other in &queued {
            if !origins::is_known(&origins::of(transaction, other)?, now) {
                dropped = Some(other.id.clone());
                bells.extend(end(transaction, actor, other, ended(ChallengeStatus::Superseded, now), now)?);
                break;
            }
        }
        queued.retain(|other| Some(&other.id) != dropped.as_ref());
    }
    if queued.len() >= policy.approval_queue.get() as usize {
        return Err(Refusal::QueueFull.into());
    }
    transaction.insert_challenge(&challenge)?;
    for request in requests {
        // A token may have gone since the request was signed.
        if let Some(token) = transaction.token(request.token)?.filter(|token| token.state == TokenState::Active) {
            transaction.insert_request(&request)?;
            bells.push(Bell::Token(token.id));
            if push::wake(transaction, push, &token, challenge.expires_at, now)? {
                bells.push(Bell::Outbox);
            }
        }
    }
    Entry::new("challenge.created")
        .user(&user.name)
        .challenge(&challenge)
        .detail("kind", challenge.question.kind())
        .append(transaction, actor, now)?;
    let mut view = challenge.view(now)?;
    view.mutual_challenge = mutual_value;
    Ok((view, bells))
}

/// Ends the approvals of all users that wait for their answer, as if their time were over. Answers how many they were, and
/// with what is to be rung.
pub(super) fn end_approvals(
    transaction: &dyn Writing,
    actor: &Actor,
    now: Timestamp,
) -> Result<(u64, Vec<Bell>), ServiceError> {
    let mut waiting = transaction.all_pending_challenges(now)?;
    waiting.retain(|challenge| matches!(challenge.question, Question::Approval { .. }));
    let mut bells = Vec::new();
    for challenge in &waiting {
        bells.extend(end(transaction, actor, challenge, ended(ChallengeStatus::Expired, now), now)?);
    }
    Ok((waiting.len() as u64, bells))
}

/// An end without an answer.
fn ended(status: ChallengeStatus, now: Timestamp) -> ChallengeEnd {
    ChallengeEnd { status, ended_at: now, token: None, factors: Vec::new(), receipt: None }
}

/// Ends a challenge that was seen to be pending in this transaction, with its audit entry. Answers with what is to be
/// rung: the application's bell, and those of the phones that were asked.
fn end(
    transaction: &dyn Writing,
    actor: &Actor,
    challenge: &Challenge,
    end: ChallengeEnd,
    now: Timestamp,
) -> Result<Vec<Bell>, ServiceError> {
    if !transaction.end_challenge(&challenge.id, &end)? {
        return Err(StorageError::Failed("a challenge ended twice".into()).into());
    }
    let user = transaction.user(challenge.user)?;
    let token = end.token.map(|token| transaction.token(token)).transpose()?.flatten();
    let mut entry = Entry::new("challenge.ended")
        .challenge(challenge)
        .detail("kind", challenge.question.kind())
        .detail("status", end.status.name());
    if let Some(user) = &user {
        entry = entry.user(&user.name);
    }
    if let Some(token) = token {
        entry = entry.token(token.serial);
    }
    entry.append(transaction, actor, now)?;
    // An application may wait for it by a webhook.
    let mut bells = vec![Bell::Challenge(challenge.id.clone()), Bell::Outbox];
    if matches!(challenge.question, Question::Approval { .. }) {
        bells.extend(transaction.tokens_of(challenge.user)?.into_iter().map(|token| Bell::Token(token.id)));
    }
    Ok(bells)
}
