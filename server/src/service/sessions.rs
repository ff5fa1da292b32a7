//! Signing in to the console: by a one-time link, or by name and password and, where the administrator has a soft token,
//! its code. Whoever is signed in has a secret in a cookie, of which the server keeps the hash.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use rand_core::OsRng;
use subtle::ConstantTimeEq as _;
use symbolon_core::frame::FrameWriter;
use symbolon_core::keys::sha256;
use symbolon_core::otp::Code;
use symbolon_core::secret::Secret;
use symbolon_core::text::Name;
use zeroize::Zeroizing;

use super::audit::Entry;
use super::passwords::{self, Password};
use super::verification::{Subject, Verdict};
use super::{Actor, Service, ServiceError, audit, policies};
use crate::storage::{
    Administrator, AdministratorId, LockState, Origin, Role, Session, Snapshot, Token, TokenState, Transaction,
};

/// Whoever asks for no page for so long is signed out.
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// Nobody is signed in for longer.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(12);
/// That a session is used is written down so often.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);

/// What lets one browser in: 256 random bits, in a cookie or a link. It is stored as its hash.
pub struct Pass(Secret<32>);

/// A text that is no pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not complete: copy the whole of it")]
pub struct PassError;

impl Pass {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::generate(&mut OsRng))
    }

    /// The text for the cookie or the link.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.0.expose()))
    }

    /// What is stored. It has 256 random bits: nothing is gained by stretching it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.expose())
    }

    /// What the forms of the session carry, so that no other site can send them. It tells nothing of the pass.
    #[must_use]
    pub fn form_token(&self) -> String {
        let frame = FrameWriter::default().field(b"symbolon/1/form").field(self.0.expose());
        BASE64URL_NOPAD.encode(&sha256(frame.as_bytes()))
    }

    /// Whether a form is one of this session's.
    #[must_use]
    pub fn fits(&self, form_token: &str) -> bool {
        self.form_token().as_bytes().ct_eq(form_token.as_bytes()).into()
    }
}

impl std::str::FromStr for Pass {
    type Err = PassError;

    fn from_str(text: &str) -> Result<Self, PassError> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.trim().as_bytes()).map_err(|_| PassError)?);
        Secret::from_slice(&bytes).map(Self).ok_or(PassError)
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The row.
    pub id: AdministratorId,
    /// The name.
    pub name: Name,
    /// What the person may do.
    pub role: Role,
}

/// Why somebody is not let in. The texts are for whoever tries.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, password or code, or too many tries: which one is not told, since that would tell which names there are.
    #[error(
        "Name, password and code do not fit, or there were too many tries with this name: a new link ends the wait. Once \
         your soft token was asked for, its code is always needed."
    )]
    Refused,
    /// The link was used, has expired, or was replaced by a later one.
    #[error("This link can't be used: it was used before, has expired, or a later one was made. Ask for another.")]
    Link,
    /// The service could not do its part.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<crate::storage::StorageError> for SignInError {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Service(error.into())
    }
}

impl Service {
    /// Lets an administrator in.
    ///
    /// # Errors
    /// [`SignInError`]; what did not fit is not told.
    pub async fn sign_in(&self, name: Name, password: Password, code: Option<Code>) -> Result<Pass, SignInError> {
        let now = self.clock.now();
        let known = self.store.read(|snapshot| {
            audit::check_clock(snapshot, now)?;
            let Some(administrator) = snapshot.administrator_by_name(&name)? else { return Ok(None) };
            let factor = second_factor(snapshot, &administrator)?;
            Ok::<_, ServiceError>(Some((administrator, factor)))
        })?;
        let stored = known.as_ref().and_then(|(administrator, _)| administrator.password.clone());
        let right = passwords::is_right(password, stored).await?;
        let Some((administrator, factor)) = known else { return Err(SignInError::Refused) };
        if administrator.lock.lock.holds(now) {
            return Err(SignInError::Refused);
        }
        let needs_code = administrator.second_factor || factor.is_some();
        let mut proven = right;
        if right && needs_code {
            // The code is looked at only for whoever knows the password: nobody else can spend the owner's codes.
            proven = match (factor, code) {
                (Some(user), Some(code)) => {
                    let verdict = self.verify(Actor::Administrator(name), Subject::Holder(user), code).await?;
                    matches!(verdict, Verdict::Accepted { .. })
                }
                _ => false,
            };
        }
        let pass = Pass::generate();
        let hash = pass.hash();
        let id = administrator.id;
        let let_in = move |transaction: &dyn Transaction| -> Result<bool, SignInError> {
            let mut current = transaction.administrator(id)?.ok_or(SignInError::Refused)?;
            // Others may have tried at the same time.
            if current.lock.lock.holds(now) {
                return Err(SignInError::Refused);
            }
            if !proven || current.password != administrator.password {
                failed(transaction, &mut current, now)?;
                return Ok(false);
            }
            current.second_factor |= needs_code;
            begin(transaction, current, hash, now)?;
            Ok(true)
        };
        if self.store.write(let_in).await? { Ok(pass) } else { Err(SignInError::Refused) }
    }

