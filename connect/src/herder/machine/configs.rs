use crate::herder::records::ConfigRecord;
use crate::herder::{Config, TargetState, TaskId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the config topic says, read from its beginning (Kafka's `ClusterConfigState`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Configs {
    connectors: BTreeMap<String, Connector>,
    /// States of connectors that are not there (yet): the initial state is written before the configuration.
    targets: BTreeMap<String, Target>,
}

/// What a connector was told to do.
#[derive(Clone, Copy, Debug, Default)]
struct Target {
    state: TargetState,
    /// The offset of the record that told it.
    version: i64,
}

/// A connector as it is configured.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) config: Arc<Config>,
    /// The offset of the record that says so: who writes another one says which he has seen.
    pub(crate) version: i64,
    pub(crate) tasks: Vec<Arc<Config>>,
    /// The offset of the commit of these tasks.
    pub(crate) tasks_version: i64,
    /// The version of the configuration that the tasks were made from; none where they are incomplete.
    pub(crate) split_from: Option<i64>,
    /// So many of its tasks were committed, and some had been compacted away.
    torn: bool,
    /// Read, and not committed yet.
    pending: BTreeMap<i32, Arc<Config>>,
}

/// What became of a record that was written for what its writer had seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counts.
    Applied,
    /// Another was there before it: it does not count.
    Refused,
}

impl Configs {
    /// Takes the record at `offset`, whose writer had seen version `expects` (-1: no such connector) if it said so.
    pub(crate) fn apply(&mut self, offset: i64, record: &ConfigRecord, expects: Option<i64>) -> Verdict {
        match record {
            ConfigRecord::Connector(name, config) => {
                // What came between may be compacted away, so that the version is older than the writer's.
                let current = self.connectors.get(name).map(|connector| connector.version);
                if expects.is_some_and(|seen| current.is_some_and(|current| current > seen)) {
                    self.said_again(offset, name, config.as_ref());
                    return Verdict::Refused;
                }
                self.put(offset, name, config.as_ref());
            }
            ConfigRecord::Target(name, Some(state)) => {
                self.targets.insert(name.clone(), Target { state: *state, version: offset });
            }
            ConfigRecord::Target(name, None) => {
                self.targets.remove(name);
            }
            ConfigRecord::Task(id, config) => self.pend(id, config),
            ConfigRecord::Commit(name, tasks) => self.commit(offset, name, *tasks, expects),
            ConfigRecord::Restart(_) | ConfigRecord::Level(..) => {}
        }
        Verdict::Applied
    }

    /// What is refused and says the same is what a compacted log will have: it is the version then.
    fn said_again(&mut self, offset: i64, name: &str, config: Option<&Config>) {
        if let Some(connector) = self.connectors.get_mut(name)
            && config == Some(&*connector.config)
        {
            connector.version = offset;
        }
    }

    fn put(&mut self, offset: i64, name: &str, config: Option<&Config>) {
        let Some(config) = config.cloned().map(Arc::new) else {
            self.connectors.remove(name);
            return;
        };
        match self.connectors.get_mut(name) {
            Some(connector) => (connector.config, connector.version) = (config, offset),
            None => {
                let (tasks, pending, torn) = (Vec::new(), BTreeMap::new(), false);
                let made = Connector {
                    config,
                    version: offset,
                    tasks,
                    tasks_version: -1,
                    split_from: None,
                    torn,
                    pending,
                };
                self.connectors.insert(name.to_owned(), made);
            }
        }
    }

    fn pend(&mut self, id: &TaskId, config: &Config) {
        // Those of a connector whose configuration was compacted away have nobody to run for.
        if let Some(connector) = self.connectors.get_mut(&id.connector) {
            connector.pending.insert(id.task, Arc::new(config.clone()));
        }
    }

