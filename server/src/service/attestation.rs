//! Attestation: what the hardware of a device must prove, where the policy wants proof.

use symbolon_core::policy::{ActivationMethod, Policy};

use super::ServiceError;

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
