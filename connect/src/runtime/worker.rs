//! The worker: runs the tasks that a herder gives it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};

use super::clients::{Clients, OverridePolicy, inherited};
use super::environment::{Control, Reporter};
use super::exposition::exposition;
use super::memory::MemoryBudget;
use super::meter::{Meter, TaskMetrics};
use super::options::all_of_named;
use super::positions::Positions;
use super::task::TaskLife;
use crate::config::{Secrets, Veil, is_password};
use crate::error::ConnectError;
use crate::herder::{
    Config, ConnectorOffsets, ConnectorType, HerderError, State, TaskEvent, TaskId, TaskStart, Worker,
};
use crate::options::{Fault, Given, Options};
use crate::registry::{Plugin, Registry};
use crate::source::Share;

/// What a worker can be told, besides its cluster (`bootstrap.servers`, `security.*`, `ssl.*`, `sasl.*`), its clients
/// (`producer.*`, `consumer.*`, `admin.*`) and the converters of connectors that name none.
#[derive(Options, Clone, Debug)]
pub struct WorkerOptions {
    /// How often positions are stored and offsets committed, in ms. Kafka Connect waits for a minute.
    #[option(name = "offset.flush.interval.ms", default = 5000, importance = "low")]
    pub flush_interval: Duration,
    /// How long a task may take to end when it is told to.
    #[option(name = "task.shutdown.graceful.timeout.ms", default = 5000, importance = "low")]
    pub graceful: Duration,
    /// How long a task that ends with an error that may pass is started again before it has failed. What it writes to is waited for
    /// as `errors.retry.timeout` of its connector says.
    #[option(name = "task.restart.timeout.ms", default = 600000, importance = "low")]
    pub restart_timeout: Duration,
    /// What the records of all tasks may take in memory, in bytes.
    #[option(name = "worker.memory.bytes", default = 33554432, range = 65536..=1099511627776, importance = "medium")]
    pub memory_bytes: u64,
    /// What connectors may say of their clients.
    #[option(name = "connector.client.config.override.policy", default = "Allowlist", importance = "low")]
    pub override_policy: OverridePolicy,
    /// Whether topics that sources write to are made.
    #[option(name = "topic.creation.enable", default = true, importance = "low")]
    pub creates_topics: bool,
    /// Directories below which references to secrets may point; anywhere without.
    #[option(name = "secrets.allowed.paths", default = "", importance = "low")]
    pub secrets_allowed_paths: Vec<String>,
}

impl WorkerOptions {
    /// What looks up the references in configurations.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let allowed = self.secrets_allowed_paths.iter().map(PathBuf::from);
        Secrets { allowed_paths: allowed.map(|path| path.canonicalize().unwrap_or(path)).collect() }
    }
}

/// What all tasks of a worker share.
pub(super) struct Shared {
    pub(super) registry: Arc<Registry>,
    pub(super) options: WorkerOptions,
    /// As written: references are resolved where a task starts.
    pub(super) settings: Config,
    pub(super) positions: Arc<dyn Positions>,
    pub(super) secrets: Secrets,
    pub(super) memory: MemoryBudget,
    /// The run ends when all is done.
    pub(super) ends: bool,
}

impl Shared {
    /// What lies over all that is told of a connector or a task with this configuration.
    pub(super) fn veil(&self, config: &Config) -> Veil {
        let known = all_of_named(&self.registry, config);
        let mut all = self.settings.clone();
        // Clients have the worker's own settings too.
        all.extend(config.iter().map(|(name, value)| (format!("connector.{name}"), value.clone())));
        self.secrets.veil(&all, |name| match name.strip_prefix("connector.") {
            Some(own) if config.contains_key(own) => is_password(&known, own),
            _ => is_password(&[], name),
        })
    }
}

/// Runs tasks on the tokio runtime that it is called in.
pub struct TaskRunner {
    pub(super) shared: Arc<Shared>,
    events: mpsc::Sender<TaskEvent>,
    /// Not held over an await.
    tasks: Mutex<HashMap<TaskId, Running>>,
    /// Those that were told to stop and have not ended.
    ending: Mutex<HashMap<TaskId, AbortHandle>>,
}

struct Running {
    control: watch::Sender<Control>,
    meter: Arc<Meter>,
    life: JoinHandle<()>,
}

