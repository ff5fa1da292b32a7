//! Approvals: what phones are asked, and what they answer.
//!
//! Signatures are checked, and receipts signed, outside of the transaction that decides. In it the challenge is ended by
//! a conditional update; so of two phones one wins, and the other is told.

use jiff::Timestamp;
use symbolon_core::access::{AnswerRequest, RequestsReply, RequestsRequest, digest};
use symbolon_core::approval::{Answer, AnswerError, Decision, Factor, MutualValue, Opened, Receipt, Statement};
use symbolon_core::encoding::Bytes;
use symbolon_core::integrity::{Signals, Verdict};
use symbolon_core::keys::sha256;
use symbolon_core::policy::Policy;

use super::{end, ended, origins};
use crate::attestation::Refusal;
use crate::service::activation::ActivationError;
use crate::service::audit::{self, Entry};
use crate::service::bells::Bell;
use crate::service::identities::Identities;
use crate::service::keyring::{Opening, Place, StoredKeys};
use crate::service::mail::Occasion;
use crate::service::{Actor, Service, ServiceError, attestation, policies};
use crate::storage::{
    Challenge, ChallengeEnd, ChallengeStatus, EnrolledDevice, Question, StorageError, StoredAttestation, StoredRequest,
    Token, TokenState, Transaction, User,
};

/// What phones are asked at a time, in bytes: no more than they read. The longest request is well below it; what does
/// not fit comes once the newer ones are answered.
const ANSWER: usize = 60_000;

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// No such token here, or not its answer: nobody is told which.
    #[error("the answer is not one of an active token of this server")]
    Refused,
    /// Nothing was asked that this answers.
    #[error("this token was not asked what this answers, or too long ago")]
    Unknown,
    /// The answer proves less than the policy asks for.
    #[error("{0}")]
    ShortOfPolicy(String),
    /// The challenge had ended, as the status says.
    #[error("this approval has ended already: {}", .0.name())]
    Ended(ChallengeStatus),
    /// The server could not do its part.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StorageError> for ApprovalError {
    fn from(error: StorageError) -> Self {
        Self::Service(error.into())
    }
}

impl From<AnswerError> for ApprovalError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Signature | AnswerError::Audience => Self::Refused,
            AnswerError::Factor => Self::ShortOfPolicy(error.to_string()),
        }
    }
}

/// A phone's answer, checked as far as it can be outside of a transaction.
struct Checked {
    token: Token,
    device: EnrolledDevice,
    answer: Answer,
    /// The answer as it was signed, and what App Attest asserts of it.
    signed: AnswerRequest,
    opening: Opening,
    factors: Vec<Factor>,
    /// The unlock after which the phone has the factor key that proved it, where that is new.
    unlocked: Option<u16>,
    /// The receipt, ready in case the answer is taken.
    receipt: Option<String>,
}

impl Service {
    /// What a phone is asked, newest first: the signed requests. Waits for one for at most as long as is asked; where the
    /// phone says what it has, until that is not all any more, or more than there is.
    ///
    /// # Errors
    /// [`ActivationError::Refused`] when the access token opens nothing.
    pub async fn pending_requests(&self, asked: &RequestsRequest) -> Result<RequestsReply, ActivationError> {
        let token = self.accessed(&asked.access_token)?.id;
        let fitting = || {
            self.store.read(|snapshot| {
                let requests = snapshot.pending_requests(token, self.clock.now())?;
                let mut size = 0;
                let fitting = requests.into_iter().map(|request| request.request).take_while(|request| {
                    size += request.len();
                    size <= ANSWER
                });
                let policy_version = Some(policies::version(snapshot)?);
                Ok::<_, ServiceError>(RequestsReply { requests: fitting.collect(), policy_version })
            })
        };
        let is_news = |reply: &RequestsReply| match &asked.known {
            Some(known) => digest(reply.requests.iter().map(String::as_str)) != *known,
            None => !reply.requests.is_empty(),
        };
        let look = || fitting().map(|reply| Some(reply).filter(is_news));
        let news = self.bells.wait(Bell::Token(token), asked.wait.duration(), look).await?;
        Ok(news.map_or_else(fitting, Ok)?)
    }

