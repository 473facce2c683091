//! Configurations of topics and brokers.

use std::fmt;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use kafka_protocol::protocol::StrBytes;
use millstream_wire::ids::NodeId;

use super::{Admin, PerItem, To, outcome};
use crate::Result;

/// What a configuration belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// A broker.
    Broker(NodeId),
    /// The default of all brokers.
    AllBrokers,
}

/// Where a value comes from (`ConfigEntry.ConfigSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on the broker while it ran.
    DynamicBroker,
    /// Set on all brokers while they ran.
    DynamicDefaultBroker,
    /// From the broker's file or command line.
    StaticBroker,
    /// Built in.
    Default,
    /// Something newer, by its number.
    Other(i8),
}

/// One configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; withheld if it is a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Cannot be changed.
    pub read_only: bool,
    /// A secret.
    pub sensitive: bool,
}

/// A change of one configuration (`AlterConfigOp`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigChange {
    /// Sets it.
    Set(String, String),
    /// Back to the default.
    Delete(String),
    /// Adds to a list.
    Append(String, String),
    /// Takes from a list.
    Subtract(String, String),
}

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::AllBrokers => f.write_str("all brokers"),
        }
    }
}

impl ConfigResource {
    fn wire(&self) -> (i8, StrBytes) {
        match self {
            Self::Topic(name) => (TOPIC, StrBytes::from_string(name.clone())),
            Self::Broker(id) => (BROKER, StrBytes::from_string(id.to_string())),
            Self::AllBrokers => (BROKER, StrBytes::new()),
        }
    }
}

impl ConfigChange {
    fn wire(&self) -> AlterableConfig {
        let (operation, name, value) = match self {
            Self::Set(name, value) => (0, name, Some(value)),
            Self::Delete(name) => (1, name, None),
            Self::Append(name, value) => (2, name, Some(value)),
            Self::Subtract(name, value) => (3, name, Some(value)),
        };
        AlterableConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_config_operation(operation)
            .with_value(value.cloned().map(StrBytes::from_string))
    }
}

impl Admin {
    /// All configurations of these resources.
    ///
    /// # Errors
    /// Per resource; for the call as a whole when no broker answers.
    pub async fn describe_configs(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
    ) -> Result<PerItem<ConfigResource, Vec<ConfigEntry>>> {
        let resources: Vec<ConfigResource> = resources.into_iter().collect();
        let asked = resources.clone();
        let make = move |_| {
            let resource = |resource: &ConfigResource| {
                let (kind, name) = resource.wire();
                DescribeConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(name)
                    .with_configuration_keys(None)
            };
            DescribeConfigsRequest::default().with_resources(asked.iter().map(resource).collect())
        };
        let response = self.ask(To::Any, make, |_| Ok(())).await?;
        let item = |resource: ConfigResource| {
            let (kind, name) = resource.wire();
            let what = || format!("configuration of {resource}");
            let found = response
                .results
                .iter()
                .find(|result| (result.resource_type, &result.resource_name) == (kind, &name));
            let entries = match found {
                Some(result) => outcome(result.error_code, what, result.error_message.as_deref())
                    .map(|()| result.configs.iter().map(entry).collect()),
                None => outcome(crate::ErrorCode::UnknownServerError.code(), what, Some("not answered"))
                    .map(|()| vec![]),
            };
            (resource, entries)
        };
        Ok(resources.into_iter().map(item).collect())
    }

    /// Changes single configurations and leaves the others as they are.
    ///
    /// # Errors
    /// Per resource; for the call as a whole when no broker answers.
    pub async fn alter_configs(
        &self,
        changes: impl IntoIterator<Item = (ConfigResource, Vec<ConfigChange>)>,
    ) -> Result<PerItem<ConfigResource, ()>> {
        let changes: Vec<(ConfigResource, Vec<ConfigChange>)> = changes.into_iter().collect();
        let asked = changes.clone();
        let make = move |_| {
            let resource = |(resource, changes): &(ConfigResource, Vec<ConfigChange>)| {
                let (kind, name) = resource.wire();
                AlterConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(name)
                    .with_configs(changes.iter().map(ConfigChange::wire).collect())
            };
            IncrementalAlterConfigsRequest::default().with_resources(asked.iter().map(resource).collect())
        };
        let response = self.ask(To::Controller, make, |_| Ok(())).await?;
        let item = |(resource, _): (ConfigResource, Vec<ConfigChange>)| {
            let (kind, name) = resource.wire();
            let found = response
                .responses
                .iter()
                .find(|result| (result.resource_type, &result.resource_name) == (kind, &name));
            let what = || format!("changing the configuration of {resource}");
            let (code, message) =
                found.map_or((-1, None), |result| (result.error_code, result.error_message.as_deref()));
            let result = outcome(code, what, message);
            (resource, result)
        };
        Ok(changes.into_iter().map(item).collect())
    }
}

fn entry(config: &DescribeConfigsResourceResult) -> ConfigEntry {
    let source = match config.config_source {
        1 => ConfigSource::Topic,
        2 => ConfigSource::DynamicBroker,
        3 => ConfigSource::DynamicDefaultBroker,
        4 => ConfigSource::StaticBroker,
        5 => ConfigSource::Default,
        other => ConfigSource::Other(other),
    };
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.as_ref().map(ToString::to_string),
        source,
        read_only: config.read_only,
        sensitive: config.is_sensitive,
    }
}
