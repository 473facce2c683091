//! What `Broker::start` is given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;
use crate::config::names::{Class, DIRECTORY_NAMES, classify_broker};
use crate::config::properties::parse_properties;
use crate::config::settings::Settings;
use crate::log::Durability;

/// Where a broker keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataDirectory {
    /// A fresh temporary directory that goes when the broker has closed.
    Temporary,
    Path(PathBuf),
}

/// The configuration of a broker: a data directory, and values under Kafka's names.
///
/// ```
/// # use millstream_broker::BrokerConfig;
/// let config = BrokerConfig::ephemeral().set("num.partitions", "3")?;
/// assert!(BrokerConfig::ephemeral().set("num.partition", "3").is_err());
/// # Ok::<(), millstream_broker::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    pub(crate) directory: DataDirectory,
    /// Values that were given, under the effective name.
    values: BTreeMap<&'static str, String>,
}

impl BrokerConfig {
    /// A broker that keeps its data in `directory`, which is made if it is missing, and listens on 127.0.0.1:9092.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let config = Self { directory: DataDirectory::Path(directory.into()), values: BTreeMap::new() };
        config.listen("127.0.0.1:9092")
    }

    /// A broker in a temporary directory on a free port of 127.0.0.1: for tests and embedding.
    pub fn ephemeral() -> Self {
        let config = Self { directory: DataDirectory::Temporary, values: BTreeMap::new() };
        config.listen("127.0.0.1:0")
    }

    /// Listens on `address`, `HOST:PORT`; port 0 takes a free one, an empty host every interface.
    #[must_use]
    pub fn listen(mut self, address: impl AsRef<str>) -> Self {
        self.values.insert("listeners", format!("PLAINTEXT://{}", address.as_ref()));
        self
    }

    /// Sets what makes a record durable in topics that do not say it themselves.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.values.insert("durability", durability.to_string());
        self
    }

    /// Sets a value by Kafka's name. A name of Kafka's that means nothing here is accepted with a warning in the log.
    ///
    /// # Errors
    /// [`ConfigError`] if the name is unknown or the value does not fit it.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        if DIRECTORY_NAMES.contains(&name) {
            self.directory = DataDirectory::Path(one_directory(name, value)?);
            return Ok(self);
        }
        match classify_broker(name)? {
            Class::Effective(definition) => {
                definition.check(value)?;
                self.values.insert(definition.name, value.to_owned());
            }
            Class::WithoutMeaning => {
                tracing::warn!("configuration {name}={value} is known to Kafka and has no effect here");
            }
        }
        Ok(self)
    }

    /// Sets a value unless it was given.
    pub(crate) fn or_set(self, name: &str, value: &str) -> Result<Self, ConfigError> {
        if self.values.contains_key(name) { Ok(self) } else { self.set(name, value) }
    }

    /// Sets the durability unless it was given.
    pub(crate) fn or_durability(self, durability: Durability) -> Self {
        if self.values.contains_key("durability") { self } else { self.durability(durability) }
    }

    /// Sets every value of a text in the form of Kafka's server.properties.
    ///
    /// # Errors
    /// [`ConfigError`] for the first line that is not `name=value`, is unknown or does not fit.
    pub fn properties(mut self, text: &str) -> Result<Self, ConfigError> {
        for (name, value) in parse_properties(text)? {
            self = self.set(&name, &value)?;
        }
        Ok(self)
    }

    /// Sets every value of a file in the form of Kafka's server.properties.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, and as [`BrokerConfig::properties`].
    pub fn properties_file(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        self.properties(&text)
    }

    /// The typed values.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::from_lookup(|name| self.values.get(name).map(String::as_str))
    }

    /// The values that were given, for DescribeConfigs and the defaults of topics.
    pub(crate) fn into_values(self) -> BTreeMap<&'static str, String> {
        self.values
    }
}

/// This broker keeps its data in one directory.
fn one_directory(name: &str, value: &str) -> Result<PathBuf, ConfigError> {
    if value.is_empty() || value.contains(',') {
        return Err(ConfigError::Invalid {
            name: name.to_owned(),
            value: value.to_owned(),
            reason: "must be the path of one directory".to_owned(),
        });
    }
    Ok(PathBuf::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kafka_server_properties_file_is_taken_as_it_is() {
        let text = "process.roles=broker,controller\nnode.id=7\nlisteners=PLAINTEXT://:9192\n\
                    num.network.threads=3\nnum.io.threads=8\nlog.dirs=/var/lib/x\nnum.partitions=4\n\
                    log.retention.hours=1\n";
        let config = BrokerConfig::ephemeral().properties(text).unwrap();
        assert_eq!(config.directory, DataDirectory::Path("/var/lib/x".into()));
        let settings = config.settings().unwrap();
        assert_eq!((settings.node_id, settings.num_partitions), (7, 4));
    }

    #[test]
    fn a_value_out_of_range_is_refused_where_it_is_set() {
        let error = BrokerConfig::ephemeral().set("num.partitions", "0").unwrap_err();
        assert_eq!(error.to_string(), "invalid value `0` for `num.partitions`: must be at least 1");
    }
}
