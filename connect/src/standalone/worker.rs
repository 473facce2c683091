//! A worker that knows its connectors from files, and its positions from one.

use std::path::PathBuf;
use std::sync::Arc;

use millstream_client::Admin;
use thiserror::Error;
use tokio::sync::mpsc;

use super::once;
use crate::herder::{Answer, Config, Herder, Levels, Parts, Running, TaskId, alone};
use crate::options::Fault;
use crate::registry::Registry;
use crate::runtime::{PositionError, PositionFile, TaskMetrics, TaskRunner};

/// What a worker tells its herder waits here at most.
const EVENTS_MAX: usize = 1_024;
/// Where positions are kept, in Kafka Connect's name and format.
pub(super) const POSITION_FILE: &str = "offset.storage.file.filename";

/// A worker cannot start.
#[derive(Debug, Error)]
pub enum StandaloneError {
    /// What its configuration says cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    /// Its positions cannot be read.
    #[error(transparent)]
    Positions(#[from] PositionError),
    /// Its cluster cannot be reached.
    #[error(transparent)]
    Client(#[from] millstream_client::Error),
}

/// What a worker that stands alone is made from.
pub struct StandaloneParts {
    /// The connectors that there are.
    pub registry: Arc<Registry>,
    /// Of the worker, as files say.
    pub settings: Config,
    /// `host:port` of its REST surface: what statuses name.
    pub id: String,
    /// What sets the level of a logger.
    pub levels: Levels,
    /// Whether the run ends when all is moved: see [`Standalone::caught_up`].
    pub ends: bool,
}

/// A worker that stands alone.
pub struct Standalone {
    runner: Arc<TaskRunner>,
    running: Running,
    admin: Admin,
}

impl Standalone {
    /// A worker without connectors.
    ///
    /// # Errors
    /// Its configuration, its positions, its cluster.
    pub async fn start(parts: StandaloneParts) -> Result<Self, StandaloneError> {
        let StandaloneParts { registry, mut settings, id, levels, ends } = parts;
        let file = settings.remove(POSITION_FILE).unwrap_or_else(|| "connect.offsets".to_owned());
        let positions = PositionFile::open(PathBuf::from(file))?;
        let (tell, events) = mpsc::channel(EVENTS_MAX);
        let runner = TaskRunner::with(registry, settings, Arc::new(positions), tell, ends);
        let runner = Arc::new(runner.map_err(StandaloneError::Config)?);
        let admin = runner.admin().await?;
        let cluster_id = admin.describe_cluster().await?.id;
        let worker = Arc::clone(&runner) as _;
        let running = alone(Parts { worker, events, id, cluster_id, levels });
        Ok(Self { runner, running, admin })
    }

    /// What REST talks to.
    #[must_use]
    pub fn herder(&self) -> Arc<dyn Herder> {
        self.running.herder()
    }

    /// Adds a connector, or gives one another configuration. The caller has validated it.
    ///
    /// # Errors
    /// It is not decided in time.
    pub async fn put(&self, config: Config) -> Answer<()> {
        let name = config.get("name").cloned().unwrap_or_default();
        self.herder().put_config(&name, config, None, true).await.map(drop)
    }

    /// What each task has done so far.
    #[must_use]
    pub fn metrics(&self) -> Vec<(TaskId, TaskMetrics)> {
        self.runner.metrics()
    }

    /// The same as text for Prometheus, whenever it is asked for: see [`MetricsServer`](crate::runtime::MetricsServer).
    pub fn page(&self) -> impl Fn() -> String + Clone + Send + Sync + 'static {
        let runner = Arc::clone(&self.runner);
        move || runner.page()
    }

    /// Waits until every source has no more and every sink has all of it.
    ///
    /// # Errors
    /// A connector or task that has failed or was halted, with why.
    pub async fn caught_up(&self) -> Result<(), String> {
        once::caught_up(&self.runner, &self.admin, &*self.herder()).await
    }

    /// Ends all tasks in order.
    pub async fn close(self) {
        self.running.close().await;
        self.runner.close().await;
    }
}