    fn commit(&mut self, offset: i64, name: &str, tasks: i32, from: Option<i64>) {
        let Some(connector) = self.connectors.get_mut(name) else { return };
        let mut pending = std::mem::take(&mut connector.pending);
        let complete: Option<Vec<_>> = (0..tasks).map_while(|task| pending.remove(&task).map(Some)).collect();
        let complete = complete.filter(|found| found.len() == usize::try_from(tasks).unwrap_or_default());
        // Kafka Connect does not say which: another configuration may have come while it split this one.
        // No tasks, and nobody says of what: the connector was stopped.
        let is_split = complete.is_some() && (tasks > 0 || from.is_some());
        connector.split_from = is_split.then(|| from.unwrap_or(connector.version));
        connector.torn = complete.is_none();
        connector.tasks = complete.unwrap_or_default();
        connector.tasks_version = offset;
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.connectors.keys()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Connector> {
        self.connectors.get(name)
    }

    /// The connectors of whose tasks this worker does not know all: others may, who read the topic before.
    pub(crate) fn torn(&self) -> impl Iterator<Item = &String> {
        let is_torn = |connector: &Connector| connector.torn || connector.tasks_version < 0;
        self.connectors.iter().filter(move |(_, connector)| is_torn(connector)).map(|(name, _)| name)
    }

    /// What a connector is to do.
    pub(crate) fn target(&self, name: &str) -> TargetState {
        self.targets.get(name).copied().unwrap_or_default().state
    }

    /// The offset of the record that told a connector what to do: who has read it knows.
    pub(crate) fn target_version(&self, name: &str) -> i64 {
        self.targets.get(name).copied().unwrap_or_default().version
    }

    /// What who writes a connector now has seen.
    pub(crate) fn version(&self, name: &str) -> i64 {
        self.get(name).map_or(-1, |connector| connector.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(value: &str) -> Config {
        Config::from([("k".into(), value.into())])
    }

    fn put(configs: &mut Configs, offset: i64, value: &str, expects: Option<i64>) -> Verdict {
        configs.apply(offset, &ConfigRecord::Connector("s".into(), Some(config(value))), expects)
    }

    #[test]
    fn of_two_that_write_at_once_the_first_counts() {
        let mut configs = Configs::default();
        assert_eq!(put(&mut configs, 4, "a", Some(-1)), Verdict::Applied);
        assert_eq!(put(&mut configs, 5, "b", Some(-1)), Verdict::Refused);
        assert_eq!(put(&mut configs, 6, "c", Some(4)), Verdict::Applied);
        assert_eq!(
            put(&mut configs, 7, "d", None),
            Verdict::Applied,
            "Kafka Connect's own writes say nothing"
        );
        assert_eq!(*configs.get("s").unwrap().config, config("d"));
    }

    #[test]
    fn a_write_whose_predecessors_are_compacted_away_counts() {
        assert_eq!(put(&mut Configs::default(), 30, "a", Some(20)), Verdict::Applied);
    }

    #[test]
    fn tasks_count_from_their_commit_and_only_when_all_are_there() {
        let mut configs = Configs::default();
        put(&mut configs, 0, "a", None);
        let task = |n| ConfigRecord::Task(TaskId::new("s", n), config(&n.to_string()));
        configs.apply(1, &task(1), None);
        configs.apply(2, &ConfigRecord::Commit("s".into(), 2), None);
        let connector = configs.get("s").unwrap();
        assert_eq!((connector.tasks.len(), connector.split_from), (0, None), "the first was compacted away");
        configs.apply(3, &task(0), None);
        configs.apply(4, &task(1), None);
        assert!(configs.get("s").unwrap().tasks.is_empty());
        configs.apply(5, &ConfigRecord::Commit("s".into(), 2), None);
        assert_eq!(configs.get("s").unwrap().tasks.len(), 2);
        configs.apply(6, &ConfigRecord::Commit("s".into(), 0), None);
        let connector = configs.get("s").unwrap();
        assert_eq!((connector.tasks.len(), connector.split_from), (0, None), "it was stopped");
        configs.apply(7, &ConfigRecord::Commit("s".into(), 0), Some(0));
        assert_eq!(configs.get("s").unwrap().split_from, Some(0), "it has none to do");
    }

    #[test]
    fn tasks_of_a_split_that_was_given_up_do_not_complete_another() {
        let mut configs = Configs::default();
        put(&mut configs, 0, "a", None);
        let task = |n, of: &str| ConfigRecord::Task(TaskId::new("s", n), config(of));
        configs.apply(1, &task(0, "old"), None);
        configs.apply(2, &task(1, "old"), None);
        configs.apply(3, &ConfigRecord::Commit("s".into(), 2), None);
        configs.apply(4, &task(0, "new"), None);
        configs.apply(5, &ConfigRecord::Commit("s".into(), 2), None);
        assert!(configs.get("s").unwrap().tasks.is_empty(), "one of them is of another time");
    }

    #[test]
    fn tasks_are_of_the_configuration_that_they_say() {
        let mut configs = Configs::default();
        put(&mut configs, 0, "a", None);
        put(&mut configs, 1, "b", None);
        configs.apply(2, &ConfigRecord::Task(TaskId::new("s", 0), config("a")), None);
        configs.apply(3, &ConfigRecord::Commit("s".into(), 1), Some(0));
        assert_eq!(configs.get("s").unwrap().split_from, Some(0), "there is another since");
        configs.apply(4, &ConfigRecord::Task(TaskId::new("s", 0), config("b")), None);
        configs.apply(5, &ConfigRecord::Commit("s".into(), 1), None);
        assert_eq!(configs.get("s").unwrap().split_from, Some(1), "Kafka Connect's own say nothing");
    }

    #[test]
    fn who_lacks_tasks_that_others_may_know_asks_for_them() {
        let mut configs = Configs::default();
        put(&mut configs, 0, "a", None);
        let torn = |configs: &Configs| configs.torn().count();
        assert_eq!(torn(&configs), 1, "none were ever committed");
        configs.apply(1, &ConfigRecord::Task(TaskId::new("s", 1), config("b")), None);
        configs.apply(2, &ConfigRecord::Commit("s".into(), 2), None);
        assert_eq!(torn(&configs), 1, "one was compacted away");
        configs.apply(3, &ConfigRecord::Task(TaskId::new("s", 0), config("b")), None);
        configs.apply(4, &ConfigRecord::Commit("s".into(), 1), None);
        assert_eq!(torn(&configs), 0);
    }

    #[test]
    fn a_state_outlives_neither_its_tombstone_nor_waits_for_the_configuration() {
        let mut configs = Configs::default();
        configs.apply(0, &ConfigRecord::Target("s".into(), Some(TargetState::Stopped)), None);
        put(&mut configs, 1, "a", None);
        assert_eq!(configs.target("s"), TargetState::Stopped);
        configs.apply(2, &ConfigRecord::Target("s".into(), None), None);
        assert_eq!(configs.target("s"), TargetState::Started);
    }
}
