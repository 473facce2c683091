//! CreatePartitions: more partitions for a topic.

use std::collections::HashSet;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use crate::api::{RequestContext, text};
use crate::metadata::{MetadataError, Topic, check_replicas};

pub(crate) async fn handle(
    context: &RequestContext,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut seen = HashSet::new();
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let created = if seen.insert(topic.name.clone()) {
            create(context, topic, request.validate_only).await
        } else {
            Err(MetadataError::InvalidRequest("Duplicate topic name.".to_owned()))
        };
        let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
        results.push(match created {
            Ok(()) => result,
            Err(error) => result.with_error_code(error.code().code()).with_error_message(Some(text(&error))),
        });
    }
    CreatePartitionsResponse::default().with_results(results)
}

async fn create(
    context: &RequestContext,
    wanted: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), MetadataError> {
    let metadata = &context.broker.metadata;
    let topic = metadata.topic(&wanted.name).ok_or(MetadataError::UnknownTopic)?;
    check(context, wanted, &topic)?;
    if validate_only { Ok(()) } else { metadata.create_partitions(&topic.name, wanted.count).await }
}

fn check(
    context: &RequestContext,
    wanted: &CreatePartitionsTopic,
    topic: &Topic,
) -> Result<(), MetadataError> {
    let added = context.broker.metadata.check_more_partitions(topic, wanted.count)?;
    let Some(assignments) = &wanted.assignments else { return Ok(()) };
    if assignments.len() != added.len() {
        return Err(MetadataError::InvalidReplicaAssignment(format!(
            "Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
            added.len(),
            assignments.len()
        )));
    }
    for (index, assignment) in added.zip(assignments) {
        let replicas: Vec<i32> = assignment.broker_ids.iter().map(|id| id.0).collect();
        check_replicas(index, &replicas, context.node_id().0)?;
    }
    Ok(())
}
