//! The cluster as a whole: its brokers, and what their disks hold.

use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest};
use millstream_wire::ids::NodeId;

use super::{Admin, PerItem, To, outcome};
use crate::{Result, TopicPartition};

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterDescription {
    /// Its id.
    pub id: String,
    /// Who decides about topics; nobody while an election is under way.
    pub controller: Option<NodeId>,
    /// Its brokers, by id.
    pub brokers: Vec<BrokerInfo>,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerInfo {
    /// Its id.
    pub id: NodeId,
    /// Where it is reached.
    pub host: String,
    /// Where it is reached.
    pub port: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// A directory of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogDir {
    /// Its path on the broker.
    pub path: String,
    /// Size of its volume, bytes, where the broker says.
    pub total_bytes: Option<i64>,
    /// What is free of it.
    pub usable_bytes: Option<i64>,
    /// What it holds.
    pub replicas: Vec<ReplicaSize>,
}

/// What a partition takes on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaSize {
    /// The partition.
    pub partition: TopicPartition,
    /// Bytes.
    pub bytes: i64,
    /// How far it is behind its leader, in offsets.
    pub lag: i64,
}

impl Admin {
    /// The cluster's id, controller and brokers.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        let failed = |response: &DescribeClusterResponse| {
            outcome(response.error_code, || "DescribeCluster".to_owned(), response.error_message.as_deref())
        };
        let response = self.ask(To::Any, |_| DescribeClusterRequest::default(), failed).await?;
        let mut brokers: Vec<BrokerInfo> = response
            .brokers
            .iter()
            .map(|broker| BrokerInfo {
                id: NodeId(broker.broker_id.0),
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.as_ref().map(ToString::to_string),
            })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(ClusterDescription {
            id: response.cluster_id.to_string(),
            controller: (response.controller_id.0 >= 0).then_some(NodeId(response.controller_id.0)),
            brokers,
        })
    }

    /// The directories of one broker and what they hold.
    ///
    /// # Errors
    /// Per directory; for the call as a whole when the broker does not answer.
    pub async fn describe_log_dirs(&self, broker: NodeId) -> Result<PerItem<String, LogDir>> {
        let (cluster, deadline) = (std::sync::Arc::clone(&self.cluster), self.deadline());
        let work = async move {
            cluster.ready(deadline).await?;
            cluster.node(broker).await?.call(&DescribeLogDirsRequest::default().with_topics(None)).await
        };
        let response = self.runtime.run(work).await?;
        crate::error::check(response.error_code, || format!("log directories of broker {broker}"))?;
        let item = |dir: kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult| {
            let path = dir.log_dir.to_string();
            let result = outcome(dir.error_code, || format!("log directory {path}"), None);
            let known = |bytes: i64| (bytes >= 0).then_some(bytes);
            let replicas = dir.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| ReplicaSize {
                    partition: TopicPartition::new(topic.name.as_str(), partition.partition_index),
                    bytes: partition.partition_size,
                    lag: partition.offset_lag,
                })
            });
            let found = LogDir {
                path: path.clone(),
                total_bytes: known(dir.total_bytes),
                usable_bytes: known(dir.usable_bytes),
                replicas: replicas.collect(),
            };
            (path, result.map(|()| found))
        };
        Ok(response.results.into_iter().map(item).collect())
    }
}
