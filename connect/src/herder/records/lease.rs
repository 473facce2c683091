use super::{Bytes, json, text};
use crate::herder::TaskId;
use serde::{Deserialize, Serialize};

/// A record of the lease topic. Its keys are JSON arrays: `["worker", id, incarnation]`, `["lease", connector, task,
/// worker]` (the task null for the connector itself), `["restart", connector, task]` and `["split", connector]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LeaseRecord {
    /// A run of a worker lives, or (`None`) has left.
    Worker(Holder, Option<WorkerBeat>),
    /// What a worker says of its hold on something. A key a worker, so that compaction leaves of each the last word, in
    /// order: of two that claimed the same it is seen who was first. Never removed, as Kafka Connect never removes the
    /// tasks of a connector: an epoch that is forgotten could be claimed again.
    Lease(Unit, String, Lease),
    /// Whoever runs the task is to restart it.
    Restart(TaskId),
    /// Whoever holds the connector is to write its tasks once more: somebody has found them incomplete.
    Split(String),
}

/// What is leased: a connector, which is to be asked for its tasks, or one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Unit {
    pub(crate) connector: String,
    pub(crate) task: Option<i32>,
}

/// That a worker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerBeat {
    /// Counts up, so that the worker knows its own again and when it sent it.
    pub(crate) beat: u64,
    /// The offset to which it has read the config topic: what it starts from now on, it starts from that or later.
    pub(crate) config: i64,
}

/// A claim, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// The first claim of an epoch counts.
    pub(crate) epoch: u64,
    /// The run of the worker that claims; none where it lets go of what it held under this epoch.
    pub(crate) incarnation: Option<u64>,
    /// Who held it before, where that was not let go of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) deposes: Option<Deposed>,
}

/// A holder that the claimer takes for gone, and its last beat that the claimer had read. If it has beaten since, it is
/// there and the claim does not count: who reads late takes nothing away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deposed {
    #[serde(flatten)]
    pub(crate) holder: Holder,
    pub(crate) beat: u64,
}

/// A run of a worker. Two that call themselves the same are two, whatever their operator meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub(crate) worker: String,
    pub(crate) incarnation: u64,
}

impl Unit {
    pub(crate) fn connector(name: &str) -> Self {
        Self { connector: name.to_owned(), task: None }
    }

    pub(crate) fn task(name: &str, task: i32) -> Self {
        Self { connector: name.to_owned(), task: Some(task) }
    }

    pub(crate) fn task_id(&self) -> Option<TaskId> {
        self.task.map(|task| TaskId::new(&self.connector, task))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Key {
    Lease(String, String, Option<i32>, String),
    Numbered(String, String, u64),
    Named(String, String),
}

impl LeaseRecord {
    pub(crate) fn read(key: &str, value: Option<&[u8]>) -> Option<Self> {
        match json(key.as_bytes())? {
            Key::Named(what, connector) if what == "split" => Some(Self::Split(connector)),
            Key::Numbered(what, worker, incarnation) if what == "worker" => {
                let beat = value.map_or(Some(None), |value| json(value).map(Some))?;
                Some(Self::Worker(Holder { worker, incarnation }, beat))
            }
            Key::Lease(what, connector, task, worker) if what == "lease" => {
                Some(Self::Lease(Unit { connector, task }, worker, json(value?)?))
            }
            Key::Numbered(what, connector, task) if what == "restart" => {
                Some(Self::Restart(TaskId::new(connector, i32::try_from(task).ok()?)))
            }
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let (key, value) = match self {
            Self::Worker(Holder { worker, incarnation }, beat) => {
                (Key::Numbered("worker".to_owned(), worker.clone(), *incarnation), beat.as_ref().map(text))
            }
            Self::Lease(Unit { connector, task }, worker, lease) => {
                (Key::Lease("lease".to_owned(), connector.clone(), *task, worker.clone()), Some(text(lease)))
            }
            Self::Split(connector) => {
                (Key::Named("split".to_owned(), connector.clone()), Some("{}".to_owned()))
            }
            Self::Restart(TaskId { connector, task }) => {
                let task = u64::try_from(*task).unwrap_or_default();
                (Key::Numbered("restart".to_owned(), connector.clone(), task), Some("{}".to_owned()))
            }
        };
        Bytes { key: text(&key), value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_read_as_it_was_written() {
        let holder = Holder { worker: "b".into(), incarnation: u64::MAX };
        let deposes = Some(Deposed { holder: holder.clone(), beat: 9 });
        let claim = Lease { epoch: 3, incarnation: Some(7), deposes };
        let let_go = Lease { epoch: 3, incarnation: None, deposes: None };
        let beat = WorkerBeat { beat: 2, config: -1 };
        let records = [
            (LeaseRecord::Worker(holder.clone(), Some(beat)), r#"["worker","b",18446744073709551615]"#),
            (LeaseRecord::Worker(Holder { incarnation: 7, ..holder }, None), r#"["worker","b",7]"#),
            (LeaseRecord::Lease(Unit::connector("s-1"), "a".into(), claim), r#"["lease","s-1",null,"a"]"#),
            (LeaseRecord::Lease(Unit::task("s", 1), "a".into(), let_go), r#"["lease","s",1,"a"]"#),
            (LeaseRecord::Split("s".into()), r#"["split","s"]"#),
            (LeaseRecord::Restart(TaskId::new("s", 1)), r#"["restart","s",1]"#),
        ];
        for (record, key) in records {
            let bytes = record.bytes();
            assert_eq!(bytes.key, key);
            assert_eq!(LeaseRecord::read(key, bytes.value.as_ref().map(String::as_bytes)), Some(record));
        }
        assert_eq!(LeaseRecord::read("session-key", Some(b"{}")), None);
        assert_eq!(LeaseRecord::read(r#"["restart","s"]"#, Some(b"{}")), None);
        assert_eq!(LeaseRecord::read(r#"["restart","s",4294967296]"#, Some(b"{}")), None);
    }
}