    /// Takes a phone's decision. The same decision sent again gets the same result.
    ///
    /// # Errors
    /// [`ApprovalError`].
    pub async fn answer_approval(&self, message: &AnswerRequest) -> Result<ChallengeStatus, ApprovalError> {
        let now = self.clock.now();
        let checked = self.check_answer(message, now)?;
        let service = self.clone();
        let (result, bells) = self.store.write(move |transaction| service.decide(transaction, &checked, now)).await?;
        bells.iter().for_each(|bell| self.bells.ring(bell));
        result
    }

    fn check_answer(&self, message: &AnswerRequest, now: Timestamp) -> Result<Checked, ApprovalError> {
        let (found, identities) = self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            Ok::<_, ServiceError>((snapshot.token_by_serial(message.serial)?, self.keyring.identities(snapshot)?))
        })?;
        // The key that has signed the request, which the answer names: no request outlives it.
        let identity = identities.hash();
        let active = found.filter(|token| token.state == TokenState::Active);
        let Some((token, device)) = active.and_then(|token| token.device.clone().map(|device| (token, device))) else {
            // As long as for a token that is here.
            let _ = Answer::verify(&message.answer, identities.public(), &identity, message.serial, |_| vec![]);
            return Err(ApprovalError::Refused);
        };
        let plain = self.keyring.open_sealed(Place::TokenKeys(token.serial), &token.keys)?;
        let keys = StoredKeys::read(&plain)?.activated.ok_or(ApprovalError::Refused)?;
        let after_unlocks = keys.unlock.pin_factors();
        let factors = |opened| keys.factors(opened, &after_unlocks);
        let (answer, place) = Answer::verify(&message.answer, &device.key, &identity, token.serial, factors)?;
        let unlocked = place.checked_sub(1).and_then(|place| after_unlocks.get(place)).map(|(number, _)| *number);
        let (asked, stated) = self.store.read(|snapshot| {
            let request = snapshot.request(token.id, &answer.request)?;
            let user = snapshot.user(token.user)?;
            Ok::<_, StorageError>((request.zip(user), snapshot.attestation(token.id)?))
        })?;
        let (request, user) = asked.ok_or(ApprovalError::Unknown)?;
        let factors = answer.opened.factors().to_vec();
        let receipt = if answer.decision == Decision::Confirm {
            let statement = Statement {
                id: request.challenge.clone(),
                request: request.hash.clone(),
                answer: Bytes::from(sha256(message.answer.as_bytes())),
                serial: token.serial,
                user: user.name,
                device_key: device.key.hash(),
                factors: factors.clone(),
                attestation: stated.as_ref().map(attestation::word_on).transpose()?,
                time: now,
            };
            Some(receipt(&identities, request, message.answer.clone(), &statement, &device, stated)?)
        } else {
            None
        };
        let signed = message.clone();
        Ok(Checked { token, device, opening: keys.opening(answer.opened), answer, signed, factors, unlocked, receipt })
    }

    /// The inner error is a refusal whose transaction is kept: it is in the audit.
    fn decide(
        &self,
        transaction: &dyn Transaction,
        checked: &Checked,
        now: Timestamp,
    ) -> Result<(Result<ChallengeStatus, ApprovalError>, Vec<Bell>), ApprovalError> {
        audit::check_clock(transaction, now)?;
        let Checked { token, device, answer, .. } = checked;
        let current = transaction.token(token.id)?.filter(|token| token.state == TokenState::Active);
        if current.as_ref().and_then(|token| token.device.as_ref()) != Some(device) {
            return Err(ApprovalError::Refused);
        }
        let user = transaction.user(token.user)?.filter(|user| user.enabled).ok_or(ApprovalError::Refused)?;
        if let (Some(number), Some(current)) = (checked.unlocked, current) {
            self.unlock_code_used(transaction, current, &user, number, now)?;
        }
        let request = transaction.request(token.id, &answer.request)?.ok_or(ApprovalError::Unknown)?;
        let challenge = transaction.challenge(&request.challenge)?.ok_or(ApprovalError::Unknown)?;
        let status = challenge.status_at(now);
        if request.decision == Some(answer.decision) {
            return Ok((Ok(status), Vec::new()));
        }
        if status != ChallengeStatus::Pending {
            // Whoever says that it was someone else is heard, even when another phone was faster.
            if answer.decision == Decision::Concern {
                transaction.set_decision(&challenge.id, token.id, Decision::Concern)?;
                let until = origins::pause(transaction, &challenge, now)?;
                concern(&user, token, &challenge, until).detail("after", status.name()).append(
                    transaction,
                    &Actor::Device,
                    now,
                )?;
                self.tell_of_concern(transaction, &user, &challenge, now)?;
                return Ok((Ok(status), Vec::new()));
            }
            return Ok((Err(ApprovalError::Ended(status)), Vec::new()));
        }
        let policy = policies::effective(transaction, user.group.as_ref())?;
        let by_token = |status, factors: Vec<Factor>, receipt| ChallengeEnd {
            token: Some(token.id),
            factors,
            receipt,
            ..ended(status, now)
        };
        let outcome = match answer.decision {
            Decision::Confirm => {
                if let Some(reason) = shortfall(&policy, device, checked.opening, &answer.signals) {
                    Entry::new("approval.refused")
                        .user(&user.name)
                        .token(token.serial)
                        .challenge(&challenge)
                        .detail("reason", reason.as_str())
                        .append(transaction, &Actor::Device, now)?;
                    return Ok((Err(ApprovalError::ShortOfPolicy(reason)), Vec::new()));
                }
                if let Some(refusal) = self.distrust(transaction, checked, &policy, now)? {
                    Entry::new("approval.refused")
                        .user(&user.name)
                        .token(token.serial)
                        .detail("challenge", challenge.id.to_string())
                        .detail("reason", refusal.sentence())
                        .detail("rule", refusal.name())
                        .detail("attestation", refusal.to_string())
                        .append(transaction, &Actor::Device, now)?;
                    return Ok((Err(ApprovalError::ShortOfPolicy(refusal.sentence().into())), Vec::new()));
                }
                if self.is_matched(&challenge, answer.mutual_challenge.as_ref())? {
                    origins::confirmed(transaction, &challenge, now)?;
                    by_token(ChallengeStatus::Confirmed, checked.factors.clone(), checked.receipt.clone())
                } else {
                    let until = origins::pause(transaction, &challenge, now)?;
                    Entry::new("approval.wrong_value")
                        .user(&user.name)
                        .token(token.serial)
                        .challenge(&challenge)
                        .detail("paused_until", until.to_string())
                        .append(transaction, &Actor::Device, now)?;
                    by_token(ChallengeStatus::MutualChallengeFailed, Vec::new(), None)
                }
            }
            Decision::Concern => {
                let until = origins::pause(transaction, &challenge, now)?;
                concern(&user, token, &challenge, until).append(transaction, &Actor::Device, now)?;
                self.tell_of_concern(transaction, &user, &challenge, now)?;
                by_token(ChallengeStatus::Concern, Vec::new(), None)
            }
            Decision::Cancel => by_token(ChallengeStatus::Cancelled, Vec::new(), None),
        };
        let status = outcome.status;
        transaction.set_decision(&challenge.id, token.id, answer.decision)?;
        let bells = end(transaction, &Actor::Device, &challenge, outcome, now)?;
        Ok((Ok(status), bells))
    }

    /// Why the device's hardware is not believed any more, where the policy minds. The counter of App Attest goes up with
    /// the answer.
    fn distrust(
        &self,
        transaction: &dyn Transaction,
        checked: &Checked,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Refusal>, ServiceError> {
        let (judged, _) = self.judge_token(transaction, &checked.token, policy, now)?;
        if let Some(obstacle) = judged.obstacle(policy) {
            return Ok(Some(obstacle.clone()));
        }
        let stored = transaction.attestation(checked.token.id)?;
        let attested = stored.as_ref().map(|stored| &stored.attested);
        let assertion = checked.signed.assertion.as_ref().map(|assertion| assertion.as_slice());
        match self.trust.judge_assertion(attested, assertion, checked.signed.answer.as_bytes(), policy) {
            Ok(None) => Ok(None),
            Ok(Some(counter)) => {
                transaction.set_attestation_counter(checked.token.id, counter)?;
                Ok(None)
            }
            Err(refusal) => Ok(Some(refusal)),
        }
    }

    fn tell_of_concern(
        &self,
        transaction: &dyn Transaction,
        user: &User,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let asked = transaction.applications()?.into_iter().find(|application| application.id == challenge.application);
        let Some(asked) = asked else { return Ok(()) };
        self.tell(transaction, user, Occasion::Concern { application: asked.name }, now).map(drop)
    }

    /// Whether the person gave the value that the page shows, where there is one.
    fn is_matched(&self, challenge: &Challenge, given: Option<&MutualValue>) -> Result<bool, ServiceError> {
        let Question::Approval { mutual_challenge: Some(sealed) } = &challenge.question else {
            return Ok(given.is_none());
        };
        let opened = self.keyring.open_sealed(Place::MutualChallenge(&challenge.id), sealed.as_slice())?;
        let value = std::str::from_utf8(opened.expose()).ok().and_then(|value| value.parse().ok());
        let value: MutualValue = value.ok_or(StorageError::Damaged("mutual challenge"))?;
        Ok(given.is_some_and(|given| *given == value))
    }
}

