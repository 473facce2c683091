//! Control records: what brokers write between clients' records.
//!
//! ```text
//! key    version i16, 0 | type i16                                   0 abort, 1 commit, 2 leader change, ...
//! value  abort, commit: version i16, 0 | coordinator epoch i32
//!        leader change: the flexible message LeaderChangeMessage, version 0 or 1
//!        snapshot header: version i16, 0 | time of the last record that is contained i64 | no tagged fields
//!        snapshot footer: version i16, 0 | no tagged fields
//! ```
//!
//! A control record stands alone in a batch whose attributes say control.

use bytes::Bytes;
use uuid::Uuid;

use crate::batch::{BatchError, BatchWriter, NO_HEADERS, NO_SEQUENCE, ProducerState, Record};
use crate::compression::Compression;
use crate::fields::{FieldError, FieldReader, FieldWriter};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

const ABORT: i16 = 0;
const COMMIT: i16 = 1;
const LEADER_CHANGE: i16 = 2;
const SNAPSHOT_HEADER: i16 = 3;
const SNAPSHOT_FOOTER: i16 = 4;
/// Smallest voter: its id and an empty list of tagged fields.
const SMALLEST_VOTER: usize = 5;

/// A control record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    /// The end of a producer's transaction in this partition.
    EndTransaction(EndTransaction),
    /// A new leader of a quorum.
    LeaderChange(LeaderChange),
    /// The beginning or the end of a snapshot.
    Snapshot(SnapshotMark),
    /// Another type, by its number; readers pass over it.
    Other(i16),
}

/// The end of a transaction; producer id and epoch are the batch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransaction {
    /// Whether the transaction counts.
    pub committed: bool,
    /// Epoch of the coordinator that decided; one with a lower epoch is fenced.
    pub coordinator_epoch: i32,
}

/// A new leader of a quorum (`LeaderChangeMessage`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderChange {
    /// The leader's node id.
    pub leader_id: i32,
    /// All voters at the time.
    pub voters: Vec<Voter>,
    /// Those that voted for the leader.
    pub granting_voters: Vec<Voter>,
}

/// What stands around the records of a snapshot (`SnapshotHeaderRecord`, `SnapshotFooterRecord`): one without its
/// end was not written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMark {
    /// The first record.
    Begin {
        /// When the last record of the log was appended that the snapshot contains, in ms since 1970.
        last_contained_log_timestamp: i64,
    },
    /// The last record.
    End,
}

/// A member of a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its node id.
    pub id: i32,
    /// Its log directory; `None` in messages of version 0.
    pub directory_id: Option<Uuid>,
}

impl ControlRecord {
    /// Reads a record of a control batch.
    ///
    /// # Errors
    /// When key or value are missing or cut short.
    pub fn read(record: &Record<'_>) -> Result<Self, FieldError> {
        let mut key = FieldReader::new(record.key.ok_or(FieldError::Null)?, false);
        let (_version, kind) = (key.i16()?, key.i16()?);
        match kind {
            ABORT | COMMIT => {
                let mut value = FieldReader::new(record.value.ok_or(FieldError::Null)?, false);
                let (_version, coordinator_epoch) = (value.i16()?, value.i32()?);
                Ok(Self::EndTransaction(EndTransaction { committed: kind == COMMIT, coordinator_epoch }))
            }
            LEADER_CHANGE => {
                LeaderChange::read(record.value.ok_or(FieldError::Null)?).map(Self::LeaderChange)
            }
            SNAPSHOT_HEADER => {
                let mut value = FieldReader::new(record.value.ok_or(FieldError::Null)?, true);
                let (_version, last_contained_log_timestamp) = (value.i16()?, value.i64()?);
                Ok(Self::Snapshot(SnapshotMark::Begin { last_contained_log_timestamp }))
            }
            SNAPSHOT_FOOTER => Ok(Self::Snapshot(SnapshotMark::End)),
            other => Ok(Self::Other(other)),
        }
    }
}

impl SnapshotMark {
    /// The batch that holds this mark and nothing else.
    ///
    /// # Errors
    /// None in practice: the batch is not compressed and small.
    pub fn batch(
        &self,
        base_offset: Offset,
        epoch: LeaderEpoch,
        timestamp_ms: i64,
    ) -> Result<Bytes, BatchError> {
        let mut value = Vec::new();
        let mut fields = FieldWriter::new(&mut value, true);
        fields.i16(0);
        let kind = match self {
            Self::Begin { last_contained_log_timestamp } => {
                fields.i64(*last_contained_log_timestamp);
                SNAPSHOT_HEADER
            }
            Self::End => SNAPSHOT_FOOTER,
        };
        fields.no_tagged();
        batch_of(base_offset, epoch, timestamp_ms, kind, &value)
    }
}

impl EndTransaction {
    /// The batch that ends the transaction of a producer.
    ///
    /// # Errors
    /// None in practice: the batch is not compressed and small.
    pub fn batch(
        &self,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        timestamp_ms: i64,
    ) -> Result<Bytes, BatchError> {
        let mut writer = BatchWriter::new(Compression::None, None);
        writer.set_control(true);
        writer.set_transactional(true);
        writer.set_producer(ProducerState { id: producer_id, epoch, base_sequence: NO_SEQUENCE });
        let mut value = Vec::new();
        let mut fields = FieldWriter::new(&mut value, false);
        fields.i16(0);
        fields.i32(self.coordinator_epoch);
        append(&mut writer, timestamp_ms, if self.committed { COMMIT } else { ABORT }, &value);
        writer.finish()
    }
}

