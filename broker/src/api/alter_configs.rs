//! AlterConfigs: replaces all values of a resource. The older way, still spoken by older clients.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use crate::api::config_resource::{ConfigResource, ResourceError};
use crate::api::incremental_alter_configs::{store_broker, store_topic};
use crate::api::{RequestContext, text};

pub(crate) async fn handle(context: &RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let response = AlterConfigsResourceResponse::default()
            .with_error_message(None)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        responses.push(match replace(context, resource, request.validate_only).await {
            Ok(()) => response,
            Err((error, message)) => {
                response.with_error_code(error.code()).with_error_message(Some(text(message)))
            }
        });
    }
    AlterConfigsResponse::default().with_responses(responses)
}

async fn replace(
    context: &RequestContext,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), ResourceError> {
    let mut values = BTreeMap::new();
    for config in &resource.configs {
        let Some(value) = &config.value else {
            let message = format!("Null value not supported for : {}", &*config.name);
            return Err((ResponseError::InvalidRequest, message));
        };
        values.insert(config.name.to_string(), value.to_string());
    }
    match ConfigResource::find(context, resource.resource_type, &resource.resource_name)? {
        ConfigResource::Topic(topic) => store_topic(context, &topic, values, validate_only).await,
        ConfigResource::Broker => store_broker(context, values, validate_only).await,
    }
}
