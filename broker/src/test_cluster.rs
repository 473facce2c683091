//! A broker for the tests of programs that use one.

use std::net::SocketAddr;

use crate::metadata::{MetadataError, NewTopic, Partitions};
use crate::{Broker, BrokerConfig, BrokerError, Durability};

/// A broker in a temporary directory on a free port, tuned for tests: the page cache is durable enough, and a
/// group's first rebalance waits for nobody. A test has one of its own; many live in one process.
///
/// ```
/// # use millstream_broker::TestCluster;
/// let cluster = TestCluster::start_blocking()?;
/// cluster.create_topic_blocking("words", 3, &[("cleanup.policy", "compact")])?;
/// println!("clients connect to {}", cluster.bootstrap());
/// cluster.delete_topic_blocking("words")?;
/// # Ok::<(), millstream_broker::BrokerError>(())
/// ```
#[must_use = "a cluster that is dropped stops"]
#[derive(Debug)]
pub struct TestCluster {
    broker: Broker,
}

impl TestCluster {
    /// Starts a cluster. The future needs no particular runtime.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn start() -> Result<Self, BrokerError> {
        Self::start_with(BrokerConfig::ephemeral()).await
    }

    /// Starts a cluster with a configuration of the test's own; what it does not set is as for [`TestCluster::start`].
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub async fn start_with(config: BrokerConfig) -> Result<Self, BrokerError> {
        let config = config
            .or_durability(Durability::Page)
            .or_set("group.initial.rebalance.delay.ms", "0")?
            .or_set("offsets.topic.num.partitions", "5")?;
        Ok(Self { broker: Broker::start(config).await? })
    }

    /// [`TestCluster::start`] for tests without async.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_blocking() -> Result<Self, BrokerError> {
        futures::executor::block_on(Self::start())
    }

    /// The address as clients take it for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        self.broker.bootstrap()
    }

    /// The address of the broker.
    pub fn address(&self) -> SocketAddr {
        self.broker.address()
    }

    /// Creates a topic with values of its own by Kafka's names.
    ///
    /// # Errors
    /// [`BrokerError::Topic`] if it exists, or cannot be as asked for.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        values: &[(&str, &str)],
    ) -> Result<(), BrokerError> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let partitions = Partitions::Count(partitions);
        let topic = NewTopic { partitions, values, ..NewTopic::with_defaults(name) };
        let created = self.broker.with_metadata(|metadata| async move { metadata.create_topic(topic).await });
        created.await.map(drop).map_err(|error| topic_error(name, &error))
    }

    /// Deletes a topic with its records.
    ///
    /// # Errors
    /// [`BrokerError::Topic`] if there is none of this name.
    pub async fn delete_topic(&self, name: &str) -> Result<(), BrokerError> {
        let wanted = name.to_owned();
        let deleted = self.broker.with_metadata(|metadata| async move {
            let topic = metadata.topic(&wanted).ok_or(MetadataError::UnknownTopic)?;
            metadata.delete_topic(topic.id).await
        });
        deleted.await.map(drop).map_err(|error| topic_error(name, &error))
    }

    /// [`TestCluster::create_topic`] for tests without async.
    ///
    /// # Errors
    /// As [`TestCluster::create_topic`].
    pub fn create_topic_blocking(
        &self,
        name: &str,
        partitions: i32,
        values: &[(&str, &str)],
    ) -> Result<(), BrokerError> {
        futures::executor::block_on(self.create_topic(name, partitions, values))
    }

    /// [`TestCluster::delete_topic`] for tests without async.
    ///
    /// # Errors
    /// As [`TestCluster::delete_topic`].
    pub fn delete_topic_blocking(&self, name: &str) -> Result<(), BrokerError> {
        futures::executor::block_on(self.delete_topic(name))
    }

    /// Stops it and waits until it has. Dropping it stops it too, without waiting.
    pub async fn close(self) {
        self.broker.close().await;
    }
}

fn topic_error(name: &str, error: &MetadataError) -> BrokerError {
    BrokerError::Topic { topic: name.to_owned(), reason: error.to_string() }
}
