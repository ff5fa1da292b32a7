//! `/me`: users look after their own tokens. They sign in by a mailed link or by the organisation's OpenID provider, and confirm
//! by a code or an approval of a token; which of them exist is told to nobody.

use std::fmt::Display;
use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use symbolon_core::activation::offline::RegistrationCode;
use symbolon_core::approval::Context;
use symbolon_core::otp::Code;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use super::activation::Told;
use super::fields::{FieldErrors, Fields, Named, Sent};
use super::guess::Guess;
use super::language::{Reads, wanted_by};
use super::layout::{Confirmation, Failure, Frame, html, page, see, sentence};
use super::sessions::{cookie, set_named_cookie};
use super::{Console, qr};
use crate::service::challenges::ChallengeView;
use crate::service::sessions::Pass;
use crate::service::tokens::{State as TokenState, TokenView, TokenWithTicket};
use crate::service::visits::{Happened, VisitError, Visitor};
use crate::service::{Actor, ServiceError};
use crate::storage::{ChallengeStatus, Language, Origin};
use crate::texts::Texts;

/// What a signed-in user's browser is known by.
pub(super) const VISIT: &str = "__Host-symbolon-me";
/// What the browser is known by that asked for a link.
const BROWSER: &str = "__Host-symbolon-browser";

/// A page that a signed-in user asks for.
pub(super) struct Me {
    console: Console,
    pass: Pass,
    visitor: Visitor,
    language: Language,
}

impl FromRequestParts<Console> for Me {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        let Some(pass) = cookie(&parts.headers, VISIT) else { return Err(see("/me")) };
        let visitor = console.service.visitor(&pass).map_err(|error| Failure::from(error).into_response())?;
        let visitor = visitor.ok_or_else(|| see("/me"))?;
        if let Some(fields) = parts.extensions.get::<std::sync::Arc<Fields>>()
            && !pass.fits(fields.text("form_token"))
        {
            let told = "This form belongs to an earlier sign-in, so it was not taken. Load the page anew.";
            return Err(Failure::forbidden(told).into_response());
        }
        Ok(Self::new(console, pass, visitor, &parts.headers))
    }
}

impl Me {
    fn new(console: &Console, pass: Pass, visitor: Visitor, headers: &HeaderMap) -> Self {
        let language = visitor.language.unwrap_or_else(|| wanted_by(console, headers));
        Self { console: console.clone(), pass, visitor, language }
    }

    fn frame(&self, title: &str) -> Frame {
        Frame { form_token: self.pass.form_token(), ..Frame::of_owners(&self.console, self.language, title) }
    }

    /// A frame whose title names a token.
    fn frame_of(&self, title: &str, serial: &dyn Display) -> Frame {
        let title = Texts::of(self.language).say(title, &[("serial", serial)]);
        Frame { title, ..self.frame("me-title") }
    }

    /// The user's page, with what is wrong with a form.
    async fn wrong(&self, form: Form<'_>, text: &str) -> Result<Response, Failure> {
        self.refuse(form, Texts::of(self.language).say(text, &[])).await
    }

    async fn refuse(&self, form: Form<'_>, text: String) -> Result<Response, Failure> {
        let mut shown = self.page().await?;
        shown.errors.add(form.key.clone(), text);
        let kept = form.kept.iter().map(|field| (*field, form.fields.secret(field)));
        shown.kept = kept.map(|(field, value)| (format!("{}-{field}", form.key), value)).collect();
        Ok(html(StatusCode::BAD_REQUEST, &shown))
    }

    fn actor(&self) -> Actor {
        Actor::User(self.visitor.user.clone())
    }

    /// The user's page.
    async fn page(&self) -> Result<MyPage, Failure> {
        let service = &self.console.service;
        let tokens = service.tokens(&self.visitor.user)?;
        let has_held_one = tokens.iter().any(|token| token.activated_at.is_some() || token.maker_serial.is_some());
        Ok(MyPage {
            frame: self.frame("me-title"),
            may_confirm: !self.visitor.is_confirmed() && tokens.iter().any(is_in_use),
            may_ask: tokens.iter().any(|token| is_in_use(token) && token.device.is_some()),
            may_add: self.visitor.is_confirmed() || !has_held_one,
            happened: service.recently(self.visitor.user.clone()).await?,
            visitor: self.visitor.clone(),
            tokens,
            errors: FieldErrors::default(),
            kept: Vec::new(),
        })
    }

