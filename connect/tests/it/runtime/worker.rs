//! A worker with one task, and what it tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_connect::Registry;
use millstream_connect::herder::{Config, State, TaskEvent, TaskId, TaskStart, Worker};
use millstream_connect::runtime::{PositionFile, Positions, TaskMetrics, TaskRunner};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::broker::bootstrap;
use super::lines::Lines;
use super::shelf::Shelf;

/// A worker for one connector with one task.
pub(crate) struct OneTask {
    pub(crate) runner: TaskRunner,
    pub(crate) id: TaskId,
    pub(crate) start: TaskStart,
    /// What the herder would hear: a task whose herder is gone ends.
    events: mpsc::Receiver<TaskEvent>,
}

pub(crate) fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Positions that outlive workers.
pub(crate) fn position_file(dir: &TempDir) -> PositionFile {
    PositionFile::open(dir.path().join("connect.offsets")).unwrap()
}

impl OneTask {
    pub(crate) async fn start(connector: &str, pairs: &[(&str, &str)], positions: impl Positions) -> Self {
        Self::start_with(connector, pairs, positions, &[]).await
    }

    /// As [`Self::start`] on a worker that is told more.
    pub(crate) async fn start_with(
        connector: &str,
        pairs: &[(&str, &str)],
        positions: impl Positions,
        worker: &[(&str, &str)],
    ) -> Self {
        let mut settings = config(&[("offset.flush.interval.ms", "50"), ("value.converter", "string")]);
        settings.insert("bootstrap.servers".into(), bootstrap().await);
        settings.extend(config(worker));
        let (tell, events) = mpsc::channel(1_000);
        let registry = Arc::new(Registry::built_in().source::<Lines>().sink::<Shelf>());
        let runner = TaskRunner::new(registry, settings, Arc::new(positions), tell).unwrap();
        let mut config: BTreeMap<String, String> = config(pairs);
        config.insert("name".into(), connector.to_owned());
        let config = Arc::new(config);
        let id = TaskId::new(connector, 0);
        let start = TaskStart {
            id: id.clone(),
            epoch: 1,
            connector: Arc::clone(&config),
            config,
            tasks: 1,
            paused: false,
        };
        runner.start(start.clone()).await;
        Self { runner, id, start, events }
    }

    /// The states that were told since this was last asked.
    pub(crate) fn told(&mut self) -> Vec<State> {
        let mut told = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let TaskEvent::State { state, .. } = event {
                told.push(state);
            }
        }
        told
    }

    /// One more task beside it, on the same worker.
    pub(crate) async fn beside(&self, connector: &str, task: i32, pairs: &[(&str, &str)]) -> TaskId {
        let mut config: BTreeMap<String, String> = config(pairs);
        config.insert("name".into(), connector.to_owned());
        let (config, id) = (Arc::new(config), TaskId::new(connector, task));
        let connector = Arc::clone(&config);
        let start = TaskStart { id: id.clone(), epoch: 1, connector, config, tasks: 2, paused: false };
        self.runner.start(start).await;
        id
    }

    pub(crate) fn metrics(&self) -> TaskMetrics {
        self.runner.metrics().into_iter().find(|(id, _)| *id == self.id).unwrap().1
    }

    /// Waits until the task is as it should be; fails after half a minute.
    pub(crate) async fn until(&self, what: &str, reached: impl Fn(&TaskMetrics) -> bool) -> TaskMetrics {
        for _ in 0..3_000 {
            let metrics = self.metrics();
            if reached(&metrics) {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no end of waiting for {what}: {:#?}", self.metrics());
    }

    /// Ends it as a crash does: nothing is flushed, nothing more is stored.
    pub(crate) fn kill(self) {
        self.runner.abort();
    }

    pub(crate) async fn until_state(&self, state: State) -> TaskMetrics {
        self.until(&format!("{state:?}"), |metrics| metrics.state == state).await
    }
}

/// Waits until something is true; fails after half a minute.
pub(crate) async fn eventually(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    for _ in 0..1_500 {
        if reached().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no end of waiting for {what}");
}
