//! What the installation believes: the roots, the revocation list and how old it may be.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};

use crate::attestation::apple::Environment;
use crate::attestation::{Refusal, RevocationList, Roots};

/// The revocation list as it lies here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The list.
    pub list: RevocationList,
    /// The SHA-256 of its text.
    pub digest: [u8; 32],
    /// Since when it lies here.
    pub since: Timestamp,
}

/// What the installation believes of phones' hardware, for all of its users.
#[derive(Debug)]
pub struct Trust {
    /// The keys at the end of Android's chains.
    pub android: Roots,
    /// The keys at the end of Apple's chains.
    pub apple: Roots,
    /// Whether keys in software count.
    pub allow_software: bool,
    /// Whether iOS apps count that a developer has put on a device.
    pub allow_development: bool,
    /// How old the revocation list may be.
    pub longest_age: SignedDuration,
    /// Whether there has to be one: it is configured where it comes from.
    pub is_list_required: bool,
    listed: RwLock<Option<Arc<Listed>>>,
}

impl Default for Trust {
    /// The shipped roots, nothing in software, and no revocation list.
    fn default() -> Self {
        Self {
            android: Roots::android(),
            apple: Roots::apple(),
            allow_software: false,
            allow_development: false,
            longest_age: SignedDuration::from_hours(7 * 24),
            is_list_required: false,
            listed: RwLock::default(),
        }
    }
}

impl Trust {
    /// The revocation list, if there is one.
    #[must_use]
    pub fn listed(&self) -> Option<Arc<Listed>> {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes another revocation list.
    pub fn replace_list(&self, listed: Option<Listed>) {
        *self.listed.write().unwrap_or_else(PoisonError::into_inner) = listed.map(Arc::new);
    }

    /// How old the revocation list is.
    #[must_use]
    pub fn list_age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.listed().map(|listed| now.duration_since(listed.since))
    }

    /// Checks that the revocation list can be relied on.
    ///
    /// # Errors
    /// [`Refusal::RevocationList`] when it is too old, or missing where one is configured.
    pub fn check_list(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.list_age(now) {
            Some(age) if age > self.longest_age => Err(Refusal::RevocationList("too old")),
            None if self.is_list_required => Err(Refusal::RevocationList("missing")),
            _ => Ok(()),
        }
    }

    /// The environment of the iOS apps that count; `None` for any.
    #[must_use]
    pub const fn environment(&self) -> Option<Environment> {
        if self.allow_development { None } else { Some(Environment::Production) }
    }
}
