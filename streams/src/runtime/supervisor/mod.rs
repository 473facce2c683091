//! The thread that owns an application: it prepares the cluster, starts the stream threads and waits for their end.

mod command;
mod crew;
mod roster;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::assignment::KnownHosts;
use super::clock::Clock;
use super::cluster;
use super::config::StreamsConfig;
use super::global::GlobalThread;
use super::mailbox::{Mailbox, Mailboxes, mailbox};
use super::offset_sums::OffsetSums;
use super::shared::Shared;
use super::stores::Stores;
use super::stream_thread::ThreadEnd;
use super::worker::WorkerError;
use super::{AppBuilder, AppState, StateDirectory, Streams, StreamsError};
use millstream_http::Server;

use crate::metrics;
use crate::query::{self, Owners, Peers};
use crate::store::shared::Globals;
use crew::Crew;
use roster::Roster;

pub(super) use command::Command;

/// Threads for sockets: stream threads do the work, the network only moves bytes.
const NETWORK_THREADS: usize = 1;

/// Requests of the handle that may wait; more wait where they are made.
const MAX_COMMANDS: usize = 16;

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
    let (mut supervisor, streams, finish, commands) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    // If nobody waits any more the handle is dropped here, which stops the application.
    drop(ready.send(Ok(streams)));
    let result = supervisor.run(commands);
    let Supervisor { network, crew, .. } = supervisor;
    network.shutdown_timeout(FAREWELL);
    // Whoever hears of the end may start again at once, and needs the directory.
    drop(crew);
    let _ = finish.send(result);
}

struct Supervisor {
    network: Runtime,
    crew: Crew,
    roster: Roster,
    clock: Clock,
    /// Of the stream threads that have not been seen to end, by their indexes.
    threads: BTreeMap<usize, JoinHandle<()>>,
    global: Option<Global>,
    ends: mpsc::UnboundedReceiver<ThreadEnd>,
    /// Removals that somebody waits for.
    removals: Vec<Removal>,
    /// The end of the whole application, which the group is being told.
    announcement: Option<Announcement>,
    /// When (ms) the state directory is cleaned next.
    clean_at: i64,
}

/// The thread that fills the global tables.
struct Global {
    mailbox: Mailbox,
    handle: JoinHandle<()>,
}

/// Why the whole application is to stop.
struct Announcement {
    failure: StreamsError,
    /// When (ms) this instance stops though it has not heard from the group.
    deadline: i64,
}

/// A thread that was told to end, and who wants to know.
struct Removal {
    thread: usize,
    timeout: Duration,
    /// When (ms) whoever waits is told that it takes longer.
    deadline: i64,
    reply: oneshot::Sender<Result<Option<String>, StreamsError>>,
}

type Prepared = (Supervisor, Streams, oneshot::Sender<Result<(), StreamsError>>, mpsc::Receiver<Command>);

impl Supervisor {
    fn prepare(builder: AppBuilder, network: Runtime) -> Result<Prepared, StreamsError> {
        let AppBuilder {
            topology,
            config,
            state_listeners,
            restore_listeners,
            arrival_listeners,
            uncaught,
            paused,
            served,
            query_listen,
            exposed,
            ..
        } = builder;
        let topology = topology.optimized(config.optimization);
        let directory = Arc::new(StateDirectory::open(&config.state_dir, &config.application_id)?);
        let internal_topics: Arc<[_]> = network.block_on(cluster::prepare(&topology, &config))?.into();
        let shared = Shared::new(paused, state_listeners, restore_listeners, arrival_listeners);
        let mailboxes: Arc<Mailboxes> = Arc::default();
        let (global_mailbox, global_inbox) = mailbox();
        let server = query_listen.map(|address| listen(&network, &address)).transpose()?;
        let query_address = server.as_ref().map(|server| server.address());
        let known_hosts = KnownHosts::new(directory.process_id(), endpoint(&config, query_address));
        let owners = Owners {
            threads: Arc::clone(&mailboxes),
            global: Arc::new(Mailboxes::of(global_mailbox.clone())),
            topology: topology.clone(),
            known_hosts: Arc::clone(&known_hosts),
            peers: Peers::new(&config.application_id),
            runtime: network.handle().clone(),
        };
        let served: Result<Vec<_>, _> =
            served.into_iter().map(|store| store.open_served(owners.clone())).collect();
        let (measured, told) = (Arc::clone(&shared), Arc::clone(&shared));
        let metrics = metrics::router(move || measured.metrics(), exposed, Arc::clone(&known_hosts));
        let peers = owners.peers.clone();
        network.spawn(query::watch_pace(peers, Arc::clone(&known_hosts), move |all| told.learn_peers(all)));
        let router = query::router(Arc::new(served?), owners.clone()).merge(metrics);
        if let Some(server) = server {
            network.spawn(query::serve(server, router.clone()));
        }

        shared.enter(AppState::Rebalancing);
        let config = Arc::new(config);
        let stores = Stores::new(Arc::clone(&directory), &config);
        let offset_sums = OffsetSums::new(Arc::clone(&directory));
        let uncaught = Arc::new(uncaught);
        let (ended, mut ends) = mpsc::unbounded_channel();
        let mut global = None;
        let globals = if topology.globals().is_empty() {
            Globals::default()
        } else {
            let opened =
                GlobalThread::open(&config, &topology, &directory, &stores, network.handle(), &shared);
            let (thread, globals) = opened.map_err(global_failed)?;
            let (complete, completed) = oneshot::channel();
            let handle = thread.spawn(global_inbox, complete, Arc::clone(&uncaught), ended.clone())?;
            global = Some(Global { mailbox: global_mailbox, handle });
            if completed.blocking_recv().is_err() {
                let failure = ends.blocking_recv().and_then(|end| end.failure);
                let lost = || StreamsError::Lost("the global thread".to_owned());
                return Err(failure.map_or_else(lost, |failure| failure.error));
            }
            globals
        };
        let crew = Crew {
            config,
            topology,
            internal_topics,
            directory,
            offset_sums,
            stores,
            globals,
            shared: Arc::clone(&shared),
            known_hosts,
            shutdown: Arc::default(),
            uncaught,
            mailboxes: Arc::clone(&mailboxes),
            network: network.handle().clone(),
            ended,
        };
        let runtime: Handle = network.handle().clone();
        let (commands, commanded) = mpsc::channel(MAX_COMMANDS);
        let (finish, finished) = oneshot::channel();
        let streams =
            Streams { shared, owners, query_address, router, mailboxes, commands, finished, runtime };
        let mut supervisor = Self {
            network,
            crew,
            roster: Roster::default(),
            clock: Clock::start(),
            threads: BTreeMap::new(),
            global,
            ends,
            removals: Vec::new(),
            announcement: None,
            clean_at: 0,
        };
        supervisor.start_threads()?;
        Ok((supervisor, streams, finish, commanded))
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

fn listen(network: &Runtime, address: &str) -> Result<Server, StreamsError> {
    let failed =
        |source| StreamsError::System { doing: format!("listening for queries on {address}"), source };
    network.block_on(Server::bind(address)).map_err(failed)
}
