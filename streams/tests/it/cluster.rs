//! An application on a broker of this process, or on any other that is given by `MILLSTREAM_PEER_BOOTSTRAP`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::runtime::AppBuilder;
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Admin, Consumer, Event, NewTopic, Offset, Producer, ProducerRecord, TopicPartition};

pub(crate) const LINES: Topic<Option<String>, String> = Topic::new("lines");
pub(crate) const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// What a test that waits gives up after; a machine under load is slow, not broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Where a test has topics and groups to itself.
pub(crate) struct Cluster {
    node: Node,
    pub(crate) admin: Admin,
}

enum Node {
    Ours(Broker),
    /// One that all tests share, one after the other.
    Peer(String, Turn),
}

/// Whether a test has the peer.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to the peer.
struct Turn;

impl Turn {
    fn take() -> Self {
        wait_until("a turn", || !IS_TAKEN.swap(true, Ordering::Relaxed));
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        IS_TAKEN.store(false, Ordering::Relaxed);
    }
}

impl Cluster {
    pub(crate) fn start(partitions: i32) -> Self {
        Self::start_with(partitions, &[])
    }

    /// As [`start`](Self::start), on a broker with these configurations.
    pub(crate) fn start_with(partitions: i32, configs: &[(&str, &str)]) -> Self {
        let node = match std::env::var("MILLSTREAM_PEER_BOOTSTRAP") {
            Ok(peer) => Node::Peer(peer, Turn::take()),
            Err(_) => {
                let config = BrokerConfig::ephemeral().set("group.initial.rebalance.delay.ms", "0").unwrap();
                let with =
                    |config: BrokerConfig, (name, value): &(&str, &str)| config.set(name, value).unwrap();
                Node::Ours(Broker::start_blocking(configs.iter().fold(config, with)).unwrap())
            }
        };
        let admin = Admin::builder().bootstrap(&node.bootstrap()).build_blocking().unwrap();
        if matches!(node, Node::Peer(..)) {
            clear(&admin);
        }
        let created = admin.blocking(admin.create_topics([NewTopic::new("lines", partitions)])).unwrap();
        assert!(created.iter().all(|(_, created)| created.is_ok()), "{created:?}");
        Self { node, admin }
    }

    /// A cluster of one broker of ours, as it is.
    pub(crate) fn of(broker: Broker) -> Self {
        let admin = Admin::builder().bootstrap(&broker.bootstrap()).build_blocking().unwrap();
        Self { node: Node::Ours(broker), admin }
    }

    /// Closes the broker, if it is ours.
    pub(crate) fn close(self) {
        if let Node::Ours(broker) = self.node {
            broker.close_blocking();
        }
    }

    /// Where to connect to.
    pub(crate) fn bootstrap(&self) -> String {
        self.node.bootstrap()
    }

    /// Sends lines to the first two partitions in turns.
    pub(crate) fn send(&self, lines: &[&str]) {
        let lines = lines.iter().map(|line| line.as_bytes());
        self.send_to(lines.zip((0..2).cycle()));
    }

    /// Sends values to the first partition.
    pub(crate) fn send_bytes(&self, values: &[&[u8]]) {
        self.send_to(values.iter().map(|value| (*value, 0)));
    }

    fn send_to<'a>(&self, values: impl Iterator<Item = (&'a [u8], i32)>) {
        let producer = Producer::builder().bootstrap(&self.bootstrap()).build_blocking().unwrap();
        for (value, partition) in values {
            let record = ProducerRecord::to("lines").partition(partition).value(value);
            drop(producer.send_blocking(record).unwrap());
        }
        producer.flush_blocking().unwrap();
    }

    pub(crate) fn app(&self, topology: Topology, state: &Path) -> AppBuilder {
        Streams::builder(topology)
            .application_id("app")
            .bootstrap(self.bootstrap())
            .state_dir(state)
            .commit_interval(Duration::from_millis(50))
            .set("session.timeout.ms", self.session_timeout_ms())
    }

    /// Whether the broker is ours.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.node, Node::Ours(_))
    }

    /// On a peer as short as Kafka allows: the next test waits until the members of this one are forgotten.
    fn session_timeout_ms(&self) -> u32 {
        if self.is_ours() { 45_000 } else { 6_000 }
    }

    pub(crate) fn committed(&self, topic: &str) -> i64 {
        let offsets = self.admin.blocking(self.admin.group_offsets("app")).unwrap();
        let of_topic = offsets.iter().filter(|(partition, _)| &*partition.topic == topic);
        of_topic.map(|(_, offset)| offset.offset).sum()
    }
}

impl Node {
    fn bootstrap(&self) -> String {
        match self {
            Self::Ours(broker) => broker.bootstrap(),
            Self::Peer(bootstrap, _) => bootstrap.clone(),
        }
    }
}

/// Deletes what an earlier test has left: its topics, and its groups once their last members are forgotten.
fn clear(admin: &Admin) {
    let topics = || {
        let topics = admin.blocking(admin.list_topics()).unwrap();
        topics.into_iter().filter(|topic| !topic.internal).map(|topic| topic.name.to_string()).collect()
    };
    // A coordinator that was just started loads its groups first.
    let groups = || -> Option<Vec<String>> {
        let groups = admin.blocking(admin.list_groups()).ok()?;
        Some(groups.into_iter().map(|group| group.id.to_string()).collect())
    };
    wait_until("a peer without groups", || {
        let Some(left) = groups() else { return false };
        // Those that have members are refused.
        let _ = futures::executor::block_on(admin.delete_groups(left.clone()));
        left.is_empty()
    });
    wait_until("a peer without topics", || {
        let left: Vec<String> = topics();
        let _ = admin.blocking(admin.delete_topics(left.clone()));
        left.is_empty()
    });
}

/// A record that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) partition: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) timestamp: i64,
}

/// Waits for the first `count` records of a topic; each partition in its order.
pub(crate) fn read(bootstrap: &str, topic: &str, partitions: i32, count: usize) -> Vec<Written> {
    let mut consumer = Consumer::builder().bootstrap(bootstrap).build_blocking().unwrap();
    for partition in 0..partitions {
        consumer.assign_at(TopicPartition::new(topic, partition), Offset(0));
    }
    let mut written = Vec::new();
    while written.len() < count {
        let Some(Event::Fetched(fetched)) = consumer.poll_blocking(PATIENCE).unwrap() else {
            panic!("{} of {count} records came", written.len());
        };
        let partition = fetched.partition.partition;
        let each = |record: &millstream_wire::batch::Record<'_>| {
            let bytes = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
            let (key, value, timestamp) = (bytes(record.key), bytes(record.value), record.timestamp);
            written.push(Written { partition, key, value, timestamp });
            Ok(())
        };
        fetched.for_each(each).unwrap();
    }
    written
}

pub(crate) fn counting() -> Topology {
    let builder = StreamsBuilder::new();
    let _counts = builder
        .stream(LINES)
        .flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
        .group_by(|_, word| word.clone())
        .count(COUNTS);
    builder.build().unwrap()
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn counts(apps: &[&Streams]) -> BTreeMap<String, i64> {
    let answers = apps.iter().filter_map(|app| block_on(app.store(COUNTS).unwrap().all()).ok());
    answers.flatten().collect()
}
