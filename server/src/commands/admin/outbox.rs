//! `admin outbox …`

use clap::Subcommand;
use serde::Serialize;

use super::{ACTOR, Deleted};
use crate::commands::output::{Failure, Output};
use crate::service::Service;
use crate::service::outbox::DeliveryView;
use crate::storage::{DeliveryFilter, DeliveryId, DeliveryKind, DeliveryState, WebhookId};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List deliveries, the newest first: those that wait, and for a week those that were sent or given up.
    List {
        /// Only those that are waiting, sent or given_up.
        #[arg(long)]
        state: Option<DeliveryState>,
        /// Only those of a kind: wake_up, webhook, mail.
        #[arg(long)]
        kind: Option<DeliveryKind>,
        /// Only those to the webhook with this number.
        #[arg(long)]
        webhook: Option<i64>,
        /// How many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Send a delivery now: one that waits, one that was given up, or once more one of a webhook.
    Retry {
        /// The delivery, as the list names it.
        id: DeliveryId,
    },
    /// Drop a delivery.
    Drop {
        /// The delivery, as the list names it.
        id: DeliveryId,
    },
}

#[derive(Serialize)]
struct ManyDeliveries {
    deliveries: Vec<DeliveryView>,
}

#[derive(Serialize)]
pub(super) struct OneDelivery {
    pub(super) delivery: DeliveryView,
}

impl OneDelivery {
    pub(super) fn show(&self) -> String {
        line(&self.delivery)
    }
}

pub(super) async fn run(command: Command, service: &Service, output: &Output) -> Result<(), Failure> {
    match command {
        Command::List { state, kind, webhook, limit } => {
            let filter = DeliveryFilter { state, kind, webhook: webhook.map(WebhookId) };
            let deliveries = ManyDeliveries { deliveries: service.deliveries(filter, limit).await? };
            output.answer(&deliveries, |many| many.deliveries.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Retry { id } => {
            let delivery = service.retry_delivery(ACTOR, id).await?;
            output.answer(&OneDelivery { delivery }, OneDelivery::show)
        }
        Command::Drop { id } => {
            service.drop_delivery(ACTOR, id.clone()).await?;
            output.answer(&Deleted { deleted: id.to_string() }, Deleted::show)
        }
    }
}

fn line(delivery: &DeliveryView) -> String {
    let mut line = format!("{}  {}  to {}", delivery.id, delivery.kind.name(), delivery.to);
    if !delivery.subject.is_empty() {
        line += &format!("  {}", delivery.subject);
    }
    line += &match (delivery.ended_at, delivery.due_at) {
        (Some(ended), _) => format!("  {} {ended}", delivery.state.name().replace('_', " ")),
        (None, Some(due)) => format!("  due {due}"),
        (None, None) => String::new(),
    };
    match (&delivery.problem, delivery.attempts) {
        (Some(problem), attempts) => line + &format!("  ({attempts} in vain: {problem})"),
        (None, _) => line,
    }
}
