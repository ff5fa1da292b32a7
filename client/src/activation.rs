//! Activation as a person goes through it.
//!
//! [`SoftToken::activate`] proves the ticket and makes the device's key; the names come in the sealed message 4, so
//! only then is the person asked ([`Proposed`]). [`Proposed::accept`] writes the vault, flushed, and only then confirms
//! to the server, which makes the token active.
//!
//! What a loss of network, power or process leaves: before the vault is written, a ticket that can be used again, and
//! keys that the next start deletes; after it, an account that confirms itself when it is next unlocked. The server
//! takes the confirmation of a handshake as often as it is sent; and where it has forgotten the handshake, but answers
//! to the device's key, the token is active. Where it refuses both, the account stays for as long as the handshake may
//! live: another code may be taken, and a ticket begins afresh.

use jiff::{SignedDuration, Timestamp};
use symbolon_core::activation::online::phone::{Registered, Started};
use symbolon_core::activation::online::{DeviceDescription, FinishReply, StartReply};
use symbolon_core::activation::{ServerAddress, Ticket};
use symbolon_core::encoding::Bytes;
use symbolon_core::moving::ComparisonCode;
use symbolon_core::otp::CodeFormat;
use symbolon_core::policy::PhonePolicy;
use symbolon_core::serial::SerialNumber;
use symbolon_core::signed::KeyHash;
use symbolon_core::text::Name;
use symbolon_core::vault::{ChosenPin, Header, NewVault, Online, Pin, Rewritten, Server, Tries};
use tokio::time::Instant;

use crate::account::{Account, off_thread};
use crate::files::Lock;
use crate::network::{Patience, Trust, exchange};
use crate::platform::KeyAccess;
use crate::soft_token::SoftToken;
use crate::store::{ClockState, KeySet};
use crate::{Error, account};

pub mod offline;

/// What a ticket leads to.
#[derive(Debug)]
pub enum Activation {
    /// A new token; the person is to be asked.
    Proposed(Box<Proposed>),
    /// An activation of this token was begun before and not confirmed: it can be resumed, or begun afresh.
    Unconfirmed(Box<Unconfirmed>),
}

/// An earlier activation of the same token that the server has not confirmed.
#[derive(Debug)]
pub struct Unconfirmed {
    soft_token: SoftToken,
    account: Account,
    ticket: Ticket,
}

impl Unconfirmed {
    /// The account as it is stored.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Opens the stored account with the PIN that was set then, and confirms it.
    ///
    /// # Errors
    /// [`Error::WrongPin`], [`Error::Locked`], and [`Error::Withdrawn`] when the server does not take it: then it is to
    /// be begun afresh. [`Error::NotConfirmed`] when the server did not answer.
    pub async fn resume(&self, pin: Option<Pin>) -> Result<Account, Error> {
        let mut session = self.account.open(pin).await?;
        let serial = self.account.header().serial;
        session.confirm_patiently(false).await.map_err(|error| match error {
            // Why it is refused is not known, but the ticket that is at hand is a way on.
            Error::ActivationRefused => Error::Withdrawn(serial),
            error => error.while_confirming(serial),
        })?;
        Account::reread(&self.account)
    }

    /// Begins afresh with the ticket. The stored account stays until the new one is accepted.
    ///
    /// # Errors
    /// Those of [`SoftToken::activate`].
    pub async fn afresh(self) -> Result<Proposed, Error> {
        propose(&self.soft_token, &self.ticket).await
    }
}

pub(crate) async fn begin(soft_token: &SoftToken, ticket: Ticket) -> Result<Activation, Error> {
    match known(soft_token, ticket.serial, ticket.identity.as_ref(), Some(&ticket.server))? {
        Some(account) if account.header().online().is_none_or(|online| online.pending.is_none()) => {
            Err(already_here(&account))
        }
        Some(account) => {
            let soft_token = soft_token.clone();
            Ok(Activation::Unconfirmed(Box::new(Unconfirmed { soft_token, account, ticket })))
        }
        None => Ok(Activation::Proposed(Box::new(propose(soft_token, &ticket).await?))),
    }
}

