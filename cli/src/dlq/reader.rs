//! Reading letters a fetch at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use millstream_client::{Consumer, Event, Offset, TopicPartition};

use super::Letter;

/// How long a read waits before it looks whether it is at the end.
const POLL: Duration = Duration::from_millis(100);

/// Reads to where the topic ended when it began. Holds no more than a fetch: `max.poll.records` letters, of about
/// `max.partition.fetch.bytes`.
pub(super) struct Reader {
    consumer: Consumer,
    /// What is to be read yet: where each partition is, and where it ends.
    left: BTreeMap<TopicPartition, Range>,
    /// Where each began.
    pub(super) begins: BTreeMap<TopicPartition, i64>,
}

struct Range {
    next: i64,
    end: i64,
}

/// Letters of one partition, in order.
pub(super) struct Chunk {
    pub(super) partition: TopicPartition,
    pub(super) letters: Vec<Letter>,
}

impl Reader {
    /// Begins at these offsets, or where the log does.
    pub(super) async fn open(consumer: Consumer, from: Vec<(TopicPartition, i64)>) -> Result<Self> {
        let partitions: Vec<TopicPartition> = from.iter().map(|(partition, _)| partition.clone()).collect();
        let begins = consumer.beginning_offsets(partitions.clone()).await?;
        let ends = consumer.end_offsets(partitions).await?;
        let (mut left, mut begun) = (BTreeMap::new(), BTreeMap::new());
        for (partition, offset) in from {
            let next = begins.get(&partition).map_or(0, |begin| begin.0).max(offset);
            let end = ends.get(&partition).map_or(0, |end| end.0);
            begun.insert(partition.clone(), next);
            if next < end {
                consumer.assign_at(partition.clone(), Offset(next));
                left.insert(partition, Range { next, end });
            }
        }
        Ok(Self { consumer, left, begins: begun })
    }

    /// The next letters; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>> {
        while !self.left.is_empty() {
            let Some(Event::Fetched(fetched)) = self.consumer.poll(POLL).await? else { continue };
            let partition = fetched.partition.clone();
            let Some(range) = self.left.get_mut(&partition) else { continue };
            let mut letters = Vec::new();
            fetched.for_each(|record| {
                if record.offset.0 < range.end {
                    letters.push(Letter::read(&partition, record));
                }
                Ok(())
            })?;
            range.next = fetched.next_offset;
            if range.next >= range.end {
                self.left.remove(&partition);
                self.consumer.pause(std::slice::from_ref(&partition));
            }
            return Ok(Some(Chunk { partition, letters }));
        }
        Ok(None)
    }
}
