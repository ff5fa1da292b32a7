//! Webhooks: an event is posted to an endpoint, signed as [Standard Webhooks] says: HMAC-SHA256 over the delivery's name,
//! the time of this attempt and the body.
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

use hmac::{Hmac, Mac};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use sha2::Sha256;
use symbolon_core::secret::Secret;

use super::outbound::{self, Outbound};
use crate::service::outbox::Outcome;
use crate::service::{Service, ServiceError};
use crate::storage::{DeliveryId, WebhookId};

/// Posts one event to one endpoint.
pub(super) async fn carry(
    outbound: &Outbound,
    service: &Service,
    delivery: &DeliveryId,
    webhook: WebhookId,
    entry: u64,
) -> Outcome {
    try_to(outbound, service, delivery, webhook, entry).await.unwrap_or_else(|outcome| outcome)
}

async fn try_to(
    outbound: &Outbound,
    service: &Service,
    delivery: &DeliveryId,
    webhook: WebhookId,
    entry: u64,
) -> Result<Outcome, Outcome> {
    let message = service.webhook_message(webhook, entry).map_err(|error| match error {
        // Removed since it was looked for.
        ServiceError::NotFound { .. } => Outcome::Needless,
        error => Outcome::later(error),
    })?;
    let now = service.clock.now();
    let (id, time) = (delivery.to_string(), now.as_second().to_string());
    let signatures: Result<Vec<String>, Outcome> =
        message.secrets.iter().map(|secret| sign(secret, &id, &time, &message.body)).collect();
    let request = outbound
        .post(&message.url)?
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", time)
        .header("webhook-signature", signatures?.join(" "))
        .body(message.body);
    let answer = outbound::send(request, now).await?;
    Ok(match answer.status {
        status if status.is_success() => Outcome::Sent,
        StatusCode::GONE => Outcome::refused("the endpoint says that it is gone (410)"),
        status => {
            Outcome::Later { problem: format!("the endpoint answered {}", status.as_u16()), after: answer.retry_after }
        }
    })
}

fn sign(secret: &Secret<32>, id: &str, time: &str, body: &[u8]) -> Result<String, Outcome> {
    // A key of any length is one.
    let mac: Hmac<Sha256> = Mac::new_from_slice(secret.expose()).map_err(Outcome::later)?;
    let mac = mac.chain_update(id).chain_update(".").chain_update(time).chain_update(".").chain_update(body);
    Ok(format!("v1,{}", data_encoding::BASE64.encode(&mac.finalize().into_bytes())))
}
