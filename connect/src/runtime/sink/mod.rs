//! The way of a sink's records: fetch, convert, transform, write; offsets only behind what is flushed.
//!
//! ```text
//! consumer ─► converters ─► transforms ─► lanes ─► write ─► flush ─► commit
//!                 └── fails ────┘           ▲        ├── again, later
//!                       │                   └────────┘
//!                       └─► dead letter ◄── refused ─┘
//! ```

mod arrive;
mod bisect;
mod chunks;
mod commit;
mod lanes;
mod patience;
mod write;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_client::{Consumer, Event, Fetched, TopicPartition};
use tokio::sync::watch;

use self::chunks::Chunks;
use self::lanes::Lanes;
use super::RunError;
use super::backoff::Attempts;
use super::environment::{Control, Environment, changed};
use super::meter::{Doing, Stage};
use super::options::SinkOptions;
use super::undertaker::Undertaker;
use crate::herder::State;
use crate::options::{Given, Options};
use crate::record::Record;
use crate::sink::SinkTask;

/// The longest that a run waits for records before it looks at its clocks.
const POLL_MAX: Duration = Duration::from_millis(500);
/// A record that is tried again for so long is worth a word in the status.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// A run of a sink's task.
pub(crate) struct SinkRun {
    environment: Environment,
    options: SinkOptions,
    consumer: Consumer,
    assigned: BTreeSet<TopicPartition>,
    /// Came while something else was waited for; dealt with in order.
    events: VecDeque<Event>,
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
    /// Something was written since the last flush.
    unflushed: bool,
}

struct Outage {
    attempts: Attempts,
    until: Instant,
}

impl SinkRun {
    /// Makes the clients and subscribes.
    pub(crate) async fn open(environment: Environment) -> Result<Self, RunError> {
        let options = SinkOptions::read(&Given::new(&environment.config)).map_err(RunError::Config)?;
        let config = environment.clients.consumer_config(&environment.id.connector)?;
        let consumer = config.build().await?;
        if options.topics_regex.is_empty() {
            consumer.subscribe(options.topics.iter().map(String::as_str))?;
        } else {
            consumer.subscribe_pattern(&options.topics_regex)?;
        }
        let lanes = Lanes::new(environment.options.errors.record_budget());
        let undertaker = Undertaker::new(&environment);
        Ok(Self {
            environment,
            options,
            consumer,
            assigned: BTreeSet::new(),
            events: VecDeque::new(),
            waiting_for_memory: None,
            lanes,
            chunks: Chunks::default(),
            undertaker,
            outage: None,
            topics: BTreeSet::new(),
            commit_at: Instant::now(),
            unflushed: false,
        })
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(
        mut self,
        task: &mut dyn SinkTask,
        mut control: watch::Receiver<Control>,
    ) -> Result<(), RunError> {
        let mut now = *control.borrow_and_update();
        while !now.stop {
            if now.paused {
                now = self.rest(task, &mut control).await?;
                continue;
            }
            self.tell().await;
            if let Some(changed) = self.fill(task, &mut control).await? {
                now = changed;
                continue;
            }
            self.write(task).await?;
            if Instant::now() >= self.commit_at || self.is_idle() {
                self.commit(task).await?;
            }
        }
        self.commit(task).await?;
        self.consumer.close().await?;
        Ok(())
    }

    /// Whether all that was read is written, in a run that commits then at once.
    fn is_idle(&self) -> bool {
        let all_done = self.lanes.waiting() == 0 && self.events.is_empty();
        self.environment.commits_when_idle && all_done && !self.lanes.committable().is_empty()
    }

    async fn tell(&self) {
        let reporter = &self.environment.reporter;
        let failing = self.lanes.failing_since().is_some_and(|since| since.elapsed() > WORTH_TELLING);
        if self.outage.is_none() && !failing {
            reporter.state(State::Running, None).await;
        } else if failing {
            let why = "the target asks to send records again and again";
            reporter.state(State::Degraded, Some(why)).await;
        }
    }

    /// Rests, and keeps its place in the group.
    async fn rest(
        &mut self,
        task: &mut dyn SinkTask,
        control: &mut watch::Receiver<Control>,
    ) -> Result<Control, RunError> {
        self.commit(task).await?;
        self.environment.reporter.state(State::Paused, None).await;
        let now = loop {
            let assigned: Vec<TopicPartition> = self.assigned.iter().cloned().collect();
            self.consumer.pause(&assigned);
            tokio::select! {
                biased;
                now = changed(control) => break now,
                event = self.consumer.poll(POLL_MAX) => match event? {
                    Some(Event::Fetched(fetched)) => self.events.push_back(Event::Fetched(fetched)),
                    Some(event) => self.rebalanced(task, event).await?,
                    None => {}
                },
            }
        };
        let assigned: Vec<TopicPartition> = self.assigned.iter().cloned().collect();
        self.consumer.resume(&assigned);
        Ok(now)
    }

    /// Waits for records unless there are enough. Something else to do comes back.
    async fn fill(
        &mut self,
        task: &mut dyn SinkTask,
        control: &mut watch::Receiver<Control>,
    ) -> Result<Option<Control>, RunError> {
        let started = Instant::now();
        while self.lanes.ready(started) < self.options.batch_records {
            if let Some(fetched) = self.waiting_for_memory.take() {
                if !self.arrive(fetched, control).await? {
                    break;
                }
                continue;
            }
            let next = match self.events.pop_front() {
                Some(event) => Some(event),
                None => {
                    let patience = self.patience(started);
                    tokio::select! {
                        biased;
                        now = changed(control) => return Ok(Some(now)),
                        event = self.consumer.poll(patience) => event?,
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
        Ok(None)
    }

    /// How long to wait for more: not at all where there is something to write.
    fn patience(&self, now: Instant) -> Duration {
        if self.outage.is_none() && self.lanes.ready(now) > 0 {
            return Duration::ZERO;
        }
        let outage = self.outage.as_ref().map(|outage| outage.until);
        let wakes = [outage, self.lanes.wake_at(), Some(self.commit_at)];
        let first = wakes.into_iter().flatten().min().unwrap_or(now);
        first.saturating_duration_since(now).clamp(Duration::from_millis(1), POLL_MAX)
    }
}