    /// Uses a one-time link: sets the password, ends all other sessions, and lets its owner in.
    ///
    /// # Errors
    /// [`SignInError::Link`] when the link is not one that can be used now.
    pub async fn use_link(&self, link: &Pass, password: Password) -> Result<Pass, SignInError> {
        let now = self.clock.now();
        let hash = link.hash();
        // A stranger's guess at a link costs no stretching.
        self.store.read(|snapshot| linked(snapshot, &hash, now).map(drop))?;
        let stretched = passwords::stretch(password).await?;
        let pass = Pass::generate();
        let session = pass.hash();
        self.store
            .write(move |transaction| {
                let mut administrator = linked(transaction, &hash, now)?;
                administrator.link = None;
                administrator.password = Some(stretched);
                administrator.second_factor = false;
                administrator.lock = LockState::default();
                transaction.delete_sessions(administrator.id)?;
                let actor = Actor::Administrator(administrator.name.clone());
                Entry::new("administrator.password_set").append(transaction, &actor, now)?;
                begin(transaction, administrator, session, now)
            })
            .await?;
        Ok(pass)
    }

    /// Who is signed in with this pass, if somebody is.
    ///
    /// # Errors
    /// The store's.
    pub async fn signed_in(&self, pass: &Pass) -> Result<Option<SignedIn>, ServiceError> {
        let now = self.clock.now();
        let hash = pass.hash();
        let found = self.store.read(|snapshot| {
            let Some(session) = snapshot.session(&hash)? else { return Ok(None) };
            let ends = (session.used_at + IDLE).min(session.created_at + LONGEST);
            if now >= ends || now + TOUCH < session.used_at {
                return Ok(None);
            }
            let administrator = snapshot.administrator(session.administrator)?;
            Ok::<_, ServiceError>(administrator.map(|administrator| (session, administrator)))
        })?;
        let Some((session, administrator)) = found else { return Ok(None) };
        if now >= session.used_at + TOUCH {
            self.store.write(move |transaction| Ok::<_, ServiceError>(transaction.touch_session(&hash, now)?)).await?;
        }
        let Administrator { id, name, role, .. } = administrator;
        Ok(Some(SignedIn { id, name, role }))
    }

    /// Ends one session, or all that its administrator has.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(&self, pass: &Pass, everywhere: bool) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let hash = pass.hash();
        self.store
            .write(move |transaction| {
                let Some(session) = transaction.session(&hash)? else { return Ok(()) };
                let Some(administrator) = transaction.administrator(session.administrator)? else { return Ok(()) };
                match everywhere {
                    true => transaction.delete_sessions(administrator.id)?,
                    false => transaction.delete_session(&hash)?,
                }
                let entry = Entry::new("administrator.signed_out").detail("everywhere", everywhere);
                entry.append(transaction, &Actor::Administrator(administrator.name), now)
            })
            .await
    }
}

/// The user whose code is asked for: the administrator's own, once a token of that user was activated. One that is
/// switched off later goes on being asked for, so that nobody gets in by switching it off. Temporary codes are no token:
/// else whoever gives them out could take an administrator's place.
fn second_factor(snapshot: &dyn Snapshot, administrator: &Administrator) -> Result<Option<Name>, ServiceError> {
    let Some(id) = administrator.user else { return Ok(None) };
    let Some(user) = snapshot.user(id)? else { return Ok(None) };
    let tokens = snapshot.tokens_of(id)?;
    let activated = |token: &Token| {
        token.origin != Origin::Temporary && matches!(token.state, TokenState::Active | TokenState::Disabled)
    };
    Ok((tokens.iter().any(activated) || administrator.second_factor).then_some(user.name))
}

fn linked(snapshot: &dyn Snapshot, hash: &[u8; 32], now: Timestamp) -> Result<Administrator, SignInError> {
    let administrator = snapshot.administrator_by_link(hash)?.ok_or(SignInError::Link)?;
    match administrator.link {
        Some(link) if now < link.expires_at => Ok(administrator),
        _ => Err(SignInError::Link),
    }
}

fn failed(transaction: &dyn Transaction, administrator: &mut Administrator, now: Timestamp) -> Result<(), SignInError> {
    let policy = policies::effective(transaction, None)?;
    administrator.lock = administrator.lock.failed(now, &policy);
    transaction.update_administrator(administrator)?;
    let named = |action| Entry::new(action).detail("administrator", administrator.name.as_str());
    named("administrator.refused").append(transaction, &Actor::Server, now)?;
    if administrator.lock.lock.holds(now) {
        named("administrator.locked").append(transaction, &Actor::Server, now)?;
    }
    Ok(())
}

/// Begins a session under a pass that nobody had before: what a browser had before its sign-in lets it in nowhere.
fn begin(
    transaction: &dyn Transaction,
    mut administrator: Administrator,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<(), SignInError> {
    administrator.lock = administrator.lock.succeeded();
    administrator.signed_in_at = Some(now);
    transaction.update_administrator(&administrator)?;
    transaction.sweep_sessions(now - LONGEST, now - IDLE)?;
    let id = administrator.id;
    transaction.insert_session(&Session { hash, administrator: id, created_at: now, used_at: now })?;
    let entry = Entry::new("administrator.signed_in").detail("second_factor", administrator.second_factor);
    Ok(entry.append(transaction, &Actor::Administrator(administrator.name), now)?)
}
