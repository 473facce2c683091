//! What a consumer can be told.

use std::sync::Arc;
use std::time::Duration;

use super::group::{Assignor, CooperativeSticky, Range, RoundRobin};
use crate::config::parse::{INT, POSITIVE, boolean, count_in, int_in, list, millis_in, optional};
use crate::config::{Configured, Key, set};
use crate::{ClientConfig, ConfigError, Consumer, Result};

/// The policies of single topics.
#[derive(Clone)]
pub(crate) struct TopicResets(Arc<ResetOf>);

type ResetOf = dyn Fn(&str) -> Option<OffsetReset> + Send + Sync;

impl std::fmt::Debug for TopicResets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TopicResets")
    }
}

/// Where to begin without a committed offset, or where the position is outside the log (`auto.offset.reset`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the log's start.
    Earliest,
    /// At the log's end.
    Latest,
    /// Nowhere: it is an error.
    None,
    /// At the first record of this age or younger (`by_duration:PT1H`, KIP-1106).
    ByDuration(Duration),
}

/// Which records of transactions are read (`isolation.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All of them.
    ReadUncommitted,
    /// Those of committed transactions, up to the last stable offset.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// The configuration of a [`Consumer`], built up and then [`built`](Self::build). Defaults are Kafka's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConsumerConfig {
    /// What every client has.
    pub client: ClientConfig,
    /// `group.id`; needed to subscribe and to commit.
    pub group_id: Option<String>,
    /// `group.instance.id`: a static member keeps its place over a restart (KIP-345).
    pub group_instance_id: Option<String>,
    /// `session.timeout.ms` (45 s): a member that is silent for this long is dropped.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms` (3 s).
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms` (5 min): a member that does not poll for this long leaves the group.
    pub max_poll_interval: Duration,
    /// `partition.assignment.strategy` (range, cooperative-sticky), best first.
    pub assignors: Vec<Arc<dyn Assignor>>,
    /// `auto.offset.reset` (latest).
    pub auto_offset_reset: OffsetReset,
    /// What holds for single topics instead.
    pub(crate) topic_resets: Option<TopicResets>,
    /// `enable.auto.commit` (true).
    pub auto_commit: bool,
    /// `auto.commit.interval.ms` (5 s).
    pub auto_commit_interval: Duration,
    /// `isolation.level` (read_uncommitted).
    pub isolation_level: IsolationLevel,
    /// `fetch.min.bytes` (1).
    pub fetch_min_bytes: i32,
    /// `fetch.max.bytes` (50 MiB): the most that one answer brings, and that is kept fetched ahead.
    pub fetch_max_bytes: usize,
    /// `fetch.max.wait.ms` (500 ms).
    pub fetch_max_wait: Duration,
    /// `max.partition.fetch.bytes` (1 MiB): per partition; fetching ahead stops when as much waits to be read.
    pub max_partition_fetch_bytes: usize,
    /// `max.poll.records` (unlimited; Kafka: 500): the most records that one poll hands out. Records are handed out where
    /// the network left them, and the next fetch does not wait for a poll, so nothing is gained by few; but who takes
    /// long over each record stays within `max.poll.interval.ms`. A compressed batch is unpacked once for each portion.
    pub max_poll_records: usize,
    /// `check.crcs` (true).
    pub check_crcs: bool,
    /// `allow.auto.create.topics` (true).
    pub allow_auto_create_topics: bool,
    /// `exclude.internal.topics` (true): patterns do not match internal topics.
    pub exclude_internal_topics: bool,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            group_id: None,
            group_instance_id: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            assignors: vec![Arc::new(Range), Arc::new(CooperativeSticky)],
            auto_offset_reset: OffsetReset::Latest,
            topic_resets: None,
            auto_commit: true,
            auto_commit_interval: Duration::from_secs(5),
            isolation_level: IsolationLevel::ReadUncommitted,
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 << 20,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1 << 20,
            max_poll_records: usize::MAX,
            check_crcs: true,
            allow_auto_create_topics: true,
            exclude_internal_topics: true,
        }
    }
}

impl ConsumerConfig {
    /// Kafka's defaults and no broker yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `bootstrap.servers`, comma-separated.
    #[must_use]
    pub fn bootstrap(mut self, servers: &str) -> Self {
        self.client.bootstrap_servers = list(servers);
        self
    }

    /// `client.id`.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client.client_id = id.into();
        self
    }

    /// `group.id`.
    #[must_use]
    pub fn group_id(mut self, id: impl Into<String>) -> Self {
        self.group_id = Some(id.into());
        self
    }

    /// `group.instance.id`.
    #[must_use]
    pub fn group_instance_id(mut self, id: impl Into<String>) -> Self {
        self.group_instance_id = Some(id.into());
        self
    }

    /// `auto.offset.reset`.
    #[must_use]
    pub fn auto_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.auto_offset_reset = reset;
        self
    }

    /// What holds for single topics instead of `auto.offset.reset`; asked by name, `None` where that holds.
    #[must_use]
    pub fn auto_offset_reset_of(
        mut self,
        of_topic: impl Fn(&str) -> Option<OffsetReset> + Send + Sync + 'static,
    ) -> Self {
        self.topic_resets = Some(TopicResets(Arc::new(of_topic)));
        self
    }

    /// Where a partition of `topic` is read from without a committed offset.
    pub(crate) fn reset_of(&self, topic: &str) -> OffsetReset {
        let of_topic = self.topic_resets.as_ref().and_then(|TopicResets(of_topic)| of_topic(topic));
        of_topic.unwrap_or(self.auto_offset_reset)
    }

    /// `enable.auto.commit`.
    #[must_use]
    pub fn auto_commit(mut self, on: bool) -> Self {
        self.auto_commit = on;
        self
    }

    /// `isolation.level`.
    #[must_use]
    pub fn isolation_level(mut self, level: IsolationLevel) -> Self {
        self.isolation_level = level;
        self
    }

    /// `session.timeout.ms`.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// `max.poll.records`.
    #[must_use]
    pub fn max_poll_records(mut self, records: usize) -> Self {
        self.max_poll_records = records;
        self
    }

    /// The assignors to offer, best first; own ones are welcome. All members of a group must share one of them.
    #[must_use]
    pub fn assignors(mut self, assignors: impl IntoIterator<Item = Arc<dyn Assignor>>) -> Self {
        self.assignors = assignors.into_iter().collect();
        self
    }

    /// Any setting by its name in Kafka.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] with the nearest known name, or [`ConfigError::Invalid`].
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.apply(name, value)?;
        Ok(self)
    }

    /// Starts the consumer on the tokio runtime of the caller, or on one of its own where there is none.
    ///
    /// # Errors
    /// A configuration that cannot work. Brokers that cannot be reached show at the first call that needs them.
    pub async fn build(self) -> Result<Consumer> {
        self.build_blocking()
    }

    /// As [`Self::build`], for plain threads.
    ///
    /// # Errors
    /// A configuration that cannot work.
    pub fn build_blocking(self) -> Result<Consumer> {
        self.check()?;
        Consumer::start(self)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let conflict = |text: &str| Err(ConfigError::Conflict(text.to_owned()));
        if self.heartbeat_interval >= self.session_timeout {
            return conflict(
                "heartbeat.interval.ms must be below session.timeout.ms, a third of it as a rule",
            );
        }
        if self.assignors.is_empty() {
            return conflict("partition.assignment.strategy must name at least one assignor");
        }
        if self.max_poll_records == 0 {
            return conflict("max.poll.records must be 1 or more");
        }
        if self.group_instance_id.is_some() && self.group_id.is_none() {
            return conflict("group.instance.id needs a group.id");
        }
        Ok(())
    }
}

fn reset(text: &str) -> Result<OffsetReset, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "earliest" => Ok(OffsetReset::Earliest),
        "latest" => Ok(OffsetReset::Latest),
        "none" => Ok(OffsetReset::None),
        other => other
            .strip_prefix("by_duration:")
            .and_then(iso_duration)
            .map(OffsetReset::ByDuration)
            .ok_or_else(|| "expected earliest, latest, none or by_duration:PnDTnHnMnS".to_owned()),
    }
}

/// ISO 8601 as `java.time.Duration` reads it: days, hours, minutes and seconds, whole numbers.
fn iso_duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('p')?;
    let (days, time) = text.split_once('t').unwrap_or((text, ""));
    let mut seconds = 0_u64;
    let mut parts = 0;
    for (part, units) in [(days, [('d', 86_400)].as_slice()), (time, &[('h', 3_600), ('m', 60), ('s', 1)])] {
        let mut rest = part;
        while !rest.is_empty() {
            let at = rest.find(|c: char| !c.is_ascii_digit())?;
            let unit = rest[at..].chars().next()?;
            let scale = units.iter().find(|(name, _)| *name == unit)?.1;
            seconds = seconds.checked_add(rest[..at].parse::<u64>().ok()?.checked_mul(scale)?)?;
            rest = &rest[at + 1..];
            parts += 1;
        }
    }
    (parts > 0).then(|| Duration::from_secs(seconds))
}

fn isolation(text: &str) -> Result<IsolationLevel, String> {
    match text.trim() {
        "read_uncommitted" => Ok(IsolationLevel::ReadUncommitted),
        "read_committed" => Ok(IsolationLevel::ReadCommitted),
        _ => Err("expected read_uncommitted or read_committed".to_owned()),
    }
}

/// Assignors by their own names, or by those of Kafka's classes.
fn assignors(text: &str) -> Result<Vec<Arc<dyn Assignor>>, String> {
    let one = |name: String| -> Result<Arc<dyn Assignor>, String> {
        match name.rsplit('.').next().unwrap_or(&name) {
            "range" | "RangeAssignor" => Ok(Arc::new(Range)),
            "roundrobin" | "RoundRobinAssignor" => Ok(Arc::new(RoundRobin)),
            "cooperative-sticky" | "CooperativeStickyAssignor" => Ok(Arc::new(CooperativeSticky)),
            _ => Err("expected range, roundrobin or cooperative-sticky, comma-separated".to_owned()),
        }
    };
    list(text).into_iter().map(one).collect()
}

fn classic_only(text: &str) -> Result<(), String> {
    if text.trim().eq_ignore_ascii_case("classic") {
        return Ok(());
    }
    Err("only group.protocol=classic is supported so far".to_owned())
}

impl Configured for ConsumerConfig {
    const KEYS: &'static [Key<Self>] = &[
        Key { name: "group.id", set: |c, v| set(&mut c.group_id, Ok(optional(v))) },
        Key { name: "group.instance.id", set: |c, v| set(&mut c.group_instance_id, Ok(optional(v))) },
        Key { name: "session.timeout.ms", set: |c, v| set(&mut c.session_timeout, millis_in(v, INT)) },
        Key { name: "heartbeat.interval.ms", set: |c, v| set(&mut c.heartbeat_interval, millis_in(v, INT)) },
        Key {
            name: "max.poll.interval.ms",
            set: |c, v| set(&mut c.max_poll_interval, millis_in(v, POSITIVE)),
        },
        Key { name: "partition.assignment.strategy", set: |c, v| set(&mut c.assignors, assignors(v)) },
        Key { name: "auto.offset.reset", set: |c, v| set(&mut c.auto_offset_reset, reset(v)) },
        Key { name: "enable.auto.commit", set: |c, v| set(&mut c.auto_commit, boolean(v)) },
        Key {
            name: "auto.commit.interval.ms",
            set: |c, v| set(&mut c.auto_commit_interval, millis_in(v, INT)),
        },
        Key { name: "isolation.level", set: |c, v| set(&mut c.isolation_level, isolation(v)) },
        Key { name: "fetch.min.bytes", set: |c, v| set(&mut c.fetch_min_bytes, int_in(v, 0..=i32::MAX)) },
        Key { name: "fetch.max.bytes", set: |c, v| set(&mut c.fetch_max_bytes, count_in(v, INT)) },
        Key { name: "fetch.max.wait.ms", set: |c, v| set(&mut c.fetch_max_wait, millis_in(v, INT)) },
        Key {
            name: "max.partition.fetch.bytes",
            set: |c, v| set(&mut c.max_partition_fetch_bytes, count_in(v, INT)),
        },
        Key { name: "max.poll.records", set: |c, v| set(&mut c.max_poll_records, count_in(v, POSITIVE)) },
        Key { name: "check.crcs", set: |c, v| set(&mut c.check_crcs, boolean(v)) },
        Key {
            name: "allow.auto.create.topics",
            set: |c, v| set(&mut c.allow_auto_create_topics, boolean(v)),
        },
        Key { name: "exclude.internal.topics", set: |c, v| set(&mut c.exclude_internal_topics, boolean(v)) },
        Key { name: "group.protocol", set: |_, v| classic_only(v) },
    ];

    fn client(&mut self) -> &mut ClientConfig {
        &mut self.client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_parse_as_in_kafka() {
        assert_eq!(reset("earliest"), Ok(OffsetReset::Earliest));
        assert_eq!(reset("by_duration:PT1H30M"), Ok(OffsetReset::ByDuration(Duration::from_secs(5400))));
        assert_eq!(reset("by_duration:P1DT1S"), Ok(OffsetReset::ByDuration(Duration::from_secs(86_401))));
        for wrong in ["by_duration:", "by_duration:P", "by_duration:PT", "by_duration:PT1X", "smallest"] {
            assert!(reset(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn assignors_are_known_by_their_java_classes() {
        let config = ConsumerConfig::new()
            .set(
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.RoundRobinAssignor, range",
            )
            .unwrap();
        let names: Vec<&str> = config.assignors.iter().map(|assignor| assignor.name()).collect();
        assert_eq!(names, ["roundrobin", "range"]);
    }
}
