use std::collections::BTreeSet;

use thiserror::Error;
use uuid::Uuid;

use crate::task::TaskId;

/// The layout written today.
const VERSION: u8 = 2;

/// Bytes before the endpoint: version, process id and the endpoint's length.
const HEADER_LEN: usize = 1 + 16 + 2;

/// Bytes of a task.
const TASK_LEN: usize = 8;

/// Tasks that one member may name; what lies beyond only costs a restore.
const MAX_TASKS: usize = 10_000;

/// What a member tells the leader about itself in its subscription.
///
/// ```text
/// version u8 | process id, 16 bytes | length u16 BE, endpoint | tasks to the end: sub-topology u32 BE, partition i32 BE
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserData {
    pub(crate) process: Uuid,
    /// `application.server`: where it answers queries, `host:port`; empty if it does not.
    pub(crate) endpoint: String,
    /// The tasks with state in the process's state directory.
    pub(crate) on_disk: BTreeSet<TaskId>,
}

/// User data that no version of this program wrote.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum UserDataError {
    #[error("version {0}; this program reads {VERSION}")]
    Version(u8),
    #[error("{0} bytes are no header and whole tasks")]
    Length(usize),
    #[error("the endpoint is not UTF-8")]
    Endpoint,
}

impl UserData {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.process.as_bytes());
        // The configuration has seen to its length.
        bytes.extend_from_slice(&(self.endpoint.len() as u16).to_be_bytes());
        bytes.extend_from_slice(self.endpoint.as_bytes());
        for task in self.on_disk.iter().take(MAX_TASKS) {
            bytes.extend_from_slice(&task.subtopology.to_be_bytes());
            bytes.extend_from_slice(&task.partition.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, UserDataError> {
        let malformed = UserDataError::Length(bytes.len());
        let Some((header, tasks)) = bytes.split_first_chunk::<HEADER_LEN>() else { return Err(malformed) };
        let [version, process @ .., high, low] = *header;
        if version != VERSION {
            return Err(UserDataError::Version(version));
        }
        let length = u16::from_be_bytes([high, low]).into();
        let Some((endpoint, tasks)) = tasks.split_at_checked(length) else { return Err(malformed) };
        let endpoint = str::from_utf8(endpoint).map_err(|_| UserDataError::Endpoint)?.to_owned();
        let (tasks, []) = tasks.as_chunks::<TASK_LEN>() else { return Err(malformed) };
        Ok(Self { process: Uuid::from_bytes(process), endpoint, on_disk: tasks.iter().map(task).collect() })
    }
}

fn task(bytes: &[u8; TASK_LEN]) -> TaskId {
    let [a, b, c, d, partition @ ..] = *bytes;
    TaskId { subtopology: u32::from_be_bytes([a, b, c, d]), partition: i32::from_be_bytes(partition) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_as_drawn() {
        let data = UserData {
            process: Uuid::from_u128(0x0102),
            endpoint: "a:1".to_owned(),
            on_disk: [TaskId { subtopology: 1, partition: 2 }].into(),
        };
        let bytes = data.encode();
        let mut drawn = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3, b'a', b':', b'1'];
        drawn.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(bytes, drawn);
        assert_eq!(UserData::decode(&bytes), Ok(data));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(UserData::decode(&[]), Err(UserDataError::Length(0)));
        assert_eq!(UserData::decode(&[2; 18]), Err(UserDataError::Length(18)));
        assert_eq!(UserData::decode(&[2; 19]), Err(UserDataError::Length(19)));
        assert_eq!(UserData::decode(&[9; 19]), Err(UserDataError::Version(9)));
    }
}
