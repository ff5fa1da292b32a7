//! The server's identity keys: the one that signs what phones believe, the one that is to follow, and the public halves
//! of those before. All of them are one sealed value of the installation, so that a change of them is one write.

use jiff::Timestamp;
use rand_core::OsRng;
use symbolon_core::frame::{FrameError, FrameReader, FrameWriter};
use symbolon_core::secret::{Secret, SecretBytes};
use symbolon_core::signed::{KeyHash, PublicKey, SigningKey};
use symbolon_core::succession::KeysVersion;

/// The identity keys.
#[derive(Debug)]
pub struct Identities {
    version: KeysVersion,
    tls_since: KeysVersion,
    current: Identity,
    next: Option<Next>,
    former: Vec<Former>,
}

/// A key, and the announcement that phones heard of it by.
#[derive(Debug)]
struct Identity {
    key: SigningKey,
    public: PublicKey,
    announced: KeysVersion,
}

impl Identity {
    fn new(key: SigningKey, announced: KeysVersion) -> Self {
        Self { public: key.public_key(), key, announced }
    }
}

/// The key that is to follow.
#[derive(Debug)]
struct Next {
    identity: Identity,
    announced_at: Timestamp,
}

/// A key that signs nothing any more. Its private half is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// What it signed is checked by this.
    pub public: PublicKey,
    /// When another took its place.
    pub ended_at: Timestamp,
}

/// By which key a device knows this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBy {
    /// The one in force.
    Current,
    /// The one before. A device that has heard of this announcement takes what the one in force signs.
    LastFormer(KeysVersion),
    /// An earlier one.
    Former,
    /// One that is not ours.
    Stranger,
}

impl Identities {
    pub(super) fn generate() -> Self {
        let current = Identity::new(SigningKey::generate(&mut OsRng), KeysVersion::default());
        let (version, tls_since) = Default::default();
        Self { version, tls_since, current, next: None, former: Vec::new() }
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.current.key
    }

    /// Its public half, which tickets pin.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.current.public
    }

    /// Its hash, which devices sign as `aud`.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        self.public().hash()
    }

    /// The key that is to follow, with when and by which announcement phones hear of it.
    #[must_use]
    pub fn next(&self) -> Option<(&PublicKey, Timestamp, KeysVersion)> {
        self.next.as_ref().map(|next| (&next.identity.public, next.announced_at, next.identity.announced))
    }

    /// The keys before, the latest one last.
    #[must_use]
    pub fn former(&self) -> &[Former] {
        &self.former
    }

    /// Every key by which something may have been signed.
    pub fn all_public(&self) -> impl Iterator<Item = &PublicKey> + Clone {
        std::iter::once(self.public()).chain(self.former.iter().map(|former| &former.public))
    }

    /// The latest announcement to phones, of the TLS authority too.
    #[must_use]
    pub fn version(&self) -> KeysVersion {
        self.version
    }

    /// The announcement by which phones hear of the TLS authority that is in use.
    #[must_use]
    pub fn tls_since(&self) -> KeysVersion {
        self.tls_since
    }

    /// What a phone has heard that is activated now: the keys in force, and nothing of one that is to follow.
    #[must_use]
    pub fn heard_at_activation(&self) -> KeysVersion {
        let before = |next: &Next| KeysVersion::new(next.identity.announced.get().saturating_sub(1));
        self.next.as_ref().map_or(self.version, before)
    }

    /// By which key a device knows this server that names it by `aud`.
    #[must_use]
    pub fn known_by(&self, aud: &KeyHash) -> KnownBy {
        if *aud == self.hash() {
            return KnownBy::Current;
        }
        match self.former.iter().rev().position(|former| former.public.hash() == *aud) {
            Some(0) => KnownBy::LastFormer(self.current.announced),
            Some(_) => KnownBy::Former,
            None => KnownBy::Stranger,
        }
    }

    /// With a new key that is to follow; `None` where there is one.
    #[must_use]
    pub(super) fn with_next(self, now: Timestamp) -> Option<Self> {
        if self.next.is_some() {
            return None;
        }
        let version = self.version.next(now);
        let identity = Identity::new(SigningKey::generate(&mut OsRng), version);
        Some(Self { version, next: Some(Next { identity, announced_at: now }), ..self })
    }

    /// With the key that was to follow in force; `None` where there is none.
    #[must_use]
    pub(super) fn succeeded(mut self, now: Timestamp) -> Option<Self> {
        let next = self.next.take()?;
        self.former.push(Former { public: self.current.public, ended_at: now });
        Some(Self { version: self.version.next(now), current: next.identity, ..self })
    }

    /// After the TLS authority has changed.
    #[must_use]
    pub(super) fn with_other_authority(self, now: Timestamp) -> Self {
        let version = self.version.next(now);
        Self { version, tls_since: version, ..self }
    }

    /// The bytes to be stored, sealed.
    pub(super) fn write(&self) -> FrameWriter {
        let identity = |frame: FrameWriter, identity: &Identity| {
            frame.field(identity.key.to_secret().expose()).number(identity.announced.get())
        };
        // Large enough that it does not grow and leave copies of the keys behind.
        let frame = FrameWriter::with_capacity(256 + 96 * self.former.len());
        let frame = frame.number(self.version.get()).number(self.tls_since.get());
        let frame = identity(frame, &self.current);
        let frame = match &self.next {
            Some(next) => identity(frame.number(1), &next.identity).number(millis(next.announced_at)),
            None => frame.number(0),
        };
        self.former.iter().fold(frame, |frame, former| {
            frame.field(former.public.to_sec1().as_slice()).number(millis(former.ended_at))
        })
    }

    /// Reads what [`Identities::write`] wrote.
    ///
    /// # Errors
    /// [`FrameError`] when it is something else.
    pub(super) fn read(plain: &SecretBytes) -> Result<Self, FrameError> {
        let mut reader = FrameReader::new(plain.expose());
        let version = KeysVersion::new(reader.number()?);
        let tls_since = KeysVersion::new(reader.number()?);
        let current = read_identity(&mut reader)?;
        let next = match reader.number()? {
            0 => None,
            _ => {
                let identity = read_identity(&mut reader)?;
                Some(Next { identity, announced_at: read_time(&mut reader)? })
            }
        };
        let mut former = Vec::new();
        while !reader.is_empty() {
            let public = PublicKey::from_sec1(reader.field()?).map_err(|_| FrameError)?;
            former.push(Former { public, ended_at: read_time(&mut reader)? });
        }
        Ok(Self { version, tls_since, current, next, former })
    }
}

