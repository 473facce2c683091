use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use millstream_wire::batch::{BatchError, BatchHeader, Batches, Record, Records, RecordsPosition};
use millstream_wire::compression::Compression;

use super::Traffic;

/// Bytes that one compressed batch may unfold to; Kafka's clients know no bound, a broken broker must not take all memory.
const MAX_UNFOLDED: usize = 256 << 20;

/// The fetched but unprocessed records of one partition, as they came: read where they lie, a batch at a time.
#[derive(Debug)]
pub(crate) struct PartitionQueue {
    /// Whole batches, the last of a chunk possibly cut short.
    chunks: VecDeque<Bytes>,
    /// The batch that is being read.
    open: Option<OpenBatch>,
    /// What is behind us: the offset to commit. -1: not known before the first fetch.
    next_offset: i64,
    /// Bytes in `chunks`, for the bound on what a thread may hold.
    buffered_bytes: usize,
    /// Records in `chunks`, by their headers' claim: it decides when to pause, and sizes nothing.
    buffered_records: usize,
    /// Where a compressed batch is unfolded; kept from batch to batch.
    unfolded: Vec<u8>,
    /// What has passed.
    traffic: Traffic,
}

#[derive(Debug)]
struct OpenBatch {
    header: BatchHeader,
    /// As fetched; empty where the batch was compressed and lies in `unfolded`.
    payload: Option<Bytes>,
    position: RecordsPosition,
}

/// Why a run of records ended early.
#[derive(Debug)]
pub(crate) enum RunError<E> {
    /// The bytes are no records; the offset that could not be read.
    Batch(i64, BatchError),
    /// The task failed at a record, after so many had passed.
    Process { passed: usize, error: E },
}

impl<E> RunError<E> {
    /// The same, of a longer run in which so many had passed before.
    pub(super) fn after(self, before: usize) -> Self {
        match self {
            Self::Process { passed, error } => Self::Process { passed: before + passed, error },
            batch @ Self::Batch(..) => batch,
        }
    }
}

impl PartitionQueue {
    /// An empty queue; everything before `stands_at` is processed, if that is known.
    pub(crate) fn at(stands_at: Option<i64>) -> Self {
        Self {
            chunks: VecDeque::new(),
            open: None,
            next_offset: stands_at.unwrap_or(-1),
            buffered_bytes: 0,
            buffered_records: 0,
            unfolded: Vec::new(),
            traffic: Traffic::default(),
        }
    }

    /// What has passed so far.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Adds the bytes that a fetch at `fetch_offset` returned; records before that offset, which a batch may begin with, are
    /// skipped. An empty queue goes to wherever the fetch went, so that a reset of the position takes effect.
    pub(crate) fn push(&mut self, fetch_offset: i64, chunk: Bytes) {
        if self.open.is_none() && self.chunks.is_empty() {
            self.next_offset = fetch_offset;
        }
        self.buffered_bytes += chunk.len();
        self.buffered_records += claimed_records(&chunk);
        self.chunks.push_back(chunk);
    }

    /// The first offset that was not processed, once something was fetched.
    pub(crate) fn next_offset(&self) -> Option<i64> {
        (self.next_offset >= 0).then_some(self.next_offset)
    }

    pub(crate) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    pub(crate) fn buffered_records(&self) -> usize {
        self.buffered_records
    }

    /// Records that have not passed, those of the batch included that is being read.
    pub(crate) fn waiting_records(&self) -> u64 {
        let left = |open: &OpenBatch| {
            let next = self.next_offset.max(open.header.base_offset.0);
            u64::try_from(open.header.next_offset().0 - next).unwrap_or(0)
        };
        self.buffered_records as u64 + self.open.as_ref().map_or(0, left)
    }

    /// The timestamp of the next record; `None`: there is none.
    pub(crate) fn head_timestamp(&mut self) -> Result<Option<i64>, BatchError> {
        while self.open_next()? {
            let next_offset = self.next_offset;
            if let Some((mut records, payload, position)) = reader(&mut self.open, &self.unfolded) {
                while let Some(record) = records.next().transpose()? {
                    if record.offset.0 >= next_offset {
                        return Ok(Some(record.timestamp));
                    }
                    *position = records.position(payload);
                }
            }
            self.close();
        }
        Ok(None)
    }

