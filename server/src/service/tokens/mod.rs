//! Tokens: handing them out, and what can be done with one in which state.

mod temporary;
mod unlock;
mod view;

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use symbolon_core::otp::window::{TimeState, find_consecutive, find_consecutive_events};
use symbolon_core::otp::{Code, Period, TimeStep};
use symbolon_core::policy::{ActivationMethod, Policy};
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};

pub(super) use temporary::listed_code;
pub use temporary::{NewTemporaryCodes, TemporaryCodes};
pub use unlock::{SessionProof, UnlockChain, UnlockLeave};
pub use view::{DeviceView, State, TokenView, view};

use super::activation::TicketView;
use super::audit::Entry;
use super::mail::Occasion;
use super::{Actor, Service, ServiceError, policies, users};
use crate::storage::{Counter, Email, LockState, Origin, Snapshot, Token, TokenId, TokenState, Transaction, User};

/// What can be done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenAction {
    /// Give out a ticket for a token that has none that lives.
    Activate,
    /// Give out a ticket; whatever held the token before is refused from now on.
    Reactivate,
    /// Let its codes count again.
    Enable,
    /// Refuse its codes.
    Disable,
    /// Complete an activation without a network by what the phone shows.
    Complete,
    /// Take its ticket back.
    Revoke,
    /// End the lock that stops its codes: its own, and its user's.
    Unlock,
    /// Give out a code that opens the vault of its phone, for a new PIN.
    UnlockPin,
    /// Re-synchronise it with two consecutive codes.
    Reset,
    /// Remove it.
    Delete,
}

impl TokenAction {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Activate,
        Self::Reactivate,
        Self::Complete,
        Self::Revoke,
        Self::Enable,
        Self::Disable,
        Self::Unlock,
        Self::UnlockPin,
        Self::Reset,
        Self::Delete,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Reactivate => "reactivate",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Complete => "complete",
            Self::Revoke => "revoke",
            Self::Unlock => "unlock",
            Self::UnlockPin => "unlock_pin",
            Self::Reset => "reset",
            Self::Delete => "delete",
        }
    }

    /// The table of state × action.
    #[must_use]
    pub const fn is_possible(self, state: State, origin: Origin) -> bool {
        let activated_here = matches!(origin, Origin::Activated);
        // Temporary ones are given anew, and nothing else brings them back.
        let lasting = !matches!(origin, Origin::Temporary);
        match self {
            Self::Activate => matches!(state, State::New | State::Expired) && activated_here,
            Self::Reactivate => !matches!(state, State::New) && activated_here,
            Self::Enable => matches!(state, State::Disabled),
            Self::Disable => matches!(state, State::Active | State::Locked),
            Self::Complete => matches!(state, State::Activating),
            Self::Revoke => matches!(state, State::Activating | State::Expired) && activated_here,
            Self::Unlock => matches!(state, State::Locked),
            Self::UnlockPin => matches!(state, State::Active | State::Locked) && activated_here,
            Self::Reset => matches!(state, State::Active | State::Locked) && lasting,
            Self::Delete => true,
        }
    }
}

impl TokenView {
    /// What its state allows.
    pub fn possible(&self) -> impl Iterator<Item = TokenAction> {
        TokenAction::ALL.into_iter().filter(|action| action.is_possible(self.state, self.origin))
    }
}

/// The token with this serial number: the one given here, or the maker's.
///
/// # Errors
/// The store's.
pub fn by_any_serial(snapshot: &dyn Snapshot, serial: &Text<64>) -> Result<Option<Token>, ServiceError> {
    if let Ok(number) = serial.as_str().parse::<SerialNumber>()
        && let Some(token) = snapshot.token_by_serial(number)?
    {
        return Ok(Some(token));
    }
    Ok(snapshot.token_by_maker_serial(serial.as_str())?)
}

pub(super) fn find(snapshot: &dyn Snapshot, serial: &Text<64>) -> Result<(Token, User), ServiceError> {
    let missing = || ServiceError::not_found("token", serial);
    let token = by_any_serial(snapshot, serial)?.ok_or_else(missing)?;
    let user = snapshot.user(token.user)?.ok_or_else(missing)?;
    Ok((token, user))
}

