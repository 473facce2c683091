use std::collections::BTreeSet;

use thiserror::Error;

use super::hosts::{Hosts, HostsError};
use crate::task::TaskId;

/// The layout written today.
const VERSION: u8 = 2;

/// What the leader tells one member beside its partitions.
///
/// ```text
/// version u8 | probe after, ms, u64 (0: not at all)
/// number of standbys u32, each: sub-topology u32, partition i32, u8: 1 if the task itself comes once it has been let go of
/// then Hosts to the end
/// ```
///
/// All numbers are big-endian.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// After how long (ms) this member asks for another rebalance, because tasks wait for their state elsewhere; 0: it need not.
    pub(crate) probe_after_ms: u64,
    /// The tasks whose state it keeps a copy of.
    pub(crate) standbys: BTreeSet<TaskId>,
    /// Those of them that come to run here once their owners have let go.
    pub(crate) awaited: BTreeSet<TaskId>,
    /// Where every task is.
    pub(crate) hosts: Hosts,
}

/// Bytes that no version of this program wrote.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum GivenError {
    #[error("version {0}; this program reads {VERSION}")]
    Version(u8),
    #[error("the bytes end in the middle of a task")]
    Short,
    #[error(transparent)]
    Hosts(#[from] HostsError),
}

impl Given {
    /// `hosts` is encoded once for all members.
    pub(crate) fn encode(
        probe_after_ms: u64,
        standbys: &BTreeSet<TaskId>,
        awaited: &BTreeSet<TaskId>,
        hosts: &[u8],
    ) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&probe_after_ms.to_be_bytes());
        bytes.extend_from_slice(&(standbys.len() as u32).to_be_bytes());
        for task in standbys {
            bytes.extend_from_slice(&task.subtopology.to_be_bytes());
            bytes.extend_from_slice(&task.partition.to_be_bytes());
            bytes.push(u8::from(awaited.contains(task)));
        }
        bytes.extend_from_slice(hosts);
        bytes
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, GivenError> {
        let [version] = take(&mut bytes)?;
        if version != VERSION {
            return Err(GivenError::Version(version));
        }
        let probe_after_ms = u64::from_be_bytes(take(&mut bytes)?);
        let (mut standbys, mut awaited) = (BTreeSet::new(), BTreeSet::new());
        // The count sizes nothing: the bytes end first if it lies.
        for _ in 0..u32::from_be_bytes(take(&mut bytes)?) {
            let subtopology = u32::from_be_bytes(take(&mut bytes)?);
            let partition = i32::from_be_bytes(take(&mut bytes)?);
            let task = TaskId { subtopology, partition };
            standbys.insert(task);
            if take(&mut bytes)? != [0] {
                awaited.insert(task);
            }
        }
        Ok(Self { probe_after_ms, standbys, awaited, hosts: Hosts::decode(bytes)? })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], GivenError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(GivenError::Short)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_as_drawn() {
        let standbys = BTreeSet::from([TaskId { subtopology: 1, partition: 2 }]);
        let hosts = Hosts::default();
        let awaited = standbys.clone();
        let bytes = Given::encode(258, &standbys, &awaited, &hosts.encode());
        assert_eq!(bytes[..13], [2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1]);
        assert_eq!(bytes[13..22], [0, 0, 0, 1, 0, 0, 0, 2, 1]);
        assert_eq!(bytes[22..], hosts.encode());
        assert_eq!(Given::decode(&bytes), Ok(Given { probe_after_ms: 258, standbys, awaited, hosts }));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(Given::decode(&[]), Err(GivenError::Short));
        assert_eq!(Given::decode(&[7]), Err(GivenError::Version(7)));
        let lying = [2, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0];
        assert_eq!(Given::decode(&lying), Err(GivenError::Short));
        assert_eq!(
            Given::decode(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(GivenError::Hosts(HostsError::Short))
        );
    }
}
