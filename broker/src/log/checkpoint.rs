//! One offset per partition in a text file (Kafka: `OffsetCheckpointFile`).
//!
//! ```text
//! 0            version
//! 1            number of entries
//! topic 3 117  topic, partition, offset
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_wire::ids::{Offset, PartitionIndex};
use parking_lot::Mutex;

use super::{LogError, TopicPartition};
use crate::storage::Storage;

/// Bytes of the longest file that is read: a million partitions.
const MAX_LEN: usize = 1 << 28;

/// A checkpoint file and its content.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    storage: Arc<dyn Storage>,
    /// Whether the file was there when it was opened.
    existed: bool,
    /// Held while the file is written, so that the file never goes back to an older content.
    offsets: Mutex<BTreeMap<TopicPartition, Offset>>,
}

impl Checkpoint {
    /// Reads the file. A missing one is empty; a damaged one is an error, for guessing would lose records.
    pub(super) fn open(storage: Arc<dyn Storage>, path: PathBuf) -> Result<Self, LogError> {
        let (offsets, existed) = match storage.read_small(&path, MAX_LEN) {
            Ok(bytes) => (decode(&bytes, &path)?, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (BTreeMap::new(), false),
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        Ok(Self { path, storage, existed, offsets: Mutex::new(offsets) })
    }

    /// Writes the file if it was not there.
    pub(super) fn create(&mut self) -> Result<(), LogError> {
        if !self.existed {
            self.write(&BTreeMap::new())?;
            self.existed = true;
        }
        Ok(())
    }

    /// Whether the file was there when it was opened, or was created since.
    pub(super) fn existed(&self) -> bool {
        self.existed
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<Offset> {
        self.offsets.lock().get(partition).copied()
    }

    /// Changes the content and, if that made a difference, writes it durably.
    pub(super) fn update(
        &self,
        change: impl FnOnce(&mut BTreeMap<TopicPartition, Offset>),
    ) -> Result<(), LogError> {
        let offsets = &mut *self.offsets.lock();
        let before = offsets.clone();
        change(offsets);
        if *offsets == before {
            return Ok(());
        }
        self.write(offsets)
    }

    fn write(&self, offsets: &BTreeMap<TopicPartition, Offset>) -> Result<(), LogError> {
        self.storage.replace(&self.path, print(offsets).as_bytes()).map_err(LogError::io("write", &self.path))
    }
}

fn decode(bytes: &[u8], path: &Path) -> Result<BTreeMap<TopicPartition, Offset>, LogError> {
    let offsets = std::str::from_utf8(bytes).ok().and_then(parse);
    let reason = "not an offset checkpoint";
    offsets.ok_or_else(|| LogError::Damaged { path: path.to_owned(), reason: reason.to_owned() })
}

fn print(offsets: &BTreeMap<TopicPartition, Offset>) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (partition, offset) in offsets {
        text.push_str(&format!("{} {} {offset}\n", partition.topic, partition.partition));
    }
    text
}

fn parse(text: &str) -> Option<BTreeMap<TopicPartition, Offset>> {
    let mut lines = text.lines();
    lines.next().filter(|version| *version == "0")?;
    let count: usize = lines.next()?.parse().ok()?;
    let offsets: BTreeMap<_, _> = lines.map(parse_line).collect::<Option<_>>()?;
    (offsets.len() == count).then_some(offsets)
}

fn parse_line(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split(' ');
    let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
    let partition = TopicPartition::new(topic, PartitionIndex(partition.parse().ok()?));
    words.next().is_none().then_some((partition, Offset(offset.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kafkas_and_comes_back() {
        let partition = TopicPartition::new("a.b", PartitionIndex(3));
        let offsets = BTreeMap::from([(partition, Offset(117))]);
        assert_eq!(print(&offsets), "0\n1\na.b 3 117\n");
        assert_eq!(parse("0\n1\na.b 3 117\n"), Some(offsets));
        for damaged in ["", "0\n", "0\n2\na.b 3 117\n", "0\n1\na.b 3\n", "1\n0\n", "0\n1\na.b 3 117 9\n"] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
    }
}
