use super::Timing;
use crate::options::{Fault, Options};
use std::time::Duration;

/// A quarter of it is several of the driver's ticks: time for a worker that is cut off to see it and to end its tasks.
const SESSION_MIN: Duration = Duration::from_secs(1);

/// What makes a worker one of a cluster, besides what every worker can be told (Kafka's `DistributedConfig`).
#[derive(Options, Clone, Debug)]
#[options(check = ClusterOptions::agree)]
pub struct ClusterOptions {
    /// The cluster's name: workers of one name share their work.
    #[option(name = "group.id", importance = "high")]
    pub group: String,
    /// The topic of configurations, as Kafka Connect has it.
    #[option(name = "config.storage.topic", importance = "high")]
    pub config_topic: String,
    /// The topic of the positions of sources, as Kafka Connect has it.
    #[option(name = "offset.storage.topic", importance = "high")]
    pub offset_topic: String,
    /// The topic of states, as Kafka Connect has it.
    #[option(name = "status.storage.topic", importance = "high")]
    pub status_topic: String,
    /// The topic of leases, by which workers share tasks; the config topic's name and `-leases` without it. Kafka
    /// Connect has none.
    #[option(name = "lease.storage.topic", importance = "low")]
    pub lease_topic: Option<String>,
    /// Partitions of the topic of positions if it is made; -1 for the broker's default.
    #[option(name = "offset.storage.partitions", default = 25, range = -1..=10000, importance = "low")]
    pub offset_partitions: i32,
    /// Partitions of the topic of states if it is made; -1 for the broker's default.
    #[option(name = "status.storage.partitions", default = 5, range = -1..=10000, importance = "low")]
    pub status_partitions: i32,
    /// Copies of the topics of configurations and leases if they are made; -1 for the broker's default.
    #[option(name = "config.storage.replication.factor", default = -1, range = -1..=100, importance = "low")]
    pub config_replication: i16,
    /// Copies of the topic of positions if it is made; -1 for the broker's default.
    #[option(name = "offset.storage.replication.factor", default = -1, range = -1..=100, importance = "low")]
    pub offset_replication: i16,
    /// Copies of the topic of states if it is made; -1 for the broker's default.
    #[option(name = "status.storage.replication.factor", default = -1, range = -1..=100, importance = "low")]
    pub status_replication: i16,
    /// Without a sign of life for so long a worker is gone and others take its tasks. The same for all workers.
    #[option(name = "session.timeout.ms", default = 6000, importance = "medium")]
    pub session: Duration,
    /// Between two signs of life.
    #[option(name = "heartbeat.interval.ms", default = 1000, importance = "low")]
    pub heartbeat: Duration,
    /// How long nothing must have come or gone before tasks move to a worker that has less to do.
    #[option(name = "scheduled.rebalance.max.delay.ms", default = 30000, importance = "low")]
    pub rebalance_delay: Duration,
}

impl ClusterOptions {
    fn agree(&self) -> Result<(), Fault> {
        if self.heartbeat.is_zero() || self.session < SESSION_MIN.max(4 * self.heartbeat) {
            let why = "session.timeout.ms must be at least 1000 and four times heartbeat.interval.ms, which must not be 0";
            return Err(Fault::new("session.timeout.ms", why.to_owned()));
        }
        Ok(())
    }

    pub(super) fn lease_topic(&self) -> String {
        self.lease_topic.clone().unwrap_or_else(|| format!("{}-leases", self.config_topic))
    }

    pub(super) fn timing(&self) -> Timing {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Timing {
            heartbeat_ms: ms(self.heartbeat),
            session_ms: ms(self.session),
            // A quarter: by then a worker that is cut off has ended its tasks.
            margin_ms: ms(self.session) / 4,
            rebalance_delay_ms: ms(self.rebalance_delay),
        }
    }
}
