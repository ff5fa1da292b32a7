//! Other keys in the place of those by which phones know this server: the identity key, and the key of its own TLS
//! authority. Both change in two steps, with as much time between them as it takes to tell everybody.
//!
//! Phones hear of the next identity key while the one before signs on, and what they have heard they say. The authority
//! before vouches for the one after it, so a phone that has heard of nothing comes in, and hears of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::encoding::Bytes;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::{KeyHash, PublicKey};
use symbolon_core::succession::{AnnouncedKeys, KeysVersion};

use super::activation::ActivationError;
use super::audit::{self, Entry};
use super::bells::Bell;
use super::challenges;
use super::identities::{Identities, KnownBy};
use super::installation::{self, AuthorityRow};
use super::{Actor, Service, ServiceError, policies};
use crate::storage::{Snapshot, StorageError, TokenId, TokenState, Transaction};
use crate::tls;

/// The keys by which phones know the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotatedKey {
    /// The identity key.
    Identity,
    /// The key of the server's own TLS authority.
    Tls,
}

impl RotatedKey {
    /// The name in the API, on the command line and in the audit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Tls => "tls",
        }
    }
}

/// The keys by which phones know the server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct KeysView {
    /// The latest announcement to phones: it grows with each change of these keys.
    #[schema(value_type = u64)]
    pub version: KeysVersion,
    /// The identity key.
    pub identity: IdentityView,
    /// The server's own TLS authority; left out where its certificate comes from files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<AuthorityView>,
}

/// The identity key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IdentityView {
    /// The SHA-256 of the one in force, as `k` in an activation link.
    #[schema(value_type = String)]
    pub current: KeyHash,
    /// The one that is to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextKey>,
    /// Those before, the latest one last. What they signed stays signed.
    pub former: Vec<FormerKey>,
}

/// A key that is to follow.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NextKey {
    /// Its SHA-256.
    #[schema(value_type = String)]
    pub hash: KeyHash,
    /// Since when it is announced.
    #[schema(value_type = String, format = DateTime)]
    pub announced_at: Timestamp,
    /// Whom taking it into force would leave behind.
    pub waits_for: Waiting,
}

/// What a change of keys has not reached.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Waiting {
    /// Active and disabled tokens whose devices have not said that they heard of it.
    pub tokens: u64,
    /// The first hundred of them.
    #[schema(value_type = Vec<String>)]
    pub serials: Vec<SerialNumber>,
    /// Tickets that are out, for the key in force. They end with it.
    pub tickets: u64,
}

impl Waiting {
    const fn is_over(&self) -> bool {
        self.tokens == 0 && self.tickets == 0
    }
}

/// A key that another one has followed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FormerKey {
    /// Its SHA-256.
    #[schema(value_type = String)]
    pub hash: KeyHash,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
}

/// The server's own TLS authority.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AuthorityView {
    /// The SHA-256 of the key of the one in use, as `t` in an activation link.
    #[schema(value_type = String)]
    pub current: KeyHash,
    /// Tokens that the authority before still lets in, since their devices have not said that they heard of this one.
    pub behind: u64,
    /// The one that is to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextAuthority>,
}

/// A TLS authority that is to follow.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NextAuthority {
    /// The SHA-256 of its key.
    #[schema(value_type = String)]
    pub hash: KeyHash,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
}

/// The identity keys in the form of RFC 7517, for whoever checks what they sign.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct JwkSet {
    /// The one in force, the one that is to follow, and those before.
    pub keys: Vec<Jwk>,
}

/// An identity key (RFC 7517; RFC 7518, 6.2.1).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Jwk {
    /// `EC`
    pub kty: &'static str,
    /// `P-256`
    pub crv: &'static str,
    /// The x-coordinate.
    #[schema(value_type = String)]
    pub x: Bytes<32>,
    /// The y-coordinate.
    #[schema(value_type = String)]
    pub y: Bytes<32>,
    /// `ES256`
    pub alg: &'static str,
    /// `sig`
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The SHA-256 of the key, as `k` in an activation link.
    #[schema(value_type = String)]
    pub kid: KeyHash,
    /// Whether it signs.
    pub state: JwkState,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// Whether an identity key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JwkState {
    /// It does.
    Current,
    /// It will.
    Next,
    /// It has; what it signed stays signed.
    Former,
}

