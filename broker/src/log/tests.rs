//! The log over a storage that forgets, from the outside.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::{BatchWriter, Batches, NO_HEADERS, ProducerState};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId};
use uuid::Uuid;

use super::*;
use crate::storage::simulated::{Crash, SimulatedStorage};

mod basics;
mod compaction;
mod configs;
mod damage;
mod lookups;
mod on_disk;
mod simulation;
mod syncs;

/// A broker's directory on a simulated disk, without threads: flushes happen where a test says so.
struct Broker {
    disk: SimulatedStorage,
    logs: Arc<Logs>,
}

const TOPIC: &str = "topic";
const TOPIC_ID: Uuid = Uuid::from_u128(7);
const NOW: i64 = 1_700_000_000_000;

fn options() -> LogsOptions {
    LogsOptions { flushers: 0, background: false, ..LogsOptions::new("/data", NodeId(1)) }
}

impl Broker {
    fn start(disk: SimulatedStorage) -> Self {
        let logs = Logs::open(options(), Arc::new(disk.clone())).unwrap();
        Self { disk, logs }
    }

    fn new() -> Self {
        Self::start(SimulatedStorage::new(1))
    }

    /// Kills the broker and starts it again.
    fn restart(self, crash: Crash) -> Self {
        self.disk.crash(crash);
        let disk = self.disk.clone();
        drop(self);
        Self::start(disk)
    }

    fn partition(&self, config: &LogConfig) -> Arc<Partition> {
        self.logs.open_partition(TOPIC, TOPIC_ID, PartitionIndex(0), Arc::new(config.clone())).unwrap()
    }
}

/// A batch of records `(key, value)`, null where `None`, a millisecond apart from `timestamp` on.
fn batch_of(timestamp: i64, records: &[(Option<&str>, Option<&str>)]) -> Bytes {
    produced(ProducerState::NONE, timestamp, records)
}

fn produced(producer: ProducerState, timestamp: i64, records: &[(Option<&str>, Option<&str>)]) -> Bytes {
    let mut writer = BatchWriter::new(Compression::None, None);
    writer.set_producer(producer);
    for (after, (key, value)) in records.iter().enumerate() {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        writer.append(timestamp + after as i64, key, value, NO_HEADERS);
    }
    writer.finish().unwrap()
}

fn producer(id: i64, epoch: i16, base_sequence: i32) -> ProducerState {
    ProducerState { id: ProducerId(id), epoch: ProducerEpoch(epoch), base_sequence }
}

fn append(partition: &Arc<Partition>, value: &str) -> Appended {
    let batch = batch_of(NOW, &[(Some("key"), Some(value))]);
    partition.append(batch, AppendOrigin::Client, NOW).unwrap()
}

/// Every record that can be read, as `(offset, key, value)`.
fn contents(partition: &Arc<Partition>, up_to: ReadUpTo) -> Vec<(i64, String, Option<String>)> {
    contents_from(partition, partition.log_start_offset(), up_to)
}

fn contents_from(
    partition: &Arc<Partition>,
    mut from: Offset,
    up_to: ReadUpTo,
) -> Vec<(i64, String, Option<String>)> {
    let mut records = Vec::new();
    let mut scratch = Vec::new();
    loop {
        let slice = partition.read(from, 300, up_to, true).unwrap();
        if slice.is_empty() {
            return records;
        }
        for batch in Batches::new(&slice.bytes().unwrap()) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            for record in batch.records(&mut scratch, 1 << 20).unwrap() {
                let record = record.unwrap();
                if record.offset >= from {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let key = record.key.map(text).unwrap_or_default();
                    records.push((record.offset.0, key, record.value.map(text)));
                }
            }
            from = batch.header.next_offset();
        }
    }
}

fn values(partition: &Arc<Partition>, up_to: ReadUpTo) -> Vec<String> {
    contents(partition, up_to).into_iter().filter_map(|(_, _, value)| value).collect()
}
