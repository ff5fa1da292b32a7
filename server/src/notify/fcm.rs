//! Firebase Cloud Messaging, HTTP v1. Access is asked for with the service account's key (RFC 7523) and kept until it
//! ends.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use symbolon_core::push::Endpoint;
use tokio::sync::Mutex;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::jwt;
use super::outbound::{Answer, Outbound, send};
use super::push::{Failure, Waking};
use crate::config;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An assertion lives for so long, in seconds: as long as Google allows.
const ASSERTION: i64 = 3600;

/// Access is asked for anew so long before it ends.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// When Google gave none, nobody asks again for so long.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// The file that Google gives for a service account, as far as it is read.
#[derive(Deserialize)]
struct ServiceAccount {
    project_id: String,
    client_email: String,
    private_key: Zeroizing<String>,
    token_uri: Endpoint,
}

/// What Google last said to the service account.
enum Access {
    Given { token: Zeroizing<String>, until: Timestamp },
    Refused { until: Timestamp },
}

/// The courier for FCM.
pub(super) struct Fcm {
    account: ServiceAccount,
    key: RsaKeyPair,
    url: String,
    access: Mutex<Option<Access>>,
}

impl Fcm {
    pub(super) fn new(config: &config::Fcm) -> anyhow::Result<Self> {
        let path = config.service_account.display();
        let text = Zeroizing::new(
            std::fs::read(&config.service_account).with_context(|| format!("push.fcm.service_account: {path}"))?,
        );
        let account: ServiceAccount = serde_json::from_slice(&text)
            .with_context(|| format!("push.fcm.service_account: {path} is no key file of a service account"))?;
        let failed = || format!("push.fcm.service_account: the private key in {path} can't be read");
        let der = PrivatePkcs8KeyDer::from_pem_slice(account.private_key.as_bytes()).with_context(failed)?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(anyhow::Error::msg).with_context(failed)?;
        let url = format!("{}/v1/projects/{}/messages:send", config.endpoint.origin(), account.project_id);
        Ok(Self { account, key, url, access: Mutex::default() })
    }

    /// Asks for access, as for a wake-up.
    pub(super) async fn reach(&self, outbound: &Outbound, now: Timestamp) -> Result<(), Failure> {
        self.access(outbound, now).await.map(drop)
    }

    /// Wakes the phone with a registration token.
    pub(super) async fn wake(&self, outbound: &Outbound, token: &str, waking: Waking) -> Result<(), Failure> {
        let access = self.access(outbound, waking.now).await?;
        // A message for data, of the priority that wakes the app; it replaces one that has not arrived.
        let message = json!({"message": {
            "token": token,
            "data": {"wake": "1"},
            "android": {"priority": "HIGH", "ttl": format!("{}s", waking.seconds()), "collapse_key": "wake"},
        }});
        let request = outbound.configured(&self.url).bearer_auth(access.as_str()).json(&message);
        let answer = send(request, waking.now).await?;
        let code = error_code(&answer.body);
        match (answer.status.as_u16(), code.as_str()) {
            (200..=299, _) => Ok(()),
            (_, "UNREGISTERED") => Err(Failure::gone("FCM", &answer, &code)),
            // The address belongs to the app of another project; it is not gone, and another key may fit.
            (_, "SENDER_ID_MISMATCH") => Err(Failure::refused("FCM", &answer, &code)),
            (401 | 403, _) => {
                // The access may have been taken back before its time.
                *self.access.lock().await = None;
                Err(Failure::later("FCM", &answer, &code))
            }
            (429 | 500..=599, _) => Err(Failure::later("FCM", &answer, &code)),
            _ => Err(Failure::refused("FCM", &answer, &code)),
        }
    }

    /// The access token: the one that is kept, or a new one. Whoever comes meanwhile waits for the same.
    async fn access(&self, outbound: &Outbound, now: Timestamp) -> Result<Zeroizing<String>, Failure> {
        let mut kept = self.access.lock().await;
        match &*kept {
            Some(Access::Given { token, until }) if now < *until => return Ok(token.clone()),
            Some(Access::Refused { until }) if now < *until => {
                return Err(Failure::passing("Google gave the service account no access just before"));
            }
            _ => {}
        }
        let given = self.ask_for_access(outbound, now).await;
        *kept = Some(match &given {
            Ok((token, until)) => Access::Given { token: token.clone(), until: *until },
            Err(_) => Access::Refused { until: now + AGAIN },
        });
        given.map(|(token, _)| token)
    }

    /// A new access token, and until when it is good.
    async fn ask_for_access(
        &self,
        outbound: &Outbound,
        now: Timestamp,
    ) -> Result<(Zeroizing<String>, Timestamp), Failure> {
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let issued = now.as_second();
        let claims = json!({
            "iss": self.account.client_email,
            "scope": SCOPE,
            "aud": self.account.token_uri.as_str(),
            "iat": issued,
            "exp": issued + ASSERTION,
        });
        let assertion = jwt::encode(&header, &claims, |input| {
            let mut signature = vec![0; self.key.public().modulus_len()];
            let signed = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature);
            signed.map(|()| signature).map_err(|_| Failure::passing("the service account's key does not sign"))
        })?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &assertion)
            .finish();
        let request = outbound
            .configured(self.account.token_uri.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let answer = send(request, now).await?;
        let Some((token, seconds)) = granted(&answer) else {
            let code = serde_json::from_slice::<OauthError>(&answer.body).map(|error| error.error).unwrap_or_default();
            return Err(Failure::later("Google's access for the service account", &answer, &code));
        };
        Ok((token, now + SignedDuration::from_secs(seconds) - EARLY))
    }
}

fn granted(answer: &Answer) -> Option<(Zeroizing<String>, i64)> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Zeroizing<String>,
        expires_in: i64,
    }
    let granted: Granted = serde_json::from_slice(&answer.body).ok()?;
    answer.status.is_success().then_some((granted.access_token, granted.expires_in.clamp(0, 86_400)))
}

#[derive(Deserialize)]
struct OauthError {
    error: String,
}

/// The code in an error of FCM: `UNREGISTERED`, `QUOTA_EXCEEDED` …
fn error_code(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let details = body.pointer("/error/details").and_then(|details| details.as_array()).into_iter().flatten();
    let code = details.filter_map(|detail| detail.get("errorCode")?.as_str()).next();
    code.or_else(|| body.pointer("/error/status")?.as_str()).unwrap_or_default().to_owned()
}