    /// Back to the user's page, which says what was done, or that page with what a rule refused. What most rules say is
    /// English; in other languages each thing that can be done has one text for when they refuse it.
    async fn done<T>(&self, outcome: Result<T, ServiceError>, form: Form<'_>, did: &str) -> Result<Response, Failure> {
        let texts = Texts::of(self.language);
        let text = match outcome {
            Ok(_) => return Ok(see(&format!("/me?done={did}"))),
            Err(ServiceError::State { state, .. }) if texts.has(&format!("state-{state}")) => {
                texts.say("refused-state", &[("state", &texts.say(&format!("state-{state}"), &[]))])
            }
            Err(ServiceError::Challenge(refusal)) if texts.has(&format!("refused-{}", refusal.reason())) => {
                texts.say(&format!("refused-{}", refusal.reason()), &[])
            }
            Err(error @ (ServiceError::Refused(_) | ServiceError::State { .. } | ServiceError::Invalid { .. })) => {
                match self.language {
                    Language::English => sentence(&error),
                    Language::German => texts.say(&format!("refused-{did}"), &[]),
                }
            }
            Err(error) => return Err(error.into()),
        };
        self.refuse(form, text).await
    }
}

/// A form that was sent: which one of the page, and what of it may be sent once more. A code that was looked at may not.
struct Form<'f> {
    key: String,
    fields: &'f Fields,
    kept: &'static [&'static str],
}

