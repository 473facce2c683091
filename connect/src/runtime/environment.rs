//! What a task's run has around it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use millstream_client::Outage;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::clients::Clients;
use super::conversion::Conversion;
use super::memory::MemoryBudget;
use super::meter::Meter;
use super::options::ConnectorOptions;
use crate::config::Veil;
use crate::herder::{Config, State, TaskEvent, TaskId};

/// What is tried again for so long is worth a word in the status.
pub(crate) const WORTH_TELLING: Duration = Duration::from_secs(5);

/// What a task is told while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Control {
    /// To end.
    pub(crate) stop: bool,
    /// To rest.
    pub(crate) paused: bool,
}

/// What a task's run has around it, whichever way its records go.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) id: TaskId,
    /// Of the task, secrets resolved: never shown.
    pub(crate) config: Config,
    pub(crate) options: ConnectorOptions,
    pub(crate) clients: Clients,
    pub(crate) conversion: Conversion,
    pub(crate) reporter: Reporter,
    pub(crate) memory: MemoryBudget,
    /// `offset.flush.interval.ms`.
    pub(crate) flush_interval: Duration,
    /// `task.shutdown.graceful.timeout.ms`.
    pub(crate) graceful: Duration,
    /// `topic.creation.enable`.
    pub(crate) creates_topics: bool,
    /// The run ends when all is done: offsets are committed as soon as there is nothing to do.
    pub(crate) ends: bool,
}

/// Tells the herder how a task fares.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    pub(crate) task: TaskId,
    pub(crate) epoch: u64,
    pub(crate) meter: Arc<Meter>,
    pub(crate) events: mpsc::Sender<TaskEvent>,
    /// Over all that is told of the task; another with each attempt, since what references stand for may have changed.
    pub(crate) veil: Arc<Mutex<Arc<Veil>>>,
}

impl Reporter {
    /// What lies over texts of the task.
    pub(crate) fn veil(&self) -> Arc<Veil> {
        Arc::clone(&self.veil.lock())
    }

    /// The task has come to a state; told only if it was not there before.
    pub(crate) async fn state(&self, state: State, why: Option<&str>) {
        let veil = self.veil();
        let why = why.map(|why| veil.over(why));
        let why = why.as_deref();
        if !self.meter.enter(state, why) {
            return;
        }
        match (state, why) {
            (State::Failed | State::Halted, Some(why)) => {
                tracing::error!(task = %self.task, why, "{state:?}")
            }
            (_, Some(why)) => tracing::warn!(task = %self.task, why, "{state:?}"),
            _ => tracing::info!(task = %self.task, "{state:?}"),
        }
        let (task, why) = (self.task.clone(), why.map(str::to_owned));
        // Nobody listens while the worker ends.
        let _ = self.events.send(TaskEvent::State { task, epoch: self.epoch, state, why }).await;
    }

    /// The task uses a topic for the first time.
    pub(crate) async fn topic(&self, topic: &Arc<str>) {
        let _ =
            self.events.send(TaskEvent::Topic { task: self.task.clone(), topic: Arc::clone(topic) }).await;
    }
}

/// What to say of a cluster that has been away for long enough to be worth it.
pub(crate) fn cut_off(outage: Option<Outage>) -> Option<String> {
    let outage = outage.filter(|outage| outage.since.elapsed() > WORTH_TELLING)?;
    Some(format!("the cluster is waited for: {}", outage.why))
}

/// Waits for what only the cluster can end, and has it told every now and then how that goes.
pub(crate) async fn telling<T, F: Future<Output = ()>>(
    what: impl Future<Output = T>,
    tell: impl Fn() -> F,
) -> T {
    let mut what = pin!(what);
    loop {
        match timeout(WORTH_TELLING, &mut what).await {
            Ok(done) => return done,
            Err(_) => tell().await,
        }
    }
}

/// Completes when the task is told to end or to rest, or to go on where it rests.
pub(crate) async fn changed(control: &mut watch::Receiver<Control>) -> Control {
    if control.changed().await.is_err() {
        // Whoever could tell it anything is gone.
        return Control { stop: true, paused: false };
    }
    *control.borrow_and_update()
}
