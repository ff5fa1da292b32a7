//! The organisation's OpenID provider: the way there, with PKCE, and what its answer is worth (OpenID Connect Core 1.0,
//! 3.1; RFC 7636; RFC 9207). Only whom the provider has named comes out; who that is here, the services decide.
//!
//! Nothing is made before the first sign-in, and what the provider says of itself is kept for a minute: so a flood of
//! beginnings is no flood of questions, and its keys may change at any time.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm as Algorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AdditionalProviderMetadata, AuthType, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, Scope,
    TokenResponse as _, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use symbolon_core::activation::ServerAddress;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::config::{self, Config, ConfigError, UserClaim};
use crate::notify::outbound;
use crate::service::openid::{Attempt, Named};

/// What the provider says of itself holds for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(1);
/// And that it does not answer, for so long.
const FRESH_FAILURE: SignedDuration = SignedDuration::from_secs(3);

/// No more is read of an answer, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Where the provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/me/openid/back";

/// Signatures that only the provider can make. One by the client's secret, or none at all, is not believed.
const BELIEVED: [Algorithm; 10] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EcdsaP521Sha512,
    Algorithm::EdDsa,
];

/// Why nobody was signed in by the provider. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenIdError {
    /// It can't be reached, or is no provider.
    #[error("the OpenID provider does not answer as one: {0}")]
    Away(String),
    /// It did not sign anybody in, or its person would not.
    #[error("the OpenID provider signed nobody in: {0}")]
    Declined(String),
    /// What came back does not fit what was asked, or was not said by the provider.
    #[error("the answer of the OpenID provider is not believed: {0}")]
    Unbelieved(String),
    /// It does not say who it is by the claim that is configured, or has not verified the address.
    #[error(
        "the OpenID provider does not say who it is: openid.user_claim is missing, or is an address that it has not verified"
    )]
    Unnamed,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unanswered(String);

/// What the browser brings back.
#[derive(Deserialize)]
pub(crate) struct Returned {
    /// Of the attempt.
    #[serde(default)]
    pub(crate) state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Whether answers name their issuer (RFC 9207, 3).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NamesIssuer {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for NamesIssuer {}

/// Claims of any name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Claims(Map<String, Value>);

impl AdditionalClaims for Claims {}

type Metadata = ProviderMetadata<
    NamesIssuer,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The provider as it was last asked for.
struct Known {
    at: Timestamp,
    http: reqwest::Client,
    metadata: Result<Metadata, String>,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The organisation's provider.
pub(crate) struct OpenId {
    config: config::OpenId,
    secret: Option<Zeroizing<String>>,
    outbound: config::Outbound,
    known: Mutex<Option<Arc<Known>>>,
}

impl OpenId {
    /// The provider of the configuration, if there is one. It is not asked yet.
    ///
    /// # Errors
    /// [`ConfigError`], when its secret can't be read.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let Some(openid) = config.openid.clone() else { return Ok(None) };
        let (secret, outbound) = (openid.client_secret()?, config.outbound.clone());
        Ok(Some(Self { config: openid, secret, outbound, known: Mutex::default() }))
    }

    /// What people call it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.config.name.as_ref().map(symbolon_core::text::Name::as_str)
    }

    /// Where a browser goes to sign in, and what it takes along to be known by when it is back.
    ///
    /// # Errors
    /// [`OpenIdError::Away`].
    pub(crate) async fn begin(
        &self,
        address: &ServerAddress,
        now: Timestamp,
    ) -> Result<(String, Attempt), OpenIdError> {
        let known = self.known(now).await?;
        let client = self.client(known.metadata()?, address)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let scopes = self.config.scopes.iter().map(|scope| Scope::new(scope.to_string()));
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random).add_scopes(scopes);
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        if url.scheme() != "https" {
            return Err(OpenIdError::Away("its page to sign in is not at an https address".into()));
        }
        let attempt = Attempt {
            state: state.into_secret().into(),
            nonce: nonce.secret().clone().into(),
            verifier: verifier.into_secret().into(),
        };
        Ok((url.into(), attempt))
    }

