use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;
use thiserror::Error;
use uuid::Uuid;

use crate::cursor::{Cursor, Short};
use crate::task::TaskId;

/// The layout written today.
const VERSION: u8 = 2;

/// Where every task of the application is, as the group's leader tells all members with their assignment (`partitionsByHost` and
/// `standbyPartitionsByHost` of Kafka's `AssignmentInfo`).
///
/// ```text
/// version u8 | number of sub-topologies u16, each: id u32, tasks i32, negative where the topics they read differ in width, then
///              number of stores u16, each: width of the topics that it is made of i32, 0 where these differ too
/// then hosts to the end, each:
///   process id, 16 bytes | length u16, endpoint | number of tasks u32, each: sub-topology u32, partition i32, role u8
/// ```
///
/// All numbers are big-endian. Role 0 runs the task, role 1 keeps a copy of its state. An empty endpoint: nobody can ask there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// How many tasks each sub-topology has, those that nobody has at the moment included.
    pub(crate) widths: BTreeMap<u32, i32>,
    /// The sub-topologies whose topics are not equally wide, so that the number of tasks does not say where a key is: for each of
    /// its stores, in the order of the topology, how wide the topics are that it is made of; 0 where these differ too.
    pub(crate) uneven: BTreeMap<u32, Vec<i32>>,
    pub(crate) hosts: Vec<Host>,
}

/// A process of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) process: Uuid,
    /// `application.server`: where it answers queries, `host:port`; empty if it does not.
    pub(crate) endpoint: String,
    pub(crate) tasks: BTreeMap<TaskId, Role>,
}

impl Host {
    /// The tasks of a sub-topology that run there, by their partitions.
    pub(crate) fn running(&self, part: u32) -> impl Iterator<Item = i32> {
        let active = self.tasks.iter().filter(|(_, role)| **role == Role::Active);
        active.filter(move |(task, _)| task.subtopology == part).map(|(task, _)| task.partition)
    }
}

/// What a process has of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs it.
    Active,
    /// Keeps a copy of its state.
    Standby,
}

/// Bytes that no version of this program wrote.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum HostsError {
    #[error("version {0}; this program reads {VERSION}")]
    Version(u8),
    #[error("the bytes end in the middle of a host")]
    Short,
    #[error("an endpoint is not UTF-8")]
    Endpoint,
    #[error("no task has role {0}")]
    Role(u8),
}

