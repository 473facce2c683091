//! Records: where logs begin and end, and cutting them off at the start.

use std::sync::Arc;

use hashbrown::HashMap;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use millstream_wire::ids::{NodeId, Offset};

use super::{Admin, PerItem, outcome};
use crate::cluster::Cluster;
use crate::offsets::{OffsetAndTimestamp, list_offsets};
use crate::partition::{by_topic, topic_name};
use crate::{Error, ErrorCode, Result, TopicPartition};

impl Admin {
    /// For each partition the first offset whose record is of this time (ms) or later; -1 asks for the log's end, -2
    /// for its start, -3 for the record with the largest timestamp. `None` where there is no such record.
    ///
    /// # Errors
    /// A partition that does not exist, or leaders that do not answer.
    pub async fn list_offsets(
        &self,
        times: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<HashMap<TopicPartition, Option<OffsetAndTimestamp>>> {
        let times: Vec<(TopicPartition, i64)> = times.into_iter().collect();
        let (cluster, deadline) = (Arc::clone(&self.cluster), self.deadline());
        self.runtime.run(async move { list_offsets(&cluster, times, 0, deadline).await }).await
    }

    /// Deletes all records before these offsets (-1: all there are). Returns where each log begins then.
    ///
    /// # Errors
    /// Per partition; for the call as a whole when the metadata cannot be had.
    pub async fn delete_records(
        &self,
        before: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<PerItem<TopicPartition, Offset>> {
        let before: Vec<(TopicPartition, i64)> = before.into_iter().collect();
        let (cluster, deadline, timeout) = (Arc::clone(&self.cluster), self.deadline(), self.timeout_ms());
        let work = async move {
            let mut by_leader: HashMap<NodeId, Vec<(TopicPartition, i64)>> = HashMap::new();
            let mut done = Vec::new();
            for (partition, offset) in before {
                cluster.topic(&partition.topic, deadline).await?;
                let leader = cluster
                    .snapshot()
                    .partition(&partition.topic, partition.partition)
                    .and_then(|p| p.leader);
                match leader {
                    Some(leader) => by_leader.entry(leader).or_default().push((partition, offset)),
                    None => {
                        let code = ErrorCode::LeaderNotAvailable;
                        let error = Error::broker(code, format!("deleting records of {partition}"));
                        done.push((partition, Err(error)));
                    }
                }
            }
            for (leader, partitions) in by_leader {
                done.extend(delete_on(&cluster, leader, partitions, timeout).await);
            }
            Ok(done)
        };
        self.runtime.run(work).await
    }
}

async fn delete_on(
    cluster: &Cluster,
    leader: NodeId,
    partitions: Vec<(TopicPartition, i64)>,
    timeout: i32,
) -> PerItem<TopicPartition, Offset> {
    let names: Vec<TopicPartition> = partitions.iter().map(|(partition, _)| partition.clone()).collect();
    let partition = |(index, offset): (i32, i64)| {
        DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset)
    };
    let topic = |(name, of): (Arc<str>, Vec<(i32, i64)>)| {
        DeleteRecordsTopic::default()
            .with_name(topic_name(&name))
            .with_partitions(of.into_iter().map(partition).collect())
    };
    let request = DeleteRecordsRequest::default()
        .with_topics(by_topic(partitions).into_iter().map(topic).collect())
        .with_timeout_ms(timeout);
    let response = match cluster.node(leader).await {
        Ok(link) => link.call(&request).await,
        Err(error) => Err(error),
    };
    match response {
        Err(error) => names.into_iter().map(|partition| (partition, Err(error.clone()))).collect(),
        Ok(response) => response
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|answer| (topic.name.as_str(), answer)))
            .map(|(topic, answer)| {
                let partition = TopicPartition::new(topic, answer.partition_index);
                let what = || format!("deleting records of {partition}");
                let result = outcome(answer.error_code, what, None).map(|()| Offset(answer.low_watermark));
                (partition, result)
            })
            .collect(),
    }
}
