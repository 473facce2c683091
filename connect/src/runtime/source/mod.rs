//! The way of a source's records: poll, transform, convert, produce; positions only behind acknowledgements.
//!
//! ```text
//! poll ─► transforms ─► converters ─► producer ─► broker
//!  │          └── fails ──────┴─► dead letter ─────┤
//!  └─► ledger (positions of the batch) ◄── acks ───┘
//!          └─► positions, as far as everything before them is acknowledged
//! ```

mod ledger;
mod send;

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use millstream_client::{Admin, Delivery, Producer};
use tokio::sync::watch;
use tokio::time::sleep_until;

use self::ledger::{BatchId, Ledger};
use super::RunError;
use super::backoff::Attempts;
use super::environment::{Control, Environment, changed};
use super::memory::Room;
use super::meter::{Doing, Meter, Stage};
use super::options::SourceOptions;
use super::positions::Positions;
use super::topics::TopicCreation;
use super::undertaker::Undertaker;
use crate::error::TaskError;
use crate::herder::State;
use crate::options::{Given, Options};
use crate::record::Record;
use crate::source::{Receipt, SourceBatch, SourceOffset, SourcePartition, SourceTask};

/// A source that has nothing for so long is read to its end, where a run is to end.
const QUIET: Duration = Duration::from_secs(1);

/// A run of a source's task.
pub(crate) struct SourceRun {
    environment: Environment,
    positions: Arc<dyn Positions>,
    producer: Producer,
    /// Asked only when a topic is written to for the first time.
    admin: Admin,
    creation: TopicCreation,
    /// Topics that are there.
    topics: HashSet<Arc<str>>,
    ledger: Ledger<Polled>,
    /// On the way to the broker, in the order of sending.
    in_flight: VecDeque<InFlight>,
    /// May be stored, and is not yet: the last of each partition, by the partition's text.
    unstored: HashMap<String, (SourcePartition, SourceOffset)>,
    /// When positions are stored next.
    store_at: Instant,
    undertaker: Undertaker,
}

/// What a batch leaves behind while its records are under way.
struct Polled {
    positions: Vec<(SourcePartition, SourceOffset)>,
    receipt: Option<Receipt>,
    /// Given back when all is acknowledged.
    _room: Room,
}

struct InFlight {
    batch: BatchId,
    delivery: Delivery,
    /// For its dead letter, should the broker refuse it; a dead letter has none.
    record: Option<Record>,
}

/// What a poll came to.
enum Next {
    Batch(SourceBatch),
    Exhausted,
    /// To be asked again, not before this.
    Later(Instant),
    Control(Control),
}

