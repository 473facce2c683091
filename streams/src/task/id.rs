use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Names a task: a sub-topology and the partition of its sources that the task reads.
///
/// Written `0_1` as in Kafka Streams, in logs, metrics and as the name of the task's state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The sub-topology, numbered as `Topology::describe` prints them.
    pub subtopology: u32,
    /// The partition.
    pub partition: i32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl FromStr for TaskId {
    type Err = NoTaskId;

    fn from_str(text: &str) -> Result<Self, NoTaskId> {
        let parse = || {
            let (subtopology, partition) = text.split_once('_')?;
            let id = Self { subtopology: subtopology.parse().ok()?, partition: partition.parse().ok()? };
            // `+1_01` parses too, but is nothing that `Display` writes.
            (id.partition >= 0 && id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| NoTaskId(text.to_owned()))
    }
}

/// The text is no task id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no task id: expected SUBTOPOLOGY_PARTITION, such as 0_1")]
pub struct NoTaskId(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let id = TaskId { subtopology: 10, partition: 2 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "0", "0_", "_1", "0_-1", "+0_1", "0_01", "a_1", "0_1_2"] {
            assert!(wrong.parse::<TaskId>().is_err(), "{wrong}");
        }
    }
}