/// What is needed to hand out a token.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The ways to activate it; those of the policy when left out.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub methods: Vec<ActivationMethod>,
    /// What the user calls it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub label: Option<Name>,
}

/// A token with the ticket that activates it, which is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenWithTicket {
    /// The token.
    pub token: TokenView,
    /// The ticket.
    pub ticket: TicketView,
    /// Where the ticket was mailed to, as far as it may be mailed; without it, it has to be handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub mailed_to: Option<Email>,
}

/// A token's serial number that no other has.
pub(super) fn free_serial(transaction: &dyn Transaction) -> Result<SerialNumber, ServiceError> {
    loop {
        if let Some(serial) = free_serials(transaction, 1)?.first() {
            return Ok(*serial);
        }
    }
}

/// Up to `count` serial numbers that no token has: most often all of them.
pub(super) fn free_serials(transaction: &dyn Transaction, count: usize) -> Result<Vec<SerialNumber>, ServiceError> {
    let mut drawn = HashSet::with_capacity(count);
    let drawn: Vec<_> = (0..count)
        .map(|_| SerialNumber::generate(&mut rand_core::OsRng))
        .filter(|serial| drawn.insert(*serial))
        .collect();
    let texts: Vec<_> = drawn.iter().flat_map(|serial| [serial.to_string(), serial.digits()]).collect();
    // Both kinds of serial number find a token, so neither may name two.
    let ours = transaction.are_serials(&drawn)?;
    let makers = transaction.are_maker_serials(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let taken = ours.iter().zip(makers.as_chunks::<2>().0).map(|(ours, makers)| *ours || makers.contains(&true));
    Ok(drawn.into_iter().zip(taken).filter(|(_, taken)| !taken).map(|(serial, _)| serial).collect())
}

/// Adds a token for `user`, if the policy lets the user have another.
pub(super) fn add(
    transaction: &dyn Transaction,
    user: &User,
    label: Option<Name>,
    now: Timestamp,
) -> Result<Token, ServiceError> {
    let policy = policies::effective(transaction, user.group.as_ref())?;
    let allowed = policy.tokens_per_user.get() as usize;
    let tokens = transaction.tokens_of(user.id)?;
    if tokens.iter().filter(|token| token.origin != Origin::Temporary).count() >= allowed {
        return Err(ServiceError::Refused(format!(
            "user {} has {allowed} tokens, as many as the policy allows: delete one, or raise tokens_per_user",
            user.name
        )));
    }
    insert(transaction, user, label, &policy, now)
}

/// Adds a token for `user`, who may have as many as there are.
pub(super) fn insert(
    transaction: &dyn Transaction,
    user: &User,
    label: Option<Name>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Token, ServiceError> {
    let mut token = Token {
        id: TokenId(0),
        serial: free_serial(transaction)?,
        maker_serial: None,
        user: user.id,
        label,
        state: TokenState::New,
        origin: Origin::Activated,
        counter: Counter::Time { period: Period::STANDARD, state: TimeState::NEW },
        hash: policy.hash,
        digits: policy.code_length.digits(),
        keys: Vec::new(),
        spent: Vec::new(),
        lock: LockState::default(),
        device: None,
        created_at: now,
        activated_at: None,
        last_used_at: None,
        expires_at: None,
    };
    token.id = transaction.insert_token(&token)?;
    Ok(token)
}

impl Service {
    /// Adds a token for a user and gives out its ticket.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::Refused`] when the user has as many as the policy allows.
    pub async fn add_token(&self, actor: Actor, user: Name, new: NewToken) -> Result<TokenWithTicket, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let user = users::find(transaction, &user)?;
                service.hand_out(transaction, &actor, &user, new, now)
            })
            .await
    }

    /// Adds a token for a user, gives out its ticket and mails that, in a transaction that may do more.
    pub(super) fn hand_out(
        &self,
        transaction: &dyn Transaction,
        actor: &Actor,
        user: &User,
        new: NewToken,
        now: Timestamp,
    ) -> Result<TokenWithTicket, ServiceError> {
        let issued = self.hand_out_unmailed(transaction, actor, user, new, now)?;
        let mailed_to = self.mail_ticket(transaction, user, issued.token.serial, &issued.ticket, now)?;
        Ok(TokenWithTicket { mailed_to, ..issued })
    }

    /// The same, for somebody who sees the ticket.
    pub(super) fn hand_out_unmailed(
        &self,
        transaction: &dyn Transaction,
        actor: &Actor,
        user: &User,
        new: NewToken,
        now: Timestamp,
    ) -> Result<TokenWithTicket, ServiceError> {
        let mut token = add(transaction, user, new.label, now)?;
        let ticket = self.issue_ticket(transaction, &mut token, user, &new.methods, now)?;
        Entry::new("token.added").user(&user.name).token(token.serial).append(transaction, actor, now)?;
        Ok(TokenWithTicket { token: view(transaction, token, user, now)?, ticket, mailed_to: None })
    }

    /// All tokens of a user, oldest first.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub fn tokens(&self, user: &Name) -> Result<Vec<TokenView>, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let user = users::find(snapshot, user)?;
            snapshot.tokens_of(user.id)?.into_iter().map(|token| view(snapshot, token, &user, now)).collect()
        })
    }

    /// One token, by its serial number or its maker's.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub fn token(&self, serial: &Text<64>) -> Result<TokenView, ServiceError> {
        let now = self.clock.now();
        self.store.read(|snapshot| {
            let (token, user) = find(snapshot, serial)?;
            view(snapshot, token, &user, now)
        })
    }

    /// Gives out another ticket: for a token without a live one ([`TokenAction::Activate`]), or in the place of
    /// whatever there is ([`TokenAction::Reactivate`]).
    ///
    /// # Errors
    /// [`ServiceError::State`] when the token's state does not allow it.
    pub async fn reissue_ticket(
        &self,
        actor: Actor,
        serial: Text<64>,
        action: TokenAction,
        methods: Vec<ActivationMethod>,
    ) -> Result<TokenWithTicket, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let (mut token, user) = find(transaction, &serial)?;
                allow(transaction, &token, &user, action, now)?;
                // The old half is refused from this commit on: its keys are gone.
                token.keys.clear();
                token.device = None;
                transaction.delete_attestation(token.id)?;
                token.spent.clear();
                token.lock = LockState { failures: 0, ..token.lock };
                transaction.set_unconfirmed(token.id, false)?;
                let ticket = service.issue_ticket(transaction, &mut token, &user, &methods, now)?;
                let event = if action == TokenAction::Activate { "token.ticket_issued" } else { "token.reactivated" };
                Entry::new(event).user(&user.name).token(token.serial).append(transaction, &actor, now)?;
                let mailed_to = service.mail_ticket(transaction, &user, token.serial, &ticket, now)?;
                Ok(TokenWithTicket { token: view(transaction, token, &user, now)?, ticket, mailed_to })
            })
            .await
    }

    /// Gives a token another label, or none. Its device learns of it at its next contact.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn label_token(
        &self,
        actor: Actor,
        serial: Text<64>,
        label: Option<Name>,
    ) -> Result<TokenView, ServiceError> {
        let now = self.clock.now();
        self.store
            .write(move |transaction| {
                let (mut token, user) = find(transaction, &serial)?;
                token.label = label;
                transaction.update_token(&token)?;
                Entry::new("token.labelled").user(&user.name).token(token.serial).append(transaction, &actor, now)?;
                view(transaction, token, &user, now)
            })
            .await
    }

    /// Does something with a token; `None` when it is gone afterwards.
    ///
    /// # Errors
    /// [`ServiceError::State`] when the token's state does not allow it.
    pub async fn act_on_token(
        &self,
        actor: Actor,
        serial: Text<64>,
        action: TokenAction,
    ) -> Result<Option<TokenView>, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let (mut token, user) = find(transaction, &serial)?;
                allow(transaction, &token, &user, action, now)?;
                let event = match action {
                    TokenAction::Activate | TokenAction::Reactivate => {
                        return Err(ServiceError::invalid("action", "this action gives out a ticket"));
                    }
                    TokenAction::UnlockPin => {
                        return Err(ServiceError::invalid("lock_challenge", "what the phone shows is needed"));
                    }
                    TokenAction::Reset => {
                        return Err(ServiceError::invalid("codes", "two consecutive codes are needed"));
                    }
                    TokenAction::Complete => {
                        return Err(ServiceError::invalid("registration_code", "it is needed, and the code"));
                    }
                    TokenAction::Revoke => {
                        transaction.delete_ticket(token.id)?;
                        token.state = TokenState::New;
                        "token.ticket_revoked"
                    }
                    TokenAction::Enable => {
                        token.state = TokenState::Active;
                        "token.enabled"
                    }
                    TokenAction::Disable => {
                        token.state = TokenState::Disabled;
                        service.tell(transaction, &user, Occasion::TokenDisabled { serial: token.serial }, now)?;
                        "token.disabled"
                    }
                    TokenAction::Unlock => {
                        token.lock = LockState::default();
                        transaction.set_user_lock(user.id, &LockState::default())?;
                        "token.unlocked"
                    }
                    TokenAction::Delete => "token.deleted",
                };
                let shown = if action == TokenAction::Delete {
                    transaction.delete_token(token.id)?;
                    None
                } else {
                    transaction.update_token(&token)?;
                    let (token, user) = find(transaction, &serial)?;
                    Some(view(transaction, token, &user, now)?)
                };
                Entry::new(event).user(&user.name).token(token.serial).append(transaction, &actor, now)?;
                Ok(shown)
            })
            .await
    }
}

