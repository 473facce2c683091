use super::{Bytes, json, task_id, text};
use crate::herder::{Config, RestartRequest, TargetState, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record of the config topic (Kafka's `KafkaConfigBackingStore`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConfigRecord {
    /// `connector-<name>`; `None` removes the connector.
    Connector(String, Option<Config>),
    /// `target-state-<name>`.
    Target(String, Option<TargetState>),
    /// `task-<name>-<n>`, valid from the commit that follows.
    Task(TaskId, Config),
    /// `commit-<name>`: so many of the tasks before it count.
    Commit(String, i32),
    /// `restart-connector-<name>` (KIP-745).
    Restart(RestartRequest),
    /// `logger-cluster-<name>` (KIP-976).
    Level(String, String),
}

const CONNECTOR: &str = "connector-";
const TARGET: &str = "target-state-";
const TASK: &str = "task-";
const COMMIT: &str = "commit-";
const RESTART: &str = "restart-connector-";
const LEVEL: &str = "logger-cluster-";

#[derive(Serialize, Deserialize)]
struct Properties {
    /// Kafka Connect allows nulls in it, and treats them as absent.
    properties: BTreeMap<String, Option<String>>,
}

#[derive(Serialize, Deserialize)]
struct Commit {
    tasks: i32,
}

#[derive(Serialize, Deserialize)]
struct Target {
    /// For workers older than KIP-875, which know no `STOPPED`.
    state: String,
    #[serde(rename = "state.v2")]
    state_v2: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Restart {
    #[serde(default)]
    include_tasks: bool,
    #[serde(default)]
    only_failed: bool,
}

#[derive(Serialize, Deserialize)]
struct Level {
    level: String,
}

impl ConfigRecord {
    /// `None` for what it does not know, session keys and counts of tasks for fencing among it.
    pub(crate) fn read(key: &str, value: Option<&[u8]>) -> Option<Self> {
        if let Some(name) = key.strip_prefix(TARGET) {
            return target(name, value);
        }
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            return Some(Self::Connector(
                name.to_owned(),
                value.map(properties).map_or(Some(None), |read| read.map(Some))?,
            ));
        }
        if let Some(id) = key.strip_prefix(TASK) {
            return Some(Self::Task(task_id(id)?, properties(value?)?));
        }
        if let Some(name) = key.strip_prefix(COMMIT) {
            return Some(Self::Commit(name.to_owned(), json::<Commit>(value?)?.tasks));
        }
        if let Some(name) = key.strip_prefix(RESTART) {
            let Restart { include_tasks, only_failed } = json(value?)?;
            return Some(Self::Restart(RestartRequest {
                connector: name.to_owned(),
                only_failed,
                include_tasks,
            }));
        }
        let namespace = key.strip_prefix(LEVEL)?;
        Some(Self::Level(namespace.to_owned(), json::<Level>(value?)?.level))
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let (key, value) = match self {
            Self::Connector(name, config) => (format!("{CONNECTOR}{name}"), config.as_ref().map(written)),
            Self::Target(name, state) => {
                (format!("{TARGET}{name}"), state.map(|state| text(&target_of(state))))
            }
            Self::Task(id, config) => (format!("{TASK}{id}"), Some(written(config))),
            Self::Commit(name, tasks) => (format!("{COMMIT}{name}"), Some(text(&Commit { tasks: *tasks }))),
            Self::Restart(RestartRequest { connector, only_failed, include_tasks }) => {
                let value = Restart { include_tasks: *include_tasks, only_failed: *only_failed };
                (format!("{RESTART}{connector}"), Some(text(&value)))
            }
            Self::Level(name, level) => {
                (format!("{LEVEL}{name}"), Some(text(&Level { level: level.clone() })))
            }
        };
        Bytes { key, value }
    }
}

fn written(config: &Config) -> String {
    text(&Properties {
        properties: config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
    })
}

fn properties(value: &[u8]) -> Option<Config> {
    let Properties { properties } = json(value)?;
    Some(properties.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

fn target(name: &str, value: Option<&[u8]>) -> Option<ConfigRecord> {
    let Some(value) = value else { return Some(ConfigRecord::Target(name.to_owned(), None)) };
    let Target { state, state_v2 } = json(value)?;
    let state = match state_v2.as_deref().unwrap_or(&state) {
        "STARTED" => TargetState::Started,
        "PAUSED" => TargetState::Paused,
        "STOPPED" => TargetState::Stopped,
        _ => return None,
    };
    Some(ConfigRecord::Target(name.to_owned(), Some(state)))
}

fn target_of(state: TargetState) -> Target {
    let (state, state_v2) = match state {
        TargetState::Started => ("STARTED", "STARTED"),
        TargetState::Paused => ("PAUSED", "PAUSED"),
        TargetState::Stopped => ("PAUSED", "STOPPED"),
    };
    Target { state: state.to_owned(), state_v2: Some(state_v2.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the config topic of a worker of Kafka Connect 4.3.1.
    const RECORDED: &str = include_str!("recorded/configs.tsv");

    fn recorded() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        RECORDED.lines().map(|line| {
            let (key, value) = line.split_once('\t').unwrap();
            (key, (value != "null").then_some(value))
        })
    }

    #[test]
    fn what_kafka_connect_has_written_is_read_and_written_alike() {
        let mut unknown = Vec::new();
        for (key, value) in recorded() {
            let Some(record) = ConfigRecord::read(key, value.map(str::as_bytes)) else {
                unknown.push(key);
                continue;
            };
            let again = record.bytes();
            assert_eq!(again.key, key);
            // A configuration's entries have no order: Java writes them as its hash table has them.
            if key.starts_with("connector-") || key.starts_with(TASK) {
                let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                assert_eq!(again.value.as_deref().map(parsed), value.map(parsed), "{key}");
            } else {
                assert_eq!(again.value.as_deref(), value, "{key}");
            }
        }
        assert_eq!(unknown, ["session-key"]);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for (key, value) in [
            ("task-s-x", "{\"properties\":{}}"),
            ("task-s", "{\"properties\":{}}"),
            ("connector-s", "[]"),
            ("connector-s", "{\"properties\":3}"),
            ("commit-s", "{\"tasks\":\"many\"}"),
            ("target-state-s", "{\"state\":\"ASLEEP\"}"),
            ("restart-connector-s", "1"),
            ("", ""),
        ] {
            assert_eq!(ConfigRecord::read(key, Some(value.as_bytes())), None, "{key} {value}");
        }
    }

    #[test]
    fn what_is_null_is_not_there() {
        let read = ConfigRecord::read("connector-s", Some(br#"{"properties":{"a":null,"b":"c"}}"#));
        let known = Config::from([("b".to_owned(), "c".to_owned())]);
        assert_eq!(read, Some(ConfigRecord::Connector("s".into(), Some(known))));
    }

    #[test]
    fn a_state_of_before_kip_875_is_read() {
        let read = ConfigRecord::read("target-state-s", Some(b"{\"state\":\"PAUSED\"}"));
        assert_eq!(read, Some(ConfigRecord::Target("s".into(), Some(TargetState::Paused))));
    }
}
