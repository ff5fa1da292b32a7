//! Activation, from the ticket to the account.

use std::sync::Arc;

use symbolon_client::activation::{Proposed, Unconfirmed, offline};
use symbolon_client::{self as client};
use tokio::sync::Mutex;

use crate::account::{Account, Policy};
use crate::pin::{ChosenPin, PinPad};
use crate::{SymbolonError, session};

/// What a ticket leads to.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Activation {
    /// A new token: the person is to be asked.
    Proposed {
        /// What is proposed.
        proposal: Arc<Proposal>,
    },
    /// An activation of this token was begun before and not confirmed.
    Unconfirmed {
        /// What was begun.
        activation: Arc<UnconfirmedActivation>,
    },
}

impl From<client::Activation> for Activation {
    fn from(activation: client::Activation) -> Self {
        match activation {
            client::Activation::Proposed(proposed) => Self::Proposed { proposal: Proposal::online(*proposed) },
            client::Activation::Unconfirmed(unconfirmed) => {
                let activation = UnconfirmedActivation(Mutex::new(Some(*unconfirmed)));
                Self::Unconfirmed { activation: Arc::new(activation) }
            }
        }
    }
}

/// What the person is told of a token before it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ProposalInfo {
    /// The token.
    pub serial: String,
    /// The server's host: what the person compares. `None` for one that was typed without it.
    pub server: Option<String>,
    /// The organisation, as it calls itself.
    pub issuer: String,
    /// The user.
    pub account: String,
    /// Where the token moves from another phone: the digits that the person types there.
    pub comparison: Option<String>,
    /// Whether it is activated without a network, and so has to be told to the server by its registration code.
    pub is_offline: bool,
    /// The policy.
    pub policy: Policy,
}

/// A token that the person may accept. Nothing is active yet.
#[derive(Debug, uniffi::Object)]
pub struct Proposal {
    info: ProposalInfo,
    proposed: Mutex<Option<Either>>,
}

#[derive(Debug)]
enum Either {
    Online(Box<Proposed>),
    Offline(Box<offline::Proposed>),
}

/// A token that was accepted.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Accepted {
    /// The account.
    pub account: Arc<Account>,
    /// Of one that was activated without a network: what the server is to be told, in groups.
    pub registration_code: Option<String>,
}

impl Proposal {
    pub(crate) fn online(proposed: Proposed) -> Arc<Self> {
        let info = ProposalInfo {
            serial: proposed.serial().to_string(),
            server: Some(proposed.server().host()),
            issuer: proposed.issuer().to_string(),
            account: proposed.account().to_string(),
            comparison: proposed.comparison().map(|code| code.grouped()),
            is_offline: false,
            policy: proposed.policy().into(),
        };
        Arc::new(Self { info, proposed: Mutex::new(Some(Either::Online(Box::new(proposed)))) })
    }

    pub(crate) fn offline(proposed: offline::Proposed) -> Arc<Self> {
        let info = ProposalInfo {
            serial: proposed.serial().to_string(),
            server: proposed.server().map(|server| server.host()),
            issuer: proposed.issuer().to_string(),
            account: proposed.account().to_string(),
            comparison: None,
            is_offline: true,
            policy: proposed.policy().into(),
        };
        Arc::new(Self { info, proposed: Mutex::new(Some(Either::Offline(Box::new(proposed)))) })
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Proposal {
    /// What is proposed.
    #[must_use]
    pub fn info(&self) -> ProposalInfo {
        self.info.clone()
    }

    /// Stores the token and confirms it to the server; where it moves from another phone, waits for that one to agree. The
    /// PIN may be left out where the policy requires none.
    ///
    /// # Errors
    /// [`SymbolonError::NotConfirmed`] when the token is stored and the server did not answer: it is confirmed when it is
    /// next unlocked. With any other nothing is stored. [`SymbolonError::Closed`] when it was accepted or declined before.
    pub async fn accept(&self, pin: Option<Arc<ChosenPin>>) -> Result<Accepted, SymbolonError> {
        if pin.is_none() && self.info.policy.pin_required {
            return Err(SymbolonError::PinNeeded);
        }
        // Held until it ends: a second tap waits, and finds nothing left to accept.
        let mut proposed = self.proposed.lock().await;
        let pin = pin.map(|pin| pin.take()).transpose()?;
        match proposed.take().ok_or(SymbolonError::Closed)? {
            Either::Online(proposed) => {
                Ok(Accepted { account: Account::of(proposed.accept(pin).await?), registration_code: None })
            }
            Either::Offline(proposed) => {
                let session = proposed.accept(pin).await?;
                let registration_code = session::registration_code(&session);
                Ok(Accepted { account: Account::of(session.account().clone()), registration_code })
            }
        }
    }

    /// The person does not want the token. The ticket can still be used.
    pub async fn decline(&self) {
        if let Some(Either::Online(proposed)) = self.proposed.lock().await.take() {
            proposed.decline().await;
        }
    }
}

/// An earlier activation of the same token that the server has not confirmed.
#[derive(Debug, uniffi::Object)]
pub struct UnconfirmedActivation(Mutex<Option<Unconfirmed>>);

#[uniffi::export(async_runtime = "tokio")]
impl UnconfirmedActivation {
    /// Confirms it, with the PIN that was set then.
    ///
    /// # Errors
    /// [`SymbolonError::WrongPin`] and [`SymbolonError::Locked`]: then it can only be begun afresh.
    /// [`SymbolonError::Withdrawn`] when the server has given it up.
    pub async fn resume(&self, pin: Option<Arc<PinPad>>) -> Result<Arc<Account>, SymbolonError> {
        let pin = pin.map(|pin| pin.take()).transpose()?;
        let unconfirmed = self.0.lock().await;
        Ok(Account::of(unconfirmed.as_ref().ok_or(SymbolonError::Closed)?.resume(pin).await?))
    }

    /// Begins afresh with the ticket. The stored account stays until the new one is accepted.
    ///
    /// # Errors
    /// Those of [`SoftToken::activate`](crate::SoftToken::activate).
    pub async fn afresh(&self) -> Result<Arc<Proposal>, SymbolonError> {
        let unconfirmed = self.0.lock().await.take().ok_or(SymbolonError::Closed)?;
        Ok(Proposal::online(unconfirmed.afresh().await?))
    }
}
