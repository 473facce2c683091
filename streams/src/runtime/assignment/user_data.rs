use std::collections::BTreeMap;

use thiserror::Error;
use uuid::Uuid;

use crate::task::TaskId;

/// The layout written today. Kafka's begins with the version in four bytes, of which the first is 0, so neither is taken for the
/// other.
const VERSION: u8 = 3;

/// Tasks that one member may name; what lies beyond only costs a restore.
const MAX_TASKS: usize = 10_000;

/// What a member tells the leader about itself in its subscription.
///
/// ```text
/// version u8 | process id, 16 bytes | endpoint: length u16, UTF-8
/// number of tags u8, each: key length u16, UTF-8, value length u16, UTF-8
/// tasks to the end: sub-topology u32 | partition i32 | offset sum i64
///                   | u8: 0, or this thread keeps a copy: 1, and was to have the task next: 2
/// ```
///
/// All numbers are big-endian.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UserData {
    pub(crate) process: Uuid,
    /// `application.server`: where it answers queries, `host:port`; empty if it does not.
    pub(crate) endpoint: String,
    /// `client.tag.`: where the process is.
    pub(crate) tags: BTreeMap<String, String>,
    /// The tasks with state in the process's state directory.
    pub(crate) on_disk: BTreeMap<TaskId, OnDisk>,
}

/// What a process has of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnDisk {
    /// The sum of the changelog offsets that its stores stand at.
    pub(crate) offset_sum: i64,
    /// Whether the very thread that says this keeps them up to date for the one that runs the task.
    pub(crate) stands_by: bool,
    /// Whether that thread was to run the task once its owner had let go.
    pub(crate) is_awaited: bool,
}

/// User data that no version of this program wrote.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum UserDataError {
    #[error("version {0}; this program reads {VERSION}")]
    Version(u8),
    #[error("the bytes end in the middle")]
    Short,
    #[error("an endpoint or a tag is not UTF-8")]
    Text,
}

impl UserData {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.process.as_bytes());
        put_text(&mut bytes, &self.endpoint);
        // The configuration has seen to the number of tags, and to the length of all texts.
        bytes.push(self.tags.len() as u8);
        for (key, value) in &self.tags {
            put_text(&mut bytes, key);
            put_text(&mut bytes, value);
        }
        for (task, OnDisk { offset_sum, stands_by, is_awaited }) in self.on_disk.iter().take(MAX_TASKS) {
            bytes.extend_from_slice(&task.subtopology.to_be_bytes());
            bytes.extend_from_slice(&task.partition.to_be_bytes());
            bytes.extend_from_slice(&offset_sum.to_be_bytes());
            bytes.push(if *is_awaited { 2 } else { u8::from(*stands_by) });
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, UserDataError> {
        let mut bytes = Bytes(bytes);
        let [version] = bytes.take()?;
        if version != VERSION {
            return Err(UserDataError::Version(version));
        }
        let process = Uuid::from_bytes(bytes.take()?);
        let endpoint = bytes.text()?;
        let mut told = Self { process, endpoint, ..Self::default() };
        let [tags] = bytes.take()?;
        for _ in 0..tags {
            let key = bytes.text()?;
            told.tags.insert(key, bytes.text()?);
        }
        while !bytes.0.is_empty() {
            let subtopology = u32::from_be_bytes(bytes.take()?);
            let partition = i32::from_be_bytes(bytes.take()?);
            let offset_sum = i64::from_be_bytes(bytes.take()?);
            let [stands_by] = bytes.take()?;
            let on_disk = OnDisk { offset_sum, stands_by: stands_by != 0, is_awaited: stands_by == 2 };
            told.on_disk.insert(TaskId { subtopology, partition }, on_disk);
        }
        Ok(told)
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// What has not been read yet. Counts say how often to read, never how much to allocate.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], UserDataError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(UserDataError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn text(&mut self) -> Result<String, UserDataError> {
        let length = u16::from_be_bytes(self.take()?).into();
        let (text, rest) = self.0.split_at_checked(length).ok_or(UserDataError::Short)?;
        self.0 = rest;
        Ok(str::from_utf8(text).map_err(|_| UserDataError::Text)?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_as_drawn() {
        let data = UserData {
            process: Uuid::from_u128(0x0102),
            endpoint: "a:1".to_owned(),
            tags: [("zone".to_owned(), "z".to_owned())].into(),
            on_disk: [(
                TaskId { subtopology: 1, partition: 2 },
                OnDisk { offset_sum: 258, stands_by: true, is_awaited: true },
            )]
            .into(),
        };
        let bytes = data.encode();
        let mut drawn = vec![3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3, b'a', b':', b'1'];
        drawn.extend_from_slice(&[1, 0, 4, b'z', b'o', b'n', b'e', 0, 1, b'z']);
        drawn.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 2, 2]);
        assert_eq!(bytes, drawn);
        assert_eq!(UserData::decode(&bytes), Ok(data));
        for end in 1..bytes.len() {
            // Where the tasks begin nothing is missing.
            assert_eq!(UserData::decode(&bytes[..end]).is_ok(), end == 32, "{end}");
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(UserData::decode(&[]), Err(UserDataError::Short));
        assert_eq!(UserData::decode(&[0, 0, 0, 11]), Err(UserDataError::Version(0)));
        let mut text = UserData { endpoint: "a".to_owned(), ..UserData::default() }.encode();
        text[19] = 0xff;
        assert_eq!(UserData::decode(&text), Err(UserDataError::Text));
    }
}
