//! The clients of tasks: what the worker says of its cluster, and what a connector may override.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_client::{
    Admin, AdminConfig, ConfigError, Consumer, ConsumerConfig, OffsetReset, Producer, ProducerConfig,
};

use super::RunError;
use crate::config::Secrets;
use crate::options::{Choice, Fault, Given};

/// Bytes that a task's producer holds at most: records wait in the source rather than in memory.
const BUFFER_MEMORY: usize = 8 << 20;
/// Larger batches than a producer's default: fewer requests for the same records.
const BATCH_SIZE: usize = 128 << 10;
/// Bytes that a task's consumer fetches ahead at most.
const FETCH_MAX: &str = "4194304";

/// How long a sink's group waits for a member that says nothing: little longer than the other workers wait for its worker. A
/// consumer's own default of 45 s would leave the partitions of a killed worker lying when its tasks have long been taken over.
const SESSION: Duration = Duration::from_secs(10);

/// What connectors may say of their clients (`connector.client.config.override.policy`, KIP-458).
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverridePolicy {
    /// What cannot lead a worker to another cluster, to a file, or to somebody else's rights.
    Allowlist,
    /// Anything that the client knows.
    All,
    /// Nothing.
    None,
}

/// What [`OverridePolicy::Allowlist`] lets a connector say, in names of Kafka's clients. Not among them: where the brokers are,
/// credentials, files, classes.
const ALLOWED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "batch.size",
    "buffer.memory",
    "client.id",
    "client.rack",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "default.api.timeout.ms",
    "delivery.timeout.ms",
    "enable.idempotence",
    "exclude.internal.topics",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "max.request.size",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.ignore.keys",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "send.buffer.bytes",
    "session.timeout.ms",
];

/// What overrides begin with.
const PREFIXES: [&str; 3] = ["producer.override.", "consumer.override.", "admin.override."];

impl OverridePolicy {
    /// What a connector says that it may not.
    #[must_use]
    pub fn faults(self, config: &BTreeMap<String, String>) -> Vec<Fault> {
        let overrides = config.keys().filter_map(|name| {
            let prefix = PREFIXES.iter().find(|prefix| name.starts_with(**prefix))?;
            Some((name, &name[prefix.len()..]))
        });
        let refused = |(name, of_client): (&String, &str)| {
            let why = match self {
                Self::All => return None,
                Self::Allowlist if ALLOWED.contains(&of_client) => return None,
                Self::Allowlist => {
                    "the worker lets connectors override only what cannot lead to another cluster, a file or \
                     other credentials; its administrator may set connector.client.config.override.policy=All"
                }
                Self::None => {
                    "the worker lets connectors override nothing: connector.client.config.override.policy=None"
                }
            };
            Some(Fault::new(name, format!("{name} may not be overridden: {why}")))
        };
        overrides.filter_map(refused).collect()
    }
}

