use std::path::PathBuf;
use std::time::Duration;

use super::config::StreamsConfig;
use super::shared::{ArrivalListener, RestoreListener, StateListener};
use super::uncaught::Uncaught;
use super::{
    AppState, Arrival, ConfigError, RestoreProgress, StateDirectory, Streams, StreamsError, UncaughtResponse,
    restore_line, supervisor,
};
use crate::errors::{Action, Failed, Retries};
use crate::metrics::OtherPage;
use crate::query::ServableStore;
use crate::topology::Topology;

/// Configures an application; made by [`Streams::builder`].
#[must_use = "nothing runs before it is started"]
pub struct AppBuilder {
    pub(super) topology: Topology,
    pub(super) config: StreamsConfig,
    /// The first mistake in a configuration by name, reported at the start so that calls can be chained.
    mistake: Option<ConfigError>,
    pub(super) state_listeners: Vec<StateListener>,
    pub(super) restore_listeners: Vec<RestoreListener>,
    pub(super) arrival_listeners: Vec<ArrivalListener>,
    pub(super) uncaught: Uncaught,
    pub(super) paused: bool,
    pub(super) served: Vec<Box<dyn ServableStore>>,
    pub(super) query_listen: Option<String>,
    pub(super) exposed: Vec<OtherPage>,
}

impl AppBuilder {
    pub(super) fn new(topology: Topology) -> Self {
        Self {
            topology,
            config: StreamsConfig::default(),
            mistake: None,
            state_listeners: Vec::new(),
            restore_listeners: Vec::new(),
            arrival_listeners: Vec::new(),
            uncaught: Uncaught::default(),
            paused: false,
            served: Vec::new(),
            query_listen: None,
            exposed: Vec::new(),
        }
    }

    /// `application.id`: the consumer group, and the prefix of internal topics and of the state directory.
    pub fn application_id(mut self, id: impl Into<String>) -> Self {
        self.config.application_id = id.into();
        self
    }

    /// `bootstrap.servers`: brokers to begin with, `host:port`, separated by commas.
    pub fn bootstrap(mut self, servers: impl Into<String>) -> Self {
        self.config.bootstrap_servers = servers.into();
        self
    }

    /// `application.server`: where other instances of the application reach this one's queries, `host:port`. Unless it is set they
    /// ask where it [listens](Self::query_listen).
    pub fn application_server(self, endpoint: impl Into<String>) -> Self {
        self.set("application.server", endpoint.into())
    }

