//! One batch, and the batches of a range of bytes.

use super::cursor::get_i32;
use super::header::{LOG_OVERHEAD, at};
use super::{BATCH_HEADER_LEN, BatchError, BatchHeader, Records};
use crate::crc::crc32c;

/// A whole batch where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The parsed header.
    pub header: BatchHeader,
    /// Header and records, exactly `header.total_len()` bytes.
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Takes the batch at the front of `bytes`; what follows it is ignored.
    ///
    /// # Errors
    /// When the header is bad or the batch is cut short.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.total_len();
        let bytes = bytes.get(..needed).ok_or(BatchError::Truncated { needed, have: bytes.len() })?;
        Ok(Self { header, bytes })
    }

    /// Compares the checksum with the bytes.
    ///
    /// # Errors
    /// [`BatchError::Crc`] when they do not agree.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(&self.bytes[at::ATTRIBUTES..]);
        if computed != self.header.crc {
            return Err(BatchError::Crc { stored: self.header.crc, computed });
        }
        Ok(())
    }

    /// The records section as it lies on the wire, compressed if the batch is.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[BATCH_HEADER_LEN..]
    }

    /// Reads the records. A compressed batch is unfolded into `scratch`, whose old content is dropped and which may
    /// grow to `max_decompressed` bytes; an uncompressed one is read in place and `scratch` stays as it is.
    ///
    /// # Errors
    /// When the codec is unknown or the records do not decompress within the bound.
    pub fn records<'r>(
        &self,
        scratch: &'r mut Vec<u8>,
        max_decompressed: usize,
    ) -> Result<Records<'r>, BatchError>
    where
        'a: 'r,
    {
        Records::open(self, scratch, max_decompressed)
    }
}

/// The consecutive batches of a range of bytes, such as a fetched partition's records. It ends quietly at a batch
/// that is cut short, which a fetch may have at its end, and after an error.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    /// What has not been read yet.
    rest: &'a [u8],
    /// Bytes of the batches that were returned.
    consumed: usize,
}

impl<'a> Batches<'a> {
    /// The batches at the front of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, consumed: 0 }
    }

    /// Bytes of the batches returned so far: where the next one begins.
    #[must_use]
    pub fn position(&self) -> usize {
        self.consumed
    }

    /// What follows the batches returned so far; at the end, the partial tail.
    #[must_use]
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether the rest cannot be a whole batch, going by its length field alone.
    fn at_partial_tail(&self) -> bool {
        if self.rest.len() < LOG_OVERHEAD {
            return true;
        }
        let length = get_i32(self.rest, at::LENGTH);
        usize::try_from(length).is_ok_and(|length| self.rest.len() - LOG_OVERHEAD < length)
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at_partial_tail() {
            return None;
        }
        let result = Batch::parse(self.rest);
        match &result {
            Ok(batch) => {
                self.consumed += batch.bytes.len();
                self.rest = &self.rest[batch.bytes.len()..];
            }
            Err(_) => self.rest = &[],
        }
        Some(result)
    }
}
