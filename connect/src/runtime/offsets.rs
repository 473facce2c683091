//! How far connectors have come, told and changed: positions of sources, and offsets of the groups of sinks (KIP-875).

use std::collections::{BTreeMap, BTreeSet};

use millstream_client::{Admin, TopicPartition};
use serde_json::{Map, Value, json};

use super::worker::TaskRunner;
use crate::error::ConnectError;
use crate::herder::{Config, ConnectorOffset, ConnectorOffsets, HerderError};
use crate::registry::Plugin;
use crate::sink::Forget;

impl TaskRunner {
    pub(super) async fn stored_offsets(&self, connector: &str) -> Result<ConnectorOffsets, String> {
        let stored = self.shared.positions.load(connector).await.map_err(|error| error.to_string())?;
        let one = |(partition, offset)| ConnectorOffset { partition, offset: Some(offset) };
        Ok(ConnectorOffsets { offsets: stored.into_iter().map(one).collect() })
    }

    /// The source is asked about all that are set, before any is stored.
    pub(super) async fn alter_stored(
        &self,
        connector: &str,
        config: &Config,
        offsets: ConnectorOffsets,
    ) -> Result<(), String> {
        let set: Vec<_> = offsets.offsets.into_iter().map(|one| (one.partition, one.offset)).collect();
        if let Plugin::Source(source) = self.plugin(config)? {
            let stored = self.shared.positions.load(connector).await.map_err(|error| error.to_string())?;
            let resolved = self.shared.secrets.resolve(config).map_err(|error| error.to_string())?;
            source.check_positions(&resolved, &set, stored).map_err(|error| self.veiled(config, &error))?;
        }
        self.shared.positions.store(connector, set).await.map_err(|error| error.to_string())
    }

    pub(super) async fn reset_stored(&self, connector: &str) -> Result<(), String> {
        let stored = self.shared.positions.load(connector).await.map_err(|error| error.to_string())?;
        let none = stored.into_iter().map(|(partition, _)| (partition, None)).collect();
        self.shared.positions.store(connector, none).await.map_err(|error| error.to_string())
    }

    pub(super) async fn group_offsets(
        &self,
        connector: &str,
        config: &Config,
    ) -> Result<ConnectorOffsets, String> {
        let (admin, group) = self.group_of(connector, config).await?;
        let committed = admin.group_offsets(&group).await.map_err(|error| error.to_string())?;
        let mut committed: Vec<_> = committed.into_iter().collect();
        committed.sort_by(|(a, _), (b, _)| a.cmp(b));
        let one =
            |(partition, offset): (TopicPartition, millstream_client::OffsetAndMetadata)| ConnectorOffset {
                partition: object(
                    json!({"kafka_topic": &*partition.topic, "kafka_partition": partition.partition}),
                ),
                offset: Some(object(json!({ "kafka_offset": offset.offset }))),
            };
        Ok(ConnectorOffsets { offsets: committed.into_iter().map(one).collect() })
    }

    /// What a sink keeps itself is forgotten last. Should anything fail before, it goes on counting, and no record is written that
    /// is there already; the request can be repeated. The other way round a group that cannot be moved would read again what lies
    /// between its offsets and the sink's.
    pub(super) async fn alter_group(
        &self,
        connector: &str,
        config: &Config,
        offsets: ConnectorOffsets,
    ) -> Result<(), HerderError> {
        let (mut set, mut deleted) = (Vec::new(), Vec::new());
        for ConnectorOffset { partition, offset } in offsets.offsets {
            let partition = sink_partition(&partition)?;
            match offset {
                None => deleted.push(partition),
                Some(offset) => set.push((partition, sink_offset(&offset)?)),
            }
        }
        let failed = HerderError::Failed;
        let (admin, group) = self.group_of(connector, config).await.map_err(failed)?;
        // A group takes no offset of what is not there, and a client would wait for it to come.
        are_there(&admin, set.iter().map(|(partition, _)| partition)).await.map_err(failed)?;
        let moved = set.iter().map(|(partition, _)| partition).chain(&deleted).cloned().collect();
        move_group(&admin, &group, set, deleted).await.map_err(failed)?;
        self.forget_kept(connector, config, Forget::Of(moved)).await.map_err(failed)
    }

    /// As [`Self::alter_group`], also where the group has no offsets any more: a reset that has failed halfway can be repeated.
    pub(super) async fn reset_group(&self, connector: &str, config: &Config) -> Result<(), String> {
        let (admin, group) = self.group_of(connector, config).await?;
        let committed = admin.group_offsets(&group).await.map_err(|error| error.to_string())?;
        move_group(&admin, &group, Vec::new(), committed.into_keys().collect()).await?;
        self.forget_kept(connector, config, Forget::All).await
    }

