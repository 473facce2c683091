//! Reading the groups back.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use millstream_wire::batch::{Batch, BatchError, Batches};
use millstream_wire::control::ControlRecord;
use millstream_wire::ids::{Offset, ProducerId};
use millstream_wire::internal::offsets::{GroupMetadata, Key, OffsetCommit};
use tracing::{info, warn};

use super::GroupCoordinator;
use super::cell::GroupCell;
use crate::group::aggregate::Group;
use crate::group::classic::GroupRecord;
use crate::group::ids::GroupId;
use crate::group::offsets::Offsets;
use crate::group::record::{committed_offset, group_record};
use crate::log::{Partition, ReadUpTo};

/// Read at once (Kafka: `offsets.load.buffer.size`).
const READ_BYTES: usize = 5 * 1024 * 1024;

/// What a compressed batch of the topic may unfold to; ours are not compressed, another broker's may be.
const UNFOLDED_BYTES_MAX: usize = 64 * 1024 * 1024;

impl GroupCoordinator {
    /// Reads every partition of the topic that has records. Blocks for the disk.
    pub(super) fn load(&self) {
        let Some(topic) = self.topic.existing() else { return };
        let began = Instant::now();
        for partition in topic.partitions.iter().filter(|partition| partition.log_end_offset() > Offset(0)) {
            let mut loader = Loader::default();
            if let Err(error) = loader.read(partition) {
                warn!(partition = %partition.name(), %error, "groups are missing: the partition was not read to its end");
            }
            loader.report(partition);
            self.add(loader.groups);
        }
        let took = began.elapsed();
        info!(groups = self.groups.len(), ?took, "groups read back");
    }

    fn add(&self, groups: HashMap<GroupId, Found>) {
        let now = self.clock.now();
        for (id, found) in groups.into_iter().filter(|(_, found)| !found.is_nothing()) {
            let group = Group::restored(id.clone(), self.limits.clone(), found.record, found.offsets, now);
            let cell = GroupCell::new(id.clone(), group);
            self.schedule(&cell, &mut cell.locked.lock());
            self.groups.insert(id, cell);
        }
    }
}

/// What the records say of one group.
#[derive(Default)]
struct Found {
    record: Option<GroupRecord>,
    offsets: Offsets,
}

impl Found {
    fn is_nothing(&self) -> bool {
        self.record.is_none() && self.offsets.is_empty()
    }
}

/// A record of a transaction.
struct Held {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    at: i64,
}

/// Goes through a partition from its beginning: the last record of a key counts.
#[derive(Default)]
struct Loader {
    groups: HashMap<GroupId, Found>,
    /// Offsets in transactions that are not known to have committed: by producer.
    pending: HashMap<ProducerId, Vec<Held>>,
    /// Records of kinds of groups that are not served here.
    foreign: u64,
    /// Records that make no sense.
    damaged: u64,
}

impl Loader {
    fn read(&mut self, partition: &Arc<Partition>) -> Result<(), Box<dyn std::error::Error>> {
        let mut next = partition.log_start_offset();
        let mut scratch = Vec::new();
        while next < partition.log_end_offset() {
            let bytes = partition.read(next, READ_BYTES, ReadUpTo::LogEnd, true)?.bytes()?;
            let before = next;
            for batch in Batches::new(&bytes) {
                let batch = batch?;
                next = batch.header.next_offset();
                self.batch(&batch, &mut scratch)?;
            }
            if next == before {
                return Err("the log ends before its end offset".into());
            }
        }
        Ok(())
    }

    fn batch(&mut self, batch: &Batch<'_>, scratch: &mut Vec<u8>) -> Result<(), BatchError> {
        let producer = batch.header.producer_id;
        for record in batch.records(scratch, UNFOLDED_BYTES_MAX)? {
            let record = record?;
            if batch.header.is_control() {
                self.end_transaction(producer, ControlRecord::read(&record).ok());
                continue;
            }
            let Some(key) = record.key else {
                self.damaged += 1;
                continue;
            };
            if batch.header.is_transactional() {
                let value = record.value.map(<[u8]>::to_vec);
                let held = Held { key: key.to_vec(), value, at: record.offset.0 };
                self.pending.entry(producer).or_default().push(held);
            } else {
                self.record(key, record.value, record.offset.0);
            }
        }
        Ok(())
    }

    fn end_transaction(&mut self, producer: ProducerId, control: Option<ControlRecord>) {
        let Some(ControlRecord::EndTransaction(end)) = control else { return };
        let held = self.pending.remove(&producer).unwrap_or_default();
        for Held { key, value, at } in held.into_iter().filter(|_| end.committed) {
            self.record(&key, value.as_deref(), at);
        }
    }

    fn record(&mut self, key: &[u8], value: Option<&[u8]>, at: i64) {
        let is_understood = match Key::read(key) {
            Ok(Key::OffsetCommit { group, topic, partition }) => {
                self.offset(group, topic, partition, value, at)
            }
            Ok(Key::GroupMetadata { group }) => self.group(group, value),
            Ok(Key::Other(_)) => {
                self.foreign += 1;
                true
            }
            Err(_) => false,
        };
        self.damaged += u64::from(!is_understood);
    }

    fn offset(&mut self, group: &str, topic: &str, partition: i32, value: Option<&[u8]>, at: i64) -> bool {
        let offsets = &mut self.groups.entry(group.into()).or_default().offsets;
        match value.map(OffsetCommit::read) {
            None => offsets.remove(topic, partition),
            Some(Ok(commit)) => offsets.put(topic, partition, committed_offset(&commit, at)),
            Some(Err(_)) => return false,
        }
        true
    }

    fn group(&mut self, group: &str, value: Option<&[u8]>) -> bool {
        let found = self.groups.entry(group.into()).or_default();
        match value.map(GroupMetadata::read) {
            None => found.record = None,
            Some(Ok(metadata)) => found.record = Some(group_record(&metadata)),
            Some(Err(_)) => return false,
        }
        true
    }

    fn report(&self, partition: &Partition) {
        if self.damaged > 0 {
            warn!(partition = %partition.name(), records = self.damaged, "records that cannot be read were passed over");
        }
        if self.foreign > 0 {
            info!(partition = %partition.name(), records = self.foreign, "records of groups of other types were passed over");
        }
    }
}
