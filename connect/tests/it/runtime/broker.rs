//! The broker under test, and what lies in its topics.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Admin, Consumer, Offset, Producer, ProducerRecord, TopicPartition};
use tokio::sync::OnceCell;

static NEXT: AtomicU32 = AtomicU32::new(0);
/// One broker for all tests: each has topics and groups of its own.
static BROKER: OnceCell<Broker> = OnceCell::const_new();

/// Where to connect to.
pub(crate) async fn bootstrap() -> String {
    // A member that is killed is missed soon, if it says so (`session.timeout.ms`).
    let settings = [("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "1")];
    let config = settings
        .iter()
        .fold(BrokerConfig::ephemeral(), |config, (name, value)| config.set(name, value).unwrap());
    BROKER.get_or_init(|| async { Broker::start(config).await.unwrap() }).await.bootstrap()
}

/// A name that no other test has used.
pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn admin() -> Admin {
    Admin::builder().bootstrap(&bootstrap().await).build().await.unwrap()
}

/// A record as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// Creates a topic with these values, spread over its partitions by number.
pub(crate) async fn topic_of(
    name: &str,
    partitions: i32,
    values: impl IntoIterator<Item = String>,
) -> String {
    let name = unique(name);
    let new = millstream_client::NewTopic::new(&name, partitions);
    for (_, created) in admin().await.create_topics([new]).await.unwrap() {
        created.unwrap();
    }
    append(&name, partitions, values).await;
    name
}

pub(crate) async fn append(topic: &str, partitions: i32, values: impl IntoIterator<Item = String>) {
    let producer = Producer::builder().bootstrap(&bootstrap().await).build().await.unwrap();
    for (at, value) in values.into_iter().enumerate() {
        let partition = i32::try_from(at).unwrap() % partitions;
        let record = ProducerRecord::to(topic).partition(partition).value(&value);
        drop(producer.send(record).await.unwrap());
    }
    producer.close().await.unwrap();
}

/// All that lies in a topic now; nothing where there is no topic.
pub(crate) async fn contents(topic: &str) -> Vec<Stored> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut stored = Vec::new();
    read(topic, |partition, record| {
        let headers = record.headers.into_iter();
        let header = |header: millstream_client::Header<'_>| {
            (text(header.key), header.value.map(text).unwrap_or_default())
        };
        stored.push(Stored {
            partition,
            key: record.key.map(text),
            value: record.value.map(text),
            headers: headers.map(header).collect(),
        });
    })
    .await;
    stored
}

/// Calls `each` with the partition and the record, for all that lies in a topic now.
pub(crate) async fn read(topic: &str, mut each: impl FnMut(i32, &millstream_client::Record<'_>)) {
    let described = admin().await.describe_topics([topic]).await.unwrap().into_iter().next();
    let Some((_, Ok(described))) = described else { return };
    let mut consumer = Consumer::builder().bootstrap(&bootstrap().await).build().await.unwrap();
    let partitions = described.partitions.iter().map(|part| TopicPartition::new(topic, part.partition));
    let partitions: Vec<TopicPartition> = partitions.collect();
    let ends = consumer.end_offsets(partitions.clone()).await.unwrap();
    partitions.iter().for_each(|partition| consumer.assign_at(partition.clone(), Offset(0)));
    let behind = |consumer: &Consumer| {
        partitions.iter().any(|partition| consumer.position(partition) < ends.get(partition).copied())
    };
    while behind(&consumer) {
        let Some(event) = consumer.poll(Duration::from_secs(10)).await.unwrap() else { break };
        let millstream_client::Event::Fetched(fetched) = event else { continue };
        let partition = fetched.partition.partition;
        let told = |record: &millstream_client::Record<'_>| {
            each(partition, record);
            Ok(())
        };
        fetched.for_each(told).unwrap();
    }
}

/// What a group has committed, summed over partitions.
pub(crate) async fn committed(group: &str) -> i64 {
    let offsets = admin().await.group_offsets(group).await.unwrap_or_default();
    offsets.values().map(|offset| offset.offset).sum()
}