    /// A sink that keeps offsets itself forgets them: what it keeps would count more than what the group is told.
    async fn forget_kept(&self, connector: &str, config: &Config, of: Forget) -> Result<(), String> {
        let Plugin::Sink(sink) = self.plugin(config)? else { return Ok(()) };
        let resolved = self.shared.secrets.resolve(config).map_err(|error| error.to_string())?;
        sink.forget_offsets(&resolved, connector, &of).await.map_err(|error| {
            let why = self.veiled(config, &error);
            format!(
                "The offsets of the group have been changed, but those that the sink keeps itself have not, and count more: {why}. \
                 The request can be repeated"
            )
        })
    }

    fn plugin(&self, config: &Config) -> Result<Plugin<'_>, String> {
        let class = config.get("connector.class").map_or("", String::as_str);
        self.shared.registry.find(class).map_err(|fault| fault.message)
    }

    fn veiled(&self, config: &Config, error: &ConnectError) -> String {
        self.shared.veil(config).over(&error.to_string()).into_owned()
    }

    async fn group_of(&self, connector: &str, config: &Config) -> Result<(Admin, String), String> {
        let clients = self.clients(connector, config)?;
        let group = clients.group(connector).map_err(|error| error.to_string())?;
        Ok((clients.admin().await.map_err(|error| error.to_string())?, group))
    }
}

async fn move_group(
    admin: &Admin,
    group: &str,
    set: Vec<(TopicPartition, i64)>,
    deleted: Vec<TopicPartition>,
) -> Result<(), String> {
    if !set.is_empty() {
        admin.alter_group_offsets(group, set).await.map_err(|error| error.to_string())?;
    }
    if deleted.is_empty() {
        return Ok(());
    }
    let outcomes = admin.delete_group_offsets(group, deleted).await.map_err(|error| error.to_string())?;
    outcomes.into_iter().try_for_each(|(_, outcome)| outcome.map_err(|error| error.to_string()))
}

/// Whether the cluster has these partitions.
async fn are_there(admin: &Admin, partitions: impl Iterator<Item = &TopicPartition>) -> Result<(), String> {
    let partitions: Vec<&TopicPartition> = partitions.collect();
    let topics: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
    let described = admin.describe_topics(topics).await.map_err(|error| error.to_string())?;
    let counts: BTreeMap<String, usize> = described
        .into_iter()
        .filter_map(|(topic, described)| Some((topic, described.ok()?.partitions.len())))
        .collect();
    for TopicPartition { topic, partition } in partitions {
        let count = counts.get(&**topic).ok_or_else(|| format!("there is no topic {topic}"))?;
        if usize::try_from(*partition).is_ok_and(|index| index >= *count) {
            return Err(format!("topic {topic} has no partition {partition}, but {count}, from 0 on"));
        }
    }
    Ok(())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Kafka Connect's `SinkUtils.parseSinkConnectorOffsets`, in its words.
fn sink_partition(partition: &Map<String, Value>) -> Result<TopicPartition, HerderError> {
    let refuse = |why: &str| Err(HerderError::BadRequest(why.to_owned()));
    let (Some(topic), Some(index)) = (partition.get("kafka_topic"), partition.get("kafka_partition")) else {
        return refuse(
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'",
        );
    };
    if topic.is_null() {
        return refuse("Kafka topic names must be valid strings and may not be null");
    }
    if index.is_null() {
        return refuse("Kafka partitions must be valid numbers and may not be null");
    }
    let Some(number) = number::<i32>(index) else {
        return refuse(&format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{}'. Partition values for sink \
             connectors need to be integers.",
            text(index)
        ));
    };
    if number < 0 {
        return refuse("Kafka partitions are numbered from 0");
    }
    Ok(TopicPartition::new(text(topic), number))
}

fn sink_offset(offset: &Map<String, Value>) -> Result<i64, HerderError> {
    let refuse = |why: String| Err(HerderError::BadRequest(why));
    let Some(said) = offset.get("kafka_offset") else {
        let why = "The offset for a sink connector should either be null or contain the key 'kafka_offset'";
        return refuse(why.to_owned());
    };
    match number::<i64>(said) {
        Some(..0) => refuse(format!("Kafka offsets are numbered from 0, and {said} is none")),
        Some(offset) => Ok(offset),
        None => refuse(format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{}'. Offset values for sink connectors \
             need to be integers.",
            text(said)
        )),
    }
}

/// Numbers come as numbers or as texts.
fn number<N: std::str::FromStr>(value: &Value) -> Option<N> {
    text(value).parse().ok()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