impl SourceRun {
    /// Makes the clients.
    pub(crate) async fn open(
        environment: Environment,
        positions: Arc<dyn Positions>,
    ) -> Result<Self, RunError> {
        let options = SourceOptions::read(&Given::new(&environment.config)).map_err(RunError::Config)?;
        let creation =
            TopicCreation::read(&environment.config, &options.creation_groups).map_err(RunError::Config)?;
        let producer = environment.clients.producer_config("connector-producer")?.build().await?;
        let admin = environment.clients.admin().await?;
        let undertaker = Undertaker::new(&environment);
        Ok(Self {
            environment,
            positions,
            producer,
            admin,
            creation,
            topics: HashSet::new(),
            ledger: Ledger::default(),
            in_flight: VecDeque::new(),
            unstored: HashMap::new(),
            store_at: Instant::now(),
            undertaker,
        })
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(
        mut self,
        task: &mut dyn SourceTask,
        mut control: watch::Receiver<Control>,
    ) -> Result<(), RunError> {
        let mut outage: Option<Attempts> = None;
        let mut now = *control.borrow_and_update();
        while !now.stop {
            if now.paused {
                self.environment.reporter.state(State::Paused, None).await;
                now = self.rest(&mut control, None).await?;
                continue;
            }
            if outage.is_none() {
                self.environment.reporter.state(State::Running, None).await;
            }
            match self.poll(task, &mut control, &mut outage).await? {
                Next::Batch(batch) => self.take(batch).await?,
                Next::Control(changed) => now = changed,
                Next::Later(at) => now = self.rest(&mut control, Some(at)).await?,
                Next::Exhausted => {
                    self.drain().await?;
                    self.environment.reporter.meter.exhausted.store(true, Relaxed);
                    now = changed(&mut control).await;
                }
            }
        }
        self.drain().await
    }

    /// Waits for the next batch; meanwhile takes in acknowledgements and stores positions.
    async fn poll(
        &mut self,
        task: &mut dyn SourceTask,
        control: &mut watch::Receiver<Control>,
        outage: &mut Option<Attempts>,
    ) -> Result<Next, RunError> {
        let started = Instant::now();
        let mut poll = pin!(task.poll());
        let meter = Arc::clone(&self.environment.reporter.meter);
        let polled = loop {
            // A source that says nothing for a while has no more for a run that ends.
            let ends = self.environment.ends && !meter.exhausted.load(Relaxed);
            let quiet = sleep_until((started + QUIET).into());
            tokio::select! {
                biased;
                control = changed(control) => return Ok(Next::Control(control)),
                () = front(&mut self.in_flight) => self.settle().await?,
                () = sleep_until(self.store_at.into()) => self.store().await,
                polled = &mut poll => break polled,
                () = quiet, if ends && self.in_flight.is_empty() => {
                    self.drain().await?;
                    self.environment.reporter.meter.exhausted.store(true, Relaxed);
                }
            }
        };
        self.environment.reporter.meter.spent(Stage::Read, Doing::Idle, started);
        match polled {
            Ok(batch) => {
                meter.exhausted.store(false, Relaxed);
                *outage = None;
                Ok(batch.map_or(Next::Exhausted, Next::Batch))
            }
            Err(TaskError::Retry { after, why }) => {
                let now = Instant::now();
                let attempts = outage.get_or_insert_with(|| Attempts::begin(now));
                let budget = self.environment.options.errors.target_budget();
                Meter::add(&self.environment.reporter.meter.retried, 1);
                match budget.next(attempts, after.unwrap_or_default(), now, rand::random()) {
                    Some(at) => {
                        self.environment.reporter.state(State::Degraded, Some(&why)).await;
                        Ok(Next::Later(at))
                    }
                    None => Err(RunError::Halted(format!("errors.retry.timeout is over: {why}"))),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Does not poll until something changes, or until `at`.
    async fn rest(
        &mut self,
        control: &mut watch::Receiver<Control>,
        at: Option<Instant>,
    ) -> Result<Control, RunError> {
        loop {
            let awake = async {
                match at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                control = changed(control) => return Ok(control),
                () = front(&mut self.in_flight) => self.settle().await?,
                () = sleep_until(self.store_at.into()) => self.store().await,
                () = awake => return Ok(*control.borrow()),
            }
        }
    }

    /// Waits for all acknowledgements and stores what follows from them.
    async fn drain(&mut self) -> Result<(), RunError> {
        // What fails is dealt with below, record by record.
        let _ = self.producer.flush().await;
        while !self.in_flight.is_empty() {
            front(&mut self.in_flight).await;
            self.settle().await?;
        }
        self.settle().await?;
        self.store().await;
        Ok(())
    }

    /// Takes in what is acknowledged.
    async fn settle(&mut self) -> Result<(), RunError> {
        let mut written = 0;
        while let Some(outcome) = self.in_flight.front().and_then(|first| first.delivery.now()) {
            let Some(first) = self.in_flight.pop_front() else { break };
            match outcome {
                Ok(_) => {
                    written += usize::from(first.record.is_some());
                    self.ledger.acknowledged(first.batch);
                }
                Err(error) => self.refused(first, error).await?,
            }
        }
        self.undertaker.passed(written);
        Meter::add(&self.environment.reporter.meter.written, written);
        while let Some(polled) = self.ledger.pop() {
            for (partition, offset) in polled.positions {
                let name = serde_json::Value::Object(partition.clone()).to_string();
                self.unstored.insert(name, (partition, offset));
            }
            if let Some(receipt) = polled.receipt {
                // Whoever wanted to know may be gone.
                let _ = receipt.send(());
            }
        }
        Ok(())
    }

    /// Stores what may be stored. Where that fails it is tried again with the next.
    async fn store(&mut self) {
        self.store_at = Instant::now() + self.environment.flush_interval;
        if self.unstored.is_empty() {
            return;
        }
        let positions = self
            .unstored
            .values()
            .map(|(partition, offset)| (partition.clone(), (!offset.is_empty()).then(|| offset.clone())));
        match self.positions.store(&self.environment.id.connector, positions.collect()).await {
            Ok(()) => {
                self.unstored.clear();
                Meter::add(&self.environment.reporter.meter.commits, 1);
            }
            Err(error) => {
                let why = format!("positions are not stored, and will be tried again: {error}");
                self.environment.reporter.state(State::Degraded, Some(&why)).await;
            }
        }
    }
}

/// Completes when the oldest record under way has an outcome; never where there is none.
async fn front(in_flight: &mut VecDeque<InFlight>) {
    match in_flight.front_mut() {
        Some(first) => drop((&mut first.delivery).await),
        None => std::future::pending().await,
    }
}
