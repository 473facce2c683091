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
use std::task::Poll;
use std::time::Instant;

use millstream_client::{Admin, Deliveries, Producer};
use tokio::sync::watch;
use tokio::time::sleep_until;

use self::ledger::{BatchId, Ledger};
use super::RunError;
use super::backoff::Attempts;
use super::environment::{Control, Environment, changed, cut_off};
use super::memory::Room;
use super::meter::{Doing, Meter, Stage};
use super::options::SourceOptions;
use super::positions::Positions;
use super::topics::TopicCreation;
use super::undertaker::{Leg, Undertaker};
use crate::error::TaskError;
use crate::herder::State;
use crate::options::{Given, Options};
use crate::source::{End, Receipt, SourceBatch, SourceOffset, SourcePartition, SourceTask};

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
    /// The last of these that was found to be.
    topic: Option<Arc<str>>,
    ledger: Ledger<Polled>,
    /// On the way to the broker, in the order of sending.
    in_flight: VecDeque<InFlight>,
    /// May be stored, and is not yet: the last of each partition, by the partition's text.
    unstored: HashMap<String, (SourcePartition, SourceOffset)>,
    /// When positions are stored next.
    store_at: Instant,
    undertaker: Undertaker,
    /// Polled, but there was no memory for it yet.
    waiting_for_memory: Option<SourceBatch>,
    /// It neither rests nor waits for what it reads from, of which there would be something else to tell.
    is_at_work: bool,
    /// There is no more to poll for this run: it has done all once what is under way is stored.
    is_over: bool,
}

/// What is said of a source that no run ends with.
const NEVER_ENDS: &str = "this source has no end: it takes what others send when they like, or makes ever more; a run that ends \
                          (--once) cannot tell when it has all, so run it without";

/// What a batch leaves behind while its records are under way.
struct Polled {
    positions: Vec<(SourcePartition, SourceOffset)>,
    receipt: Option<Receipt>,
    /// Given back when all is acknowledged; there once all of it is on its way.
    _room: Option<Room>,
}

/// Records of one batch, as a source and as a producer understand it. Should the broker refuse them, their dead letters are made
/// of what was sent: the records themselves are not kept.
struct InFlight {
    batch: BatchId,
    deliveries: Deliveries,
    /// Whether this is a dead letter, which has none of its own.
    is_letter: bool,
}

/// What a poll, or waiting for memory, came to.
enum Next {
    Polled(SourceBatch),
    Batch(SourceBatch, Room),
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
        let mut producer = environment.clients.producer_config("connector-producer")?;
        producer.keep_rejected = true;
        let producer = producer.build().await?;
        let admin = environment.clients.admin().await?;
        let undertaker = Undertaker::new(&environment);
        Ok(Self {
            environment,
            positions,
            producer,
            admin,
            creation,
            topics: HashSet::new(),
            topic: None,
            ledger: Ledger::default(),
            in_flight: VecDeque::new(),
            unstored: HashMap::new(),
            store_at: Instant::now(),
            undertaker,
            waiting_for_memory: None,
            is_at_work: true,
            is_over: false,
        })
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(
        mut self,
        task: &mut dyn SourceTask,
        mut control: watch::Receiver<Control>,
    ) -> Result<(), RunError> {
        let mut outage: Option<Attempts> = None;
        let mut end = self.environment.ends.then(|| task.end());
        if matches!(end, Some(End::Never)) {
            return Err(RunError::Fatal(NEVER_ENDS.to_owned()));
        }
        let mut now = *control.borrow_and_update();
        while !now.stop {
            self.is_at_work = !now.paused && outage.is_none();
            if now.paused {
                self.environment.reporter.state(State::Paused, None).await;
                now = self.rest(&mut control, None).await?;
                continue;
            }
            self.tell().await;
            let next = match self.waiting_for_memory.take() {
                Some(batch) => self.make_room(batch, &mut control).await?,
                None => self.poll(task, end.as_mut(), &mut control, &mut outage).await?,
            };
            match next {
                Next::Polled(batch) => (self.waiting_for_memory, self.is_over) = (Some(batch), false),
                Next::Batch(batch, room) => self.take(batch, room).await?,
                Next::Control(changed) => now = changed,
                Next::Later(at) => now = self.rest(&mut control, Some(at)).await?,
                Next::Exhausted => {
                    self.is_over = true;
                    self.drain().await?;
                    now = self.rest(&mut control, None).await?;
                }
            }
        }
        self.drain().await
    }