impl<'f> Form<'f> {
    fn new(key: &str, fields: &'f Fields, kept: &'static [&'static str]) -> Self {
        Self { key: key.to_owned(), fields, kept }
    }

    /// A form of one token.
    fn of(form: &str, serial: &Text<64>, fields: &'f Fields, kept: &'static [&'static str]) -> Self {
        Self { key: format!("{form}-{serial}"), fields, kept }
    }
}

/// The forms that the card of a token may have.
const FORMS: [&str; 5] = ["label", "complete", "reset", "unlock", "disable"];

/// Whether its codes are asked for. Temporary ones confirm nobody.
pub(super) fn is_in_use(token: &TokenView) -> bool {
    matches!(token.state, TokenState::Active | TokenState::Locked) && token.origin != Origin::Temporary
}

impl MyPage {
    /// What happened, in words for the person to whom it did.
    fn words(&self, action: &str) -> String {
        let id = format!("happened-{}", action.replace('.', "-"));
        if Texts::of(self.frame.language).has(&id) { self.frame.say(&id) } else { action.replace(['.', '_'], " ") }
    }

    /// Whether the user has chosen this language.
    fn has_chosen(&self, language: &Language) -> bool {
        self.visitor.language == Some(*language)
    }

    /// By what the error of a token's form is found.
    fn key(&self, form: &str, token: &TokenView) -> String {
        format!("{form}-{}", token.serial)
    }

    /// What was entered in a field and was not used up.
    fn kept(&self, key: &str, field: &str) -> Option<&str> {
        let name = format!("{key}-{field}");
        self.kept.iter().find(|(kept, _)| *kept == name).map(|(_, value)| value.as_str())
    }

    /// Whether a form stands on the card of a token.
    fn stands(&self, form: &str, token: &TokenView) -> bool {
        match form {
            "label" => true,
            "complete" => token.state == TokenState::Activating,
            "reset" => is_in_use(token),
            "unlock" => is_in_use(token) && self.may_unlock(token),
            _ => false,
        }
    }

    /// By what the error of a form is found that does not stand there any more.
    fn gone(&self, token: &TokenView) -> Option<String> {
        let gone = FORMS.iter().filter(|form| !self.stands(form, token));
        gone.map(|form| self.key(form, token)).find(|key| self.errors.of(key).is_some())
    }

    /// Whether another token has confirmed the visit, so that the unlock code of this one may be shown.
    fn may_unlock(&self, token: &TokenView) -> bool {
        token.device.is_some() && self.visitor.confirmed_by.is_some_and(|by| by != token.serial)
    }
}

#[derive(Template)]
#[template(path = "me-approval.html")]
struct ApprovalPage {
    frame: Frame,
    challenge: ChallengeView,
}

#[derive(Template)]
#[template(path = "me-unlock.html")]
struct UnlockPage {
    frame: Frame,
    code: Zeroizing<String>,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MyPage {
    frame: Frame,
    visitor: Visitor,
    tokens: Vec<TokenView>,
    may_confirm: bool,
    may_ask: bool,
    may_add: bool,
    happened: Vec<Happened>,
    /// What is wrong, by the form.
    errors: FieldErrors,
    /// What was entered and can be sent again, by form and field.
    kept: Vec<(String, Zeroizing<String>)>,
}

#[derive(Template)]
#[template(path = "me-sign-in.html")]
struct AskPage {
    frame: Frame,
    /// What people call the OpenID provider, where there is one.
    provider: Option<String>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "me-link.html")]
struct LinkPage {
    frame: Frame,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "me-ticket.html")]
struct TicketPage {
    frame: Frame,
    issued: TokenWithTicket,
    qr: String,
    offline: String,
}

/// The user's page, or the way to it.
pub(super) async fn start(
    State(console): State<Console>,
    Query(named): Query<Named>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if let Some(pass) = cookie(&headers, VISIT)
        && let Some(visitor) = console.service.visitor(&pass)?
    {
        let mut shown = Me::new(&console, pass, visitor, &headers).page().await?;
        let done = format!("done-{}", named.done);
        let is_told = Texts::of(shown.frame.language).has(&done);
        shown.frame.notice = is_told.then(|| shown.frame.say(&done).into());
        return Ok(page(&shown));
    }
    Ok(page(&AskPage::of(&console, wanted_by(&console, &headers), None)))
}

/// The page where one signs in, with why one is not.
pub(super) fn sign_in_page(console: &Console, language: Language, status: StatusCode, error: &str) -> Response {
    html(status, &AskPage::of(console, language, Some(error)))
}

impl AskPage {
    fn of(console: &Console, language: Language, error: Option<&str>) -> Self {
        let issuer = || console.service.identity.issuer.to_string();
        let provider = console.openid.as_ref().map(|openid| openid.name().map_or_else(issuer, str::to_owned));
        let frame = Frame::of_owners(console, language, "me-in-title");
        let error = error.map(|error| frame.say(error));
        Self { frame, provider, error }
    }
}

/// Asks for a link. The answer is the same whoever is named.
pub(super) async fn ask(
    State(console): State<Console>,
    _guess: Guess,
    Reads(language): Reads,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    let browser = Pass::generate();
    if let Ok(name) = fields.text("name").parse::<Name>()
        && console.guards.mails.admit(name.to_string()).is_ok()
    {
        console.service.ask_for_visit(name, &browser).await?;
    }
    let frame = Frame::of_owners(&console, language, "me-asked-title");
    let text = frame.say("me-asked");
    let mut response = page(&Told { frame, text, back: "/me" });
    set_named_cookie(&mut response, BROWSER, &browser.text(), "");
    Ok(response)
}

/// The page that a mailed link leads to. Only a person's click uses the link: programs that look at mails open it too.
pub(super) async fn link(State(console): State<Console>, Reads(language): Reads) -> Response {
    page(&LinkPage { frame: Frame::of_owners(&console, language, "me-link-title"), error: None })
}

/// Uses a mailed link.
pub(super) async fn use_link(
    State(console): State<Console>,
    guess: Guess,
    Reads(language): Reads,
    headers: HeaderMap,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    let browser = cookie(&headers, BROWSER);
    let outcome = match fields.text("link").rsplit('#').next().unwrap_or_default().parse::<Pass>() {
        Ok(link) => console.service.begin_visit(&link, browser.as_ref()).await,
        Err(_) => Err(VisitError::Link),
    };
    match outcome {
        Ok(pass) => {
            guess.was_right();
            let mut response = see("/me");
            set_named_cookie(&mut response, VISIT, &pass.text(), "");
            Ok(response)
        }
        Err(VisitError::Service(error)) => Err(error.into()),
        Err(error) => {
            let frame = Frame::of_owners(&console, language, "me-link-title");
            let told = if matches!(error, VisitError::Browser) { "me-link-browser" } else { "me-link-used" };
            let error = Some(frame.say(told));
            Ok(html(StatusCode::BAD_REQUEST, &LinkPage { frame, error }))
        }
    }
}

/// Signs out.
pub(super) async fn sign_out(me: Me) -> Result<Response, Failure> {
    me.console.service.end_visit(&me.pass).await?;
    let mut response = see("/me");
    set_named_cookie(&mut response, VISIT, "", "; Max-Age=0");
    Ok(response)
}

/// Confirms by a token's code.
pub(super) async fn confirm(me: Me, guess: Guess, Sent(fields): Sent) -> Result<Response, Failure> {
    let Ok(code) = fields.text("code").parse::<Code>() else {
        return me.wrong(Form::new("another", &fields, &["code"]), "wrong-codes").await;
    };
    if me.console.service.confirm_visit(&me.pass, &me.visitor, code).await? {
        guess.was_right();
        return Ok(see("/me?done=confirm"));
    }
    me.wrong(Form::new("another", &fields, &[]), "wrong-code").await
}

/// Asks the user's phones to confirm.
pub(super) async fn ask_approval(
    me: Me,
    guess: Guess,
    headers: HeaderMap,
    Sent(fields): Sent,
) -> Result<Response, Failure> {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let context = Context {
        application: None,
        address: guess.address.to_string().parse().ok(),
        place: None,
        user_agent: agent.chars().take(300).collect::<String>().parse().ok(),
    };
    match me.console.service.ask_to_confirm_visit(&me.pass, &me.visitor, context).await {
        Ok(challenge) => Ok(page(&ApprovalPage { frame: me.frame("me-approval-title"), challenge })),
        refused => me.done(refused, Form::new("another", &fields, &[]), "approval").await,
    }
}

/// What became of it, for the script; answers when it has ended.
pub(super) async fn approval_status(me: Me) -> Result<Json<serde_json::Value>, Failure> {
    let status = me.console.service.visit_approval(&me.pass, Duration::from_secs(30)).await?.name();
    let words = me.frame("me-approval-title").say_in("status", status);
    Ok(Json(serde_json::json!({ "status": status, "words": words, "ended": status != "pending" })))
}

/// Goes on after the phone has confirmed.
pub(super) async fn approved(me: Me, Sent(fields): Sent) -> Result<Response, Failure> {
    let form = Form::new("another", &fields, &[]);
    match me.console.service.visit_approval(&me.pass, Duration::ZERO).await {
        Ok(ChallengeStatus::Confirmed) => Ok(see("/me?done=confirm")),
        Ok(status) => {
            let frame = me.frame("me-title");
            let status = frame.say_in("status", status.name());
            me.refuse(form, frame.say_of("not-confirmed", "status", &status)).await
        }
        refused => me.done(refused, form, "confirm").await,
    }
}

/// Shows the unlock code for a forgotten PIN, this once.
pub(super) async fn unlock(me: Me, guess: Guess, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial = serial(&fields)?;
    let form = Form::of("unlock", &serial, &fields, &["lock_challenge"]);
    let Ok(challenge) = fields.text("lock_challenge").parse::<Text<64>>() else {
        return me.wrong(form, "me-pin-what").await;
    };
    match me.console.service.unlock_own_pin(&me.visitor, serial.clone(), challenge).await {
        Ok(code) => {
            guess.was_right();
            let code = Zeroizing::new(code.grouped().to_string());
            Ok(page(&UnlockPage { frame: me.frame_of("me-unlock-title", &serial), code }))
        }
        refused => me.done(refused, form, "unlock").await,
    }
}

/// Shows a ticket, this once.
pub(super) async fn add(me: Me, Sent(fields): Sent) -> Result<Response, Failure> {
    let form = Form::new("another", &fields, &["label"]);
    let label = match fields.text("label").trim() {
        "" => None,
        label => match label.parse::<Name>() {
            Ok(label) => Some(label),
            Err(_) => return me.wrong(form, "wrong-label").await,
        },
    };
    match me.console.service.add_own_token(&me.visitor, label).await {
        Ok(issued) => {
            let qr = issued.ticket.online.as_ref().map(|online| qr::svg(&online.qr)).transpose()?.unwrap_or_default();
            let offline = issued.ticket.offline.as_ref().map(|offline| qr::svg(&offline.qr));
            let offline = offline.transpose()?.unwrap_or_default();
            Ok(page(&TicketPage { frame: me.frame("me-ticket-title"), issued, qr, offline }))
        }
        refused => me.done(refused, form, "add").await,
    }
}

fn serial(fields: &Fields) -> Result<Text<64>, Failure> {
    fields.text("serial").parse().map_err(|_| Failure::missing("token"))
}

/// Gives a token another label.
pub(super) async fn label(me: Me, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial = serial(&fields)?;
    me.console.service.own_token(&me.visitor, &serial)?;
    let form = Form::of("label", &serial, &fields, &["label"]);
    let label = match fields.text("label").trim() {
        "" => None,
        label => match label.parse::<Name>() {
            Ok(label) => Some(label),
            Err(_) => return me.wrong(form, "wrong-label").await,
        },
    };
    me.done(me.console.service.label_token(me.actor(), serial, label).await, form, "label").await
}

/// Re-synchronises a token.
pub(super) async fn reset(me: Me, guess: Guess, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial = serial(&fields)?;
    me.console.service.own_token(&me.visitor, &serial)?;
    let (Ok(first), Ok(second)) = (fields.text("first").parse::<Code>(), fields.text("second").parse::<Code>()) else {
        return me.wrong(Form::of("reset", &serial, &fields, &["first", "second"]), "wrong-codes").await;
    };
    let form = Form::of("reset", &serial, &fields, &[]);
    let outcome = me.console.service.reset_token(me.actor(), serial, (first, second)).await;
    if outcome.is_ok() {
        guess.was_right();
    }
    me.done(outcome, form, "reset").await
}

/// Completes an activation without a network, by what the phone shows.
pub(super) async fn complete(me: Me, guess: Guess, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial = serial(&fields)?;
    me.console.service.own_token(&me.visitor, &serial)?;
    let registration = fields.text("registration").parse::<RegistrationCode>();
    let (Ok(registration), Ok(code)) = (registration, fields.text("code").parse::<Code>()) else {
        return me.wrong(Form::of("complete", &serial, &fields, &["registration", "code"]), "wrong-registration").await;
    };
    // It stays good when the code beside it has run out.
    let form = Form::of("complete", &serial, &fields, &["registration"]);
    let outcome = me.console.service.complete_token(me.actor(), serial, registration, code).await;
    if outcome.is_ok() {
        guess.was_right();
    }
    me.done(outcome, form, "complete").await
}

/// Which token.
#[derive(Deserialize)]
pub(super) struct OfToken {
    serial: Text<64>,
}

/// Asks before a token is disabled.
pub(super) async fn ask_disable(me: Me, Query(of): Query<OfToken>) -> Result<Response, Failure> {
    let token = me.console.service.own_token(&me.visitor, &of.serial)?;
    let frame = me.frame_of("me-disable-title", &token.serial);
    Ok(page(&Confirmation {
        text: frame.say("me-disable-what"),
        button: frame.say("me-disable").into(),
        frame,
        post: "/me/disable",
        fields: vec![("serial", token.serial.to_string())],
        is_harsh: true,
        back: "/me".to_owned(),
    }))
}

/// Disables a token.
pub(super) async fn disable(me: Me, Sent(fields): Sent) -> Result<Response, Failure> {
    let serial = serial(&fields)?;
    let form = Form::of("disable", &serial, &fields, &[]);
    me.done(me.console.service.disable_own_token(&me.visitor, serial).await, form, "disable").await
}

/// Reports a concern.
pub(super) async fn concern(me: Me, _guess: Guess, Sent(fields): Sent) -> Result<Response, Failure> {
    let Ok(text) = fields.text("text").parse::<Text<500>>() else {
        return me.wrong(Form::new("concern", &fields, &["text"]), "wrong-concern").await;
    };
    me.console.service.report_concern(&me.visitor, text).await?;
    let frame = me.frame("me-reported-title");
    let text = frame.say("me-reported");
    Ok(page(&Told { frame, text, back: "/me" }))
}

/// Writes to the user in another language from now on.
pub(super) async fn choose_language(me: Me, Sent(fields): Sent) -> Result<Response, Failure> {
    let language = match fields.text("language") {
        "" => None,
        text => match text.parse::<Language>() {
            Ok(language) => Some(language),
            Err(_) => return me.wrong(Form::new("language", &fields, &[]), "wrong-language").await,
        },
    };
    me.console.service.choose_language(&me.visitor, language).await?;
    Ok(see("/me?done=language"))
}
