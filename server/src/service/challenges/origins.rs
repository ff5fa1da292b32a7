//! Where approvals come from: an application and the address that it names. A concern or a wrong value pauses approvals
//! from there, and from nowhere else, so that whoever floods a person with prompts does not keep the owner out.

use jiff::{SignedDuration, Timestamp};

use crate::service::ServiceError;
use crate::storage::{ApprovalOrigin, Challenge, Snapshot, Transaction};

/// The first pause; each further one is twice as long …
const PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// … and none is longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// An address from which the person has confirmed a challenge is known for so long, and one whose approvals were paused.
pub(super) const KNOWN: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What is known of where a challenge comes from.
pub(super) fn of(snapshot: &dyn Snapshot, challenge: &Challenge) -> Result<ApprovalOrigin, ServiceError> {
    let (user, application, address) = (challenge.user, challenge.application, &challenge.origin);
    let known = snapshot.approval_origin(user, application, address)?;
    Ok(known.unwrap_or_else(|| ApprovalOrigin {
        user,
        application,
        address: address.clone(),
        confirmed_at: None,
        pauses: 0,
        paused_until: None,
    }))
}

/// Whether the person has confirmed a challenge from there lately. One without an address is never known.
pub(super) fn is_known(origin: &ApprovalOrigin, now: Timestamp) -> bool {
    !origin.address.is_empty() && origin.confirmed_at.is_some_and(|time| now.duration_since(time) < KNOWN)
}

/// A confirmation, or a right code: challenges from there are welcome.
pub(super) fn confirmed(
    transaction: &dyn Transaction,
    challenge: &Challenge,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let origin = of(transaction, challenge)?;
    let confirmed = ApprovalOrigin { confirmed_at: Some(now), pauses: 0, paused_until: None, ..origin };
    Ok(transaction.put_approval_origin(&confirmed)?)
}

/// A concern or a wrong value: approvals from there wait. Answers until when.
pub(super) fn pause(
    transaction: &dyn Transaction,
    challenge: &Challenge,
    now: Timestamp,
) -> Result<Timestamp, ServiceError> {
    let origin = of(transaction, challenge)?;
    let pause = (PAUSE * 2_i32.pow(origin.pauses.min(16))).min(LONGEST);
    let until = now + pause;
    let paused = ApprovalOrigin {
        confirmed_at: None,
        pauses: origin.pauses.saturating_add(1),
        paused_until: Some(until),
        ..origin
    };
    transaction.put_approval_origin(&paused)?;
    Ok(until)
}
