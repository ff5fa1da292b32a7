//! The organisation's OpenID provider, as the configuration names it.

use serde::Deserialize;
use symbolon_core::push::Endpoint;
use symbolon_core::text::{Name, Text};
use zeroize::Zeroizing;

use super::{ConfigError, SecretSource};

/// The organisation's OpenID provider, by which users sign in at `/me`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenId {
    /// The provider, as its tokens name it.
    pub issuer: Issuer,
    /// What people call it; it stands on the button. The organisation's name when left out.
    pub name: Option<Name>,
    /// By which name the provider knows this server.
    pub client_id: Text<200>,
    /// Where the secret is that proves it. Without one only PKCE binds a code to this server.
    client_secret: Option<SecretSource>,
    /// The claim that says which user it is.
    pub user_claim: UserClaim,
    /// What is asked for besides `openid`.
    #[serde(default = "OpenId::usual_scopes")]
    pub scopes: Vec<Text<100>>,
}

impl OpenId {
    fn usual_scopes() -> Vec<Text<100>> {
        ["profile", "email"].iter().filter_map(|scope| scope.parse().ok()).collect()
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// [`ConfigError::Secret`].
    pub fn client_secret(&self) -> Result<Option<Zeroizing<String>>, ConfigError> {
        self.client_secret.as_ref().map(|source| source.read("openid.client_secret")).transpose()
    }
}

/// Who a provider is: an https address without query and fragment, to the letter as it stands in the provider's tokens
/// (OpenID Connect Discovery 1.0, 3). Under it lies `.well-known/openid-configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Issuer(String);

impl Issuer {
    /// The address, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Issuer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.parse::<Endpoint>().is_ok() && !text.contains(['?', '#']) && text.trim() == text;
        if fits { Ok(Self(text)) } else { Err("an issuer looks like https://login.example.org") }
    }
}

/// The claim that says which user it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Text<100>")]
pub enum UserClaim {
    /// `email`: the address is the user's, as far as the provider has verified it.
    Email,
    /// Another one: its value is the user's name.
    Name(Text<100>),
}

impl From<Text<100>> for UserClaim {
    fn from(claim: Text<100>) -> Self {
        if claim.as_str() == "email" { Self::Email } else { Self::Name(claim) }
    }
}