/// The account of this device that a ticket is for: the token is the same, and so is the server by its key or by its
/// address. Where nothing is known that could differ, the serial number decides.
fn known(
    soft_token: &SoftToken,
    serial: SerialNumber,
    identity: Option<&KeyHash>,
    server: Option<&ServerAddress>,
) -> Result<Option<Account>, Error> {
    let is_same = |header: &Header| {
        let same_key = header.identity().zip(identity).map(|(known, identity)| known == *identity);
        let same_address = header.address().zip(server).map(|(known, server)| known == server);
        match (same_key, same_address) {
            (None, None) => true,
            (key, address) => key == Some(true) || address == Some(true),
        }
    };
    let mut accounts = soft_token.accounts()?.into_iter();
    Ok(accounts.find(|account| account.header().serial == serial && is_same(account.header())))
}

/// Why an account stands in the way of a ticket.
fn already_here(account: &Account) -> Error {
    let header = account.header();
    match header.online() {
        None if header.is_activating(account.now()) => Error::NotCompleted(header.serial),
        _ => Error::AlreadyActive(header.serial),
    }
}

async fn propose(soft_token: &SoftToken, ticket: &Ticket) -> Result<Proposed, Error> {
    let parts = soft_token.parts();
    let trust = trust_of(ticket);
    let started = Started::new(&mut *parts.environment.rng(), ticket)?;
    let answer: StartReply = exchange(
        &*parts.network,
        &ticket.server,
        &trust,
        "/v1/device/activation/start",
        started.request(),
        Patience::ACTIVATION,
    )
    .await?;
    let proven = started.prove(&mut *parts.environment.rng(), &answer)?;

    let keys = NewKeys::note(soft_token)?;
    let made = keys.finish(ticket, &trust, proven).await;
    match made {
        Ok((registered, clock)) => {
            Ok(Proposed { server: ticket.server.clone(), registered, clock, told: Instant::now(), keys })
        }
        Err(error) => {
            keys.discard().await;
            Err(error)
        }
    }
}

/// What the server must show before message 4 brings its pins.
fn trust_of(ticket: &Ticket) -> Trust {
    match (&ticket.tls, &ticket.identity) {
        (Some(pin), _) => Trust::Authority(pin.clone()),
        (None, Some(_)) => Trust::PublicAuthorities,
        (None, None) => Trust::Activation,
    }
}

/// The keys of an activation that has not ended: noted down, so that they are deleted if it never does.
struct NewKeys {
    soft_token: SoftToken,
    set: KeySet,
    _noted: Lock,
}

impl std::fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.set.fmt(f)
    }
}

impl NewKeys {
    fn note(soft_token: &SoftToken) -> Result<Self, Error> {
        let parts = soft_token.parts();
        let set = KeySet::generate(&mut *parts.environment.rng());
        let noted = parts.store.loosen(&set)?;
        Ok(Self { soft_token: soft_token.clone(), set, _noted: noted })
    }

    /// Messages 3 and 4: makes the device's key, and learns what the token is.
    async fn finish(
        &self,
        ticket: &Ticket,
        trust: &Trust,
        proven: symbolon_core::activation::online::phone::Proven,
    ) -> Result<(Registered, ClockState), Error> {
        let parts = self.soft_token.parts();
        let keys = &parts.platform.keys;
        let failed = Error::of_keys(ticket.serial);
        let (label, challenge) = (self.set.device(), proven.attestation_challenge());
        let device = keys.create_signing_key(&label, challenge).await.map_err(&failed)?;
        let attestation = keys.attest(&label, challenge).await.map_err(&failed)?;
        let attestation = attestation
            .map(|bytes| Bytes::new(bytes).map_err(|_| Error::Protocol("the attestation is too long")))
            .transpose()?;
        let signature = keys.sign(&label, proven.binding()?.as_bytes()).await.map_err(&failed)?;
        let signals = parts.platform.integrity.signals();
        let info = parts.platform.device.clone();
        let description = DeviceDescription {
            platform: info.platform,
            model: info.model,
            app: info.app,
            key_protection: device
                .protection
                .name()
                .parse()
                .map_err(|_| Error::Protocol("a key's protection has no name"))?,
            signals: signals.clone(),
        };
        let finishing = proven.finish(device.public, &signature, attestation, description)?;
        let path = "/v1/device/activation/finish";
        let answer: FinishReply =
            exchange(&*parts.network, &ticket.server, trust, path, finishing.request(), Patience::ACTIVATION).await?;
        let here = parts.environment.now();
        let registered = finishing.open(&answer)?;
        account::admit(&signals, &registered.registration.policy)?;
        let registration = &registered.registration;
        let clock = ClockState::after_contact(
            registration.time,
            here,
            registration.policy_version,
            registration.policy.clone(),
        );
        Ok((registered, clock))
    }

