//! Metrics, for Prometheus. No names of users, tokens or applications are in them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::service::challenges::ChallengeKind;
use crate::service::outbox::Settled;
use crate::storage::DeliveryKind;

/// What is counted.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    verifications: Family<Outcome, Counter<u64, AtomicU64>>,
    activations: Family<Step, Counter<u64, AtomicU64>>,
    challenges: Family<ChallengeStep, Counter<u64, AtomicU64>>,
    deliveries: Family<DeliveryStep, Counter<u64, AtomicU64>>,
    outbox: Family<DeliveryLabel, Gauge<u64, AtomicU64>>,
    revocation_list: Family<ListLabel, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    step: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChallengeStep {
    kind: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryStep {
    kind: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListLabel {
    platform: &'static str,
}

impl Metrics {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("symbolon");
        let verifications = Family::default();
        registry.register("verifications", "Codes verified, by result", verifications.clone());
        let activations = Family::default();
        registry.register("activation_messages", "Messages of activations, by step and result", activations.clone());
        let challenges = Family::default();
        registry.register("challenges", "Challenges, by kind and what became of them", challenges.clone());
        let deliveries = Family::default();
        registry.register("deliveries", "Attempts to send, by kind and what came of them", deliveries.clone());
        let outbox = Family::default();
        registry.register("outbox", "Deliveries that wait, by kind", outbox.clone());
        let revocation_list = Family::default();
        let help = "How old the list of revoked attestation certificates is";
        registry.register_with_unit("revocation_list_age", help, Unit::Seconds, revocation_list.clone());
        Self {
            registry: Arc::new(registry),
            verifications,
            activations,
            challenges,
            deliveries,
            outbox,
            revocation_list,
        }
    }

    /// Counts a verification: `accepted`, or the reason of the refusal.
    pub fn verified(&self, result: &'static str) {
        self.verifications.get_or_create(&Outcome { result }).inc();
    }

    /// Counts a message of an activation.
    pub fn activation(&self, step: &'static str, taken: bool) {
        let result = if taken { "taken" } else { "refused" };
        self.activations.get_or_create(&Step { step, result }).inc();
    }

    /// Counts a challenge: `created`, or what an answer made of it.
    pub fn challenge(&self, kind: ChallengeKind, status: &'static str) {
        self.challenges.get_or_create(&ChallengeStep { kind: kind.name(), status }).inc();
    }

    /// Counts an attempt to send.
    pub fn delivery(&self, settled: Settled) {
        let step = DeliveryStep { kind: settled.kind.name(), result: settled.result };
        self.deliveries.get_or_create(&step).inc();
    }

    /// Notes how many deliveries of a kind wait.
    pub fn outbox(&self, kind: DeliveryKind, waiting: u64) {
        self.outbox.get_or_create(&DeliveryLabel { kind: kind.name() }).set(waiting);
    }

    /// Notes how old the revocation list is; nothing is shown where there is none.
    pub fn revocation_list(&self, age: SignedDuration) {
        self.revocation_list.get_or_create(&ListLabel { platform: "android" }).set(age.as_secs());
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail; without its end Prometheus would refuse the text anyway.
        encode(&mut text, &self.registry).map(|()| text).unwrap_or_default()
    }
}
