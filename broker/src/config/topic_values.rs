//! A topic's own configuration, and the typed configuration of its logs that follows from it.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::config::definition::Definition;
use crate::config::known::{REMOTE_STORAGE, inert_topic_definition};
use crate::config::topic::{TOPIC_DEFINITIONS, TopicDefinition};
use crate::config::{BrokerValues, Class, ConfigError, classify_topic};
use crate::log::{LogConfig, TopicCompression};

/// The values that a topic sets itself, by Kafka's names.
pub(crate) type TopicValues = BTreeMap<String, String>;

/// Checks one value that a topic is to have.
pub(crate) fn check_topic_value(name: &str, value: &str) -> Result<(), ConfigError> {
    match classify_topic(name)? {
        Class::Effective(definition) => definition.check(value),
        Class::WithoutMeaning => {
            if let Some(definition) = inert_topic_definition(name) {
                definition.check(value)?;
                if name == REMOTE_STORAGE && value == "true" {
                    return Err(definition.invalid(value, "this broker has no remote storage".to_owned()));
                }
            }
            tracing::warn!("topic configuration {name}={value} is known to Kafka and has no effect here");
            Ok(())
        }
    }
}

/// The configuration of a topic's logs: its own values over the broker's.
pub(crate) fn log_config(own: &TopicValues, broker: &BrokerValues) -> Result<LogConfig, ConfigError> {
    let mut config = LogConfig::default();
    for row in TOPIC_DEFINITIONS {
        if let Some(value) = broker.resolve_topic(row, own).value {
            assign(&mut config, row, &value)?;
        }
    }
    Ok(config)
}

/// Writes one value into its field.
fn assign(config: &mut LogConfig, row: &'static TopicDefinition, value: &str) -> Result<(), ConfigError> {
    let row = &row.definition;
    match row.name {
        "durability" => config.durability = parse(row, value)?,
        "cleanup.policy" => config.cleanup = parse(row, value)?,
        "compression.type" => config.compression = compression(row, value)?,
        "delete.retention.ms" => config.delete_retention_ms = parse(row, value)?,
        "file.delete.delay.ms" => config.file_delete_delay_ms = parse(row, value)?,
        "flush.messages" => config.flush_messages = parse(row, value)?,
        "flush.ms" => config.flush_ms = parse(row, value)?,
        "index.interval.bytes" => config.index_interval_bytes = parse(row, value)?,
        "max.compaction.lag.ms" => config.max_compaction_lag_ms = parse(row, value)?,
        "max.message.bytes" => config.max_message_bytes = parse(row, value)?,
        "message.timestamp.after.max.ms" => config.timestamp_after_max_ms = parse(row, value)?,
        "message.timestamp.before.max.ms" => config.timestamp_before_max_ms = parse(row, value)?,
        "message.timestamp.type" => config.timestamp_type = parse(row, value)?,
        "min.cleanable.dirty.ratio" => config.min_cleanable_dirty_permille = permille(row, value)?,
        "min.compaction.lag.ms" => config.min_compaction_lag_ms = parse(row, value)?,
        "retention.bytes" => config.retention_bytes = parse(row, value)?,
        "retention.ms" => config.retention_ms = parse(row, value)?,
        "segment.bytes" => config.segment_bytes = parse(row, value)?,
        "segment.index.bytes" => config.segment_index_bytes = parse(row, value)?,
        "segment.jitter.ms" => config.segment_jitter_ms = parse(row, value)?,
        "segment.ms" => config.segment_ms = parse(row, value)?,
        name => unreachable!("topic configuration {name} is in the table and has no field"),
    }
    Ok(())
}

fn parse<T: FromStr<Err: std::fmt::Display>>(row: &Definition, value: &str) -> Result<T, ConfigError> {
    value.parse().map_err(|error: T::Err| row.invalid(value, error.to_string()))
}

fn permille(row: &Definition, value: &str) -> Result<u32, ConfigError> {
    let ratio: f64 = parse(row, value)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the table bounds it to 0..=1"
    )]
    Ok((ratio * 1000.0).round() as u32)
}

fn compression(row: &Definition, value: &str) -> Result<TopicCompression, ConfigError> {
    match value {
        "producer" => Ok(TopicCompression::Producer),
        "uncompressed" => parse(row, "none").map(|codec| TopicCompression::Codec(codec, None)),
        codec => parse(row, codec).map(|codec| TopicCompression::Codec(codec, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_value_the_logs_take_kafkas_defaults() {
        let config = log_config(&TopicValues::new(), &BrokerValues::default()).unwrap();
        assert_eq!(config, LogConfig::default());
    }

    #[test]
    fn every_row_of_the_table_reaches_its_field() {
        let others = [
            ("durability", "page"),
            ("cleanup.policy", "compact"),
            ("compression.type", "zstd"),
            ("message.timestamp.type", "LogAppendTime"),
            ("min.cleanable.dirty.ratio", "0.25"),
        ];
        for row in TOPIC_DEFINITIONS {
            let name = row.definition.name;
            let value = others.iter().find(|(other, _)| *other == name).map_or("1234567", |(_, value)| value);
            let own = TopicValues::from([(name.to_owned(), value.to_owned())]);
            let config = log_config(&own, &BrokerValues::default()).unwrap();
            assert_ne!(config, LogConfig::default(), "{name}={value} changed nothing");
        }
    }
}
