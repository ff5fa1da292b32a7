//! Deliveries: mails, wake-ups and webhooks that wait, and for a week those that were sent or given up. What a mail says is
//! shown to nobody.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;

use super::fields::Sent;
use super::layout::{Confirmation, Failure, Frame, Section, Visit, page, see};
use crate::service::outbox::DeliveryView;
use crate::storage::{DeliveryFilter, DeliveryId, DeliveryKind, DeliveryState};

/// So many are shown.
const SHOWN: u32 = 200;

/// Which ones.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    frame: Frame,
    asked: Asked,
    deliveries: Vec<DeliveryView>,
    /// Whether there are older ones.
    has_more: bool,
}

impl DeliveriesPage {
    fn states(&self) -> [&'static str; 3] {
        DeliveryState::ALL.map(DeliveryState::name)
    }

    fn kinds(&self) -> [&'static str; 3] {
        DeliveryKind::ALL.map(DeliveryKind::name)
    }

    /// Whether there is something left to send: a mail is erased once it was sent or given up.
    fn may_repeat(&self, delivery: &DeliveryView) -> bool {
        delivery.state == DeliveryState::Waiting || delivery.kind == DeliveryKind::Webhook
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// The page.
pub(super) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let state = Some(asked.state.as_str()).filter(|state| !state.is_empty());
    let kind = Some(asked.kind.as_str()).filter(|kind| !kind.is_empty());
    let filter = DeliveryFilter {
        state: state.map(|state| state.parse().map_err(|_| Failure::missing("state"))).transpose()?,
        kind: kind.map(|kind| kind.parse().map_err(|_| Failure::missing("kind"))).transpose()?,
        webhook: None,
    };
    let mut deliveries = visit.service.deliveries(filter, SHOWN + 1).await?;
    let has_more = deliveries.len() > SHOWN as usize;
    deliveries.truncate(SHOWN as usize);
    let notice = match asked.done.as_str() {
        "retry" => Some("It is sent now. Load the page anew to see what came of it."),
        "drop" => Some("It is dropped."),
        _ => None,
    };
    let frame = visit.frame(Section::Deliveries, "Deliveries").notice(notice);
    Ok(page(&DeliveriesPage { frame, asked, deliveries, has_more }))
}

/// Which one.
#[derive(Deserialize)]
pub(super) struct One {
    #[serde(default)]
    id: String,
}

fn read_id(text: &str) -> Result<DeliveryId, Failure> {
    text.parse().map_err(|_| Failure::missing("delivery"))
}

/// Asks before one is dropped.
pub(super) async fn confirm(visit: Visit, Query(one): Query<One>) -> Result<Response, Failure> {
    let id = read_id(&one.id)?;
    Ok(page(&Confirmation {
        frame: visit.frame(Section::Deliveries, "Drop this delivery?"),
        text: "It is not sent any more. If it is being sent just now it may still arrive.".to_owned(),
        post: "/console/deliveries/act",
        fields: vec![("id", id.to_string()), ("action", "drop".to_owned())],
        button: "Drop this delivery".into(),
        is_harsh: true,
        back: "/console/deliveries".to_owned(),
    }))
}

/// Sends one now, or drops it.
pub(super) async fn act(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let id = read_id(fields.text("id"))?;
    match fields.text("action") {
        "retry" => visit.service.retry_delivery(visit.actor(), id).await.map(drop)?,
        "drop" => visit.service.drop_delivery(visit.actor(), id).await?,
        _ => return Err(Failure::missing("action")),
    }
    Ok(see(&format!("/console/deliveries?done={}", fields.text("action"))))
}