fn read_identity(reader: &mut FrameReader<'_>) -> Result<Identity, FrameError> {
    let secret = Secret::from_slice(reader.field()?).ok_or(FrameError)?;
    let key = SigningKey::from_secret(&secret).ok_or(FrameError)?;
    Ok(Identity::new(key, KeysVersion::new(reader.number()?)))
}

fn millis(time: Timestamp) -> u64 {
    time.as_millisecond().unsigned_abs()
}

fn read_time(reader: &mut FrameReader<'_>) -> Result<Timestamp, FrameError> {
    let millis = i64::try_from(reader.number()?).map_err(|_| FrameError)?;
    Timestamp::from_millisecond(millis).map_err(|_| FrameError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(identities: &Identities) -> Identities {
        let plain = SecretBytes::from_slice(identities.write().as_bytes());
        Identities::read(&plain).unwrap()
    }

    #[test]
    fn a_key_is_announced_takes_over_and_is_remembered_by_its_public_half() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = Identities::generate();
        let hash = first.hash();
        assert_eq!((first.known_by(&hash), first.heard_at_activation().get()), (KnownBy::Current, 0));

        let begun = stored(&first.with_next(at(1)).unwrap());
        let (next, announced_at, announced) = begun.next().unwrap();
        assert_eq!((announced_at, announced.get(), begun.version()), (at(1), 1000, announced));
        assert_eq!((begun.hash(), begun.heard_at_activation().get()), (hash.clone(), 999), "the one before signs on");
        let next = next.hash();
        assert_eq!(begun.known_by(&next), KnownBy::Stranger, "nobody pins it yet");

        let ended = stored(&begun.succeeded(at(2)).unwrap());
        assert_eq!(
            (ended.hash(), ended.version(), ended.heard_at_activation().get()),
            (next, KeysVersion::new(2000), 2000)
        );
        assert_eq!(ended.known_by(&hash), KnownBy::LastFormer(announced));
        assert_eq!(ended.former().last().map(|former| former.ended_at), Some(at(2)));
        assert_eq!(ended.all_public().count(), 2);

        let again = stored(&ended.with_next(at(3)).unwrap().succeeded(at(4)).unwrap().with_other_authority(at(4)));
        assert_eq!(again.known_by(&hash), KnownBy::Former);
        assert_eq!(
            (again.version(), again.tls_since()),
            (KeysVersion::new(4001), KeysVersion::new(4001)),
            "never the same again"
        );
        assert!(again.with_next(at(5)).unwrap().with_next(at(6)).is_none(), "one at a time");
    }

    #[test]
    fn the_keys_are_not_printed() {
        let printed = format!("{:?}", Identities::generate());
        assert!(printed.contains("key: [redacted]"), "{printed}");
    }
}
