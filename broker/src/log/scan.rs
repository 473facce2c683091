//! Walks over the batches of a log file: by header alone, or whole with the CRC checked.

use std::io;
use std::sync::Arc;

use millstream_wire::batch::{BATCH_HEADER_LEN, Batch, BatchHeader};
use millstream_wire::ids::Offset;

use crate::storage::{Reach, StoredFile};

/// Read at once when only headers are wanted: an index interval.
const HEADER_CHUNK: usize = 4096;

/// Read at once when whole batches are wanted; a larger batch is read alone.
const BATCH_CHUNK: usize = 1 << 20;

pub(super) fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// The headers of the batches that lie between two positions of a file, in order.
pub(super) struct Headers {
    file: Arc<dyn StoredFile>,
    /// Where the next header begins.
    position: u64,
    /// Nothing at or beyond this is looked at.
    end: u64,
    /// How far down a read may go.
    reach: Reach,
    chunk: [u8; HEADER_CHUNK],
    chunk_position: u64,
    chunk_len: usize,
}

impl Headers {
    pub(super) fn new(file: Arc<dyn StoredFile>, position: u64, end: u64) -> Self {
        Self::within(Reach::Disk, file, position, end)
    }

    /// A walk that may or may not wait for the disk.
    pub(super) fn within(reach: Reach, file: Arc<dyn StoredFile>, position: u64, end: u64) -> Self {
        Self { file, position, end, reach, chunk: [0; HEADER_CHUNK], chunk_position: 0, chunk_len: 0 }
    }

    /// The same walk from another position on; what was read stays.
    pub(super) fn restarted(mut self, position: u64) -> Self {
        self.position = position;
        self
    }

    /// The next batch's position and header. `InvalidData` where there is no whole batch before the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, BatchHeader)>> {
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        let bytes = self.header_bytes()?;
        let header = BatchHeader::parse(bytes).map_err(|error| damaged(format!("at {position}: {error}")))?;
        let next = position + header.total_len() as u64;
        if next > self.end {
            return Err(damaged(format!("the batch at {position} ends beyond {}", self.end)));
        }
        self.position = next;
        Ok(Some((position, header)))
    }

    /// The first batch that holds `offset` or lies behind it.
    pub(super) fn seek(&mut self, offset: Offset) -> io::Result<Option<(u64, BatchHeader)>> {
        while let Some((position, header)) = self.next()? {
            if header.last_offset() >= offset {
                return Ok(Some((position, header)));
            }
        }
        Ok(None)
    }

    fn header_bytes(&mut self) -> io::Result<&[u8]> {
        let chunk_end = self.chunk_position + self.chunk_len as u64;
        if self.position < self.chunk_position || self.position + BATCH_HEADER_LEN as u64 > chunk_end {
            let wanted = usize::try_from(self.end - self.position).unwrap_or(HEADER_CHUNK).min(HEADER_CHUNK);
            self.chunk_len = self.file.read_within(self.reach, &mut self.chunk[..wanted], self.position)?;
            self.chunk_position = self.position;
        }
        let from = (self.position - self.chunk_position) as usize;
        Ok(&self.chunk[from..self.chunk_len])
    }
}

/// The batches that lie between two positions of a file, whole, their CRC checked.
pub(super) struct WholeBatches {
    file: Arc<dyn StoredFile>,
    position: u64,
    end: u64,
    /// Bytes read ahead; `chunk[0]` lies at `chunk_position`.
    chunk: Vec<u8>,
    chunk_position: u64,
}

impl WholeBatches {
    pub(super) fn new(file: Arc<dyn StoredFile>, position: u64, end: u64) -> Self {
        Self { file, position, end, chunk: Vec::new(), chunk_position: position }
    }

    /// The next batch and its position. `InvalidData` where a batch is torn or its CRC is wrong.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Batch<'_>)>> {
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        let header = {
            let bytes = self.bytes(BATCH_HEADER_LEN)?;
            BatchHeader::parse(bytes).map_err(|error| damaged(format!("at {position}: {error}")))?
        };
        let len = header.total_len();
        if position + len as u64 > self.end {
            return Err(damaged(format!("the batch at {position} ends beyond {}", self.end)));
        }
        self.bytes(len)?;
        let from = (position - self.chunk_position) as usize;
        let batch = Batch { header, bytes: &self.chunk[from..from + len] };
        batch.verify_crc().map_err(|error| damaged(format!("at {position}: {error}")))?;
        self.position = position + len as u64;
        Ok(Some((position, batch)))
    }

    /// `len` bytes from the current position on.
    fn bytes(&mut self, len: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        if len > left {
            return Err(damaged(format!("{left} bytes at {} are no batch", self.position)));
        }
        let have = (self.chunk_position + self.chunk.len() as u64).saturating_sub(self.position);
        if (have as usize) < len {
            self.chunk.resize(len.max(BATCH_CHUNK).min(left), 0);
            let read = self.file.read_at(&mut self.chunk, self.position)?;
            self.chunk.truncate(read);
            self.chunk_position = self.position;
            if read < len {
                return Err(damaged(format!("the file ends at {}", self.position + read as u64)));
            }
        }
        let from = (self.position - self.chunk_position) as usize;
        Ok(&self.chunk[from..from + len])
    }
}
