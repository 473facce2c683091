//! Configuration by Kafka's names, in three classes: effective, known without meaning here, unknown.

mod broker_config;
mod definition;
mod endpoint;
mod error;
mod known;
mod names;
mod properties;
mod resolve;
mod settings;
mod table;
mod topic;
mod topic_values;

pub use broker_config::BrokerConfig;
pub use error::ConfigError;

pub(crate) use broker_config::DataDirectory;
pub(crate) use definition::{Definition, Kind, split_list};
pub(crate) use endpoint::Endpoint;
pub(crate) use names::{Class, broker_definitions, classify_broker, classify_topic};
pub(crate) use resolve::{BrokerValues, Resolved, Synonym};
pub(crate) use settings::Settings;
pub(crate) use topic::topic_definition;
pub(crate) use topic_values::{TopicValues, check_topic_value, log_config};
