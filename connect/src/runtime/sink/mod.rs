//! The way of a sink's records: fetch, convert, transform, write; offsets only behind what is flushed.
//!
//! ```text
//! consumer ─► converters ─► transforms ─► lanes ─► write ─► flush ─► commit
//!                 └── fails ────┘           ▲        ├── again, later
//!                       │                   └────────┘
//!                       └─► dead letter ◄── refused ─┘
//! ```

mod arrive;
pub(crate) mod bisect;
mod chunks;
mod commit;
pub(crate) mod lanes;
mod linger;
mod patience;
mod write;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_client::{Event, Fetched, TopicPartition};
use tokio::sync::watch;

use self::chunks::Chunks;
use self::lanes::Lanes;
use self::patience::Seat;
use super::RunError;
use super::backoff::Attempts;
use super::environment::{Control, Environment, WORTH_TELLING, cut_off};
use super::meter::{Doing, Stage};
use super::options::SinkOptions;
use super::subscription::Subscription;
use super::undertaker::Undertaker;
use crate::herder::State;
use crate::options::{Given, Options};
use crate::record::Record;
use crate::sink::SinkTask;

/// The longest that a run waits for records before it looks at its clocks.
const POLL_MAX: Duration = Duration::from_millis(500);
/// How long a task is told of as degraded after it gave partitions up without a commit, however well it fares since.
const GIVEN_UP_SHOWN: Duration = Duration::from_secs(30);
/// How often the lag is found out.
const MEASURE: Duration = Duration::from_secs(1);
/// How long a target is waited for when partitions go; or a quarter of the time that the group gives, if that is less.
const LETTING_GO_MAX: Duration = Duration::from_secs(30);
/// The option that says how many records a sink is given at once.
const BATCH_RECORDS: &str = "sink.batch.records";
/// A lane that is held up keeps so many batches at most.
const CHOKED_BATCHES: usize = 2;

/// A run of a sink's task.
pub(crate) struct SinkRun {
    environment: Environment,
    options: SinkOptions,
    seat: Seat,
    /// Fetched, but there was no memory for it yet.
    waiting_for_memory: Option<Fetched>,
    lanes: Lanes<Record>,
    /// The bytes that the records in the lanes were read from, and the memory that they take.
    chunks: Chunks,
    undertaker: Undertaker,
    /// The target takes nothing.
    outage: Option<Outage>,
    /// Topics that were told to the herder.
    topics: BTreeSet<Arc<str>>,
    /// When the target is flushed and offsets are committed next.
    commit_at: Instant,
    /// When it is found out next how much there is to be done.
    measure_at: Instant,
    /// Something was written since the last flush.
    unflushed: bool,
    /// The last flush failed: that records are written is no sign that the target is well.
    flush_failed: bool,
    /// The target did not answer in time when partitions were to go or the task was to end: it is not asked before that is done.
    abandoned: bool,
    /// When partitions were last given up without a commit.
    given_up_at: Option<Instant>,
    /// The sink wants JSON as the text that it is, and no transform looks into it.
    keeps_json: bool,
    /// The group has said what is the task's, be it nothing, and the sink has taken it on.
    is_seated: bool,
}

struct Outage {
    attempts: Attempts,
    until: Instant,
}

impl SinkRun {
    /// Makes the clients and subscribes.
    pub(crate) async fn open(
        environment: Environment,
        control: watch::Receiver<Control>,
    ) -> Result<Self, RunError> {
        let options = SinkOptions::read(&Given::new(&environment.config)).map_err(RunError::Config)?;
        let config = environment.clients.consumer_config(&environment.id.connector)?;
        let letting_go = LETTING_GO_MAX.min(config.max_poll_interval / 4);
        let consumer = config.build().await?;
        Subscription::read(&environment.config).map_err(RunError::Config)?.subscribe(&consumer)?;
        let seat = Seat {
            consumer,
            assigned: BTreeMap::new(),
            events: VecDeque::new(),
            choked: BTreeSet::new(),
            control,
            graceful: environment.graceful,
            letting_go,
        };
        let lanes = Lanes::new(environment.options.errors.record_budget());
        let undertaker = Undertaker::new(&environment);
        Ok(Self {
            environment,
            options,
            seat,
            waiting_for_memory: None,
            lanes,
            chunks: Chunks::default(),
            undertaker,
            outage: None,
            topics: BTreeSet::new(),
            commit_at: Instant::now(),
            measure_at: Instant::now(),
            unflushed: false,
            flush_failed: false,
            abandoned: false,
            given_up_at: None,
            keeps_json: false,
            is_seated: false,
        })
    }

    /// Runs until it is told to stop. However it ends, it leaves its group, so that nobody waits for it.
    pub(crate) async fn run(mut self, task: &mut dyn SinkTask) -> Result<(), RunError> {
        let is_told = self.environment.config.contains_key(BATCH_RECORDS);
        if let (Some(wish), false) = (task.batch_records(), is_told) {
            self.options.batch_records = wish;
        }
        self.keeps_json = task.keeps_json() && !self.environment.conversion.transforms();
        let outcome = self.turns(task).await;
        // Nobody is told of what the group thinks of it.
        let _ = self.seat.consumer.close().await;
        outcome
    }

