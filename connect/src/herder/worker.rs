use super::entity::{Config, ConnectorOffsets, ConnectorType, State, TaskId};
use super::error::HerderError;
use async_trait::async_trait;
use std::sync::Arc;

/// What a herder has of the process that it runs in: connectors are asked and tasks are run here.
///
/// What becomes of tasks is told as [`TaskEvent`]s, on the channel that the worker was made with; calls only begin it.
#[async_trait]
pub trait Worker: Send + Sync + 'static {
    /// Whether the configuration's connector is a source or a sink.
    fn kind(&self, config: &Config) -> ConnectorType;

    /// The configurations of a connector's tasks, at most `tasks.max` of them: each the connector's own, with what
    /// falls to the task in addition. Secrets in them stay references.
    async fn split(&self, connector: &str, config: &Config) -> Result<Vec<Config>, String>;

    /// Starts a task. One that fails is retried here, within its budget; a failure that is told is final.
    async fn start(&self, task: TaskStart);

    /// Ends a task, in order if it can be within `task.shutdown.graceful.timeout.ms`; returns when it has ended.
    async fn stop(&self, task: &TaskId);

    /// Ends a task that is being stopped at once, as a crash would; whoever waits for its end goes on.
    fn abort(&self, task: &TaskId);

    /// Lets a running task rest, or goes on with it.
    async fn pause(&self, task: &TaskId, paused: bool);

    /// How far a connector has come: stored positions of a source, offsets of a sink's group.
    async fn offsets(&self, connector: &str, config: &Config) -> Result<ConnectorOffsets, String>;

    /// Sets (or, without an offset, forgets) positions of a connector none of whose tasks runs: all, or none that it could not go
    /// on from.
    async fn alter_offsets(
        &self,
        connector: &str,
        config: &Config,
        offsets: ConnectorOffsets,
    ) -> Result<(), HerderError>;

    /// Forgets all positions of a connector none of whose tasks runs, those that a sink keeps itself too.
    async fn reset_offsets(&self, connector: &str, config: &Config) -> Result<(), String>;
}

/// A task to be run.
#[derive(Clone, Debug)]
pub struct TaskStart {
    /// Which.
    pub id: TaskId,
    /// Told back with every event, so that what an earlier run says is known as such; a producer is fenced by it.
    pub epoch: u64,
    /// Of its connector, references unresolved.
    pub connector: Arc<Config>,
    /// Its own: one of what `split` gave.
    pub config: Arc<Config>,
    /// How many tasks the connector has.
    pub tasks: usize,
    /// Whether it starts at rest.
    pub paused: bool,
}

/// What a worker tells of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskEvent {
    /// It has come to another state.
    State {
        /// Which task.
        task: TaskId,
        /// The run that tells it.
        epoch: u64,
        /// Which state.
        state: State,
        /// What happened, for one that is not as it should be: for people, on one line first.
        why: Option<String>,
    },
    /// It has read or written a topic for the first time in this run.
    Topic {
        /// Which task.
        task: TaskId,
        /// Which topic.
        topic: Arc<str>,
    },
    /// Its source wants its work split anew.
    Reconfigure {
        /// Whose.
        connector: String,
    },
}
