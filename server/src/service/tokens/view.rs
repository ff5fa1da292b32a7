//! A token as people see it.

use jiff::Timestamp;
use serde::Serialize;
use symbolon_core::otp::Hash;
use symbolon_core::serial::SerialNumber;
use symbolon_core::text::{Name, Text};

use crate::service::ServiceError;
use crate::service::attestation::{self, AttestationVerdict};
use crate::storage::{Counter, Origin, Snapshot, Token, TokenState, User};

/// A token as the admin API and the commands show one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TokenView {
    /// Its serial number.
    #[schema(value_type = String, example = "12345-67890")]
    pub serial: SerialNumber,
    /// The maker's own, for imported tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub maker_serial: Option<Text<64>>,
    /// Whose it is.
    #[schema(value_type = String)]
    pub user: Name,
    /// What the user calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub label: Option<Name>,
    /// How far it is.
    pub state: State,
    /// Where its secret came from.
    #[schema(value_type = String, example = "activated")]
    pub origin: Origin,
    /// `totp`, `hotp` or `temporary`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `sha1`, `sha256` or `sha512`.
    #[schema(value_type = String, example = "sha256")]
    pub hash: Hash,
    /// The length of its codes.
    pub digits: u8,
    /// The length of its time steps in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u16>,
    /// By how many time steps its clock is ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<i64>,
    /// When a lock ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub locked_until: Option<Timestamp>,
    /// When it ends, or did, for temporary codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// How many of its codes are left, for temporary ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes_left: Option<u64>,
    /// When its ticket expires, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ticket_expires_at: Option<Timestamp>,
    /// The device that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceView>,
    /// What its hardware proves, for tokens with a device of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<AttestationVerdict>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last became active; a token that was reactivated keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub activated_at: Option<Timestamp>,
    /// When a code of it was last accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// The device of a token, as it described itself at the activation.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DeviceView {
    /// `android`, `ios` or `desktop`.
    pub platform: String,
    /// Maker and model.
    pub model: String,
    /// Name and version of the app.
    pub app: String,
    /// Where it says that its key lives.
    pub key_protection: String,
    /// Signs of tampering that it reported.
    #[schema(value_type = Vec<String>)]
    pub signals: symbolon_core::integrity::Signals,
}

/// How far a token is, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Assigned, without a live ticket.
    New,
    /// A ticket is out.
    Activating,
    /// The ticket was not used in time; or temporary codes have ended.
    Expired,
    /// Its codes count.
    Active,
    /// Too many codes were wrong.
    Locked,
    /// Switched off.
    Disabled,
}

impl State {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Activating => "activating",
            Self::Expired => "expired",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }
}

/// The state of a token as people see it at `now`.
pub(super) fn state(
    snapshot: &dyn Snapshot,
    token: &Token,
    user: &User,
    now: Timestamp,
) -> Result<State, ServiceError> {
    Ok(match token.state {
        _ if token.has_ended(now) => State::Expired,
        TokenState::New => State::New,
        TokenState::Disabled => State::Disabled,
        TokenState::Activating => match snapshot.ticket(token.id)? {
            Some(ticket) if ticket.is_live(now) => State::Activating,
            _ => State::Expired,
        },
        TokenState::Active if token.lock.lock.holds(now) || user.lock.lock.holds(now) => State::Locked,
        TokenState::Active => State::Active,
    })
}

/// Shows a token.
///
/// # Errors
/// The store's.
pub fn view(snapshot: &dyn Snapshot, token: Token, user: &User, now: Timestamp) -> Result<TokenView, ServiceError> {
    let state = state(snapshot, &token, user, now)?;
    let (kind, period, drift) = match token.counter {
        Counter::Time { period, state } => ("totp", Some(period.seconds()), Some(state.drift)),
        Counter::Event { .. } => ("hotp", None, None),
        Counter::Listed { .. } => ("temporary", None, None),
    };
    let locks = [token.lock.lock, user.lock.lock];
    let locked_until = locks.iter().filter(|lock| lock.holds(now)).filter_map(|lock| lock.ends_at()).max();
    let ticket = snapshot.ticket(token.id)?;
    let attestation = attestation::verdict(snapshot, &token)?;
    let codes_left = match token.counter {
        Counter::Listed { codes } => Some(codes.saturating_sub(token.spent.len() as u64)),
        Counter::Time { .. } | Counter::Event { .. } => None,
    };
    Ok(TokenView {
        serial: token.serial,
        maker_serial: token.maker_serial,
        user: user.name.clone(),
        label: token.label,
        state,
        origin: token.origin,
        kind,
        hash: token.hash,
        digits: token.digits.get(),
        period,
        drift: drift.filter(|_| token.state == TokenState::Active),
        locked_until: locked_until.filter(|_| state == State::Locked),
        expires_at: token.expires_at,
        codes_left,
        ticket_expires_at: ticket.map(|ticket| ticket.expires_at),
        device: token.device.map(|device| DeviceView {
            platform: device.description.platform.into(),
            model: device.description.model.into(),
            app: device.description.app.into(),
            key_protection: device.description.key_protection.into(),
            signals: device.description.signals,
        }),
        attestation,
        created_at: token.created_at,
        activated_at: token.activated_at,
        last_used_at: token.last_used_at,
    })
}
