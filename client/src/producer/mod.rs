//! The producer: records in, batches out.
//!
//! ```text
//! send ──► open batch (one per partition) ──► inbox ──► sender ──► broker
//!           encoded in place, under its lock            lanes: order and sequences (flow)
//! ```
//!
//! `buffer.memory` bounds everything between `send` and the broker's answer.

mod accumulator;
mod batches;
mod completion;
mod config;
mod deliveries;
mod flow;
mod record;
mod rejected;
mod sender;
mod topic;

use std::sync::Arc;
use std::time::Instant;

use futures::future::{Either, select};
use tokio::sync::OwnedSemaphorePermit;

use self::accumulator::{Accumulator, Attempt};
pub use self::batches::{BatchProducer, TopicHandle};
use self::completion::Completion;
pub use self::completion::{Delivery, RecordMetadata};
pub use self::config::{Acks, CompressionLevels, ProducerConfig};
pub use self::deliveries::Deliveries;
pub use self::record::{Header, ProducerRecord};
pub use self::rejected::Rejected;
use self::sender::Sender;
use crate::cluster::{Cluster, Outage};
use crate::runtime::{Runtime, TaskGuard, park_until};
use crate::{Error, Result};

/// Sends records. Cheap to clone; clones share batches, memory and connections.
///
/// Idempotent unless told otherwise: a retry writes no duplicate, and records of one partition keep their order.
///
/// ```no_run
/// # async fn example() -> millstream_client::Result<()> {
/// use millstream_client::{Producer, ProducerRecord};
/// let producer = Producer::builder().bootstrap("localhost:9092").build().await?;
/// let delivery = producer.send(ProducerRecord::to("clicks").key("user-1").value("/")).await?;
/// println!("written at {:?}", delivery.await?.offset);
/// producer.close().await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Accumulator>,
    runtime: Runtime,
    _sender: TaskGuard,
}

impl Producer {
    /// A configuration to fill in.
    #[must_use]
    pub fn builder() -> ProducerConfig {
        ProducerConfig::new()
    }

    pub(crate) fn start(config: ProducerConfig) -> Result<Self> {
        let runtime = Runtime::current_or_own()?;
        let cluster = Cluster::start(config.client.clone(), true, runtime.clone())?;
        let shared = Arc::new(Accumulator::new(config, cluster));
        let sender = runtime.spawn(Sender::new(Arc::clone(&shared)).run());
        Ok(Self { inner: Arc::new(Inner { shared, runtime, _sender: sender }) })
    }

    /// Since when no broker can be reached, and why; `None` while one can, or as long as nobody has tried.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.inner.shared.cluster.outage()
    }

    /// Adds a record to its partition's batch. Waits only while the topic is unknown or `buffer.memory` is used up,
    /// `max.block.ms` at most. The returned [`Delivery`] tells what became of the record.
    ///
    /// # Errors
    /// No such topic or partition, a record over `max.request.size`, `max.block.ms`, a closed producer.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery> {
        let mut memory = None;
        let mut deadline = None;
        loop {
            let attempt = self.inner.shared.append(&record, &mut memory)?;
            if let Attempt::Sent(delivery) = attempt {
                return Ok(delivery);
            }
            let until = *deadline.get_or_insert_with(|| Instant::now() + self.inner.shared.config.max_block);
            match attempt {
                Attempt::Sent(delivery) => return Ok(delivery),
                Attempt::UnknownTopic => self.inner.learn(record.topic, until).await?,
                Attempt::Full(bytes) => memory = Some(self.inner.reserve(bytes, until).await?),
            }
        }
    }

    /// As [`Self::send`], but never waits: the record comes back as `None` when there is no room for it, or when the
    /// topic has not been used before.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<Option<Delivery>> {
        match self.inner.shared.append(&record, &mut None)? {
            Attempt::Sent(delivery) => Ok(Some(delivery)),
            Attempt::UnknownTopic | Attempt::Full(_) => Ok(None),
        }
    }

    /// As [`Self::send`], for plain threads.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_blocking(&self, record: ProducerRecord<'_>) -> Result<Delivery> {
        if let Some(delivery) = self.try_send(record)? {
            return Ok(delivery);
        }
        park_until(self.send(record), None).unwrap_or(Err(Error::Closed))
    }

    /// Sends all that was added so far, without waiting for `linger.ms`, and waits for the answers.
    ///
    /// # Errors
    /// The first failure among the batches that were waited for.
    pub async fn flush(&self) -> Result<()> {
        let mut first_failure = None;
        for completion in self.inner.shared.seal_all() {
            completion.wait().await;
            first_failure = first_failure.or(completion.failure());
        }
        first_failure.map_or(Ok(()), Err)
    }

    /// As [`Self::flush`], for plain threads.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub fn flush_blocking(&self) -> Result<()> {
        park_until(self.flush(), None).unwrap_or(Err(Error::Closed))
    }

    /// How many partitions a topic has, asking the cluster if need be.
    ///
    /// # Errors
    /// No such topic, `max.block.ms`.
    pub async fn partitions(&self, topic: &str) -> Result<usize> {
        let until = Instant::now() + self.inner.shared.config.max_block;
        self.inner.learn(topic, until).await?;
        Ok(self.inner.shared.topic(topic).map_or(0, |topic| topic.partitions.len()))
    }

    /// A door for one thread that encodes into batches of its own, without locks: see [`BatchProducer`].
    #[must_use]
    pub fn batches(&self) -> BatchProducer {
        BatchProducer::new(Arc::clone(&self.inner))
    }

    /// Flushes, then refuses further records. Dropping the last clone instead gives up what is not yet written.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub async fn close(self) -> Result<()> {
        let flushed = self.flush().await;
        self.inner.shared.close();
        flushed
    }
}

impl Inner {
    /// Waits until the topic's partitions are known.
    async fn learn(&self, topic: &str, until: Instant) -> Result<()> {
        let (shared, topic) = (Arc::clone(&self.shared), topic.to_owned());
        let learned = self.runtime.run(async move {
            let metadata = shared.cluster.topic(&topic, until).await?;
            shared.learn(&metadata);
            Ok(())
        });
        learned.await
    }

    /// Waits for a share of `buffer.memory`.
    async fn reserve(&self, bytes: u32, until: Instant) -> Result<OwnedSemaphorePermit> {
        let free = Arc::clone(self.shared.memory()).acquire_many_owned(bytes);
        match select(std::pin::pin!(free), self.runtime.sleep_until(until)).await {
            Either::Left((permit, _)) => permit.map_err(|_| Error::Closed),
            Either::Right(_) => Err(Error::TimedOut {
                what: "waiting for room in buffer.memory".into(),
                after: self.shared.config.max_block,
                setting: "max.block.ms",
                last: ": records come faster than the brokers take them".into(),
            }),
        }
    }
}

impl Completion {
    /// The first failure among the batch's records.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.summary(0).0
    }
}
