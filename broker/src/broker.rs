//! The handle of a running broker.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::channel::oneshot;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::api::{FetchSessions, Shared};
use crate::config::{BrokerConfig, DataDirectory, Endpoint, Settings};
use crate::error::BrokerError;
use crate::group::GroupCoordinator;
use crate::log::{Logs, LogsOptions};
use crate::metadata::{Metadata, MetadataError};
use crate::metrics::{BrokerMetrics, Counters, MetricsReader, Observed};
use crate::server::{Admission, bind, listen};
use crate::storage::DiskStorage;
use millstream_wire::ids::NodeId;

/// Threads that wait for disks, at most; they exist only while there is something to wait for.
const MAX_BLOCKING_THREADS: usize = 16;

/// How long a disk that does not answer may hold up the stop.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// A running broker. Dropping it tells it to stop and does not wait; [`Broker::close`] waits.
///
/// It has its own threads: the program around it may use any async runtime, or none.
///
/// ```
/// # use millstream_broker::{Broker, BrokerConfig};
/// let broker = Broker::start_blocking(BrokerConfig::ephemeral())?;
/// println!("clients connect to {}", broker.bootstrap());
/// broker.close_blocking();
/// # Ok::<(), millstream_broker::BrokerError>(())
/// ```
#[must_use = "a broker that is dropped stops"]
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    /// Set to true to stop; dropping it stops as well.
    stop: watch::Sender<bool>,
    /// Sent when everything is on disk and the directory is free.
    stopped: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
    /// For topics that are made from within the process; it must not keep the directory locked.
    metadata: Weak<Metadata>,
    observed: Observed,
    runtime: Handle,
}

/// What the broker's thread tells once it serves.
struct Ready {
    address: SocketAddr,
    metadata: Weak<Metadata>,
    observed: Observed,
    runtime: Handle,
    stopped: oneshot::Receiver<()>,
}

impl Broker {
    /// Starts a broker and waits until it serves. The future needs no particular runtime.
    ///
    /// # Errors
    /// [`BrokerError`] if the configuration, the data directory or the address cannot be used.
    pub async fn start(config: BrokerConfig) -> Result<Self, BrokerError> {
        let (ready, told) = oneshot::channel();
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("millstream-broker".to_owned())
            .spawn(move || run(config, ready, stopping))
            .map_err(BrokerError::Runtime)?;
        let ready = told.await.unwrap_or(Err(BrokerError::Stopped))?;
        Ok(Self {
            address: ready.address,
            stop,
            stopped: Some(ready.stopped),
            thread: Some(thread),
            metadata: ready.metadata,
            observed: ready.observed,
            runtime: ready.runtime,
        })
    }

    /// [`Broker::start`] for programs without async. It must not be called from within an async runtime's task.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_blocking(config: BrokerConfig) -> Result<Self, BrokerError> {
        futures::executor::block_on(Self::start(config))
    }

    /// The address that it listens on, with the port that it was given where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients take it for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        if self.address.ip().is_unspecified() {
            return format!("127.0.0.1:{}", self.address.port());
        }
        self.address.to_string()
    }

    /// How it is doing.
    ///
    /// # Errors
    /// [`BrokerError::Stopped`].
    pub fn metrics(&self) -> Result<BrokerMetrics, BrokerError> {
        self.metrics_reader().read()
    }

    /// What reads the same, for those who outlive this handle: a server of metrics.
    pub fn metrics_reader(&self) -> MetricsReader {
        self.observed.reader()
    }

    /// Changes topics from within the process, on the broker's own threads.
    pub(crate) async fn with_metadata<
        T: Send + 'static,
        F: Future<Output = Result<T, MetadataError>> + Send,
    >(
        &self,
        change: impl FnOnce(Arc<Metadata>) -> F + Send + 'static,
    ) -> Result<T, MetadataError> {
        let metadata = self.metadata.upgrade().ok_or(MetadataError::Closing)?;
        let changed = self.runtime.spawn(async move { change(metadata).await });
        changed.await.unwrap_or(Err(MetadataError::Closing))
    }

    /// Stops it and waits until everything is on disk and the data directory is free.
    pub async fn close(mut self) {
        self.stop.send_replace(true);
        if let Some(stopped) = self.stopped.take() {
            // An error means that the thread has already ended.
            let _ = stopped.await;
        }
        if let Some(thread) = self.thread.take() {
            // It has nothing left to do but to return.
            let _ = thread.join();
        }
    }

    /// [`Broker::close`] for programs without async.
    pub fn close_blocking(self) {
        futures::executor::block_on(self.close());
    }
}

/// The broker's own thread, from start to stop.
fn run(
    config: BrokerConfig,
    ready: oneshot::Sender<Result<Ready, BrokerError>>,
    stopping: watch::Receiver<bool>,
) {
    let (tell_stopped, stopped) = oneshot::channel();
    match Started::new(config) {
        Ok(started) => {
            if ready.send(Ok(started.ready(stopped))).is_err() {
                // Whoever asked for the broker has gone.
                return;
            }
            started.serve(stopping);
            // Nobody may be waiting: then there is nothing to tell.
            let _ = tell_stopped.send(());
        }
        Err(error) => drop(ready.send(Err(error))),
    }
}