    /// Makes the vault, its slot passing through a new key of the hardware.
    async fn protect(&self, vault: NewVault, pin: Option<ChosenPin>, serial: SerialNumber) -> Result<Rewritten, Error> {
        let parts = self.soft_token.parts();
        let keys = &parts.platform.keys;
        let failed = Error::of_keys(serial);
        match pin {
            None => {
                let setting = vault.with_device().map_err(|_| Error::PinNeeded)?;
                let label = self.set.slot();
                keys.create_sealing_key(&label, KeyAccess::UnlockedDevice).await.map_err(&failed)?;
                let sealed = keys.seal(&label, setting.to_seal().expose(), None).await.map_err(&failed)?;
                Ok(setting.finish(sealed, &mut *parts.environment.rng()))
            }
            Some(pin) => {
                let label = self.set.pin();
                keys.create_prf_key(&label, KeyAccess::UnlockedDevice).await.map_err(&failed)?;
                let (environment, cost) = (parts.environment.clone(), parts.pin_cost);
                let setting = off_thread(move || vault.with_pin(&pin, cost, &mut *environment.rng())).await?;
                let output = keys.prf(&label, setting.prf_input()).await.map_err(&failed)?;
                let rewritten = setting.finish(output, &mut *parts.environment.rng());
                account::write_unlock_slot(parts, &self.set, serial, rewritten).await
            }
        }
    }

    /// Writes the account: all that the vault needs first, the vault last. The keys belong to it then.
    async fn store(
        self,
        vault: NewVault,
        pin: Option<ChosenPin>,
        serial: SerialNumber,
        identity: Option<&KeyHash>,
        clock: &ClockState,
    ) -> Result<account::Session, Error> {
        let Rewritten { vault, file } = match self.protect(vault, pin, serial).await {
            Ok(rewritten) => rewritten,
            Err(error) => {
                self.discard().await;
                return Err(error);
            }
        };
        let parts = self.soft_token.parts();
        let files = parts.store.account(serial, identity);
        files.create()?;
        let lock = files.lock().await?;
        // An earlier activation that the server did not confirm: had it been, this one would not have come so far.
        let _earlier = match files.keys()? {
            Some(earlier) => Some(parts.store.loosen(&earlier)?),
            None => None,
        };
        files.erase_vault()?;
        files.erase_notes()?;
        files.write_tries(&Tries::NONE.to_file())?;
        files.write_clock(clock)?;
        files.write_keys(&self.set)?;
        files.write_vault(&file)?;
        drop(lock);
        parts.store.settle(&self.set)?;
        let account = Account::read(self.soft_token.clone(), files)?;
        Ok(account::Session::new(account, vault, file))
    }

    /// Deletes the keys; where that fails, the next start does it.
    async fn discard(self) {
        let deleted = self.soft_token.delete_keys(&self.set.labels()).await;
        if let Err(error) = deleted.and_then(|()| self.soft_token.parts().store.settle(&self.set)) {
            tracing::warn!(%error, "the keys of an activation that did not end are deleted at the next start");
        }
    }
}

