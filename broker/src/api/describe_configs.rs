//! DescribeConfigs: every configuration with an effect, its value, and where that comes from.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::api::config_resource::{ConfigResource, ResourceError};
use crate::api::{RequestContext, text};
use crate::config::{Definition, Kind, Resolved, Synonym, broker_definitions};
use crate::metadata::Topic;

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| describe(context, &request, resource)).collect();
    DescribeConfigsResponse::default().with_results(results)
}

fn describe(
    context: &RequestContext,
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
) -> DescribeConfigsResult {
    let result = DescribeConfigsResult::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone());
    match entries(context, resource) {
        Ok(entries) => {
            let configs = entries.into_iter().map(|entry| entry.respond(request));
            result.with_configs(configs.collect())
        }
        Err((error, message)) => result.with_error_code(error.code()).with_error_message(Some(text(message))),
    }
}

/// One configuration of a resource.
struct Entry {
    name: String,
    kind: Kind,
    doc: &'static str,
    read_only: bool,
    resolved: Resolved,
}

fn entries(
    context: &RequestContext,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Entry>, ResourceError> {
    let mut entries = match ConfigResource::find(context, resource.resource_type, &resource.resource_name)? {
        ConfigResource::Topic(topic) => topic_entries(context, &topic),
        ConfigResource::Broker => broker_entries(context),
    };
    if let Some(keys) = asked_for(resource.configuration_keys.as_deref()) {
        entries.retain(|entry| keys.iter().any(|key| **key == *entry.name));
    }
    Ok(entries)
}

/// Null and empty both ask for all of them.
fn asked_for(keys: Option<&[StrBytes]>) -> Option<&[StrBytes]> {
    keys.filter(|keys| !keys.is_empty())
}

fn topic_entries(context: &RequestContext, topic: &Topic) -> Vec<Entry> {
    let configs = context.broker.metadata.broker_values().topic_configs(&topic.values);
    configs.into_iter().map(|(definition, resolved)| Entry::of(definition, resolved, false)).collect()
}

fn broker_entries(context: &RequestContext) -> Vec<Entry> {
    let broker = context.broker.metadata.broker_values();
    let entry = |row: &'static Definition| Entry::of(row, broker.resolve(row), !row.dynamic);
    broker_definitions().map(entry).collect()
}

impl Entry {
    fn of(definition: &'static Definition, resolved: Resolved, read_only: bool) -> Self {
        let (name, kind, doc) = (definition.name.to_owned(), definition.kind, definition.doc.trim());
        Self { name, kind, doc, read_only, resolved }
    }

    fn respond(self, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
        let mut result = DescribeConfigsResourceResult::default()
            .with_name(text(self.name))
            .with_value(self.resolved.value.map(text))
            .with_read_only(self.read_only)
            .with_config_source(self.resolved.source as i8)
            .with_config_type(self.kind as i8);
        result = result.with_documentation(request.include_documentation.then(|| text(self.doc)));
        if request.include_synonyms {
            let synonym = |synonym: Synonym| {
                DescribeConfigsSynonym::default()
                    .with_name(text(synonym.name))
                    .with_value(Some(text(synonym.value)))
                    .with_source(synonym.source as i8)
            };
            result = result.with_synonyms(self.resolved.synonyms.into_iter().map(synonym).collect());
        }
        result
    }
}
