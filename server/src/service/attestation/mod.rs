//! Attestation: what the hardware of a device must prove, where the policy wants proof.

mod trust;
mod verdict;

use jiff::Timestamp;
use symbolon_core::approval::JudgedAttestation;
use symbolon_core::frame::FrameWriter;
use symbolon_core::keys::sha256;
use symbolon_core::policy::{ActivationMethod, Policy};

use super::audit::{self, Entry};
use super::{Actor, Service, ServiceError, policies};
use crate::storage::{Attested, Snapshot, StorageError, StoredAttestation, Token, TokenId, Transaction};
pub use trust::{Listed, Trust};
pub use verdict::{AttestationVerdict, Judged};

/// Refuses a way of activating by which no hardware can vouch for its key, where the policy requires that.
///
/// # Errors
/// [`ServiceError::Refused`] for offline and classic tickets.
pub fn require_attestation(policy: &Policy, method: ActivationMethod) -> Result<(), ServiceError> {
    match method {
        ActivationMethod::Offline | ActivationMethod::Classic if policy.require_attestation => {
            Err(ServiceError::Refused(format!(
                "the policy requires attestation, and {method} tickets carry none: hand out an online one, for a phone"
            )))
        }
        ActivationMethod::Online | ActivationMethod::Offline | ActivationMethod::Classic => Ok(()),
    }
}

/// The ways of activating that a ticket is to offer: the named ones, each of which the policy must allow; where none is
/// named, those of the policy's e-mail that it allows.
///
/// # Errors
/// [`ServiceError::Refused`] when the policy requires attestation and nothing that is asked for can bring it.
pub fn ways_in(policy: &Policy, named: &[ActivationMethod]) -> Result<Vec<ActivationMethod>, ServiceError> {
    if !named.is_empty() {
        named.iter().try_for_each(|method| require_attestation(policy, *method))?;
        return Ok(named.to_vec());
    }
    let usual = policy.email_activation_methods.methods();
    let allowed: Vec<_> = usual.iter().copied().filter(|method| require_attestation(policy, *method).is_ok()).collect();
    match usual.first() {
        Some(method) if allowed.is_empty() => require_attestation(policy, *method).map(|()| allowed),
        _ => Ok(allowed),
    }
}

/// Keeps what the device of a token has stated, and what was made of it.
///
/// # Errors
/// The store's.
pub(super) fn keep(
    transaction: &dyn Transaction,
    token: TokenId,
    attested: Option<Attested>,
    verdict: &AttestationVerdict,
) -> Result<(), StorageError> {
    match attested {
        None => transaction.delete_attestation(token),
        Some(attested) => {
            transaction.put_attestation(token, &StoredAttestation { attested, verdict: written(verdict)? })
        }
    }
}

fn written(verdict: &AttestationVerdict) -> Result<String, StorageError> {
    serde_json::to_string(verdict).map_err(|error| StorageError::Failed(error.to_string()))
}

fn read(verdict: &str) -> Result<AttestationVerdict, StorageError> {
    serde_json::from_str(verdict).map_err(|_| StorageError::Damaged("attestation"))
}

/// What was last made of what a token's device stated; `None` for tokens without a device of their own.
///
/// # Errors
/// The store's.
pub(super) fn verdict(snapshot: &dyn Snapshot, token: &Token) -> Result<Option<AttestationVerdict>, StorageError> {
    if token.device.is_none() {
        return Ok(None);
    }
    match snapshot.verdict(token.id)? {
        None => Ok(Some(AttestationVerdict::missing())),
        Some(verdict) => read(&verdict).map(Some),
    }
}

/// The server's word in a receipt on what a token's device stated: what was last made of it.
///
/// # Errors
/// [`StorageError::Damaged`].
pub(super) fn word_on(stored: &StoredAttestation) -> Result<JudgedAttestation, StorageError> {
    let verdict = read(&stored.verdict)?;
    let attested = &stored.attested;
    let text = |text: &str| text.parse().ok();
    Ok(JudgedAttestation {
        hash: sha256(&attested.statement).into(),
        challenge: attested.challenge.into(),
        attested_at: attested.at,
        accepted: verdict.accepted,
        platform: verdict.platform.and_then(|platform| text(platform.name())),
        security_level: verdict.security_level.as_deref().and_then(text),
    })
}

/// So many tokens are judged again in one transaction.
const PAGE: u32 = 50;

/// Under which circumstances all tokens were last judged.
const JUDGED_UNDER: &str = "attestation.judged_under";

