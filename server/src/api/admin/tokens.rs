//! `/v1/admin/users/{name}/tokens` and `/v1/admin/tokens`.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use symbolon_core::otp::Code;
use symbolon_core::policy::ActivationMethod;
use symbolon_core::secret::SecretBytes;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use crate::api::extract::{Administrator, Json, Path, Query, read_body};
use crate::api::{Api, Problem};
use crate::service::activation::TicketView;
use crate::service::import::{self, Credential, Format, ImportReport};
use crate::service::tokens::{NewTemporaryCodes, TemporaryCodes};
use crate::service::tokens::{NewToken, TokenAction, TokenView, TokenWithTicket, UnlockLeave};

/// One token.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OneToken {
    token: TokenView,
    /// The ticket, where the action gave one out. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketView>,
    /// The code, where the action gave one out. It is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    unlock_code: Option<String>,
}

impl From<TokenView> for OneToken {
    fn from(token: TokenView) -> Self {
        Self { token, ticket: None, unlock_code: None }
    }
}

/// All tokens of a user.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ManyTokens {
    tokens: Vec<TokenView>,
}

/// What to do.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActOnToken {
    action: TokenAction,
    /// For `activate` and `reactivate`: the ways to activate; those of the policy when left out.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    methods: Vec<ActivationMethod>,
    /// For `reset`: two consecutive codes.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    codes: Vec<Zeroizing<String>>,
    /// For `unlock_pin`: the challenge that the locked phone shows.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "0000-1234-5678-90")]
    lock_challenge: Option<Text<64>>,
    /// For `complete`: the ten digits that the phone shows as its registration code.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "123 456 7890")]
    registration_code: Option<Zeroizing<String>>,
    /// For `complete`: the code that the phone shows.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Zeroizing<String>>,
}

/// What to call it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Relabel {
    /// The label; `null` removes it.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(value_type = Option<String>, max_length = 100)]
    label: Option<Name>,
}

/// How to import.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Import {
    /// How the file is written.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// All tokens of a user, oldest first.
#[utoipa::path(
    get, path = "/v1/admin/users/{name}/tokens", tag = "admin", params(("name" = String, Path)),
    security(("key" = [])), responses((status = 200, body = ManyTokens), (status = 404, body = Problem))
)]
pub(super) async fn list(
    State(api): State<Api>,
    _: Administrator,
    Path(name): Path<Name>,
) -> Result<axum::Json<ManyTokens>, Problem> {
    Ok(axum::Json(ManyTokens { tokens: api.service.tokens(&name)? }))
}

/// Hands out a token: adds it and gives out its ticket, which is shown this once.
#[utoipa::path(
    post, path = "/v1/admin/users/{name}/tokens", tag = "admin", params(("name" = String, Path)),
    request_body = NewToken, security(("key" = [])),
    responses((status = 201, body = TokenWithTicket), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, axum::Json<TokenWithTicket>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(api.service.add_token(actor, name, new).await?)))
}

/// Gives a user without a phone temporary codes, which are shown this once. Those given before end.
#[utoipa::path(
    post, path = "/v1/admin/users/{name}/temporary-codes", tag = "admin", params(("name" = String, Path)),
    request_body = NewTemporaryCodes, security(("key" = [])),
    responses((status = 201, body = TemporaryCodes), (status = 400, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn add_temporary(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(name): Path<Name>,
    Json(new): Json<NewTemporaryCodes>,
) -> Result<(StatusCode, axum::Json<TemporaryCodes>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(api.service.add_temporary_codes(actor, name, new).await?)))
}

/// One token.
#[utoipa::path(
    get, path = "/v1/admin/tokens/{serial}", tag = "admin", params(("serial" = String, Path)),
    security(("key" = [])), responses((status = 200, body = OneToken), (status = 404, body = Problem))
)]
pub(super) async fn show(
    State(api): State<Api>,
    _: Administrator,
    Path(serial): Path<Text<64>>,
) -> Result<axum::Json<OneToken>, Problem> {
    Ok(axum::Json(api.service.token(&serial)?.into()))
}