    /// Passes records to `process` until one is later than `until`, `limit` of them have passed, or the current batch ends.
    /// Returns how many passed; zero: the head is too late, or there is none.
    pub(crate) fn run<E>(
        &mut self,
        until: i64,
        limit: usize,
        mut process: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<usize, RunError<E>> {
        let mut passed = 0;
        while passed == 0 && self.open_next().map_err(|error| RunError::Batch(self.next_offset, error))? {
            let mut next_offset = self.next_offset;
            let mut done = false;
            let mut failed = None;
            if let Some((mut records, payload, position)) = reader(&mut self.open, &self.unfolded) {
                loop {
                    *position = records.position(payload);
                    if passed == limit {
                        break;
                    }
                    let Some(record) = records.next() else {
                        done = true;
                        break;
                    };
                    let record = record.map_err(|error| RunError::Batch(next_offset, error))?;
                    if record.offset.0 < next_offset {
                        continue;
                    }
                    if record.timestamp > until {
                        break;
                    }
                    let offset = record.offset.0;
                    let (timestamp, key) = (record.timestamp, record.key);
                    if let Err(error) = process(record) {
                        failed = Some(error);
                        break;
                    }
                    next_offset = offset + 1;
                    passed += 1;
                    self.traffic.record(timestamp, key);
                }
            }
            self.next_offset = next_offset;
            if let Some(error) = failed {
                return Err(RunError::Process { passed, error });
            }
            if !done {
                break;
            }
            self.close();
        }
        Ok(passed)
    }

    /// Makes sure that a batch is open; `false`: nothing is left.
    fn open_next(&mut self) -> Result<bool, BatchError> {
        while self.open.is_none() {
            let Some(chunk) = self.chunks.front_mut() else { return Ok(false) };
            let Some(batch) = Batches::new(chunk).next().transpose()? else {
                self.buffered_bytes -= chunk.len();
                self.chunks.pop_front();
                continue;
            };
            let header = batch.header;
            let compression = header.compression()?;
            if header.is_control() || header.last_offset().0 < self.next_offset {
                self.next_offset = self.next_offset.max(header.next_offset().0);
            } else {
                let payload = if compression == Compression::None {
                    Some(chunk.slice_ref(batch.payload()))
                } else {
                    self.unfolded.clear();
                    compression.decompress(batch.payload(), MAX_UNFOLDED, &mut self.unfolded)?;
                    None
                };
                self.open = Some(OpenBatch { header, payload, position: RecordsPosition::default() });
            }
            let taken = header.total_len();
            self.traffic.bytes += taken as u64;
            chunk.advance(taken);
            self.buffered_bytes -= taken;
            self.buffered_records = self.buffered_records.saturating_sub(claim(&header));
        }
        Ok(true)
    }

    /// The open batch is done; compaction may have removed its last offsets.
    fn close(&mut self) {
        if let Some(OpenBatch { header, .. }) = self.open.take() {
            self.next_offset = self.next_offset.max(header.next_offset().0);
        }
    }
}

/// The reader of the open batch, the payload it reads, and where its position is kept.
fn reader<'a>(
    open: &'a mut Option<OpenBatch>,
    unfolded: &'a [u8],
) -> Option<(Records<'a>, &'a [u8], &'a mut RecordsPosition)> {
    let OpenBatch { header, payload, position } = open.as_mut()?;
    let payload = payload.as_deref().unwrap_or(unfolded);
    Some((Records::resume(header, payload, *position), payload, position))
}

fn claimed_records(chunk: &[u8]) -> usize {
    Batches::new(chunk).map_while(Result::ok).map(|batch| claim(&batch.header)).sum()
}

