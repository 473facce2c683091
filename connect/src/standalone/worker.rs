//! A worker that knows its connectors from files, and its positions from one.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_client::Admin;
use thiserror::Error;
use tokio::sync::mpsc;

use super::once;
use crate::config::SecretError;
use crate::herder::{Answer, Config, Herder, Levels, Parts, Running, TargetState, TaskId, alone};
use crate::options::{Fault, Given, Options};
use crate::registry::Registry;
use crate::runtime::{PositionError, PositionFile, Positions, TaskMetrics, TaskRunner, WorkerOptions};

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
    /// Its positions cannot be read or stored.
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

/// The file of positions. One that is named can be written: else nothing would ever be stored, and all be read again.
async fn positions(settings: &mut Config) -> Result<PositionFile, StandaloneError> {
    let options = WorkerOptions::read(&Given::new(settings)).map_err(StandaloneError::Config)?;
    let Some(named) = settings.remove(POSITION_FILE) else {
        return Ok(PositionFile::open("connect.offsets")?);
    };
    let resolved = options.secrets().resolve_text(&named).map(Cow::into_owned);
    let invalid = |why: SecretError| vec![Fault::invalid(POSITION_FILE, &named, &why.to_string())];
    let file = PositionFile::open(resolved.map_err(|why| StandaloneError::Config(invalid(why)))?)?;
    file.store("", Vec::new()).await?;
    Ok(file)
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
        let positions = positions(&mut settings).await?;
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
        self.put_as(config, None).await
    }

    /// The same; one that is new begins in this state.
    ///
    /// # Errors
    /// It is not decided in time.
    pub async fn put_as(&self, config: Config, initial: Option<TargetState>) -> Answer<()> {
        let name = config.get("name").cloned().unwrap_or_default();
        self.herder().put_config(&name, config, initial, true).await.map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn positions_are_where_a_reference_says_and_a_place_for_none_is_told_of_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("positions");
        std::fs::write(dir.path().join("place"), place.display().to_string()).unwrap();
        let named = |value: String| Config::from([(POSITION_FILE.to_owned(), value)]);
        let reference = format!("${{dir:{}:place}}", dir.path().display());
        assert!(positions(&mut named(reference.clone())).await.is_ok() && place.is_file());

        let error = positions(&mut named(format!("{reference}/no/such"))).await.unwrap_err().to_string();
        assert!(error.contains("positions/no/such"), "{error}");
        assert!(positions(&mut named("${env:NOBODY_HAS_SET_THIS}".to_owned())).await.is_err());
    }
}
