//! IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single values (KIP-339).

use std::collections::{BTreeMap, HashSet};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use crate::api::config_resource::{ConfigResource, ResourceError, resource_error};
use crate::api::{RequestContext, text};
use crate::config::{
    Class, ConfigError, Definition, Kind, check_topic_value, classify_broker, classify_topic, split_list,
    topic_definition,
};
use crate::metadata::{MetadataError, Topic};

/// `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

type Values = BTreeMap<String, String>;

pub(crate) async fn handle(
    context: &RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let response = AlterConfigsResourceResponse::default()
            .with_error_message(None)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        responses.push(match alter(context, resource, request.validate_only).await {
            Ok(()) => response,
            Err((error, message)) => {
                response.with_error_code(error.code()).with_error_message(Some(text(message)))
            }
        });
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

async fn alter(
    context: &RequestContext,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), ResourceError> {
    let mut seen = HashSet::new();
    if let Some(twice) = resource.configs.iter().find(|config| !seen.insert(config.name.clone())) {
        return Err((ResponseError::InvalidRequest, format!("{} is altered twice.", &*twice.name)));
    }
    match ConfigResource::find(context, resource.resource_type, &resource.resource_name)? {
        ConfigResource::Topic(topic) => {
            let values = altered_topic(context, &topic, &resource.configs)?;
            store_topic(context, &topic, values, validate_only).await
        }
        ConfigResource::Broker => {
            let values = altered_broker(context, &resource.configs)?;
            store_broker(context, values, validate_only).await
        }
    }
}

/// Puts a topic's values into force.
pub(crate) async fn store_topic(
    context: &RequestContext,
    topic: &Topic,
    values: Values,
    validate_only: bool,
) -> Result<(), ResourceError> {
    for (name, value) in &values {
        check_topic_value(name, value).map_err(config_error)?;
    }
    if validate_only {
        return Ok(());
    }
    context.broker.metadata.alter_topic(&topic.name, values).await.map_err(|error| resource_error(&error))
}

/// Puts the broker's dynamic values into force.
pub(crate) async fn store_broker(
    context: &RequestContext,
    values: Values,
    validate_only: bool,
) -> Result<(), ResourceError> {
    for (name, value) in &values {
        check_dynamic(name, value)?;
    }
    if validate_only {
        return Ok(());
    }
    context.broker.metadata.alter_broker(values).await.map_err(|error| resource_error(&error))
}

fn check_dynamic(name: &str, value: &str) -> Result<(), ResourceError> {
    match classify_broker(name).map_err(config_error)? {
        Class::Effective(definition) if definition.dynamic => definition.check(value).map_err(config_error),
        Class::Effective(_) => Err((
            ResponseError::InvalidRequest,
            format!("Cannot update {name} dynamically: give it to the broker when it starts."),
        )),
        Class::WithoutMeaning => {
            tracing::warn!("configuration {name}={value} is known to Kafka and has no effect here");
            Ok(())
        }
    }
}

fn altered_topic(
    context: &RequestContext,
    topic: &Topic,
    configs: &[AlterableConfig],
) -> Result<Values, ResourceError> {
    let mut values = topic.values.clone();
    let broker = context.broker.metadata.broker_values();
    for config in configs {
        if config.config_operation == DELETE {
            // Also one that nobody knows: it is not there any more.
            values.remove(&*config.name);
            continue;
        }
        let definition = effective(classify_topic(&config.name))?;
        let current = topic_definition(&config.name).and_then(|row| broker.resolve_topic(row, &values).value);
        apply(&mut values, config, definition, current.as_deref())?;
    }
    Ok(values)
}

fn altered_broker(context: &RequestContext, configs: &[AlterableConfig]) -> Result<Values, ResourceError> {
    let broker = context.broker.metadata.broker_values();
    let mut values = broker.dynamic.clone();
    for config in configs {
        let definition = effective(classify_broker(&config.name))?;
        let current = definition.and_then(|definition| broker.resolve(definition).value);
        apply(&mut values, config, definition, current.as_deref())?;
    }
    Ok(values)
}

fn effective(class: Result<Class, ConfigError>) -> Result<Option<&'static Definition>, ResourceError> {
    match class.map_err(config_error)? {
        Class::Effective(definition) => Ok(Some(definition)),
        Class::WithoutMeaning => Ok(None),
    }
}

/// Applies one operation. `current` is the value in force, which appending and subtracting go by.
fn apply(
    values: &mut Values,
    config: &AlterableConfig,
    definition: Option<&'static Definition>,
    current: Option<&str>,
) -> Result<(), ResourceError> {
    let name = config.name.to_string();
    let given = config.value.as_deref();
    match (config.config_operation, given) {
        (DELETE, _) => drop(values.remove(&name)),
        (SET, Some(given)) => drop(values.insert(name, given.to_owned())),
        (APPEND | SUBTRACT, Some(given)) => {
            if definition.is_some_and(|definition| definition.kind != Kind::List) {
                let message = format!("Config value append is not allowed for config key: {name}");
                return Err((ResponseError::InvalidConfig, message));
            }
            let append = config.config_operation == APPEND;
            values.insert(name, combined(current.unwrap_or_default(), given, append));
        }
        (SET | APPEND | SUBTRACT, None) => {
            return Err((ResponseError::InvalidRequest, format!("Null value not supported for : {name}")));
        }
        (operation, _) => {
            return Err((ResponseError::InvalidRequest, format!("Unknown operation {operation} for {name}")));
        }
    }
    Ok(())
}

/// A list with the given words added, or without them.
fn combined(current: &str, given: &str, append: bool) -> String {
    let mut words: Vec<&str> = split_list(current).collect();
    for word in split_list(given) {
        if !append {
            words.retain(|known| *known != word);
        } else if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(",")
}

fn config_error(error: ConfigError) -> ResourceError {
    resource_error(&MetadataError::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_grow_by_new_words_and_lose_old_ones() {
        assert_eq!(combined("delete", "compact", true), "delete,compact");
        assert_eq!(combined("delete", "delete", true), "delete");
        assert_eq!(combined("compact,delete", "delete", false), "compact");
        assert_eq!(combined("delete", "delete", false), "");
    }
}