fn claim(header: &BatchHeader) -> usize {
    usize::try_from(header.record_count).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use millstream_wire::batch::{BatchWriter, NO_HEADERS};
    use millstream_wire::ids::{LeaderEpoch, Offset};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A batch of records with these timestamps, from `base_offset` on; the value of each is its offset.
    pub(in super::super) fn batch(codec: Compression, base_offset: i64, timestamps: &[i64]) -> Bytes {
        let mut writer = BatchWriter::new(codec, None);
        writer.set_position(Offset(base_offset), LeaderEpoch(0));
        for (timestamp, offset) in timestamps.iter().zip(base_offset..) {
            writer.append(*timestamp, None, Some(&offset.to_be_bytes()), NO_HEADERS);
        }
        writer.finish().unwrap()
    }

    fn codec() -> impl Strategy<Value = Compression> {
        prop_oneof![Just(Compression::None), Just(Compression::Lz4)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However the bytes are cut into chunks and the work into runs, every record from the start on passes once, in order.
        #[test]
        fn every_record_passes_once(
            batches in vec((codec(), vec(0i64..10, 1..6)), 0..6),
            chunked in vec(any::<bool>(), 6),
            start in 0i64..12,
            limits in vec(1usize..4, 1..8),
        ) {
            let mut queue = PartitionQueue::at(None);
            let (mut bytes, mut next) = (Vec::new(), 0);
            for ((codec, timestamps), cut) in batches.iter().zip(chunked) {
                bytes.extend_from_slice(&batch(*codec, next, timestamps));
                next += timestamps.len() as i64;
                if cut {
                    queue.push(start, std::mem::take(&mut bytes).into());
                }
            }
            bytes.extend_from_slice(&batch(Compression::None, next, &[1])[..20]);
            queue.push(start, bytes.into());

            let mut seen = Vec::new();
            for limit in limits.iter().cycle() {
                let head = queue.head_timestamp().unwrap();
                let passed = queue.run(i64::MAX, *limit, |record| { seen.push(record.offset.0); Ok::<_, ()>(()) }).unwrap();
                prop_assert!(passed <= *limit);
                prop_assert_eq!(passed > 0, head.is_some());
                if passed == 0 {
                    break;
                }
                prop_assert_eq!(queue.next_offset, seen[seen.len() - 1] + 1);
            }
            prop_assert_eq!(seen, (start..next).collect::<Vec<_>>());
            prop_assert_eq!((queue.next_offset, queue.buffered_bytes(), queue.buffered_records()), (start.max(next), 0, 0));
        }
    }

    #[test]
    fn a_run_ends_before_the_first_later_record() {
        let mut queue = PartitionQueue::at(None);
        queue.push(0, batch(Compression::None, 0, &[1, 5, 3]));
        let mut run = |until| queue.run(until, usize::MAX, |_| Ok::<_, ()>(())).unwrap();
        assert_eq!((run(4), run(4), run(5)), (1, 0, 2));
    }

    #[test]
    fn what_is_left_of_an_open_batch_waits_too() {
        let mut queue = PartitionQueue::at(None);
        queue.push(10, batch(Compression::None, 10, &[1, 2, 3]));
        queue.push(13, batch(Compression::None, 13, &[4]));
        let mut waiting = vec![queue.waiting_records()];
        while queue.run(i64::MAX, 1, |_| Ok::<_, ()>(())).unwrap() > 0 {
            waiting.push(queue.waiting_records());
        }
        assert_eq!(waiting, [4, 3, 2, 1, 0]);
    }

    #[test]
    fn a_failed_record_is_the_next_to_be_read() {
        let mut queue = PartitionQueue::at(None);
        queue.push(0, batch(Compression::None, 0, &[1, 1, 1]));
        let fail_at_1 = |record: Record<'_>| if record.offset.0 == 1 { Err("no") } else { Ok(()) };
        assert!(matches!(queue.run(9, 9, fail_at_1), Err(RunError::Process { passed: 1, error: "no" })));
        assert_eq!(queue.next_offset(), Some(1));
        let mut seen = Vec::new();
        let run = queue.run(9, 9, |record| {
            seen.push(record.offset.0);
            Ok::<_, ()>(())
        });
        assert_eq!((run.unwrap(), seen), (2, vec![1, 2]));
    }
}