    /// Waits for the next batch; meanwhile takes in acknowledgements and stores positions.
    async fn poll(
        &mut self,
        task: &mut dyn SourceTask,
        mut end: Option<&mut End>,
        control: &mut watch::Receiver<Control>,
        outage: &mut Option<Attempts>,
    ) -> Result<Next, RunError> {
        let started = Instant::now();
        let mut poll = pin!(task.poll());
        let polled = loop {
            tokio::select! {
                biased;
                control = changed(control) => return Ok(Next::Control(control)),
                () = front(&mut self.in_flight) => self.settle().await?,
                () = sleep_until(self.store_at.into()) => self.store().await,
                polled = &mut poll => break polled,
                // What came between the last look and the word of it is polled before it counts.
                () = told(end.as_deref_mut()) => match futures::poll!(&mut poll) {
                    Poll::Ready(polled) => break polled,
                    Poll::Pending => return Ok(Next::Exhausted),
                },
            }
        };
        self.environment.reporter.meter.spent(Stage::Read, Doing::Idle, started);
        match polled {
            Ok(batch) => {
                *outage = None;
                Ok(batch.map_or(Next::Exhausted, Next::Polled))
            }
            Err(TaskError::Retry { after, why }) => {
                let now = Instant::now();
                let attempts = outage.get_or_insert_with(|| Attempts::begin(now));
                let budget = self.environment.options.errors.target_budget();
                Meter::add(&self.environment.reporter.meter.retried, 1);
                match budget.next(attempts, after.unwrap_or_default(), now, rand::random()) {
                    Some(at) => {
                        self.is_at_work = false;
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
        while let Some(outcome) = self.in_flight.front().and_then(|first| first.deliveries.now()) {
            let Some(first) = self.in_flight.pop_front() else { break };
            let records = first.deliveries.count();
            match outcome {
                Ok(()) if first.is_letter => {}
                Ok(()) => {
                    self.undertaker.passed(Leg::Out, records);
                    written += records;
                }
                Err(error) => written += self.refused(&first, error).await?,
            }
            self.ledger.acknowledged(first.batch, records);
        }
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

    /// Says how it fares, where nothing else is to be said.
    async fn tell(&self) {
        if self.is_at_work {
            let why = cut_off(self.producer.outage());
            let state = if why.is_some() { State::Degraded } else { State::Running };
            self.environment.reporter.state(state, why.as_deref()).await;
        }
    }

    /// Stores what may be stored. Where that fails it is tried again with the next.
    async fn store(&mut self) {
        self.tell().await;
        self.store_at = Instant::now() + self.environment.flush_interval;
        if !self.unstored.is_empty() {
            self.store_all().await;
        }
        let all_done = self.is_over && self.in_flight.is_empty() && self.unstored.is_empty();
        self.environment.reporter.meter.exhausted.store(all_done, Relaxed);
    }

    async fn store_all(&mut self) {
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

/// Completes when a source says that it has handed out all; never where it says so otherwise.
async fn told(end: Option<&mut End>) {
    if let Some(End::Told(end)) = end
        && end.wait_for(|is_at_end| *is_at_end).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Completes when the oldest records under way have an outcome; never where there are none.
async fn front(in_flight: &mut VecDeque<InFlight>) {
    match in_flight.front_mut() {
        Some(first) => (&mut first.deliveries).await,
        None => std::future::pending().await,
    }
}
