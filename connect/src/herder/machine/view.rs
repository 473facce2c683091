//! What a worker answers about the cluster, from the topics as it has read them.

use super::{Machine, Now};
use crate::herder::records::{Status, Unit};
use crate::herder::{
    Answer, Config, ConnectorInfo, ConnectorStatus, ConnectorType, HerderError, State, StateInfo, TaskId,
    TaskInfo, TaskStatus,
};

impl Machine {
    pub(crate) fn is_ready(&self) -> bool {
        self.caught_up
    }

    /// Why this worker runs nothing now though it has joined its cluster.
    pub(crate) fn trouble(&self, now: Now) -> Option<String> {
        (self.caught_up && self.alive_until_ms > 0 && self.is_cut_off(now)).then(|| self.cut_off(now))
    }

    pub(super) fn cut_off(&self, now: Now) -> String {
        let heard_ms = self.alive_until_ms.saturating_add(self.timing.margin_ms);
        let silent_ms = now.ms.saturating_add(self.timing.session_ms).saturating_sub(heard_ms);
        format!(
            "Worker is cut off from its cluster: no sign of life that it wrote in the last {} ms has come back from the lease \
             topic. Its tasks have been ended, so that others may run them; it goes on by itself once the cluster answers.",
            silent_ms
        )
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.configs.names().cloned().collect()
    }

    pub(crate) fn info(&self, name: &str, kind: impl Fn(&Config) -> ConnectorType) -> Answer<ConnectorInfo> {
        let connector = self.configs.get(name).ok_or_else(|| HerderError::no_connector(name))?;
        let tasks = self.task_ids(name);
        let config = (*connector.config).clone();
        Ok(ConnectorInfo { name: name.to_owned(), kind: kind(&config), config, tasks })
    }

    fn task_ids(&self, name: &str) -> Vec<TaskId> {
        let tasks = self.configs.get(name).map_or(0, |connector| connector.tasks.len());
        (0..).take(tasks).map(|task| TaskId::new(name, task)).collect()
    }

    pub(crate) fn task_infos(&self, name: &str) -> Answer<Vec<TaskInfo>> {
        let connector = self.configs.get(name).ok_or_else(|| HerderError::no_connector(name))?;
        let configs = connector.tasks.iter().map(|config| (**config).clone());
        Ok(self.task_ids(name).into_iter().zip(configs).map(|(id, config)| TaskInfo { id, config }).collect())
    }

    pub(crate) fn state_of(
        &self,
        name: &str,
        now: Now,
        kind: impl Fn(&Config) -> ConnectorType,
    ) -> Answer<ConnectorStatus> {
        let no_status = || HerderError::NotFound(format!("No status found for connector {name}"));
        let connector = self.configs.get(name).ok_or_else(no_status)?;
        let tasks: Vec<TaskStatus> =
            self.task_ids(name).iter().map(|id| self.task_state_of(id, now)).collect::<Answer<_>>()?;
        let own = self.shown(&Unit::connector(name), now);
        let connector_state = derived(own, &tasks);
        Ok(ConnectorStatus {
            name: name.to_owned(),
            connector: connector_state,
            tasks,
            kind: kind(&connector.config),
        })
    }

    pub(crate) fn task_state_of(&self, id: &TaskId, now: Now) -> Answer<TaskStatus> {
        let unit = Unit::task(&id.connector, id.task);
        if !self.is_configured(id) {
            return Err(HerderError::NotFound(format!("No status found for task {id}")));
        }
        Ok(TaskStatus { id: id.task, state: self.shown(&unit, now) })
    }

    pub(super) fn is_configured(&self, id: &TaskId) -> bool {
        let tasks = self.configs.get(&id.connector).map_or(0, |connector| connector.tasks.len());
        usize::try_from(id.task).is_ok_and(|task| task < tasks)
    }

    /// What was said last of a unit, unless who said so is gone.
    fn shown(&self, unit: &Unit, now: Now) -> StateInfo {
        let status = self.statuses.get(unit);
        let is_held = self.leases.live_holder(unit, now.ms, self.timing.session_ms).is_some();
        match status {
            Some(status) if is_held => info(status),
            Some(status) => {
                let why = Some(format!("no worker has it; {} had it last", status.worker_id));
                StateInfo { state: State::Unassigned, why, trace: None, version: None, ..info(status) }
            }
            None => StateInfo {
                state: State::Unassigned,
                worker_id: String::new(),
                version: None,
                trace: None,
                why: None,
                since: None,
            },
        }
    }

    pub(crate) fn topics_of(&self, connector: &str) -> Vec<String> {
        self.statuses.topics(connector).cloned().collect()
    }
}

fn info(status: &Status) -> StateInfo {
    StateInfo {
        state: status.state,
        worker_id: status.worker_id.clone(),
        version: status.version.clone(),
        trace: status.trace.clone().filter(|trace| !trace.is_empty()),
        why: status.more.why.clone(),
        since: status.more.since.filter(|_| !matches!(status.state, State::Running)),
    }
}

/// A connector whose tasks do not run does not run itself, whatever it says.
fn derived(own: StateInfo, tasks: &[TaskStatus]) -> StateInfo {
    let is_down = |state| matches!(state, State::Failed | State::Halted | State::Degraded);
    let down = || tasks.iter().filter(|task| is_down(task.state.state));
    if own.state != State::Running || down().next().is_none() {
        return own;
    }
    let count = down().count();
    let all = |state| tasks.iter().all(|task| task.state.state == state);
    let state = match count == tasks.len() {
        true if all(State::Halted) => State::Halted,
        true if all(State::Failed) => State::Failed,
        _ => State::Degraded,
    };
    let first = down().next().and_then(|task| task.state.why.clone()).unwrap_or_default();
    let why = Some(format!("{count} of {} tasks do not run as they should: {first}", tasks.len()));
    let since = down().filter_map(|task| task.state.since).min();
    StateInfo { state, why, since, ..own }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(state: State) -> StateInfo {
        let why = (state != State::Running).then(|| "disk full".to_owned());
        StateInfo { state, worker_id: "w".into(), version: None, trace: None, why, since: Some(3) }
    }

    #[test]
    fn a_connector_is_as_well_as_its_tasks() {
        let of = |states: &[State]| {
            let tasks: Vec<_> =
                (0..).zip(states).map(|(id, state)| TaskStatus { id, state: info(*state) }).collect();
            let derived = derived(info(State::Running), &tasks);
            (derived.state, derived.why)
        };
        assert_eq!(of(&[State::Running, State::Running]), (State::Running, None));
        let why = |count: &str| Some(format!("{count} tasks do not run as they should: disk full"));
        assert_eq!(of(&[State::Running, State::Failed]), (State::Degraded, why("1 of 2")));
        assert_eq!(of(&[State::Halted, State::Failed]), (State::Degraded, why("2 of 2")));
        assert_eq!(of(&[State::Halted, State::Halted]), (State::Halted, why("2 of 2")));
        assert_eq!(of(&[State::Failed]), (State::Failed, why("1 of 1")));
        assert_eq!(of(&[State::Degraded]), (State::Degraded, why("1 of 1")));
    }
}
