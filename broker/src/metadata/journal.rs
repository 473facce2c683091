//! `__cluster_metadata-0`: every change of the metadata is a record here before it has any effect.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use millstream_wire::batch::{BatchWriter, Batches};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{Offset, PartitionIndex};
use uuid::Uuid;

use crate::config::Settings;
use crate::error::BrokerError;
use crate::log::{AppendOrigin, Cleanup, Durability, LogConfig, Logs, Partition, ReadUpTo};
use crate::metadata::change::Change;
use crate::metadata::error::MetadataError;
use crate::metadata::image::Image;
use crate::metadata::records::{decode_change, encode_change};
use crate::metadata::snapshot::{self, SnapshotId};
use crate::metadata::snapshots::{self, Growth};

/// The metadata log's name, as Kafka's.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";
/// The metadata log's topic id, as Kafka's (`Uuid.METADATA_TOPIC_ID`).
const METADATA_TOPIC_ID: Uuid = Uuid::from_u128(1);
/// What is read of the log at once while it is replayed.
const REPLAY_BYTES: usize = 4 << 20;

/// The metadata log and the state it describes.
#[derive(Debug)]
pub(crate) struct Journal {
    partition: Arc<Partition>,
    /// The one replica of every partition.
    node_id: i32,
    pub(crate) image: Image,
    growth: Growth,
}

impl Journal {
    /// Reads the newest snapshot and replays the log from there.
    pub(crate) fn open(logs: &Logs, settings: &Settings) -> Result<Self, BrokerError> {
        let partition = logs.open_partition(
            METADATA_TOPIC,
            METADATA_TOPIC_ID,
            PartitionIndex(0),
            Arc::new(log_config()),
        )?;
        // A log that cannot be read must not pass for an empty one: what it does not name is removed.
        partition.check_readable().map_err(|error| damaged(partition.log_start_offset(), &error))?;
        let now_ms = now_ms();
        let (image, offset) = snapshots::load(&partition, now_ms)?;
        let growth = Growth::new(settings, now_ms);
        let mut journal = Self { partition, node_id: settings.node_id, image, growth };
        journal.replay(offset)?;
        Ok(journal)
    }

    /// Whether nothing was ever written.
    pub(crate) fn is_blank(&self) -> bool {
        self.partition.log_end_offset() == Offset(0)
    }

    /// Writes changes and waits until they are durable; then they are part of the image.
    pub(crate) async fn commit(&mut self, changes: &[Change]) -> Result<(), MetadataError> {
        if changes.is_empty() {
            return Ok(());
        }
        let batch = encode(changes, self.node_id)?;
        self.growth.add(batch.len());
        let appended = self.partition.append(batch, AppendOrigin::Coordinator, now_ms())?;
        self.partition.wait_for(appended.last_offset).await?;
        for change in changes {
            if let Err(inconsistent) = self.image.apply(change) {
                tracing::error!("metadata: {inconsistent} at offset {}", appended.base_offset);
            }
        }
        if self.growth.take_due(now_ms()) {
            self.snapshot().await;
        }
        Ok(())
    }

    /// Puts a snapshot in the place of the log so far.
    async fn snapshot(&self) {
        let (offset, epoch) = (self.partition.log_end_offset(), self.partition.leader_epoch());
        let (id, now_ms) = (SnapshotId { offset, epoch }, now_ms());
        match snapshot::encode(&self.image, id, self.node_id, now_ms) {
            Ok(bytes) => snapshots::replace_log_aside(self.partition.clone(), id, bytes, now_ms).await,
            Err(error) => tracing::error!(%error, "the metadata cannot be written as a snapshot"),
        }
    }

    fn replay(&mut self, from: Offset) -> Result<(), BrokerError> {
        let mut offset = from;
        while offset < self.partition.log_end_offset() {
            let slice = self.partition.read(offset, REPLAY_BYTES, ReadUpTo::LogEnd, true);
            let bytes = slice.map_err(|error| damaged(offset, &error))?.bytes();
            let bytes = bytes.map_err(|error| damaged(offset, &error))?;
            self.growth.add(bytes.len());
            let next = self.replay_batches(&bytes, offset)?;
            if next <= offset {
                return Err(damaged(offset, &"the log has a gap"));
            }
            offset = next;
        }
        Ok(())
    }

    fn replay_batches(&mut self, bytes: &Bytes, from: Offset) -> Result<Offset, BrokerError> {
        let mut scratch = Vec::new();
        let mut next = from;
        for batch in Batches::new(bytes) {
            let batch = batch.map_err(|error| damaged(next, &error))?;
            let records = batch.records(&mut scratch, REPLAY_BYTES).map_err(|error| damaged(next, &error))?;
            if !batch.header.is_control() {
                for record in records {
                    self.replay_record(record.map_err(|error| damaged(next, &error))?)?;
                }
            }
            next = batch.header.next_offset();
        }
        Ok(next)
    }

    fn replay_record(&mut self, record: millstream_wire::batch::Record<'_>) -> Result<(), BrokerError> {
        let Some(value) = record.value else { return Ok(()) };
        let change = decode_change(value).map_err(|error| damaged(record.offset, &error))?;
        self.image.apply(&change).map_err(|error| damaged(record.offset, &error))
    }
}

/// Metadata is kept for ever, and durable before it has an effect, whatever topics are configured to do.
fn log_config() -> LogConfig {
    LogConfig {
        durability: Durability::Sync,
        cleanup: Cleanup { delete: false, compact: false },
        max_message_bytes: u32::MAX,
        ..LogConfig::default()
    }
}

fn encode(changes: &[Change], node_id: i32) -> Result<Bytes, MetadataError> {
    let mut writer = BatchWriter::new(Compression::None, None);
    let now = now_ms();
    let mut value = Vec::new();
    for change in changes {
        value.clear();
        encode_change(change, node_id, &mut value);
        writer.append(now, None, Some(&value), []);
    }
    writer.finish().map_err(|error| MetadataError::InvalidRequest(error.to_string()))
}

fn damaged(offset: Offset, reason: &impl std::fmt::Display) -> BrokerError {
    BrokerError::Metadata { offset: offset.0, reason: reason.to_string() }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
