//! Topic configurations with an effect, and the broker configurations that give them their defaults.

use crate::config::definition::Rule::{Any, AtLeast, EachOf, Fraction, OneOf};
use crate::config::definition::{Definition, Kind};

/// A broker configuration that stands in for a topic's own value.
#[derive(Debug)]
pub(crate) struct BrokerDefault {
    pub(crate) definition: Definition,
    /// What a value is multiplied with to be in the topic's unit: hours become milliseconds.
    pub(crate) scale: i64,
}

/// A topic configuration and where its value comes from when the topic does not say.
#[derive(Debug)]
pub(crate) struct TopicDefinition {
    pub(crate) definition: Definition,
    /// In order of precedence: the first that is set counts (`log.retention.ms` before `.minutes` before `.hours`).
    pub(crate) broker: &'static [BrokerDefault],
}

macro_rules! topic_table {
    ($( #[doc = $doc:literal] $name:literal, $kind:ident, $default:literal, $rule:expr,
        from [$( $broker:literal * $scale:literal $(: $broker_kind:ident = $broker_value:literal)? ),*]; )*) => {
        /// Every topic configuration that the broker acts on.
        pub(crate) static TOPIC_DEFINITIONS: &[TopicDefinition] = &[ $(
            TopicDefinition {
                definition: Definition {
                    name: $name, kind: Kind::$kind, default: Some($default), rule: $rule, dynamic: true, doc: $doc,
                },
                broker: &[ $( BrokerDefault {
                    definition: Definition {
                        name: $broker,
                        kind: topic_table!(@kind $kind $($broker_kind)?),
                        default: topic_table!(@default $default $($broker_value)?),
                        rule: $rule,
                        dynamic: true,
                        doc: $doc,
                    },
                    scale: $scale,
                }, )* ],
            },
        )* ];
    };
    (@kind $kind:ident) => { Kind::$kind };
    (@kind $kind:ident $own:ident) => { Kind::$own };
    (@default $default:literal) => { Some($default) };
    (@default $default:literal $own:literal) => { if $own.is_empty() { None } else { Some($own) } };
}

const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
const MIB: i64 = 1024 * 1024;

