//! Configuration by Kafka Streams' names.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use millstream_client::{Admin, Consumer, Producer};

use super::assignment::Placement;
use super::error::ConfigError;
use super::input::MaxIdle;
use crate::dsl::TimestampExtractor;
use crate::errors::{Policies, Stage};
use crate::topology::{Optimization, TopologyError};

/// The configuration of an application. Names and defaults are those of `StreamsConfig`, with two exceptions that are said at
/// their fields.
#[derive(Debug, Clone)]
pub(crate) struct StreamsConfig {
    /// `application.id`: the consumer group, and the prefix of internal topics and of the state directory.
    pub(crate) application_id: String,
    /// `application.server`: where other instances ask this one, `host:port`, also with a path behind it; empty: where it listens
    /// for queries, if it does.
    pub(crate) application_server: String,
    /// `bootstrap.servers`.
    pub(crate) bootstrap_servers: String,
    /// `state.dir`.
    pub(crate) state_dir: PathBuf,
    /// `num.stream.threads`.
    pub(crate) threads: usize,
    /// `commit.interval.ms`.
    pub(crate) commit_interval: Duration,
    /// `statestore.cache.max.bytes`, shared by all threads.
    pub(crate) cache_bytes: usize,
    /// `state.memory.bytes`: block cache and memtables of all stores together. Kafka Streams has no such bound.
    pub(crate) state_memory_bytes: usize,
    /// `state.flush.records`: how many changelog records a task may be ahead of its disk, and has to replay after a crash.
    /// Kafka Streams has 10,000, built in, for a file with the position alone.
    pub(crate) flush_records: u64,
    /// `state.flush.bytes`: the same in bytes.
    pub(crate) flush_bytes: u64,
    /// `buffered.records.per.partition`. 10,000 where Kafka has 1,000: the records stay as they were fetched, so that a
    /// buffered one costs its bytes and nothing else, and a second bound of 8 MiB a partition holds.
    pub(crate) buffered_records: usize,
    /// `default.timestamp.extractor`.
    pub(crate) timestamps: TimestampExtractor,
    /// `max.task.idle.ms`.
    pub(crate) max_idle: MaxIdle,
    /// `task.timeout.ms`: how long a task bears failures of the cluster that may pass (KIP-572).
    pub(crate) task_timeout: Duration,
    /// `repartition.purge.interval.ms`.
    pub(crate) purge_interval: Duration,
    /// `state.cleanup.delay.ms`.
    pub(crate) cleanup_delay: Duration,
    /// `windowstore.changelog.additional.retention.ms`: how much longer than a window store its changelog keeps windows.
    pub(crate) window_changelog_surplus: Duration,
    /// `replication.factor` of internal topics; -1: the broker's default.
    pub(crate) replication_factor: i16,
    /// What is passed on to the clients: `consumer.`, `main.consumer.`, `restore.consumer.`, `global.consumer.`, `producer.`, `admin.`, and without
    /// a prefix to all of them.
    pub(crate) clients: Vec<(Recipient, String, String)>,
    /// Where tasks and their standbys go: `num.standby.replicas` and its like.
    pub(crate) placement: Placement,
    /// `topology.optimization`.
    pub(crate) optimization: Optimization,
    /// What becomes of records that fail: the three `*.exception.handler`, `errors.dead.letter.queue.topic.name`.
    pub(crate) errors: Policies,
    /// `topic.`: configurations of the internal topics.
    pub(crate) topics: Vec<(String, String)>,
}

/// Which client a configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient {
    All,
    Consumers,
    MainConsumer,
    RestoreConsumer,
    GlobalConsumer,
    Producer,
    Admin,
}

impl Recipient {
    const PREFIXES: [(&str, Self); 6] = [
        ("consumer.", Self::Consumers),
        ("main.consumer.", Self::MainConsumer),
        ("restore.consumer.", Self::RestoreConsumer),
        ("global.consumer.", Self::GlobalConsumer),
        ("producer.", Self::Producer),
        ("admin.", Self::Admin),
    ];

    /// Whether a configuration for `self` concerns the client that `other` names.
    pub(crate) fn covers(self, other: Self) -> bool {
        let consumer = matches!(other, Self::MainConsumer | Self::RestoreConsumer | Self::GlobalConsumer);
        self == Self::All || self == other || (self == Self::Consumers && consumer)
    }

