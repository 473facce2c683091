//! A stream thread: an OS thread that owns its tasks. Here is only the waiting; the work is [`Worker`]'s.

use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::StreamsError;
use super::assignment::{AssignedHere, ChangelogEnds, KnownHosts, TaskAssignor, ThreadPlace};
use super::clock::Clock;
use super::cluster_link::ClusterLink;
use super::config::StreamsConfig;
use super::mailbox::Mail;
use super::offset_sums::OffsetSums;
use super::punctuation_budget::PunctuationBudget;
use super::refusals::Refusals;
use super::shared::{Shared, ThreadObserver};
use super::stores::Stores;
use super::topics::InternalTopic;
use super::worker::{Worker, WorkerConfig, WorkerError};
use crate::store::shared::Globals;
use crate::topology::Topology;

/// Fetched ranges and rebalances that are taken in before tasks get their turn.
const EVENTS_PER_ROUND: usize = 64;

/// The longest wait when nothing is due.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

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
    pub(super) inbox: mpsc::Receiver<Mail>,
    pub(super) network: Handle,
}

/// How a thread ended.
pub(super) struct ThreadEnd {
    /// `None`: it fills the global tables.
    pub(super) index: Option<usize>,
    pub(super) name: String,
    /// `None`: it panicked.
    pub(super) result: Option<Result<(), WorkerError>>,
}

impl ThreadEnd {
    pub(super) fn failed(&self) -> bool {
        !matches!(self.result, Some(Ok(())))
    }

    /// An end that nobody asked for is a failure even without an error.
    pub(super) fn failure(self) -> StreamsError {
        match self.result {
            Some(Err(source)) => StreamsError::Thread { thread: self.name, source },
            _ => StreamsError::Lost(self.name),
        }
    }
}

impl StreamThread {
    pub(super) fn spawn(
        self,
        ended: mpsc::UnboundedSender<ThreadEnd>,
    ) -> Result<JoinHandle<()>, StreamsError> {
        let (index, name) = (Some(self.index), self.name.clone());
        let thread_name = name.clone();
        let run = move || {
            // Tasks catch what users' closures throw. A panic that gets here is ours, and must not go unnoticed.
            let result = panic::catch_unwind(AssertUnwindSafe(|| self.run())).ok();
            let _ = ended.send(ThreadEnd { index, name, result });
        };
        let spawned = Builder::new().name(thread_name).spawn(run);
        spawned
            .map_err(|source| StreamsError::System { doing: "starting a stream thread".to_owned(), source })
    }

    fn run(self) -> Result<(), WorkerError> {
        let Self {
            index,
            name: _,
            config,
            topology,
            internal_topics,
            offset_sums,
            stores,
            globals,
            shared,
            known_hosts,
            mut inbox,
            network,
        } = self;
        let place = ThreadPlace {
            placement: config.placement.clone(),
            offset_sums: Arc::clone(&offset_sums),
            known_hosts,
            here: AssignedHere::new(),
            ends: ChangelogEnds::default(),
        };
        let assignor = TaskAssignor::new(
            topology.clone(),
            config.application_id.as_str().into(),
            internal_topics,
            place.clone(),
        );
        let refusals = Refusals::new(topology.clone(), config.policies(), shared.errors().clone());
        let link = ClusterLink::connect(index, &config, &topology, assignor, place, refusals, &network)?;
        let clock = Clock::start();
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
        let observer = ThreadObserver {
            shared: Arc::clone(&shared),
            thread: index,
            offset_sums,
            started: Instant::now(),
        };
        let observer = Box::new(observer);
        let budget = Rc::new(PunctuationBudget::default());
        let worker = Worker::new(worker_config, topology, link, open, observer, budget, clock.now());
        let mut worker = worker.with_globals(globals);
        let told = Told { shared: &shared, cache_bytes: config.cache_bytes };
        let ended = run_until_told(&mut worker, &mut inbox, &clock, &told);
        match ended.and_then(|leave_group| worker.shut_down(clock.now()).map(|()| leave_group)) {
            Ok(leave_group) => {
                worker.into_link().close(leave_group);
                Ok(())
            }
            Err(error) => {
                // Whoever takes up the tasks finds their changelogs as they will be.
                worker.into_link().settle(SETTLE);
                Err(error)
            }
        }
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
        worker.pause(self.shared.is_paused());
        worker.resize_cache(self.cache_bytes / self.shared.sharers())
    }
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
                Mail::Query(query) => query(&worker.local_tasks()),
                Mail::Look => told.tell(worker)?,
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
