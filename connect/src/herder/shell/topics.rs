//! The topics of a cluster: made if they are missing, read from their beginning, written in order.

use super::super::machine::{Event, Note, Topic, Write};
use super::driver::Source;
use super::{ClusterError, ClusterOptions, EVENTS_MAX};
use crate::runtime::Clients;
use millstream_client::{
    Admin, Consumer, ErrorCode, Event as Read, Header, NewTopic, Offset, Producer, ProducerRecord, Record,
    TopicPartition,
};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long one wait for records may be; nothing depends on it.
const POLL: Duration = Duration::from_secs(5);
/// How long a worker that starts looks for others of Kafka Connect's kind.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a topic that was made may be unknown, and between two looks at it.
const KNOWN_TIMEOUT: Duration = Duration::from_secs(30);
const KNOWN_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a read that are asked for at once.
const FETCH_MAX: &str = "8388608";

pub(super) async fn open(
    options: &ClusterOptions,
    settings: &BTreeMap<String, String>,
    written: mpsc::Receiver<Write>,
) -> Result<Source, ClusterError> {
    let clients = clients(options, settings);
    let names = [
        (Topic::Config, options.config_topic.clone()),
        (Topic::Status, options.status_topic.clone()),
        (Topic::Lease, options.lease_topic()),
    ];
    let admin = admin(&clients).await?;
    no_kafka_connect(&admin, &options.group).await?;
    make(&admin, options).await?;
    let reader = Reader::open(&clients, &admin, names.iter().map(|(_, name)| name.clone())).await?;
    let writer = writer(&clients).await?;
    let (events, source) = mpsc::channel(EVENTS_MAX);
    let of: HashMap<String, Topic> = names.iter().map(|(topic, name)| (name.clone(), *topic)).collect();
    let reads = tokio::spawn(tell(reader, of, events));
    tokio::spawn(write(writer, written, names.into_iter().collect(), reads));
    Ok(Source::Topics(source))
}

/// Workers of Kafka Connect are members of their group, and ours of none: whoever is there is one of them.
async fn no_kafka_connect(admin: &Admin, group: &str) -> Result<(), ClusterError> {
    let described = tokio::time::timeout(LOOK_TIMEOUT, admin.describe_groups([group])).await;
    // Where the group is not there, or may not be looked at, nobody is seen in it.
    let found = described.ok().and_then(|all| all.into_iter().next()?.1.ok());
    let member = found
        .filter(|found| found.protocol_type == "connect")
        .and_then(|found| found.members.into_iter().next());
    match member {
        Some(member) => Err(ClusterError::KafkaConnect { group: group.to_owned(), host: member.host }),
        None => Ok(()),
    }
}

pub(super) fn clients(options: &ClusterOptions, settings: &BTreeMap<String, String>) -> Clients {
    Clients::new(&crate::runtime::inherited(settings), &BTreeMap::new(), options.group.clone())
}

pub(super) async fn admin(clients: &Clients) -> Result<Admin, ClusterError> {
    clients.admin().await.map_err(|error| ClusterError::kafka("reaching the cluster", error))
}

pub(super) async fn writer(clients: &Clients) -> Result<Producer, ClusterError> {
    let config = clients.producer_config("connect-cluster");
    let config = config.map_err(|error| ClusterError::kafka("writing", error))?.linger(Duration::ZERO);
    config.build().await.map_err(|error| ClusterError::kafka("writing", error))
}

/// Makes what is missing, compacted, and looks at what is there.
async fn make(admin: &Admin, options: &ClusterOptions) -> Result<(), ClusterError> {
    let (config, lease) = (options.config_topic.clone(), options.lease_topic());
    compacted(admin, &config, 1, options.config_replication).await?;
    compacted(admin, &lease, 1, options.config_replication).await?;
    compacted(admin, &options.status_topic, options.status_partitions, options.status_replication).await?;
    for (topic, option) in [(config, "config.storage.topic"), (lease, "lease.storage.topic")] {
        let found = partitions(admin, &topic).await?.len();
        if found != 1 {
            return Err(ClusterError::Partitions { topic, found, option });
        }
    }
    Ok(())
}