impl Service {
    /// Re-synchronises a token with two consecutive codes, neither of them used, within the reset window. What drift the
    /// token had before is forgotten. A wrong pair is refused and changes nothing.
    ///
    /// # Errors
    /// [`ServiceError::State`]; [`ServiceError::Refused`] when the codes are no such pair.
    pub async fn reset_token(
        &self,
        actor: Actor,
        serial: Text<64>,
        codes: (Code, Code),
    ) -> Result<TokenView, ServiceError> {
        let now = self.clock.now();
        let service = self.clone();
        self.store
            .write(move |transaction| {
                let (mut token, user) = find(transaction, &serial)?;
                allow(transaction, &token, &user, TokenAction::Reset, now)?;
                let policy = policies::effective(transaction, user.group.as_ref())?;
                let key = service.code_key(&token)?;
                let codes = (&codes.0, &codes.1);
                let counter = match token.counter {
                    Counter::Time { period, state } => {
                        let step = TimeStep::at(now, period);
                        let window = policy.max_reset_time_steps.get();
                        find_consecutive(&key, token.digits, codes, step, &state, window)
                            .map(|second| Counter::Time { period, state: TimeState::reset(second, step) })
                    }
                    Counter::Listed { .. } => None,
                    Counter::Event { next } => {
                        let window = policy.max_reset_event_window.get();
                        find_consecutive_events(&key, token.digits, codes, next, window)
                            .map(|second| Counter::Event { next: second.saturating_add(1) })
                    }
                };
                token.counter = counter.ok_or_else(|| {
                    ServiceError::Refused(format!(
                        "these are not two consecutive unused codes of token {} within the reset window",
                        token.serial
                    ))
                })?;
                transaction.update_token(&token)?;
                if matches!(token.counter, Counter::Event { .. }) {
                    transaction.set_unconfirmed(token.id, false)?;
                }
                Entry::new("token.reset").user(&user.name).token(token.serial).append(transaction, &actor, now)?;
                view(transaction, token, &user, now)
            })
            .await
    }
}

/// Refuses an action that the token's state does not allow, and says which ones it does.
pub(super) fn allow(
    snapshot: &dyn Snapshot,
    token: &Token,
    user: &User,
    action: TokenAction,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let state = view::state(snapshot, token, user, now)?;
    if action.is_possible(state, token.origin) {
        return Ok(());
    }
    let possible = TokenAction::ALL.into_iter().filter(|action| action.is_possible(state, token.origin));
    Err(ServiceError::State {
        subject: format!("token {}", token.serial),
        state: state.name(),
        action: action.name(),
        possible: possible.map(TokenAction::name).collect(),
    })
}
