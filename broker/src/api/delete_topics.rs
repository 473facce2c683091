//! DeleteTopics, by name or by id.

use indexmap::IndexMap;
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
    let mut times: IndexMap<_, (DeleteTopicState, usize)> = IndexMap::new();
    for topic in topics {
        times.entry((topic.name.clone(), topic.topic_id)).or_insert((topic, 0)).1 += 1;
    }
    let mut responses = Vec::with_capacity(times.len());
    // One result for each topic, however often it stands in the request.
    for (topic, times) in times.into_values() {
        responses.push(delete(context, topic, times > 1).await);
    }
    DeleteTopicsResponse::default().with_responses(responses)
}

async fn delete(context: &RequestContext, topic: DeleteTopicState, is_twice: bool) -> DeletableTopicResult {
    let result = DeletableTopicResult::default().with_name(topic.name.clone()).with_topic_id(topic.topic_id);
    let deleted = match find(context, &topic) {
        Ok(_) if is_twice => {
            let what = if topic.name.is_some() { "name" } else { "id" };
            Err(MetadataError::InvalidRequest(format!("Duplicate topic {what}.")))
        }
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
