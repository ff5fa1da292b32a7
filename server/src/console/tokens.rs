//! Tokens: handed out with a ticket that is shown once, looked at, and what the state of each allows.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use symbolon_core::activation::offline::RegistrationCode;
use symbolon_core::otp::Code;
use symbolon_core::policy::ActivationMethod;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use super::fields::{FieldErrors, Fields, Named, Sent};
use super::layout::{Failure, Frame, Section, Visit, html, page, see};
use super::qr;
use super::users;
use crate::service::ServiceError;
use crate::service::attestation::{AttestationVerdict, require_attestation};
use crate::service::audit::{AuditEntry, AuditFilter};
use crate::service::tokens::{
    NewTemporaryCodes, NewToken, TemporaryCodes, TokenAction, TokenView, TokenWithTicket, UnlockLeave,
};

/// Which token, and what is to be done with it.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    serial: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    done: String,
}

impl Asked {
    fn serial(&self) -> Result<Text<64>, Failure> {
        self.serial.parse().map_err(|_| Failure::missing("token"))
    }
}

#[derive(Template)]
#[template(path = "token-new.html")]
struct NewTokenPage {
    frame: Frame,
    user: Name,
    label: String,
    ways: Vec<Way>,
    errors: FieldErrors,
    /// Whether the policy lets the user have temporary codes, and for how long and how many were asked for.
    may_have_codes: bool,
    hours: String,
    uses: String,
}

/// The form for another token, with what was sent where that can't be taken.
fn new_page(visit: &Visit, user: Name, sent: Option<&Fields>, errors: FieldErrors) -> Result<NewTokenPage, Failure> {
    let frame = visit.frame(Section::Users, format!("Hand out a token to {user}"));
    let may_have_codes = visit.service.policy_of_user(&user)?.policy.temporary_codes;
    let text = |field, usual: &str| {
        let sent = sent.map(|fields| fields.text(field)).filter(|text| !text.is_empty());
        sent.unwrap_or(usual).to_owned()
    };
    let (label, hours, uses) = (text("label", ""), text("hours", "24"), text("uses", "5"));
    let sent = sent.filter(|fields| fields.text("act") != TEMPORARY);
    Ok(NewTokenPage { frame, ways: ways(visit, &user, sent)?, user, label, errors, may_have_codes, hours, uses })
}

/// What the button is named that asks for temporary codes.
const TEMPORARY: &str = "temporary";

/// A way to activate that a ticket can be shown for here.
struct Way {
    method: &'static str,
    words: &'static str,
    /// Whether the policy of this user lets it be handed out.
    is_allowed: bool,
    /// Whether it is chosen to begin with. An offline QR is for a phone that has no network.
    is_usual: bool,
}

/// All ways, and which of them the policy of a user allows: what would be refused is said before anything is sent. Those
/// that somebody has chosen already stay chosen.
fn ways(visit: &Visit, user: &Name, sent: Option<&Fields>) -> Result<Vec<Way>, Failure> {
    let policy = visit.service.policy_of_user(user)?.policy;
    let all = [ActivationMethod::Online, ActivationMethod::Classic, ActivationMethod::Offline];
    let way = |method: ActivationMethod| {
        let is_allowed = require_attestation(&policy, method).is_ok();
        let is_usual = is_allowed
            && match sent {
                Some(fields) => fields.all("method").any(|sent| sent == method.word()),
                None => method != ActivationMethod::Offline,
            };
        Way { method: method.word(), words: method_words(method), is_allowed, is_usual }
    };
    Ok(all.map(way).into_iter().collect())
}

/// The form for another token.
pub(super) async fn ask_new(visit: Visit, Query(named): Query<Named>) -> Result<Response, Failure> {
    let user = visit.service.user(&named.name("user")?)?;
    Ok(page(&new_page(&visit, user.name, None, FieldErrors::default())?))
}

fn read_methods(fields: &Fields, errors: &mut FieldErrors) -> Vec<ActivationMethod> {
    let methods: Result<Vec<ActivationMethod>, _> = fields.all("method").map(str::parse).collect();
    match methods {
        Ok(methods) if !methods.is_empty() => methods,
        _ => {
            errors.add("method", "choose at least one way to activate");
            Vec::new()
        }
    }
}

