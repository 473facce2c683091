//! A log that is cut below what was read (KIP-320): the broker's unclean start raises the leader epoch.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream_broker::log::{TopicPartition as LogPartition, cut};
use millstream_broker::storage::DiskStorage;
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{
    Consumer, ConsumerConfig, Error, Event, OffsetReset, Producer, ProducerRecord, Result,
};
use millstream_wire::ids::{Offset, PartitionIndex};

const WAIT: Duration = Duration::from_secs(30);

/// A broker whose log can be cut.
struct Cut {
    data: tempfile::TempDir,
    address: String,
    broker: Option<Broker>,
}

impl Cut {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let broker = start(data.path(), "127.0.0.1:0").await;
        Self { data, address: broker.address().to_string(), broker: Some(broker) }
    }

    async fn produce(&self, values: std::ops::Range<u32>) {
        let producer = Producer::builder().bootstrap(&self.address).build().await.unwrap();
        for n in values {
            producer.send(ProducerRecord::to("log").value(&n.to_string())).await.unwrap().await.unwrap();
        }
        producer.close().await.unwrap();
    }

    /// Loses the records from `at` on, as a power cut does in `durability=page`, and gets others in their place.
    async fn lose_from(&mut self, at: i64, then: std::ops::Range<u32>) {
        self.broker.take().unwrap().close().await;
        std::fs::remove_file(self.data.path().join(".kafka_cleanshutdown")).unwrap();
        let partition = LogPartition::new("log", PartitionIndex(0));
        cut(Arc::new(DiskStorage), self.data.path(), &partition, Offset(at)).unwrap();
        self.broker = Some(start(self.data.path(), &self.address).await);
        self.produce(then).await;
    }

    async fn reader(&self, tune: impl FnOnce(ConsumerConfig) -> ConsumerConfig) -> Consumer {
        let config = Consumer::builder().bootstrap(&self.address).group_id("g");
        let consumer = tune(config.auto_offset_reset(OffsetReset::Earliest)).build().await.unwrap();
        consumer.subscribe(["log"]).unwrap();
        consumer
    }
}

async fn start(data: &Path, listen: &str) -> Broker {
    let config = BrokerConfig::new(data).listen(listen).set("group.initial.rebalance.delay.ms", "0").unwrap();
    Broker::start(config).await.unwrap()
}

/// Reads this many records, or what keeps them from being read.
async fn read(consumer: &mut Consumer, count: usize) -> Result<Vec<u32>> {
    let mut values = Vec::new();
    while values.len() < count {
        let Event::Fetched(fetched) = consumer.poll(WAIT).await?.expect("records") else { continue };
        fetched.for_each(|record| {
            values.push(std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap());
            Ok(())
        })?;
    }
    Ok(values)
}

#[tokio::test]
async fn a_reader_goes_back_to_where_the_log_was_cut() {
    let mut log = Cut::start().await;
    log.produce(0..10).await;
    let mut consumer = log.reader(|config| config).await;
    assert_eq!(read(&mut consumer, 10).await.unwrap().len(), 10);
    // Longer than before: by its offset alone the reader could not tell.
    log.lose_from(5, 100..115).await;
    assert!(read(&mut consumer, 15).await.unwrap().into_iter().eq(100..115));
}

#[tokio::test]
async fn a_reader_that_must_not_be_reset_is_told() {
    let mut log = Cut::start().await;
    log.produce(0..10).await;
    let mut first = log.reader(|config| config).await;
    read(&mut first, 10).await.unwrap();
    first.close().await.unwrap();
    log.produce(10..12).await;
    let mut consumer = log.reader(|config| config.auto_offset_reset(OffsetReset::None)).await;
    assert_eq!(read(&mut consumer, 2).await.unwrap(), [10, 11]);
    log.lose_from(5, 100..115).await;
    let error = read(&mut consumer, 1).await.unwrap_err();
    assert!(matches!(error, Error::LogTruncated { position: 12, truncated_to: 5, .. }), "{error}");
}

/// The commit tells the epoch of what was read, so a reader that was away notices too.
#[tokio::test]
async fn a_committed_offset_is_checked_before_it_is_used() {
    let mut log = Cut::start().await;
    log.produce(0..10).await;
    let mut first = log.reader(|config| config).await;
    read(&mut first, 10).await.unwrap();
    first.close().await.unwrap();
    log.lose_from(5, 100..115).await;
    let mut second = log.reader(|config| config).await;
    assert!(read(&mut second, 15).await.unwrap().into_iter().eq(100..115));
}
