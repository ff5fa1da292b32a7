//! Access tokens: got by an assertion that the device's key signs, and kept in memory for as long as they count, so that
//! asking again and again does not wake the secure hardware each time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use symbolon_core::access::{AccessReply, AccessRequest, Assertion};
use zeroize::Zeroizing;

use super::Account;
use crate::Error;
use crate::network::Patience;

/// How long an assertion for an access token counts, in seconds: enough for a slow network.
const ASSERTION: i64 = 60;

/// Not used any more when no more than this is left of its time.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// The access tokens of a soft token's accounts.
#[derive(Default)]
pub(crate) struct AccessTokens(Mutex<HashMap<PathBuf, Held>>);

struct Held {
    access_token: Zeroizing<String>,
    until: Timestamp,
}

impl Account {
    /// An access token: the one that is held, while it counts, or a new one.
    pub(super) async fn access(&self) -> Result<Zeroizing<String>, Error> {
        let now = self.soft_token.parts().environment.now();
        if let Some(held) = self.held(|held, account| held.get(account).filter(|held| now < held.until).map(copy)) {
            return Ok(held);
        }
        let granted = self.ask_for_access().await?;
        let lifetime = SignedDuration::from_secs(granted.expires_in.into());
        let until = now.checked_add(lifetime.saturating_sub(MARGIN)).unwrap_or(now);
        let held = Held { access_token: Zeroizing::new(granted.access_token), until };
        let access_token = copy(&held);
        self.held(|all, account| all.insert(account.clone(), held));
        Ok(access_token)
    }

    /// The server does not take the access token that is held.
    pub(super) fn forget_access(&self) {
        self.held(|all, account| all.remove(account));
    }

    fn held<T>(&self, act: impl FnOnce(&mut HashMap<PathBuf, Held>, &PathBuf) -> T) -> T {
        let tokens = &self.soft_token.parts().access;
        act(&mut tokens.0.lock().unwrap_or_else(PoisonError::into_inner), &self.place())
    }

    async fn ask_for_access(&self) -> Result<AccessReply, Error> {
        let environment = &self.soft_token.parts().environment;
        let mut jti = [0; 16];
        environment.rng().fill_bytes(&mut jti);
        let now = self.clock()?.corrected(environment.now()).as_second();
        let serial = self.header.serial;
        let assertion = Assertion {
            iss: serial,
            sub: serial,
            aud: self.online()?.identity.hash(),
            jti: jti.into(),
            iat: now,
            exp: now.saturating_add(ASSERTION),
        };
        let request = AccessRequest { serial, assertion: self.sign_object(&assertion).await? };
        // An assertion counts once: it can't be sent again when its answer was lost.
        self.ask("/v1/device/access", &request, Patience::ONCE).await
    }
}

fn copy(held: &Held) -> Zeroizing<String> {
    held.access_token.clone()
}