impl LeaderChange {
    fn read(value: &[u8]) -> Result<Self, FieldError> {
        let mut fields = FieldReader::new(value, true);
        let version = fields.i16()?;
        let leader_id = fields.i32()?;
        let voters = fields.list(SMALLEST_VOTER, |fields| Voter::read(version, fields))?;
        let granting_voters = fields.list(SMALLEST_VOTER, |fields| Voter::read(version, fields))?;
        fields.skip_tagged()?;
        Ok(Self { leader_id, voters, granting_voters })
    }

    /// The batch that announces the leader: the first of its epoch.
    ///
    /// # Errors
    /// None in practice: the batch is not compressed and small.
    pub fn batch(
        &self,
        base_offset: Offset,
        epoch: LeaderEpoch,
        timestamp_ms: i64,
    ) -> Result<Bytes, BatchError> {
        batch_of(base_offset, epoch, timestamp_ms, LEADER_CHANGE, &self.message())
    }

    /// Version 1 if every voter's directory is known, else 0.
    fn message(&self) -> Vec<u8> {
        let all = || self.voters.iter().chain(&self.granting_voters);
        let version = i16::from(all().all(|voter| voter.directory_id.is_some()) && all().next().is_some());
        let mut value = Vec::new();
        let mut fields = FieldWriter::new(&mut value, true);
        fields.i16(version);
        fields.i32(self.leader_id);
        fields.list(&self.voters, |fields, voter| voter.write(version, fields));
        fields.list(&self.granting_voters, |fields, voter| voter.write(version, fields));
        fields.no_tagged();
        value
    }
}

impl Voter {
    fn read(version: i16, fields: &mut FieldReader<'_>) -> Result<Self, FieldError> {
        let id = fields.i32()?;
        let directory_id = if version >= 1 { Some(fields.uuid()?) } else { None };
        fields.skip_tagged()?;
        Ok(Self { id, directory_id })
    }

    fn write(&self, version: i16, fields: &mut FieldWriter<'_>) {
        fields.i32(self.id);
        if version >= 1 {
            fields.uuid(self.directory_id.unwrap_or_default());
        }
        fields.no_tagged();
    }
}

/// The batch at an offset that holds one control record and nothing else.
fn batch_of(
    base_offset: Offset,
    epoch: LeaderEpoch,
    timestamp_ms: i64,
    kind: i16,
    value: &[u8],
) -> Result<Bytes, BatchError> {
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.set_control(true);
    writer.set_position(base_offset, epoch);
    append(&mut writer, timestamp_ms, kind, value);
    writer.finish()
}

fn append(writer: &mut BatchWriter, timestamp_ms: i64, kind: i16, value: &[u8]) {
    let mut key = [0; 4];
    key[2..].copy_from_slice(&kind.to_be_bytes());
    writer.append(timestamp_ms, Some(&key), Some(value), NO_HEADERS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;

    fn read_back(bytes: &Bytes) -> (Batch<'_>, ControlRecord) {
        let batch = Batch::parse(bytes).unwrap();
        batch.verify_crc().unwrap();
        assert!(batch.header.is_control());
        let mut scratch = Vec::new();
        let record = batch.records(&mut scratch, 0).unwrap().next().unwrap().unwrap();
        (batch, ControlRecord::read(&record).unwrap())
    }

    #[test]
    fn ends_of_transactions_round_trip() {
        for committed in [true, false] {
            let marker = EndTransaction { committed, coordinator_epoch: 9 };
            let bytes = marker.batch(ProducerId(7), ProducerEpoch(2), 55).unwrap();
            let (batch, record) = read_back(&bytes);
            assert!(batch.header.is_transactional());
            assert_eq!((batch.header.producer_id, batch.header.base_sequence), (ProducerId(7), NO_SEQUENCE));
            assert_eq!(record, ControlRecord::EndTransaction(marker));
        }
    }

    #[test]
    fn marks_of_snapshots_round_trip() {
        for mark in [SnapshotMark::Begin { last_contained_log_timestamp: 77 }, SnapshotMark::End] {
            let bytes = mark.batch(Offset(40), LeaderEpoch(3), 55).unwrap();
            let (batch, record) = read_back(&bytes);
            assert_eq!((batch.header.base_offset, batch.header.leader_epoch), (Offset(40), LeaderEpoch(3)));
            assert_eq!(record, ControlRecord::Snapshot(mark));
        }
    }

    #[test]
    fn leader_changes_round_trip() {
        for directory_id in [None, Some(Uuid::from_u128(5))] {
            let voter = Voter { id: 1, directory_id };
            let change =
                LeaderChange { leader_id: 1, voters: vec![voter], granting_voters: vec![voter, voter] };
            let bytes = change.batch(Offset(40), LeaderEpoch(3), 55).unwrap();
            let (batch, record) = read_back(&bytes);
            assert_eq!((batch.header.base_offset, batch.header.leader_epoch), (Offset(40), LeaderEpoch(3)));
            assert_eq!(record, ControlRecord::LeaderChange(change));
        }
    }
}
