//! Groups and offsets as records of `__consumer_offsets`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use millstream_wire::batch::{BatchWriter, NO_HEADERS};
use millstream_wire::compression::Compression;
use millstream_wire::internal::offsets::{GroupMetadata, Key, MemberMetadata, OffsetCommit};

use super::classic::{GroupRecord, MemberRecord};
use super::error::GroupError;
use super::offsets::CommittedOffset;
use super::time::Millis;

/// Records go into batches of about this size: a commit of thousands of partitions must not exceed
/// `max.message.bytes`, which holds for a batch.
const BATCH_BYTES: usize = 64 * 1024;

/// Writes the records of one event, to be appended together.
pub(crate) struct RecordWriter {
    batch: BatchWriter,
    /// Batches that are full.
    full: BytesMut,
    now_ms: i64,
}

impl RecordWriter {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { batch: BatchWriter::new(Compression::None, None), full: BytesMut::new(), now_ms }
    }

    pub(crate) fn group(&mut self, group: &str, record: &GroupRecord) -> Result<(), GroupError> {
        self.append(Key::GroupMetadata { group }, Some(|buf: &mut Vec<u8>| group_metadata(record).write(buf)))
    }

    pub(crate) fn no_group(&mut self, group: &str) -> Result<(), GroupError> {
        self.append(Key::GroupMetadata { group }, None::<fn(&mut Vec<u8>)>)
    }

    pub(crate) fn offset(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        committed: &CommittedOffset,
    ) -> Result<(), GroupError> {
        let key = Key::OffsetCommit { group, topic, partition };
        self.append(key, Some(|buf: &mut Vec<u8>| offset_commit(committed).write(buf)))
    }

    pub(crate) fn no_offset(&mut self, group: &str, topic: &str, partition: i32) -> Result<(), GroupError> {
        self.append(Key::OffsetCommit { group, topic, partition }, None::<fn(&mut Vec<u8>)>)
    }

    fn append(&mut self, key: Key<'_>, value: Option<impl FnOnce(&mut Vec<u8>)>) -> Result<(), GroupError> {
        if self.batch.uncompressed_len() >= BATCH_BYTES {
            let batch = self.finish_batch()?;
            self.full.extend_from_slice(&batch);
        }
        self.batch.append_with(self.now_ms, Some(|buf: &mut Vec<u8>| key.write(buf)), value, NO_HEADERS);
        Ok(())
    }

    /// The batches, or None where nothing was written.
    pub(crate) fn finish(mut self) -> Result<Option<Bytes>, GroupError> {
        if self.batch.is_empty() {
            return Ok(None);
        }
        let last = self.finish_batch()?;
        if self.full.is_empty() {
            return Ok(Some(last));
        }
        self.full.extend_from_slice(&last);
        Ok(Some(self.full.freeze()))
    }

    fn finish_batch(&mut self) -> Result<Bytes, GroupError> {
        self.batch.finish().map_err(|_| GroupError::RecordTooLarge)
    }
}

fn group_metadata(record: &GroupRecord) -> GroupMetadata<'_> {
    GroupMetadata {
        protocol_type: record.protocol_type.as_deref().unwrap_or(""),
        generation: record.generation,
        protocol: record.protocol_name.as_deref(),
        leader: record.leader.as_ref().map(|leader| leader.as_str()),
        state_since_ms: record.state_since_ms,
        members: record.members.iter().map(member_metadata).collect(),
    }
}

fn member_metadata(member: &MemberRecord) -> MemberMetadata<'_> {
    MemberMetadata {
        id: member.id.as_str(),
        instance_id: member.instance_id.as_ref().map(|instance| instance.as_str()),
        client_id: &member.client_id,
        client_host: &member.client_host,
        rebalance_timeout_ms: stored_millis(member.rebalance_timeout),
        session_timeout_ms: stored_millis(member.session_timeout),
        subscription: &member.subscription,
        assignment: &member.assignment,
    }
}

/// Times come in as `i32` and go out as such.
fn stored_millis(millis: Millis) -> i32 {
    i32::try_from(millis).unwrap_or(i32::MAX)
}

/// A group as its record tells.
pub(crate) fn group_record(group: &GroupMetadata<'_>) -> GroupRecord {
    GroupRecord {
        protocol_type: Some(group.protocol_type).filter(|kind| !kind.is_empty()).map(Arc::from),
        generation: group.generation,
        protocol_name: group.protocol.map(Arc::from),
        leader: group.leader.map(Into::into),
        state_since_ms: group.state_since_ms,
        members: group.members.iter().map(member_record).collect(),
    }
}

fn member_record(member: &MemberMetadata<'_>) -> MemberRecord {
    MemberRecord {
        id: member.id.into(),
        instance_id: member.instance_id.map(Into::into),
        client_id: member.client_id.into(),
        client_host: member.client_host.into(),
        rebalance_timeout: u64::try_from(member.rebalance_timeout_ms).unwrap_or(0),
        session_timeout: u64::try_from(member.session_timeout_ms).unwrap_or(0),
        subscription: Bytes::copy_from_slice(member.subscription),
        assignment: Bytes::copy_from_slice(member.assignment),
    }
}

fn offset_commit(committed: &CommittedOffset) -> OffsetCommit<'_> {
    OffsetCommit {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: &committed.metadata,
        committed_ms: committed.committed_ms,
        expires_ms: committed.expires_ms,
        topic_id: committed.topic_id.map(uuid::Uuid::into_bytes),
    }
}

/// An offset as its record, at `stored_at` of the log, tells.
pub(crate) fn committed_offset(commit: &OffsetCommit<'_>, stored_at: i64) -> CommittedOffset {
    CommittedOffset {
        offset: commit.offset,
        leader_epoch: commit.leader_epoch,
        metadata: commit.metadata.into(),
        committed_ms: commit.committed_ms,
        expires_ms: commit.expires_ms,
        topic_id: commit.topic_id.map(uuid::Uuid::from_bytes),
        stored_at,
    }
}
