//! DescribeLogDirs: how large each partition is, and how much room is left (`kafka-log-dirs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};

use crate::api::{RequestContext, text};
use crate::log::Partition;
use crate::metadata::Topic;

/// Partitions of one topic, by index.
type Partitions = BTreeMap<i32, Arc<Partition>>;

/// What is told of a room that is not known (`DescribeLogDirsResponse.UNKNOWN_VOLUME_BYTES`).
const UNKNOWN: i64 = -1;

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let metadata = &context.broker.metadata;
    let topics: Vec<_> = match &request.topics {
        None => metadata.topics().iter().map(|topic| described(topic, topic.partitions.iter())).collect(),
        Some(wanted) => wanted_topics(context, wanted),
    };
    let (dir, space) = context.broker.logs.place();
    let bytes = |bytes: Option<u64>| bytes.map_or(UNKNOWN, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let result = DescribeLogDirsResult::default()
        .with_log_dir(text(dir.display()))
        .with_topics(topics)
        .with_total_bytes(bytes(space.map(|space| space.total)))
        .with_usable_bytes(bytes(space.map(|space| space.usable)));
    DescribeLogDirsResponse::default().with_results(vec![result])
}

/// The partitions that are asked for, each once; those that do not exist are in no directory.
fn wanted_topics(context: &RequestContext, wanted: &[DescribableLogDirTopic]) -> Vec<DescribeLogDirsTopic> {
    let mut found: BTreeMap<Arc<str>, (Arc<Topic>, Partitions)> = BTreeMap::new();
    for wanted in wanted {
        let Some(topic) = context.broker.metadata.topic(&wanted.topic) else { continue };
        let partitions =
            wanted.partitions.iter().filter_map(|index| Some((*index, topic.partition(*index)?.clone())));
        let partitions: Vec<_> = partitions.collect();
        if !partitions.is_empty() {
            found.entry(topic.name.clone()).or_insert((topic, Partitions::new())).1.extend(partitions);
        }
    }
    found.values().map(|(topic, partitions)| described(topic, partitions.values())).collect()
}

fn described<'a>(
    topic: &Topic,
    partitions: impl Iterator<Item = &'a Arc<Partition>>,
) -> DescribeLogDirsTopic {
    let partition = |partition: &Arc<Partition>| {
        DescribeLogDirsPartition::default()
            .with_partition_index(partition.name().partition.0)
            .with_partition_size(i64::try_from(partition.size()).unwrap_or(i64::MAX))
    };
    let serving = partitions.filter(|partition| !partition.is_offline());
    DescribeLogDirsTopic::default()
        .with_name(TopicName(text(&topic.name)))
        .with_partitions(serving.map(partition).collect())
}
