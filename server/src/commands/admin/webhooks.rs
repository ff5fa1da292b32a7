//! `admin webhook …`

use clap::Subcommand;
use serde::Serialize;
use symbolon_core::push::Endpoint;
use symbolon_core::text::Name;

use super::outbox::OneDelivery;
use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output};
use crate::config::Outbound;
use crate::notify::outbound::objection;
use crate::service::Service;
use crate::service::webhooks::{NewWebhook, USUAL_OVERLAP, WebhookSecret, WebhookView};
use crate::storage::{Event, WebhookId};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Add an endpoint and show the secret that its deliveries are signed with, this once.
    Add {
        /// Where events are posted; https:// only.
        url: Endpoint,
        /// Which events, such as token.locked; all that it can be told of when left out.
        #[arg(long = "event", value_delimiter = ',')]
        events: Vec<Event>,
        /// The application whose challenges it is told of; without one it is told of what concerns the organisation.
        #[arg(long)]
        application: Option<Name>,
    },
    /// List webhooks.
    List,
    /// Send the event webhook.tested.
    Test {
        /// The webhook's number.
        id: i64,
    },
    /// Make another secret and show it, this once.
    Rotate {
        /// The webhook's number.
        id: i64,
        /// For how many seconds deliveries are signed with the old secret too, at most 2592000 (30 days).
        #[arg(long, value_name = "SECONDS", default_value_t = USUAL_OVERLAP)]
        overlap: u32,
    },
    /// Remove a webhook and what waits for it.
    Remove {
        /// The webhook's number.
        id: i64,
    },
}

#[derive(Serialize)]
struct ManyWebhooks {
    webhooks: Vec<WebhookView>,
}

pub(super) async fn run(
    command: Command,
    service: &Service,
    outbound: &Outbound,
    output: &Output,
) -> Result<(), Failure> {
    let secret_lines =
        |new: &WebhookSecret| format!("{}\nsecret: {}\nIt is shown this once.", line(&new.webhook), new.secret);
    match command {
        Command::Add { url, events, application } => {
            let objection = objection(&url, outbound);
            let new = NewWebhook { url, events, application };
            output.answer(&service.add_webhook(ACTOR, new).await?, secret_lines)?;
            if let Some(objection) = objection {
                Output::note(&format!("it will not be called as the server is configured here: {objection}"));
            }
            Ok(())
        }
        Command::List => {
            let webhooks = ManyWebhooks { webhooks: service.webhooks()? };
            output.answer(&webhooks, |many| many.webhooks.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Test { id } => {
            let delivery = service.test_webhook(ACTOR, WebhookId(id)).await?;
            output.answer(&OneDelivery { delivery }, OneDelivery::show)
        }
        Command::Rotate { id, overlap } => {
            output.answer(&service.rotate_webhook(ACTOR, WebhookId(id), overlap).await?, secret_lines)
        }
        Command::Remove { id } => {
            service.remove_webhook(ACTOR, WebhookId(id)).await?;
            output.answer(&Deleted { deleted: format!("webhook {id}") }, Deleted::show)
        }
    }
}

fn line(webhook: &WebhookView) -> String {
    let events: Vec<&str> = webhook.events.iter().map(|event| event.name()).collect();
    let of = webhook.application.as_ref().map(|application| format!("  of {application}")).unwrap_or_default();
    format!("{}  {}{of}  {}", webhook.id, webhook.url, events.join(","))
}