impl Jwk {
    fn new(public: &PublicKey, state: JwkState, ended_at: Option<Timestamp>) -> Self {
        let [mut x, mut y] = [[0; 32]; 2];
        // An uncompressed point: a byte that says so, and the two coordinates.
        let point = public.to_sec1();
        let coordinates = point.as_slice().iter().skip(1);
        x.iter_mut().chain(&mut y).zip(coordinates).for_each(|(to, from)| *to = *from);
        let kid = public.hash();
        Self { kty: "EC", crv: "P-256", x: x.into(), y: y.into(), alg: "ES256", usage: "sig", kid, state, ended_at }
    }
}

/// So many serial numbers are named.
const NAMED: u32 = 100;

impl Service {
    /// The keys by which phones know the server, and how far a change of them is.
    ///
    /// # Errors
    /// The store's; [`ServiceError::Sealed`].
    pub fn keys(&self) -> Result<KeysView, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| self.keys_in(snapshot, now))
    }

    /// The identity keys, for whoever checks what they sign.
    ///
    /// # Errors
    /// The store's; [`ServiceError::Sealed`].
    pub fn jwk_set(&self) -> Result<JwkSet, ServiceError> {
        let identities = self.store.read(|snapshot| self.keyring.identities(snapshot))?;
        let current = Jwk::new(identities.public(), JwkState::Current, None);
        let next = identities.next().map(|(public, ..)| Jwk::new(public, JwkState::Next, None));
        let former = identities.former().iter().rev();
        let former = former.map(|former| Jwk::new(&former.public, JwkState::Former, Some(former.ended_at)));
        Ok(JwkSet { keys: std::iter::once(current).chain(next).chain(former).collect() })
    }

    fn keys_in(&self, snapshot: &dyn Snapshot, now: Timestamp) -> Result<KeysView, ServiceError> {
        let identities = self.keyring.identities(snapshot)?;
        let next = identities.next().map(|(public, announced_at, announced)| {
            let waits_for = waiting(snapshot, announced, now)?;
            Ok::<_, ServiceError>(NextKey { hash: public.hash(), announced_at, waits_for })
        });
        let former = identities.former().iter();
        let former = former.map(|former| FormerKey { hash: former.public.hash(), ended_at: former.ended_at }).collect();
        let identity = IdentityView { current: identities.hash(), next: next.transpose()?, former };
        let tls = match installation::announced(snapshot)?.tls {
            None => None,
            Some(current) => {
                let next = installation::stored_authority(snapshot, &self.keyring, AuthorityRow::NEXT)?;
                let next = match next {
                    Some(next) => Some(NextAuthority {
                        hash: tls::pin(&next).map_err(|error| StorageError::Failed(error.to_string()))?,
                        made_at: installation::next_made_at(snapshot)?,
                    }),
                    None => None,
                };
                let behind = snapshot.behind_keys(identities.tls_since(), 0)?.tokens;
                Some(AuthorityView { current, behind, next })
            }
        };
        Ok(KeysView { version: identities.version(), identity, tls })
    }

    /// Makes the key that is to follow. Of an identity key phones hear from now on; a TLS authority lies beside the one in
    /// use, for the programs that trust that.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] when a change of this key is under way, or the server has no authority of its own.
    pub async fn begin_rotation(&self, actor: Actor, key: RotatedKey) -> Result<KeysView, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        let view = self
            .store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let hash = match key {
                    RotatedKey::Identity => service.announce_identity(transaction, now)?,
                    RotatedKey::Tls => service.make_next_authority(transaction, now)?,
                };
                let entry = Entry::new("key.rotation_begun").detail("key", key.name());
                entry.detail("hash", hash.to_string()).append(transaction, &actor, now)?;
                service.keys_in(transaction, now)
            })
            .await?;
        self.bells.ring(&Bell::Authority);
        Ok(view)
    }

    fn announce_identity(&self, transaction: &dyn Transaction, now: Timestamp) -> Result<KeyHash, ServiceError> {
        let change = |identities: Identities| identities.with_next(now).ok_or_else(|| begun(RotatedKey::Identity));
        let identities = self.keyring.change_identities(transaction, change)?;
        // Phones that look after what they are asked hear of a newer policy, and ask for it.
        policies::renew(transaction)?;
        let (public, ..) = identities.next().ok_or(ServiceError::Sealed)?;
        Ok(public.hash())
    }

    fn make_next_authority(&self, transaction: &dyn Transaction, now: Timestamp) -> Result<KeyHash, ServiceError> {
        let failed = |error: anyhow::Error| ServiceError::from(StorageError::Failed(error.to_string()));
        check_own_authority(transaction)?;
        let current = installation::stored_authority(transaction, &self.keyring, AuthorityRow::CURRENT)?;
        let current = current.ok_or(ServiceError::Sealed)?;
        if installation::stored_authority(transaction, &self.keyring, AuthorityRow::NEXT)?.is_some() {
            return Err(begun(RotatedKey::Tls));
        }
        let name = format!("{} {now}", self.identity.issuer);
        let next = tls::make_successor(&current, &name).map_err(failed)?;
        installation::put_authority(transaction, &self.keyring, AuthorityRow::NEXT, &next)?;
        installation::set_next_made_at(transaction, now)?;
        tls::pin(&next).map_err(failed)
    }

    /// Takes the key that was to follow into force; the private half of the one before is erased.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] when there is none; and, unless `force`, while that would leave somebody behind.
    pub async fn finish_rotation(&self, actor: Actor, key: RotatedKey, force: bool) -> Result<KeysView, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        let (view, bells) = self
            .store
            .write(move |transaction| {
                audit::check_clock(transaction, now)?;
                let (entry, bells) = match key {
                    RotatedKey::Identity => service.take_identity(transaction, &actor, force, now)?,
                    RotatedKey::Tls => (service.take_authority(transaction, force, now)?, Vec::new()),
                };
                policies::renew(transaction)?;
                let entry = entry.detail("key", key.name()).detail("forced", force);
                entry.append(transaction, &actor, now)?;
                Ok::<_, ServiceError>((service.keys_in(transaction, now)?, bells))
            })
            .await?;
        bells.iter().chain([&Bell::Authority]).for_each(|bell| self.bells.ring(bell));
        Ok(view)
    }

    fn take_identity(
        &self,
        transaction: &dyn Transaction,
        actor: &Actor,
        force: bool,
        now: Timestamp,
    ) -> Result<(Entry, Vec<Bell>), ServiceError> {
        let identities = self.keyring.identities(transaction)?;
        let (_, _, announced) = identities.next().ok_or_else(|| none(RotatedKey::Identity))?;
        let left = waiting(transaction, announced, now)?;
        if !force && !left.is_over() {
            return Err(ServiceError::Refused(format!(
                "not yet: tokens that have not heard of the next key, and would have to be activated anew: {}; tickets that \
                 are out, and would end: {}. `key show` names them. Wait, or take it into force all the same by --force",
                left.tokens, left.tickets
            )));
        }
        let identities = self.keyring.change_identities(transaction, |identities| {
            identities.succeeded(now).ok_or_else(|| none(RotatedKey::Identity))
        })?;
        // What the key before has signed, or a ticket names, and is not done with yet: no phone could prove it any more.
        for token in transaction.online_tickets(now)? {
            end_ticket(transaction, token)?;
        }
        let (ended, bells) = challenges::end_approvals(transaction, actor, now)?;
        let entry = Entry::new("key.rotated")
            .detail("hash", identities.hash().to_string())
            .detail("tokens_behind", left.tokens)
            .detail("tickets_ended", left.tickets)
            .detail("approvals_ended", ended);
        Ok((entry, bells))
    }

    fn take_authority(
        &self,
        transaction: &dyn Transaction,
        force: bool,
        now: Timestamp,
    ) -> Result<Entry, ServiceError> {
        check_own_authority(transaction)?;
        let next = installation::stored_authority(transaction, &self.keyring, AuthorityRow::NEXT)?;
        let next = next.ok_or_else(|| none(RotatedKey::Tls))?;
        let behind = transaction.behind_keys(self.keyring.identities(transaction)?.tls_since(), 0)?.tokens;
        if !force && behind > 0 {
            return Err(ServiceError::Refused(format!(
                "not yet: tokens that have not heard of the authority in use since it was changed last: {behind}. They are \
                 let in by the one before it, and would have to be activated anew. Wait, or take the next one into use all \
                 the same by --force"
            )));
        }
        let hash = tls::pin(&next).map_err(|error| StorageError::Failed(error.to_string()))?;
        installation::take_next(transaction, &self.keyring, &next, &hash)?;
        self.keyring.change_identities(transaction, |identities| Ok(identities.with_other_authority(now)))?;
        Ok(Entry::new("key.rotated").detail("hash", hash.to_string()).detail("tokens_behind", behind))
    }

    /// What phones are told of the keys; nothing as long as none has changed.
    pub(super) fn announced_keys(
        &self,
        snapshot: &dyn Snapshot,
        identities: &Identities,
    ) -> Result<Option<AnnouncedKeys>, ServiceError> {
        if identities.version() == KeysVersion::default() {
            return Ok(None);
        }
        let next_identity: Option<PublicKey> = identities.next().map(|(public, ..)| public.clone());
        let tls = installation::announced(snapshot)?.tls;
        Ok(Some(AnnouncedKeys { version: identities.version(), next_identity, tls }))
    }

    /// Lets an active token's device pass that names this server by `aud`, if it takes what the key in force signs. What
    /// it says that it has `heard` counts beside what is known of it.
    pub(super) fn check_addressee(
        &self,
        snapshot: &dyn Snapshot,
        token: TokenId,
        aud: &KeyHash,
        heard: Option<KeysVersion>,
    ) -> Result<(), ActivationError> {
        match self.keyring.identities(snapshot)?.known_by(aud) {
            KnownBy::Current => Ok(()),
            KnownBy::LastFormer(announced) => {
                let heard = heard.unwrap_or_default().max(snapshot.heard_keys(token)?);
                if heard >= announced { Ok(()) } else { Err(ActivationError::KeyChanged) }
            }
            KnownBy::Former => Err(ActivationError::KeyChanged),
            KnownBy::Stranger => Err(ActivationError::Refused),
        }
    }
}

