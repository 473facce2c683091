//! Names that Kafka's clients know and that have nothing to act on here.

use super::Configured;
use crate::{ConsumerConfig, ProducerConfig};

/// Java classes, JMX, and mechanisms that this client does without.
pub(super) const NAMES: &[&str] = &[
    "bootstrap.controllers",
    "bootstrap.resolve.timeout.ms",
    "buffer.memory.allocation.strategy",
    "client.dns.lookup",
    "config.providers",
    "enable.metrics.push",
    "group.remote.assignor",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "metadata.cluster.check.enable",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "partitioner.rack.aware",
    "security.providers",
    "share.acknowledgement.mode",
    "share.acquire.mode",
    "transaction.timeout.ms",
    "transaction.two.phase.commit.enable",
    "value.deserializer",
    "value.serializer",
];

pub(super) fn is_inert(name: &str) -> bool {
    NAMES.contains(&name) || name.starts_with("ssl.") || name.starts_with("sasl.")
}

/// Settings of some kind of client: programs give one set of properties to all.
pub(super) fn of_clients() -> impl Iterator<Item = &'static str> {
    let producer = ProducerConfig::KEYS.iter().map(|key| key.name);
    producer.chain(ConsumerConfig::KEYS.iter().map(|key| key.name))
}