    async fn turns(&mut self, task: &mut dyn SinkTask) -> Result<(), RunError> {
        loop {
            let told = *self.seat.control.borrow_and_update();
            if told.stop {
                return self.commit(task, None).await;
            }
            if told.paused {
                self.rest(task).await?;
                continue;
            }
            self.tell().await;
            self.measure();
            if let Some(outage) = self.outage.as_ref().filter(|outage| outage.until > Instant::now()) {
                let (since, until) = (outage.attempts.since, outage.until);
                self.wait_out(task, since, until).await?;
                continue;
            }
            if self.fill(task).await? {
                continue;
            }
            self.write(task).await?;
            if Instant::now() >= self.commit_at || self.is_idle() {
                self.commit(task, None).await?;
            }
        }
    }

    /// Whether all that was read is written, in a run that commits then at once.
    fn is_idle(&self) -> bool {
        let all_done = self.lanes.waiting() == 0 && self.seat.events.is_empty();
        self.environment.ends && all_done && !self.lanes.committable().is_empty()
    }

    /// Says how it fares, unless it rests.
    async fn tell(&self) {
        if self.seat.control.borrow().paused {
            return;
        }
        let reporter = &self.environment.reporter;
        let failing = self.lanes.failing_since().is_some_and(|since| since.elapsed() > WORTH_TELLING);
        if failing {
            let said = self.lanes.complaint().unwrap_or_default();
            let why = format!("the target asks to send records again and again: {said}");
            reporter.state(State::Degraded, Some(&why)).await;
        } else if self.outage.is_some() {
            // The target is waited for, and that is told.
        } else if let Some(why) = cut_off(self.seat.consumer.outage()) {
            reporter.state(State::Degraded, Some(&why)).await;
        } else if !self.is_seated && matches!(reporter.meter.state(), State::Restarting | State::Degraded) {
            // Whether what ended it before is over will be seen when the target is opened for the first partition.
        } else if self.given_up_at.is_none_or(|at| at.elapsed() > GIVEN_UP_SHOWN) {
            reporter.state(State::Running, None).await;
        }
    }

    /// Finds out, now and then, how many records there are to be done.
    fn measure(&mut self) {
        let now = Instant::now();
        if now < self.measure_at {
            return;
        }
        self.measure_at = now + MEASURE;
        let consumer = &self.seat.consumer;
        let lag_of = |partition: &TopicPartition| {
            let position = || consumer.position(partition).map(|offset| offset.0);
            let done = self.lanes.done_to(partition).or_else(position)?;
            Some(consumer.high_watermark(partition)?.0.saturating_sub(done))
        };
        let lag: i64 = self.seat.assigned().iter().filter_map(lag_of).map(|lag| lag.max(0)).sum();
        self.environment.reporter.meter.lags(lag.unsigned_abs());
    }

    /// Waits for records unless there are enough. `true`: there is something else to do.
    async fn fill(&mut self, task: &mut dyn SinkTask) -> Result<bool, RunError> {
        let started = Instant::now();
        self.rebalance(task).await?;
        while self.lanes.ready(started) < self.options.batch_records {
            // With each that arrives: what is held up counts for nothing here.
            self.choke();
            if let Some(fetched) = self.waiting_for_memory.take() {
                if !self.arrive(task, fetched).await? {
                    break;
                }
                continue;
            }
            let next = match self.seat.events.pop_front() {
                Some(event) => Some(event),
                None => {
                    let patience = self.patience(started);
                    tokio::select! {
                        biased;
                        told = self.seat.control.wait_for(|now| now.stop || now.paused) => {
                            drop(told);
                            return Ok(true);
                        }
                        event = self.seat.consumer.poll(patience) => event?,
                    }
                }
            };
            match next {
                Some(Event::Fetched(fetched)) => self.waiting_for_memory = Some(fetched),
                Some(event) => self.rebalanced(task, event).await?,
                None => break,
            }
        }
        self.environment.reporter.meter.spent(Stage::Read, Doing::Idle, started);
        Ok(false)
    }

    /// A lane that a failing record holds up reads no more than a few batches ahead.
    fn choke(&mut self) {
        if self.seat.choked.is_empty() && self.lanes.failing_since().is_none() {
            return;
        }
        let choked = self.lanes.choked(self.options.batch_records * CHOKED_BATCHES);
        let free: Vec<TopicPartition> = self.seat.choked.difference(&choked).cloned().collect();
        let more: Vec<TopicPartition> = choked.difference(&self.seat.choked).cloned().collect();
        self.seat.consumer.resume(&free);
        self.seat.consumer.pause(&more);
        self.seat.choked = choked;
    }

    /// How long to wait for more: not at all where there is something to write.
    fn patience(&self, now: Instant) -> Duration {
        if self.lanes.ready(now) > 0 {
            return Duration::ZERO;
        }
        let wakes = [self.lanes.wake_at(), Some(self.commit_at)];
        let first = wakes.into_iter().flatten().min().unwrap_or(now);
        first.saturating_duration_since(now).clamp(Duration::from_millis(1), POLL_MAX)
    }
}
