//! DescribeProducers: which idempotent producers a partition remembers (KIP-664).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse, ProducerId};

use crate::api::{RequestContext, text};
use crate::metadata::name_fault;

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| describe_topic(context, topic)).collect();
    DescribeProducersResponse::default().with_topics(topics)
}

fn describe_topic(context: &RequestContext, asked: TopicRequest) -> TopicResponse {
    let fault = name_fault(&asked.name);
    let partition = |index: &i32| {
        let response = PartitionResponse::default().with_partition_index(*index).with_error_message(None);
        match (&fault, context.broker.metadata.partition(&asked.name, *index)) {
            (Some(fault), _) => response
                .with_error_code(ResponseError::InvalidTopicException.code())
                .with_error_message(Some(text(fault))),
            (None, None) => response.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
            (None, Some(partition)) if partition.is_offline() => {
                response.with_error_code(ResponseError::KafkaStorageError.code())
            }
            (None, Some(partition)) => {
                let producers = partition.producers().into_iter().map(|producer| {
                    // No transactions are served: nobody coordinates one, and none is open.
                    ProducerState::default()
                        .with_producer_id(ProducerId(producer.id.0))
                        .with_producer_epoch(producer.epoch.0.into())
                        .with_last_sequence(producer.last_sequence)
                        .with_last_timestamp(producer.last_timestamp)
                        .with_coordinator_epoch(-1)
                        .with_current_txn_start_offset(-1)
                });
                response.with_active_producers(producers.collect())
            }
        }
    };
    let partitions = asked.partition_indexes.iter().map(partition).collect();
    TopicResponse::default().with_partitions(partitions).with_name(asked.name)
}
