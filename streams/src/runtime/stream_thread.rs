//! A stream thread: an OS thread that owns its tasks. Here is only the waiting; the work is [`Worker`]'s.

use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::assignment::{
    ApplicationShutdown, AssignedHere, ChangelogEnds, KnownHosts, TaskAssignor, ThreadPlace, WithShutdown,
};
use super::clock::Clock;
use super::cluster_link::ClusterLink;
use super::config::StreamsConfig;
use super::link::Committed;
use super::mailbox::Mail;
use super::offset_sums::OffsetSums;
use super::punctuation_budget::PunctuationBudget;
use super::refusals::Refusals;
use super::shared::{Shared, ThreadObserver};
use super::stores::Stores;
use super::topics::InternalTopic;
use super::uncaught::{Failure, Uncaught};
use super::worker::{Worker, WorkerConfig, WorkerError};
use super::{LinkError, StreamsError, UncaughtResponse};
use crate::store::shared::Globals;
use crate::topology::Topology;

/// Fetched ranges and rebalances that are taken in before tasks get their turn.
const EVENTS_PER_ROUND: usize = 64;

/// The longest wait when nothing is due.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often a commit at the end is tried that a rebalance puts off, and how long in between.
const LAST_COMMITS: usize = 50;
const LAST_COMMIT_PAUSE: Duration = Duration::from_millis(100);

/// How long a thread that has failed waits for what it had sent.
const SETTLE: Duration = Duration::from_secs(5);

/// What a stream thread is made of.
pub(super) struct StreamThread {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) config: Arc<StreamsConfig>,
    pub(super) topology: Topology,
    /// As they are in the cluster.
    pub(super) internal_topics: Arc<[InternalTopic]>,
    pub(super) offset_sums: Arc<OffsetSums>,
    pub(super) stores: Stores,
    pub(super) globals: Globals,
    pub(super) shared: Arc<Shared>,
    pub(super) known_hosts: Arc<KnownHosts>,
    pub(super) shutdown: Arc<ApplicationShutdown>,
    pub(super) uncaught: Arc<Uncaught>,
    pub(super) inbox: mpsc::Receiver<Mail>,
    pub(super) network: Handle,
}

/// How a thread ended.
pub(super) struct ThreadEnd {
    /// `None`: it fills the global tables.
    pub(super) index: Option<usize>,
    pub(super) name: String,
    /// `None`: it ended as it was told.
    pub(super) failure: Option<Failure>,
}

impl StreamThread {
    pub(super) fn spawn(
        self,
        ended: mpsc::UnboundedSender<ThreadEnd>,
    ) -> Result<JoinHandle<()>, StreamsError> {
        let (index, name) = (Some(self.index), self.name.clone());
        let (thread_name, uncaught) = (name.clone(), Arc::clone(&self.uncaught));
        let run = move || {
            // Tasks catch what users' closures throw. A panic that gets here is ours, and must not go unnoticed.
            let ended_as = panic::catch_unwind(AssertUnwindSafe(|| self.run()));
            let failure = match ended_as {
                Ok(result) => result.err(),
                Err(_) => Some(uncaught.ask(StreamsError::Lost(name.clone()))),
            };
            let _ = ended.send(ThreadEnd { index, name, failure });
        };
        let spawned = Builder::new().name(thread_name).spawn(run);
        spawned
            .map_err(|source| StreamsError::System { doing: "starting a stream thread".to_owned(), source })
    }

    fn run(mut self) -> Result<(), Failure> {
        let (name, uncaught) = (self.name.clone(), Arc::clone(&self.uncaught));
        let has_policies = !self.config.policies().is_empty() || self.topology.graph().has_policies();
        let failed = |source: WorkerError| {
            let passes = source.may_pass() && (matches!(source, WorkerError::Link(_)) || !has_policies);
            let error = StreamsError::Thread { thread: name.clone(), source };
            if passes { Failure::that_passes(error) } else { uncaught.ask(error) }
        };
        let link = self.connect().map_err(|error| failed(error.into()))?;
        let (clock, shared) = (Clock::start(), Arc::clone(&self.shared));
        let told = Told { shared: &shared, cache_bytes: self.config.cache_bytes };
        let mut inbox = std::mem::replace(&mut self.inbox, mpsc::channel(1).1);
        let mut worker = self.worker(link, &clock);
        let ended = run_until_told(&mut worker, &mut inbox, &clock, &told);
        let ended = ended.and_then(|leave_group| {
            commit_what_is_left(&mut worker, &clock)?;
            worker.shut_down(clock.now())?;
            Ok(leave_group)
        });
        match ended {
            Ok(leave_group) => {
                worker.into_link().close(leave_group);
                Ok(())
            }
            Err(error) => {
                let failure = failed(error);
                // The one that takes its place finds its place in the group kept.
                let leave_group = failure.response != UncaughtResponse::ReplaceThread;
                worker.into_link().abandon(SETTLE, leave_group);
                Err(failure)
            }
        }
    }

