//! A test approval that an administrator sends, to see that it works. It is a real one, in the name of an application.

use std::time::Duration;

use symbolon_core::approval::{ChallengeId, Transaction};
use symbolon_core::text::{Name, Text};

use super::applications::find;
use super::audit::Entry;
use super::challenges::{ChallengeKind, ChallengeView, NewChallenge};
use super::{Actor, Service, ServiceError};

impl Service {
    /// Asks a user's phones for an approval. The audit says who really asked.
    ///
    /// # Errors
    /// As [`Service::create_challenge`]; [`ServiceError::NotFound`] for the application.
    pub async fn try_approval(
        &self,
        actor: Actor,
        application: Name,
        user: Name,
        summary: Text<200>,
    ) -> Result<ChallengeView, ServiceError> {
        let application = self.store.read(|snapshot| find(snapshot, &application))?;
        let transaction = Some(Transaction { summary, details: symbolon_core::approval::Details::default() });
        let (asked, now) = (user.clone(), self.clock.now());
        let name = application.name.clone();
        self.store
            .write(move |transaction| {
                Entry::new("approval.tried").user(&asked).detail("application", name.as_str()).append(
                    transaction,
                    &actor,
                    now,
                )
            })
            .await?;
        let kind = ChallengeKind::Approval;
        let new = NewChallenge { user, kind, transaction, context: None, mutual_challenge: false };
        self.create_challenge(&application, new, None).await
    }

    /// What became of it; waits for its end for at most `wait`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn tried_approval(
        &self,
        application: &Name,
        id: ChallengeId,
        wait: Duration,
    ) -> Result<ChallengeView, ServiceError> {
        let application = self.store.read(|snapshot| find(snapshot, application))?;
        self.challenge(application.id, id, wait).await
    }
}