    /// Whom the provider has signed in, by what a browser has brought back for this attempt.
    ///
    /// # Errors
    /// [`OpenIdError`].
    pub(crate) async fn finish(
        &self,
        address: &ServerAddress,
        attempt: Attempt,
        returned: Returned,
        now: Timestamp,
    ) -> Result<Named, OpenIdError> {
        let known = self.known(now).await?;
        let metadata = known.metadata()?;
        // An answer of another provider than the one that was asked (RFC 9207).
        let must_name_issuer = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        let named_right = returned.iss.as_deref().map(|issuer| issuer == self.config.issuer.as_str());
        if !named_right.unwrap_or(!must_name_issuer) {
            return Err(OpenIdError::Unbelieved("it comes from another issuer, or does not say from which".into()));
        }
        if let Some(error) = returned.error {
            return Err(OpenIdError::Declined(plain(&error)));
        }
        let code = returned.code.ok_or_else(|| OpenIdError::Unbelieved("there is no code in it".into()))?;
        let unbelieved = |error: &dyn std::error::Error| OpenIdError::Unbelieved(reason(error));
        let http = |request| call(known.http.clone(), request);
        let client = self.client(metadata, address)?;
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(|error| away(&error))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.to_string()));
        let answer = exchange.request_async(&http).await.map_err(|error| match error {
            openidconnect::RequestTokenError::Request(error) => away(&error),
            error => unbelieved(&error),
        })?;
        let token = answer.id_token().ok_or_else(|| OpenIdError::Unbelieved("there is no ID token in it".into()))?;
        let verifier = client.id_token_verifier().set_allowed_algs(BELIEVED);
        let nonce = Nonce::new(attempt.nonce.to_string());
        let claims = token.claims(&verifier, &nonce).map_err(|error| unbelieved(&error))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = token.signing_alg().map_err(|error| unbelieved(&error))?;
            let key = token.signing_key(&verifier).map_err(|error| unbelieved(&error))?;
            let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
            if actual.map_err(|error| unbelieved(&error))? != *expected {
                return Err(OpenIdError::Unbelieved("its access token is not the one that it vouches for".into()));
            }
        }
        if let Some(named) = self.named(&payload(&token.to_string())) {
            return Ok(named);
        }
        // A provider may tell them here only (OpenID Connect Core 1.0, 5.4).
        let subject = Some(claims.subject().clone());
        let asked = client.user_info(answer.access_token().clone(), subject).map_err(|_| OpenIdError::Unnamed)?;
        let told: UserInfoClaims<Claims, CoreGenderClaim> =
            asked.request_async(&http).await.map_err(|error| unbelieved(&error))?;
        let told = serde_json::to_value(told).ok().and_then(|told| serde_json::from_value(told).ok());
        told.and_then(|told| self.named(&told)).ok_or(OpenIdError::Unnamed)
    }

    /// Whether the provider can be reached, for `doctor`.
    ///
    /// # Errors
    /// [`OpenIdError::Away`].
    pub(crate) async fn reach(&self, now: Timestamp) -> Result<(), OpenIdError> {
        self.known(now).await?.metadata().map(drop)
    }

    fn named(&self, claims: &Map<String, Value>) -> Option<Named> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        match &self.config.user_claim {
            UserClaim::Name(claim) => text(claim.as_str())?.parse().ok().map(Named::User),
            UserClaim::Email if claims.get("email_verified") == Some(&Value::Bool(true)) => {
                text("email")?.parse().ok().map(Named::Email)
            }
            UserClaim::Email => None,
        }
    }

    async fn known(&self, now: Timestamp) -> Result<Arc<Known>, OpenIdError> {
        let mut place = self.known.lock().await;
        if let Some(known) = place.as_ref().filter(|known| known.holds(now)) {
            return Ok(Arc::clone(known));
        }
        let http = match place.take() {
            Some(old) => old.http.clone(),
            None => outbound::client(&self.outbound).map_err(|error| OpenIdError::Away(format!("{error:#}")))?,
        };
        let issuer = IssuerUrl::new(self.config.issuer.as_str().to_owned()).map_err(|error| away(&error))?;
        let ask = |request| call(http.clone(), request);
        let metadata = Metadata::discover_async(issuer, &ask).await.map_err(|error| reason(&error));
        let known = Arc::new(Known { at: now, http: http.clone(), metadata });
        *place = Some(Arc::clone(&known));
        Ok(known)
    }

    fn client(&self, metadata: &Metadata, address: &ServerAddress) -> Result<Client, OpenIdError> {
        let secret = self.secret.as_ref().map(|secret| ClientSecret::new(secret.to_string()));
        let id = ClientId::new(self.config.client_id.to_string());
        let back = RedirectUrl::new(address.join(CALLBACK)).map_err(|error| away(&error))?;
        let methods = metadata.token_endpoint_auth_methods_supported().map(Vec::as_slice).unwrap_or_default();
        // Nothing said means the first of the two (OpenID Connect Discovery 1.0, 3).
        let takes = |method| methods.contains(&method);
        let in_body = takes(CoreClientAuthMethod::ClientSecretPost) && !takes(CoreClientAuthMethod::ClientSecretBasic);
        let way = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret);
        Ok(client.set_redirect_uri(back).set_auth_type(way))
    }
}

impl Known {
    fn holds(&self, now: Timestamp) -> bool {
        let fresh = if self.metadata.is_ok() { FRESH } else { FRESH_FAILURE };
        // Whoever has waited for the answer has an older time.
        now < self.at + fresh && self.at < now + FRESH
    }

    fn metadata(&self) -> Result<&Metadata, OpenIdError> {
        self.metadata.as_ref().map_err(|problem| OpenIdError::Away(problem.clone()))
    }
}

/// Sends a request of the library and reads its answer up to a bound.
async fn call(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let unanswered = |error| Unanswered(outbound::reason(error));
    let request = reqwest::Request::try_from(request).map_err(unanswered)?;
    let mut answer = http.execute(request).await.map_err(unanswered)?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    while let Some(piece) = answer.chunk().await.map_err(unanswered)? {
        if response.body().len() + piece.len() > LONGEST {
            return Err(Unanswered(format!("the answer is longer than {LONGEST} bytes")));
        }
        response.body_mut().extend(piece);
    }
    Ok(response)
}

/// The claims of a token that was verified.
fn payload(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).and_then(|payload| BASE64URL_NOPAD.decode(payload.as_bytes()).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

fn away(error: &dyn std::error::Error) -> OpenIdError {
    OpenIdError::Away(reason(error))
}

/// An error with what it comes from, for the log: on one line, and not for ever.
fn reason(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        reason = format!("{reason}: {inner}");
        cause = inner.source();
    }
    plain(&reason)
}

fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(300).collect()
}
