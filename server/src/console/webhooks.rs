//! Webhooks: endpoints that are told of events, each with a secret that is shown once.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use symbolon_core::push::Endpoint;
use symbolon_core::text::Name;

use super::fields::{FieldErrors, Fields, Sent};
use super::layout::{Confirmation, Failure, Frame, Section, Visit, html, page, see};
use crate::service::ServiceError;
use crate::service::webhooks::{NewWebhook, WebhookSecret, WebhookView};
use crate::storage::{Event, WebhookId};

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    webhooks: Vec<WebhookView>,
    applications: Vec<Name>,
    errors: FieldErrors,
    url: String,
    application: String,
    chosen: Vec<String>,
}

impl WebhooksPage {
    /// The events of the organisation, and those of an application's challenges.
    fn parts(&self) -> [(&'static str, Vec<Event>); 2] {
        let those = |fits: fn(Event) -> bool| Event::ALL.iter().copied().filter(|event| fits(*event)).collect();
        [("Of the organisation", those(Event::is_of_organisation)), ("Of an application alone", those(is_of_one_alone))]
    }

    fn is_chosen(&self, event: &Event) -> bool {
        self.chosen.iter().any(|chosen| chosen == event.name())
    }
}

const fn is_of_one_alone(event: Event) -> bool {
    event.is_of_challenges() && !event.is_of_organisation()
}

/// The events of a webhook, or that it is told of all.
pub(super) fn events(webhook: &WebhookView) -> String {
    let can = |event: &&Event| match webhook.application {
        Some(_) => event.is_of_challenges(),
        None => event.is_of_organisation(),
    };
    if Event::ALL.iter().filter(can).count() == webhook.events.len() {
        return "all that it can be told of".to_owned();
    }
    webhook.events.iter().map(|event| event.name()).collect::<Vec<_>>().join(", ")
}

fn list_page(visit: &Visit, errors: FieldErrors, fields: &Fields) -> Result<WebhooksPage, Failure> {
    let applications = visit.service.applications()?.into_iter().map(|application| application.name).collect();
    Ok(WebhooksPage {
        frame: visit.frame(Section::Webhooks, "Webhooks"),
        webhooks: visit.service.webhooks()?,
        applications,
        errors,
        url: fields.text("url").to_owned(),
        application: fields.text("application").to_owned(),
        chosen: fields.all("event").map(str::to_owned).collect(),
    })
}

/// All webhooks, and a form for another.
pub(super) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let notice = match asked.done.as_str() {
        "test" => Some("The event webhook.tested is on its way. The deliveries say what came of it."),
        "remove" => Some("The webhook is removed."),
        _ => None,
    };
    let mut shown = list_page(&visit, FieldErrors::default(), &Fields::default())?;
    shown.frame = shown.frame.notice(notice);
    Ok(page(&shown))
}

#[derive(Template)]
#[template(path = "webhook-secret.html")]
struct SecretPage {
    frame: Frame,
    issued: WebhookSecret,
}

fn show_secret(visit: &Visit, issued: WebhookSecret) -> Response {
    let frame = visit.frame(Section::Webhooks, format!("Secret of webhook {}", issued.webhook.id));
    page(&SecretPage { frame, issued })
}

/// Adds a webhook and shows its secret, this once.
pub(super) async fn add(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let mut errors = FieldErrors::default();
    let url = fields.parsed::<Endpoint>("url", &mut errors);
    let application = fields.optional::<Name>("application", &mut errors);
    let events: Result<Vec<Event>, _> = fields.all("event").map(str::parse).collect();
    let events = events.map_err(|error| errors.add("events", error)).unwrap_or_default();
    if let (Some(url), true) = (url, errors.is_empty()) {
        match visit.service.add_webhook(visit.actor(), NewWebhook { url, events, application }).await {
            Ok(issued) => return Ok(show_secret(&visit, issued)),
            Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
            Err(error @ ServiceError::NotFound { .. }) => errors.add("application", error),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(html(StatusCode::BAD_REQUEST, &list_page(&visit, errors, &fields)?))
}

/// Which one, and what is to be done with it.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    id: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    done: String,
}

fn read_id(text: &str) -> Result<WebhookId, Failure> {
    text.parse().map(WebhookId).map_err(|_| Failure::missing("webhook"))
}

#[derive(Template)]
#[template(path = "webhook-rotate.html")]
struct RotatePage {
    frame: Frame,
    webhook: WebhookView,
}

/// What is asked before a secret is replaced, or a webhook removed.
pub(super) async fn confirm(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let webhook = visit.service.webhook(read_id(&asked.id)?)?;
    match asked.action.as_str() {
        "rotate" => {
            let frame = visit.frame(Section::Webhooks, format!("New secret for webhook {}?", webhook.id));
            Ok(page(&RotatePage { frame, webhook }))
        }
        "remove" => Ok(page(&Confirmation {
            frame: visit.frame(Section::Webhooks, format!("Remove webhook {}?", webhook.id)),
            text: format!("{} is told of nothing any more, and what waits for it is dropped.", webhook.url),
            post: "/console/webhooks/act",
            fields: vec![("id", webhook.id.to_string()), ("action", "remove".to_owned())],
            button: "Remove this webhook".into(),
            is_harsh: true,
            back: "/console/webhooks".to_owned(),
        })),
        _ => Err(Failure::missing("action")),
    }
}

/// Does it.
pub(super) async fn act(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let id = read_id(fields.text("id"))?;
    match fields.text("action") {
        "rotate" => {
            let chosen = || Failure::bad("Choose when the old secret ends.");
            let overlap = fields.text("overlap").parse().map_err(|_| chosen())?;
            return Ok(show_secret(&visit, visit.service.rotate_webhook(visit.actor(), id, overlap).await?));
        }
        "test" => visit.service.test_webhook(visit.actor(), id).await.map(drop)?,
        "remove" => visit.service.remove_webhook(visit.actor(), id).await?,
        _ => return Err(Failure::missing("action")),
    }
    Ok(see(&format!("/console/webhooks?done={}", fields.text("action"))))
}
