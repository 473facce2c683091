//! Writing a batch, record by record, in one pass.

use bytes::Bytes;

use super::encode::{
    Head, in_place, measure, nullable_in_place, nullable_len, write_deltas, write_headers, write_nullable,
};
use super::header::{CONTROL, LOG_APPEND_TIME, LOG_OVERHEAD, TRANSACTIONAL};
use super::{BATCH_HEADER_LEN, BatchError, BatchHeader, Header, NO_SEQUENCE};
use crate::compression::Compression;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use crate::varint;

/// Who writes a batch, for idempotence and transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The producer's id.
    pub id: ProducerId,
    /// Its generation.
    pub epoch: ProducerEpoch,
    /// Sequence number of the batch's first record.
    pub base_sequence: i32,
}

impl ProducerState {
    /// A producer that is not idempotent.
    pub const NONE: Self =
        Self { id: ProducerId::NONE, epoch: ProducerEpoch::NONE, base_sequence: NO_SEQUENCE };
}

/// An open batch. Records are encoded straight behind a gap for the header; [`BatchWriter::finish`] compresses them
/// if a codec is set, fills the gap and starts over with the same settings.
#[derive(Debug)]
pub struct BatchWriter {
    /// The header's gap, then the records, never compressed. Empty until the first record, so that an idle writer
    /// holds no memory.
    buf: Vec<u8>,
    /// Where the last whole record ends. What lies behind it was left by an encoder that panicked, and goes.
    end: usize,
    /// Size of the last batch: room to make for the next when its first record comes.
    capacity_hint: usize,
    compression: Compression,
    /// Level of the codec; `None` is Kafka's default.
    level: Option<i32>,
    producer: ProducerState,
    /// Flags above the codec's bits.
    flags: i16,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// Compressed size over plain size of the batches so far, for [`BatchWriter::size_estimate`].
    ratio: f32,
    /// How long the last record's lengths were on the wire: the guess for the next record that is encoded in place.
    widths: Widths,
}

/// Bytes that a record's own length, its key's and its value's took.
#[derive(Clone, Copy, Debug)]
struct Widths {
    record: usize,
    key: usize,
    value: usize,
}

impl BatchWriter {
    /// An empty batch with a codec and its level (`None`: Kafka's default).
    #[must_use]
    pub fn new(compression: Compression, level: Option<i32>) -> Self {
        Self {
            buf: Vec::new(),
            end: 0,
            capacity_hint: BATCH_HEADER_LEN,
            compression,
            level,
            producer: ProducerState::NONE,
            flags: 0,
            base_offset: Offset(0),
            leader_epoch: LeaderEpoch::NONE,
            count: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            ratio: 1.0,
            widths: Widths { record: 1, key: 1, value: 1 },
        }
    }

    /// Sets who writes the batch; may be called until it is finished.
    pub fn set_producer(&mut self, producer: ProducerState) {
        self.producer = producer;
    }

    /// Marks the batch as part of a transaction.
    pub fn set_transactional(&mut self, transactional: bool) {
        self.set_flag(TRANSACTIONAL, transactional);
    }

    /// Marks the batch as carrying control records.
    pub fn set_control(&mut self, control: bool) {
        self.set_flag(CONTROL, control);
    }

    /// Marks the timestamps as the broker's: every record reads as of the largest timestamp appended.
    pub fn set_log_append_time(&mut self, stamped: bool) {
        self.set_flag(LOG_APPEND_TIME, stamped);
    }

    /// Sets the place in the log; 0 and -1, what a producer sends, unless this is called.
    pub fn set_position(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch) {
        self.base_offset = base_offset;
        self.leader_epoch = leader_epoch;
    }

    fn set_flag(&mut self, flag: i16, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }

    /// Records appended.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether nothing has been appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far, header included, before compression: what the buffer holds in memory.
    #[inline]
    #[must_use]
    pub fn uncompressed_len(&self) -> usize {
        self.end.max(BATCH_HEADER_LEN)
    }

    /// Bytes that the batch would have on the wire, going by how well this writer's last batches compressed.
    #[must_use]
    #[inline]
    pub fn size_estimate(&self) -> usize {
        if self.compression == Compression::None {
            return self.uncompressed_len();
        }
        let records = (self.uncompressed_len() - BATCH_HEADER_LEN) as f32 * self.ratio;
        BATCH_HEADER_LEN + records as usize
    }