fn receipt(
    identities: &Identities,
    request: StoredRequest,
    answer: String,
    statement: &Statement,
    device: &EnrolledDevice,
    stated: Option<StoredAttestation>,
) -> Result<String, ServiceError> {
    let failed = |error: &dyn std::fmt::Display| StorageError::Failed(error.to_string());
    let attestation = stated.map(|stated| Bytes::new(stated.attested.statement)).transpose();
    let receipt = Receipt {
        version: 1,
        request: request.request,
        answer,
        statement: identities.key().sign_object(statement).map_err(|error| failed(&error))?,
        identity_key: identities.public().clone(),
        device_key: device.key.clone(),
        attestation: attestation.map_err(|_| StorageError::Damaged("attestation"))?,
    };
    Ok(serde_json::to_string(&receipt).map_err(|error| failed(&error))?)
}

fn concern(user: &User, token: &Token, challenge: &Challenge, paused_until: Timestamp) -> Entry {
    Entry::new("approval.concern")
        .user(&user.name)
        .token(token.serial)
        .challenge(challenge)
        .detail("origin", challenge.origin.as_str())
        .detail("paused_until", paused_until.to_string())
}

/// What a device's decision lacks that the policy asks for now. The phone may not have heard of that policy yet.
pub(in crate::service) fn shortfall(
    policy: &Policy,
    device: &EnrolledDevice,
    opening: Opening,
    signals: &Signals,
) -> Option<String> {
    for signals in [&device.description.signals, signals] {
        if let Verdict::Refused(signals) = signals.clone().verdict(policy.allow_unsecure_device) {
            let reasons: Vec<String> = signals.iter().map(|signal| signal.to_string()).collect();
            return Some(format!("the policy allows no unsecure device: {}", reasons.join("; ")));
        }
    }
    match opening.opened {
        Opened::Device if policy.pin_required => {
            Some("the policy asks for the PIN, and the vault was opened without it".into())
        }
        Opened::Biometric if !policy.device_biometrics_allowed => {
            Some("the policy does not allow biometrics, and the vault was opened by them".into())
        }
        Opened::Biometric if opening.face && !policy.facial_recognition_allowed => {
            Some("the policy does not allow faces, and the vault was opened on a phone that takes them".into())
        }
        Opened::Device | Opened::Pin | Opened::Biometric => None,
    }
}
