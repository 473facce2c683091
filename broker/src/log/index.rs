//! The two sparse indexes of a segment, in Kafka's formats (big-endian, sorted, no header).
//!
//! ```text
//! .index      | offset - base: u32 | position: u32 |          8 bytes, one per index.interval.bytes
//! .timeindex  | timestamp: i64 | offset - base: u32 |         12 bytes
//! ```
//!
//! An offset entry points at the batch that begins with its offset. (Kafka writes the batch's last offset; a
//! reader of either looks for the last entry at or below its target and walks on from there, so both read both.)

use std::io;
use std::sync::Arc;

use crate::storage::{Reach, StoredFile};

/// An entry of fixed length in a sorted file.
pub(super) trait IndexEntry: Copy {
    const LEN: usize;
    fn encode(self, out: &mut Vec<u8>);
    fn decode(bytes: &[u8]) -> Self;
}

/// The batch that begins with offset `base + relative` lies at `position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    pub(super) relative: u32,
    pub(super) position: u32,
}

/// No record up to `base + relative` is newer than `timestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp: i64,
    pub(super) relative: u32,
}

fn be_u32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl IndexEntry for OffsetEntry {
    const LEN: usize = 8;

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { relative: be_u32(bytes), position: be_u32(&bytes[4..]) }
    }
}

impl IndexEntry for TimeEntry {
    const LEN: usize = 12;

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.relative.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let timestamp = (i64::from(be_u32(bytes)) << 32) | i64::from(be_u32(&bytes[4..]));
        Self { timestamp, relative: be_u32(&bytes[8..]) }
    }
}

/// Entries in memory (the active segment's) or in a file (a sealed one's), searched alike.
#[derive(Clone, Debug)]
pub(super) enum Index<E> {
    Memory(Vec<E>),
    File { file: Arc<dyn StoredFile>, len: usize },
}

impl<E: IndexEntry> Index<E> {
    /// The index in a file; whole entries only, a torn last one is ignored.
    pub(super) fn in_file(file: Arc<dyn StoredFile>) -> io::Result<Self> {
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX) / E::LEN;
        Ok(Self::File { file, len })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Memory(entries) => entries.len(),
            Self::File { len, .. } => *len,
        }
    }

    /// Whether the file ends with a whole entry.
    pub(super) fn is_whole(&self) -> io::Result<bool> {
        match self {
            Self::Memory(_) => Ok(true),
            Self::File { file, len } => Ok(file.len()? == (len * E::LEN) as u64),
        }
    }

    fn get(&self, at: usize, reach: Reach) -> io::Result<Option<E>> {
        match self {
            Self::Memory(entries) => Ok(entries.get(at).copied()),
            Self::File { len, .. } if at >= *len => Ok(None),
            Self::File { file, .. } => {
                let mut bytes = [0; 12];
                let read = file.read_within(reach, &mut bytes[..E::LEN], (at * E::LEN) as u64)?;
                Ok((read == E::LEN).then(|| E::decode(&bytes)))
            }
        }
    }

    pub(super) fn last(&self) -> io::Result<Option<E>> {
        match self.len() {
            0 => Ok(None),
            len => self.get(len - 1, Reach::Disk),
        }
    }

    /// The last entry for which `holds`; it must hold for a prefix of the entries.
    pub(super) fn floor(&self, holds: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        self.floor_within(Reach::Disk, holds)
    }

    /// The same for a caller who may not wait for the disk.
    pub(super) fn floor_within(&self, reach: Reach, holds: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        let (mut low, mut high) = (0, self.len());
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle, reach)? {
                Some(entry) if holds(&entry) => {
                    found = Some(entry);
                    low = middle + 1;
                }
                _ => high = middle,
            }
        }
        Ok(found)
    }
}

/// The bytes of an index file.
pub(super) fn encode<E: IndexEntry>(entries: &[E]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * E::LEN);
    entries.iter().for_each(|entry| entry.encode(&mut bytes));
    bytes
}

/// Reads a whole index file.
pub(super) fn decode<E: IndexEntry>(bytes: &[u8]) -> Vec<E> {
    bytes.chunks_exact(E::LEN).map(E::decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_kafkas() {
        let offsets = [OffsetEntry { relative: 1, position: 0x0203 }];
        assert_eq!(encode(&offsets), [0, 0, 0, 1, 0, 0, 2, 3]);
        let times = [TimeEntry { timestamp: 0x0102_0304_0506_0708, relative: 9 }];
        assert_eq!(encode(&times), [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9]);
        assert_eq!(decode::<OffsetEntry>(&encode(&offsets)), offsets);
        assert_eq!(decode::<TimeEntry>(&encode(&times)), times);
        let before_1970 = TimeEntry { timestamp: -1, relative: 0 };
        assert_eq!(TimeEntry::decode(&encode(&[before_1970])), before_1970);
    }

    #[test]
    fn floor_is_the_last_entry_at_or_below() {
        let entries = (0..9).map(|entry| OffsetEntry { relative: entry * 10, position: entry }).collect();
        let index = Index::Memory(entries);
        let floor =
            |target| index.floor(|entry| entry.relative <= target).unwrap().map(|entry| entry.position);
        assert_eq!([floor(0), floor(9), floor(10), floor(500)], [Some(0), Some(0), Some(1), Some(8)]);
        assert_eq!(index.floor(|_| false).unwrap(), None);
    }
}