/// Gives a token another label, or none.
#[utoipa::path(
    patch, path = "/v1/admin/tokens/{serial}", tag = "admin", params(("serial" = String, Path)),
    request_body = Relabel, security(("key" = [])),
    responses((status = 200, body = OneToken), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn label(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(serial): Path<Text<64>>,
    Json(Relabel { label }): Json<Relabel>,
) -> Result<axum::Json<OneToken>, Problem> {
    Ok(axum::Json(api.service.label_token(actor, serial, label).await?.into()))
}

/// Does something with a token. What its state does not allow is refused, and what it does allow is said.
#[utoipa::path(
    post, path = "/v1/admin/tokens/{serial}/actions", tag = "admin", params(("serial" = String, Path)),
    request_body = ActOnToken, security(("key" = [])),
    responses((status = 200, body = OneToken), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(super) async fn act(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(serial): Path<Text<64>>,
    Json(act): Json<ActOnToken>,
) -> Result<axum::Json<OneToken>, Problem> {
    match act.action {
        TokenAction::Activate | TokenAction::Reactivate => {
            let issued = api.service.reissue_ticket(actor, serial, act.action, act.methods).await?;
            Ok(axum::Json(OneToken { ticket: Some(issued.ticket), ..issued.token.into() }))
        }
        TokenAction::Reset => {
            let codes = two_codes(&act.codes).map_err(|message| Problem::invalid("codes", message))?;
            let token = api.service.reset_token(actor, serial, codes).await?;
            Ok(axum::Json(token.into()))
        }
        TokenAction::UnlockPin => {
            let missing = || Problem::invalid("lock_challenge", "what the phone shows is needed");
            let challenge = act.lock_challenge.ok_or_else(missing)?;
            let leave = UnlockLeave::of_administrator(actor);
            let code = api.service.unlock_pin(leave, serial.clone(), challenge).await?;
            Ok(axum::Json(OneToken { unlock_code: Some(code.grouped()), ..api.service.token(&serial)?.into() }))
        }
        TokenAction::Complete => {
            let registration = given("registration_code", act.registration_code.as_ref())?;
            let code = given("code", act.code.as_ref())?;
            let token = api.service.complete_token(actor, serial, registration, code).await?;
            Ok(axum::Json(token.into()))
        }
        TokenAction::Delete => Err(Problem::invalid("action", "to delete a token, send DELETE to its address")),
        action => {
            let token = api.service.act_on_token(actor, serial.clone(), action).await?;
            let gone = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no token {serial}"));
            Ok(axum::Json(token.ok_or_else(gone)?.into()))
        }
    }
}

fn given<T: FromStr<Err: Display>>(field: &str, text: Option<&Zeroizing<String>>) -> Result<T, Problem> {
    let text = text.ok_or_else(|| Problem::invalid(field, "is needed"))?;
    text.parse().map_err(|error| Problem::invalid(field, error))
}

fn two_codes(codes: &[Zeroizing<String>]) -> Result<(Code, Code), String> {
    let [first, second] = codes else { return Err("two consecutive codes are needed".into()) };
    let parse = |code: &Zeroizing<String>| code.parse::<Code>().map_err(|error| error.to_string());
    Ok((parse(first)?, parse(second)?))
}

/// Removes a token.
#[utoipa::path(
    delete, path = "/v1/admin/tokens/{serial}", tag = "admin", params(("serial" = String, Path)),
    security(("key" = [])), responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Path(serial): Path<Text<64>>,
) -> Result<StatusCode, Problem> {
    api.service.act_on_token(actor, serial, TokenAction::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The header with the key of an encrypted key container, in hexadecimal. Not a parameter: addresses end up in logs.
const IMPORT_KEY: &str = "symbolon-import-key";

/// The header with the password of an encrypted key container: base64 of its UTF-8, since headers hold plain ASCII only.
const IMPORT_PASSWORD: &str = "symbolon-import-password";

/// What opens an encrypted key container, from the request's headers.
fn import_credential(headers: &HeaderMap) -> Result<Option<Credential>, Problem> {
    let given = |name: &str, encoding: &data_encoding::Encoding, what: &str| match headers.get(name) {
        None => Ok(None),
        Some(value) => match encoding.decode(value.as_bytes().trim_ascii()) {
            Ok(bytes) => Ok(Some(SecretBytes::take(bytes))),
            Err(_) => Err(Problem::invalid(name, format!("must be {what}"))),
        },
    };
    let key = given(IMPORT_KEY, &HEXLOWER_PERMISSIVE, "hexadecimal digits")?;
    let password = given(IMPORT_PASSWORD, &BASE64, "base64")?;
    match (key, password) {
        (Some(_), Some(_)) => Err(Problem::invalid(IMPORT_KEY, "a key or a password, not both")),
        (key, password) => Ok(key.map(Credential::Key).or(password.map(Credential::Password))),
    }
}

/// Imports tokens of other makers: all of a file or none. With errors in the report nothing was imported.
#[utoipa::path(
    post, path = "/v1/admin/tokens/import", tag = "admin", security(("key" = [])),
    params(
        Import,
        ("Symbolon-Import-Key" = Option<String>, Header, description = "The key of an encrypted PSKC file, in hexadecimal"),
        ("Symbolon-Import-Password" = Option<String>, Header,
            description = "The password of an encrypted PSKC file: base64 of its UTF-8"),
    ),
    request_body(content((String = "text/csv"), (String = "text/plain"), (String = "application/pskc+xml"))),
    responses((status = 200, body = ImportReport), (status = 400, body = Problem), (status = 413, body = Problem))
)]
pub(super) async fn import(
    State(api): State<Api>,
    Administrator(actor): Administrator,
    Query(how): Query<Import>,
    request: Request,
) -> Result<axum::Json<ImportReport>, Problem> {
    let credential = import_credential(request.headers())?;
    let body = Zeroizing::new(read_body(request, import::LONGEST).await?);
    Ok(axum::Json(api.service.import_tokens(actor, how.format, body, credential, how.dry_run).await?))
}