    /// Whether the clients concerned take it: they are built on the stream threads, too late for a mistake to fail the start.
    fn check(self, name: &str, value: &str) -> Result<(), ConfigError> {
        if self.covers(Self::Producer) {
            Producer::builder().set(name, value)?;
        }
        if [Self::MainConsumer, Self::RestoreConsumer, Self::GlobalConsumer].iter().any(|c| self.covers(*c)) {
            Consumer::builder().set(name, value)?;
        }
        if self.covers(Self::Admin) {
            Admin::builder().set(name, value)?;
        }
        Ok(())
    }
}

type Set = fn(&mut StreamsConfig, &str) -> Result<(), String>;

/// What takes effect here.
const KEYS: &[(&str, Set)] = &[
    ("deserialization.exception.handler", |config, value| config.errors.set_handler(Stage::Decode, value)),
    ("default.deserialization.exception.handler", |config, value| {
        config.errors.set_handler(Stage::Decode, value)
    }),
    ("processing.exception.handler", |config, value| config.errors.set_handler(Stage::Process, value)),
    ("production.exception.handler", |config, value| config.errors.set_handler(Stage::Produce, value)),
    ("default.production.exception.handler", |config, value| {
        config.errors.set_handler(Stage::Produce, value)
    }),
    ("errors.dead.letter.queue.topic.name", |config, value| {
        config.errors.dead_letters = Some(value.into());
        Ok(())
    }),
    ("application.id", |config, value| {
        config.application_id = value.to_owned();
        Ok(())
    }),
    ("application.server", |config, value| assign(&mut config.application_server, endpoint(value))),
    ("bootstrap.servers", |config, value| {
        config.bootstrap_servers = value.to_owned();
        Ok(())
    }),
    ("topology.optimization", |config, value| {
        config.optimization = value.parse().map_err(|error: TopologyError| error.to_string())?;
        Ok(())
    }),
    ("state.dir", |config, value| {
        config.state_dir = value.into();
        Ok(())
    }),
    ("num.stream.threads", |config, value| assign(&mut config.threads, number(value, 1..=1_024))),
    ("commit.interval.ms", |config, value| assign(&mut config.commit_interval, millis(value))),
    ("statestore.cache.max.bytes", |config, value| {
        assign(&mut config.cache_bytes, number(value, 0..=usize::MAX))
    }),
    ("state.memory.bytes", |config, value| {
        assign(&mut config.state_memory_bytes, number(value, 1 << 20..=usize::MAX))
    }),
    ("state.flush.records", |config, value| assign(&mut config.flush_records, number(value, 1..=u64::MAX))),
    ("state.flush.bytes", |config, value| assign(&mut config.flush_bytes, number(value, 1..=u64::MAX))),
    ("buffered.records.per.partition", |config, value| {
        assign(&mut config.buffered_records, number(value, 1..=usize::MAX))
    }),
    ("default.timestamp.extractor", |config, value| assign(&mut config.timestamps, value.parse())),
    ("max.task.idle.ms", |config, value| {
        config.max_idle = match number(value, -1..=i64::MAX)? {
            -1 => MaxIdle::Never,
            millis => MaxIdle::Millis(millis),
        };
        Ok(())
    }),
    ("task.timeout.ms", |config, value| assign(&mut config.task_timeout, millis(value))),
    ("repartition.purge.interval.ms", |config, value| assign(&mut config.purge_interval, millis(value))),
    ("state.cleanup.delay.ms", |config, value| assign(&mut config.cleanup_delay, millis(value))),
    ("windowstore.changelog.additional.retention.ms", |config, value| {
        assign(&mut config.window_changelog_surplus, millis(value))
    }),
    ("replication.factor", |config, value| {
        assign(&mut config.replication_factor, number(value, -1..=i16::MAX))
    }),
    ("processing.guarantee", |_, value| only("at_least_once", value)),
    ("num.standby.replicas", |config, value| {
        assign(&mut config.placement.standbys, number(value, 0..=1_024))
    }),
    ("acceptable.recovery.lag", |config, value| {
        assign(&mut config.placement.acceptable_lag, number(value, 0..=i64::MAX))
    }),
    ("max.warmup.replicas", |config, value| {
        assign(&mut config.placement.max_warm_ups, number(value, 1..=1_024))
    }),
    ("probing.rebalance.interval.ms", |config, value| {
        assign(&mut config.placement.probing_interval_ms, number(value, 1..=i64::MAX.unsigned_abs()))
    }),
    ("rack.aware.assignment.tags", |config, value| {
        assign(&mut config.placement.spread_over, tag_names(value))
    }),
];