/// Hands out a token and shows its ticket, this once.
pub(super) async fn add(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let user = fields.named("name", "user")?;
    if fields.text("act") == TEMPORARY {
        return add_codes(&visit, user, &fields).await;
    }
    let mut errors = FieldErrors::default();
    let label = fields.optional::<Name>("label", &mut errors);
    let methods = read_methods(&fields, &mut errors);
    if errors.is_empty() {
        match visit.service.add_token(visit.actor(), user.clone(), NewToken { methods, label }).await {
            Ok(issued) => return show_ticket(&visit, &issued),
            Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
            Err(error @ ServiceError::Refused(_)) => errors.add("method", error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(html(StatusCode::BAD_REQUEST, &new_page(&visit, user, Some(&fields), errors)?))
}

#[derive(Template)]
#[template(path = "token-codes.html")]
struct CodesPage {
    frame: Frame,
    given: TemporaryCodes,
}

/// Gives out temporary codes and shows them, this once.
async fn add_codes(visit: &Visit, user: Name, fields: &Fields) -> Result<Response, Failure> {
    let mut errors = FieldErrors::default();
    let mut number = |field| {
        let number = fields.text(field).trim().parse::<u32>();
        number.map_err(|_| errors.add(field, "must be a whole number")).ok()
    };
    if let (Some(hours), Some(uses)) = (number("hours"), number("uses")) {
        match visit.service.add_temporary_codes(visit.actor(), user.clone(), NewTemporaryCodes { hours, uses }).await {
            Ok(given) => {
                let frame = visit.frame(Section::Users, format!("Temporary codes for {user}"));
                return Ok(page(&CodesPage { frame, given }));
            }
            Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(html(StatusCode::BAD_REQUEST, &new_page(visit, user, Some(fields), errors)?))
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage<'a> {
    frame: Frame,
    issued: &'a TokenWithTicket,
    qr: Option<String>,
    offline_qr: Option<String>,
    /// Whether this server sends mails.
    mails: bool,
}

/// The page of a ticket, which is shown this once.
pub(super) fn show_ticket(visit: &Visit, issued: &TokenWithTicket) -> Result<Response, Failure> {
    let online = issued.ticket.online.as_ref();
    let picture = online.map(|online| qr::svg(&online.qr)).transpose()?;
    let frame = visit.frame(Section::Users, format!("Ticket for {}", issued.token.user));
    let offline_qr = issued.ticket.offline.as_ref().map(|offline| qr::svg(&offline.qr)).transpose()?;
    let mails = visit.service.mail.is_some();
    Ok(page(&TicketPage { frame, issued, qr: picture, offline_qr, mails }))
}

#[derive(Template)]
#[template(path = "token.html")]
struct TokenPage {
    frame: Frame,
    token: TokenView,
    actions: Vec<Action>,
    history: Vec<AuditEntry>,
}

/// What can be done, in words.
struct Action {
    name: &'static str,
    words: &'static str,
    /// Whether something is asked first.
    asks: bool,
    is_harsh: bool,
}

fn describe(action: TokenAction) -> Action {
    let (words, asks, is_harsh) = match action {
        TokenAction::Activate => ("Give out a ticket", true, false),
        TokenAction::Reactivate => ("Reactivate", true, false),
        TokenAction::Enable => ("Enable", false, false),
        TokenAction::Disable => ("Disable", true, false),
        TokenAction::Unlock => ("Unlock", false, false),
        TokenAction::Complete => ("Complete the activation", true, false),
        TokenAction::Revoke => ("Revoke the ticket", true, false),
        TokenAction::UnlockPin => ("Unlock code for the PIN", true, false),
        TokenAction::Reset => ("Reset", true, false),
        TokenAction::Delete => ("Delete", true, true),
    };
    Action { name: action.name(), words, asks, is_harsh }
}

/// One token.
pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let token = visit.service.token(&asked.serial()?)?;
    let actions = token.possible().map(describe).collect();
    let filter = AuditFilter { token: Some(token.serial), ..AuditFilter::default() };
    let history = visit.service.find_entries(filter, None, 15).await?.entries;
    let notice = match asked.done.as_str() {
        "enable" => Some("The token is enabled: its codes count again."),
        "disable" => Some("The token is disabled: its codes are refused."),
        "unlock" => Some("The lock is ended."),
        "label" => Some("The label is changed."),
        "complete" => Some("The token is active."),
        "revoke" => Some("The ticket is revoked."),
        "reset" => Some("The token is re-synchronised."),
        _ => None,
    };
    let frame = visit.frame(Section::Users, format!("Token {}", token.serial)).notice(notice);
    Ok(page(&TokenPage { frame, token, actions, history }))
}

/// Gives a token another label, or none.
pub(super) async fn label(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial: Text<64> = fields.text("serial").parse().map_err(|_| Failure::missing("token"))?;
    let mut errors = FieldErrors::default();
    let label = fields.optional::<Name>("label", &mut errors);
    if let Some(error) = errors.of("label") {
        return Err(Failure::bad(format!("The label can't be taken. {error}")));
    }
    visit.service.label_token(visit.actor(), serial.clone(), label).await?;
    Ok(see(&format!("{}&done=label", address(&serial))))
}

#[derive(Template)]
#[template(path = "token-confirm.html")]
struct ConfirmPage {
    frame: Frame,
    /// The title, before and after the serial number.
    heading: (&'static str, &'static str),
    token: TokenView,
    action: Action,
    text: &'static str,
    ways: Vec<Way>,
    /// The registration code that was sent. It stays good when the code beside it has run out.
    registration: String,
    errors: FieldErrors,
}

fn read_action(text: &str) -> Result<TokenAction, Failure> {
    TokenAction::ALL.into_iter().find(|action| action.name() == text).ok_or_else(|| Failure::missing("action"))
}

fn confirm_page(
    visit: &Visit,
    token: TokenView,
    action: TokenAction,
    sent: Option<&Fields>,
    errors: FieldErrors,
) -> Result<ConfirmPage, Failure> {
    let gives_ticket = matches!(action, TokenAction::Activate | TokenAction::Reactivate);
    let text = match action {
        TokenAction::Activate => "A ticket is shown once. Whoever has it can activate this token until it expires.",
        TokenAction::Reactivate => {
            "Whatever holds this token now is refused from this moment on. A new ticket is shown once; the token works \
             again when someone has activated it with that ticket."
        }
        TokenAction::Disable => "Codes and approvals of this token are refused until it is enabled again.",
        TokenAction::Reset => {
            "For a token whose clock has gone astray. Ask the person for two codes that follow each other; neither may \
             have been used."
        }
        TokenAction::Complete => {
            "For a phone that was activated without a network: ask the person for the registration code and the code \
             that the phone shows now."
        }
        TokenAction::Revoke => "The ticket can't be used any more. The token stays, and can be given another one.",
        TokenAction::UnlockPin => {
            "For a person who has forgotten the PIN. Make sure that it is this person. The app shows a challenge; the \
             code that you read out for it opens the app once, and a new PIN is chosen."
        }
        TokenAction::Delete => {
            "The token is refused from this moment on and can't be brought back. What the audit says of it stays."
        }
        TokenAction::Enable | TokenAction::Unlock => "Its codes count again at once.",
    };
    let heading = match action {
        TokenAction::Activate => ("Give out a ticket for token", "?"),
        TokenAction::Reactivate => ("Reactivate token", "?"),
        TokenAction::Enable => ("Enable token", "?"),
        TokenAction::Disable => ("Disable token", "?"),
        TokenAction::Unlock => ("Unlock token", "?"),
        TokenAction::Complete => ("Complete the activation of token", ""),
        TokenAction::Revoke => ("Revoke the ticket of token", "?"),
        TokenAction::UnlockPin => ("Unlock code for the PIN of token", ""),
        TokenAction::Reset => ("Reset token", ""),
        TokenAction::Delete => ("Delete token", "?"),
    };
    let frame = visit.frame(Section::Users, format!("{} {}{}", heading.0, token.serial, heading.1));
    let ways = if gives_ticket { ways(visit, &token.user, sent)? } else { Vec::new() };
    let registration = sent.map(|fields| fields.text("registration_code").to_owned()).unwrap_or_default();
    Ok(ConfirmPage { frame, heading, token, action: describe(action), text, ways, registration, errors })
}

/// What is asked before something is done with a token.
pub(super) async fn confirm(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let token = visit.service.token(&asked.serial()?)?;
    let action = read_action(&asked.action)?;
    Ok(page(&confirm_page(&visit, token, action, None, FieldErrors::default())?))
}

/// Does something with a token.
pub(super) async fn act(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial: Text<64> = fields.text("serial").parse().map_err(|_| Failure::missing("token"))?;
    let action = read_action(fields.text("action"))?;
    let mut errors = FieldErrors::default();
    match action {
        TokenAction::Activate | TokenAction::Reactivate => {
            let methods = read_methods(&fields, &mut errors);
            if errors.is_empty() {
                match visit.service.reissue_ticket(visit.actor(), serial.clone(), action, methods).await {
                    Ok(issued) => return show_ticket(&visit, &issued),
                    Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
                    Err(error @ ServiceError::Refused(_)) => errors.add("method", error),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        TokenAction::Reset => {
            let first = fields.parsed::<Code>("first", &mut errors);
            let second = fields.parsed::<Code>("second", &mut errors);
            if let (Some(first), Some(second)) = (first, second) {
                match visit.service.reset_token(visit.actor(), serial.clone(), (first, second)).await {
                    Ok(_) => return Ok(see(&format!("{}&done=reset", address(&serial)))),
                    Err(error @ ServiceError::Refused(_)) => errors.add("second", error),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        TokenAction::Complete => {
            let registration = fields.parsed::<RegistrationCode>("registration_code", &mut errors);
            let code = fields.parsed::<Code>("code", &mut errors);
            if let (Some(registration), Some(code)) = (registration, code) {
                match visit.service.complete_token(visit.actor(), serial.clone(), registration, code).await {
                    Ok(_) => return Ok(see(&format!("{}&done=complete", address(&serial)))),
                    Err(error @ ServiceError::Refused(_)) => errors.add("code", error),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        TokenAction::UnlockPin => {
            if let Some(challenge) = fields.parsed::<Text<64>>("lock_challenge", &mut errors) {
                let leave = UnlockLeave::of_administrator(visit.actor());
                match visit.service.unlock_pin(leave, serial.clone(), challenge).await {
                    Ok(code) => {
                        let token = visit.service.token(&serial)?;
                        let frame = visit.frame(Section::Users, "Unlock code");
                        let code = Zeroizing::new(code.grouped().to_string());
                        return Ok(page(&UnlockCodePage { frame, token, code }));
                    }
                    Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
                    Err(error @ ServiceError::Refused(_)) => errors.add("lock_challenge", error),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        _ => {
            let user = visit.service.token(&serial)?.user;
            let left = visit.service.act_on_token(visit.actor(), serial.clone(), action).await?;
            return Ok(match left {
                Some(_) => see(&format!("{}&done={}", address(&serial), action.name())),
                None => see(&format!("{}&done=token-deleted", users::address(&user))),
            });
        }
    }
    let token = visit.service.token(&serial)?;
    Ok(html(StatusCode::BAD_REQUEST, &confirm_page(&visit, token, action, Some(&fields), errors)?))
}

#[derive(Template)]
#[template(path = "token-unlock.html")]
struct UnlockCodePage {
    frame: Frame,
    token: TokenView,
    code: Zeroizing<String>,
}

fn address(serial: &Text<64>) -> String {
    let serial: String = form_urlencoded::byte_serialize(serial.as_str().as_bytes()).collect();
    format!("/console/token?serial={serial}")
}

/// What a way to activate is, in words.
const fn method_words(method: ActivationMethod) -> &'static str {
    match method {
        ActivationMethod::Online => "online: a link to open, or a QR to scan",
        ActivationMethod::Classic => "classic: address, serial number and code to type",
        ActivationMethod::Offline => "offline: a QR and a separate password, for a phone without a network",
    }
}

/// What a device reported that looks like tampering.
pub(super) fn signals(device: &crate::service::tokens::DeviceView) -> String {
    let named = serde_json::to_value(&device.signals).unwrap_or_default();
    let named = named.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(|signal| signal.as_str());
    named.map(|signal| signal.replace('_', " ")).collect::<Vec<_>>().join(", ")
}

/// In a word what the hardware of a device proves. A device that states nothing is nothing bad where the policy wants no
/// statement.
pub(super) const fn badge(verdict: &AttestationVerdict) -> &'static str {
    match (verdict.accepted, verdict.is_missing()) {
        (true, _) => r#"<span class="badge active">accepted</span>"#,
        (false, true) => r#"<span class="badge">none</span>"#,
        (false, false) => r#"<span class="badge locked">not accepted</span>"#,
    }
}

/// What the hardware states of the device.
pub(super) fn attested(verdict: &AttestationVerdict) -> Vec<(&'static str, String)> {
    let plain = |text: &String| text.replace('_', " ");
    let patches = |level: u64| format!("{:04}-{:02}", level / 100, level % 100);
    let facts = [
        ("Secure hardware", verdict.security_level.as_ref().map(plain)),
        ("System", verdict.verified_boot.as_ref().map(plain)),
        ("Boot loader", verdict.device_locked.map(|locked| if locked { "locked" } else { "unlocked" }.to_owned())),
        ("Security patches", verdict.os_patch_level.map(patches)),
        ("Packages", Some(verdict.packages.join(", ")).filter(|packages| !packages.is_empty())),
        ("Environment", verdict.environment.as_ref().map(plain)),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
