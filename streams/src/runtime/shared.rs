use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::AppState;
use super::offset_sums::OffsetSums;
use super::standby::StandbyStore;
use super::worker::{Arrival, Observer, RestoreProgress};
use crate::errors::ErrorCounters;
use crate::metrics::{Board, Metrics, Pace, ThreadMetrics, Told};
use crate::task::{Standing, TaskId};

/// Told of every change of state: the old one, the new one.
pub(crate) type StateListener = Box<dyn Fn(AppState, AppState) + Send + Sync>;

/// Told of restores as they begin, go on and end.
pub(crate) type RestoreListener = Box<dyn Fn(&RestoreProgress) + Send + Sync>;

/// Told of tasks that have come from another owner, or back, and run.
pub(crate) type ArrivalListener = Box<dyn Fn(&Arrival) + Send + Sync>;

/// What the handle of an application and its threads share.
pub(crate) struct Shared {
    /// A lock of std's kind: it is taken when tasks move, not when records do, and never across a wait.
    inner: Mutex<Inner>,
    /// Records processed by all threads; each adds once a round.
    records: AtomicU64,
    /// What has failed in all threads.
    errors: ErrorCounters,
    /// Whether nothing is to be processed; each thread looks once a round.
    paused: AtomicBool,
    /// Whether the application is about to stop, so that nothing more is to be processed; each thread looks once a round.
    halted: AtomicBool,
    /// How many threads share the cache; each looks once a round.
    sharers: AtomicUsize,
    /// The numbers of the threads.
    board: Board,
    /// What the other instances have said last of how they keep up: written every few seconds, read with the metrics.
    peers: Mutex<Vec<Told>>,
    started: Instant,
    state_listeners: Vec<StateListener>,
    restore_listeners: Vec<RestoreListener>,
    arrival_listeners: Vec<ArrivalListener>,
}

struct Inner {
    state: AppState,
    threads: BTreeMap<usize, ThreadTasks>,
    /// The last one of each task.
    arrivals: BTreeMap<TaskId, Arrival>,
}

/// What a thread has said of its tasks; nothing until the group has said what it owns.
#[derive(Debug, Clone, Default)]
struct ThreadTasks {
    settled: bool,
    running: Vec<TaskId>,
    restoring: Vec<TaskId>,
    standbys: Vec<TaskId>,
    standby_stores: Vec<StandbyStore>,
}

impl Shared {
    pub(crate) fn new(
        paused: bool,
        state_listeners: Vec<StateListener>,
        restore_listeners: Vec<RestoreListener>,
        arrival_listeners: Vec<ArrivalListener>,
    ) -> Arc<Self> {
        let (threads, arrivals) = (BTreeMap::new(), BTreeMap::new());
        let inner = Inner { state: AppState::Created, threads, arrivals };
        Arc::new(Self {
            inner: Mutex::new(inner),
            records: AtomicU64::new(0),
            errors: ErrorCounters::default(),
            paused: AtomicBool::new(paused),
            halted: AtomicBool::new(false),
            sharers: AtomicUsize::new(1),
            board: Board::default(),
            peers: Mutex::default(),
            started: Instant::now(),
            state_listeners,
            restore_listeners,
            arrival_listeners,
        })
    }

    pub(crate) fn state(&self) -> AppState {
        self.inner.lock().state
    }

    pub(crate) fn errors(&self) -> &ErrorCounters {
        &self.errors
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let inner = self.inner.lock();
        let records = self.records.load(Ordering::Relaxed);
        let collect = |of: fn(&ThreadTasks) -> &Vec<TaskId>| {
            let mut tasks: Vec<TaskId> = inner.threads.values().flat_map(of).copied().collect();
            tasks.sort();
            tasks
        };
        let running = collect(|thread| &thread.running);
        let threads = self.board.read();
        Metrics {
            state: inner.state,
            records,
            records_per_second: records as f64 / self.started.elapsed().as_secs_f64().max(0.001),
            errors: self.errors.snapshot(),
            pace: Pace::of(&threads, &self.peers.lock()),
            threads,
            restoring: collect(|thread| &thread.restoring),
            standbys: collect(|thread| &thread.standbys),
            standby_stores: inner.threads.values().flat_map(|thread| thread.standby_stores.clone()).collect(),
            arrivals: running.iter().filter_map(|task| inner.arrivals.get(task).copied()).collect(),
            running,
        }
    }

    /// The other instances have said how they keep up.
    pub(crate) fn learn_peers(&self, told: Vec<Told>) {
        *self.peers.lock() = told;
    }

    /// Numbers of the thread of the global tables.
    pub(crate) fn global_measured(&self, metrics: ThreadMetrics) {
        self.board.post(None, metrics);
    }

