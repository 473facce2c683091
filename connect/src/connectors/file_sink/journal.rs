//! What was written to the one file and is not synced yet, so that a crash is gone on from and nobody else's bytes are touched.
//!
//! Others may append to the file too, Kafka's own sink among them. Cutting it to its last flush would take their lines along, so
//! nothing is cut: before bytes go to the file they lie here, with the place they go to and the offsets that they bring. What is
//! found after a crash is completed and counts.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::Crc;
use serde::{Deserialize, Serialize};

/// A head that is longer is none: it names the partitions of one write.
const HEAD_MAX: u64 = 1 << 20;
/// Bytes that are compared at once.
const COMPARED: usize = 64 * 1024;

/// Beside the file, until the next flush.
pub(super) struct Journal {
    path: PathBuf,
    /// There once something was written.
    file: Option<File>,
    /// How much of it counts: what a failed write left is written over.
    length: u64,
}

/// What stands before the bytes of a write, on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Where in the file the bytes go.
    pub(super) at: u64,
    /// How many they are.
    pub(super) bytes: u64,
    /// Their checksum: after a crash of the machine, anything may be here.
    pub(super) crc: u32,
    /// Topic, partition and the offset after their last record.
    pub(super) next: Vec<(String, i32, i64)>,
}

/// What a journal came to.
pub(super) struct Replayed {
    /// Where the last bytes of ours end.
    pub(super) end: u64,
    /// What they bring.
    pub(super) next: Vec<(String, i32, i64)>,
}

impl Journal {
    /// None is read.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, length: 0 }
    }

    /// Bytes are about to be written there.
    pub(super) fn note(&mut self, at: u64, bytes: &[u8], next: Vec<(String, i32, i64)>) -> io::Result<()> {
        let mut crc = Crc::new();
        crc.update(bytes);
        let head = Head { at, bytes: bytes.len() as u64, crc: crc.sum(), next };
        let mut entry = serde_json::to_vec(&head)?;
        entry.push(b'\n');
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).write(true).truncate(true).open(&self.path)?),
        };
        file.write_all_at(&entry, self.length)?;
        let head_length = entry.len() as u64;
        file.write_all_at(bytes, self.length + head_length)?;
        self.length += head_length + head.bytes;
        Ok(())
    }

    /// All that was noted is synced.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if self.length > 0 || self.file.is_none() && self.path.exists() {
            OpenOptions::new().write(true).truncate(true).open(&self.path)?;
        }
        self.length = 0;
        Ok(())
    }

    /// Nothing is noted.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Completes in `target` what was noted at `base` or behind it, as far as it is found there; where something else is, the rest
    /// is left.
    pub(super) fn replay(path: &Path, target: &File, base: u64) -> io::Result<Replayed> {
        let mut replayed = Replayed { end: base, next: Vec::new() };
        let file = match File::open(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(replayed),
            opened => opened?,
        };
        let mut reader = BufReader::new(file);
        while let Some(head) = head(&mut reader)? {
            let mut bytes = Vec::new();
            let read = reader.by_ref().take(head.bytes).read_to_end(&mut bytes)?;
            let mut crc = Crc::new();
            crc.update(&bytes);
            if read as u64 != head.bytes || crc.sum() != head.crc {
                break;
            }
            if head.at < base {
                // It was synced since.
                continue;
            }
            if !is_beginning(&bytes, target, head.at)? {
                break;
            }
            // Also where all of it is there: what a failed sync has left on the disk nobody knows.
            target.write_all_at(&bytes, head.at)?;
            replayed.end = head.at + head.bytes;
            replayed.next.extend(head.next);
        }
        Ok(replayed)
    }
}

/// The next head. `None` where there is none, or half of one.
fn head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = Vec::new();
    reader.take(HEAD_MAX).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line).ok())
}

/// Whether a file has these bytes there, or ends in the midst of them.
fn is_beginning(bytes: &[u8], of: &File, at: u64) -> io::Result<bool> {
    let there = of.metadata()?.len();
    if at > there {
        return Ok(false);
    }
    let found = usize::try_from(there - at).unwrap_or(usize::MAX).min(bytes.len());
    let mut buffer = vec![0; COMPARED];
    let mut at = at;
    for part in bytes.get(..found).unwrap_or_default().chunks(COMPARED) {
        let Some(buffer) = buffer.get_mut(..part.len()) else { return Ok(false) };
        of.read_exact_at(buffer, at)?;
        if buffer != part {
            return Ok(false);
        }
        at += part.len() as u64;
    }
    Ok(true)
}