    /// `state.dir`: where state and the process's identity are kept. One process uses one at a time. Unless it is set they lie
    /// in the system's temporary directory.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.state_dir = path.into();
        self
    }

    /// `num.stream.threads` (1).
    pub fn num_stream_threads(mut self, threads: usize) -> Self {
        self.config.threads = threads.max(1);
        self
    }

    /// `commit.interval.ms` (30 s): what a crash may process again.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.config.commit_interval = interval;
        self
    }

    /// Any configuration by its name in Kafka Streams; names of the clients with or without the prefixes `consumer.`,
    /// `main.consumer.`, `restore.consumer.`, `producer.` and `admin.`, of internal topics with `topic.`. A name that is not
    /// known fails the start, with the nearest one that is.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        if let Err(mistake) = self.config.set(name, &value.to_string()) {
            self.mistake.get_or_insert(mistake);
        }
        self
    }

    /// Decides what becomes of records that fail, wherever the node at which they fail has no word of its own; see
    /// [`errors`](crate::errors). In place of Kafka's three handlers, which [`set`](Self::set) takes by their names.
    pub fn on_error(mut self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.config.errors.set(policy);
        self
    }

    /// `errors.dead.letter.queue.topic.name`: where [`Action::DeadLetter`] sends records. The topic must exist: an application
    /// does not make it, since nobody but you knows how long a dead letter is worth keeping.
    pub fn dead_letters(mut self, topic: impl Into<String>) -> Self {
        self.config.errors.dead_letters = Some(topic.into().into());
        self
    }

    /// How often a record is tried again for which a policy says [`Action::Retry`]: ten times, unless something else is said.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.config.errors.retries = retries;
        self
    }

    /// Calls `listener` at every change of state, with the old and the new one, on the thread that changed it.
    pub fn on_state(mut self, listener: impl Fn(AppState, AppState) + Send + Sync + 'static) -> Self {
        self.state_listeners.push(Box::new(listener));
        self
    }

    /// Decides what follows when a stream thread has failed: [`UncaughtResponse::ShutdownClient`] unless this says otherwise
    /// (`KafkaStreams.setUncaughtExceptionHandler`, KIP-671). It is called on the thread that has failed, by several at once if
    /// need be, and must not wait for the application. If it panics, this instance stops.
    ///
    /// It is not asked where a cluster that was away has not taken in time (`delivery.timeout.ms`, `max.block.ms`) what a thread
    /// had sent, unless a policy has said [`Fail`](crate::errors::Action::Fail): the thread is replaced then, and begins anew
    /// where its last commit stands, as tasks do in Kafka Streams.
    pub fn on_uncaught(
        mut self,
        handler: impl Fn(&StreamsError) -> UncaughtResponse + Send + Sync + 'static,
    ) -> Self {
        self.uncaught = Uncaught::new(handler);
        self
    }

    /// Starts without processing anything, until [`Streams::resume`].
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Calls `listener` as stores are restored: at the beginning, every second, at the end, or when the task leaves first.
    pub fn on_restore(mut self, listener: impl Fn(&RestoreProgress) + Send + Sync + 'static) -> Self {
        self.restore_listeners.push(Box::new(listener));
        self
    }

    /// Draws restores on standard error while they go on, if that is a terminal: one line with the share that is done, the
    /// records, the rate and the time that is left.
    pub fn draw_restores(self) -> Self {
        self.on_restore(restore_line::on_stderr())
    }

    /// Calls `listener` for each task that comes from another owner, or back after a restart, and runs: it says for how long
    /// the task was away.
    pub fn on_arrival(mut self, listener: impl Fn(&Arrival) + Send + Sync + 'static) -> Self {
        self.arrival_listeners.push(Box::new(listener));
        self
    }

    /// Serves a store over HTTP, once [`query_listen`](Self::query_listen) says where.
    pub fn serve(mut self, store: impl ServableStore) -> Self {
        self.served.push(Box::new(store));
        self
    }

    /// Listens for queries over HTTP on `host:port`; port 0 takes a free one ([`Streams::query_address`]).
    pub fn query_listen(mut self, address: impl Into<String>) -> Self {
        self.query_listen = Some(address.into());
        self
    }

    /// Adds a page to what `GET /metrics` answers where it [listens](Self::query_listen), in Prometheus's text format 0.0.4: of what
    /// else runs in the process, so that there is one place to ask. `page` is called for each request and must not block. For a
    /// broker: `app.expose(broker.metrics_reader().page())`.
    pub fn expose(mut self, page: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.exposed.push(Box::new(page));
        self
    }

    /// Removes what the application has in its state directory, so that its stores are restored from their changelogs
    /// (`KafkaStreams.cleanUp`). The identity of the process stays.
    ///
    /// # Errors
    /// A configuration that cannot work; the application runs there ([`StateDirectoryError::InUse`](super::StateDirectoryError::InUse)).
    pub fn clean_up(mut self) -> Result<Self, StreamsError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake.into());
        }
        self.config.check()?;
        StateDirectory::clean_up(&self.config.state_dir, &self.config.application_id)?;
        Ok(self)
    }

    /// Starts the application and returns once its threads run; it is [`AppState::Running`] when the group has given them their
    /// tasks. Works from any executor.
    ///
    /// # Errors
    /// A configuration that cannot work, a state directory in use, a cluster that cannot be reached, source topics that do not
    /// exist or do not fit.
    pub async fn start(mut self) -> Result<Streams, StreamsError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake.into());
        }
        self.config.check()?;
        supervisor::start(self).await
    }

    /// As [`start`](Self::start), from a thread that is not part of a runtime.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> Result<Streams, StreamsError> {
        futures::executor::block_on(self.start())
    }

    /// Starts, and runs until SIGINT or SIGTERM: all that a `main` needs.
    ///
    /// # Errors
    /// As [`start`](Self::start), and why it stopped.
    pub fn run_blocking_until_ctrl_c(self) -> Result<(), StreamsError> {
        self.start_blocking()?.run_blocking_until_ctrl_c()
    }
}