    fn connect(&self) -> Result<ClusterLink, LinkError> {
        let Self { index, config, topology, network, .. } = self;
        let place = ThreadPlace {
            placement: config.placement.clone(),
            offset_sums: Arc::clone(&self.offset_sums),
            known_hosts: Arc::clone(&self.known_hosts),
            here: AssignedHere::new(),
            ends: ChangelogEnds::default(),
        };
        let assignor = TaskAssignor::new(
            topology.clone(),
            config.application_id.as_str().into(),
            Arc::clone(&self.internal_topics),
            place.clone(),
        );
        let assignor = WithShutdown::new(assignor, Arc::clone(&self.shutdown));
        let refusals = Refusals::new(topology.clone(), config.policies(), self.shared.errors().clone());
        ClusterLink::connect(*index, config, topology, assignor, place, refusals, network)
    }

    fn worker(self, link: ClusterLink, clock: &Clock) -> Worker<ClusterLink> {
        let Self { index, config, topology, offset_sums, stores, globals, shared, .. } = self;
        let worker_config = WorkerConfig {
            application_id: config.application_id.as_str().into(),
            commit_interval_ms: config.commit_interval.as_millis() as i64,
            purge_interval_ms: config.purge_interval.as_millis() as i64,
            timestamps: config.timestamps,
            max_idle: config.max_idle,
            max_buffered_records: config.buffered_records,
            task_timeout_ms: config.task_timeout.as_millis() as i64,
            cache_bytes: config.cache_bytes / shared.sharers(),
            errors: config.policies(),
            error_counters: shared.errors().clone(),
        };
        let open = Box::new(move |task, specs: &[_]| stores.open(task, specs));
        let observer = ThreadObserver { shared, thread: index, offset_sums, started: Instant::now() };
        let observer = Box::new(observer);
        let budget = Rc::new(PunctuationBudget::default());
        let worker = Worker::new(worker_config, topology, link, open, observer, budget, clock.now());
        worker.with_globals(globals)
    }
}

/// What an application tells its threads while they run.
struct Told<'a> {
    shared: &'a Shared,
    /// Of all threads.
    cache_bytes: usize,
}

impl Told<'_> {
    fn tell(&self, worker: &mut Worker<ClusterLink>) -> Result<(), WorkerError> {
        worker.pause(self.shared.is_paused() || self.shared.is_halted());
        worker.resize_cache(self.cache_bytes / self.shared.sharers())
    }
}

/// Commits, through a rebalance that may be under way: whoever is given the tasks next goes on behind the last record.
fn commit_what_is_left(worker: &mut Worker<ClusterLink>, clock: &Clock) -> Result<(), WorkerError> {
    for _ in 0..LAST_COMMITS {
        if worker.commit(clock.now())? != Some(Committed::Later) {
            return Ok(());
        }
        thread::sleep(LAST_COMMIT_PAUSE);
    }
    tracing::warn!(
        "closing without the last commit: what was processed since the one before is processed again"
    );
    Ok(())
}

/// Works until a message says stop; returns whether to leave the group.
fn run_until_told(
    worker: &mut Worker<ClusterLink>,
    inbox: &mut mpsc::Receiver<Mail>,
    clock: &Clock,
    told: &Told<'_>,
) -> Result<bool, WorkerError> {
    let mut waited_for = None;
    loop {
        told.tell(worker)?;
        while let Some(mail) = waited_for.take().or_else(|| inbox.try_recv().ok()) {
            match mail {
                Mail::Query(query) => {
                    worker.hear_ends(clock.now());
                    query(&worker.local_tasks(clock.now()));
                }
                Mail::Look => told.tell(worker)?,
                Mail::Rejoin => worker.link().rejoin(),
                Mail::Stop { leave_group } => return Ok(leave_group),
            }
        }
        for _ in 0..EVENTS_PER_ROUND {
            let Some(event) = worker.link().next_event()? else { break };
            worker.handle(event, clock.now())?;
            worker.link().handled();
        }
        let round = worker.step(clock.now())?;
        let seal_due = worker.link().seal_due(Instant::now());
        let probe_due = worker.link().probe_due(Instant::now());
        if round.records == 0 {
            let idle = Duration::from_millis(round.again_at.saturating_sub(clock.now()).max(0) as u64);
            let until = Instant::now() + idle.min(LONGEST_WAIT);
            let until = seal_due.into_iter().chain(probe_due).fold(until, Instant::min);
            waited_for = worker.idle(|link| link.wait(inbox, until));
        }
    }
}
