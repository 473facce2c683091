//! What was fetched, as long as records of it are not done: dead letters are made of the bytes that were read.

use std::collections::{BTreeMap, VecDeque};

use millstream_client::{Fetched, Record as Wire, TopicPartition};

use crate::runtime::memory::Room;

/// By partition, in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Chunks(BTreeMap<TopicPartition, VecDeque<Chunk>>);

#[derive(Debug)]
struct Chunk {
    fetched: Fetched,
    _room: Room,
}

impl Chunks {
    pub(crate) fn push(&mut self, fetched: Fetched, room: Room) {
        self.0.entry(fetched.partition.clone()).or_default().push_back(Chunk { fetched, _room: room });
    }

    /// Everything below the offset is done.
    pub(crate) fn done(&mut self, partition: &TopicPartition, below: i64) {
        let Some(chunks) = self.0.get_mut(partition) else { return };
        while chunks.front().is_some_and(|chunk| chunk.fetched.next_offset <= below) {
            chunks.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.values().all(VecDeque::is_empty)
    }

    pub(crate) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.0.retain(|partition, _| !partitions.contains(partition));
    }

    /// Finds the record as it was read.
    pub(crate) fn fetched(&self, partition: &TopicPartition, offset: i64) -> Option<&Fetched> {
        let chunks = self.0.get(partition)?;
        chunks
            .iter()
            .map(|chunk| &chunk.fetched)
            .find(|fetched| (fetched.offset..fetched.next_offset).contains(&offset))
    }
}

/// Calls `each` with the record at an offset of what was fetched.
pub(crate) fn find(
    fetched: &Fetched,
    offset: i64,
    mut each: impl FnMut(&Wire<'_>),
) -> millstream_client::Result<()> {
    fetched.for_each(|record| {
        if record.offset.0 == offset {
            each(record);
        }
        Ok(())
    })
}
