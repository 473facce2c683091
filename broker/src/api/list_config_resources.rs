//! ListConfigResources: what can be asked for with DescribeConfigs (KIP-1142).

use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use crate::api::{RequestContext, text};

/// `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

pub(crate) async fn handle(
    context: &RequestContext,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    // Version 0 asks for subscriptions of client metrics alone, of which there are none.
    let asks_for_all = context.version() >= 1 && request.resource_types.is_empty();
    let asks_for = |kind| asks_for_all || request.resource_types.contains(&kind);
    let mut resources = Vec::new();
    if asks_for(TOPIC) {
        let topics = context.broker.metadata.topics();
        resources.extend(topics.iter().map(|topic| resource(TOPIC, &topic.name)));
    }
    if asks_for(BROKER) {
        resources.push(resource(BROKER, context.node_id().0));
    }
    ListConfigResourcesResponse::default().with_config_resources(resources)
}

fn resource(kind: i8, name: impl std::fmt::Display) -> ConfigResource {
    ConfigResource::default().with_resource_type(kind).with_resource_name(text(name))
}