/// Known to Kafka Streams, without meaning here.
const INERT: &[&str] = &[
    "built.in.metrics.version",
    "client.id",
    "default.key.serde",
    "default.timestamp.extractor",
    "default.value.serde",
    "enable.metrics.push",
    "group.protocol",
    "log.summary.interval.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "poll.ms",
    "rocksdb.config.setter",
    "upgrade.from",
];

/// Configurations of the clients that need no prefix. The rest of theirs is set with one.
const CLIENTS: [(&str, Recipient); 19] = [
    ("auto.offset.reset", Recipient::MainConsumer),
    ("batch.size", Recipient::Producer),
    ("buffer.memory", Recipient::Producer),
    ("compression.type", Recipient::Producer),
    ("connections.max.idle.ms", Recipient::All),
    ("fetch.max.bytes", Recipient::Consumers),
    ("heartbeat.interval.ms", Recipient::MainConsumer),
    ("linger.ms", Recipient::Producer),
    ("max.partition.fetch.bytes", Recipient::Consumers),
    ("max.poll.interval.ms", Recipient::MainConsumer),
    ("metadata.max.age.ms", Recipient::All),
    ("receive.buffer.bytes", Recipient::All),
    ("reconnect.backoff.max.ms", Recipient::All),
    ("reconnect.backoff.ms", Recipient::All),
    ("request.timeout.ms", Recipient::All),
    ("retry.backoff.ms", Recipient::All),
    ("security.protocol", Recipient::All),
    ("send.buffer.bytes", Recipient::All),
    ("session.timeout.ms", Recipient::MainConsumer),
];

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            application_id: String::new(),
            application_server: String::new(),
            bootstrap_servers: String::new(),
            state_dir: std::env::temp_dir().join("millstream"),
            threads: 1,
            commit_interval: Duration::from_secs(30),
            cache_bytes: 10 << 20,
            state_memory_bytes: 256 << 20,
            flush_records: 1_000_000,
            flush_bytes: 64 << 20,
            buffered_records: 10_000,
            timestamps: TimestampExtractor::default(),
            max_idle: MaxIdle::Millis(0),
            task_timeout: Duration::from_secs(300),
            purge_interval: Duration::from_secs(30),
            cleanup_delay: Duration::from_secs(600),
            window_changelog_surplus: Duration::from_secs(24 * 60 * 60),
            replication_factor: -1,
            clients: Vec::new(),
            placement: Placement::default(),
            optimization: Optimization::NONE,
            errors: Policies::default(),
            topics: Vec::new(),
        }
    }
}

impl StreamsConfig {
    /// Sets a configuration by its name in Kafka. What neither Kafka Streams nor its clients' prefixes know is refused.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let invalid =
            |reason| ConfigError::Invalid { name: name.to_owned(), value: value.to_owned(), reason };
        if let Some((_, set)) = KEYS.iter().find(|(known, _)| *known == name) {
            return set(self, value).map_err(invalid);
        }
        if let Some(topic) = name.strip_prefix("topic.") {
            self.topics.push((topic.to_owned(), value.to_owned()));
            return Ok(());
        }
        if let Some(tag) = name.strip_prefix("client.tag.") {
            check_tag(tag, value).map_err(invalid)?;
            self.placement.tags.insert(tag.to_owned(), value.to_owned());
            return Ok(());
        }
        for (prefix, recipient) in Recipient::PREFIXES {
            if let Some(name) = name.strip_prefix(prefix) {
                recipient.check(name, value).map_err(|mistake| mistake.behind(prefix))?;
                self.clients.push((recipient, name.to_owned(), value.to_owned()));
                return Ok(());
            }
        }
        if INERT.contains(&name) {
            tracing::warn!(name, value, "this configuration is known but has no effect here");
            return Ok(());
        }
        if let Some((_, recipient)) = CLIENTS.iter().find(|(known, _)| *known == name) {
            recipient.check(name, value)?;
            self.clients.push((*recipient, name.to_owned(), value.to_owned()));
            return Ok(());
        }
        Err(ConfigError::Unknown { name: name.to_owned(), nearest: nearest(name).to_owned() })
    }

    /// What is set for one kind of client.
    pub(crate) fn of(&self, client: Recipient) -> impl Iterator<Item = (&str, &str)> {
        let concerned = self.clients.iter().filter(move |(recipient, ..)| recipient.covers(client));
        concerned.map(|(_, name, value)| (name.as_str(), value.as_str()))
    }

    /// What becomes of records that fail, for those who are to show the topics by their names in the cluster.
    pub(crate) fn policies(&self) -> Policies {
        Policies { application_id: self.application_id.as_str().into(), ..self.errors.clone() }
    }

    /// What must be given.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.application_id.is_empty() {
            let hint = "it names the consumer group and the internal topics: `.application_id(\"my-app\")`";
            return Err(ConfigError::Missing { name: "application.id", hint });
        }
        if self.bootstrap_servers.is_empty() {
            let hint = "say where the cluster is: `.bootstrap(\"localhost:9092\")`";
            return Err(ConfigError::Missing { name: "bootstrap.servers", hint });
        }
        let Placement { spread_over, tags, .. } = &self.placement;
        if tags.len() > MAX_TAGS || spread_over.iter().any(|tag| !tags.contains_key(tag)) {
            return Err(ConfigError::Invalid {
                name: "rack.aware.assignment.tags".to_owned(),
                value: spread_over.join(","),
                reason: format!(
                    "each needs a value, client.tag.<name>, and there may be {MAX_TAGS} of these"
                ),
            });
        }
        Ok(())
    }
}

