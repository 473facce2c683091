use std::io;
use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::ids::Offset;
use smallvec::SmallVec;

use crate::storage::StoredFile;

/// How far a read may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadUpTo {
    /// Consumers: what was promised to stay.
    HighWatermark,
    /// Coordinators that load their own log.
    LogEnd,
}

/// Whole batches that lie in files, beginning with the one that holds the offset asked for.
///
/// The batch may begin before that offset: a consumer skips the records below it. The bytes stay readable for as
/// long as the slice lives, even if retention or compaction removes the files.
#[derive(Clone, Debug)]
pub struct ReadSlice {
    /// Where the bytes are, in order. Empty at the end of the log, or where `max_bytes` does not fit one batch.
    pub ranges: SmallVec<[FileRange; 1]>,
    /// The high watermark at the time of the read.
    pub high_watermark: Offset,
    /// The log start offset at the time of the read.
    pub log_start_offset: Offset,
    /// The log end offset at the time of the read.
    pub log_end_offset: Offset,
}

/// A part of a file. [`StoredFile::descriptor`] is what `sendfile` takes.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file; it lives as long as this, whatever its name does.
    pub file: Arc<dyn StoredFile>,
    /// Where the part begins, in bytes.
    pub position: u64,
    /// Its length in bytes.
    pub len: usize,
}

impl FileRange {
    /// Reads the range into memory.
    pub fn read(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        out.resize(start + self.len, 0);
        let read = self.file.read_at(&mut out[start..], self.position)?;
        if read < self.len {
            out.truncate(start);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl ReadSlice {
    /// Bytes of all ranges together.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|range| range.len).sum()
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The batches in memory, for readers inside the process.
    pub fn bytes(&self) -> io::Result<Bytes> {
        let mut bytes = Vec::with_capacity(self.len());
        for range in &self.ranges {
            range.read(&mut bytes)?;
        }
        Ok(bytes.into())
    }
}
