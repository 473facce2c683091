//! How far a global table's store has come, in a file beside it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::backend::Checkpoint;

const FILE: &str = "positions.json";

/// The positions of a store in all partitions of its topic. Written after the store itself is on disk, so that a crash in
/// between makes some records be read twice, and none be missed.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Positions {
    /// Of the topic: another one of the same name has other records.
    topic_id: String,
    /// Wall clock in milliseconds.
    written_at: i64,
    /// By partition: the first offset that is not in the store.
    pub(super) next_offsets: BTreeMap<i32, i64>,
}

impl Positions {
    pub(super) fn new(topic_id: Uuid, written_at: i64, next_offsets: BTreeMap<i32, i64>) -> Self {
        Self { topic_id: topic_id.to_string(), written_at, next_offsets }
    }

    /// What is written in `directory`; nothing where there is no such file, or none that can be read: the table is then read
    /// from the beginning.
    pub(super) fn read(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let read = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        read.unwrap_or_else(|error: io::Error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "the positions of a global table cannot be read");
            }
            Self::default()
        })
    }

    /// Written aside and renamed: a crash leaves the old positions or the new ones.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let aside = directory.join(FILE).with_extension("tmp");
        let mut file = File::create(&aside)?;
        serde_json::to_writer(&mut file, self)?;
        file.sync_all()?;
        fs::rename(&aside, directory.join(FILE))
    }

    /// The position in one partition.
    pub(super) fn at(&self, partition: i32) -> Option<Checkpoint> {
        let next_offset = *self.next_offsets.get(&partition)?;
        let changelog_id = self.topic_id.parse().unwrap_or_default();
        Some(Checkpoint { next_offset, written_at: self.written_at, changelog_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Positions::read(directory.path()), Positions::default());
        let positions = Positions::new(Uuid::from_u128(7), 5, BTreeMap::from([(0, 10), (3, 20)]));
        positions.write(directory.path()).unwrap();
        let read = Positions::read(directory.path());
        assert_eq!(read, positions);
        assert_eq!(read.at(3).map(|at| (at.next_offset, at.written_at)), Some((20, 5)));
        assert_eq!(read.at(1), None);
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert_eq!(Positions::read(directory.path()), Positions::default());
    }
}