impl Service {
    /// Judges every token's statement again, when the revocation list or a policy has changed since that was last done.
    /// What comes out differently is written down, also in the audit. Answers how many did.
    ///
    /// # Errors
    /// The store's; what is left is done at the next call.
    pub async fn judge_again(&self) -> Result<usize, ServiceError> {
        let now = self.clock.now();
        let circumstances = self.store.read(|snapshot| {
            let listed = self.trust.listed();
            let frame = FrameWriter::default()
                .number(snapshot.policy_version()?)
                .number(u64::from(self.trust.check_list(now).is_ok()))
                .field(listed.as_ref().map_or(&[], |listed| &listed.digest));
            let circumstances = sha256(frame.as_bytes());
            let before = snapshot.meta(JUDGED_UNDER)?;
            Ok::<_, ServiceError>(Some(circumstances).filter(|now| before.as_deref() != Some(now.as_slice())))
        })?;
        let Some(circumstances) = circumstances else { return Ok(0) };
        let (mut after, mut changed) = (TokenId(0), 0);
        loop {
            let service = self.clone();
            let (last, differing) =
                self.store.write(move |transaction| service.judge_page_again(transaction, after, now)).await?;
            changed += differing;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        self.store
            .write(move |transaction| Ok::<_, ServiceError>(transaction.set_meta(JUDGED_UNDER, &circumstances)?))
            .await?;
        Ok(changed)
    }

    fn judge_page_again(
        &self,
        transaction: &dyn Transaction,
        after: TokenId,
        now: Timestamp,
    ) -> Result<(Option<TokenId>, usize), ServiceError> {
        audit::check_clock(transaction, now)?;
        let tokens = transaction.attested_tokens(after, PAGE)?;
        let mut changed = 0;
        for id in &tokens {
            let Some(token) = transaction.token(*id)? else { continue };
            let Some(user) = transaction.user(token.user)? else { continue };
            let policy = policies::effective(transaction, user.group.as_ref())?;
            if self.judge_token(transaction, &token, &policy, now)?.1 {
                changed += 1;
            }
        }
        Ok((tokens.last().copied(), changed))
    }

    /// Judges what a token's device has stated, by the policy and the revocation list of now; also says whether that
    /// comes out differently than before. Then it is written down.
    pub(super) fn judge_token(
        &self,
        transaction: &dyn Transaction,
        token: &Token,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(Judged, bool), ServiceError> {
        let stored = transaction.attestation(token.id)?;
        let Some(device) = &token.device else {
            return Ok((Judged::missing(), false));
        };
        let judged = self.trust.judge(stored.as_ref().map(|stored| &stored.attested), &device.key, policy, now);
        let Some(stored) = stored else { return Ok((judged, false)) };
        let before = read(&stored.verdict)?;
        if before == judged.verdict {
            return Ok((judged, false));
        }
        transaction.set_verdict(token.id, &written(&judged.verdict)?)?;
        let user = transaction.user(token.user)?;
        let mut entry = Entry::new("attestation.changed")
            .token(token.serial)
            .detail("before", before.word())
            .detail("after", judged.verdict.word());
        if let Some(user) = &user {
            entry = entry.user(&user.name);
        }
        if let Some(explanation) = &judged.verdict.explanation {
            entry = entry.detail("attestation", explanation.as_str());
        }
        entry.append(transaction, &Actor::Server, now)?;
        Ok((judged, true))
    }
}

#[cfg(test)]
mod tests {
    use symbolon_core::policy::PolicyPatch;

    use super::*;

    fn policy(settings: &[(&str, &str)]) -> Policy {
        let mut patch = PolicyPatch::default();
        settings.iter().for_each(|(key, value)| patch.set(key, value).unwrap());
        Policy::default().with(&patch).unwrap()
    }

    #[test]
    fn only_online_tickets_carry_an_attestation() {
        use ActivationMethod::{Classic, Offline, Online};
        let lax = policy(&[]);
        assert_eq!(ways_in(&lax, &[Offline]).unwrap(), [Offline]);
        assert_eq!(ways_in(&lax, &[]).unwrap(), [Online, Classic]);

        let strict = policy(&[("require_attestation", "true")]);
        assert_eq!(ways_in(&strict, &[]).unwrap(), [Online], "what is not named is left out");
        assert_eq!(ways_in(&strict, &[Online]).unwrap(), [Online]);
        for named in [&[Offline][..], &[Classic], &[Online, Classic]] {
            let refused = ways_in(&strict, named).unwrap_err().to_string();
            assert!(refused.contains("requires attestation") && refused.contains("online"), "{refused}");
        }
        let offline = policy(&[("require_attestation", "true"), ("email_activation_methods", "offline")]);
        assert!(ways_in(&offline, &[]).is_err());
        assert_eq!(ways_in(&offline, &[Online]).unwrap(), [Online]);
    }
}