    /// Largest timestamp appended (ms); 0 in an empty batch.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Upper bound of what a record of these sizes adds, headers apart.
    #[must_use]
    pub fn record_bound(key_len: usize, value_len: usize) -> usize {
        3 * varint::MAX_LEN_32 + 1 + varint::MAX_LEN_64 + varint::MAX_LEN_32 + key_len + value_len + 1
    }

    /// Appends a record. `headers` is walked twice: once to measure, once to write.
    #[inline]
    pub fn append<'h, H>(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: H)
    where
        H: IntoIterator<Item = Header<'h>> + Clone,
    {
        let (timestamp_delta, offset_delta) = self.admit(timestamp);
        let (header_count, headers_len) = measure(headers.clone());
        let length = 1
            + varint::len_i64(timestamp_delta)
            + varint::len_i32(offset_delta)
            + nullable_len(key)
            + nullable_len(value)
            + varint::len_i32(header_count)
            + headers_len;
        // What stands before the key is put together aside: a byte at a time in the batch costs a look at its end for each.
        let mut head = Head::default();
        head.put(u64::from(varint::zigzag_i32(length as i32)));
        head.put(0); // attributes: no bit has a meaning yet
        head.put(varint::zigzag_i64(timestamp_delta));
        head.put(u64::from(varint::zigzag_i32(offset_delta)));
        head.put(u64::from(varint::zigzag_i32(key.map_or(-1, |key| key.len() as i32))));
        self.buf.reserve(Head::CAPACITY + length);
        head.append_to(&mut self.buf);
        self.buf.extend_from_slice(key.unwrap_or_default());
        write_nullable(&mut self.buf, value);
        write_headers(&mut self.buf, header_count, headers);
        self.count_in(timestamp);
    }

    /// Appends a record whose key and value are encoded in place by the closures; `None` is null. The lengths that
    /// stand before them get as many bytes as the last record's took, and the bytes move only where that was wrong.
    /// The closures may append to the buffer and nothing else; if one panics, the record is not in the batch.
    #[inline]
    pub fn append_with<'h, K, V, H>(&mut self, timestamp: i64, key: Option<K>, value: Option<V>, headers: H)
    where
        K: FnOnce(&mut Vec<u8>),
        V: FnOnce(&mut Vec<u8>),
        H: IntoIterator<Item = Header<'h>> + Clone,
    {
        let (timestamp_delta, offset_delta) = self.admit(timestamp);
        let mut widths = self.widths;
        widths.record = in_place(&mut self.buf, widths.record, |buf| {
            write_deltas(buf, timestamp_delta, offset_delta);
            widths.key = nullable_in_place(buf, widths.key, key);
            widths.value = nullable_in_place(buf, widths.value, value);
            write_headers(buf, measure(headers.clone()).0, headers);
        });
        self.widths = widths;
        self.count_in(timestamp);
    }

    /// Makes the batch ready for a record and gives the record's deltas.
    #[inline]
    fn admit(&mut self, timestamp: i64) -> (i64, i32) {
        self.buf.truncate(self.end);
        if self.count == 0 {
            self.open(timestamp);
        }
        (timestamp.wrapping_sub(self.base_timestamp), self.count)
    }

    /// Counts the record that has been encoded: only now is it part of the batch.
    #[inline]
    fn count_in(&mut self, timestamp: i64) {
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
        self.end = self.buf.len();
    }

    /// Makes room for the header and sets what the records are relative to.
    fn open(&mut self, timestamp: i64) {
        // The last record asks for room for the longest head it could have.
        self.buf.reserve(self.capacity_hint + Head::CAPACITY);
        self.buf.resize(BATCH_HEADER_LEN, 0);
        self.base_timestamp = timestamp;
        self.max_timestamp = timestamp;
    }

    /// Seals the batch and starts the next one with the same settings. Without a codec the buffer itself becomes the
    /// batch; with one it is kept for the next.
    ///
    /// # Errors
    /// When the codec fails, or the batch is over 2 GiB. The records are lost then.
    pub fn finish(&mut self) -> Result<Bytes, BatchError> {
        self.buf.truncate(self.end);
        self.buf.resize(self.uncompressed_len(), 0);
        self.capacity_hint = self.buf.len();
        let mut batch = match self.compression {
            Compression::None => std::mem::take(&mut self.buf),
            _ => self.compress()?,
        };
        let result = self.seal(&mut batch);
        self.reset();
        result.map(|()| Bytes::from(batch))
    }

