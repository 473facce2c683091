//! What a configuration request is about: a topic, or this broker.

use std::sync::Arc;

use kafka_protocol::ResponseError;

use crate::api::RequestContext;
use crate::metadata::{MetadataError, Topic, name_fault};

/// `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// A resource that exists.
pub(crate) enum ConfigResource {
    Topic(Arc<Topic>),
    /// This node, by its id or by the empty name of the cluster's default: on one node they are the same.
    Broker,
}

/// Why a resource is none, as code and text.
pub(crate) type ResourceError = (ResponseError, String);

impl ConfigResource {
    pub(crate) fn find(context: &RequestContext, kind: i8, name: &str) -> Result<Self, ResourceError> {
        match kind {
            TOPIC => {
                if let Some(fault) = name_fault(name) {
                    return Err(resource_error(&MetadataError::InvalidTopic(fault)));
                }
                let topic = context
                    .broker
                    .metadata
                    .topic(name)
                    .ok_or_else(|| resource_error(&MetadataError::UnknownTopic))?;
                Ok(Self::Topic(topic))
            }
            BROKER if name.is_empty() || name == context.node_id().0.to_string() => Ok(Self::Broker),
            BROKER => Err((
                ResponseError::InvalidRequest,
                format!(
                    "Unexpected broker id, expected {} or empty string, but received {name}",
                    context.node_id().0
                ),
            )),
            kind => Err((ResponseError::InvalidRequest, format!("Resources of type {kind} are not served."))),
        }
    }
}

pub(crate) fn resource_error(error: &MetadataError) -> ResourceError {
    (error.code(), error.to_string())
}
