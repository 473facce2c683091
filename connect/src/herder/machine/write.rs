//! What a worker writes for those who ask it to change something. Its own part follows when it reads it back.

use super::{Machine, Note, Now, Topic, Write};
use crate::herder::records::{ConfigRecord, LeaseRecord, StatusRecord};
use crate::herder::{Answer, Config, HerderError, RestartRequest, TargetState, TaskId};

/// Whether the positions of a stopped connector may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Movable {
    /// Nobody moves them, nor will before the connector is resumed.
    Now(Config),
    /// Somebody may still: why.
    NotYet(String),
}

impl Machine {
    /// What to write, and whether it makes the connector.
    pub(crate) fn put_config(
        &self,
        name: &str,
        config: Config,
        initial: Option<TargetState>,
        replace: bool,
    ) -> Answer<(Vec<Write>, bool)> {
        let made = self.configs.get(name).is_none();
        if !made && !replace {
            return Err(HerderError::Conflict(format!("Connector {name} already exists")));
        }
        // The state first: it is there when the configuration is read.
        let state = initial.map(|state| write(&ConfigRecord::Target(name.to_owned(), Some(state))));
        let config = self.expecting(name, &ConfigRecord::Connector(name.to_owned(), Some(config)));
        Ok((state.into_iter().chain([config]).collect(), made))
    }

    pub(crate) fn delete(&self, name: &str) -> Answer<Vec<Write>> {
        self.configs.get(name).ok_or_else(|| HerderError::no_connector(name))?;
        let gone = self.expecting(name, &ConfigRecord::Connector(name.to_owned(), None));
        Ok(vec![gone, write(&ConfigRecord::Target(name.to_owned(), None))])
    }

    fn expecting(&self, name: &str, record: &ConfigRecord) -> Write {
        let note = Note { expects: Some(self.configs.version(name)), write: None };
        Write { topic: Topic::Config, bytes: record.bytes(), note }
    }

    pub(crate) fn set_target(&self, name: &str, target: TargetState) -> Answer<Vec<Write>> {
        let unknown = || HerderError::NotFound(format!("Unknown connector {name}"));
        self.configs.get(name).ok_or_else(unknown)?;
        if self.configs.target(name) == target {
            return Ok(Vec::new());
        }
        let tasks =
            (target == TargetState::Stopped).then(|| write(&ConfigRecord::Commit(name.to_owned(), 0)));
        let state = write(&ConfigRecord::Target(name.to_owned(), Some(target)));
        Ok(tasks.into_iter().chain([state]).collect())
    }

    pub(crate) fn ask_restart(&self, request: &RestartRequest) -> Answer<Write> {
        let name = &request.connector;
        self.configs.get(name).ok_or_else(|| HerderError::NotFound(format!("Unknown connector: {name}")))?;
        Ok(write(&ConfigRecord::Restart(request.clone())))
    }

    pub(crate) fn ask_task_restart(&self, task: &TaskId) -> Answer<Write> {
        let name = &task.connector;
        self.configs.get(name).ok_or_else(|| HerderError::NotFound(format!("Unknown connector: {name}")))?;
        if !self.is_configured(task) {
            return Err(HerderError::NotFound(format!("Unknown task: {task}")));
        }
        Ok(Write::new(Topic::Lease, LeaseRecord::Restart(task.clone()).bytes()))
    }

    /// Whether a connector's positions may be changed: it is stopped, everybody knows it, and its tasks have ended. One that
    /// ends stores how far it has come, which must not come after what is to be stored now.
    pub(crate) fn may_move_positions(&self, name: &str, now: Now) -> Answer<Movable> {
        let connector = self.configs.get(name).ok_or_else(|| HerderError::no_connector(name))?;
        if self.configs.target(name) != TargetState::Stopped {
            return Err(HerderError::BadRequest(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for \
                 the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            )));
        }
        Ok(match self.moves_positions(name, now) {
            Some(why) => Movable::NotYet(why),
            None => Movable::Now((*connector.config).clone()),
        })
    }

    /// Who may still move the positions of a connector that is stopped.
    fn moves_positions(&self, name: &str, now: Now) -> Option<String> {
        if self.is_cut_off(now) {
            return Some("this worker is cut off from its cluster".to_owned());
        }
        // A claim of a worker lies before the beat by which it says that it knows better, and is read by then.
        if self.configs.get(name).is_some_and(|connector| !connector.tasks.is_empty()) {
            // They were made while it was stopped; who holds the connector withdraws them.
            return Some("it has tasks again, which are not withdrawn yet".to_owned());
        }
        let stopped = self.configs.target_version(name);
        let mut live = self.leases.live(now.ms, self.timing.session_ms).filter(|(run, _)| **run != self.me);
        if let Some((run, _)) = live.find(|(_, config)| *config < stopped) {
            return Some(format!("worker {} does not know yet that it is stopped", run.worker));
        }
        let own = self.tasks.keys().find(|id| id.connector == name);
        let own = own.map(|id| format!("task {id} has not ended"));
        own.or_else(|| {
            let holder = |unit| Some((unit, self.leases.live_holder(unit, now.ms, self.timing.session_ms)?));
            let (unit, holder) = self.leases.tasks_of(name).find_map(holder)?;
            Some(format!("worker {} has not ended task {}", holder.worker, unit.task_id()?))
        })
    }

    pub(crate) fn forget_topics(&self, name: &str) -> Vec<Write> {
        let gone = |topic: &String| StatusRecord::Topic(topic.clone(), name.to_owned(), None).bytes();
        self.statuses.topics(name).map(|topic| Write::new(Topic::Status, gone(topic))).collect()
    }

    pub(crate) fn cluster_level(namespace: &str, level: &str) -> Write {
        write(&ConfigRecord::Level(namespace.to_owned(), level.to_owned()))
    }
}

fn write(record: &ConfigRecord) -> Write {
    Write::new(Topic::Config, record.bytes())
}
