use super::{Bytes, Unit, json, task_id, text};
use crate::herder::{State, TaskId};
use serde::{Deserialize, Serialize};

/// A record of the status topic (Kafka's `KafkaStatusBackingStore`); `None` for what is gone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StatusRecord {
    /// `status-connector-<name>`.
    Connector(String, Option<Status>),
    /// `status-task-<name>-<n>`.
    Task(TaskId, Option<Status>),
    /// `status-topic-<topic>:connector-<name>` (KIP-558).
    Topic(String, String, Option<ActiveTopic>),
}

const CONNECTOR: &str = "status-connector-";
const TASK: &str = "status-task-";
const TOPIC: &str = "status-topic-";
const OF_CONNECTOR: &str = ":connector-";

/// How something fares, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// One that Kafka Connect knows: it skips records with another.
    pub(crate) state: State,
    pub(crate) trace: Option<String>,
    pub(crate) worker_id: String,
    /// The epoch of the lease; Kafka Connect's generation of the group.
    pub(crate) generation: i32,
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// Ours from here on; Kafka Connect leaves out what it does not know.
    #[serde(flatten)]
    pub(crate) more: More,
}

/// What Kafka Connect's statuses do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct More {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) since: Option<i64>,
    /// The state is `HALTED`, written as `FAILED`.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) halted: bool,
}

/// A topic that a connector has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActiveTopic {
    pub(crate) name: String,
    pub(crate) connector: String,
    pub(crate) task: i32,
    pub(crate) discover_timestamp: i64,
}

#[derive(Serialize, Deserialize)]
struct Topic {
    topic: ActiveTopic,
}

impl StatusRecord {
    pub(crate) fn read(key: &str, value: Option<&[u8]>) -> Option<Self> {
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            return Some(Self::Connector(name.to_owned(), optional(value)?.map(Status::shown)));
        }
        if let Some(id) = key.strip_prefix(TASK) {
            return Some(Self::Task(task_id(id)?, optional(value)?.map(Status::shown)));
        }
        let (topic, connector) = key.strip_prefix(TOPIC)?.split_once(OF_CONNECTOR)?;
        let active = optional::<Topic>(value)?.map(|Topic { topic }| topic);
        Some(Self::Topic(topic.to_owned(), connector.to_owned(), active))
    }

    /// Whose status it removes.
    pub(crate) fn gone(&self) -> Option<Unit> {
        match self {
            Self::Connector(name, None) => Some(Unit::connector(name)),
            Self::Task(id, None) => Some(Unit::task(&id.connector, id.task)),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let (key, value) = match self {
            Self::Connector(name, status) => {
                (format!("{CONNECTOR}{name}"), status.as_ref().map(Status::written))
            }
            Self::Task(id, status) => (format!("{TASK}{id}"), status.as_ref().map(Status::written)),
            Self::Topic(topic, connector, active) => {
                let value = active.clone().map(|topic| text(&Topic { topic }));
                (format!("{TOPIC}{topic}{OF_CONNECTOR}{connector}"), value)
            }
        };
        Bytes { key, value }
    }
}

impl Status {
    fn written(&self) -> String {
        let mut written = self.clone();
        if written.state == State::Halted {
            written.state = State::Failed;
            written.more.halted = true;
        }
        text(&written)
    }

    fn shown(mut self) -> Self {
        if std::mem::take(&mut self.more.halted) {
            self.state = State::Halted;
        }
        self
    }
}

/// `None`: it is there and does not read. `Some(None)`: a tombstone.
fn optional<T: serde::de::DeserializeOwned>(value: Option<&[u8]>) -> Option<Option<T>> {
    value.map_or(Some(None), |value| json(value).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the status topic of a worker of Kafka Connect 4.3.1.
    const RECORDED: &str = include_str!("recorded/statuses.tsv");

    #[test]
    fn what_kafka_connect_has_written_is_read_and_written_alike() {
        for line in RECORDED.lines() {
            let (key, value) = line.split_once('\t').unwrap();
            let value = (value != "null").then_some(value);
            let record = StatusRecord::read(key, value.map(str::as_bytes)).expect(key);
            assert_eq!(record.bytes(), Bytes { key: key.to_owned(), value: value.map(str::to_owned) });
        }
    }

    #[test]
    fn a_state_that_kafka_connect_does_not_know_is_one_that_it_knows_in_the_topic() {
        let halted = Status {
            state: State::Halted,
            trace: None,
            worker_id: "w".into(),
            generation: 3,
            version: None,
            more: More {
                why: Some("60 % of the last 100 records failed".into()),
                since: Some(5),
                halted: false,
            },
        };
        let record = StatusRecord::Task(TaskId::new("s-1", 0), Some(halted));
        let bytes = record.bytes();
        assert_eq!(bytes.key, "status-task-s-1-0");
        assert!(
            bytes
                .value
                .as_ref()
                .unwrap()
                .starts_with("{\"state\":\"FAILED\",\"trace\":null,\"worker_id\":\"w\"")
        );
        assert_eq!(StatusRecord::read(&bytes.key, bytes.value.as_ref().map(String::as_bytes)), Some(record));
    }
}
