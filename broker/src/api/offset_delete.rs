//! OffsetDelete (KIP-496).

use std::sync::Arc;

use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use crate::api::{NONE, RequestContext};
use crate::group::{GroupError, GroupId};

pub(crate) async fn handle(context: &RequestContext, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut keys = Vec::new();
    for topic in &request.topics {
        let name: Arc<str> = Arc::from(&**topic.name);
        keys.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
    }
    let group = GroupId::from(&**request.group_id);
    match context.broker.groups.delete_offsets(&group, &keys).await {
        Err(error) => OffsetDeleteResponse::default().with_error_code(error.code()),
        Ok(results) => {
            let mut results = results.into_iter();
            let topics = request.topics.into_iter().map(|topic| deleted(context, topic, &mut results));
            OffsetDeleteResponse::default().with_topics(topics.collect())
        }
    }
}

/// A topic that is not there has nothing to delete, which is told apart from having deleted it.
fn deleted(
    context: &RequestContext,
    topic: OffsetDeleteRequestTopic,
    results: &mut impl Iterator<Item = Result<(), GroupError>>,
) -> OffsetDeleteResponseTopic {
    let known = context.broker.metadata.topic(&topic.name);
    let partitions = topic.partitions.iter().zip(results).map(|(partition, result)| {
        let exists = known.as_ref().is_some_and(|topic| topic.partition(partition.partition_index).is_some());
        let result = if exists { result } else { Err(GroupError::UnknownTopicOrPartition) };
        OffsetDeleteResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_error_code(result.err().map_or(NONE, GroupError::code))
    });
    OffsetDeleteResponseTopic::default().with_partitions(partitions.collect()).with_name(topic.name)
}
