use std::io;

use serde_json::{Value, json};

use super::disk::Disk;
use super::identity::{FileId, Print};
use super::place::Birth;
use crate::source::{SourceOffset, SourcePartition};

/// How far a file was read, and what proves that a file is still the one that was read so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// The path under which its lines were written; a rotated file keeps it.
    pub(super) path: String,
    /// The file in which they were written: a copy of it keeps it.
    pub(super) birth: Birth,
    /// Where the first event that is not out yet begins.
    pub(super) position: u64,
    /// Its first bytes.
    pub(super) head: Print,
    /// The bytes before the position.
    pub(super) tail: Print,
}

impl Mark {
    /// Nothing was read.
    pub(super) fn beginning(path: &str, birth: Birth) -> Self {
        Self { path: path.to_owned(), birth, ..Self::default() }
    }

    /// A position in a file as it is now.
    pub(super) fn take<D: Disk>(
        disk: &mut D,
        file: &mut D::File,
        path: &str,
        birth: Birth,
        position: u64,
    ) -> io::Result<Self> {
        let head = Print::at(disk, file, 0, position.min(Print::HEAD))?;
        let overlap = position.min(Print::TAIL);
        let tail = Print::at(disk, file, position - overlap, overlap)?;
        Ok(Self { path: path.to_owned(), birth, position, head, tail })
    }

    /// Whether it can tell one file from another: where nothing was read it fits every file.
    pub(super) fn proves(&self) -> bool {
        self.position > 0
    }

    /// What proves it.
    pub(super) fn proof(&self) -> (&Print, &Print) {
        (&self.head, &self.tail)
    }

    /// Whether this was taken of what is in the file.
    pub(super) fn fits<D: Disk>(&self, disk: &mut D, file: &mut D::File) -> io::Result<bool> {
        Ok(disk.look(file)?.size >= self.position
            && Print::at(disk, file, 0, self.head.bytes)? == self.head
            && Print::at(disk, file, self.position - self.tail.bytes, self.tail.bytes)? == self.tail)
    }

    /// As it is stored.
    pub(super) fn offset(&self) -> SourceOffset {
        let mut offset = SourceOffset::new();
        offset.insert("path".to_owned(), json!(self.path));
        offset.insert("birth".to_owned(), json!(self.birth.to_string()));
        offset.insert("position".to_owned(), json!(self.position));
        offset.insert("head".to_owned(), json!(self.head.text()));
        offset.insert("tail".to_owned(), json!(self.tail.text()));
        offset
    }

    /// As it was stored. `None`: it was not this connector that stored it.
    pub(super) fn of_offset(offset: &SourceOffset) -> Option<Self> {
        let print = |name| offset.get(name).and_then(Value::as_str).and_then(Print::parse);
        let mark = Self {
            path: offset.get("path")?.as_str()?.to_owned(),
            birth: Birth::parse(offset.get("birth")?.as_str()?)?,
            position: offset.get("position")?.as_u64()?,
            head: print("head")?,
            tail: print("tail")?,
        };
        (mark.tail.bytes <= mark.position && mark.head.bytes <= mark.position).then_some(mark)
    }
}

impl FileId {
    /// The part of the source that a file is.
    pub(super) fn partition(self) -> SourcePartition {
        let mut partition = SourcePartition::new();
        partition.insert("device".to_owned(), json!(self.device));
        partition.insert("inode".to_owned(), json!(self.inode));
        partition
    }

    /// The file that a part is. `None`: it was not this connector that stored it.
    pub(super) fn of_partition(partition: &SourcePartition) -> Option<Self> {
        let number = |name| partition.get(name).and_then(Value::as_u64);
        Some(Self { device: number("device")?, inode: number("inode")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_stored_and_read_back() {
        let (head, tail) = (Print::of(&[b'x'; 256]), Print::of(&[b'y'; 64]));
        let birth = Birth::parse("10302-7-18a").unwrap();
        let mark = Mark { path: "/var/log/app.log".to_owned(), birth, position: 4711, head, tail };
        assert_eq!(Mark::of_offset(&mark.offset()), Some(mark.clone()));
        let id = FileId { device: 66_306, inode: u64::MAX };
        assert_eq!(FileId::of_partition(&id.partition()), Some(id));

        let mut foreign = mark.offset();
        foreign.insert("position".to_owned(), json!(10));
        assert_eq!(Mark::of_offset(&foreign), None, "more is proved than was read");
        foreign.remove("head");
        assert_eq!(Mark::of_offset(&foreign), None);
    }
}
