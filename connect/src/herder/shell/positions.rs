//! Positions of sources in a compacted topic, in the records of Kafka Connect's `KafkaOffsetBackingStore`.

use super::topics::{self, Progress, Reader};
use super::{ClusterError, ClusterOptions};
use crate::runtime::{Clients, PositionError, Positions};
use crate::source::{SourceOffset, SourcePartition};
use async_trait::async_trait;
use millstream_client::{Admin, Producer, ProducerRecord, Record, TopicPartition};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a look waits for what was written before it.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Producers that wait for the next store, at most: tasks store one after the other, mostly.
const IDLE_MAX: usize = 4;

/// The topic of positions of a cluster. Its keys are `[connector, partition]`, its values offsets, both as JSON.
pub struct TopicPositions {
    topic: String,
    admin: Admin,
    clients: Clients,
    /// One for each store that is under way: with a store that is given up its producer is too, and what it had not sent yet. So
    /// no position is stored after the task that it is of was ended and another goes on.
    idle: Mutex<Vec<Producer>>,
    partitions: Vec<TopicPartition>,
    known: Arc<Mutex<Known>>,
    /// Tells that `known` has more.
    progress: watch::Receiver<()>,
    reads: JoinHandle<()>,
}

#[derive(Default)]
struct Known {
    /// By connector, then the partition's JSON.
    positions: BTreeMap<String, BTreeMap<String, (SourcePartition, SourceOffset)>>,
    /// The next offset of each partition of the topic.
    read_to: HashMap<i32, i64>,
}

impl TopicPositions {
    /// Makes the topic if it is missing and reads it whole.
    ///
    /// # Errors
    /// The cluster cannot be reached, or does not make the topic.
    pub async fn open(
        options: &ClusterOptions,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, ClusterError> {
        let (topic, clients) = (options.offset_topic.clone(), topics::clients(options, settings));
        let admin = topics::admin(&clients).await?;
        topics::compacted(&admin, &topic, options.offset_partitions, options.offset_replication).await?;
        let partitions = topics::partitions(&admin, &topic).await?;
        let reader = Reader::open(&clients, &admin, std::iter::once(topic.clone())).await?;
        let idle = Mutex::new(vec![topics::writer(&clients).await?]);
        let (known, (moved, progress)) = (Arc::new(Mutex::new(Known::default())), watch::channel(()));
        let reads = tokio::spawn(read(reader, Arc::clone(&known), moved));
        Ok(Self { topic, admin, clients, idle, partitions, known, progress, reads })
    }

    /// Waits until all that lies in the topic now has been read.
    async fn catch_up(&self) -> Result<(), PositionError> {
        let ends = topics::ends(&self.admin, &self.partitions).await.map_err(|error| self.failed(error))?;
        let is_read = || {
            let known = self.known.lock();
            let is_read = |(partition, end): (&TopicPartition, &i64)| {
                *end <= known.read_to.get(&partition.partition).copied().unwrap_or_default()
            };
            ends.iter().all(is_read)
        };
        let mut progress = self.progress.clone();
        let caught_up = async {
            while !is_read() {
                if progress.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        match tokio::time::timeout(READ_TIMEOUT, caught_up).await {
            Ok(true) => Ok(()),
            _ => Err(self.failed("it is not read to its end")),
        }
    }

    fn failed(&self, why: impl ToString) -> PositionError {
        PositionError::Store { store: format!("topic {}", self.topic), why: why.to_string() }
    }
}

async fn read(mut reader: Reader, known: Arc<Mutex<Known>>, moved: watch::Sender<()>) {
    loop {
        let keep = |_: &str, record: &Record<'_>| {
            if let Some(Ok(key)) = record.key.map(std::str::from_utf8) {
                known.lock().keep(key, record.value);
            }
        };
        if let Progress::Read(partition, next) = reader.next(keep).await {
            known.lock().read_to.insert(partition, next);
            moved.send_replace(());
        }
    }
}

impl Known {
    fn keep(&mut self, key: &str, value: Option<&[u8]>) {
        let Ok((connector, partition)) = serde_json::from_str::<(String, SourcePartition)>(key) else {
            return;
        };
        let offset =
            value.and_then(|value| serde_json::from_slice::<Option<SourceOffset>>(value).ok().flatten());
        let name = Value::Object(sorted(&partition)).to_string();
        let positions = self.positions.entry(connector).or_default();
        match offset {
            Some(offset) => positions.insert(name, (partition, offset)),
            None => positions.remove(&name),
        };
    }
}

/// The same for every order of its entries.
fn sorted(map: &Map<String, Value>) -> Map<String, Value> {
    let sorted: BTreeMap<_, _> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    sorted.into_iter().collect()
}

/// Key and value of a position.
fn bytes(
    connector: &str,
    partition: &SourcePartition,
    offset: Option<&SourceOffset>,
) -> (String, Option<String>) {
    let key = Value::Array(vec![connector.into(), Value::Object(partition.clone())]).to_string();
    (key, offset.map(|offset| Value::Object(offset.clone()).to_string()))
}

#[async_trait]
impl Positions for TopicPositions {
    async fn load(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>, PositionError> {
        self.catch_up().await?;
        let known = self.known.lock();
        Ok(known.positions.get(connector).into_iter().flat_map(BTreeMap::values).cloned().collect())
    }

    async fn store(
        &self,
        connector: &str,
        positions: Vec<(SourcePartition, Option<SourceOffset>)>,
    ) -> Result<(), PositionError> {
        let idle = self.idle.lock().pop();
        let producer = match idle {
            Some(producer) => producer,
            None => topics::writer(&self.clients).await.map_err(|error| self.failed(error))?,
        };
        let mut deliveries = Vec::new();
        for (partition, offset) in &positions {
            let (key, value) = bytes(connector, partition, offset.as_ref());
            let mut record = ProducerRecord::to(&self.topic).key(&key);
            record.value = value.as_ref().map(String::as_bytes);
            deliveries.push(producer.send(record).await.map_err(|error| self.failed(error))?);
        }
        for delivery in deliveries {
            delivery.await.map_err(|error| self.failed(error))?;
        }
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(producer);
        }
        Ok(())
    }
}

impl Drop for TopicPositions {
    fn drop(&mut self) {
        self.reads.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kafka_connect_has_written_is_read_and_written_alike() {
        let mut known = Known::default();
        for line in include_str!("../records/recorded/offsets.tsv").lines() {
            let (key, value) = line.split_once('\t').unwrap();
            let value = (value != "null").then_some(value);
            known.keep(key, value.map(str::as_bytes));
            let now: Vec<_> = known.positions.get("s").into_iter().flat_map(BTreeMap::values).collect();
            match value {
                None => assert!(now.is_empty()),
                Some(value) => {
                    let (partition, offset) = now[0];
                    assert_eq!(bytes("s", partition, Some(offset)), (key.to_owned(), Some(value.to_owned())));
                }
            }
        }
    }

    #[test]
    fn the_order_of_a_partitions_entries_does_not_matter() {
        let mut known = Known::default();
        known.keep(r#"["s",{"b":1,"a":2}]"#, Some(b"{\"x\":1}"));
        known.keep(r#"["s",{"a":2,"b":1}]"#, Some(b"{\"x\":2}"));
        assert_eq!(known.positions["s"].len(), 1);
        known.keep("no JSON", Some(b"{}"));
        known.keep(r#"["s",{"a":2,"b":1}]"#, Some(b"null"));
        assert!(known.positions["s"].is_empty());
    }
}
