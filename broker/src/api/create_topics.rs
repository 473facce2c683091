//! CreateTopics.

use indexmap::IndexMap;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};

use crate::api::{RequestContext, text};
use crate::config::{Definition, Resolved, TopicValues};
use crate::metadata::{MetadataError, NewTopic, Partitions};

pub(crate) async fn handle(context: &RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times: IndexMap<&TopicName, (&CreatableTopic, usize)> = IndexMap::new();
    for topic in &request.topics {
        times.entry(&topic.name).or_insert((topic, 0)).1 += 1;
    }
    let mut results = Vec::with_capacity(times.len());
    // One result for each name, however often it stands in the request.
    for (topic, times) in times.into_values() {
        let created = match times {
            1 => create(context, topic, request.validate_only).await,
            _ => Err(MetadataError::InvalidRequest("Duplicate topic name.".to_owned())),
        };
        results.push(created.unwrap_or_else(|error| refused(topic, &error)));
    }
    CreateTopicsResponse::default().with_topics(results)
}

async fn create(
    context: &RequestContext,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, MetadataError> {
    let metadata = &context.broker.metadata;
    let wanted = wanted(topic)?;
    let values = wanted.values.clone();
    let result = CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_message(None)
        .with_replication_factor(1);
    let result = if validate_only {
        result.with_num_partitions(metadata.check_topic(&wanted)?)
    } else {
        let created = metadata.create_topic(wanted).await?;
        let partitions = i32::try_from(created.partitions.len()).unwrap_or(i32::MAX);
        result.with_topic_id(created.id).with_num_partitions(partitions)
    };
    Ok(result.with_configs(Some(configs(context, &values))))
}

fn wanted(topic: &CreatableTopic) -> Result<NewTopic, MetadataError> {
    let mut values = TopicValues::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let reason = format!("Null value not supported for topic configs: {}", &*config.name);
            return Err(MetadataError::InvalidConfig(reason));
        };
        values.insert(config.name.to_string(), value.to_string());
    }
    let assignments = topic.assignments.iter().map(|assignment| {
        (assignment.partition_index, assignment.broker_ids.iter().map(|id| id.0).collect())
    });
    let partitions = match (topic.assignments.is_empty(), topic.num_partitions) {
        (true, count) => Partitions::Count(count),
        (false, -1) => Partitions::Assigned(assignments.collect()),
        (false, _) => {
            return Err(MetadataError::InvalidRequest(
                "A manual partition assignment was specified, but numPartitions was not set to -1."
                    .to_owned(),
            ));
        }
    };
    let replication_factor = topic.replication_factor;
    Ok(NewTopic { name: topic.name.to_string(), partitions, replication_factor, values })
}

/// The whole configuration that the topic has, as since version 5 the answer tells.
fn configs(context: &RequestContext, values: &TopicValues) -> Vec<CreatableTopicConfigs> {
    let config = |(definition, resolved): (&'static Definition, Resolved)| {
        CreatableTopicConfigs::default()
            .with_name(text(definition.name))
            .with_value(resolved.value.map(text))
            .with_config_source(resolved.source as i8)
    };
    context.broker.metadata.broker_values().topic_configs(values).into_iter().map(config).collect()
}

fn refused(topic: &CreatableTopic, error: &MetadataError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(error.code().code())
        .with_error_message(Some(text(error)))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_configs(Some(Vec::new()))
}
