//! DeleteTopics, by name or by id.

use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use uuid::Uuid;

use crate::api::{RequestContext, text};
use crate::metadata::MetadataError;

/// Since this version topics may be named by id, and errors have texts.
const TOPIC_STATES: i16 = 6;

pub(crate) async fn handle(context: &RequestContext, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let topics = if context.version() >= TOPIC_STATES {
        request.topics
    } else {
        let named = |name| DeleteTopicState::default().with_name(Some(name));
        request.topic_names.into_iter().map(named).collect()
    };
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        responses.push(delete(context, topic).await);
    }
    DeleteTopicsResponse::default().with_responses(responses)
}

async fn delete(context: &RequestContext, topic: DeleteTopicState) -> DeletableTopicResult {
    let result = DeletableTopicResult::default().with_name(topic.name.clone()).with_topic_id(topic.topic_id);
    let deleted = match find(context, &topic) {
        Ok(id) => context.broker.metadata.delete_topic(id).await,
        Err(error) => Err(error),
    };
    match deleted {
        Ok(deleted) => {
            context.broker.groups.topic_deleted(&deleted.name);
            result.with_name(Some(text(&deleted.name).into())).with_topic_id(deleted.id)
        }
        Err(error) => result.with_error_code(error.code().code()).with_error_message(Some(text(&error))),
    }
}

fn find(context: &RequestContext, topic: &DeleteTopicState) -> Result<Uuid, MetadataError> {
    let metadata = &context.broker.metadata;
    match (&topic.name, topic.topic_id.is_nil()) {
        (Some(name), true) => Ok(metadata.topic(name).ok_or(MetadataError::UnknownTopic)?.id),
        (None, false) => Ok(topic.topic_id),
        (Some(_), false) => {
            Err(MetadataError::InvalidRequest("You may not specify both topic name and topic id.".to_owned()))
        }
        (None, true) => {
            Err(MetadataError::InvalidRequest("Neither topic name nor id were specified.".to_owned()))
        }
    }
}
