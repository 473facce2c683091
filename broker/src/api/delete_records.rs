//! DeleteRecords: moves the start of a log.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::DeleteRecordsTopic;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use millstream_wire::ids::Offset;

use crate::api::RequestContext;
use crate::metadata::Topic;

pub(crate) async fn handle(context: &RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        topics.push(delete_in_topic(context, topic).await);
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

async fn delete_in_topic(context: &RequestContext, topic: DeleteRecordsTopic) -> DeleteRecordsTopicResult {
    let found = context.broker.metadata.topic(&topic.name);
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for asked in topic.partitions {
        let start = delete_before(found.as_deref(), asked.partition_index, Offset(asked.offset)).await;
        let result = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
        partitions.push(match start {
            Ok(start) => result.with_low_watermark(start.0),
            Err(error) => result.with_low_watermark(-1).with_error_code(error.code()),
        });
    }
    DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions)
}

/// Moves the start on a blocking thread: the checkpoint that makes it durable is a file.
async fn delete_before(topic: Option<&Topic>, index: i32, offset: Offset) -> Result<Offset, ResponseError> {
    let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
    if topic.is_internal() {
        return Err(ResponseError::InvalidTopicException);
    }
    let partition = topic.partition(index).ok_or(ResponseError::UnknownTopicOrPartition)?.clone();
    if !partition.config().cleanup.delete {
        return Err(ResponseError::PolicyViolation);
    }
    let deleted = tokio::task::spawn_blocking(move || partition.delete_records_before(offset)).await;
    deleted.map_err(|_closing| ResponseError::UnknownServerError)?.map_err(|error| error.code())
}
