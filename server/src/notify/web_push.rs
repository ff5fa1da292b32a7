//! Web Push, which UnifiedPush is: RFC 8030, encrypted for the phone (RFC 8291), by a server that identifies itself
//! (RFC 8292). The phone has chosen the address, so it may not lead into the server's own network.

use jiff::SignedDuration;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::json;
use symbolon_core::encoding::Bytes;
use symbolon_core::push::Endpoint;
use symbolon_core::signed::{PublicKey, SigningKey};
use web_push_native::{Auth, encrypt, p256};

use super::jwt;
use super::outbound::{Outbound, send};
use super::push::{Failure, Waking};
use crate::config::Contact;

/// The server's statement lives for so long: RFC 8292 allows a day.
const STATEMENT: SignedDuration = SignedDuration::from_hours(12);

/// All that is said; nothing at all is not passed on by every distributor.
const MESSAGE: &[u8] = b"wake";

/// Wakes the phone behind an endpoint.
pub(super) async fn wake(
    outbound: &Outbound,
    key: &SigningKey,
    contact: &Contact,
    (endpoint, p256dh, auth): (&Endpoint, &PublicKey, &Bytes<16>),
    waking: Waking,
) -> Result<(), Failure> {
    let unusable = |_| Failure::lasting("the phone's key for Web Push can't be used");
    let phone = p256::PublicKey::from_sec1_bytes(p256dh.to_sec1().as_slice()).map_err(unusable)?;
    let body = encrypt(MESSAGE.to_vec(), &phone, &Auth::from(auth.array()));
    let body = body.map_err(|_| Failure::lasting("the message can't be encrypted for the phone's key"))?;
    let claims = json!({
        "aud": endpoint.origin(),
        "exp": (waking.now + STATEMENT).as_second(),
        "sub": contact.as_str(),
    });
    let statement = jwt::es256(key, &json!({"alg": "ES256", "typ": "JWT"}), &claims);
    let request = outbound
        .post(endpoint)?
        .header(AUTHORIZATION, format!("vapid t={statement}, k={}", key.public_key().to_sec1()))
        .header("ttl", waking.seconds())
        .header("urgency", "high")
        .header("topic", "wake")
        .header(CONTENT_ENCODING, "aes128gcm")
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(body);
    let answer = send(request, waking.now).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        404 | 410 => Err(Failure::gone("the push service", &answer, "")),
        429 | 500..=599 => Err(Failure::later("the push service", &answer, "")),
        _ => Err(Failure::refused("the push service", &answer, "")),
    }
}