    fn compress(&mut self) -> Result<Vec<u8>, BatchError> {
        let records = &self.buf[BATCH_HEADER_LEN..];
        let mut packed = Vec::with_capacity(self.size_estimate());
        packed.resize(BATCH_HEADER_LEN, 0);
        let outcome = self.compression.compress(self.level, records, &mut packed);
        self.ratio = (packed.len() - BATCH_HEADER_LEN) as f32 / records.len().max(1) as f32;
        if let Err(error) = outcome {
            self.reset();
            return Err(error.into());
        }
        Ok(packed)
    }

    fn seal(&self, batch: &mut [u8]) -> Result<(), BatchError> {
        let limit = i32::MAX as usize;
        let length = i32::try_from(batch.len() - LOG_OVERHEAD)
            .map_err(|_| BatchError::TooLarge { size: batch.len(), limit })?;
        let header = BatchHeader {
            base_offset: self.base_offset,
            length,
            leader_epoch: self.leader_epoch,
            crc: 0,
            attributes: self.flags | self.compression as i16,
            last_offset_delta: (self.count - 1).max(0),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            base_sequence: self.producer.base_sequence,
            record_count: self.count,
        };
        header.seal(batch);
        Ok(())
    }

    fn reset(&mut self) {
        self.buf.clear();
        self.end = 0;
        self.count = 0;
        self.base_timestamp = 0;
        self.max_timestamp = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, NO_HEADERS};

    const HEADERS: [Header<'static>; 3] = [
        Header { key: b"a", value: Some(b"1") },
        Header { key: b"a", value: Some(b"2") },
        Header { key: b"", value: None },
    ];

    #[test]
    fn what_is_written_is_read_with_every_codec() {
        for codec in Compression::ALL {
            let mut writer = BatchWriter::new(codec, None);
            for _round in 0..2 {
                writer.append(1_000, Some(b"k"), Some(b"v"), NO_HEADERS);
                writer.append(900, None, None, HEADERS);
                writer.append(5_000, Some(b""), Some(&[7; 300]), NO_HEADERS);
                let bytes = writer.finish().unwrap();
                let batch = Batch::parse(&bytes).unwrap();
                batch.verify_crc().unwrap();
                assert_eq!((batch.header.record_count, batch.header.max_timestamp), (3, 5_000));
                let mut scratch = Vec::new();
                let records: Vec<_> =
                    batch.records(&mut scratch, 1 << 20).unwrap().collect::<Result<_, _>>().unwrap();
                assert_eq!(records[0].key, Some(&b"k"[..]));
                assert_eq!((records[1].key, records[1].value, records[1].timestamp), (None, None, 900));
                assert_eq!(records[1].headers.iter().collect::<Vec<_>>(), HEADERS);
                assert_eq!(records[1].headers.last("a"), Some(Some(&b"2"[..])));
                assert_eq!((records[2].offset, records[2].value), (Offset(2), Some(&[7; 300][..])));
            }
        }
    }

    #[test]
    fn a_record_whose_encoder_panics_is_not_in_the_batch() {
        for before in [0, 1] {
            let mut writer = BatchWriter::new(Compression::None, None);
            for _ in 0..before {
                writer.append(1, Some(b"good"), None, NO_HEADERS);
            }
            let panics = |buf: &mut Vec<u8>| {
                buf.push(1);
                panic!("an encoder's fault");
            };
            let append = || writer.append_with(2, Some(|_: &mut Vec<u8>| ()), Some(panics), NO_HEADERS);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(append)).unwrap_err();
            assert_eq!(writer.count(), before);
            writer.append(3, Some(b"good"), None, NO_HEADERS);
            let bytes = writer.finish().unwrap();
            let batch = Batch::parse(&bytes).unwrap();
            let mut scratch = Vec::new();
            let keys: Vec<_> = batch.records(&mut scratch, 0).unwrap().map(|r| r.unwrap().key).collect();
            assert_eq!(keys, vec![Some(&b"good"[..]); before as usize + 1]);
        }
    }
}
