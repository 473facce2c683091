//! A worker of a cluster with its REST surface: `millstream connect worker`, in one call.
//!
//! Its topics of configurations, positions and states are Kafka Connect's, record for record, so that a cluster may move from
//! workers of Kafka Connect to these, and back. What is leased lies in a topic of its own, which Kafka Connect neither has nor
//! reads: it makes no difference to it. For the same reason the two kinds must never run at once, and a worker does not start
//! beside one of Kafka Connect's. Sinks go on by the offsets of their groups. A source goes on where the other kind of its
//! connector has stored a position that this kind reads: `file-source` reads those of `FileStreamSource`, which knows files by
//! their paths alone and is left such a position by `PATCH /connectors/{name}/offsets`.

use crate::herder::{self, ClusterError, ClusterOptions, Config, Herder, Parts, Running, TopicPositions};
use crate::options::{Fault, Given, Options};
use crate::registry::Registry;
use crate::rest::{Loggers, Rest, RestError, RestOptions, RestServer};
use crate::runtime::{RunError, TaskMetrics, TaskRunner};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What a worker tells its herder waits here at most.
const EVENTS_MAX: usize = 1_024;

/// A worker cannot start.
#[derive(Debug, Error)]
pub enum DistributedError {
    /// What its configuration says cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    /// Its topics.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Its cluster cannot be reached.
    #[error(transparent)]
    Kafka(#[from] RunError),
    /// As [`DistributedError::Kafka`].
    #[error(transparent)]
    Client(#[from] millstream_client::Error),
    /// Its REST surface.
    #[error(transparent)]
    Rest(#[from] RestError),
}

/// A worker of a cluster. Dropped, it is gone as if killed.
pub struct Distributed {
    runner: Arc<TaskRunner>,
    running: Running,
    address: SocketAddr,
    /// Answers requests until the worker ends.
    rest: JoinHandle<()>,
}

impl Distributed {
    /// Joins the cluster that the settings name, those of Kafka Connect's `connect-distributed.properties`, and answers
    /// requests. To be called within a tokio runtime.
    ///
    /// # Errors
    /// Its settings, its Kafka cluster, its topics, its address.
    pub async fn start(
        registry: Arc<Registry>,
        settings: Config,
        loggers: Arc<Loggers>,
    ) -> Result<Self, DistributedError> {
        let unknown = crate::settings::faults(&settings);
        if !unknown.is_empty() {
            return Err(DistributedError::Config(unknown));
        }
        let rest_options = RestOptions::of(&settings).map_err(DistributedError::Config)?;
        let options = ClusterOptions::read(&Given::new(&settings)).map_err(DistributedError::Config)?;
        let server = RestServer::bind(rest_options.address()).await?;
        let (address, id) = (server.address(), rest_options.worker_id(server.address()));
        let positions = Arc::new(TopicPositions::open(&options, &settings).await?);
        let (tell, events) = mpsc::channel(EVENTS_MAX);
        let runner = TaskRunner::new(Arc::clone(&registry), settings.clone(), positions, tell);
        let runner = Arc::new(runner.map_err(DistributedError::Config)?);
        let cluster_id = runner.admin().await?.describe_cluster().await?.id;
        let parts =
            Parts { worker: Arc::clone(&runner) as _, events, id, cluster_id, levels: loggers.levels() };
        let running = herder::join(parts, &options, &settings).await?;
        let rest = Rest::new(running.herder(), registry, &settings, loggers, rest_options);
        let own = Arc::clone(&runner);
        let rest = rest.map_err(DistributedError::Config)?.with_page(move || own.page());
        let rest = tokio::spawn(server.serve(rest));
        Ok(Self { runner, running, address, rest })
    }

    /// Where it answers requests.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What REST talks to.
    #[must_use]
    pub fn herder(&self) -> Arc<dyn Herder> {
        self.running.herder()
    }

    /// What each task of this worker has done so far.
    #[must_use]
    pub fn metrics(&self) -> Vec<(crate::herder::TaskId, TaskMetrics)> {
        self.runner.metrics()
    }

    /// The same as text for Prometheus, whenever it is asked for: see [`MetricsServer`](crate::runtime::MetricsServer).
    pub fn page(&self) -> impl Fn() -> String + Clone + Send + Sync + 'static {
        let runner = Arc::clone(&self.runner);
        move || runner.page()
    }

    /// Ends all tasks in order, lets other workers have them at once, and leaves.
    pub async fn close(self) {
        self.running.close().await;
        self.rest.abort();
        self.runner.close().await;
    }
}