fn assign<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    value: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, String> {
    let expected = || format!("expected a whole number from {} to {}", range.start(), range.end());
    value.trim().parse().ok().filter(|number| range.contains(number)).ok_or_else(expected)
}

fn millis(value: &str) -> Result<Duration, String> {
    number(value, 0..=i64::MAX).map(|millis| Duration::from_millis(millis.unsigned_abs()))
}

/// Bytes that `application.server` may have: it travels with every rebalance.
const MAX_ENDPOINT: usize = 1_024;

/// `host:port` or `host:port/path`.
fn endpoint(value: &str) -> Result<String, String> {
    let (authority, _path) = value.split_once('/').unwrap_or((value, ""));
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let plain = value.len() <= MAX_ENDPOINT && value.chars().all(|letter| letter.is_ascii_graphic());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(1..)) if plain => Ok(value.trim_end_matches('/').to_owned()),
        _ => Err("expected host:port, where other instances reach this one".to_owned()),
    }
}

/// What Kafka Streams allows of tags (KIP-708): they travel with every rebalance.
const MAX_TAGS: usize = 5;
const MAX_TAG_NAME: usize = 20;
const MAX_TAG_VALUE: usize = 30;

fn check_tag(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_TAG_NAME || value.len() > MAX_TAG_VALUE {
        return Err(format!(
            "expected a tag of 1 to {MAX_TAG_NAME} bytes and a value of at most {MAX_TAG_VALUE}"
        ));
    }
    Ok(())
}

/// Names of tags, separated by commas.
fn tag_names(value: &str) -> Result<Vec<String>, String> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.len() > MAX_TAGS { Err(format!("expected at most {MAX_TAGS} tags")) } else { Ok(names) }
}

fn only(supported: &str, value: &str) -> Result<(), String> {
    if value == supported { Ok(()) } else { Err(format!("only {supported} is implemented so far")) }
}