pub(super) async fn compacted(
    admin: &Admin,
    name: &str,
    partitions: i32,
    copies: i16,
) -> Result<(), ClusterError> {
    let topic =
        NewTopic::new(name, partitions).replication_factor(copies).config("cleanup.policy", "compact");
    let failed = |error: millstream_client::Error| ClusterError::kafka(format!("making topic {name}"), error);
    for (_, made) in admin.create_topics([topic]).await.map_err(failed)? {
        match made {
            Err(error) if error.code() != Some(ErrorCode::TopicAlreadyExists) => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

pub(super) async fn partitions(admin: &Admin, topic: &str) -> Result<Vec<TopicPartition>, ClusterError> {
    let begun = Instant::now();
    let described = loop {
        let described = admin.describe_topics([topic]).await;
        match described.and_then(|all| all.into_iter().next().map(|(_, described)| described).transpose()) {
            // Apache Kafka has made a topic before all of its brokers know it.
            Err(error) if is_unknown(&error) && begun.elapsed() < KNOWN_TIMEOUT => {
                tokio::time::sleep(KNOWN_PAUSE).await;
            }
            described => break described,
        }
    };
    let described =
        described.map_err(|error| ClusterError::kafka(format!("looking at topic {topic}"), error))?;
    let count = described.map_or(0, |described| described.partitions.len());
    Ok((0..).take(count).map(|partition| TopicPartition::new(topic, partition)).collect())
}

fn is_unknown(error: &millstream_client::Error) -> bool {
    error.code() == Some(ErrorCode::UnknownTopicOrPartition)
}

/// Where the logs end now.
pub(super) async fn ends(
    admin: &Admin,
    partitions: &[TopicPartition],
) -> Result<HashMap<TopicPartition, i64>, ClusterError> {
    let asked = partitions.iter().map(|partition| (partition.clone(), -1));
    let ends = admin.list_offsets(asked).await;
    let ends = ends.map_err(|error| ClusterError::kafka("looking for the ends of topics", error))?;
    Ok(ends.into_iter().map(|(partition, end)| (partition, end.map_or(0, |end| end.offset))).collect())
}

/// What one read came to.
pub(super) enum Progress {
    /// Nothing was there, or nothing could be read.
    None,
    /// This partition has been read to this offset.
    Read(i32, i64),
    /// All that lay there at the start has been read. Said once.
    CaughtUp,
}

/// Reads topics whole, from their beginning, for ever.
pub(super) struct Reader {
    consumer: Consumer,
    /// Where the logs ended at the start, of those that have not been read so far.
    ahead: HashMap<TopicPartition, i64>,
    told: bool,
}

impl Reader {
    pub(super) async fn open(
        clients: &Clients,
        admin: &Admin,
        topics: impl Iterator<Item = String>,
    ) -> Result<Self, ClusterError> {
        let mut all = Vec::new();
        for topic in topics {
            all.extend(partitions(admin, &topic).await?);
        }
        let mut ahead = ends(admin, &all).await?;
        ahead.retain(|_, end| *end > 0);
        let failed =
            |error: &dyn ToString| ClusterError::kafka("reading the cluster's topics", error.to_string());
        let config = clients.reader_config("connect-cluster", FETCH_MAX).map_err(|error| failed(&error))?;
        let consumer = config.build().await.map_err(|error| failed(&error))?;
        for partition in all {
            consumer.assign_at(partition, Offset(0));
        }
        Ok(Self { consumer, ahead, told: false })
    }

    /// Reads what has come, or waits for a while; `read` is called with every record.
    pub(super) async fn next(&mut self, mut read: impl FnMut(&str, &Record<'_>)) -> Progress {
        if self.ahead.is_empty() && !self.told {
            self.told = true;
            return Progress::CaughtUp;
        }
        let fetched = match self.consumer.poll(POLL).await {
            Ok(Some(Read::Fetched(fetched))) => fetched,
            Ok(_) => return Progress::None,
            Err(error) => {
                tracing::warn!("reading the cluster's topics: {error}");
                tokio::time::sleep(POLL).await;
                return Progress::None;
            }
        };
        let decoded = fetched.for_each(|record| {
            read(&fetched.partition.topic, record);
            Ok(())
        });
        if let Err(error) = decoded {
            tracing::warn!("{}: {error}", fetched.partition);
        }
        if self.ahead.get(&fetched.partition).is_some_and(|end| fetched.next_offset >= *end) {
            self.ahead.remove(&fetched.partition);
        }
        Progress::Read(fetched.partition.partition, fetched.next_offset)
    }
}

/// Tells the driver what is read, until it is gone.
async fn tell(mut reader: Reader, of: HashMap<String, Topic>, events: mpsc::Sender<Event>) {
    while !events.is_closed() {
        let mut batch = Vec::new();
        let progress = reader.next(|topic, record| batch.extend(event(of.get(topic).copied(), record))).await;
        if matches!(progress, Progress::CaughtUp) {
            batch.push(Event::CaughtUp);
        }
        for event in batch {
            // The loop ends when nobody takes it any more.
            let _ = events.send(event).await;
        }
    }
}

fn event(topic: Option<Topic>, record: &Record<'_>) -> Option<Event> {
    let topic = topic?;
    let key = String::from_utf8(record.key?.to_vec()).ok()?;
    let mut note = Note::default();
    for header in record.headers.iter() {
        let value = header.value.and_then(|value| std::str::from_utf8(value).ok());
        if header.key == Note::EXPECTS.as_bytes() {
            note.expects = value.and_then(|value| value.parse().ok());
        } else if header.key == Note::WRITE.as_bytes() {
            note.write = value.and_then(|value| value.parse().ok());
        }
    }
    let value = record.value.map(<[u8]>::to_vec);
    Some(Event::Read { topic, offset: record.offset.0, key, value, note })
}

/// Writes in order until nobody writes any more; the reader ends with it.
async fn write(
    producer: Producer,
    mut written: mpsc::Receiver<Write>,
    names: HashMap<Topic, String>,
    reads: JoinHandle<()>,
) {
    while let Some(Write { topic, bytes, note }) = written.recv().await {
        let Some(name) = names.get(&topic) else { continue };
        let (expects, id) = (note.expects.map(|of| of.to_string()), note.write.map(|of| of.to_string()));
        let mut headers = Vec::new();
        for (key, value) in [(Note::EXPECTS, &expects), (Note::WRITE, &id)] {
            let value = value.as_ref().map(|value| value.as_bytes());
            headers.extend(value.map(|value| Header { key: key.as_bytes(), value: Some(value) }));
        }
        let mut record = ProducerRecord::to(name).key(&bytes.key).headers(&headers);
        record.value = bytes.value.as_ref().map(|value| value.as_bytes());
        match producer.send(record).await {
            Ok(delivery) => {
                let key = bytes.key;
                tokio::spawn(async move {
                    if let Err(error) = delivery.await {
                        tracing::warn!("{key} was not written: {error}");
                    }
                });
            }
            Err(error) => tracing::warn!("{} was not written: {error}", bytes.key),
        }
    }
    reads.abort();
    // What is under way arrives or not: everything that matters is said again by who comes next.
    let _ = producer.close().await;
}