topic_table! {
    /// What makes a record durable: sync waits for fsync, page for the page cache only.
    "durability", String, "sync", OneOf(&["sync", "page"]), from ["durability" * 1];
    /// Whether old records are deleted, compacted by key, or both; empty keeps them all.
    "cleanup.policy", List, "delete", EachOf(&["compact", "delete"]), from ["log.cleanup.policy" * 1];
    /// The codec that batches are stored in; producer keeps the one they came in.
    "compression.type", String, "producer", OneOf(CODECS), from ["compression.type" * 1];
    /// How long a tombstone stays after it was compacted, in ms.
    "delete.retention.ms", Long, "86400000", AtLeast(0), from ["log.cleaner.delete.retention.ms" * 1];
    /// How long the file of a deleted segment is kept, in ms.
    "file.delete.delay.ms", Long, "60000", AtLeast(0), from ["log.segment.delete.delay.ms" * 1];
    /// Records after which the log is flushed, beside what durability asks for.
    "flush.messages", Long, "9223372036854775807", AtLeast(1), from ["log.flush.interval.messages" * 1];
    /// Time after which the log is flushed, in ms, beside what durability asks for.
    "flush.ms", Long, "9223372036854775807", AtLeast(0), from ["log.flush.interval.ms" * 1: Long = ""];
    /// Bytes of log between two entries of the offset index.
    "index.interval.bytes", Int, "4096", AtLeast(0), from ["log.index.interval.bytes" * 1];
    /// The longest time a record stays uncompacted, in ms.
    "max.compaction.lag.ms", Long, "9223372036854775807", AtLeast(1), from ["log.cleaner.max.compaction.lag.ms" * 1];
    /// The largest batch in bytes.
    "max.message.bytes", Int, "1048588", AtLeast(0), from ["message.max.bytes" * 1];
    /// How far a record's timestamp may lie in the future, in ms.
    "message.timestamp.after.max.ms", Long, "3600000", AtLeast(0), from ["log.message.timestamp.after.max.ms" * 1];
    /// How far a record's timestamp may lie in the past, in ms.
    "message.timestamp.before.max.ms", Long, "9223372036854775807", AtLeast(0),
        from ["log.message.timestamp.before.max.ms" * 1];
    /// Whether a record keeps its producer's timestamp or gets the time of its append.
    "message.timestamp.type", String, "CreateTime", OneOf(&["CreateTime", "LogAppendTime"]),
        from ["log.message.timestamp.type" * 1];
    /// The share of a log that must be dirty before it is compacted.
    "min.cleanable.dirty.ratio", Double, "0.5", Fraction, from ["log.cleaner.min.cleanable.ratio" * 1];
    /// The shortest time a record stays uncompacted, in ms.
    "min.compaction.lag.ms", Long, "0", AtLeast(0), from ["log.cleaner.min.compaction.lag.ms" * 1];
    /// Bytes kept for each partition; -1 keeps all.
    "retention.bytes", Long, "-1", Any, from ["log.retention.bytes" * 1];
    /// How long records are kept, in ms; -1 for ever.
    "retention.ms", Long, "604800000", AtLeast(-1), from [
        "log.retention.ms" * 1: Long = "",
        "log.retention.minutes" * 60000: Int = "",
        "log.retention.hours" * 3600000: Int = "168"];
    /// The size at which a segment is rolled, in bytes.
    "segment.bytes", Int, "1073741824", AtLeast(MIB), from ["log.segment.bytes" * 1];
    /// The size of a segment's index at which it is rolled, in bytes.
    "segment.index.bytes", Int, "10485760", AtLeast(4), from ["log.index.size.max.bytes" * 1];
    /// How much of segment.ms is taken off at random, in ms, so that segments do not all roll at once.
    "segment.jitter.ms", Long, "0", AtLeast(0), from [
        "log.roll.jitter.ms" * 1: Long = "",
        "log.roll.jitter.hours" * 3600000: Int = "0"];
    /// The age at which a segment is rolled, in ms.
    "segment.ms", Long, "604800000", AtLeast(1), from [
        "log.roll.ms" * 1: Long = "",
        "log.roll.hours" * 3600000: Int = "168"];
}

/// Finds a topic configuration by name.
pub(crate) fn topic_definition(name: &str) -> Option<&'static TopicDefinition> {
    TOPIC_DEFINITIONS.iter().find(|row| row.definition.name == name)
}

/// Every broker configuration that is the default of a topic's.
pub(crate) fn broker_defaults() -> impl Iterator<Item = &'static BrokerDefault> {
    TOPIC_DEFINITIONS.iter().flat_map(|row| row.broker)
}

impl BrokerDefault {
    /// A value of this broker configuration as the topic's text. Negative numbers mean "no limit" in every unit.
    pub(crate) fn scaled(&self, value: &str) -> String {
        match value.parse::<i64>() {
            Ok(number) if self.scale != 1 && number >= 0 => number.saturating_mul(self.scale).to_string(),
            _ => value.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_rule_and_equals_what_the_broker_default_gives() {
        for row in TOPIC_DEFINITIONS {
            let own = row.definition.default.unwrap();
            row.definition.check(own).unwrap();
            let inherited = row.broker.iter().find_map(|broker| {
                let value = broker.definition.default?;
                broker.definition.check(value).unwrap();
                Some(broker.scaled(value))
            });
            if let Some(inherited) = inherited {
                assert_eq!(inherited, own, "{}", row.definition.name);
            }
        }
    }

    #[test]
    fn hours_become_milliseconds_and_for_ever_stays_for_ever() {
        let retention = topic_definition("retention.ms").unwrap();
        let hours = retention.broker.last().unwrap();
        assert_eq!(hours.scaled("2"), "7200000");
        assert_eq!(hours.scaled("-1"), "-1");
    }
}