fn nearest(name: &str) -> &'static str {
    let clients = CLIENTS.iter().map(|(known, _)| *known);
    let known = KEYS.iter().map(|(known, _)| *known).chain(INERT.iter().copied()).chain(clients);
    known.min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or("application.id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_effect_pass_on_or_are_refused() {
        let mut config = StreamsConfig::default();
        config.set("commit.interval.ms", "100").unwrap();
        config.set("max.task.idle.ms", "-1").unwrap();
        config.set("task.timeout.ms", "7").unwrap();
        assert_eq!(config.task_timeout, Duration::from_millis(7));
        config.set("producer.linger.ms", "5").unwrap();
        config.set("request.timeout.ms", "1000").unwrap();
        config.set("topic.retention.ms", "1").unwrap();
        config.set("poll.ms", "1").unwrap();
        assert_eq!((config.commit_interval, config.max_idle), (Duration::from_millis(100), MaxIdle::Never));
        assert_eq!(config.clients[0], (Recipient::Producer, "linger.ms".into(), "5".into()));
        assert_eq!(config.clients[1], (Recipient::All, "request.timeout.ms".into(), "1000".into()));
        assert_eq!(config.topics, [("retention.ms".into(), "1".into())]);
        let refused = config.set("comit.interval.ms", "1").unwrap_err();
        assert_eq!(
            refused,
            ConfigError::Unknown { name: "comit.interval.ms".into(), nearest: "commit.interval.ms".into() }
        );
    }

    #[test]
    fn an_application_server_is_a_host_and_a_port() {
        let mut config = StreamsConfig::default();
        for (given, kept) in
            [("a:1", "a:1"), ("[::1]:8080/", "[::1]:8080"), ("a.b:80/state/", "a.b:80/state")]
        {
            config.set("application.server", given).unwrap();
            assert_eq!(config.application_server, kept);
        }
        for wrong in ["", "a", "a:", ":1", "a:0", "a:b", "a:1/b c"] {
            assert!(config.set("application.server", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn where_standbys_go_is_said_by_kafkas_names() {
        let mut config = StreamsConfig::default();
        for (name, value) in [
            ("num.standby.replicas", "2"),
            ("acceptable.recovery.lag", "7"),
            ("max.warmup.replicas", "3"),
            ("probing.rebalance.interval.ms", "60000"),
            ("rack.aware.assignment.tags", "zone, cluster"),
            ("client.tag.zone", "a"),
            ("application.id", "app"),
            ("bootstrap.servers", "a:1"),
        ] {
            config.set(name, value).unwrap();
        }
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("client.tag."), "{refused}");
        config.set("client.tag.cluster", "b").unwrap();
        config.check().unwrap();
        let expected = Placement {
            standbys: 2,
            acceptable_lag: 7,
            max_warm_ups: 3,
            probing_interval_ms: 60_000,
            spread_over: vec!["zone".to_owned(), "cluster".to_owned()],
            tags: [("zone", "a"), ("cluster", "b")]
                .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
                .into(),
        };
        assert_eq!(config.placement, expected);
        for (name, value) in [
            ("max.warmup.replicas", "0"),
            ("acceptable.recovery.lag", "-1"),
            ("client.tag.", "a"),
            ("client.tag.zone", "a value of more than thirty bytes"),
            ("rack.aware.assignment.tags", "a,b,c,d,e,f"),
        ] {
            assert!(config.set(name, value).is_err(), "{name}");
        }
    }

    #[test]
    fn what_a_client_would_refuse_is_refused_at_once() {
        let mut config = StreamsConfig::default();
        for (name, nearest) in [
            ("producer.lingr.ms", "producer.linger.ms"),
            ("main.consumer.max.pol.records", "main.consumer.max.poll.records"),
            ("restore.consumer.fetch.max.byte", "restore.consumer.fetch.max.bytes"),
            ("admin.request.timeout", "admin.request.timeout.ms"),
        ] {
            let refused = config.set(name, "5").unwrap_err();
            assert_eq!(refused, ConfigError::Unknown { name: name.into(), nearest: nearest.into() });
        }
        for name in ["producer.linger.ms", "linger.ms", "request.timeout.ms"] {
            let refused = config.set(name, "soon").unwrap_err();
            assert!(matches!(&refused, ConfigError::Invalid { name: at, .. } if at == name), "{refused}");
        }
        assert!(config.clients.is_empty());
    }

    #[test]
    fn every_name_that_needs_no_prefix_is_known_to_its_clients() {
        for (name, recipient) in CLIENTS {
            let known = recipient.check(name, "no such value");
            let unknown = matches!(known, Err(ConfigError::Unknown { .. }));
            assert!(!unknown, "{known:?}");
        }
    }

    #[test]
    fn values_are_checked_and_the_text_says_what_is_allowed() {
        let mut config = StreamsConfig::default();
        let refused = config.set("num.stream.threads", "0").unwrap_err();
        assert!(refused.to_string().contains("from 1 to 1024"), "{refused}");
        assert!(config.set("processing.guarantee", "exactly_once_v2").is_err());
        assert!(config.check().unwrap_err().to_string().contains("application.id"));
    }

    #[test]
    fn a_consumer_configuration_covers_both_consumers() {
        assert!(Recipient::Consumers.covers(Recipient::RestoreConsumer));
        assert!(Recipient::All.covers(Recipient::Producer));
        assert!(!Recipient::MainConsumer.covers(Recipient::RestoreConsumer));
        assert!(!Recipient::Consumers.covers(Recipient::Producer));
    }
}