impl Hosts {
    /// How many partitions the topics have that a store is made of, if that is known: they say where a key is.
    pub(crate) fn width_of_store(&self, part: u32, index: usize) -> Option<i32> {
        match self.uneven.get(&part) {
            Some(widths) => widths.get(index).copied().filter(|width| *width > 0),
            None => self.widths.get(&part).copied(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&(self.widths.len() as u16).to_be_bytes());
        for (part, tasks) in &self.widths {
            bytes.extend_from_slice(&part.to_be_bytes());
            let stores = self.uneven.get(part);
            let tasks = if stores.is_some() { tasks.saturating_neg() } else { *tasks };
            bytes.extend_from_slice(&tasks.to_be_bytes());
            if let Some(widths) = stores {
                bytes.extend_from_slice(&(widths.len() as u16).to_be_bytes());
                widths.iter().for_each(|width| bytes.extend_from_slice(&width.to_be_bytes()));
            }
        }
        for Host { process, endpoint, tasks } in &self.hosts {
            bytes.extend_from_slice(process.as_bytes());
            bytes.extend_from_slice(&(endpoint.len() as u16).to_be_bytes());
            bytes.extend_from_slice(endpoint.as_bytes());
            bytes.extend_from_slice(&(tasks.len() as u32).to_be_bytes());
            for (task, role) in tasks {
                bytes.extend_from_slice(&task.subtopology.to_be_bytes());
                bytes.extend_from_slice(&task.partition.to_be_bytes());
                bytes.push(u8::from(*role == Role::Standby));
            }
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HostsError> {
        let mut bytes = Cursor::new(bytes);
        let version = bytes.u8()?;
        if version != VERSION {
            return Err(HostsError::Version(version));
        }
        let mut decoded = Self::default();
        for _ in 0..bytes.u16()? {
            let part = bytes.u32()?;
            let tasks = bytes.i32()?;
            if tasks < 0 {
                let mut widths = Vec::new();
                for _ in 0..bytes.u16()? {
                    widths.push(bytes.i32()?);
                }
                decoded.uneven.insert(part, widths);
            }
            decoded.widths.insert(part, tasks.saturating_abs());
        }
        while !bytes.is_at_end() {
            decoded.hosts.push(host(&mut bytes)?);
        }
        Ok(decoded)
    }
}

fn host(bytes: &mut Cursor<'_>) -> Result<Host, HostsError> {
    let process = Uuid::from_bytes(bytes.array()?);
    let length = bytes.u16()?.into();
    let endpoint = str::from_utf8(bytes.slice(length)?).map_err(|_| HostsError::Endpoint)?.to_owned();
    let mut tasks = BTreeMap::new();
    for _ in 0..bytes.u32()? {
        let (subtopology, partition) = (bytes.u32()?, bytes.i32()?);
        let role = match bytes.u8()? {
            0 => Role::Active,
            1 => Role::Standby,
            other => return Err(HostsError::Role(other)),
        };
        tasks.insert(TaskId { subtopology, partition }, role);
    }
    Ok(Host { process, endpoint, tasks })
}

impl From<Short> for HostsError {
    fn from(Short: Short) -> Self {
        Self::Short
    }
}

/// What the process knows of the whereabouts of tasks: written by its stream threads at every rebalance, read by queries.
#[derive(Debug)]
pub(crate) struct KnownHosts {
    /// This process.
    pub(crate) process: Uuid,
    /// `application.server` of this process; empty: it answers nobody else.
    pub(crate) endpoint: String,
    /// As the last assignment had it.
    last: RwLock<Arc<Hosts>>,
}

impl KnownHosts {
    pub(crate) fn new(process: Uuid, endpoint: String) -> Arc<Self> {
        Arc::new(Self { process, endpoint, last: RwLock::default() })
    }

    pub(crate) fn last(&self) -> Arc<Hosts> {
        Arc::clone(&self.last.read())
    }

    pub(crate) fn learn(&self, hosts: Hosts) {
        *self.last.write() = Arc::new(hosts);
    }

    /// The tasks of a sub-topology that run here, as the group believes, by their partitions.
    pub(crate) fn running_here(&self, part: u32) -> BTreeSet<i32> {
        let last = self.last();
        let me = last.hosts.iter().filter(|host| host.process == self.process);
        me.flat_map(|host| host.running(part)).collect()
    }

    /// Where all processes can be asked that can be, as the group knows them.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let last = self.last();
        let all = last.hosts.iter().map(|host| &host.endpoint);
        all.filter(|endpoint| !endpoint.is_empty()).cloned().collect()
    }

    /// Where the other processes can be asked.
    pub(crate) fn others(&self) -> Vec<String> {
        let last = self.last();
        let others =
            last.hosts.iter().filter(|host| host.process != self.process && !host.endpoint.is_empty());
        others.map(|host| host.endpoint.clone()).collect()
    }

    /// Where else tasks of a sub-topology can be asked; `tasks` has the partitions that matter.
    pub(crate) fn elsewhere(&self, part: u32, tasks: Option<&[i32]>) -> Vec<String> {
        let last = self.last();
        let matters = |task: i32| tasks.is_none_or(|tasks| tasks.contains(&task));
        let others =
            last.hosts.iter().filter(|host| host.process != self.process && !host.endpoint.is_empty());
        others.filter(|host| host.running(part).any(matters)).map(|host| host.endpoint.clone()).collect()
    }

    /// Whether the group believes this process somewhere else: a static member that comes back is given its old assignment, which
    /// nobody made anew.
    pub(crate) fn is_misplaced(&self) -> bool {
        let last = self.last();
        let mut me = last.hosts.iter().filter(|host| host.process == self.process);
        me.any(|host| host.endpoint != self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Hosts {
        let task = |partition| TaskId { subtopology: 1, partition };
        let host = Host {
            process: Uuid::from_u128(7),
            endpoint: "a:1".to_owned(),
            tasks: [(task(0), Role::Active), (task(2), Role::Standby)].into(),
        };
        Hosts {
            widths: [(1, 3), (2, 6)].into(),
            uneven: [(2, vec![0, 4])].into(),
            hosts: vec![host, Host::default()],
        }
    }

    #[test]
    fn the_bytes_are_as_drawn() {
        let bytes = hosts().encode();
        let mut drawn = vec![2, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 2, 255, 255, 255, 250];
        drawn.extend_from_slice(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 4]);
        drawn.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 3, b'a', b':', b'1']);
        drawn.extend_from_slice(&[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1]);
        drawn.extend_from_slice(&[0; 16 + 2 + 4]);
        assert_eq!(bytes, drawn);
        assert_eq!(Hosts::decode(&bytes), Ok(hosts()));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let bytes = hosts().encode();
        assert_eq!(Hosts::decode(&[9]), Err(HostsError::Version(9)));
        for short in (0..bytes.len()).filter(|end| ![29, bytes.len() - 22].contains(end)) {
            assert_eq!(Hosts::decode(&bytes[..short]), Err(HostsError::Short), "{short} bytes");
        }
        // Counts without what they count.
        assert_eq!(Hosts::decode(&[2, 0xff, 0xff]), Err(HostsError::Short));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(hosts) = Hosts::decode(&[&[VERSION][..], &bytes].concat()) {
                prop_assert_eq!(Hosts::decode(&hosts.encode()), Ok(hosts));
            }
        }
    }

    #[test]
    fn who_is_believed_elsewhere_is_misplaced() {
        let known = KnownHosts::new(Uuid::from_u128(7), "b:2".to_owned());
        assert!(!known.is_misplaced());
        known.learn(hosts());
        assert!(known.is_misplaced());
    }
}
