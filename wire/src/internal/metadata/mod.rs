//! Records of `__cluster_metadata`, the log of what topics, configs and producer ids there are.
//!
//! The key is null. The value, always flexible:
//!
//! ```text
//! frame version varint, 1 | record type varint | record version varint | fields | tagged fields
//! ```
//!
//! Types that this broker does not act on are kept as [`MetadataRecord::Other`], so that reading a log of Kafka's is
//! no error.

mod partition;
mod topic;

use uuid::Uuid;

pub use partition::{PartitionChangeRecord, PartitionRecord};
pub use topic::{ConfigRecord, ConfigResource, TopicRecord};

use super::SchemaError;
use crate::fields::{FieldReader, FieldWriter};

/// The only frame version there is.
const FRAME_VERSION: u32 = 1;

/// Type numbers, as Kafka's `MetadataRecordType`.
mod kind {
    pub(super) const TOPIC: u32 = 2;
    pub(super) const PARTITION: u32 = 3;
    pub(super) const CONFIG: u32 = 4;
    pub(super) const PARTITION_CHANGE: u32 = 5;
    pub(super) const REMOVE_TOPIC: u32 = 9;
    pub(super) const FEATURE_LEVEL: u32 = 12;
    pub(super) const PRODUCER_IDS: u32 = 15;
    pub(super) const NO_OP: u32 = 20;
    pub(super) const BEGIN_TRANSACTION: u32 = 23;
    pub(super) const END_TRANSACTION: u32 = 24;
    pub(super) const ABORT_TRANSACTION: u32 = 25;
}

/// One change to the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// A topic was created.
    Topic(TopicRecord),
    /// A partition was created.
    Partition(PartitionRecord),
    /// A config was set or removed.
    Config(ConfigRecord),
    /// A partition's leader, replicas or epochs changed.
    PartitionChange(PartitionChangeRecord),
    /// A topic was deleted, its partitions and configs with it.
    RemoveTopic {
        /// The topic's id.
        topic_id: Uuid,
    },
    /// A feature is on at this level.
    FeatureLevel {
        /// Name of the feature, such as `metadata.version`.
        name: String,
        /// Its level; 0 is off.
        level: i16,
    },
    /// A block of producer ids was given out.
    ProducerIds {
        /// The broker that got it.
        broker_id: i32,
        /// Epoch of that broker's registration.
        broker_epoch: i64,
        /// The first id that has not been given out.
        next_producer_id: i64,
    },
    /// Nothing; the active controller writes it so that the log moves on.
    NoOp,
    /// What follows counts only once [`MetadataRecord::EndTransaction`] is there.
    BeginTransaction {
        /// Why.
        name: Option<String>,
    },
    /// What was begun counts.
    EndTransaction,
    /// What was begun does not count.
    AbortTransaction {
        /// Why.
        reason: Option<String>,
    },
    /// A record that this broker does not act on.
    Other {
        /// Its type.
        kind: u32,
        /// Its version.
        version: i16,
    },
}

impl MetadataRecord {
    /// Reads a record's value.
    ///
    /// # Errors
    /// When it is cut short, or of a version that is not known.
    pub fn read(value: &[u8]) -> Result<Self, SchemaError> {
        let mut fields = FieldReader::new(value, true);
        let frame = fields.unsigned_varint()?;
        if frame != FRAME_VERSION {
            return Err(SchemaError::UnknownFrame(frame));
        }
        let kind = fields.unsigned_varint()?;
        let version = i16::try_from(fields.unsigned_varint()?).unwrap_or(i16::MAX);
        if version > newest_version(kind) {
            return Err(SchemaError::UnknownVersion(version));
        }
        Self::read_fields(kind, version, &mut fields)
    }

    fn read_fields(kind: u32, version: i16, fields: &mut FieldReader<'_>) -> Result<Self, SchemaError> {
        let record = match kind {
            // Both have tagged fields of their own.
            kind::PARTITION => return Ok(Self::Partition(PartitionRecord::read(version, fields)?)),
            kind::PARTITION_CHANGE => return Ok(Self::PartitionChange(PartitionChangeRecord::read(fields)?)),
            kind::BEGIN_TRANSACTION => return Ok(Self::BeginTransaction { name: read_note(fields)? }),
            kind::ABORT_TRANSACTION => return Ok(Self::AbortTransaction { reason: read_note(fields)? }),
            kind::TOPIC => Self::Topic(TopicRecord::read(fields)?),
            kind::CONFIG => Self::Config(ConfigRecord::read(fields)?),
            kind::REMOVE_TOPIC => Self::RemoveTopic { topic_id: fields.uuid()? },
            kind::FEATURE_LEVEL => {
                Self::FeatureLevel { name: fields.text()?.to_owned(), level: fields.i16()? }
            }
            kind::PRODUCER_IDS => Self::ProducerIds {
                broker_id: fields.i32()?,
                broker_epoch: fields.i64()?,
                next_producer_id: fields.i64()?,
            },
            kind::NO_OP => Self::NoOp,
            kind::END_TRANSACTION => Self::EndTransaction,
            kind => return Ok(Self::Other { kind, version }),
        };
        fields.skip_tagged()?;
        Ok(record)
    }

