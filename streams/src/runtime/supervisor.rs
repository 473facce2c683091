//! The thread that owns an application: it prepares the cluster, starts the stream threads and waits for their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::assignment::KnownHosts;
use super::cluster;
use super::config::StreamsConfig;
use super::global::GlobalThread;
use super::mailbox::{Mail, Mailbox, mailbox};
use super::offset_sums::OffsetSums;
use super::shared::Shared;
use super::stores::Stores;
use super::stream_thread::{StreamThread, ThreadEnd};
use super::worker::WorkerError;
use super::{AppBuilder, AppState, Closing, StateDirectory, Streams, StreamsError};
use crate::query::{self, Owners, Peers};
use crate::store::shared::Globals;

/// Threads for sockets: stream threads do the work, the network only moves bytes.
const NETWORK_THREADS: usize = 1;

/// How long the network may take to say goodbye once all threads have ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// What [`start`] hands back as soon as the threads run.
type Started = Result<Streams, StreamsError>;

pub(super) async fn start(builder: AppBuilder) -> Started {
    let (ready, started) = oneshot::channel();
    let name = format!("{}-supervisor", builder.config.application_id);
    let spawned = thread::Builder::new().name(name).spawn(move || supervise(builder, ready));
    spawned.map_err(|source| StreamsError::System { doing: "starting the supervisor".to_owned(), source })?;
    started.await.unwrap_or_else(|_| Err(StreamsError::Lost("the application's supervisor".to_owned())))
}

fn supervise(builder: AppBuilder, ready: oneshot::Sender<Started>) {
    let network = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(NETWORK_THREADS)
        .thread_name("millstream-net")
        .enable_all()
        .build()
        .map_err(|source| StreamsError::System { doing: "starting the network".to_owned(), source });
    let prepared = network.and_then(|network| Supervisor::prepare(builder, network));
    let (mut supervisor, streams, finish, stop) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    // If nobody waits any more the handle is dropped here, which stops the application.
    drop(ready.send(Ok(streams)));
    let result = supervisor.run(stop);
    let Supervisor { network, directory, .. } = supervisor;
    network.shutdown_timeout(FAREWELL);
    // Whoever hears of the end may start again at once, and needs the directory.
    drop(directory);
    let _ = finish.send(result);
}

struct Supervisor {
    network: Runtime,
    shared: Arc<Shared>,
    directory: Arc<StateDirectory>,
    cleanup_delay: Duration,
    /// Of the stream threads, then of the global one.
    mailboxes: Arc<[Mailbox]>,
    threads: Vec<JoinHandle<()>>,
    ends: mpsc::UnboundedReceiver<ThreadEnd>,
}

type Prepared = (Supervisor, Streams, oneshot::Sender<Result<(), StreamsError>>, mpsc::Receiver<Closing>);

impl Supervisor {
    fn prepare(builder: AppBuilder, network: Runtime) -> Result<Prepared, StreamsError> {
        let AppBuilder {
            topology,
            config,
            state_listeners,
            restore_listeners,
            arrival_listeners,
            served,
            query_listen,
            ..
        } = builder;
        let topology = topology.optimized(config.optimization);
        let directory = Arc::new(StateDirectory::open(&config.state_dir, &config.application_id)?);
        let internal_topics: Arc<[_]> = network.block_on(cluster::prepare(&topology, &config))?.into();
        let shared = Shared::new(config.threads, state_listeners, restore_listeners, arrival_listeners);
        let (mailboxes, inboxes): (Vec<_>, Vec<_>) = (0..config.threads).map(|_| mailbox()).unzip();
        let mailboxes: Arc<[Mailbox]> = mailboxes.into();
        let (global_mailbox, global_inbox) = mailbox();
        let server = query_listen.map(|address| listen(&network, &address)).transpose()?;
        let query_address = server.as_ref().map(|server| server.address);
        let known_hosts = KnownHosts::new(directory.process_id(), endpoint(&config, query_address));
        let owners = Owners {
            threads: Arc::clone(&mailboxes),
            global: Arc::from([global_mailbox.clone()]),
            topology: topology.clone(),
            known_hosts: Arc::clone(&known_hosts),
            peers: Peers::new(&config.application_id),
            runtime: network.handle().clone(),
        };
        let served: Result<Vec<_>, _> =
            served.into_iter().map(|store| store.open_served(owners.clone())).collect();
        let router = query::router(Arc::new(served?), owners.clone());
        if let Some(server) = server {
            network.spawn(query::serve(server, router.clone()));
        }

        shared.enter(AppState::Rebalancing);
        let config = Arc::new(config);
        let stores = Stores::new(Arc::clone(&directory), &config);
        let offset_sums = OffsetSums::new(Arc::clone(&directory));
        let (ended, mut ends) = mpsc::unbounded_channel();
        let mut threads = Vec::new();
        let globals = if topology.globals().is_empty() {
            Globals::default()
        } else {
            let opened = GlobalThread::open(
                &config,
                &topology,
                &directory,
                &stores,
                network.handle(),
                shared.errors(),
            );
            let (thread, globals) = opened.map_err(global_failed)?;
            let (complete, completed) = oneshot::channel();
            threads.push(thread.spawn(global_inbox, complete, ended.clone())?);
            if completed.blocking_recv().is_err() {
                let end = ends.blocking_recv().map(ThreadEnd::failure);
                return Err(end.unwrap_or_else(|| StreamsError::Lost("the global thread".to_owned())));
            }
            globals
        };
        for (index, inbox) in inboxes.into_iter().enumerate() {
            let thread = StreamThread {
                index,
                config: Arc::clone(&config),
                topology: topology.clone(),
                internal_topics: Arc::clone(&internal_topics),
                offset_sums: Arc::clone(&offset_sums),
                stores: stores.clone(),
                globals: globals.clone(),
                shared: Arc::clone(&shared),
                known_hosts: Arc::clone(&known_hosts),
                inbox,
                network: network.handle().clone(),
            };
            threads.push(thread.spawn(ended.clone())?);
        }
        let cleanup_delay = config.cleanup_delay;
        let runtime: Handle = network.handle().clone();
        let (stop, stopped) = mpsc::channel(1);
        let (finish, finished) = oneshot::channel();
        let streams =
            Streams { shared: Arc::clone(&shared), owners, query_address, router, stop, finished, runtime };
        let mailboxes = mailboxes.iter().cloned().chain([global_mailbox]).collect();
        let supervisor = Self { network, shared, directory, cleanup_delay, mailboxes, threads, ends };
        Ok((supervisor, streams, finish, stopped))
    }