/// Everything that is open while the broker serves.
struct Started {
    address: SocketAddr,
    runtime: Runtime,
    listener: TcpListener,
    shared: Arc<Shared>,
    observed: Observed,
    /// Removed at the end, where the data is not to be kept.
    _temporary: Option<TempDir>,
}

impl Started {
    fn new(config: BrokerConfig) -> Result<Self, BrokerError> {
        let settings = config.settings()?;
        let endpoint = Endpoint::plaintext("listeners", &settings.listeners)?;
        let advertised = advertised(&settings)?;
        let runtime = runtime(&settings)?;
        // The port first: one that is taken should be told before a directory is touched.
        let listener = {
            let _in_runtime = runtime.enter();
            bind(&endpoint).map_err(|source| BrokerError::Listen {
                address: format!("{}:{}", endpoint.host, endpoint.port),
                source,
            })?
        };
        let address = listener.local_addr().map_err(BrokerError::Runtime)?;
        let (directory, temporary) = directory(&config)?;
        let shared = open(config, settings, directory, advertised)?;
        let observed = Observed::new(shared.clone());
        Ok(Self { address, runtime, listener, shared, observed, _temporary: temporary })
    }

    fn ready(&self, stopped: oneshot::Receiver<()>) -> Ready {
        let metadata = Arc::downgrade(&self.shared.metadata);
        let (observed, runtime) = (self.observed.clone(), self.runtime.handle().clone());
        Ready { address: self.address, metadata, observed, runtime, stopped }
    }

    fn serve(self, mut stopping: watch::Receiver<bool>) {
        tracing::info!("serving on {}", self.address);
        self.runtime.block_on(async {
            let (stop, stopped) = watch::channel(false);
            let groups = tokio::spawn(self.shared.groups.clone().run());
            let serving = tokio::spawn(listen(self.listener, self.shared.clone(), stopped));
            // An error means that the handle was dropped, which is a wish to stop like any other.
            let _ = stopping.wait_for(|stop| *stop).await;
            stop.send_replace(true);
            let _ = serving.await;
            groups.abort();
            // It holds on to the logs until it has ended.
            let _ = groups.await;
        });
        self.observed.stop();
        if let Err(error) = self.shared.logs.close() {
            tracing::error!("the logs were not closed cleanly, the next start recovers them: {error}");
        }
        // Whoever still holds the logs lets them go here, and with them the lock on the directory.
        self.runtime.shutdown_timeout(SHUTDOWN);
        tracing::info!("stopped");
    }
}

fn runtime(settings: &Settings) -> Result<Runtime, BrokerError> {
    Builder::new_multi_thread()
        .worker_threads(settings.workers())
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_name("millstream-server")
        .enable_all()
        .build()
        .map_err(BrokerError::Runtime)
}

fn advertised(settings: &Settings) -> Result<Option<Endpoint>, BrokerError> {
    if settings.advertised_listeners.is_empty() {
        return Ok(None);
    }
    Ok(Some(Endpoint::plaintext("advertised.listeners", &settings.advertised_listeners)?))
}

fn directory(config: &BrokerConfig) -> Result<(std::path::PathBuf, Option<TempDir>), BrokerError> {
    match &config.directory {
        DataDirectory::Path(path) => Ok((path.clone(), None)),
        DataDirectory::Temporary => {
            let temporary =
                tempfile::Builder::new().prefix("millstream-").tempdir().map_err(BrokerError::Temporary)?;
            Ok((temporary.path().to_owned(), Some(temporary)))
        }
    }
}

fn open(
    config: BrokerConfig,
    settings: Settings,
    directory: std::path::PathBuf,
    advertised: Option<Endpoint>,
) -> Result<Arc<Shared>, BrokerError> {
    let options = LogsOptions {
        flushers: usize::try_from(settings.flusher_threads).unwrap_or(1),
        retention_check_ms: settings.log_retention_check_interval_ms,
        checkpoint_ms: settings.log_flush_checkpoint_ms.into(),
        cleaner_backoff_ms: u64::try_from(settings.log_cleaner_backoff_ms).unwrap_or(0),
        producer_check_ms: settings.producer_id_check_ms.into(),
        producer_expiration_ms: settings.producer_id_expiration_ms.into(),
        ..LogsOptions::new(directory, NodeId(settings.node_id))
    };
    let logs = Logs::open(options, Arc::new(DiskStorage))?;
    let metadata = Metadata::open(logs.clone(), &settings, config.into_values())?;
    let fetch_sessions = Arc::new(FetchSessions::new(settings.fetch_session_slots));
    let groups = GroupCoordinator::new(metadata.clone(), &settings);
    let admission = Admission::new(settings.max_connections, settings.max_connections_per_ip);
    let counters = Counters::default();
    Ok(Arc::new(Shared { settings, logs, metadata, groups, fetch_sessions, admission, counters, advertised }))
}