/// What clients have from their worker: where the cluster is and how to get in, and what is said behind their prefixes.
pub(crate) fn inherited(worker: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_clients = ["security.", "ssl.", "sasl.", "producer.", "consumer.", "admin."];
    let is_inherited =
        |name: &String| name == "bootstrap.servers" || of_clients.iter().any(|own| name.starts_with(own));
    worker
        .iter()
        .filter(|(name, _)| is_inherited(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What a worker says of its cluster and its clients that no client can take.
pub(crate) fn faults_of_worker(worker: &BTreeMap<String, String>, secrets: &Secrets) -> Vec<Fault> {
    let veil = secrets.references(worker);
    let one = |(name, written): (String, String)| {
        let fault = match secrets.resolve_text(&written) {
            Err(error) => error.to_string(),
            Ok(value) => veil.over(&refusal(&name, &value)?.to_string()).into_owned(),
        };
        Some(Fault::new(name, fault))
    };
    inherited(worker).into_iter().filter_map(one).collect()
}

/// Why the clients that a name of a worker's is for refuse its value.
fn refusal(name: &str, value: &str) -> Option<ConfigError> {
    let (kind, own) = match name.split_once('.') {
        Some((kind @ ("producer" | "consumer" | "admin"), own)) => (kind, own),
        _ => ("", name),
    };
    let refused = match kind {
        "producer" => Producer::builder().set(own, value).err(),
        "consumer" => Consumer::builder().set(own, value).err(),
        _ => Admin::builder().set(own, value).err(),
    };
    refused.map(|error| if kind.is_empty() { error } else { error.behind(&format!("{kind}.")) })
}

/// Makes the clients of one task.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// Of the worker: `bootstrap.servers`, `security.protocol` and the like.
    worker: BTreeMap<String, String>,
    /// Of the connector, its overrides among other things.
    connector: BTreeMap<String, String>,
    /// The beginning of `client.id`.
    id: String,
}

impl Clients {
    /// The overrides have been checked.
    pub(crate) fn new(
        worker: &BTreeMap<String, String>,
        connector: &BTreeMap<String, String>,
        id: String,
    ) -> Self {
        Self { worker: worker.clone(), connector: connector.clone(), id }
    }

    /// Settings of one kind of client, those that count more last.
    fn settings(&self, kind: &str) -> impl Iterator<Item = (String, String)> {
        let overrides = Given::new(&self.connector).below(&format!("{kind}.override."));
        let of_kind = Given::new(&self.worker).below(&format!("{kind}."));
        let of_others =
            |name: &String| ["producer.", "consumer.", "admin."].iter().any(|kind| name.starts_with(kind));
        let common: Vec<_> = self.worker.clone().into_iter().filter(|(name, _)| !of_others(name)).collect();
        common.into_iter().chain(of_kind).chain(overrides)
    }

    /// The group of a sink.
    pub(crate) fn group(&self, connector: &str) -> Result<String, ConfigError> {
        Ok(self.consumer_config(connector)?.group_id.unwrap_or_default())
    }

    pub(crate) fn producer_config(&self, purpose: &str) -> Result<ProducerConfig, ConfigError> {
        let mut config = Producer::builder().client_id(format!("{purpose}-{}", self.id));
        config.batch_size = BATCH_SIZE;
        config.buffer_memory = BUFFER_MEMORY;
        // A record waits as long as the cluster is away; the status shows it (Kafka Connect's defaults, too).
        let forever = i32::MAX.to_string();
        config = config.set("delivery.timeout.ms", &forever)?.set("max.block.ms", &forever)?;
        self.settings("producer").try_fold(config, |config, (name, value)| config.set(&name, &value))
    }

    pub(crate) fn consumer_config(&self, connector: &str) -> Result<ConsumerConfig, ConfigError> {
        let config = Consumer::builder()
            .client_id(format!("connector-consumer-{}", self.id))
            .group_id(format!("connect-{connector}"))
            .auto_offset_reset(OffsetReset::Earliest)
            .session_timeout(SESSION)
            .set("fetch.max.bytes", FETCH_MAX)?;
        let config =
            self.settings("consumer").try_fold(config, |config, (name, value)| config.set(&name, &value))?;
        // What is committed is decided here, not by what was handed out.
        Ok(config.auto_commit(false))
    }

    /// Of one that reads topics whole, for the worker itself.
    pub(crate) fn reader_config(
        &self,
        purpose: &str,
        fetch_max: &str,
    ) -> Result<ConsumerConfig, ConfigError> {
        let config = Consumer::builder()
            .client_id(format!("{purpose}-{}", self.id))
            .auto_offset_reset(OffsetReset::Earliest)
            .set("fetch.max.bytes", fetch_max)?;
        let config =
            self.settings("consumer").try_fold(config, |config, (name, value)| config.set(&name, &value))?;
        Ok(config.auto_commit(false))
    }

    pub(crate) async fn admin(&self) -> Result<Admin, RunError> {
        let config = Admin::builder().client_id(format!("connector-adminclient-{}", self.id));
        let set = |config: AdminConfig, (name, value): (String, String)| config.set(&name, &value);
        Ok(self.settings("admin").try_fold(config, set)?.build().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_connector_overrides_only_what_the_policy_allows() {
        let config = map(&[
            ("producer.override.linger.ms", "50"),
            ("consumer.override.sasl.jaas.config", "com.sun.security.auth.module.JndiLoginModule required;"),
            ("admin.override.bootstrap.servers", "evil:9092"),
            ("topics", "t"),
        ]);
        let refused = |policy: OverridePolicy| -> Vec<String> {
            policy.faults(&config).into_iter().map(|fault| fault.option).collect()
        };
        assert!(refused(OverridePolicy::All).is_empty());
        let evil = ["admin.override.bootstrap.servers", "consumer.override.sasl.jaas.config"];
        assert_eq!(refused(OverridePolicy::Allowlist), evil);
        assert_eq!(refused(OverridePolicy::None).len(), 3);
    }

    #[test]
    fn the_connector_counts_more_than_the_worker_and_the_kind_more_than_all() {
        let worker = map(&[
            ("bootstrap.servers", "a:1"),
            ("producer.linger.ms", "2"),
            ("consumer.max.poll.records", "7"),
        ]);
        let clients = Clients::new(&worker, &map(&[("producer.override.linger.ms", "3")]), "c-0".into());
        assert_eq!(clients.producer_config("connector-producer").unwrap().linger.as_millis(), 3);
        let consumer = clients.consumer_config("c").unwrap();
        assert_eq!((consumer.max_poll_records, consumer.group_id.as_deref()), (7, Some("connect-c")));
        assert!(!consumer.auto_commit);
        assert_eq!(consumer.session_timeout.as_secs(), 10);
        let patient = map(&[("consumer.override.session.timeout.ms", "45000")]);
        let patient = Clients::new(&worker, &patient, "c-0".into()).consumer_config("c").unwrap();
        assert_eq!(patient.session_timeout.as_secs(), 45);
        let without = Clients::new(&worker, &map(&[]), "c-0".into());
        assert_eq!(without.producer_config("connector-producer").unwrap().linger.as_millis(), 2);
    }
}