    /// Waits for the word to stop, or for the first thread that fails, then ends all of them.
    fn run(&mut self, mut stop: mpsc::Receiver<Closing>) -> Result<(), StreamsError> {
        let mut failure = None;
        let closing = loop {
            let (ends, directory) = (&mut self.ends, &self.directory);
            let cleanup_delay = self.cleanup_delay;
            let woken = self.network.block_on(async {
                tokio::select! {
                    closing = stop.recv() => Some(Ok(closing.unwrap_or_default())),
                    end = ends.recv() => end.map(Err),
                    () = tokio::time::sleep(cleanup_delay.max(Duration::from_secs(1))) => None,
                }
            });
            match woken {
                Some(Ok(closing)) => break closing,
                Some(Err(end)) => {
                    failure = Some(end.failure());
                    break Closing::Leaving;
                }
                None => {
                    if let Err(error) = directory.clean(SystemTime::now(), cleanup_delay) {
                        tracing::warn!(%error, "cleaning the state directory failed; it is tried again");
                    }
                }
            }
        };
        if failure.is_none() {
            self.shared.enter(AppState::PendingShutdown);
        }
        let first_failure = failure.or(self.stop_threads(closing));
        match first_failure {
            Some(error) => {
                tracing::error!(%error, "the application has stopped");
                self.shared.enter(AppState::Error);
                Err(error)
            }
            None => {
                self.shared.enter(AppState::NotRunning);
                Ok(())
            }
        }
    }

    /// Tells every thread to end and waits until it has; returns the first failure.
    fn stop_threads(&mut self, closing: Closing) -> Option<StreamsError> {
        for mailbox in self.mailboxes.iter() {
            // A thread that has ended already takes no mail.
            let _ = mailbox.blocking_send(Mail::Stop { leave_group: closing == Closing::Leaving });
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let mut failure = None;
        while let Ok(end) = self.ends.try_recv() {
            failure = failure.or(end.failed().then(|| end.failure()));
        }
        failure
    }
}

fn global_failed(source: WorkerError) -> StreamsError {
    StreamsError::Thread { thread: "global".to_owned(), source }
}

/// Where other instances ask this one: as configured, else where it listens, unless that is every address there is.
fn endpoint(config: &StreamsConfig, listening: Option<SocketAddr>) -> String {
    if !config.application_server.is_empty() {
        return config.application_server.clone();
    }
    match listening {
        Some(address) if address.ip().is_unspecified() => {
            tracing::warn!(%address, "set application.server: other instances cannot tell where this one is to be asked");
            String::new()
        }
        Some(address) => address.to_string(),
        None => String::new(),
    }
}

fn listen(network: &Runtime, address: &str) -> Result<query::Server, StreamsError> {
    let failed =
        |source| StreamsError::System { doing: format!("listening for queries on {address}"), source };
    network.block_on(query::Server::bind(address)).map_err(failed)
}
