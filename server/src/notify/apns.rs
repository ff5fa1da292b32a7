//! Apple Push Notification service: HTTP/2, with a token of the team's key (ES256) that is made anew before Apple's hour
//! is over.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use p256::pkcs8::DecodePrivateKey as _;
use serde::Deserialize;
use serde_json::json;
use symbolon_core::push::{ApnsEnvironment, Given, Topic};
use symbolon_core::secret::Secret;
use symbolon_core::signed::SigningKey;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::jwt;
use super::outbound::{Outbound, send};
use super::push::{Failure, Waking};
use crate::config;

/// A token is used for so long; Apple takes it for an hour, and not a new one more often than each 20 minutes.
const TOKEN: SignedDuration = SignedDuration::from_mins(45);

/// The courier for APNs.
pub(super) struct Apns {
    key: SigningKey,
    key_id: Given<20>,
    team_id: Given<20>,
    topics: Vec<Topic>,
    production: String,
    sandbox: String,
    token: Mutex<Option<(String, Timestamp)>>,
}

impl Apns {
    pub(super) fn new(config: &config::Apns) -> anyhow::Result<Self> {
        let failed = || format!("push.apns.key: {} is no .p8 file of an APNs key", config.key.display());
        let pem = Zeroizing::new(std::fs::read_to_string(&config.key).with_context(failed)?);
        let key = p256::SecretKey::from_pkcs8_pem(&pem).map_err(anyhow::Error::msg).with_context(failed)?;
        let secret = Secret::from_slice(&Zeroizing::new(key.to_bytes()));
        let key = secret.and_then(|secret| SigningKey::from_secret(&secret)).with_context(failed)?;
        Ok(Self {
            key,
            key_id: config.key_id.clone(),
            team_id: config.team_id.clone(),
            topics: config.topics.clone(),
            production: config.production.origin(),
            sandbox: config.sandbox.origin(),
            token: Mutex::default(),
        })
    }

    /// Wakes a phone that is nobody's: APNs looks at the key, and says that there is no such phone.
    pub(super) async fn reach(&self, outbound: &Outbound, now: Timestamp) -> Result<(), Failure> {
        let topic = self.topics.first().ok_or_else(|| Failure::lasting("push.apns.topics names no app"))?;
        let nobody = "0".repeat(64);
        let waking = Waking { now, expires_at: now };
        self.wake(outbound, (nobody.as_str(), topic, ApnsEnvironment::Production), waking).await
    }

    /// Wakes the phone with a device token.
    pub(super) async fn wake(
        &self,
        outbound: &Outbound,
        (token, topic, environment): (&str, &Topic, ApnsEnvironment),
        waking: Waking,
    ) -> Result<(), Failure> {
        if !self.topics.contains(topic) {
            return Err(Failure::lasting("the app's bundle identifier is none of push.apns.topics"));
        }
        let host = match environment {
            ApnsEnvironment::Production => &self.production,
            ApnsEnvironment::Sandbox => &self.sandbox,
        };
        // The phone shows its own words, and by the category knows what a person can do; its extension may first fetch what
        // waits.
        let alert = json!({"aps": {"alert": {"loc-key": "wake"}, "category": "wake", "sound": "default", "mutable-content": 1}});
        let request = outbound
            .http2(&format!("{host}/3/device/{token}"))
            .bearer_auth(self.token(waking.now).await)
            .header("apns-topic", topic.as_str())
            .header("apns-push-type", "alert")
            .header("apns-priority", "10")
            .header("apns-expiration", waking.expires_at.as_second())
            .header("apns-collapse-id", "wake")
            .json(&alert);
        let answer = send(request, waking.now).await?;
        let reason = serde_json::from_slice::<Refusal>(&answer.body).map(|refusal| refusal.reason).unwrap_or_default();
        match (answer.status.as_u16(), reason.as_str()) {
            (200, _) => Ok(()),
            (410, _) | (400, "BadDeviceToken" | "DeviceTokenNotForTopic") => {
                Err(Failure::gone("APNs", &answer, &reason))
            }
            (403, "ExpiredProviderToken") => {
                *self.token.lock().await = None;
                Err(Failure::later("APNs", &answer, &reason))
            }
            (403 | 429 | 500..=599, _) => Err(Failure::later("APNs", &answer, &reason)),
            _ => Err(Failure::refused("APNs", &answer, &reason)),
        }
    }

    async fn token(&self, now: Timestamp) -> String {
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && now < *until
        {
            return token.clone();
        }
        let header = json!({"alg": "ES256", "kid": self.key_id.as_str()});
        let token = jwt::es256(&self.key, &header, &json!({"iss": self.team_id.as_str(), "iat": now.as_second()}));
        *kept = Some((token.clone(), now + TOKEN));
        token
    }
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}
