//! The keys by which a phone knows its server, and how others take their place.
//!
//! A server announces its next identity key in the signed answer to a contact, while it goes on signing with the one in
//! force. A phone that has heard of it takes either, until the first answer that the next one signed: from then on only
//! that. The key of the TLS authority is announced once the server uses it; until a phone hears of it, the old authority
//! vouches for the new one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::signed::{KeyHash, PublicKey, Signed, SignedError, verify};
use crate::vault::Online;

/// Tells a server's announcements of its keys apart; never goes down. Zero: there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeysVersion(u64);

impl KeysVersion {
    /// The version with this number, as a database holds it.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version of a change that is made at `now`. It is the time in milliseconds where that is later than this one, so
    /// that a server which was restored from a backup does not give a version for the second time.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self(self.0.saturating_add(1).max(now.as_millisecond().unsigned_abs()))
    }
}

/// What a server announces of its keys, within an answer that its identity key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedKeys {
    /// Tells it from what was announced earlier.
    pub version: KeysVersion,
    /// The identity key that is to follow the one in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_identity: Option<PublicKey>,
    /// The hash of the key of the server's own authority for TLS; `None` where a public one vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<KeyHash>,
}

/// What a phone keeps of that, beside the keys that are in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeardKeys {
    /// The latest announcement.
    pub version: KeysVersion,
    /// The identity key that is to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_identity: Option<PublicKey>,
}

impl Online {
    /// The version of what the phone has heard last of the server's keys.
    #[must_use]
    pub fn keys_version(&self) -> KeysVersion {
        self.keys.as_ref().map(|heard| heard.version).unwrap_or_default()
    }

    fn next_identity(&self) -> Option<&PublicKey> {
        self.keys.as_ref()?.next_identity.as_ref()
    }

    /// Reads what the server signed by its identity key, or by the one that is to follow; answers with the key that did.
    ///
    /// # Errors
    /// [`SignedError`] of the key in force.
    pub fn read_signed<T: Signed>(&self, jws: &str) -> Result<(T, &PublicKey), SignedError> {
        match (verify(jws, &self.identity), self.next_identity()) {
            (Ok(object), _) => Ok((object, &self.identity)),
            (Err(error), Some(next)) => verify(jws, next).map(|object| (object, next)).map_err(|_| error),
            (Err(error), None) => Err(error),
        }
    }

    /// What the phone knows after an answer to a contact that `signer` signed, one of its two keys. An older announcement
    /// than the last one changes nothing: it may be played again, or come from a server that was restored.
    #[must_use]
    pub fn after_contact(&self, signer: &PublicKey, announced: Option<&AnnouncedKeys>) -> Self {
        let mut after = self.clone();
        if self.next_identity() == Some(signer) {
            // The server has begun to use it, so what the one before signs counts no more.
            after.identity = signer.clone();
            after.keys = Some(HeardKeys { version: self.keys_version(), next_identity: None });
        }
        if let Some(announced) = announced.filter(|announced| announced.version >= self.keys_version()) {
            let next_identity = announced.next_identity.clone().filter(|next| *next != after.identity);
            after.keys = Some(HeardKeys { version: announced.version, next_identity });
            // Whether public roots or a pinned authority vouch for the server was settled at the activation.
            if let (Some(pin), Some(announced)) = (&mut after.tls, &announced.tls) {
                *pin = announced.clone();
            }
        }
        after
    }

    /// Whether a vault of this server may become one of `next`: by its identity key or the one that is to follow, with
    /// nothing older of what was announced.
    pub(crate) fn admits(&self, next: &Self) -> bool {
        let follows = next.identity == self.identity || Some(&next.identity) == self.next_identity();
        follows && next.keys_version() >= self.keys_version()
    }
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::signed::SigningKey;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {}

    impl Signed for Note {
        const TYP: &'static str = "symbolon-note+jws";
    }

    fn online(identity: &SigningKey) -> Online {
        Online {
            address: "https://symbolon.example".parse().unwrap(),
            identity: identity.public_key(),
            tls: Some([1; 32].into()),
            pending: None,
            comparison: None,
            keys: None,
        }
    }

    fn announced(version: u64, next: Option<&SigningKey>, tls: u8) -> AnnouncedKeys {
        AnnouncedKeys {
            version: KeysVersion::new(version),
            next_identity: next.map(SigningKey::public_key),
            tls: Some([tls; 32].into()),
        }
    }

    #[test]
    fn the_next_key_counts_beside_the_one_in_force_until_it_has_signed_and_alone_from_then_on() {
        let [old, new, stranger] = [(); 3].map(|()| SigningKey::generate(&mut OsRng));
        let signed = |key: &SigningKey| key.sign_object(&Note {}).unwrap();
        let reads = |online: &Online, key: &SigningKey| online.read_signed::<Note>(&signed(key)).is_ok();
        let fresh = online(&old);
        assert!(reads(&fresh, &old) && !reads(&fresh, &new));

        let told = fresh.after_contact(&old.public_key(), Some(&announced(1, Some(&new), 1)));
        assert!(reads(&told, &old) && reads(&told, &new) && !reads(&told, &stranger));
        assert_eq!((&told.identity, told.keys_version()), (&fresh.identity, KeysVersion::new(1)));
        assert!(fresh.admits(&told) && !told.admits(&fresh), "what was heard is not forgotten");

        let moved = told.after_contact(&new.public_key(), Some(&announced(2, None, 1)));
        assert!(!reads(&moved, &old) && reads(&moved, &new));
        assert!(told.admits(&moved) && !moved.admits(&told) && !fresh.admits(&moved), "no key is skipped");
        // The same without an announcement, as where an older server answers.
        assert!(!reads(&told.after_contact(&new.public_key(), None), &old));
    }

    #[test]
    fn an_older_announcement_changes_nothing_and_pins_are_neither_lost_nor_brought_in() {
        let [old, new] = [(); 2].map(|()| SigningKey::generate(&mut OsRng));
        let told = online(&old).after_contact(&old.public_key(), Some(&announced(3, None, 2)));
        assert_eq!(told.tls, Some([2; 32].into()));
        assert_eq!(told.after_contact(&old.public_key(), Some(&announced(2, Some(&new), 1))), told);
        let without = AnnouncedKeys { tls: None, ..announced(4, None, 0) };
        assert_eq!(told.after_contact(&old.public_key(), Some(&without)).tls, told.tls);
        let by_public_roots = Online { tls: None, ..online(&old) };
        assert_eq!(by_public_roots.after_contact(&old.public_key(), Some(&announced(1, None, 2))).tls, None);
    }
}
