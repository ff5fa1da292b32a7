//! Signing in at `/me` by the organisation's OpenID provider: what is kept of an attempt while its user is there, and
//! whom the provider's word lets in. Asking the provider is done elsewhere.

use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use subtle::ConstantTimeEq as _;
use symbolon_core::frame::{FrameReader, FrameWriter};
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::keyring::Place;
use super::sessions::Pass;
use super::visits::{self, VisitError};
use super::{Service, audit};
use crate::storage::{Email, Transaction, User};

/// Whoever stays with the provider for longer begins anew.
pub const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// What one browser's way to the provider and back is known by. The browser itself keeps it, sealed: who has begun is
/// nothing that the server must remember.
pub struct Attempt {
    /// Comes back with the browser: only whoever began can end it.
    pub state: Zeroizing<String>,
    /// Comes back in the provider's token, which is thereby for this attempt.
    pub nonce: Zeroizing<String>,
    /// Shows the provider that the code is redeemed by whoever asked for it (RFC 7636).
    pub verifier: Zeroizing<String>,
}

/// Whom the provider has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The user of this name.
    User(Name),
    /// The user with this address, which the provider has verified.
    Email(Email),
}

impl Service {
    /// Seals an attempt for the browser that makes it.
    #[must_use]
    pub fn seal_attempt(&self, attempt: &Attempt) -> String {
        let until = (self.clock.now() + LONGEST).as_millisecond();
        let frame = FrameWriter::with_capacity(256)
            .field(&until.to_be_bytes())
            .field(attempt.state.as_bytes())
            .field(attempt.nonce.as_bytes())
            .field(attempt.verifier.as_bytes());
        BASE64URL_NOPAD.encode(&self.keyring.seal(Place::OpenIdAttempt, frame.as_bytes()))
    }

    /// Opens what a browser has kept, if it is an attempt that has not ended and that comes back with this `state`.
    #[must_use]
    pub fn open_attempt(&self, sealed: &str, state: &str) -> Option<Attempt> {
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let plain = self.keyring.open_sealed(Place::OpenIdAttempt, &sealed).ok()?;
        let mut reader = FrameReader::new(plain.expose());
        let until = i64::from_be_bytes(*reader.array().ok()?);
        let mut text = || std::str::from_utf8(reader.field().ok()?).ok().map(|text| Zeroizing::new(text.to_owned()));
        let attempt = Attempt { state: text()?, nonce: text()?, verifier: text()? };
        reader.finish().ok()?;
        let fits: bool = attempt.state.as_bytes().ct_eq(state.as_bytes()).into();
        (fits && self.clock.now().as_millisecond() < until).then_some(attempt)
    }

    /// Signs in whom the provider has named; answers what the browser is known by from then on.
    ///
    /// # Errors
    /// [`VisitError::Unknown`] when that is nobody here, or more than one.
    pub async fn begin_visit_of(&self, named: Named) -> Result<Pass, VisitError> {
        let now = self.clock.now();
        let pass = Pass::generate();
        let visit = pass.hash();
        self.store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let user = find(transaction, &named)?.filter(|user| user.enabled).ok_or(VisitError::Unknown)?;
                visits::begin(transaction, user, visit, "openid", now)
            })
            .await?;
        Ok(pass)
    }
}

fn find(transaction: &dyn Transaction, named: &Named) -> Result<Option<User>, VisitError> {
    match named {
        Named::User(name) => Ok(transaction.user_by_name(name)?),
        Named::Email(email) => {
            let mut users = transaction.users_by_email(email)?;
            // An address that two have says of neither that it is them.
            Ok(users.pop().filter(|_| users.is_empty()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::service::{Clock, SystemClock};

    struct Later(SignedDuration);

    impl Clock for Later {
        fn now(&self) -> Timestamp {
            SystemClock.now() + self.0
        }
    }

    #[tokio::test]
    async fn an_attempt_opens_with_its_state_for_ten_minutes() {
        let folder = tempfile::tempdir().unwrap();
        let service = crate::service::tests::service(folder.path()).await;
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let attempt = Attempt { state: text("state"), nonce: text("nonce"), verifier: text("verifier") };
        let sealed = service.seal_attempt(&attempt);
        let opened = service.open_attempt(&sealed, "state").unwrap();
        assert_eq!((opened.nonce.as_str(), opened.verifier.as_str()), ("nonce", "verifier"));
        for (sealed, state) in [(sealed.as_str(), ""), (&sealed, "other"), ("", "state"), (&sealed[4..], "state")] {
            assert!(service.open_attempt(sealed, state).is_none(), "{sealed} {state}");
        }
        for (later, opens) in [(9, true), (10, false)] {
            let clock = Arc::new(Later(SignedDuration::from_mins(later)));
            let late = Service { clock, ..service.clone() };
            assert_eq!(late.open_attempt(&sealed, "state").is_some(), opens, "after {later} minutes");
        }
        let elsewhere = service.keyring.seal(Place::AccessToken, b"whatever");
        assert!(service.open_attempt(&BASE64URL_NOPAD.encode(&elsewhere), "").is_none());
    }
}