impl TaskRunner {
    /// A worker without tasks. What becomes of them is told on `events`, which the herder reads.
    ///
    /// # Errors
    /// All that is wrong with the settings.
    pub fn new(
        registry: Arc<Registry>,
        settings: Config,
        positions: Arc<dyn Positions>,
        events: mpsc::Sender<TaskEvent>,
    ) -> Result<Self, Vec<Fault>> {
        Self::with(registry, settings, positions, events, false)
    }

    /// As [`Self::new`], for a run that ends: offsets are committed as soon as there is nothing to do.
    pub(crate) fn with(
        registry: Arc<Registry>,
        settings: Config,
        positions: Arc<dyn Positions>,
        events: mpsc::Sender<TaskEvent>,
        ends: bool,
    ) -> Result<Self, Vec<Fault>> {
        let options = WorkerOptions::read(&Given::new(&settings))?;
        let secrets = options.secrets();
        let memory = MemoryBudget::new(usize::try_from(options.memory_bytes).unwrap_or(usize::MAX));
        let shared = Shared { registry, options, settings, positions, secrets, memory, ends };
        Ok(Self { shared: Arc::new(shared), events, tasks: Mutex::default(), ending: Mutex::default() })
    }

    /// What each task has done so far, failed ones included, by connector and number.
    #[must_use]
    pub fn metrics(&self) -> Vec<(TaskId, TaskMetrics)> {
        let tasks = self.tasks.lock();
        let mut all: Vec<_> = tasks.iter().map(|(id, task)| (id.clone(), task.meter.snapshot())).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// The same as text for Prometheus.
    #[must_use]
    pub fn page(&self) -> String {
        exposition(&self.metrics(), self.memory())
    }

    /// Bytes that the records of all tasks take, and may take.
    #[must_use]
    pub fn memory(&self) -> (usize, u64) {
        (self.shared.memory.used(), self.shared.options.memory_bytes)
    }

    /// Ends all tasks, in order if they can be.
    pub async fn close(&self) {
        let ids: Vec<TaskId> = self.tasks.lock().keys().cloned().collect();
        futures::future::join_all(ids.iter().map(|id| self.stop(id))).await;
    }

    /// Ends all tasks at once, as a crash would: what is not acknowledged or committed comes again.
    pub fn abort(&self) {
        for (_, task) in self.tasks.lock().drain() {
            task.life.abort();
        }
        for (_, life) in self.ending.lock().drain() {
            life.abort();
        }
    }

    /// A client that asks the worker's cluster.
    pub(crate) async fn admin(&self) -> Result<millstream_client::Admin, millstream_client::Error> {
        let misuse = |why: String| millstream_client::Error::Misuse(why.into());
        let clients = self.clients("worker", &Config::new()).map_err(misuse)?;
        clients.admin().await.map_err(|error| misuse(error.to_string()))
    }

    /// A client that reads in the worker's cluster.
    pub(crate) async fn reader(&self) -> Result<millstream_client::Consumer, String> {
        let config = self.clients("worker", &Config::new())?.consumer_config("worker");
        config.map_err(|error| error.to_string())?.build().await.map_err(|error| error.to_string())
    }

    /// The group of a sink.
    pub(crate) fn group(&self, config: &Config) -> Result<String, String> {
        let name = config.get("name").map_or("", String::as_str);
        self.clients(name, config)?.group(name).map_err(|error| error.to_string())
    }

    pub(super) fn clients(&self, connector: &str, config: &Config) -> Result<Clients, String> {
        let worker = self.shared.secrets.resolve(&self.shared.settings).map_err(|error| error.to_string())?;
        let config = self.shared.secrets.resolve(config).map_err(|error| error.to_string())?;
        Ok(Clients::new(&inherited(&worker), &config, connector.to_owned()))
    }
}

#[async_trait]
impl Worker for TaskRunner {
    fn kind(&self, config: &Config) -> ConnectorType {
        match config.get("connector.class").map(|class| self.shared.registry.find(class)) {
            Some(Ok(Plugin::Source(_))) => ConnectorType::Source,
            Some(Ok(Plugin::Sink(_))) => ConnectorType::Sink,
            _ => ConnectorType::Unknown,
        }
    }

