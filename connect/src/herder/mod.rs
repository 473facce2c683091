//! What decides which connectors run, and answers for them: alone (standalone) or with other workers (distributed).
//!
//! REST knows a [`Herder`] only; a herder knows the [`Worker`] of its process only, which runs the tasks.

mod entity;
mod error;
mod machine;
mod records;
mod shell;
mod worker;

use async_trait::async_trait;

pub use entity::{
    ActiveTopics, Config, ConnectorInfo, ConnectorOffset, ConnectorOffsets, ConnectorStatus, ConnectorType,
    Created, State, StateInfo, TargetState, TaskId, TaskInfo, TaskStatus,
};
pub use error::HerderError;
pub use shell::{ClusterError, ClusterOptions, Levels, Parts, Running, TopicPositions, alone, join};
pub use worker::{TaskEvent, TaskStart, Worker};

use std::collections::BTreeMap;

/// What a call on a herder comes to.
pub type Answer<T> = Result<T, HerderError>;

/// A running worker as its REST surface sees it: Kafka Connect's `Herder`, with `pause`, `resume` and `stop` as one.
///
/// A call answers when what it asks for is decided and stored; what follows of it shows in the status. Configurations
/// go in and out as they were written: references to secrets are resolved nowhere but in a task's own options.
#[async_trait]
pub trait Herder: Send + Sync + 'static {
    /// The id of the Kafka cluster that the connectors move records to and from.
    fn cluster_id(&self) -> String;

    /// Whether all that was stored before the start has been read, so that answers are true (KIP-1017).
    fn ready(&self) -> bool;

    /// Whether the herder still turns: asked by `GET /health` within its own time limit.
    async fn health(&self) -> Answer<()>;

    /// The names of all connectors, stopped ones too.
    async fn connectors(&self) -> Answer<Vec<String>>;

    /// A connector's configuration, its tasks and its type.
    async fn info(&self, connector: &str) -> Answer<ConnectorInfo>;

    /// Creates a connector, or gives it another configuration where `replace` allows it. The caller has validated.
    async fn put_config(
        &self,
        connector: &str,
        config: Config,
        initial: Option<TargetState>,
        replace: bool,
    ) -> Answer<Created<ConnectorInfo>>;

    /// Removes a connector and its tasks. What it has stored of its positions stays.
    async fn delete(&self, connector: &str) -> Answer<()>;

    /// The state of a connector and of each of its tasks.
    async fn status(&self, connector: &str) -> Answer<ConnectorStatus>;

    /// The tasks of a connector, each with its configuration.
    async fn tasks(&self, connector: &str) -> Answer<Vec<TaskInfo>>;

    /// The state of one task.
    async fn task_status(&self, task: &TaskId) -> Answer<TaskStatus>;

    /// Restarts what `request` says and answers with the states after it.
    async fn restart(&self, request: RestartRequest) -> Answer<ConnectorStatus>;

    /// Restarts one task.
    async fn restart_task(&self, task: &TaskId) -> Answer<()>;

    /// Runs, pauses or stops a connector; does nothing where it is so already.
    async fn set_target(&self, connector: &str, target: TargetState) -> Answer<()>;

    /// How far a connector has come (KIP-875).
    async fn offsets(&self, connector: &str) -> Answer<ConnectorOffsets>;

    /// Sets positions of a stopped connector; one without an offset is reset. Answers with Kafka Connect's message.
    async fn alter_offsets(&self, connector: &str, offsets: ConnectorOffsets) -> Answer<String>;

    /// Forgets all positions of a stopped connector. Answers with Kafka Connect's message.
    async fn reset_offsets(&self, connector: &str) -> Answer<String>;

    /// The topics that a connector has read or written since it was made or they were reset (KIP-558).
    async fn topics(&self, connector: &str) -> Answer<ActiveTopics>;

    /// Forgets the topics that a connector has used.
    async fn reset_topics(&self, connector: &str) -> Answer<()>;

    /// Tells every worker, this one included, to log `namespace` at `level` (KIP-976).
    async fn set_cluster_level(&self, namespace: &str, level: &str) -> Answer<()>;

    /// Changes some entries of a configuration; `None` removes one (KIP-477). The caller validates what comes of it.
    async fn patched(&self, connector: &str, patch: &BTreeMap<String, Option<String>>) -> Answer<Config> {
        let mut config = self.info(connector).await?.config;
        for (key, value) in patch {
            match value {
                Some(value) => config.insert(key.clone(), value.clone()),
                None => config.remove(key),
            };
        }
        Ok(config)
    }
}

/// What `POST /connectors/{connector}/restart` asks for (KIP-745).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRequest {
    /// Whose instances.
    pub connector: String,
    /// Only those that have failed.
    pub only_failed: bool,
    /// The tasks too.
    pub include_tasks: bool,
}