    /// That thread, which has waited so long in all, begins to wait for records or goes on.
    pub(crate) fn global_waits(&self, waited: Duration, waits: bool) {
        self.board.waits(None, waited, waits);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// How many threads share the cache.
    pub(crate) fn sharers(&self) -> usize {
        self.sharers.load(Ordering::Relaxed)
    }

    pub(crate) fn share_among(&self, threads: usize) {
        self.sharers.store(threads.max(1), Ordering::Relaxed);
    }

    /// A thread begins, or one in its place: what it owns is not known yet.
    pub(crate) fn thread_started(&self, thread: usize) {
        self.inner.lock().threads.insert(thread, ThreadTasks::default());
        self.settle();
    }

    /// A thread has died and will be replaced.
    pub(crate) fn thread_died(&self, thread: usize) {
        self.board.remove(thread);
        self.thread_started(thread);
    }

    /// A thread has gone for good.
    pub(crate) fn thread_removed(&self, thread: usize) {
        self.inner.lock().threads.remove(&thread);
        self.board.remove(thread);
        self.settle();
    }

    /// Enters a state, unless the present one is final, and tells the listeners once the lock is free.
    pub(crate) fn enter(&self, state: AppState) {
        self.change(|_| state);
    }

    fn change(&self, next: impl FnOnce(&Inner) -> AppState) {
        let (old, new) = {
            let mut inner = self.inner.lock();
            let (old, new) = (inner.state, next(&inner));
            if old == new || old.is_final() {
                return;
            }
            inner.state = new;
            (old, new)
        };
        tracing::info!(from = %old, to = %new, "state");
        self.state_listeners.iter().for_each(|listener| listener(old, new));
    }

    fn tasks_changed(&self, thread: usize, running: &[TaskId], restoring: &[TaskId]) {
        let (running, restoring) = (running.to_vec(), restoring.to_vec());
        tracing::info!(thread, ?running, ?restoring, "tasks");
        {
            let mut inner = self.inner.lock();
            let known = inner.threads.entry(thread).or_default();
            (known.settled, known.running, known.restoring) = (true, running, restoring);
        }
        self.settle();
    }

    /// Enters the state that follows from what the threads do, unless the application is stopping.
    fn settle(&self) {
        self.change(|inner| match inner.state {
            AppState::Rebalancing | AppState::Running => inner.working_state(),
            other => other,
        });
    }

    fn standbys_changed(&self, thread: usize, tasks: &[TaskId], stores: &[StandbyStore]) {
        let mut inner = self.inner.lock();
        let known = inner.threads.entry(thread).or_default();
        if known.standbys != tasks {
            tracing::info!(thread, standbys = ?tasks, "standby tasks");
        }
        (known.standbys, known.standby_stores) = (tasks.to_vec(), stores.to_vec());
    }
}

impl Inner {
    fn working_state(&self) -> AppState {
        let ready = self.threads.values().all(|thread| thread.settled && thread.restoring.is_empty());
        if ready { AppState::Running } else { AppState::Rebalancing }
    }
}

/// One thread's voice in [`Shared`].
pub(crate) struct ThreadObserver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) thread: usize,
    /// Told how far the state of tasks is.
    pub(crate) offset_sums: Arc<OffsetSums>,
    /// When the thread started, to measure by.
    pub(crate) started: Instant,
}

impl Observer for ThreadObserver {
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn measured(&self, metrics: ThreadMetrics) {
        self.shared.board.post(Some(self.thread), metrics);
    }

    fn waits(&self, waited: Duration, waits: bool) {
        self.shared.board.waits(Some(self.thread), waited, waits);
    }

    fn restoring(&self, progress: &RestoreProgress) {
        let RestoreProgress { task, store, changelog, records, .. } = progress;
        let (remaining, rate) = (progress.remaining(), progress.rate() as u64);
        if progress.suspended {
            tracing::info!(%task, store, %changelog, records, remaining, "no longer restored here");
        } else if progress.is_done() {
            tracing::info!(%task, store, %changelog, records, rate, "restored");
        } else {
            tracing::info!(%task, store, %changelog, records, rate, remaining, "restoring");
        }
        self.shared.restore_listeners.iter().for_each(|listener| listener(progress));
    }

    fn tasks(&self, running: &[TaskId], restoring: &[TaskId]) {
        self.shared.tasks_changed(self.thread, running, restoring);
    }

    fn standbys(&self, tasks: &[TaskId], stores: &[StandbyStore]) {
        self.shared.standbys_changed(self.thread, tasks, stores);
    }

    fn stands(&self, task: TaskId, standing: Standing) {
        self.offset_sums.advance(task, standing);
    }

    fn closed(&self, task: TaskId, standing: Standing) {
        self.offset_sums.close(task, standing);
    }

    fn arrived(&self, arrival: &Arrival) {
        let Arrival { task, away, was_let_go } = arrival;
        tracing::info!(%task, ?away, was_let_go, "a task has come; it was away");
        self.shared.inner.lock().arrivals.insert(*task, *arrival);
        self.shared.arrival_listeners.iter().for_each(|listener| listener(arrival));
    }

    fn processed(&self, records: usize) {
        self.shared.records.fetch_add(records as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId { subtopology: 0, partition: 0 };

    #[test]
    fn an_application_runs_when_all_its_threads_do() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&seen);
        let listener: StateListener = Box::new(move |_, new| listener.lock().push(new.to_string()));
        let shared = Shared::new(false, vec![listener], Vec::new(), Vec::new());
        shared.thread_started(0);
        shared.thread_started(1);
        shared.enter(AppState::Rebalancing);
        shared.tasks_changed(0, &[TASK], &[]);
        shared.tasks_changed(1, &[], &[TASK]);
        shared.tasks_changed(1, &[TASK], &[]);
        // Another one joins, and dies; the second leaves.
        shared.thread_started(2);
        shared.tasks_changed(2, &[], &[]);
        shared.thread_died(2);
        shared.thread_removed(2);
        shared.thread_removed(1);
        shared.enter(AppState::PendingError);
        shared.tasks_changed(0, &[], &[]);
        shared.enter(AppState::Error);
        shared.enter(AppState::NotRunning);
        assert_eq!(
            *seen.lock(),
            [
                "REBALANCING",
                "RUNNING",
                "REBALANCING",
                "RUNNING",
                "REBALANCING",
                "RUNNING",
                "PENDING_ERROR",
                "ERROR"
            ]
        );
    }
}