    async fn split(&self, _connector: &str, config: &Config) -> Result<Vec<Config>, String> {
        let tasks = config.get("tasks.max").and_then(|max| max.trim().parse().ok()).unwrap_or(1_usize).max(1);
        let class = config.get("connector.class").map_or("", String::as_str);
        match self.shared.registry.find(class).map_err(|fault| fault.message)? {
            Plugin::Sink(_) => Ok(vec![config.clone(); tasks]),
            Plugin::Source(source) => {
                let resolved = self.shared.secrets.resolve(config).map_err(|error| error.to_string())?;
                let told =
                    |error: ConnectError| self.shared.veil(config).over(&error.to_string()).into_owned();
                let shares = source.split(&resolved, tasks).await.map_err(told)?;
                let definitions = source.definitions();
                let own = |share: Share| {
                    let mut own = config.clone();
                    for name in share.keys() {
                        let said = definitions.iter().find(|definition| definition.name == name);
                        said.into_iter()
                            .flat_map(|known| known.aliases)
                            .for_each(|alias| _ = own.remove(*alias));
                    }
                    // It is made of what references stand for, and is written to the config topic.
                    let veil = self.shared.secrets.references(config);
                    let concealed = |(name, text): (String, String)| {
                        let shown = veil.over(&text).into_owned();
                        (name, shown)
                    };
                    own.extend(share.into_iter().map(concealed));
                    own
                };
                Ok(shares.into_iter().map(own).collect())
            }
        }
    }

    async fn start(&self, task: TaskStart) {
        self.stop(&task.id).await;
        let (control, told) = watch::channel(Control { stop: false, paused: task.paused });
        let meter = Arc::new(Meter::new(State::Unassigned));
        let reporter = Reporter {
            task: task.id.clone(),
            epoch: task.epoch,
            meter: Arc::clone(&meter),
            events: self.events.clone(),
            veil: Arc::new(Mutex::new(self.shared.veil(&task.config).worn())),
        };
        let id = task.id.clone();
        let life = TaskLife { shared: Arc::clone(&self.shared), start: task, reporter };
        let life = tokio::spawn(life.live(told));
        self.tasks.lock().insert(id, Running { control, meter, life });
    }

    async fn stop(&self, task: &TaskId) {
        let Running { control, life, .. } = {
            // Under one lock: whoever aborts it finds it in one of the two.
            let mut tasks = self.tasks.lock();
            let Some(running) = tasks.remove(task) else { return };
            self.ending.lock().insert(task.clone(), running.life.abort_handle());
            running
        };
        control.send_modify(|control| control.stop = true);
        // A task that panicked or was aborted has ended.
        let _ = life.await;
        self.ending.lock().remove(task);
    }

    fn abort(&self, task: &TaskId) {
        let tasks = self.tasks.lock();
        if let Some(running) = tasks.get(task) {
            running.life.abort();
        }
        if let Some(life) = self.ending.lock().get(task) {
            life.abort();
        }
    }

    async fn pause(&self, task: &TaskId, paused: bool) {
        if let Some(running) = self.tasks.lock().get(task) {
            running.control.send_modify(|control| control.paused = paused);
        }
    }

    async fn offsets(&self, connector: &str, config: &Config) -> Result<ConnectorOffsets, String> {
        match self.kind(config) {
            ConnectorType::Sink => self.group_offsets(connector, config).await,
            _ => self.stored_offsets(connector).await,
        }
    }

    async fn alter_offsets(
        &self,
        connector: &str,
        config: &Config,
        offsets: ConnectorOffsets,
    ) -> Result<(), HerderError> {
        match self.kind(config) {
            ConnectorType::Sink => self.alter_group(connector, config, offsets).await,
            _ => self.alter_stored(connector, config, offsets).await.map_err(HerderError::Failed),
        }
    }

    async fn reset_offsets(&self, connector: &str, config: &Config) -> Result<(), String> {
        match self.kind(config) {
            ConnectorType::Sink => self.reset_group(connector, config).await,
            _ => self.reset_stored(connector).await,
        }
    }
}

impl Drop for TaskRunner {
    /// Tasks do not outlive their worker.
    fn drop(&mut self) {
        self.abort();
    }
}