    /// Appends a record's value. [`MetadataRecord::Other`] has lost its fields and appends nothing.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Some((kind, version)) = self.kind() else { return };
        let mut fields = FieldWriter::new(out, true);
        fields.unsigned_varint(FRAME_VERSION);
        fields.unsigned_varint(kind);
        fields.unsigned_varint(version);
        match self {
            Self::Topic(topic) => topic.write(&mut fields),
            Self::Partition(partition) => partition.write(&mut fields),
            Self::Config(config) => config.write(&mut fields),
            Self::PartitionChange(change) => change.write(&mut fields),
            Self::RemoveTopic { topic_id } => fields.uuid(*topic_id),
            Self::FeatureLevel { name, level } => {
                fields.text(name);
                fields.i16(*level);
            }
            Self::ProducerIds { broker_id, broker_epoch, next_producer_id } => {
                fields.i32(*broker_id);
                fields.i64(*broker_epoch);
                fields.i64(*next_producer_id);
            }
            Self::BeginTransaction { .. } | Self::AbortTransaction { .. } => {}
            Self::NoOp | Self::EndTransaction | Self::Other { .. } => {}
        }
        fields.tagged(&self.tagged());
    }

    /// The tagged fields that do not hold their default.
    fn tagged(&self) -> Vec<(u32, Vec<u8>)> {
        match self {
            Self::Partition(partition) => partition.tagged(),
            Self::PartitionChange(change) => change.tagged(),
            Self::BeginTransaction { name: Some(note) } | Self::AbortTransaction { reason: Some(note) } => {
                let mut content = Vec::new();
                FieldWriter::new(&mut content, true).text(note);
                vec![(0, content)]
            }
            _ => Vec::new(),
        }
    }

    /// Type and version to write; the lowest version that holds what the record says.
    fn kind(&self) -> Option<(u32, u32)> {
        Some(match self {
            Self::Topic(_) => (kind::TOPIC, 0),
            Self::Partition(partition) => (kind::PARTITION, u32::from(!partition.directories.is_empty())),
            Self::Config(_) => (kind::CONFIG, 0),
            Self::PartitionChange(change) => {
                (kind::PARTITION_CHANGE, u32::from(change.directories.is_some()))
            }
            Self::RemoveTopic { .. } => (kind::REMOVE_TOPIC, 0),
            Self::FeatureLevel { .. } => (kind::FEATURE_LEVEL, 0),
            Self::ProducerIds { .. } => (kind::PRODUCER_IDS, 0),
            Self::NoOp => (kind::NO_OP, 0),
            Self::BeginTransaction { .. } => (kind::BEGIN_TRANSACTION, 0),
            Self::EndTransaction => (kind::END_TRANSACTION, 0),
            Self::AbortTransaction { .. } => (kind::ABORT_TRANSACTION, 0),
            Self::Other { .. } => return None,
        })
    }
}

/// The newest version that is read here; a type that is not acted on may have any.
fn newest_version(kind: u32) -> i16 {
    match kind {
        kind::PARTITION | kind::PARTITION_CHANGE => 2,
        kind::TOPIC | kind::CONFIG | kind::REMOVE_TOPIC | kind::FEATURE_LEVEL | kind::PRODUCER_IDS => 0,
        kind::NO_OP | kind::BEGIN_TRANSACTION | kind::END_TRANSACTION | kind::ABORT_TRANSACTION => 0,
        _ => i16::MAX,
    }
}

/// The only field of a transaction's begin and abort, tag 0.
fn read_note(fields: &mut FieldReader<'_>) -> Result<Option<String>, SchemaError> {
    let mut note = None;
    fields.tagged(|tag, content| {
        if tag == 0 {
            note = content.nullable_text()?.map(str::to_owned);
        }
        Ok(())
    })?;
    Ok(note)
}