/// Whether the last start of the server announced an authority of its own.
fn check_own_authority(snapshot: &dyn Snapshot) -> Result<(), ServiceError> {
    if installation::announced(snapshot)?.tls.is_some() {
        return Ok(());
    }
    Err(ServiceError::Refused(
        "this server has no TLS authority of its own in use: its certificate comes from files or from a proxy, which may \
         change it at any time"
            .into(),
    ))
}

fn begun(key: RotatedKey) -> ServiceError {
    ServiceError::Refused(format!(
        "a change of the {} key is under way: `key show` says how far it is, `key rotate {0} --finish` ends it",
        key.name()
    ))
}

fn none(key: RotatedKey) -> ServiceError {
    ServiceError::Refused(format!("no change of the {} key is under way: `key rotate {0}` begins one", key.name()))
}

fn waiting(snapshot: &dyn Snapshot, announced: KeysVersion, now: Timestamp) -> Result<Waiting, ServiceError> {
    let behind = snapshot.behind_keys(announced, NAMED)?;
    let tickets = snapshot.online_tickets(now)?.len() as u64;
    Ok(Waiting { tokens: behind.tokens, serials: behind.serials, tickets })
}

/// A ticket names a key that is not in force any more. The new token of a move goes with it.
fn end_ticket(transaction: &dyn Transaction, token: TokenId) -> Result<(), ServiceError> {
    if transaction.move_to(token)?.is_some() {
        return Ok(transaction.delete_token(token)?);
    }
    transaction.delete_ticket(token)?;
    let mut token = transaction.token(token)?.ok_or(StorageError::Damaged("ticket"))?;
    if token.state == TokenState::Activating {
        token.state = TokenState::New;
        transaction.update_token(&token)?;
    }
    Ok(())
}
