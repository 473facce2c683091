//! Reading the records of a batch.

use super::header::TimestampType;
use super::record::{Headers, read_nullable};
use super::{Batch, BatchError, BatchHeader, Record};
use crate::compression::Compression;
use crate::ids::Offset;
use crate::varint;

/// The records of a batch, read where they lie, without allocating. It ends after the first error: what follows a
/// bad record has no known place.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    /// Records returned so far, and how many the header promised.
    index: i32,
    count: i32,
    base_offset: Offset,
    last_offset_delta: i32,
    base_timestamp: i64,
    /// Overrides every record's timestamp where the broker stamped the batch.
    append_time: Option<i64>,
}

/// Where a reader stood, to go on from there: [`Records`] borrows the bytes, a buffer that owns them cannot keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordsPosition {
    /// Bytes of the payload that were read.
    bytes: usize,
    /// Records that were read.
    records: i32,
}

/// A record and the bytes it was read from, length included: what the compaction rewriter copies.
pub(super) struct RawRecord<'a> {
    pub(super) record: Record<'a>,
    pub(super) bytes: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) fn open<'b: 'a>(
        batch: &Batch<'b>,
        scratch: &'a mut Vec<u8>,
        max_decompressed: usize,
    ) -> Result<Self, BatchError> {
        let header = &batch.header;
        let rest = match header.compression()? {
            Compression::None => batch.payload(),
            codec => {
                scratch.clear();
                codec.decompress(batch.payload(), max_decompressed, scratch)?;
                &scratch[..]
            }
        };
        Ok(Self::resume(header, rest, RecordsPosition::default()))
    }

    /// Reads on at `position` in a batch's payload, which the caller keeps and, where the batch is compressed, has unfolded.
    #[must_use]
    pub fn resume(header: &BatchHeader, payload: &'a [u8], position: RecordsPosition) -> Self {
        let stamped = header.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            rest: payload.get(position.bytes..).unwrap_or_default(),
            index: position.records,
            count: header.record_count,
            base_offset: header.base_offset,
            last_offset_delta: header.last_offset_delta,
            base_timestamp: header.base_timestamp,
            append_time: stamped.then_some(header.max_timestamp),
        }
    }

    /// Where this reader stands in `payload`, the one it was made for.
    #[must_use]
    pub fn position(&self, payload: &[u8]) -> RecordsPosition {
        RecordsPosition { bytes: payload.len() - self.rest.len(), records: self.index }
    }

    /// The next record with its bytes.
    #[inline(always)]
    pub(super) fn next_raw(&mut self) -> Option<Result<RawRecord<'a>, BatchError>> {
        if self.index >= self.count {
            return self.check_end();
        }
        match self.parse() {
            Ok(raw) => {
                self.index += 1;
                Some(Ok(raw))
            }
            Err(reason) => Some(Err(self.fail(reason))),
        }
    }

    #[inline(always)]
    fn parse(&mut self) -> Result<RawRecord<'a>, &'static str> {
        let mut buf = self.rest;
        let length = varint::read_i32(&mut buf).ok_or("its length is cut short")?;
        let length = usize::try_from(length).map_err(|_| "its length is negative")?;
        let (body, rest) = buf.split_at_checked(length).ok_or("it is longer than what remains")?;
        let record = self.parse_body(body)?;
        let bytes = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Ok(RawRecord { record, bytes })
    }

    #[inline(always)]
    fn parse_body(&self, body: &'a [u8]) -> Result<Record<'a>, &'static str> {
        let (_attributes, mut body) = body.split_first().ok_or("it is empty")?;
        let timestamp_delta = varint::read_i64(&mut body).ok_or("its timestamp is cut short")?;
        let offset_delta = varint::read_i32(&mut body).ok_or("its offset is cut short")?;
        if offset_delta < 0 || offset_delta > self.last_offset_delta {
            return Err("its offset lies outside the batch");
        }
        let key = read_nullable(&mut body).ok_or("its key is cut short")?;
        let value = read_nullable(&mut body).ok_or("its value is cut short")?;
        let headers = Headers::parse(body)?;
        let timestamp = self.append_time.unwrap_or_else(|| self.base_timestamp.wrapping_add(timestamp_delta));
        Ok(Record { offset: self.base_offset.plus(i64::from(offset_delta)), timestamp, key, value, headers })
    }

    /// After the last record nothing may follow.
    fn check_end(&mut self) -> Option<Result<RawRecord<'a>, BatchError>> {
        if self.rest.is_empty() {
            return None;
        }
        Some(Err(self.fail("bytes follow the last record that the header counts")))
    }

    #[cold]
    fn fail(&mut self, reason: &'static str) -> BatchError {
        let index = self.index;
        self.rest = &[];
        self.count = self.index;
        BatchError::Record { index, reason }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_raw()?.map(|raw| raw.record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // The count is the sender's claim: nothing may be reserved for it. A record takes at least 7 bytes.
        (0, Some(self.rest.len() / 7 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchWriter, NO_HEADERS};

    #[test]
    fn a_reader_goes_on_where_another_stood() {
        let mut writer = BatchWriter::new(Compression::None, None);
        for value in [&b"a"[..], b"bc", b"d"] {
            writer.append(7, None, Some(value), NO_HEADERS);
        }
        let bytes = writer.finish().unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        let mut position = RecordsPosition::default();
        let mut values = Vec::new();
        loop {
            let mut records = Records::resume(&batch.header, batch.payload(), position);
            let Some(record) = records.next() else { break };
            values.push(record.unwrap().value.unwrap());
            position = records.position(batch.payload());
        }
        assert_eq!(values, [&b"a"[..], b"bc", b"d"]);
    }
}