/// A token that the person may accept. Nothing is stored yet but keys, and nothing is active.
#[derive(Debug)]
pub struct Proposed {
    server: ServerAddress,
    registered: Registered,
    clock: ClockState,
    /// When message 4 told the server's time.
    told: Instant,
    keys: NewKeys,
}

impl Proposed {
    /// The token.
    #[must_use]
    pub fn serial(&self) -> SerialNumber {
        self.registered.registration.serial
    }

    /// The server: its host is what the person compares.
    #[must_use]
    pub fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// The organisation, as it calls itself.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.registered.registration.issuer
    }

    /// The user.
    #[must_use]
    pub fn account(&self) -> &Name {
        &self.registered.registration.account
    }

    /// Where the token moves from another phone: the digits that the person types there. [`Proposed::accept`] waits for
    /// that.
    #[must_use]
    pub fn comparison(&self) -> Option<ComparisonCode> {
        self.registered.comparison
    }

    /// The policy: whether a PIN is required, and how long it is.
    #[must_use]
    pub fn policy(&self) -> &PhonePolicy {
        &self.registered.registration.policy
    }

    /// Stores the token and then confirms it to the server. The PIN was chosen by [`Pin::choose`] with the policy's
    /// length; it may be left out where the policy requires none.
    ///
    /// # Errors
    /// [`Error::NotConfirmed`] when the token is stored and the server has not acknowledged it: it confirms itself later.
    /// With [`Error::Withdrawn`], [`Error::PinNeeded`] and any other, nothing is stored.
    pub async fn accept(self, pin: Option<ChosenPin>) -> Result<Account, Error> {
        let serial = self.serial();
        let soft_token = self.keys.soft_token.clone();
        let (shown, told) = (self.clock.last_contact, self.told);
        let mut session = self.store(pin).await?;
        let is_code_right = is_clock_untouched(shown, told, soft_token.parts().environment.now());
        session.confirm_patiently(is_code_right).await.map_err(|error| error.while_confirming(serial))?;
        // Keys of an earlier activation of the same token, if there was one.
        if let Err(error) = soft_token.sweep().await {
            tracing::warn!(%error, "old keys are still there");
        }
        let account = Account::reread(session.account())?;
        if let Err(error) = account.renew_push_address().await {
            tracing::info!(%error, "the server is told later where this device is woken");
        }
        soft_token.parts().stir();
        Ok(account)
    }

    /// The person does not want the token: its keys are deleted, and the ticket can still be used.
    pub async fn decline(self) {
        self.keys.discard().await;
    }

    async fn store(self, pin: Option<ChosenPin>) -> Result<account::Session, Error> {
        let Self { server, registered, clock, keys, .. } = self;
        let Registered { registration, keys: token_keys, identity_key, identity, session, comparison } = registered;
        let serial = registration.serial;
        let header = Header {
            serial,
            issuer: registration.issuer,
            account: registration.account,
            label: registration.label,
            policy: registration.policy,
            policy_version: registration.policy_version,
            server: Server::Online(Online {
                address: server,
                identity: identity_key,
                tls: registration.tls,
                pending: Some(session),
                comparison,
                keys: None,
            }),
        };
        let format = CodeFormat { hash: registration.hash, digits: registration.digits, period: registration.period };
        let rng = &mut *keys.soft_token.parts().environment.rng();
        let vault = NewVault::generate(header, format, token_keys, rng);
        keys.store(vault, pin, serial, Some(&identity), &clock).await
    }
}

/// A clock that nobody has set goes on as the time does, but for this.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Whether nobody has set the device's clock between `then`, when it showed `shown`, and now: what was learnt of it holds.
/// After a sleep of the device the answer may be no.
fn is_clock_untouched(shown: Option<Timestamp>, then: Instant, now: Timestamp) -> bool {
    let (Some(shown), Ok(passed)) = (shown, SignedDuration::try_from(then.elapsed())) else { return false };
    (now.duration_since(shown) - passed).abs() <= CLOCK_TOLERANCE
}
